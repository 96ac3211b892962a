//! An accident in a shop's database: a log of it, its rows, and the script that undoes it.
#![allow(clippy::unwrap_used)]

mod evil;
mod script;

use std::sync::Arc;

use breakglass::model::change::{
    BinlogPos, Certainty, Change, ChangeKey, ChangeKind, ChangedTable, Charset, ColumnFacts, Gtid, Place, RowImage,
    TransactionFacts, Value,
};
use breakglass::model::changes::{
    Burst, ChangesRequest, ChangesView, Coverage, Edge, Entry, EntryPage, FactsSource, Gap, GapKind, Histogram, Life,
    LogFacts, PageFrom, Problem, RowCursor, Rows, RowsPage, Settled, TableRef, TableTotals, Totals, TransactionLine,
    ViewState, Wall, WallBackup, WallVerb,
};
use breakglass::model::foreign::Foreign;
use breakglass::model::job::JobId;
use breakglass::model::units::Moment;
use breakglass::tui::msg::{Effect, Msg, RecoveryNo};
use breakglass::tui::world::{SourceLine, World};

use super::sample;
use super::stage::Stage;

pub use evil::hostile;
pub use script::{recovery, refused, review, undone, undone_view};

/// The job that reads the log.
pub const LOG: JobId = JobId(11);
/// The recovery.
pub const UNDO: RecoveryNo = RecoveryNo(12);

pub fn at(text: &str) -> Moment {
    Moment::parse(&format!("2026-11-21 {text}")).unwrap()
}

pub fn table(name: &str) -> TableRef {
    TableRef { schema: "shop".into(), table: name.into() }
}

fn rows(inserts: u64, updates: u64, deletes: u64) -> Rows {
    Rows { inserts, updates, deletes }
}

fn facts(number: u64, time: &str) -> Arc<TransactionFacts> {
    let mut server = [0x11; 16];
    server[..2].copy_from_slice(&[0x5c, 0x0e]);
    Arc::new(TransactionFacts {
        gtid: Some(Gtid::MySql { server, tag: None, number }),
        thread: Some(8000 + number as u32 % 997),
        committed_at: at(time),
        server_id: 1,
        start: BinlogPos(number * 100),
        ..TransactionFacts::default()
    })
}

/// The entries of the log, in its order.
pub fn entries() -> Vec<Entry> {
    let mut all: Vec<Entry> = (0..60)
        .map(|n: u64| {
            let time = format!("13:{n:02}:{:02}.250", n * 7 % 60);
            let (name, kind) =
                [("orders", rows(2, 1, 0)), ("stock", rows(0, 3, 0)), ("carts", rows(1, 0, 0))][n as usize % 3];
            transaction(n, 99_000 + n, &time, name, kind, 900 + n * 13, None)
        })
        .collect();
    let delete = "DELETE FROM orders WHERE status <> 'open' -- cleanup";
    all.push(transaction(60, 99_120, "14:02:11.204", "orders", rows(0, 0, 1_204_331), 214 << 20, Some(delete)));
    let update = "UPDATE stock SET qty = qty - 1 WHERE id IN (SELECT item FROM carts)";
    all.push(transaction(61, 99_127, "14:02:19.871", "stock", rows(0, 3_210, 0), 410 << 10, Some(update)));
    all.push(Entry::Wall(wall()));
    let mut mixed = transaction(63, 99_180, "14:20:07.003", "orders", rows(17, 2, 0), 4_100, None);
    if let Entry::Transaction(line) = &mut mixed {
        line.table_count = 3;
        line.settled = Settled::Undecided;
        line.all_rows = 44;
    }
    all.push(mixed);
    all
}

fn transaction(
    number: u64,
    gtid: u64,
    time: &str,
    name: &str,
    rows: Rows,
    bytes: u64,
    statement: Option<&str>,
) -> Entry {
    Entry::Transaction(TransactionLine {
        number,
        place: Place { file: 3, position: BinlogPos(gtid * 100), inner: 0 },
        file: Arc::new("binlog.000415".into()),
        facts: facts(gtid, time),
        settled: Settled::Committed,
        rows,
        all_rows: rows.all(),
        bytes,
        tables: vec![(table(name), rows)],
        table_count: 1,
        statement: statement.map(|text| Arc::new(Foreign::from(text))),
        text_statements: 0,
    })
}

pub fn wall() -> Wall {
    Wall {
        entry: 62,
        file: "binlog.000415".into(),
        place: Place { file: 3, position: BinlogPos(9_917_700), inner: 0 },
        at: at("14:02:31"),
        thread: Some(8902),
        gtid: None,
        verb: WallVerb::Truncate,
        tables: vec![table("carts")],
        statement: "TRUNCATE TABLE shop.carts".into(),
        destroyed: "all rows of shop.carts".into(),
        backup: Some(WallBackup {
            id: sample::id(0),
            label: "offsite:dbacked_shop_211120260300".into(),
            taken: at("03:00:07"),
            trust: "whole".into(),
        }),
    }
}

