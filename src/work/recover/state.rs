//! What an open recovery knows.

mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use crate::change::reverse::{Alike, Hazard, Refusal, Refusals};
use crate::change::undo::{Choices, Chosen, Reference, RowPlace, Undoing, Written};
use crate::model::change::{ChangedTable, TransactionFacts};
use crate::model::changes::{ChangesView, TableRef};
use crate::model::foreign::Foreign;
use crate::model::script::{
    CheckView, Choice, Decision, Later, Mode, Offer, RecoveryPhase, RefusedChange, RefusedSum, RowNow, RowState,
    ScriptHazard, Surroundings, Which,
};
use crate::report::Report;
use crate::work::changes::table_ref;
use crate::work::recover::error::RecoverError;
use crate::work::recover::made::Made;

/// Statements of pages that were served, for which something can be chosen.
const SEEN: usize = 20_000;
/// Rows that do not match and whose columns are kept.
const DETAILS: usize = 10_000;

/// What is known of a statement that was on a page.
#[derive(Debug, Clone)]
struct Seen {
    number: u64,
    place: RowPlace,
    transaction: u64,
    table: Arc<ChangedTable>,
}

/// What an open recovery knows.
pub struct State {
    pub title: String,
    pub phase: RecoveryPhase,
    pub source: Arc<ChangesView>,
    pub made: Option<Arc<Made>>,
    pub choices: Choices,
    notes: BTreeMap<u64, (RowPlace, String)>,
    /// The transactions of rows for which something was chosen.
    decided_in: BTreeMap<RowPlace, u64>,
    seen: VecDeque<Seen>,
    /// Whether something was chosen, and what that comes to is still worked out.
    pub pending: bool,
    /// Counts decisions: what was worked out for an older one is thrown away.
    pub decided: u64,
    /// Of everything, whatever is chosen.
    pub all: Option<Written>,
    /// Of what is chosen; `None` while it is worked out.
    pub chosen: Option<Written>,
    last: Option<Written>,
    /// How many changes there are, whatever is chosen.
    pub total: u64,
    pub refusals: Refusals,
    /// One for each statement that was looked at.
    states: Vec<RowState>,
    details: HashMap<u64, RowNow>,
    pub check: CheckView,
    /// What a server says of the tables.
    pub around: Vec<ScriptHazard>,
    /// What definitions say of them, until a server does.
    pub defined: Vec<ScriptHazard>,
    /// The server that said what stands around them, and what it said.
    pub asked: Option<(String, Surroundings)>,
    /// Foreign keys of the tables, as far as definitions or a server told them.
    pub references: Arc<[Reference]>,
    /// Triggers and foreign keys that either told: the script stops where the server that it runs on has more.
    pub known: Arc<Surroundings>,
    /// What the changes themselves tell, such as chains that do not hold.
    pub told: Vec<ScriptHazard>,
    pub written: Option<PathBuf>,
}

impl State {
    pub fn new(title: String, source: Arc<ChangesView>) -> Self {
        Self {
            title,
            phase: RecoveryPhase::Reading { done: 0, total: 0 },
            source,
            made: None,
            choices: Choices::default(),
            notes: BTreeMap::new(),
            decided_in: BTreeMap::new(),
            seen: VecDeque::new(),
            pending: true,
            decided: 0,
            all: None,
            chosen: None,
            last: None,
            total: 0,
            refusals: Refusals::default(),
            states: vec![],
            details: HashMap::new(),
            check: CheckView::default(),
            around: vec![],
            defined: vec![],
            asked: None,
            references: Arc::new([]),
            known: Arc::default(),
            told: vec![],
            written: None,
        }
    }

    pub fn fail(&mut self, report: Report) {
        self.phase = RecoveryPhase::Failed(Box::new(report));
        self.pending = false;
    }

    /// Takes what a try with the current choices came to.
    pub fn tried(&mut self, written: Written) {
        self.phase = RecoveryPhase::Ready;
        self.pending = false;
        self.refusals = Refusals::default();
        self.last = Some(written.clone());
        self.chosen = Some(written);
    }

    pub fn refuse(&mut self, refusals: Refusals) {
        self.phase = RecoveryPhase::Refused;
        self.pending = false;
        self.refusals = refusals;
        self.chosen = None;
    }

    /// Whether a statement was on a page of late.
    pub fn has_seen(&self, number: u64) -> bool {
        self.seen.iter().rev().any(|seen| seen.number == number)
    }

