//! Whether each change of a row begins where the one before it ended: what the logs themselves can tell of holes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::change::undo::Undoing;
use crate::model::change::{Certainty, Change, RowImage};
use crate::model::changes::ChangeFilter;
use crate::model::script::ScriptHazard;
use crate::work::recover::made::{Made, Reading, Wish};

/// Changes that are looked at, at most: a look reads every row once more.
const MOST: u64 = 200_000;

/// Follows rows from their last change to their first.
#[derive(Debug, Default)]
struct Chains {
    /// What each row was before the change that was seen last, by table and key; `None`: it was not there.
    before: HashMap<u64, Option<u64>>,
    broken: u64,
    first: Option<String>,
}

/// Whether a filter leaves no change of a row out between two that it takes.
pub fn is_unbroken(filter: &ChangeFilter) -> bool {
    let ChangeFilter { kinds, gtids, threads, changed, values, statement, .. } = filter;
    kinds.is_empty()
        && gtids.is_none()
        && threads.is_empty()
        && changed.is_empty()
        && values.is_empty()
        && statement.is_none()
}

/// What the chains of all rows tell; nothing where they hold.
pub fn hazards(made: &Made, filter: &ChangeFilter, reading: &Reading) -> Vec<ScriptHazard> {
    if !is_unbroken(filter) {
        return vec![];
    }
    let changes = made.changes().unwrap_or(u64::MAX);
    if changes > MOST {
        let text = format!("chains of changes were not followed: there are more than {MOST} of them");
        return vec![ScriptHazard { code: "chain_unread", text, offers: vec![] }];
    }
    let (mut chains, all) = (Chains::default(), Wish::default());
    for at in 0..made.index.windows() {
        if reading.cancel.is_cancelled() {
            break;
        }
        // What cannot be read is said by whoever writes the script.
        let Ok(rows) = made.window(&all, at) else { break };
        rows.iter().for_each(|row| chains.see(row));
    }
    let Some(first) = chains.first else { return vec![] };
    let text = format!(
        "{} changes do not begin where the one before them ended: something changed these rows that the logs do not \
         have (the first behind {first})",
        chains.broken
    );
    vec![ScriptHazard { code: "chain", text, offers: vec![] }]
}

impl Chains {
    /// Rows come from the last change to the first.
    fn see(&mut self, row: &Undoing) {
        let change = &row.change;
        if change.certainty != Certainty::Exact || !change.table.has_key() {
            return;
        }
        let key = |image: &Option<RowImage>| image.as_ref().and_then(|image| key_of(change, image));
        let whole = |image: &Option<RowImage>| image.as_ref().map(hash_of);
        let (before, after) = (key(&change.before), key(&change.after));
        // A row that goes leaves its key without one.
        let left = after.or(before);
        if let Some(left) = left
            && let Some(next) = self.before.get(&left)
            && *next != whole(&change.after)
        {
            self.broken += 1;
            self.first.get_or_insert_with(|| format!("{}:{}", change.key.file, change.key.position));
        }
        if before != after
            && let Some(after) = after
        {
            self.before.insert(after, None); // whatever had this key before went
        }
        if let Some(before) = before {
            self.before.insert(before, whole(&change.before));
        }
    }
}

fn key_of(change: &Change, image: &RowImage) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    (change.table.schema.raw_bytes(), change.table.name.raw_bytes()).hash(&mut hasher);
    for at in change.table.key_columns() {
        image.values.get(at)?.as_ref()?.hash(&mut hasher);
    }
    Some(hasher.finish())
}

fn hash_of(image: &RowImage) -> u64 {
    let mut hasher = DefaultHasher::new();
    image.values.hash(&mut hasher);
    hasher.finish()
}
