//! Snapshots of what a pass has found.

use std::sync::Arc;

use crate::change::schema::{Timeline, Unknown};
use crate::model::changes::{ChangesView, FactsSource, TableTotals, ViewState};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::work::catalog::Catalog;
use crate::work::changes::bursts;
use crate::work::changes::listing::Listing;
use crate::work::changes::stats::TableSums;
use crate::work::changes::survey::Surveyed;
use crate::work::changes::walls;

/// What is known by now, `state` says how far that is.
pub fn of(
    (label, listing): (&Arc<Foreign>, &Listing),
    surveyed: &Surveyed,
    (facts, catalog): (&[FactsSource], &Catalog),
    state: ViewState,
) -> ChangesView {
    let stats = &surveyed.stats;
    let (order, new) = stats.order();
    let tables = order.iter().map(|at| totals(&stats.tables[*at], &surveyed.timeline)).collect();
    let mut coverage = surveyed.coverage.clone();
    coverage.gaps.sort_by_key(|gap| {
        let file = gap.after.as_ref().or(gap.before.as_ref()).map(|edge| &edge.file);
        listing.logs.iter().position(|log| Some(&log.name) == file)
    });
    let mut walls = surveyed.walls.clone();
    walls.iter_mut().for_each(|wall| wall.backup = walls::backup_for(wall, catalog));
    let mut problems = listing.problems.clone();
    problems.extend(surveyed.problems.iter().cloned());
    ChangesView {
        source: label.clone(),
        state,
        coverage,
        files: surveyed.files.clone(),
        totals: stats.totals,
        tables,
        histogram: Arc::new(stats.histogram.renumbered(&new)),
        bursts: bursts::find(stats),
        walls,
        more_walls: surveyed.more_walls,
        statements: surveyed.statements.clone(),
        entries: stats.entries,
        problems,
        facts: facts.to_vec(),
    }
}

fn totals(sums: &TableSums, timeline: &Timeline) -> TableTotals {
    let described = sums.shapes.iter().map(|(table, place)| timeline.describe(table, *place));
    let unnamed = described.filter(|described| !described.shown.named).map(|described| why(described.unknown)).next();
    let (from, to) = sums.span.unwrap_or((Moment(0), Moment(0)));
    TableTotals {
        table: sums.table.clone(),
        rows: sums.rows,
        transactions: sums.transactions,
        bytes: sums.bytes,
        from,
        to,
        named: unnamed.is_none(),
        unnamed_because: unnamed,
    }
}

fn why(unknown: Option<Unknown>) -> String {
    unknown.unwrap_or(Unknown::Never).to_string()
}