    /// Remembers what was on a page.
    pub fn serve(&mut self, rows: &[(u64, Undoing)]) {
        for (number, row) in rows {
            let (place, transaction, table) = (row.place, row.transaction, row.change.table.clone());
            self.seen.push_back(Seen { number: *number, place, transaction, table });
        }
        let over = self.seen.len().saturating_sub(SEEN);
        self.seen.drain(..over);
    }

    /// What is known of the row of a statement now, and what was written beside it.
    pub fn beside(&self, number: u64) -> (RowNow, String) {
        let state = usize::try_from(number).ok().and_then(|at| self.states.get(at)).copied().unwrap_or_default();
        let now = self.details.get(&number).cloned().unwrap_or_default();
        let note = self.notes.get(&number).map(|(_, note)| note.clone()).unwrap_or_default();
        (RowNow { state, ..now }, note)
    }

    /// Notes of rows as they are now.
    pub fn looked_at(&mut self, number: u64, now: RowNow) {
        let Ok(at) = usize::try_from(number) else { return };
        if self.states.len() <= at {
            self.states.resize(at + 1, RowState::Unknown);
        }
        self.states[at] = now.state;
        if now.state != RowState::Matches && self.details.len() < DETAILS {
            self.details.insert(number, now);
        }
    }

    /// A look at the rows begins: what was known of them is forgotten.
    pub fn look_again(&mut self, check: CheckView) {
        self.states.clear();
        self.details.clear();
        self.check = check;
    }

    /// What it came to before does not hold any more.
    pub fn rework(&mut self) {
        self.decided += 1;
        self.pending = true;
        self.chosen = None;
    }

    /// Notes which later change of the same row the logs have.
    pub fn later(&mut self, number: u64, later: Later) {
        if let Some(now) = self.details.get_mut(&number) {
            now.later = Some(later);
        }
    }

    /// Takes decisions, all or none.
    ///
    /// # Errors
    ///
    /// [`RecoverError::NoSuch`].
    pub fn decide_all(&mut self, decisions: Vec<(Which, Decision)>) -> Result<(), RecoverError> {
        let before = (self.choices.clone(), self.decided_in.clone(), self.notes.clone());
        let mut changes = false;
        for (which, decision) in decisions {
            changes |= !matches!(decision, Decision::Note(_));
            if let Err(error) = self.decide(&which, decision) {
                (self.choices, self.decided_in, self.notes) = before;
                return Err(error);
            }
        }
        if changes {
            self.rework();
        }
        Ok(())
    }

    fn decide(&mut self, which: &Which, decision: Decision) -> Result<(), RecoverError> {
        let choice = match decision {
            Decision::Note(note) => return self.note(which, note),
            Decision::Choose(choice) => (Some(choice), None),
            Decision::Mode(mode) => (None, Some(mode)),
        };
        match which {
            Which::Table(table) => self.table(table, choice)?,
            Which::Statement(number) => {
                let seen = self.seen.iter().rev().find(|seen| seen.number == *number).cloned();
                let none = || RecoverError::NoSuch { what: format!("statement {number} on a page") };
                self.row(&seen.ok_or_else(none)?, choice);
            }
            Which::Transaction(number) => {
                if !self.seen.iter().any(|seen| seen.transaction == *number) {
                    return Err(RecoverError::NoSuch { what: format!("transaction {number} on a page") });
                }
                self.transaction(*number, choice);
            }
        }
        Ok(())
    }

    /// What is chosen for a row is kept only where it differs from what holds anyway: a mode says nothing of the choice,
    /// and whatever is left out as a table stays out.
    fn row(&mut self, seen: &Seen, (choice, mode): (Option<Choice>, Option<Mode>)) {
        let name = (seen.table.schema.clone(), seen.table.name.clone());
        let usual = self.choices.usual(seen.transaction, self.choices.excluded.contains(&name));
        let mut chosen = self.choices.rows.remove(&seen.place).unwrap_or_default();
        if choice.is_some() {
            chosen.choice = choice.filter(|choice| *choice != usual.0);
        }
        if mode.is_some() {
            chosen.mode = mode.filter(|mode| *mode != usual.1);
        }
        if chosen != Chosen::default() {
            self.choices.rows.insert(seen.place, chosen);
            self.decided_in.insert(seen.place, seen.transaction);
        }
    }

