//! Reads a finished script again, with a grammar of its own, and proves that nothing else is in it than was meant.
//!
//! It knows nothing of how literals and names are written elsewhere: what the writer gets wrong, this does not
//! get wrong in the same way. Every line must be one of a few; whatever is not fails.

mod grammar;
mod walk;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::change::reread::grammar::statement;
use crate::change::reverse::Plan;
use crate::change::script::{CHECKS, CLOSING, COUNT, DECIDE, GROUP, HIDDEN, OPENING, ROWS, RUN_HIDDEN, SETTLED, STOP};
use crate::model::change::ChangeKind;

pub use crate::change::reread::walk::{Condition, ConditionForm, ScriptStatement, Statements};

/// What a script does: rows by table (its quoted name) and kind.
pub type Doings = BTreeMap<(String, ChangeKind), u64>;

/// Why a script is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, miette::Diagnostic)]
pub enum RereadError {
    /// A line is not one of those that may stand there.
    #[error("line {line} of the script is not what may stand there: {what}")]
    #[diagnostic(code(undo::reread), help("nothing was kept; please report this with the change that it is of"))]
    Line {
        /// Counts from 1; one behind the last when something is missing.
        line: usize,
        /// What does not hold.
        what: &'static str,
    },
    /// The digest in the header is not of what follows it.
    #[error("the script's digest does not match its statements")]
    #[diagnostic(code(undo::digest), help("it was changed after it was written; write it again"))]
    Digest,
    /// It does not do what the plan says.
    #[error("the script does not do what was planned")]
    #[diagnostic(code(undo::doings), help("nothing was kept; please report this with the change that it is of"))]
    Doings,
}

impl crate::report::Reportable for RereadError {
    fn fault(&self) -> crate::report::Fault {
        crate::report::Fault::Integrity
    }
}

/// What a plan means to do.
pub fn planned(plan: &Plan) -> Doings {
    let mut doings = Doings::new();
    for inverse in &plan.inverses {
        *doings.entry((inverse.table.to_string(), inverse.action.kind())).or_default() += 1;
    }
    doings
}

/// Proves that a script is whole, of the expected shape, and does exactly this and nothing else.
///
/// # Errors
///
/// The first thing that does not hold.
pub fn prove(script: &[u8], expected: &Doings) -> Result<(), RereadError> {
    if read(script)? == *expected { Ok(()) } else { Err(RereadError::Doings) }
}

/// Reads a whole script: what it does.
///
/// # Errors
///
/// The first line that may not stand where it does, and a digest that does not match.
pub fn read(script: &[u8]) -> Result<Doings, RereadError> {
    let mut lines = Lines::new(script)?;
    let digest = lines.header()?;
    if Sha256::digest(&script[lines.start..]).as_slice() != digest {
        return Err(RereadError::Digest);
    }
    lines.fixed(OPENING)?;
    lines.one_of(&CHECKS)?;
    lines.fixed(SETTLED)?;
    let (mut doings, mut done) = (Doings::new(), 0);
    loop {
        lines.skip_comments();
        if lines.next == Some(STOP) {
            lines.take()?;
            if done % GROUP == 0 && lines.has_more_statements() {
                continue;
            }
            break;
        }
        lines.statement(&mut doings)?;
        done += 1;
        let is_stop_due = done % GROUP == 0;
        if is_stop_due && lines.next != Some(STOP) {
            return Err(lines.broken("a place to stop at is missing"));
        }
    }
    let decision = lines.take()?;
    let count = decision.strip_prefix(DECIDE).and_then(|rest| rest.strip_suffix(",'COMMIT','ROLLBACK');"));
    if count != Some(done.to_string().as_str()) {
        return Err(lines.broken("another number of statements is expected than there are"));
    }
    lines.fixed(CLOSING)?;
    if lines.next.is_none() { Ok(doings) } else { Err(lines.broken("something stands behind the end")) }
}

struct Lines<'a> {
    /// The line to look at.
    next: Option<&'a str>,
    /// How many lines were taken, all in all.
    taken: usize,
    /// Bytes of the lines that were taken.
    start: usize,
    behind: std::str::Split<'a, char>,
}

impl<'a> Lines<'a> {
    fn new(script: &'a [u8]) -> Result<Self, RereadError> {
        let allowed = |byte: &u8| *byte == b'\n' || (b' '..=b'~').contains(byte);
        let text = std::str::from_utf8(script).ok().filter(|_| script.iter().all(allowed));
        let text = text.and_then(|text| text.strip_suffix('\n'));
        let text = text.ok_or(RereadError::Line { line: 1, what: "it is not lines of printable ASCII" })?;
        let mut behind = text.split('\n');
        Ok(Self { next: behind.next(), taken: 0, start: 0, behind })
    }

    fn broken(&self, what: &'static str) -> RereadError {
        RereadError::Line { line: self.taken + 1, what }
    }

    fn take(&mut self) -> Result<&'a str, RereadError> {
        let line = self.next.ok_or_else(|| self.broken("it ends too early"))?;
        self.taken += 1;
        self.start += line.len() + 1;
        self.next = self.behind.next();
        Ok(line)
    }

    /// The comments at the front; the last one is the digest of everything behind them.
    fn header(&mut self) -> Result<Vec<u8>, RereadError> {
        let mut last = "";
        while self.next.is_some_and(|line| line.starts_with("-- ")) {
            last = self.take()?;
        }
        let digest = last.strip_prefix("-- digest: ").ok_or_else(|| self.broken("the header has no digest"))?;
        data_encoding::HEXLOWER.decode(digest.as_bytes()).map_err(|_| self.broken("the digest is none"))
    }

    fn skip_comments(&mut self) {
        while self.next.is_some_and(|line| line.starts_with("-- ")) {
            let _ = self.take();
        }
    }

    fn fixed(&mut self, expected: &[&str]) -> Result<(), RereadError> {
        expected.iter().try_for_each(|line| self.one_of(&[line]))
    }

    fn one_of(&mut self, expected: &[&str]) -> Result<(), RereadError> {
        match self.next {
            Some(line) if expected.contains(&line) => self.take().map(|_| ()),
            _ => Err(self.broken("a fixed line is missing or another stands in its place")),
        }
    }

    fn has_more_statements(&self) -> bool {
        self.next.is_some_and(|line| !line.starts_with(DECIDE))
    }

    /// One statement and its count.
    fn statement(&mut self, doings: &mut Doings) -> Result<(), RereadError> {
        let line = self.take()?;
        let hidden = line.strip_prefix(HIDDEN).and_then(|rest| rest.strip_suffix("';"));
        let text = match hidden {
            None => line.to_owned(),
            Some(digits) => {
                self.fixed(&RUN_HIDDEN)?;
                let bytes = data_encoding::HEXUPPER.decode(digits.as_bytes()).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                text.ok_or_else(|| self.broken("a statement in hexadecimal that is none"))? + ";"
            }
        };
        let done = statement(&text).map_err(|what| RereadError::Line { line: self.taken, what })?;
        let count = self.take()?.strip_prefix(COUNT).and_then(|rest| rest.strip_suffix(");"));
        if count != Some(done.rows.to_string().as_str()) || done.rows > ROWS as u64 {
            return Err(self.broken("another number of rows is expected than the statement has"));
        }
        *doings.entry((done.table, done.kind)).or_default() += done.rows;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
