//! Several statements of one row: only the first of them meets the row as it is now, the others meet what the one in
//! front of them leaves.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::change::review::{How, Literal, Pair, RowStatement};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;
use crate::model::script::{RowState, TableNow};

/// Keys that are remembered, at most.
const MOST: usize = 1_000_000;

/// The key under which a statement finds its row, and the one under which it leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys {
    finds: u64,
    leaves: u64,
}

/// How the first statement of a row stood to it.
#[derive(Debug, Clone, Copy)]
enum Standing {
    /// It fits, and so does all that follows.
    Fits,
    /// It does not; see [`Chains::off`].
    Off(usize),
}

/// Statements of one row of which the first does not fit.
#[derive(Debug)]
struct Off {
    state: RowState,
    /// Each with what it was said to be.
    members: Vec<(u64, RowState)>,
}

/// Follows rows through a script, from its first statement on.
#[derive(Debug, Default)]
pub(super) struct Chains {
    keys: HashMap<u64, Standing>,
    off: Vec<Off>,
}

/// What a statement comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) state: RowState,
    /// Statements in front of it that are undone already, as it turns out, with what they were said to be.
    pub(super) undone: Vec<(u64, RowState)>,
}

impl Chains {
    /// What a statement comes to that looked like `alone` by itself.
    pub(super) fn judge(&mut self, number: u64, keys: Option<Keys>, alone: RowState) -> Judged {
        let Some(keys) = keys else { return Judged { state: alone, undone: vec![] } };
        let (state, standing, undone) = match self.keys.get(&keys.finds).copied() {
            None if self.keys.len() >= MOST && alone != RowState::Matches => (RowState::Unknowable, None, vec![]),
            None if alone == RowState::Matches => (alone, Some(Standing::Fits), vec![]),
            None => {
                self.off.push(Off { state: alone, members: vec![(number, alone)] });
                (alone, Some(Standing::Off(self.off.len() - 1)), vec![])
            }
            Some(Standing::Fits) => (RowState::Matches, Some(Standing::Fits), vec![]),
            Some(Standing::Off(at)) => self.behind(at, number, alone),
        };
        if let Some(standing) = standing
            && self.keys.len() < MOST
        {
            self.keys.insert(keys.finds, standing);
            self.keys.insert(keys.leaves, standing);
        }
        Judged { state, undone }
    }

    /// A statement behind others of its row of which the first does not fit.
    fn behind(
        &mut self,
        at: usize,
        number: u64,
        alone: RowState,
    ) -> (RowState, Option<Standing>, Vec<(u64, RowState)>) {
        let off = &mut self.off[at];
        match alone {
            // The row is where this one begins: those in front have been undone.
            RowState::Matches => (alone, Some(Standing::Fits), std::mem::take(&mut off.members)),
            RowState::Undone => {
                let undone = std::mem::replace(&mut off.members, vec![(number, alone)]);
                off.state = alone;
                (alone, Some(Standing::Off(at)), undone)
            }
            _ => {
                off.members.push((number, off.state));
                (off.state, Some(Standing::Off(at)), vec![])
            }
        }
    }
}

/// The keys of a statement; `row` is one of an INSERT's. `None` where its literals do not tell them.
pub(super) fn keys(statement: &RowStatement, row: Option<&[Literal]>, table: &TableNow) -> Option<Keys> {
    let same = |one: &Foreign, other: &Foreign| one.raw_bytes().eq_ignore_ascii_case(other.raw_bytes());
    let found = |part: &Foreign| {
        let own = statement.only.iter().filter(|pair| same(&pair.column, part) && pair.value != Literal::Null);
        // The plain comparison, rather than one of the ways that show a column's bytes.
        own.min_by_key(|pair| matches!(pair.how, How::Seen(_))).map(|pair| &pair.value)
    };
    let given = |part: &Foreign| {
        let at = statement.columns.iter().position(|column| same(column, part))?;
        row?.get(at)
    };
    let set = |part: &Foreign| {
        let own = statement.set.iter().find(|pair: &&Pair| same(&pair.column, part)).map(|pair| &pair.value);
        own.or_else(|| found(part))
    };
    match statement.kind {
        ChangeKind::Insert => key(table, given).map(|key| Keys { finds: key, leaves: key }),
        ChangeKind::Delete => key(table, found).map(|key| Keys { finds: key, leaves: key }),
        ChangeKind::Update => Some(Keys { finds: key(table, found)?, leaves: key(table, set)? }),
    }
}

fn key<'l>(table: &TableNow, value: impl Fn(&Foreign) -> Option<&'l Literal>) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (table.table.schema.raw_bytes(), table.table.table.raw_bytes()).hash(&mut hasher);
    for part in &table.key {
        match value(part)? {
            Literal::Number(text) | Literal::Bits(text) => (0, text.as_bytes()).hash(&mut hasher),
            Literal::Text { bytes, .. } | Literal::Bytes { bytes, .. } => (1, &bytes[..]).hash(&mut hasher),
            Literal::Null | Literal::Default => return None,
        }
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Keys = Keys { finds: 1, leaves: 1 };

    fn states(rows: &[(Keys, RowState)]) -> Vec<RowState> {
        let (mut chains, mut states) = (Chains::default(), vec![]);
        for (number, (keys, alone)) in (0..).zip(rows) {
            let judged = chains.judge(number, Some(*keys), *alone);
            states.push(judged.state);
            for (number, was) in judged.undone {
                assert_eq!(std::mem::replace(&mut states[number as usize], RowState::Undone), was);
            }
        }
        states
    }

    #[test]
    fn k8_a_row_is_judged_by_the_first_statement_that_meets_it() {
        use RowState::{Changed, Gone, Matches, Undone};
        // Each alone would say that the row was changed since.
        assert_eq!(states(&[(ONE, Matches), (ONE, Changed), (ONE, Undone)]), [Matches; 3]);
        assert_eq!(states(&[(ONE, Changed), (ONE, Gone)]), [Changed; 2]);
        // Undone as a whole, or as far as one of them.
        assert_eq!(states(&[(ONE, Changed), (ONE, Changed), (ONE, Undone)]), [Undone; 3]);
        assert_eq!(states(&[(ONE, Undone), (ONE, Matches), (ONE, Changed)]), [Undone, Matches, Matches]);
        assert_eq!(states(&[(ONE, Undone), (ONE, Undone), (ONE, Matches)]), [Undone, Undone, Matches]);
        // A row is followed to another key, and rows of other keys are others.
        let (moved, two) = (Keys { finds: 1, leaves: 2 }, Keys { finds: 2, leaves: 2 });
        assert_eq!(states(&[(moved, Matches), (two, Gone)]), [Matches; 2]);
        assert_eq!(states(&[(ONE, Matches), (two, Gone)]), [Matches, Gone]);
        assert_eq!(Chains::default().judge(0, None, Gone), Judged { state: Gone, undone: vec![] });
    }
}
