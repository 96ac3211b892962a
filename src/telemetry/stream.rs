//! A file of telemetry, whichever it is: a Collector's lines or messages, the objects of `--trace-stderr`, log lines,
//! all of them mixed as a container's log has them, packed with gzip or zstd or not at all.
//!
//! What cannot be read is counted and skipped; it never takes the rest of the file with it.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use serde_json::Value;

use super::json::Balance;
use super::logrus::{Line, Logs};
use super::runtime::{Piece, unwrapped as as_written};
use super::{Batch, budget, framed, read_json, stdout};
use crate::model::run::{Feed, Run, Span};

/// The longest line, or object over several lines, that is read.
const LONGEST: usize = 32 << 20;
/// Streams that are told apart in one file, such as those of containers whose logs are shown together.
const SOURCES: usize = 64;
/// Spans that come one by one are handed on in groups of so many.
const GROUP: usize = 512;
/// What zstd may ask for in memory, as a power of two: 128 MiB would be its own limit.
const WINDOW: u32 = 26;

/// Something that a file told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    /// Spans of any number of traces.
    Spans(Feed, Vec<Span>),
    /// A run of which there are no spans.
    Run(Box<Run>),
}

/// What was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Spans of backups.
    pub spans: u64,
    /// Runs that log lines told of.
    pub runs: u64,
    /// Spans that cannot be used.
    pub refused: u64,
    /// Spans of other programs.
    pub foreign: u64,
    /// Lines, objects and messages that are cut, too long, or not what they seem.
    pub broken: u64,
    /// Lines that have nothing to do with telemetry.
    pub others: u64,
}

/// Reads a file to its end and hands out what it tells. Memory is bounded by one line or message.
///
/// # Errors
///
/// What the source says. What was handed out before holds all the same.
pub fn read(source: &mut dyn Read, sink: &mut dyn FnMut(Told)) -> io::Result<Census> {
    let mut source = BufReader::with_capacity(64 << 10, source);
    let head = source.fill_buf()?;
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
        decoder.window_log_max(WINDOW)?;
        return unpacked(&mut BufReader::with_capacity(64 << 10, decoder), sink);
    }
    if head.starts_with(&[0x1f, 0x8b]) {
        let decoder = flate2::bufread::MultiGzDecoder::new(source);
        return unpacked(&mut BufReader::with_capacity(64 << 10, decoder), sink);
    }
    unpacked(&mut source, sink)
}

fn unpacked(source: &mut dyn BufRead, sink: &mut dyn FnMut(Told)) -> io::Result<Census> {
    let mut text = Text {
        sink,
        census: Census::default(),
        one_by_one: Fresh::default(),
        logs: Logs::default(),
        sources: HashMap::new(),
    };
    let read = if framed::is_framed(source.fill_buf()?) {
        text.messages(source)
    } else {
        lines(source, &mut |line| text.line(line))
    };
    let broken = *read.as_ref().unwrap_or(&0);
    let mut census = text.finish();
    census.broken += broken;
    read.map(|_| census)
}

/// Hands out lines without their ends. How many were too long.
fn lines(source: &mut dyn BufRead, each: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
    let (mut line, mut too_long, mut long) = (vec![], 0, false);
    loop {
        let piece = match source.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            piece => piece?,
        };
        let end = memchr::memchr(b'\n', piece);
        let (taken, at_end) = (end.map_or(piece.len(), |end| end + 1), piece.is_empty());
        long |= line.len() + taken > LONGEST;
        if !long {
            line.extend_from_slice(&piece[..end.unwrap_or(piece.len())]);
        }
        source.consume(taken);
        if end.is_none() && !at_end {
            continue;
        }
        match std::mem::take(&mut long) {
            true => too_long += 1,
            false if at_end && line.is_empty() => {}
            false => each(line.strip_suffix(b"\r").unwrap_or(&line)),
        }
        line.clear();
        if at_end {
            return Ok(too_long);
        }
    }
}

/// Spans that came one by one, with the room that they share.
struct Fresh {
    batch: Batch,
    budget: budget::Budget,
}

impl Default for Fresh {
    fn default() -> Self {
        Self { batch: Batch::default(), budget: budget::Budget::new() }
    }
}

/// Lines as they come, and what is still open among them.
struct Text<'s> {
    sink: &'s mut dyn FnMut(Told),
    census: Census,
    one_by_one: Fresh,
    logs: Logs,
    /// What is open in each of the streams that are mixed here.
    sources: HashMap<Vec<u8>, Source>,
}

/// One stream of one container.
#[derive(Default)]
struct Source {
    /// A line that a runtime has cut into pieces, as far as it has come.
    partial: Vec<u8>,
    /// An object over several lines, as far as it has come.
    pending: Vec<u8>,
    balance: Balance,
    /// Whether its lines begin in the first column, since somebody has trimmed them.
    trimmed: bool,
}

impl Source {
    fn held(&self) -> usize {
        self.partial.len() + self.pending.len()
    }
}