fn edge(file: &str, time: &str) -> Option<Edge> {
    Some(Edge { file: file.into(), position: BinlogPos(4), at: Some(at(time)) })
}

fn totals(name: &str, rows: Rows, named: bool) -> TableTotals {
    TableTotals {
        table: table(name),
        rows,
        transactions: rows.all().min(21),
        bytes: rows.all() * 190,
        from: at("13:00:02"),
        to: at("14:31:57"),
        named,
        unnamed_because: (!named)
            .then(|| "the log has no names (binlog_row_metadata=MINIMAL) and no schema was given".to_owned()),
    }
}

fn histogram() -> Histogram {
    let mut histogram = Histogram::default();
    for entry in entries() {
        if let Entry::Transaction(line) = entry {
            let nth = ["orders", "stock", "carts"].iter().position(|name| line.tables[0].0 == table(name)).unwrap();
            histogram.add(nth as u32, line.facts.committed_at, line.rows);
        }
    }
    histogram
}

/// The whole log, with a gap in it or not.
pub fn view(gaps: bool) -> ChangesView {
    let file = |number: u32, from: &str, to: &str| LogFacts {
        name: format!("binlog.{number:06}").as_str().into(),
        sequence: Some(number.into()),
        stored: 104_857_600,
        size: 104_857_600,
        server: "mysql 9.7.0".into(),
        from: Some(at(from)),
        to: Some(at(to)),
        checksums: true,
        problem: None,
    };
    let mut coverage = Coverage {
        from: edge("binlog.000412", "13:00:02"),
        to: edge("binlog.000418", "14:31:57"),
        ..Coverage::default()
    };
    let mut problems = vec![];
    if gaps {
        coverage.gaps.push(Gap {
            kind: GapKind::MissingFiles,
            after: edge("binlog.000416", "14:07:10"),
            before: edge("binlog.000418", "14:15:00"),
            words: "binlog.000417 is missing: nothing is known from 14:07:10 to 14:15:00".into(),
        });
        problems.push(Problem {
            file: "binlog.000418".into(),
            position: BinlogPos(4711),
            code: "binlog::cut".into(),
            words: "the file ends inside an event".into(),
            advice: "copy it again".into(),
            damage: true,
        });
    }
    ChangesView {
        source: Arc::new("prod".into()),
        state: ViewState::Complete,
        coverage,
        files: vec![
            file(412, "13:00:02", "13:31:00"),
            file(415, "13:31:00", "14:05:00"),
            file(418, "14:05:00", "14:31:57"),
        ],
        totals: Totals {
            transactions: 63,
            rows: rows(77, 3_292, 1_204_331),
            rolled_back: 12,
            undecided: 19,
            statements: 0,
            bytes: 314_572_800,
        },
        tables: vec![
            totals("orders", rows(57, 22, 1_204_331), true),
            totals("stock", rows(0, 3_270, 0), true),
            totals("carts", rows(20, 0, 0), false),
        ],
        histogram: Arc::new(histogram()),
        bursts: vec![
            Burst {
                table: table("orders"),
                kind: ChangeKind::Delete,
                rows: 1_204_331,
                from: at("14:02:11.204"),
                to: at("14:02:11.204"),
                transactions: 1,
                entry: 60,
                words: "shop.orders: 1,204,331 deletes at 14:02:11 in one transaction".into(),
            },
            Burst {
                table: table("stock"),
                kind: ChangeKind::Update,
                rows: 3_210,
                from: at("14:02:19.871"),
                to: at("14:02:19.871"),
                transactions: 1,
                entry: 61,
                words: "shop.stock: 3,210 updates at 14:02:19 in one transaction".into(),
            },
        ],
        walls: vec![wall()],
        more_walls: 0,
        statements: vec![],
        entries: entries().len() as u64,
        problems,
        facts: vec![FactsSource {
            from: "the log itself".into(),
            tables: 2,
            valid: "everywhere".into(),
            problem: None,
        }],
    }
}

fn orders() -> Arc<ChangedTable> {
    let column = |name: &str, key_part| ColumnFacts { name: name.into(), key_part, ..ColumnFacts::default() };
    Arc::new(ChangedTable {
        schema: "shop".into(),
        name: "orders".into(),
        columns: vec![
            column("id", Some(0)),
            column("customer_id", None),
            column("status", None),
            column("comment", None),
        ],
        named: true,
    })
}

fn text(text: &str) -> Option<Value<'static>> {
    Some(Value::Text { bytes: text.as_bytes().to_vec().into(), charset: Charset::Named("utf8mb4") })
}

