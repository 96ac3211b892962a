//! Why each layer of a broken backup ended where it did.

use std::io;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::format::unpack::UnpackError;
use crate::seal::{Damage, UnsealError};

/// A layer, outermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// What the target hands over.
    Transfer,
    /// The compression around the seal.
    Outer,
    /// The seal.
    Seal,
    /// The compression around the dump.
    Inner,
    /// The archive.
    Archive,
}

/// What a note says of what came out before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Nothing: it only ended early.
    Cut,
    /// Some of it may not be what was written.
    Changed,
    /// One or the other: what is inside tells.
    CutOrChanged,
}

/// What a layer ran into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which one.
    pub layer: Layer,
    /// What, safe to draw.
    pub what: String,
    /// What that says.
    pub harm: Harm,
}

/// The notes of all layers, whatever thread they run on.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Note>>>);

impl Notes {
    /// Takes note.
    pub fn add(&self, layer: Layer, what: String, harm: Harm) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Note { layer, what, harm });
    }

    /// Takes note of an error.
    pub fn failed(&self, layer: Layer, error: &io::Error) {
        let harm = match (UnsealError::from_io(error), UnpackError::from_io(error)) {
            (Some(error), _) => return self.unsealing(error),
            (_, Some(UnpackError::Damaged { .. })) => Harm::Changed,
            _ => Harm::Cut,
        };
        let name = match layer {
            Layer::Transfer => "target",
            Layer::Outer | Layer::Inner => "compression",
            Layer::Seal => "seal",
            Layer::Archive => "archive",
        };
        self.add(layer, format!("{name}: {error}"), harm);
    }

    /// Takes note of an error of the seal.
    pub fn unsealing(&self, error: &UnsealError) {
        let harm = match error {
            UnsealError::Damaged { what: Damage::Padding | Damage::Tag, .. } => Harm::CutOrChanged,
            _ => Harm::Cut,
        };
        let what = match error {
            // Both would promise what a salvage does not know.
            UnsealError::Damaged { what: Damage::Padding | Damage::Tag, at_byte } => {
                format!("seal: its end at byte {at_byte} is missing or was changed")
            }
            error => format!("seal: {error}"),
        };
        self.add(Layer::Seal, what, harm);
    }

    /// All of them, outermost layer first.
    pub fn all(&self) -> Vec<Note> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        notes.sort_by_key(|note| note.layer);
        notes
    }
}

/// Hands over what its source has, and ends with a note where that fails.
pub struct Forgiving<R> {
    source: R,
    layer: Layer,
    notes: Notes,
    over: bool,
}

impl<R: Read> Forgiving<R> {
    /// Over a source.
    pub fn new(source: R, layer: Layer, notes: &Notes) -> Self {
        Self { source, layer, notes: notes.clone(), over: false }
    }
}

impl<R: Read> Read for Forgiving<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.over {
            return Ok(0);
        }
        match self.source.read(buf) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.over = true;
                self.notes.failed(self.layer, &error);
                Ok(0)
            }
            outcome => outcome,
        }
    }
}

/// Counts what passes.
pub struct Counted<R> {
    source: R,
    passed: Arc<AtomicU64>,
}

impl<R: Read> Counted<R> {
    /// Over a source, into a counter that starts at zero.
    pub fn new(source: R, passed: &Arc<AtomicU64>) -> Self {
        Self { source, passed: Arc::clone(passed) }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buf)?;
        self.passed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
