//! The filter language of every list of backups: words and tokens.
//!
//! `shop after:7d trust:whole -target:nas` keeps what holds all of it. A bare word is looked for in
//! databases, target, series and key: as it stands, or with small gaps (`shp` finds `shop`). Tokens:
//! `db:`, `target:`, `format:`, `seal:`, `key:` (parts of a name, alternatives by comma), `after:` and
//! `before:` (a date, or an age such as `7d`), `trust:` (a rung, meaning at least that; or `good`,
//! `stale`, `damaged`, `truncated`, `bad`) and `opens:` (`yes`, `no`, `unknown`). A leading `-` turns
//! a term around.

use std::sync::Arc;

use memchr::memmem::Finder;

use crate::model::backup::{Backup, Opens};
use crate::model::trust::{Rung, VerdictOutcome};
use crate::model::units::Moment;
use crate::work::filter::query::{Side, Term, Test};

mod query;

pub use query::{Query, TOKENS};

/// How many other characters may stand between two characters of a fuzzy word.
const GAP: u32 = 3;

/// Every backup of a catalog, prepared for searching: one arena of lower-case text, small rows.
///
/// Made once per catalog, away from the screen's thread; searching never touches the backups
/// themselves except for `key:`.
#[derive(Debug, Default)]
pub struct Index {
    backups: Vec<Arc<Backup>>,
    text: Vec<u8>,
    rows: Vec<Row>,
    targets: Vec<String>,
}

#[derive(Debug)]
struct Row {
    taken: Moment,
    /// Which characters occur at all: one bit each.
    letters: u64,
    start: u32,
    databases_end: u32,
    end: u32,
    target: u16,
    rung: Rung,
    outcome: Option<VerdictOutcome>,
    good: Standing,
    opens: Opens,
    format: &'static str,
    seal: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Stale,
    Neither,
}

impl Index {
    /// Prepares a catalog, in its order.
    pub fn new(backups: Vec<Arc<Backup>>) -> Self {
        let mut index = Self { rows: Vec::with_capacity(backups.len()), ..Self::default() };
        for backup in &backups {
            index.push(backup);
        }
        index.backups = backups;
        index
    }

    /// The backups it was made of, in the same order.
    pub fn backups(&self) -> &[Arc<Backup>] {
        &self.backups
    }

    fn push(&mut self, backup: &Backup) {
        let start = self.text.len();
        for database in &backup.databases {
            self.append(&database.to_string());
        }
        let databases_end = self.text.len();
        self.append(backup.target.as_str());
        self.append(&backup.series.to_string());
        self.append(&backup.key.to_string());
        let target = self.target(backup.target.as_str());
        let letters = self.text[start..].iter().fold(0, |all, byte| all | bit(*byte));
        let proof = backup.proof.as_deref();
        let good = match (backup.stale, backup.is_good()) {
            (true, _) => Standing::Stale,
            (false, true) => Standing::Good,
            (false, false) => Standing::Neither,
        };
        self.rows.push(Row {
            taken: backup.taken.at,
            letters,
            start: start as u32,
            databases_end: databases_end as u32,
            end: self.text.len() as u32,
            target,
            rung: proof.map_or(Rung::Listed, |proof| proof.reached()),
            outcome: proof.map(|proof| proof.outcome),
            good,
            opens: backup.opens,
            format: backup.shape.format.word(),
            seal: backup.shape.seal.as_ref().map_or("plain", |seal| seal.scheme.word()),
        });
    }

    fn append(&mut self, field: &str) {
        self.text.extend_from_slice(field.to_lowercase().as_bytes());
        self.text.push(b' ');
    }

    fn target(&mut self, name: &str) -> u16 {
        let at = self.targets.iter().rposition(|known| known == name).unwrap_or_else(|| {
            self.targets.push(name.to_owned());
            self.targets.len() - 1
        });
        at as u16
    }

    fn slice(&self, from: u32, to: u32) -> &[u8] {
        &self.text[from as usize..to as usize]
    }
}

fn bit(byte: u8) -> u64 {
    1 << (byte & 63)
}

/// A term with what can be prepared once per query.
struct Ready<'a> {
    term: &'a Term,
    needle: Option<(Finder<'a>, u64, &'a [u8])>,
    targets: Vec<u16>,
}

