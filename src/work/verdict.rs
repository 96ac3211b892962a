//! From what went wrong while reading to what it means for the backup.

use std::io;

use crate::format::payload::PayloadError;
use crate::format::unpack::UnpackError;
use crate::model::trust::VerdictOutcome;
use crate::seal::{Damage, UnsealError};

/// What a failed read means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Damaged, truncated, wrong key, inconclusive.
    pub outcome: VerdictOutcome,
    /// Where in the stored bytes, where that is known.
    pub at_byte: Option<u64>,
    /// What does not hold, safe to draw.
    pub what: String,
}

impl Wrong {
    fn new(outcome: VerdictOutcome, at_byte: Option<u64>, what: impl ToString) -> Self {
        Self { outcome, at_byte, what: what.to_string() }
    }
}

/// How far the inside had come when the read failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A compressed stream had not come to its own end, or the dump not to its end mark.
    Unfinished,
    /// It had.
    Finished,
}

/// Judges an I/O error of the reading stages. `origin` places the unpacker's offsets in the stored bytes.
///
/// `None`: the error is none of the backup's (the transfer broke); whoever reads knows better.
pub fn of_read(error: &io::Error, origin: Option<u64>, inside: Inside) -> Option<Wrong> {
    if let Some(error) = UnsealError::from_io(error) {
        return of_seal(error, inside);
    }
    if let Some(error) = UnpackError::from_io(error) {
        return Some(of_unpacking(error, origin));
    }
    None
}

/// Judges an error of the seal.
pub fn of_seal(error: &UnsealError, inside: Inside) -> Option<Wrong> {
    use VerdictOutcome::{Damaged, Truncated, WrongKey};
    let text = error.to_string();
    Some(match error {
        UnsealError::NotDbacked | UnsealError::NotSealed | UnsealError::DamagedHeader { .. } => {
            Wrong::new(Damaged, Some(0), text)
        }
        UnsealError::WrongKey | UnsealError::KeySize { .. } => Wrong::new(WrongKey, None, text),
        // Valid padding is the last thing that a writer leaves. If what is inside had not ended either,
        // the rest is missing; a change in the last block alone leaves the inside finished or broken.
        UnsealError::Damaged { at_byte, what: Damage::Padding | Damage::Tag } if inside == Inside::Unfinished => {
            let text =
                "the stored bytes end before the dump does: cut at a block boundary, or changed in the last blocks";
            Wrong::new(Truncated, Some(*at_byte), text)
        }
        UnsealError::Damaged { at_byte, .. } => Wrong::new(Damaged, Some(*at_byte), text),
        UnsealError::Truncated { at_byte } => Wrong::new(Truncated, Some(*at_byte), text),
        UnsealError::Read(_) => return None,
    })
}

fn of_unpacking(error: &UnpackError, origin: Option<u64>) -> Wrong {
    use VerdictOutcome::{Damaged, Inconclusive, Truncated};
    let text = error.to_string();
    let stored = |at: u64| origin.map(|origin| origin + at);
    match error {
        UnpackError::Truncated { at, .. } => Wrong::new(Truncated, stored(*at), text),
        UnpackError::Damaged { at, .. } => Wrong::new(Damaged, stored(*at), text),
        UnpackError::TrailingData { at, .. } => Wrong::new(Damaged, stored(*at), text),
        UnpackError::TooBig { .. } => Wrong::new(Inconclusive, None, text),
    }
}

/// Judges an error of the dump's own check.
pub fn of_payload(error: &PayloadError) -> Wrong {
    match error {
        PayloadError::Damaged { .. } => Wrong::new(VerdictOutcome::Damaged, None, error),
        PayloadError::Unsupported { .. } | PayloadError::TooBig { .. } => {
            Wrong::new(VerdictOutcome::Inconclusive, None, error)
        }
    }
}
