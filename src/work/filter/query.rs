//! What was typed into a filter, understood.

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::model::backup::Opens;
use crate::model::trust::{Rung, VerdictOutcome};
use crate::model::units::Moment;
use crate::work::filter::GAP;

/// The tokens, in the order in which help and hints name them.
pub const TOKENS: [&str; 9] = ["db", "target", "after", "before", "trust", "format", "key", "seal", "opens"];

/// What was typed, understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    pub(super) terms: Vec<Term>,
    problems: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) side: Side,
    pub(super) test: Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Keep,
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
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
    pub(super) fn narrows(&self, before: &Self) -> bool {
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
