//! The life of one row, followed through changes of its key both ways.
//!
//! Two forward passes: the first gathers how keys changed, the second the changes of every key that leads to the
//! one asked for, each only for the time in which it was this row's.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::change::error::{BinlogError, Broken};
use crate::change::rows::RowCells;
use crate::change::schema::Described;
use crate::change::transactions::{Fate, RowsItem};
use crate::model::change::{Change, ChangeKind, ChangedTable};
use crate::model::changes::{Life, Literal, Passes, RowValue, RowValues, TableRef};
use crate::model::units::grouped;
use crate::report::{Fault, Report};
use crate::work::changes::walk::{Opened, Seen, Spot, Visit, change};
use crate::work::changes::wanted::Cells;

/// The most changes of one life.
const MOST: usize = 10_000;
/// The most changes of keys that are remembered.
const EDGES: usize = 1 << 20;

type Key = Vec<Literal>;

/// A key that became another one; `nth` counts the table's rows.
struct Edge {
    from: Key,
    to: Key,
    nth: u64,
}

/// The rows of one table, one by one.
struct Table<'t, F> {
    opened: &'t Opened,
    table: &'t TableRef,
    nth: u64,
    row: F,
}

/// One row of the table.
struct Row<'r, 'a> {
    nth: u64,
    spot: Spot,
    item: &'r RowsItem<'r>,
    cells: (&'r RowCells<'a>, u32),
    described: &'r Described,
    fate: Fate,
    before: Option<Key>,
    after: Option<Key>,
}

