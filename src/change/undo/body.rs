//! The script's body: pieces in their order, with what stands around transactions between them.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::change::index::{Index, Segments};
use crate::change::query::TableName;
use crate::change::script::{
    self, CHECK, CHECKS, CLOSING, CLOSING_EACH, DECIDE, DECIDED, ENDED, ENDED_LASTING, FORGET, Lines, OPENING,
    RESTORING, RESUME, RESUMED, SETTLED, UNCHECK, comment,
};
use crate::change::undo::around;
use crate::change::undo::head::{Head, of_all};
use crate::change::undo::orphans::{Orphans, takes_parents};
use crate::change::undo::pieces::{Desk, Part, Unit};
use crate::change::undo::threads::ordered;
use crate::change::undo::{Direction, Engines, Request, UndoError, Written};
use crate::model::foreign::Foreign;
use crate::model::script::{Checks, Commits, Gaps};

/// How much text is gathered before it is written.
const CHUNK: usize = 1 << 20;

pub(super) fn write<W: Write + Seek>(index: &Index, request: &Request<'_>, out: &mut W) -> Result<Written, UndoError> {
    let name = name(index, request);
    let head = Head { index, request, lines: lines(request), name: &name };
    let room = head.room();
    let start = out.stream_position().map_err(UndoError::Write)?;
    out.write_all(&room).map_err(UndoError::Write)?;
    let written = body(index, request, &name, out)?;
    out.seek(SeekFrom::Start(start)).map_err(UndoError::Write)?;
    let (text, digest) = filled(&head, &written, room.len())?;
    out.write_all(&text).map_err(UndoError::Write)?;
    out.seek(SeekFrom::End(0)).map_err(UndoError::Write)?;
    Ok(Written { bytes: written.bytes + room.len() as u64, digest, ..written })
}

pub(super) fn stream(index: &Index, request: &Request<'_>, out: &mut dyn Write) -> Result<Written, UndoError> {
    let name = name(index, request);
    let head = Head { index, request, lines: lines(request), name: &name };
    let room = head.room();
    let first = body(index, request, &name, &mut io::sink())?;
    let (text, digest) = filled(&head, &first, room.len())?;
    out.write_all(&text).map_err(UndoError::Write)?;
    let written = body(index, request, &name, out)?;
    if written != first {
        return Err(UndoError::Write(io::Error::other("the logs were not the same when they were read again")));
    }
    Ok(Written { bytes: written.bytes + room.len() as u64, digest, ..written })
}

pub(super) fn digest(index: &Index, request: &Request<'_>, tried: &Written) -> Option<[u8; 32]> {
    let head = Head { index, request, lines: lines(request), name: &tried.name };
    head.fill(tried, head.room().len()).map(|(_, digest)| digest)
}

fn filled(head: &Head<'_>, written: &Written, room: usize) -> Result<(Vec<u8>, [u8; 32]), UndoError> {
    let none = || UndoError::Write(io::Error::other("the header is larger than the room that was left for it"));
    head.fill(written, room).ok_or_else(none)
}

fn lines(request: &Request<'_>) -> Lines {
    match (request.engines, request.commits) {
        (Engines::Lasting, _) => Lines::Lasting,
        (_, Commits::PerTransaction) => Lines::Each,
        (_, Commits::Once) => Lines::Once,
    }
}

/// By what a script is known to a run that goes on: the same for the same script, and hardly for any other.
fn name(index: &Index, request: &Request<'_>) -> String {
    let mut hash = Sha256::new();
    for window in &index.windows {
        let (at, file) = (window.mark.frames.spot.at, window.mark.file);
        let name = index.logs[file as usize].of.name.raw_bytes();
        hash.update([name, &at.to_le_bytes(), &window.plain_end.to_le_bytes()].concat());
    }
    // Not what the header says: a script is tried without one, and both have one digest.
    let Request { direction, engines, checks, choices, .. } = request;
    hash.update(format!("{direction:?} {engines:?} {checks:?} {choices:?} {:?}", index.tables));
    data_encoding::HEXLOWER.encode(&hash.finalize()[..5])
}

