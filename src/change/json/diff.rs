//! What a partial update did to a document: `binlog_row_value_options=PARTIAL_JSON`.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::json::write::{self, Page};
use crate::change::json::{DEPTH, Tree};
use crate::model::change::Value;

/// One operation.
struct Diff<'a> {
    operation: Operation,
    path: &'a str,
    /// The new value, in binary; none for a removal.
    value: Option<&'a [u8]>,
}

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Replace,
    Insert,
    Remove,
}

/// One step of a path.
enum Leg {
    Member(Vec<u8>),
    Cell(usize),
}

const NOWHERE: Broken = Broken("a JSON difference that does not fit the document before it");
const NO_PATH: Broken = Broken("a JSON path that no server writes");

fn diffs(bytes: &[u8]) -> impl Iterator<Item = Result<Diff<'_>, Broken>> {
    let mut rest = Bytes::new(bytes);
    std::iter::from_fn(move || (!rest.is_empty()).then(|| diff(&mut rest)))
}

fn diff<'a>(rest: &mut Bytes<'a>) -> Result<Diff<'a>, Broken> {
    let operation = match rest.u8() {
        Ok(0) => Operation::Replace,
        Ok(1) => Operation::Insert,
        Ok(2) => Operation::Remove,
        _ => {
            *rest = Bytes::new(&[]);
            return Err(Broken("a JSON difference of an unknown kind"));
        }
    };
    let read = (|| {
        let path = std::str::from_utf8(rest.text()?).map_err(|_| NO_PATH)?;
        let value = if operation == Operation::Remove { None } else { Some(rest.text()?) };
        Ok(Diff { operation, path, value })
    })();
    if read.is_err() {
        *rest = Bytes::new(&[]);
    }
    read
}

/// The document after the differences, from the one before them.
///
/// # Errors
///
/// When they do not fit it, or either is damaged.
pub fn patched(before: &[u8], differences: &[u8]) -> Result<Value<'static>, Broken> {
    let mut tree = Tree::parse(before)?;
    for diff in diffs(differences) {
        let diff = diff?;
        apply(&mut tree, diff)?;
    }
    let mut page = Page::new(before.len());
    tree.write(&mut page)?;
    Ok(page.value())
}

/// The differences in words, for an update whose document before is not in the log.
///
/// # Errors
///
/// When they are damaged.
pub fn describe(differences: &[u8]) -> Result<Value<'static>, Broken> {
    let mut text = String::new();
    for diff in diffs(differences) {
        let Diff { operation, path, value } = diff?;
        let verb = match operation {
            Operation::Replace => "replace",
            Operation::Insert => "insert",
            Operation::Remove => "remove",
        };
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = write!(text, "{separator}{verb} {path}"); // a String takes everything
        if let Some(value) = value {
            let mut page = Page::new(value.len());
            write::document(value, &mut page)?;
            let _ = write!(text, ": {}", page.text);
        }
    }
    Ok(Value::JsonPatch(Cow::Owned(text)))
}

fn apply<'a>(tree: &mut Tree<'a>, diff: Diff<'a>) -> Result<(), Broken> {
    let mut legs = legs(diff.path)?;
    let value = diff.value.map(Tree::parse).transpose()?;
    let Some(last) = legs.pop() else {
        *tree = value.ok_or(NOWHERE)?;
        return Ok(());
    };
    let mut at = tree;
    for leg in legs {
        at = step(at, &leg).ok_or(NOWHERE)?;
    }
    match (diff.operation, value) {
        (Operation::Replace, Some(value)) => *step(at, &last).ok_or(NOWHERE)? = value,
        (Operation::Insert, Some(value)) => insert(at, last, value)?,
        (Operation::Remove, None) => remove(at, &last)?,
        _ => return Err(NOWHERE),
    }
    Ok(())
}

fn step<'t, 'a>(tree: &'t mut Tree<'a>, leg: &Leg) -> Option<&'t mut Tree<'a>> {
    match (tree, leg) {
        (Tree::Object(members), Leg::Member(name)) => {
            members.iter_mut().find(|(key, _)| key.as_ref() == name.as_slice()).map(|(_, member)| member)
        }
        (Tree::Array(members), Leg::Cell(at)) => members.get_mut(*at),
        (scalar @ Tree::Scalar(_), Leg::Cell(0)) => Some(scalar), // a scalar passes for an array of one
        _ => None,
    }
}

fn insert<'a>(into: &mut Tree<'a>, leg: Leg, value: Tree<'a>) -> Result<(), Broken> {
    match (into, leg) {
        (Tree::Object(members), Leg::Member(name)) => {
            // The server keeps keys by length, then by bytes.
            let order = |key: &[u8]| key.len().cmp(&name.len()).then_with(|| key.cmp(name.as_slice()));
            match members.binary_search_by(|(key, _)| order(key)) {
                Ok(_) => return Err(NOWHERE),
                Err(at) => members.insert(at, (Cow::Owned(name), value)),
            }
        }
        (Tree::Array(members), Leg::Cell(at)) => members.insert(at.min(members.len()), value),
        _ => return Err(NOWHERE),
    }
    Ok(())
}

fn remove(from: &mut Tree<'_>, leg: &Leg) -> Result<(), Broken> {
    match (from, leg) {
        (Tree::Object(members), Leg::Member(name)) => {
            let at = members.iter().position(|(key, _)| key.as_ref() == name.as_slice()).ok_or(NOWHERE)?;
            members.remove(at);
        }
        (Tree::Array(members), Leg::Cell(at)) if *at < members.len() => drop(members.remove(*at)),
        _ => return Err(NOWHERE),
    }
    Ok(())
}

/// `$.a."b c"[3]` into its steps.
fn legs(path: &str) -> Result<Vec<Leg>, Broken> {
    let mut rest = path.strip_prefix('$').ok_or(NO_PATH)?;
    let mut legs = vec![];
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (number, behind) = inner.split_once(']').ok_or(NO_PATH)?;
            legs.push(Leg::Cell(number.parse().map_err(|_| NO_PATH)?));
            rest = behind;
        } else {
            let name = rest.strip_prefix('.').ok_or(NO_PATH)?;
            let len =
                if name.starts_with('"') { quoted_len(name)? } else { name.find(['.', '[']).unwrap_or(name.len()) };
            let (name, behind) = name.split_at(len);
            let plain =
                if name.starts_with('"') { serde_json::from_str(name).map_err(|_| NO_PATH)? } else { name.to_owned() };
            legs.push(Leg::Member(plain.into_bytes()));
            rest = behind;
        }
        if legs.len() > DEPTH + 1 {
            return Err(NO_PATH);
        }
    }
    Ok(legs)
}

/// Bytes of a JSON string at the front, quotes included.
fn quoted_len(text: &str) -> Result<usize, Broken> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Ok(at + 1),
            _ => {}
        }
    }
    Err(NO_PATH)
}