impl<F> Visit for Table<'_, F>
where
    F: FnMut(&Opened, Row<'_, '_>) -> Result<ControlFlow<()>, BinlogError>,
{
    fn see(&mut self, spot: Spot, seen: Seen<'_>) -> Result<ControlFlow<()>, BinlogError> {
        let Seen::Rows { item, table, fate } = seen else { return Ok(ControlFlow::Continue(())) };
        let is_it = item.event.table.schema == self.table.schema && item.event.table.name == self.table.table;
        if !is_it || fate == Fate::RolledBack {
            return Ok(ControlFlow::Continue(()));
        }
        let columns = table.shown.key_columns();
        let (mut cells, mut walk, mut row) = (RowCells::default(), item.event.rows(), 0);
        while walk.read(&mut cells).map_err(|broken: Broken| broken.at(item.place.position))? {
            let values = Cells { table: &table.log, cells: &cells };
            let key = |is_after: bool| -> Option<Key> {
                let value = |at: usize| match (is_after, values.after(at)) {
                    // An image after may leave out what stayed as it was.
                    (true, RowValue::LeftOut) if item.event.kind == ChangeKind::Update => values.before(at),
                    (true, after) => after,
                    (false, _) => values.before(at),
                };
                let literal = |at: &usize| match value(*at) {
                    RowValue::Is(value) => Some(Literal::of(&value, &table.shown.columns[*at])),
                    _ => None,
                };
                columns.iter().map(literal).collect::<Option<Key>>().filter(|key| !key.is_empty())
            };
            let (before, after) = match item.event.kind {
                ChangeKind::Insert => (None, key(true)),
                ChangeKind::Delete => (key(false), None),
                ChangeKind::Update => (key(false), key(true)),
            };
            self.nth += 1;
            let nth = self.nth;
            let one = Row { nth, spot, item, cells: (&cells, row), described: table, fate, before, after };
            if (self.row)(self.opened, one)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            row += 1;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// A key as long as it was this row's: changes up to `until`, since the row last came to have it.
struct Earlier {
    key: Key,
    until: u64,
    /// The node that this one leads to.
    into: Option<usize>,
    changes: Vec<(u64, Change)>,
}

/// What the first pass learns of the table.
#[derive(Default)]
struct Learned {
    edges: Vec<Edge>,
    table: Option<Arc<ChangedTable>>,
    root: Option<Key>,
    cut: bool,
}

/// Follows a row.
///
/// # Errors
///
/// When the log has no such table, or its key is unknown or has another number of columns.
pub fn of(opened: &Opened, table: &TableRef, key: &[Literal]) -> Result<Life, Report> {
    let learned = learn(opened, table, key);
    let Some(shown) = learned.table else {
        let text = format!("the log has no rows of {table}");
        return Err(Report::new(Fault::Usage, "changes::no_table", text, "names are compared byte for byte"));
    };
    let columns = shown.key_columns();
    if columns.is_empty() {
        let text = format!("nothing tells the key of {table}");
        let advice = "give its definition with --schema; a table without a key has no rows that can be followed";
        return Err(Report::new(Fault::Refused, "changes::no_key", text, advice));
    }
    if columns.len() != key.len() {
        let names: Vec<String> = columns.iter().map(|at| shown.columns[*at].name.to_string()).collect();
        let text = format!("the key of {table} is ({}): {} values, not {}", names.join(", "), columns.len(), key.len());
        return Err(Report::new(Fault::Usage, "changes::key", text, "write them in that order with commas between"));
    }
    // As the log writes it: `07` asked for is `7` there.
    let root = learned.root.unwrap_or_else(|| key.to_vec());
    let nodes = nodes(&root, &learned.edges);
    Ok(follow(opened, table, (root, nodes), shown, learned.cut))
}

fn learn(opened: &Opened, table: &TableRef, key: &[Literal]) -> Learned {
    let mut learned = Learned::default();
    let row = |_: &Opened, row: Row<'_, '_>| {
        learned.table = Some(row.described.shown.clone());
        if learned.root.is_none() {
            let values = Cells { table: &row.described.log, cells: row.cells.0 };
            if row.described.shown.has_that_key(&values, key) == Passes::Yes {
                let columns = row.described.shown.key_columns();
                let is = |found: &&Key| {
                    columns.iter().zip(key).zip(found.iter()).all(|((_, wanted), found)| same(wanted, found))
                };
                learned.root = [&row.before, &row.after].into_iter().flatten().find(is).cloned();
            }
        }
        if let (Some(from), Some(to)) = (row.before, row.after)
            && from != to
        {
            match learned.edges.len() < EDGES {
                true => learned.edges.push(Edge { from, to, nth: row.nth }),
                false => learned.cut = true,
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    opened.walk(opened.start(), &mut Table { opened, table, nth: 0, row });
    learned
}

/// Whether what was typed is what the log has; numbers may be typed in other ways.
fn same(wanted: &Literal, found: &Literal) -> bool {
    let number = |literal: &Literal| match literal {
        Literal::Text(text) => text.raw_str().and_then(|text| text.parse::<i128>().ok()),
        _ => None,
    };
    wanted == found || (number(wanted).is_some() && number(wanted) == number(found))
}

/// Every key that led to the one asked for, with the row at which it did.
fn nodes(root: &Key, edges: &[Edge]) -> Vec<Earlier> {
    let mut nodes = vec![Earlier { key: root.clone(), until: u64::MAX, into: None, changes: vec![] }];
    let mut seen = HashSet::new();
    let mut at = 0;
    while at < nodes.len() && nodes.len() < EDGES {
        let (key, until) = (nodes[at].key.clone(), nodes[at].until);
        let leads = |edge: &&Edge| edge.to == key && edge.nth < until;
        // Of the row asked for all earlier ones count; of an earlier one only the last before it moved on.
        let into: Vec<&Edge> = match at {
            0 => edges.iter().filter(leads).collect(),
            _ => edges.iter().rev().find(leads).into_iter().collect(),
        };
        for edge in into.into_iter().filter(|edge| edge.from != *root) {
            if seen.insert(edge.nth) {
                nodes.push(Earlier { key: edge.from.clone(), until: edge.nth, into: Some(at), changes: vec![] });
            }
        }
        at += 1;
    }
    nodes
}

/// Gathers the changes of the second pass.
struct Following {
    nodes: Vec<Earlier>,
    by_key: HashMap<Key, Vec<usize>>,
    /// Keys that the row has had since it had the one asked for.
    later: HashSet<Key>,
    root: Key,
    kept: usize,
    cut: bool,
    /// Changes of which nothing tells whose they are.
    untold: u64,
}

impl Following {
    fn row(&mut self, opened: &Opened, row: &Row<'_, '_>) -> Result<(), BinlogError> {
        self.untold += u64::from(row.before.is_none() && row.after.is_none());
        let is_root = [&row.before, &row.after].into_iter().flatten().any(|key| *key == self.root);
        let is_later = row.before.as_ref().is_some_and(|key| self.later.contains(key));
        let mut homes: Vec<usize> = vec![];
        for key in [&row.before, &row.after].into_iter().flatten() {
            let known = self.by_key.get(key).into_iter().flatten().copied();
            homes.extend(known.filter(|at| *at > 0 && row.nth <= self.nodes[*at].until));
        }
        homes.sort_unstable();
        homes.dedup();
        // A row that comes to be with that key, or goes, is another row than the one that came before.
        let born = if row.before.is_none() { row.after.as_ref() } else { None };
        let gone = if row.after.is_none() { row.before.as_ref() } else { None };
        for key in [born, gone].into_iter().flatten() {
            for at in homes.clone() {
                if self.nodes[at].key == *key {
                    self.forget(at);
                }
            }
        }
        homes.retain(|at| gone.is_none_or(|key| self.nodes[*at].key != *key));
        if is_root || is_later || !homes.is_empty() {
            if self.kept >= MOST {
                self.cut = true;
                return Ok(());
            }
            let of = opened.log_file(row.spot.at.file);
            let change = change(&of, row.item, row.cells, row.described, row.fate)?;
            let home = if is_root || is_later { 0 } else { homes[0] };
            self.nodes[home].changes.push((row.nth, change));
            self.kept += 1;
        }
        self.move_on(row);
        Ok(())
    }

    /// Lets go of what an earlier row did under a key, and of what led to it.
    fn forget(&mut self, at: usize) {
        self.kept -= self.nodes[at].changes.len();
        self.nodes[at].changes.clear();
        let until = self.nodes[at].until;
        let leading: Vec<usize> = (at + 1..self.nodes.len())
            .filter(|other| self.nodes[*other].into == Some(at) && self.nodes[*other].until < until)
            .collect();
        leading.into_iter().for_each(|other| self.forget(other));
    }

    /// Follows the row to the key that it has from now on.
    fn move_on(&mut self, row: &Row<'_, '_>) {
        let Some(before) = &row.before else { return };
        let was_ours = *before == self.root || self.later.remove(before);
        match &row.after {
            Some(after) if was_ours && *after != self.root => drop(self.later.insert(after.clone())),
            _ => {}
        }
    }
}

fn follow(
    opened: &Opened,
    table: &TableRef,
    (root, nodes): (Key, Vec<Earlier>),
    shown: Arc<ChangedTable>,
    cut: bool,
) -> Life {
    let mut by_key: HashMap<Key, Vec<usize>> = HashMap::new();
    for (at, node) in nodes.iter().enumerate() {
        by_key.entry(node.key.clone()).or_default().push(at);
    }
    let mut following = Following { nodes, by_key, later: HashSet::new(), root, kept: 0, cut, untold: 0 };
    let row = |opened: &Opened, row: Row<'_, '_>| following.row(opened, &row).map(|()| ControlFlow::Continue(()));
    opened.walk(opened.start(), &mut Table { opened, table, nth: 0, row });
    let mut changes: Vec<(u64, Change)> = following.nodes.into_iter().flat_map(|node| node.changes).collect();
    changes.sort_by_key(|(nth, _)| *nth);
    changes.dedup_by_key(|(nth, _)| *nth);
    let changes: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
    let mut keys: Vec<Key> = vec![];
    for change in &changes {
        let columns = change.table.key_columns();
        for image in [&change.before, &change.after].into_iter().flatten() {
            let literal = |at: &usize| Some(Literal::of(image.values.get(*at)?.as_ref()?, &change.table.columns[*at]));
            let key: Option<Key> = columns.iter().map(literal).collect();
            keys.extend(key.filter(|key| !keys.contains(key)));
        }
    }
    let mut remarks = vec![];
    if following.cut {
        remarks.push(format!("only the first {MOST} changes are here"));
    }
    if following.untold > 0 {
        let rows = if following.untold == 1 { "row" } else { "rows" };
        let many = grouped(following.untold);
        remarks
            .push(format!("{many} {rows} of {table} may belong here: nothing tells their key, or it cannot be read"));
    }
    Life { table: shown, changes, keys, cut: following.cut, remarks }
}
