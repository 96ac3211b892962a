//! Scripts with hostile words in their comments, and scripts that somebody altered: what the second parser lets pass is
//! what a reader who knows nothing of us sees in it, too.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use breakglass::change::index::{RowsFacts, Wanted};
use breakglass::change::reread::{self, Doings};
use breakglass::change::review::{self, Rows};
use breakglass::change::script::Header;
use breakglass::change::undo::{self, Request};
use breakglass::model::change::ChangeKind;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::{Commits, Extent, StatementHazard};
use breakglass::work::recover::table_of;
use sha2::{Digest, Sha256};

use crate::support;
use crate::undo::{Plan, fixture_file, index, logs};

/// What comments are broken out with, and what scripts are made of.
const PIECES: [&[u8]; 18] = [
    b"\n",
    b"\r",
    b"\r\nDROP TABLE t;\n",
    b"\0",
    b"*/",
    b"/*! DROP TABLE t */",
    b"\\! rm -rf\n",
    b"\\",
    b";",
    b"'",
    b"`",
    b"-- ",
    b"# ",
    b"DELIMITER $$\n",
    b"\xe2\x80\xa8",
    b"\xff",
    b"@bg=CONNECTION_ID()",
    b"\nCOMMIT;\n",
];

/// A small deterministic source of damage.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }

    fn words(&mut self) -> Foreign {
        let mut words = vec![];
        for _ in 0..self.roll(6) {
            match self.roll(3) {
                0 => words.push(self.roll(256) as u8),
                1 => words.extend_from_slice(b"some words "),
                _ => words.extend_from_slice(PIECES[self.roll(PIECES.len())]),
            }
        }
        Foreign::new(words)
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, from: usize) {
        for _ in 0..=self.roll(3) {
            let at = from + self.roll(bytes.len() - from);
            match self.roll(5) {
                0 => bytes[at] ^= 1 << self.roll(7),
                1 => drop(bytes.splice(at..at, PIECES[self.roll(PIECES.len())].iter().copied())),
                2 => drop(bytes.drain(at..(at + self.roll(40)).min(bytes.len()))),
                // A line twice, or at another place.
                3 => {
                    let end = |at: usize| {
                        bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| at + n + 1)
                    };
                    let (first, to) = (end(at), end(from + self.roll(bytes.len() - from)));
                    let line = bytes[first..if first < bytes.len() { end(first) } else { first }].to_vec();
                    bytes.splice(to..to, line);
                }
                _ => bytes[at] = b' ' + self.roll(95) as u8,
            }
            if bytes.len() <= from {
                bytes.push(b'\n');
            }
        }
    }
}

/// A plan of some statements of all kinds.
fn small() -> Plan {
    let definitions = fixture_file("mysql-small-events", "after.sql.gz");
    Plan { index: index(&logs("mysql-small-events"), &definitions, Arc::new(Few), Extent::Partial) }
}

/// The rows of the first events alone: a script of some KB.
struct Few;

impl Wanted for Few {
    fn rows(&self, rows: &RowsFacts<'_>) -> bool {
        rows.place.position.0 < 9_000
    }
}

/// What a reader who follows a server finds in a script: rows by table, and what is wrong with it.
fn seen(script: &[u8]) -> (BTreeMap<String, Rows>, Vec<StatementHazard>) {
    let reading = review::read(&mut Cursor::new(script), &mut |_, _| ()).unwrap();
    assert_eq!(reading.ended, None);
    let tables = reading.tables.iter().map(|(name, rows)| (name.to_string(), *rows)).collect();
    (tables, reading.hazards.into_keys().collect())
}

fn as_seen(doings: &Doings) -> BTreeMap<String, Rows> {
    let mut tables: BTreeMap<String, Rows> = BTreeMap::new();
    for ((table, kind), rows) in doings {
        let counts = tables.entry(table_of(table).unwrap().to_string()).or_default();
        match kind {
            ChangeKind::Insert => counts.insert += rows,
            ChangeKind::Update => counts.update += rows,
            ChangeKind::Delete => counts.delete += rows,
        }
    }
    tables
}