    /// All of a transaction, on pages or not; what was chosen for its rows before does not count any more.
    fn transaction(&mut self, number: u64, (choice, mode): (Option<Choice>, Option<Mode>)) {
        let mut of = self.choices.transactions.remove(&number).unwrap_or_default();
        if choice.is_some() {
            of.choice = choice.filter(|choice| *choice == Choice::Exclude);
        }
        if mode.is_some() {
            of.mode = mode.filter(|mode| *mode != self.choices.mode);
        }
        if of != Chosen::default() {
            self.choices.transactions.insert(number, of);
        }
        let decided_in = &self.decided_in;
        self.choices.rows.retain(|place, row| {
            if decided_in.get(place) == Some(&number) {
                row.choice = row.choice.filter(|_| choice.is_none());
                row.mode = row.mode.filter(|_| mode.is_none());
            }
            *row != Chosen::default()
        });
    }

    fn table(&mut self, table: &TableRef, (choice, mode): (Option<Choice>, Option<Mode>)) -> Result<(), RecoverError> {
        let is_there = self.tables().iter().any(|known| known.table == *table);
        if !is_there {
            return Err(RecoverError::NoSuch { what: format!("table {table}") });
        }
        if mode.is_some() {
            return Err(RecoverError::NoSuch {
                what: "mode of a whole table: choose it for its statements".to_owned(),
            });
        }
        let name = (table.schema.clone(), table.table.clone());
        match choice {
            Some(Choice::Exclude) => drop(self.choices.excluded.insert(name)),
            _ => drop(self.choices.excluded.remove(&name)),
        }
        Ok(())
    }

    fn note(&mut self, which: &Which, note: String) -> Result<(), RecoverError> {
        let Which::Statement(number) = which else {
            return Err(RecoverError::NoSuch { what: "note but of one statement".to_owned() });
        };
        let seen = self.seen.iter().find(|seen| seen.number == *number);
        let place = seen.ok_or_else(|| RecoverError::NoSuch { what: format!("statement {number} on a page") })?.place;
        match note.trim() {
            "" => drop(self.notes.remove(number)),
            note => drop(self.notes.insert(*number, (place, crate::model::foreign::escape(note)))),
        }
        Ok(())
    }

    /// Notes with the places that they stand beside.
    pub fn notes(&self) -> impl Iterator<Item = (&u64, &RowPlace, &str)> {
        self.notes.iter().map(|(number, (place, note))| (number, place, note.as_str()))
    }
}

/// What people call a transaction: its GTID, else where it begins.
pub fn label(file: &str, facts: &TransactionFacts) -> String {
    facts.gtid.as_ref().map_or_else(|| format!("{file}:{}", facts.start), ToString::to_string)
}

/// A refusal as doors show it.
pub fn refused(refusal: &Refusal) -> RefusedChange {
    RefusedChange {
        key: refusal.key.clone(),
        table: refusal.table.as_ref().map(table_ref),
        reason: refusal.reason.to_string(),
    }
}

/// Refusals of one kind as doors show them.
pub fn refused_sum(alike: &Alike) -> RefusedSum {
    RefusedSum { first: refused(&alike.first), count: alike.count }
}

/// A hazard of the script itself, as doors show it.
pub fn hazard(hazard: &Hazard) -> ScriptHazard {
    let code = match hazard {
        Hazard::NoKey(_) => "no_key",
        Hazard::EngineUnknown(_) => "engine_unknown",
    };
    ScriptHazard { code, text: hazard.to_string(), offers: Vec::<Offer>::new() }
}

/// A quoted name with its database, taken apart.
pub fn table_of(quoted: &str) -> Option<TableRef> {
    let mut names = vec![];
    let mut rest = quoted;
    while let Some(inner) = rest.strip_prefix('`') {
        let mut name = String::new();
        let mut chars = inner.char_indices().peekable();
        let end = loop {
            match (chars.next()?, chars.peek()) {
                ((_, '`'), Some((_, '`'))) => {
                    name.push('`');
                    chars.next();
                }
                ((at, '`'), _) => break at,
                ((_, other), _) => name.push(other),
            }
        };
        names.push(Foreign::from(name));
        rest = inner[end + 1..].strip_prefix('.').unwrap_or(&inner[end + 1..]);
    }
    match <[Foreign; 2]>::try_from(names) {
        Ok([schema, table]) if rest.is_empty() => Some(TableRef { schema, table }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_taken_apart() {
        let table = |schema: &str, table: &str| Some(TableRef { schema: schema.into(), table: table.into() });
        assert_eq!(table_of("`shop`.`orders`"), table("shop", "orders"));
        assert_eq!(table_of("`a``.b`.`c.d`"), table("a`.b", "c.d"));
        for none in ["shop.orders", "`shop`", "`a`.`b`.`c`", "`a`.`b`x", "`a"] {
            assert_eq!(table_of(none), None, "{none}");
        }
    }
}