fn image(id: u64, status: &str) -> RowImage {
    RowImage { values: vec![Some(Value::UInt(id)), Some(Value::UInt(id * 7 % 100)), text(status), Some(Value::Null)] }
}

/// The nth change of a row.
pub fn change(n: u64, kind: ChangeKind) -> Change {
    let (before, after) = match kind {
        ChangeKind::Insert => (None, Some(image(n, "paid"))),
        ChangeKind::Update => (Some(image(n, "paid")), Some(image(n, "void"))),
        ChangeKind::Delete => (Some(image(n, "paid")), None),
    };
    Change {
        key: ChangeKey {
            source: Arc::new("prod".into()),
            file: Arc::new("binlog.000415".into()),
            position: BinlogPos(9_912_000 + n),
            row: n as u32,
        },
        kind,
        table: orders(),
        before,
        after,
        transaction: facts(99_120, "14:02:11.204"),
        stated_at: at("14:02:08"),
        statement: None,
        certainty: Certainty::Exact,
    }
}

fn unnamed(n: u64) -> Change {
    let mut change = change(n, ChangeKind::Update);
    let mut table = (*change.table).clone();
    table.named = false;
    for (nth, column) in table.columns.iter_mut().enumerate() {
        *column = ColumnFacts { name: format!("@{}", nth + 1).as_str().into(), ..ColumnFacts::default() };
    }
    change.table = Arc::new(table);
    change.certainty = Certainty::Unnamed;
    change
}

fn rows_of(number: u64) -> u64 {
    let entry = entries().into_iter().find(|entry| entry.number() == number);
    match entry {
        Some(Entry::Transaction(line)) => line.rows.all(),
        _ => 0,
    }
}

/// Answers what lists ask for.
pub fn answers(effect: &Effect) -> Option<Msg> {
    match effect {
        Effect::Entries(job, request) => {
            let passes = |entry: &Entry| match entry {
                Entry::Wall(_) => request.filter.kinds.is_empty() && request.filter.tables.is_empty(),
                Entry::Transaction(line) => {
                    request.filter.kinds.iter().all(|kind| line.rows.of(*kind) > 0)
                        && (request.filter.tables.is_empty()
                            || request.filter.tables.iter().any(|one| one.table == line.tables[0].0.table))
                }
            };
            let from = match request.from {
                PageFrom::Entry(from) if request.direction == Default::default() => from..u64::MAX,
                PageFrom::Entry(to) => 0..to + 1,
                _ => 0..u64::MAX,
            };
            let entries =
                entries().into_iter().filter(|entry| from.contains(&entry.number()) && passes(entry)).collect();
            Some(Msg::Entries(*job, request.clone(), Ok(EntryPage { entries, ..EntryPage::default() })))
        }
        Effect::Rows(job, request) => {
            let (entry, first, most) = (request.from.entry, request.from.rows, request.count as u64);
            let end = (first + most).min(rows_of(entry));
            let one = |n: u64| match entry {
                60 => change(n, ChangeKind::Delete),
                61 => change(n, ChangeKind::Update),
                63 => unnamed(n),
                _ => change(n, ChangeKind::Insert),
            };
            let changes = (first..end).map(|n| one(n + 1)).collect();
            let next = (end < rows_of(entry)).then_some(RowCursor { entry, rows: end });
            Some(Msg::Rows(*job, request.clone(), Ok(RowsPage { changes, next })))
        }
        Effect::Follow(job, table, key) => {
            let changes =
                vec![change(17, ChangeKind::Insert), change(17, ChangeKind::Update), change(17, ChangeKind::Delete)];
            let keys = vec![key.clone()];
            let life = Life { table: orders(), changes, keys, cut: false, remarks: vec![] };
            Some(Msg::Life(*job, table.clone(), key.clone(), Ok(Box::new(life))))
        }
        Effect::Statements(job, page) => Some(Msg::Statements(*job, *page, Ok(script::page(*page)))),
        _ => None,
    }
}

/// A world whose estate names a change source.
pub fn world() -> World {
    let mut world = sample::busy();
    world.jobs.clear();
    world.sources = vec![
        SourceLine { name: "prod".into(), words: "offsite:binlogs/".into() },
        SourceLine { name: "replica".into(), words: "binlog+sftp://db2/var/lib/mysql/".into() },
    ];
    world
}

/// The Changes screen with the log read.
pub fn read(size: (u16, u16)) -> Stage {
    read_view(size, view(false))
}

pub fn read_view(size: (u16, u16), view: ChangesView) -> Stage {
    let request = ChangesRequest { source: "prod".into(), ..ChangesRequest::default() };
    let stage = Stage::new(world(), size).answering(answers).press("3");
    stage.send(Msg::LogOpened(LOG, Box::new(request))).send(Msg::Log(LOG, Arc::new(view)))
}
