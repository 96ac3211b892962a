//! MySQL's binary JSON, to the text that the server prints.

mod diff;
mod read;
mod typed;
mod write;

use std::borrow::Cow;

use crate::change::error::Broken;
pub use crate::change::json::diff::{describe, patched};
use crate::change::json::read::{Node, Scalar, document};
use crate::change::json::write::Page;
use crate::model::change::Value;

/// How deep documents may nest: the server's own limit.
const DEPTH: usize = 100;

/// The document as a value.
///
/// # Errors
///
/// When the bytes are no document.
pub fn text(bytes: &[u8]) -> Result<Value<'_>, Broken> {
    let mut page = Page::new(bytes.len());
    if bytes.is_empty() {
        page.text.push_str("null"); // what old servers leave behind for a value that was never set
    } else {
        write::document(bytes, &mut page)?;
    }
    Ok(page.value())
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

    fn write<'t>(&'t self, page: &mut Page<'t>) -> Result<(), Broken> {
        match self {
            Self::Scalar(scalar) => page.scalar(scalar)?,
            Self::Array(members) => {
                page.text.push('[');
                for (at, member) in members.iter().enumerate() {
                    page.cell(at);
                    member.write(page)?;
                    page.leave();
                }
                page.text.push(']');
            }
            Self::Object(members) => {
                page.text.push('{');
                for (at, (key, member)) in members.iter().enumerate() {
                    page.member(at, key)?;
                    member.write(page)?;
                    page.leave();
                }
                page.text.push('}');
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