fn body(index: &Index, request: &Request<'_>, name: &str, out: &mut dyn Write) -> Result<Written, UndoError> {
    refuse_gaps(index, request)?;
    let mut refused = index.refusals.clone();
    let untold = index.untold.iter().filter(|(table, _)| !is_left_out(request, table));
    untold.for_each(|(_, refusals)| refused.extend(refusals.clone()));
    let mut body = Body::new(index, request, name, out);
    body.begin()?;
    let segments = Segments::default();
    let spare = Mutex::new(vec![]);
    let (windows, lines) = (index.windows.len(), lines(request));
    let number = |nth: usize| if request.direction == Direction::Undo { windows - 1 - nth } else { nth };
    let room = || spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    ordered(
        (windows, request.threads),
        || Desk::new(index, request, &segments, lines),
        |desk, nth| desk.unit(number(nth), room()),
        |mut unit: Unit| {
            if let Some(error) = unit.error.take() {
                return Err(error);
            }
            refused.extend(std::mem::take(&mut unit.refusals));
            if refused.total == 0 {
                body.unit(&mut unit)?;
            }
            spare.lock().unwrap_or_else(PoisonError::into_inner).push(unit.text);
            let goes_on = request.watch.is_none_or(|watch| watch.passed(crate::change::index::WINDOW));
            if goes_on { Ok(()) } else { Err(UndoError::Stopped) }
        },
    )?;
    if refused.total > 0 {
        return Err(UndoError::Refused(refused.sorted()));
    }
    body.end()
}

/// In the order of the logs, whatever order they were found in.
fn is_left_out(request: &Request<'_>, table: &TableName) -> bool {
    let (schema, name) = (Foreign::new(&table.schema[..]), Foreign::new(&table.table[..]));
    request.choices.is_some_and(|choices| choices.leaves_out((&schema, &name)))
}

fn refuse_gaps(index: &Index, request: &Request<'_>) -> Result<(), UndoError> {
    let broken = index.files.iter().find_map(|file| Some((file, file.error.as_ref()?)));
    match broken {
        Some((file, error)) if request.gaps == Gaps::Refuse => {
            Err(UndoError::Log { file: Foreign::clone(&file.of.name), source: error.again() })
        }
        _ => Ok(()),
    }
}

/// Writes pieces one behind the other.
struct Body<'b> {
    index: &'b Index,
    request: &'b Request<'b>,
    name: &'b str,
    lines: Lines,
    orphans: Orphans,
    /// Whether it asks what stands around its tables.
    has_asked: bool,
    out: &'b mut dyn Write,
    /// What is not written yet.
    text: Vec<u8>,
    hash: Sha256,
    open: Option<Open>,
    written: Written,
}

/// The original transaction whose statements are being written.
struct Open {
    number: u64,
    is_unchecked: bool,
    /// Whether keys are not checked around some of its statements.
    unchecks: bool,
}

impl<'b> Body<'b> {
    fn new(index: &'b Index, request: &'b Request<'b>, name: &'b str, out: &'b mut dyn Write) -> Self {
        let unchecked = match request.checks {
            Checks::AsLogged => index.unchecked.count() > 0 || takes_parents(index, request),
            Checks::Off => true,
            Checks::On => false,
        };
        Self {
            index,
            request,
            name,
            lines: lines(request),
            orphans: if unchecked { Orphans::of(request.references) } else { Orphans::default() },
            has_asked: false,
            out,
            text: vec![],
            hash: Sha256::new(),
            open: None,
            written: Written { name: name.to_owned(), ..Written::default() },
        }
    }

    fn begin(&mut self) -> Result<(), UndoError> {
        script::lines(&mut self.text, OPENING);
        script::lines(&mut self.text, &[CHECKS[usize::from(self.request.checks != Checks::Off)]]);
        script::lines(&mut self.text, SETTLED);
        if self.lines == Lines::Each {
            script::lines(&mut self.text, &[&format!("{RESUME}{}{RESUMED}", self.name)]);
        }
        self.has_asked = around::ask(&mut self.text, self.index, self.request, self.lines);
        self.orphans.before(&mut self.text);
        self.flush()
    }