impl<'a> Ready<'a> {
    fn new(term: &'a Term, index: &Index) -> Self {
        let needle = match &term.test {
            Test::Word(word) => {
                let letters = word.bytes().fold(0, |all, byte| all | bit(byte));
                Some((Finder::new(word.as_bytes()), letters, word.as_bytes()))
            }
            _ => None,
        };
        let targets = match &term.test {
            Test::Target(parts) => {
                let fits = |name: &String| parts.iter().any(|part| name.contains(part.as_str()));
                (0u16..).zip(&index.targets).filter(|(_, name)| fits(name)).map(|(at, _)| at).collect()
            }
            _ => vec![],
        };
        Self { term, needle, targets }
    }

    fn passes(&self, index: &Index, at: u32) -> bool {
        self.holds(index, at) == (self.term.side == Side::Keep)
    }

    fn holds(&self, index: &Index, at: u32) -> bool {
        let row = &index.rows[at as usize];
        match &self.term.test {
            Test::Word(_) => self.needle.as_ref().is_some_and(|(finder, letters, word)| {
                row.letters & letters == *letters && {
                    let text = index.slice(row.start, row.end);
                    finder.find(text).is_some() || loosely(word, text)
                }
            }),
            Test::Database(parts) => {
                let text = index.slice(row.start, row.databases_end);
                parts.iter().any(|part| memchr::memmem::find(text, part.as_bytes()).is_some())
            }
            Test::Target(_) => self.targets.contains(&row.target),
            Test::Format(parts) => parts.iter().any(|part| row.format.starts_with(part.as_str())),
            Test::Seal(parts) => parts.iter().any(|part| row.seal.starts_with(part.as_str())),
            Test::Key(parts) => index.backups[at as usize]
                .recipients()
                .any(|print| parts.iter().any(|part| print.as_str().starts_with(part.as_str()))),
            Test::After(moment) => row.taken >= *moment,
            Test::Before(moment) => row.taken < *moment,
            Test::AtLeast(rung) => row.rung >= *rung,
            Test::Good => row.good == Standing::Good,
            Test::Stale => row.good == Standing::Stale,
            Test::Bad => row.outcome.is_some_and(VerdictOutcome::is_bad),
            Test::Outcome(outcome) => row.outcome == Some(*outcome),
            Test::Opens(opens) => row.opens == *opens,
        }
    }
}

/// Whether the characters of `word` follow each other in `text` with small gaps, within one field.
///
/// Looks at the first 128 bytes only: one bit per place, so that a row costs a few dozen operations.
/// A longer word never matches where its beginning does not, which is what makes narrowing exact.
fn loosely(word: &[u8], text: &[u8]) -> bool {
    let text = &text[..text.len().min(128)];
    let mask = |wanted: u8| memchr::memchr_iter(wanted, text).fold(0u128, |all, at| all | (1 << at));
    let blanks = mask(b' ');
    let mut places = u128::MAX;
    for (nth, wanted) in word.iter().enumerate() {
        let here = mask(*wanted);
        let mut reach = u128::MAX;
        if nth > 0 {
            let mut step = (places << 1) & !blanks;
            reach = step;
            for _ in 0..GAP {
                step = (step << 1) & !blanks;
                reach |= step;
            }
        }
        places = here & reach;
        if places == 0 {
            return false;
        }
    }
    true
}

/// A list that follows what is typed. A longer word is looked for only among what was left.
#[derive(Debug, Default)]
pub struct Narrowed {
    index: Arc<Index>,
    query: Query,
    rows: Vec<u32>,
}

impl Narrowed {
    /// Everything in `index`, in its order.
    pub fn new(index: Arc<Index>) -> Self {
        let rows = (0..index.rows.len() as u32).collect();
        Self { index, query: Query::default(), rows }
    }

    /// Positions in the index's list of backups that pass, in its order.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The query that made these rows.
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// Applies another query.
    pub fn narrow(&mut self, query: Query) {
        let ready: Vec<_> = query.terms.iter().map(|term| Ready::new(term, &self.index)).collect();
        let passes = |at: &u32| ready.iter().all(|term| term.passes(&self.index, *at));
        self.rows = if query.narrows(&self.query) {
            self.rows.iter().copied().filter(|at| passes(at)).collect()
        } else {
            (0..self.index.rows.len() as u32).filter(|at| passes(at)).collect()
        };
        self.query = query;
    }
}

#[cfg(test)]
mod tests;