impl Text<'_> {
    fn messages(&mut self, mut source: &mut dyn BufRead) -> io::Result<u64> {
        let whole = framed::read(&mut source, |batch| match batch {
            Some(batch) => self.hand_on(Feed::CollectorFile, batch),
            None => self.census.broken += 1,
        })?;
        Ok(u64::from(!whole))
    }

    fn hand_on(&mut self, feed: Feed, batch: Batch) {
        self.census.spans += batch.spans.len() as u64;
        self.census.refused += batch.refused;
        self.census.foreign += batch.foreign;
        if !batch.spans.is_empty() {
            (self.sink)(Told::Spans(feed, batch.spans));
        }
    }

    /// Takes a line, without what a container's runtime has put around it.
    fn line(&mut self, line: &[u8]) {
        let line = as_written(line);
        let mut source = self.sources.remove(line.source.as_ref()).unwrap_or_default();
        let room = LONGEST.saturating_sub(self.sources.values().map(Source::held).sum());
        if line.piece == Piece::Whole && source.partial.is_empty() {
            self.plain_line(&mut source, &line.text, room);
        } else {
            if source.held() + line.text.len() > room {
                self.census.broken += 1;
                source.partial.clear();
            }
            source.partial.extend_from_slice(&line.text);
            if line.piece == Piece::Whole {
                let whole = std::mem::take(&mut source.partial);
                self.plain_line(&mut source, &whole, room);
            }
        }
        if source.held() > 0 && self.sources.len() < SOURCES {
            self.sources.insert(line.source.into_owned(), source);
        } else {
            self.census.broken += u64::from(source.held() > 0);
        }
    }

    /// Takes a whole line of a source that may hold `room` bytes.
    fn plain_line(&mut self, source: &mut Source, line: &[u8], room: usize) {
        if !source.pending.is_empty() {
            // A new object or log line begins in the first column: what was open has been cut. In lines that somebody
            // has trimmed, only what no list can go on with is a new object.
            let cut = line.first() == Some(&b'{') && !(source.trimmed && source.balance.in_list());
            if cut || line.starts_with(b"time=") || source.held() + line.len() > room {
                self.census.broken += 1;
                source.pending.clear();
            } else {
                source.trimmed |= line.first() == Some(&b'"');
                return self.go_on(source, line);
            }
        }
        let text = line.trim_ascii_start();
        if text.first() == Some(&b'{') {
            (source.balance, source.trimmed) = (Balance::default(), false);
            return self.go_on(source, text);
        }
        match Line::of_text(&String::from_utf8_lossy(text)) {
            Some(line) => self.log(&line),
            None => self.census.others += u64::from(!text.is_empty()),
        }
    }

    /// Adds a line to the object that is open, or that it opens.
    fn go_on(&mut self, source: &mut Source, line: &[u8]) {
        let Some(end) = source.balance.feed(line) else {
            source.pending.extend_from_slice(line);
            source.pending.push(b'\n');
            return;
        };
        let (last, behind) = line.split_at(end);
        if source.pending.is_empty() {
            self.object(last);
        } else {
            let mut whole = std::mem::take(&mut source.pending);
            whole.extend_from_slice(last);
            self.object(&whole);
        }
        let mut rest = behind.trim_ascii();
        // Objects may stand behind each other without a line's end.
        while rest.first() == Some(&b'{') {
            let mut balance = Balance::default();
            let Some(end) = balance.feed(rest) else {
                source.balance = balance;
                source.pending.extend_from_slice(rest);
                source.pending.push(b'\n');
                return;
            };
            self.object(&rest[..end]);
            rest = rest[end..].trim_ascii();
        }
    }

    fn object(&mut self, text: &[u8]) {
        let head = &text[..text.len().min(512)];
        let is_otlp =
            ["resourceSpans", "resource_spans"].iter().any(|key| memchr::memmem::find(head, key.as_bytes()).is_some());
        if is_otlp {
            match read_json(text) {
                Ok(batch) => self.hand_on(Feed::CollectorFile, batch),
                Err(_) => self.census.broken += 1,
            }
            return;
        }
        if text.len() > stdout::OBJECT {
            self.census.broken += 1;
            return;
        }
        match serde_json::from_slice::<Value>(text) {
            Err(_) => self.census.broken += 1,
            Ok(value) if stdout::is_span(&value) => self.span(&value),
            Ok(value) => self.other(&value),
        }
    }

    fn span(&mut self, value: &Value) {
        let span = stdout::span(value, &mut self.one_by_one.budget);
        self.one_by_one.batch.push(span);
        if self.one_by_one.batch.spans.len() >= GROUP {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let fresh = std::mem::take(&mut self.one_by_one);
        self.hand_on(Feed::TraceStderr, fresh.batch);
    }

    /// A log line in JSON, or something else.
    fn other(&mut self, value: &Value) {
        match Line::of_json(value) {
            Some(line) => self.log(&line),
            None => self.census.others += 1,
        }
    }

    fn log(&mut self, line: &Line) {
        if let Some(run) = self.logs.take(line) {
            self.census.runs += 1;
            (self.sink)(Told::Run(Box::new(run)));
        }
    }

    fn finish(mut self) -> Census {
        for (_, mut source) in std::mem::take(&mut self.sources) {
            let partial = std::mem::take(&mut source.partial);
            self.plain_line(&mut source, &partial, LONGEST);
            self.census.broken += u64::from(!source.pending.is_empty());
        }
        self.flush();
        for run in std::mem::take(&mut self.logs).finish() {
            self.census.runs += 1;
            (self.sink)(Told::Run(Box::new(run)));
        }
        self.census
    }
}
