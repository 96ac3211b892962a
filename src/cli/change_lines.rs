//! The JSON of `changes --summary` and `changes --transactions`.

use serde::Serialize;

use crate::model::change::{BinlogPos, Gtid};
use crate::model::changes::{
    Burst, ChangesView, Edge, Entry, FactsSource, Gap, LogFacts, Problem, Rows, Settled, TableTotals, TextStatement,
    Totals, TransactionLine, ViewState, Wall,
};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// How many bars a drawing of the whole source has at most.
const BARS: usize = 120;

/// Everything about a source on one line.
#[derive(Debug, Serialize)]
pub struct SummaryLine<'v> {
    source: &'v Foreign,
    state: ViewState,
    coverage: CoverageLine<'v>,
    files: &'v [LogFacts],
    totals: &'v Totals,
    tables: &'v [TableTotals],
    timeline: Vec<BarLine>,
    bursts: &'v [Burst],
    walls: &'v [Wall],
    more_walls: u64,
    statements: &'v [TextStatement],
    problems: &'v [Problem],
    facts: &'v [FactsSource],
}

#[derive(Debug, Serialize)]
struct CoverageLine<'v> {
    from: &'v Option<Edge>,
    to: &'v Option<Edge>,
    gaps: &'v [Gap],
    open_end: bool,
    words: String,
}

#[derive(Debug, Serialize)]
struct BarLine {
    from: Moment,
    to: Moment,
    rows: Rows,
}

impl<'v> From<&'v ChangesView> for SummaryLine<'v> {
    fn from(view: &'v ChangesView) -> Self {
        let bars = view.histogram.span().map(|(from, to)| view.histogram.bars(from, to, BARS, |_| true));
        let bars = bars.unwrap_or_default().into_iter();
        let coverage = &view.coverage;
        Self {
            source: &view.source,
            state: view.state,
            coverage: CoverageLine {
                from: &coverage.from,
                to: &coverage.to,
                gaps: &coverage.gaps,
                open_end: coverage.open_end,
                words: coverage.words(),
            },
            files: &view.files,
            totals: &view.totals,
            tables: &view.tables,
            timeline: bars.map(|bar| BarLine { from: bar.from, to: bar.to, rows: bar.rows }).collect(),
            bursts: &view.bursts,
            walls: &view.walls,
            more_walls: view.more_walls,
            statements: &view.statements,
            problems: &view.problems,
            facts: &view.facts,
        }
    }
}

/// A transaction or a wall.
#[derive(Debug, Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum EntryLine<'e> {
    /// A transaction that changed rows.
    Transaction(TransactionFields<'e>),
    /// A change of definitions.
    Wall(WallFields<'e>),
}

/// Of a transaction.
#[derive(Debug, Serialize)]
pub struct TransactionFields<'e> {
    number: u64,
    file: &'e Foreign,
    position: BinlogPos,
    gtid: &'e Option<Gtid>,
    thread: Option<u32>,
    committed_at: Moment,
    settled: Settled,
    rows: Rows,
    all_rows: u64,
    bytes: u64,
    tables: Vec<TableRows<'e>>,
    table_count: u64,
    statement: Option<&'e Foreign>,
    text_statements: u64,
}

#[derive(Debug, Serialize)]
struct TableRows<'e> {
    schema: &'e Foreign,
    table: &'e Foreign,
    rows: Rows,
}

/// Of a wall.
#[derive(Debug, Serialize)]
pub struct WallFields<'e> {
    number: u64,
    #[serde(flatten)]
    wall: &'e Wall,
}

impl<'e> From<&'e Entry> for EntryLine<'e> {
    fn from(entry: &'e Entry) -> Self {
        match entry {
            Entry::Transaction(line) => Self::Transaction(TransactionFields::from(line)),
            Entry::Wall(wall) => Self::Wall(WallFields { number: wall.entry, wall }),
        }
    }
}

impl<'e> From<&'e TransactionLine> for TransactionFields<'e> {
    fn from(line: &'e TransactionLine) -> Self {
        let tables = line.tables.iter();
        Self {
            number: line.number,
            file: &line.file,
            position: line.place.position,
            gtid: &line.facts.gtid,
            thread: line.facts.thread,
            committed_at: line.facts.committed_at,
            settled: line.settled,
            rows: line.rows,
            all_rows: line.all_rows,
            bytes: line.bytes,
            tables: tables
                .map(|(name, rows)| TableRows { schema: &name.schema, table: &name.table, rows: *rows })
                .collect(),
            table_count: line.table_count,
            statement: line.statement.as_deref(),
            text_statements: line.text_statements,
        }
    }
}
