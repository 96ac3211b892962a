//! The filter language of every list of backups: words and tokens.
//!
//! `shop after:7d trust:whole -target:nas` keeps what holds all of it. A bare word is looked for in
//! databases, target, series and key: as it stands, or with small gaps (`shp` finds `shop`). Tokens:
//! `db:`, `target:`, `format:`, `seal:`, `key:` (parts of a name, alternatives by comma), `after:` and
//! `before:` (a date, or an age such as `7d`), `trust:` (a rung, meaning at least that; or `good`,
//! `stale`, `damaged`, `truncated`, `bad`) and `opens:` (`yes`, `no`, `unknown`). A leading `-` turns
//! a term around.

use std::sync::Arc;
use std::time::Duration;

use memchr::memmem::Finder;
use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::model::backup::{Backup, Opens};
use crate::model::trust::{Rung, VerdictOutcome};
use crate::model::units::Moment;

/// The tokens, in the order in which help and hints name them.
pub const TOKENS: [&str; 9] = ["db", "target", "after", "before", "trust", "format", "key", "seal", "opens"];

/// How many other characters may stand between two characters of a fuzzy word.
const GAP: u32 = 3;

/// What was typed, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    terms: Vec<Term>,
    problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    side: Side,
    test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Keep,
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Word(String),
    Database(Vec<String>),
    Target(Vec<String>),
    Format(Vec<String>),
    Seal(Vec<String>),
    Key(Vec<String>),
    After(Moment),
    Before(Moment),
    AtLeast(Rung),
    Good,
    Stale,
    Bad,
    Outcome(VerdictOutcome),
    Opens(Opens),
}

impl Query {
    /// Reads what was typed. Never fails: what cannot be understood is named by
    /// [`problems`](Self::problems) and matches everything, so that a half-typed token empties no list.
    pub fn parse(text: &str, now: Moment) -> Self {
        let mut query = Self::default();
        for piece in text.split_whitespace() {
            let (side, body) = match piece.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => (Side::Drop, rest),
                _ => (Side::Keep, piece),
            };
            match test_of(&body.to_lowercase(), now) {
                Ok(Some(test)) => query.terms.push(Term { side, test }),
                Ok(None) => {}
                Err(problem) => query.problems.push(problem),
            }
        }
        query
    }

    /// What could not be understood, in words.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Which characters of a cell's text to highlight, as ascending character positions.
    pub fn highlights(&self, text: &str) -> Vec<u32> {
        let mut found = vec![];
        let lower = text.to_lowercase();
        for term in self.terms.iter().filter(|term| term.side == Side::Keep) {
            match &term.test {
                Test::Word(word) => found.extend(positions(word, &lower)),
                Test::Database(parts) | Test::Target(parts) => {
                    found.extend(parts.iter().flat_map(|part| positions(part, &lower)));
                }
                _ => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether everything that passes `self` is sure to pass `before` as well.
    fn narrows(&self, before: &Self) -> bool {
        before.terms.iter().enumerate().all(|(at, old)| self.terms.get(at).is_some_and(|new| new.narrows(old)))
    }
}

impl Term {
    fn narrows(&self, before: &Self) -> bool {
        if self == before {
            return true;
        }
        match (&self.test, &before.test) {
            (Test::Word(new), Test::Word(old)) => {
                self.side == Side::Keep && before.side == Side::Keep && new.starts_with(old.as_str())
            }
            _ => false,
        }
    }
}

fn test_of(body: &str, now: Moment) -> Result<Option<Test>, String> {
    let Some((token, value)) = body.split_once(':') else { return Ok(Some(Test::Word(body.to_owned()))) };
    let parts = || value.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    if !TOKENS.contains(&token) {
        let near = TOKENS.iter().max_by(|a, b| strsim::jaro(a, token).total_cmp(&strsim::jaro(b, token)));
        return Err(format!("no token `{token}:`; the nearest is `{}:`", near.unwrap_or(&TOKENS[0])));
    }
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(match token {
        "db" => Test::Database(parts()),
        "target" => Test::Target(parts()),
        "format" => Test::Format(parts()),
        "seal" => Test::Seal(parts()),
        "key" => Test::Key(parts()),
        "after" => Test::After(moment_of(value, now)?),
        "before" => Test::Before(moment_of(value, now)?),
        "trust" => trust_of(value)?,
        _ => Test::Opens(opens_of(value)?),
    }))
}

fn moment_of(value: &str, now: Moment) -> Result<Moment, String> {
    let spelled = value.replace('t', "T").replace('z', "Z");
    if let Some(moment) = Moment::parse(&spelled) {
        return Ok(moment);
    }
    let unit = match value.chars().last() {
        Some('h') => 3600,
        Some('d') => 86_400,
        Some('w') => 7 * 86_400,
        Some('m') => 60,
        _ => 0,
    };
    let count = value.get(..value.len() - 1).and_then(|digits| digits.parse::<u32>().ok());
    match (unit, count) {
        (1.., Some(count)) => Ok(Moment(now.0 - i64::from(count) * unit * 1000)),
        _ => Err(format!("`{value}` is no date: write 2026-11-20, or an age such as 7d or 12h")),
    }
}

fn trust_of(value: &str) -> Result<Test, String> {
    if let Some(rung) = Rung::ALL.into_iter().find(|rung| rung.word() == value) {
        return Ok(Test::AtLeast(rung));
    }
    Ok(match value {
        "good" => Test::Good,
        "stale" => Test::Stale,
        "bad" => Test::Bad,
        "damaged" => Test::Outcome(VerdictOutcome::Damaged),
        "truncated" => Test::Outcome(VerdictOutcome::Truncated),
        _ => {
            return Err("trust: is listed, intact, opens, whole, proven, good, stale, damaged, truncated or bad".into());
        }
    })
}

fn opens_of(value: &str) -> Result<Opens, String> {
    match value {
        "yes" => Ok(Opens::Yes),
        "no" => Ok(Opens::No),
        "unknown" => Ok(Opens::Unknown),
        _ => Err("opens: is yes, no or unknown".to_owned()),
    }
}

fn positions(word: &str, lower: &str) -> Vec<u32> {
    if let Some(at) = lower.find(word) {
        let start = lower[..at].chars().count() as u32;
        return (start..start + word.chars().count() as u32).collect();
    }
    let (mut buffer, mut found) = (vec![], vec![]);
    let atom = Atom::new(word, CaseMatching::Respect, Normalization::Never, AtomKind::Fuzzy, false);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let hit = atom.indices(Utf32Str::new(lower, &mut buffer), &mut matcher, &mut found);
    found.sort_unstable();
    let tight = found.windows(2).all(|pair| pair[1] - pair[0] <= GAP + 1);
    if hit.is_some() && tight { found } else { vec![] }
}

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
    good: Good,
    opens: Opens,
    format: &'static str,
    seal: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Good {
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
            (true, _) => Good::Stale,
            (false, true) => Good::Good,
            (false, false) => Good::Neither,
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
            Test::Good => row.good == Good::Good,
            Test::Stale => row.good == Good::Stale,
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
    let mask =
        |wanted: u8| text.iter().enumerate().fold(0u128, |all, (at, byte)| all | (u128::from(*byte == wanted) << at));
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

/// The age that `after:7d` stands for, for hints.
pub fn age_token(age: Duration) -> String {
    format!("after:{}d", age.as_secs() / 86_400)
}

#[cfg(test)]
mod tests;
