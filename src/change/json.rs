//! MySQL's binary JSON, to the text that the server prints.

mod diff;
mod read;
mod write;

use std::borrow::Cow;

use crate::change::error::Broken;
pub use crate::change::json::diff::{describe, patched};
use crate::change::json::read::{Node, Scalar, document};
use crate::model::change::Value;

/// How deep documents may nest: the server's own limit.
const DEPTH: usize = 100;

/// The document as a value.
///
/// # Errors
///
/// When the bytes are no document.
pub fn text(bytes: &[u8]) -> Result<Value<'_>, Broken> {
    let mut text = String::with_capacity(bytes.len());
    let mut exact = true;
    if bytes.is_empty() {
        text.push_str("null"); // what old servers leave behind for a value that was never set
    } else {
        write::document(bytes, &mut text, &mut exact)?;
    }
    Ok(Value::Json { text: Cow::Owned(text), exact })
}

/// Whether a document has a number that was made UNSIGNED and is small enough to come back with a sign: it is the same
/// number of the same text, but JSON_TYPE calls it INTEGER then. Of what is no document: no.
pub fn loses_signs(bytes: &[u8]) -> bool {
    fn has_one(tree: &Tree<'_>) -> bool {
        match tree {
            Tree::Scalar(Scalar::UInt(number)) => i64::try_from(*number).is_ok(),
            Tree::Scalar(_) => false,
            Tree::Array(members) => members.iter().any(has_one),
            Tree::Object(members) => members.iter().any(|(_, member)| has_one(member)),
        }
    }
    Tree::parse(bytes).is_ok_and(|tree| has_one(&tree))
}

/// A document in memory, to apply differences to.
enum Tree<'a> {
    Object(Vec<(Cow<'a, [u8]>, Tree<'a>)>),
    Array(Vec<Tree<'a>>),
    Scalar(Scalar<'a>),
}

impl<'a> Tree<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Broken> {
        if bytes.is_empty() {
            return Ok(Self::Scalar(Scalar::Null));
        }
        let mut left = bytes.len() + 1;
        Self::of(document(bytes)?, 0, &mut left)
    }

    /// `left` counts the values that the document's bytes can hold: more there are only where they share bytes.
    fn of(node: Node<'a>, depth: usize, left: &mut usize) -> Result<Self, Broken> {
        *left = left.checked_sub(1).ok_or(Broken("a JSON document whose parts share their bytes"))?;
        if depth > DEPTH {
            return Err(Broken("a JSON document that is nested too deep"));
        }
        match node {
            Node::Scalar(scalar) => Ok(Self::Scalar(scalar)),
            Node::Array(array) => {
                let members = (0..array.len()).map(|at| Self::of(array.value(at)?, depth + 1, left));
                members.collect::<Result<_, _>>().map(Self::Array)
            }
            Node::Object(object) => {
                let members = (0..object.len())
                    .map(|at| Ok((Cow::Borrowed(object.key(at)?), Self::of(object.value(at)?, depth + 1, left)?)));
                members.collect::<Result<_, _>>().map(Self::Object)
            }
        }
    }

    fn write(&self, text: &mut String, exact: &mut bool) -> Result<(), Broken> {
        match self {
            Self::Scalar(scalar) => write::scalar(scalar, text, exact)?,
            Self::Array(members) => {
                text.push('[');
                for (at, member) in members.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { ", " });
                    member.write(text, exact)?;
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (at, (key, member)) in members.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { ", " });
                    write::string(key, text)?;
                    text.push_str(": ");
                    member.write(text, exact)?;
                }
                text.push('}');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
