//! Snapshots of a recovery, which doors draw.

use std::collections::BTreeMap;

use crate::change::reverse::{Reason, Refusal};
use crate::change::undo::Written;
use crate::model::change::ChangeKind;
use crate::model::changes::{Coverage, Rows, TableRef, Wall, WallVerb};
use crate::model::foreign::Foreign;
use crate::model::script::{
    Choice, ChoiceCounts, PartialTransaction, RecoveryView, ScriptHazard, ScriptTable, ScriptWall, StateCounts,
};
use crate::work::recover::state::{State, hazard, label, refused, table_of};

impl State {
    pub(super) fn tables(&self) -> Vec<ScriptTable> {
        let Some(made) = &self.made else { return vec![] };
        let counted = made.tables().filter(|_| self.all.is_none()).cloned();
        let mut tables: BTreeMap<TableRef, Rows> = counted.unwrap_or_default();
        for name in made.index.tables.keys() {
            let table = TableRef { schema: Foreign::new(name.schema.clone()), table: Foreign::new(name.table.clone()) };
            tables.entry(table).or_default();
        }
        for ((table, kind), rows) in self.all.iter().flat_map(|all| &all.doings) {
            let Some(table) = table_of(table) else { continue };
            // What puts a row back undoes a delete.
            let of = match kind {
                ChangeKind::Insert => ChangeKind::Delete,
                ChangeKind::Update => ChangeKind::Update,
                ChangeKind::Delete => ChangeKind::Insert,
            };
            tables.entry(table).or_default().add(of, *rows);
        }
        let choice = |table: &TableRef| {
            let is_out = self.choices.excluded.contains(&(table.schema.clone(), table.table.clone()));
            if is_out { Choice::Exclude } else { Choice::Include }
        };
        tables.into_iter().map(|(table, rows)| ScriptTable { choice: choice(&table), table, rows }).collect()
    }

    fn counts(&self) -> ChoiceCounts {
        let rows = |written: &Option<Written>| written.as_ref().map_or(0, |written| written.doings.values().sum());
        let included: u64 = rows(if self.chosen.is_some() { &self.chosen } else { &self.last });
        let written = self.chosen.as_ref().or(self.last.as_ref());
        let overwrite = written.map_or(0, |written| written.overwriting);
        ChoiceCounts {
            included,
            excluded: if self.last.is_some() { self.total.saturating_sub(included) } else { 0 },
            unknown: included.saturating_sub(self.states().looked_at()),
            overwrite,
        }
    }

    fn states(&self) -> StateCounts {
        let mut counts = StateCounts::default();
        self.states.iter().for_each(|state| counts.add(*state));
        counts
    }

    /// Everything that a door shows but the digest, which is of the header too.
    pub fn view(&self) -> RecoveryView {
        let written = self.chosen.as_ref().or(self.last.as_ref());
        let mut hazards: Vec<ScriptHazard> =
            written.iter().flat_map(|written| written.hazards.iter().map(hazard)).collect();
        let of_all = written.iter().flat_map(|written| &written.of_all);
        hazards.extend(of_all.map(|text| ScriptHazard { code: "script", text: (*text).to_owned(), offers: vec![] }));
        hazards.extend(self.told.iter().cloned());
        hazards.extend(self.defined.iter().cloned());
        hazards.extend(self.around.iter().cloned());
        let (partial, partials) = self.partial();
        RecoveryView {
            title: self.title.clone(),
            source: self.source.source.clone(),
            phase: self.phase.clone(),
            coverage: self.source.coverage.clone(),
            changes: self.total,
            transactions: self.made.as_ref().map_or(0, |made| made.index.transactions()),
            counts: self.counts(),
            states: self.states(),
            tables: self.tables(),
            refused: self.refusals.first.iter().map(refused).collect(),
            refusals: self.refusals.total,
            hazards,
            walls: self.walls(),
            partial,
            partials,
            digest: None,
            check: self.check.clone(),
            written: self.written.clone(),
        }
    }

    /// Definitions that changed where something is to be undone.
    fn walls(&self) -> Vec<ScriptWall> {
        // A wall begins with its transaction, the refusal names the statement itself.
        let of = |refusal: &Refusal| {
            let (Reason::Wall(text) | Reason::Early(text, _)) = &refusal.reason else { return None };
            self.source.walls.iter().rev().find(|wall| {
                *refusal.key.file == wall.file
                    && wall.place.position <= refusal.key.position
                    && text.raw_bytes().starts_with(wall.statement.raw_bytes())
            })
        };
        let walls = self.refusals.first.iter().filter_map(of);
        let from = self.source.coverage.from.as_ref().and_then(|edge| edge.at);
        let script_wall = |wall: &Wall| {
            let taken = wall.backup.as_ref().map(|backup| backup.taken);
            ScriptWall {
                replay_to: format!("{}:{}", wall.file, wall.place.position),
                reaches: taken.zip(from).is_some_and(|(taken, from)| from <= taken) && !has_gap(&self.source.coverage),
                wall: wall.clone(),
            }
        };
        walls.filter(|wall| wall.verb != WallVerb::Create).map(script_wall).collect()
    }

    /// Transactions of which a part stays, in words.
    pub fn view_partial(&self) -> Vec<String> {
        let words = |part: PartialTransaction| {
            let left: Vec<String> = part.left.iter().map(|(table, rows)| format!("{rows} of {table}")).collect();
            format!("{}: {} undone, left: {}", part.label, part.undone, left.join(", "))
        };
        self.partial().0.into_iter().map(words).collect()
    }

    fn partial(&self) -> (Vec<PartialTransaction>, u64) {
        let Some(made) = self.made.as_ref().filter(|made| !made.is_whole()) else { return (vec![], 0) };
        let partial = &made.index.partial;
        let one = |part: &crate::change::index::PartOf| {
            let file = made.index.files.get(part.file as usize).map(|file| file.of.name.to_string());
            let left = part.left.iter().map(|(name, rows)| {
                let table =
                    TableRef { schema: Foreign::new(name.schema.clone()), table: Foreign::new(name.table.clone()) };
                (table, *rows)
            });
            let label = label(&file.unwrap_or_default(), &part.transaction);
            PartialTransaction { label, undone: part.wanted, left: left.collect() }
        };
        (partial.first.iter().map(one).collect(), partial.total)
    }
}

fn has_gap(coverage: &Coverage) -> bool {
    !coverage.gaps.is_empty()
}