    fn unit(&mut self, unit: &mut Unit) -> Result<(), UndoError> {
        let mut start = 0;
        for part in &unit.parts {
            if self.open.as_ref().is_none_or(|open| open.number != part.number) {
                self.close();
                self.open(part);
            }
            if let Some(open) = &mut self.open {
                open.unchecks |= part.unchecks;
            }
            self.written.statements += part.statements;
            let text = &unit.text[start..part.end];
            start = part.end;
            if text.len() >= CHUNK / 4 {
                self.flush()?;
                self.put(text)?;
            } else {
                self.text.extend_from_slice(text);
            }
            if self.text.len() >= CHUNK {
                self.flush()?;
            }
        }
        if unit.parts.last().is_some_and(|part| part.loose > 0) {
            script::lines(&mut self.text, &[script::stop(self.lines)]);
        }
        self.written.windows.push(unit.rows);
        self.written.longest = self.written.longest.max(unit.longest);
        self.written.hazards.append(&mut unit.hazards);
        self.written.overwriting += unit.overwriting;
        for (doing, rows) in std::mem::take(&mut unit.doings) {
            *self.written.doings.entry(doing).or_default() += rows;
        }
        Ok(())
    }

    /// The statements of another original transaction begin.
    fn open(&mut self, part: &Part) {
        self.written.transactions += 1;
        if !self.request.header.is_terse {
            let transaction = &part.transaction;
            let gtid = transaction.gtid.as_ref().map_or_else(String::new, |gtid| format!(", GTID {gtid}"));
            let thread = transaction.thread.map_or_else(String::new, |thread| format!(", connection {thread}"));
            let (start, file) = (transaction.start, &self.index.logs[part.file as usize].of.name);
            let words = format!("transaction at {start} of {file}{gtid}, {}{thread}", transaction.committed_at);
            comment(&mut self.text, words.as_bytes());
        }
        if self.lines == Lines::Each {
            script::lines(&mut self.text, &[&script::guard_each(self.written.transactions)]);
        }
        let is_unchecked = self.request.checks == Checks::AsLogged && self.index.unchecked.has(part.number);
        if is_unchecked {
            script::lines(&mut self.text, &[UNCHECK]);
        }
        self.open = Some(Open { number: part.number, is_unchecked, unchecks: is_unchecked });
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.is_unchecked {
            script::lines(&mut self.text, &[CHECK]);
        }
        if self.lines == Lines::Each {
            if open.unchecks || self.request.checks == Checks::Off {
                self.orphans.after(&mut self.text);
            }
            let number = self.written.transactions;
            self.decide();
            script::lines(&mut self.text, CLOSING_EACH);
            let (mark, tell) = (script::mark_each(number), script::tell_each(self.name, number));
            script::lines(&mut self.text, &[&mark, &tell]);
        }
    }

    fn decide(&mut self) {
        script::lines(&mut self.text, &[script::stop(self.lines)]);
        script::lines(&mut self.text, &[&format!("{DECIDE}{}{DECIDED}", self.written.statements)]);
    }

    fn end(mut self) -> Result<Written, UndoError> {
        self.close();
        if self.lines == Lines::Each {
            let ended = script::ended_each(self.name, self.written.transactions);
            script::lines(&mut self.text, &[FORGET]);
            script::lines(&mut self.text, RESTORING);
            script::lines(&mut self.text, &[&ended]);
        } else {
            self.orphans.after(&mut self.text);
            self.decide();
            let is_lasting = self.lines == Lines::Lasting && (self.written.statements > 0 || self.has_asked);
            script::lines(&mut self.text, CLOSING);
            script::lines(&mut self.text, RESTORING);
            script::lines(&mut self.text, &[if is_lasting { ENDED_LASTING } else { ENDED }]);
        }
        self.flush()?;
        self.out.flush().map_err(UndoError::Write)?;
        self.written.body = self.hash.finalize().into();
        self.written.of_all = of_all(self.index, self.request, self.lines);
        Ok(self.written)
    }

    fn flush(&mut self) -> Result<(), UndoError> {
        let mut text = std::mem::take(&mut self.text);
        self.put(&text)?;
        text.clear();
        self.text = text;
        Ok(())
    }

    fn put(&mut self, text: &[u8]) -> Result<(), UndoError> {
        self.hash.update(text);
        self.written.bytes += text.len() as u64;
        self.out.write_all(text).map_err(UndoError::Write)
    }
}
