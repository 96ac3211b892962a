//! The script's body, piece by piece.

use std::io::{Seek, Write};

use crate::change::index::Index;
use crate::change::undo::{Request, UndoError, Written};

pub(super) fn write<W: Write + Seek>(_: &Index, _: &Request<'_>, _: &mut W) -> Result<Written, UndoError> {
    Err(UndoError::Stopped)
}

pub(super) fn stream(_: &Index, _: &Request<'_>, _: &mut dyn Write) -> Result<Written, UndoError> {
    Err(UndoError::Stopped)
}
