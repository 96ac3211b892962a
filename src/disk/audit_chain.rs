//! Reading the audit log: lines, their hashes, and where the chain breaks.

use std::collections::BTreeSet;
use std::io::{self, BufRead};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::model::audit::{AuditKind, AuditRecord, ChainState};

/// What the first record names as the one before it.
pub(super) const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// How every line ends: the hash stands last, so that it can be taken out of the text itself.
/// Fields that a later version adds stand before it and are covered.
const HASH_KEY: &str = "\"hash\":\"";

/// The longest line that is read; ours are far shorter.
const LONGEST: u64 = 64 << 10;

/// The part of a record that makes the chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Link {
    pub seq: u64,
    pub kind: AuditKind,
    pub of: Option<u64>,
    pub prev: String,
    pub hash: String,
}

impl Link {
    /// Reads a line without its newline; `Err` says what is wrong with it.
    pub fn read(line: &[u8]) -> Result<Self, &'static str> {
        let link: Self = serde_json::from_slice(line).map_err(|_| "is cut or is not a record")?;
        match hash_of_line(line) {
            Some(hash) if hash == link.hash => Ok(link),
            Some(_) => Err("was edited: its hash does not fit its text"),
            None => Err("was edited: its hash is not where it belongs"),
        }
    }
}

/// SHA-256 over the line with the value of `hash` taken out.
fn hash_of_line(line: &[u8]) -> Option<String> {
    let at = line.len().checked_sub(HASH_KEY.len() + 64 + 2)?;
    let (text, tail) = line.split_at(at);
    let end = tail.strip_prefix(HASH_KEY.as_bytes())?;
    (&end[64..] == b"\"}").then(|| hash_of(text))
}

fn hash_of(text: &[u8]) -> String {
    let digest = Sha256::new().chain_update(text).chain_update(HASH_KEY).chain_update("\"}").finalize();
    data_encoding::HEXLOWER.encode(&digest)
}

/// Writes a record as its line, newline included, and fills in its hash.
pub(super) fn line_of(record: &mut AuditRecord) -> io::Result<Vec<u8>> {
    record.hash.clear();
    let mut line = serde_json::to_vec(record)?;
    line.truncate(line.len() - HASH_KEY.len() - 2);
    record.hash = hash_of(&line);
    line.extend_from_slice(format!("{HASH_KEY}{}\"}}\n", record.hash).as_bytes());
    Ok(line)
}

/// Lines of a log, and what stands behind the last newline.
pub(super) struct Lines<R> {
    source: R,
    line: Vec<u8>,
}

/// One step through a log.
pub(super) enum Piece<'a> {
    /// A line without its newline.
    Line(&'a [u8]),
    /// Bytes behind the last newline: a record that was being written when its process died.
    Torn(usize),
    /// The end; blanks and zeros behind the last newline are reserved room.
    End,
}

impl<R: BufRead> Lines<R> {
    pub fn new(source: R) -> Self {
        Self { source, line: vec![] }
    }

    pub fn next(&mut self) -> io::Result<Piece<'_>> {
        self.line.clear();
        let read = io::Read::take(&mut self.source, LONGEST).read_until(b'\n', &mut self.line)?;
        match self.line.pop_if(|last| *last == b'\n') {
            Some(_) => Ok(Piece::Line(&self.line)),
            None if read as u64 == LONGEST => {
                // Reserved room may be long; anything else this long is no record.
                let blank = self.line.iter().all(|byte| is_room(*byte));
                if blank { self.next() } else { Ok(Piece::Line(&self.line)) }
            }
            None if self.line.iter().all(|byte| is_room(*byte)) => Ok(Piece::End),
            None => {
                let torn = self.line.iter().rposition(|byte| !is_room(*byte)).map_or(0, |last| last + 1);
                Ok(Piece::Torn(torn))
            }
        }
    }
}

fn is_room(byte: u8) -> bool {
    matches!(byte, b' ' | 0)
}

/// Walks the whole log and finds the first break.
pub(super) fn verify<R: BufRead>(source: R, head: Option<&str>) -> io::Result<ChainState> {
    let mut state = ChainState { records: 0, head: GENESIS.to_owned(), broken: None, open_intents: vec![] };
    let wanted = head.map(str::to_lowercase);
    let mut seen = wanted.as_deref() == Some(GENESIS);
    let mut open = BTreeSet::new();
    let mut lines = Lines::new(source);
    let mut before = None;
    loop {
        let link = match lines.next()? {
            Piece::End => break,
            Piece::Torn(_) => {
                state.broken =
                    Some((state.records, "is unfinished: its process was killed while writing it".to_owned()));
                break;
            }
            Piece::Line(line) => Link::read(line),
        };
        match link.map_err(str::to_owned).and_then(|link| fits(&state, before.as_ref(), link)) {
            Err(what) => {
                state.broken = Some((state.records, what));
                break;
            }
            Ok(link) => {
                count(&mut open, &link);
                seen |= wanted.as_deref().is_some_and(|wanted| names(wanted, &link.hash));
                state.records += 1;
                state.head.clone_from(&link.hash);
                before = Some(link);
            }
        }
    }
    if let Some((at, what)) = &mut state.broken {
        explain(&mut lines, *at, what)?;
    } else if wanted.is_some() && !seen {
        let what =
            "is missing: the head you gave is nowhere in this chain. Its tail was cut, or another log took its place";
        state.broken = Some((state.records, what.to_owned()));
    }
    state.open_intents = open.into_iter().collect();
    Ok(state)
}

/// Whether `wanted`, perhaps abbreviated to 16 digits or more, is this hash.
fn names(wanted: &str, hash: &str) -> bool {
    wanted.len() >= 16 && hash.starts_with(wanted)
}

pub(super) fn count(open: &mut BTreeSet<u64>, link: &Link) {
    match (link.kind, link.of) {
        (AuditKind::Intent, _) => drop(open.insert(link.seq)),
        (AuditKind::Outcome, Some(intent)) => drop(open.remove(&intent)),
        (AuditKind::Outcome, None) | (AuditKind::Event, _) => {}
    }
}

fn fits(state: &ChainState, before: Option<&Link>, link: Link) -> Result<Link, String> {
    if before == Some(&link) {
        return Err("stands there twice".to_owned());
    }
    if link.seq < state.records {
        return Err(format!("is missing: an older record, {}, stands in its place", link.seq));
    }
    if link.seq > state.records {
        return Err("is missing".to_owned());
    }
    if link.prev != state.head {
        return Err("does not follow the record before it: that one was replaced".to_owned());
    }
    Ok(link)
}

/// Tells a removed record from one that was moved further down.
fn explain<R: BufRead>(lines: &mut Lines<R>, missing: u64, what: &mut String) -> io::Result<()> {
    if what != "is missing" {
        return Ok(());
    }
    loop {
        match lines.next()? {
            Piece::Line(line) if Link::read(line).is_ok_and(|link| link.seq == missing) => {
                what.push_str(": it was moved further down");
                return Ok(());
            }
            Piece::Line(_) => {}
            Piece::Torn(_) | Piece::End => {
                what.push_str(": it was removed");
                return Ok(());
            }
        }
    }
}
