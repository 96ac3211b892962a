//! Compressed transactions read backward: a large payload is unpacked again for each part of it that is needed.

use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::change::error::BinlogError;
use crate::change::frame::Frames;
use crate::change::index::{Cursor, Index, Window};

/// Plain bytes of a payload that are held at a time, and again as many while two parts are in use.
const SEGMENT: u64 = 16 << 20;

/// Which part of which payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Name {
    file: u32,
    start: u64,
    number: u64,
}

/// The plain bytes of a part of a payload, and where in the payload they begin.
#[derive(Debug)]
struct Segment {
    from: u64,
    bytes: Vec<u8>,
}

type Slot = Arc<OnceLock<Result<Arc<Segment>, BinlogError>>>;

/// The parts that were unpacked last.
#[derive(Default)]
pub(in crate::change) struct Segments {
    kept: Mutex<Vec<(Name, Slot)>>,
}

/// The plain bytes of a window in a payload.
pub(in crate::change) struct Plain {
    segment: Arc<Segment>,
    at: usize,
    end: usize,
}

impl io::Read for Plain {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = self.segment.bytes.get(self.at..self.end).unwrap_or_default();
        let len = rest.len().min(into.len());
        into[..len].copy_from_slice(&rest[..len]);
        self.at += len;
        Ok(len)
    }
}

impl Segments {
    /// The bytes of a window; `None` for one that does not lie in a payload.
    ///
    /// # Errors
    ///
    /// When the log is no longer what it was.
    pub fn plain(&self, index: &Index, number: usize) -> Result<Option<Plain>, BinlogError> {
        let Some(window) = index.windows.get(number) else { return Ok(None) };
        let Some((start, range)) = window.inside() else { return Ok(None) };
        let name = Name { file: window.mark.file, start, number: range.start / SEGMENT };
        let slot = self.slot(name);
        let made = slot.get_or_init(|| unpacked(index, number, name).map(Arc::new));
        let segment = match made {
            Ok(segment) => segment.clone(),
            Err(error) => return Err(error.again()),
        };
        let offset = |at: u64| at.saturating_sub(segment.from) as usize;
        let (at, end) = (offset(range.start), offset(range.end));
        Ok(Some(Plain { at, end, segment }))
    }

    /// The slot of a segment; two are kept, for the threads may be at both sides of a border.
    fn slot(&self, name: Name) -> Slot {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = kept.iter().find(|(other, _)| *other == name) {
            return slot.clone();
        }
        let slot = Slot::default();
        kept.insert(0, (name, slot.clone()));
        kept.truncate(2);
        slot
    }
}

/// Unpacks the segment that a window begins in, up to the end of the last window that does.
fn unpacked(index: &Index, number: usize, name: Name) -> Result<Segment, BinlogError> {
    let is_in = |window: &&Window| {
        window.mark.file == name.file
            && window.inside().is_some_and(|(start, range)| start == name.start && range.start / SEGMENT == name.number)
    };
    let (before, behind) = index.windows.split_at(number);
    let first = before.iter().rev().take_while(is_in).last();
    let last = behind.iter().take_while(is_in).last();
    let at = |window: Option<&Window>| window.and_then(Window::inside).map(|(_, range)| range);
    let end = at(last).map_or(0, |range| range.end);
    let from = at(first.or(behind.first())).map_or(0, |range| range.start);
    let Some(window) = index.windows.get(number) else { return Ok(Segment { from, bytes: vec![] }) };
    let mut bytes = vec![];
    pour(index, window, (from, end), &mut bytes)?;
    Ok(Segment { from, bytes })
}

fn pour(index: &Index, window: &Window, span: (u64, u64), into: &mut Vec<u8>) -> Result<(), BinlogError> {
    let Some(inside) = window.mark.frames.spot.inside else { return Ok(()) };
    let log = &index.logs[window.mark.file as usize];
    let cursor = Cursor::new(&*log.bytes, inside.head.start, inside.head.start + inside.head.size);
    into.reserve_exact(span.1.saturating_sub(span.0) as usize);
    Frames::pour(cursor, inside.head, span, into)
}