/// What a script must never make a client or a server do.
fn is_grave(hazard: &StatementHazard) -> bool {
    use StatementHazard as Is;
    matches!(
        hazard,
        Is::ClientCommand
            | Is::HiddenCode
            | Is::CommentTrick
            | Is::Definition
            | Is::Transaction
            | Is::NotARowChange
            | Is::Unread
    )
}

#[test]
fn fuzz_no_words_in_a_header_become_anything_but_a_comment() {
    let plan = small();
    let (plain, hazards) = seen(&written(&plan, &Request::default()).0);
    assert!(plain.values().any(|rows| rows.insert + rows.update + rows.delete > 2), "{plain:?}");
    let mut dice = Dice(0x5eed);
    for n in 0..support::mutations() / 20 {
        let mut words = |most: usize| (0..dice.roll(most)).map(|_| dice.words()).collect::<Vec<_>>();
        let (lines, hazard_words, notes) = (words(4), words(4), words(4));
        let header = Header {
            lines: lines.into_iter().map(|words| ("source", words)).collect(),
            hazards: hazard_words,
            notes,
            ..Header::default()
        };
        let request = Request { header, ..Request::default() };
        let (text, doings) = written(&plan, &request);
        reread::prove(&text, &doings, 1).unwrap_or_else(|error| panic!("{n}: {error}"));
        assert!(text.iter().all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte)), "{n}");
        assert_eq!(seen(&text), (plain.clone(), hazards.clone()), "{n}");
    }
}

fn written(plan: &Plan, request: &Request<'_>) -> (Vec<u8>, Doings) {
    let mut file = Cursor::new(vec![]);
    let done = undo::write(&plan.index, request, &mut file).unwrap();
    (file.into_inner(), done.doings)
}

/// The script with digests that fit whatever stands behind its header, and the header.
fn sealed(script: &[u8], body: usize) -> Vec<u8> {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
    let mut sealed = script.to_vec();
    // The last two lines, without their ends: `-- body: DIGITS` and `-- digest: DIGITS`.
    let last = body - 65 - "-- digest: ".len();
    sealed[last - 65..last - 1].copy_from_slice(hex(&script[body..]).as_bytes());
    let digest = hex(&sealed[..last]);
    sealed[body - 65..body - 1].copy_from_slice(digest.as_bytes());
    sealed
}

#[test]
fn fuzz_an_altered_script_passes_nobody_and_one_with_a_digest_that_fits_does_what_is_seen_in_it() {
    let plan = small();
    let mut dice = Dice(77);
    let (mut passed, mut refused) = (0, 0);
    for commits in [Commits::Once, Commits::PerTransaction] {
        let (text, doings) = written(&plan, &Request { commits, ..Request::default() });
        let body = text.windows(11).position(|at| at == b"-- digest: ").unwrap() + 11 + 65;
        assert_eq!(reread::read(&sealed(&text, body), 1).as_ref(), Ok(&doings));
        for n in 0..support::mutations() / 8 {
            let mut bytes = text.clone();
            // Now and then the header too.
            let from = if n % 4 == 0 { 0 } else { body };
            dice.mutate(&mut bytes, from);
            if bytes != text {
                assert!(reread::read(&bytes, 1).is_err(), "{n}");
            }
            if from == body {
                bytes = sealed(&bytes, body);
            }
            let found = reread::read(&bytes, 1 + n % 2);
            let mut walk = reread::Statements::new(&bytes[..]);
            let walked = loop {
                match walk.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            let Ok(found) = found else {
                refused += 1;
                continue;
            };
            passed += 1;
            assert_eq!(walked, Ok(()), "{n}");
            let (tables, hazards) = seen(&bytes);
            assert_eq!(tables, as_seen(&found), "{n}: {}", String::from_utf8_lossy(&bytes[body..]));
            assert!(!hazards.iter().any(is_grave), "{n}: {hazards:?}");
        }
    }
    assert!(passed > 20 && refused > 1000, "{passed} {refused}");
}
