//! The demo's logs: as good as a server's own. They apply to the demo's backup, and hold the accident.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use breakglass::change::frame::Limits;
use breakglass::change::query::TableName;
use breakglass::change::rows::RowCells;
use breakglass::change::schema::Timeline;
use breakglass::change::transactions::{Item, Transactions};
use breakglass::model::change::{ChangeKind, Place};
use breakglass::model::units::Moment;
use breakglass::work::demo::accident::{self, CULPRIT};
use breakglass::work::demo::dumps::{Database, Volume, dump};

use crate::support::databases::{Product, server};

const BACKUP: Moment = Moment(1_795_219_200_000 + 3 * 3_600_000);
const NOW: Moment = Moment(1_795_219_200_000 + 14 * 3_600_000 + 123_456);
const DAY: u32 = 30;

fn sql() -> String {
    dump(Database::Shop, Volume { day: DAY, percent: 100 }, Moment(BACKUP.0 + 4_000))
}

#[test]
fn the_demos_logs_hold_a_delete_without_a_where_by_one_thread() {
    let mut timeline = Timeline::default();
    timeline.read(sql().as_bytes(), b"shop", Place::default()).unwrap();
    let mut rows = BTreeMap::new();
    let (mut gone, mut walls) = (vec![], vec![]);
    for (file, log) in (0..).zip(accident::logs(BACKUP, DAY, NOW)) {
        let mut log = Transactions::new(&log.bytes[..], file, Limits::default());
        while let Some(item) = log.next().unwrap() {
            match item {
                Item::Rows(item) => {
                    let described = timeline.describe(item.event.table, item.place);
                    assert!(described.shown.named);
                    let name = item.event.table.name.raw_bytes();
                    let name = TableName { schema: b"shop".to_vec(), table: name.to_vec() };
                    assert!(timeline.at(&name, item.place).is_ok());
                    let count = count(&item.event);
                    *rows.entry((described.shown.name.to_string(), item.event.kind)).or_insert(0) += count;
                    if item.facts.thread == Some(CULPRIT) && item.event.kind == ChangeKind::Delete {
                        gone.push((item.facts.start, item.facts.committed_at, count));
                    }
                }
                Item::Wall(_, statement) => walls.push(statement.facts.committed_at),
                _ => {}
            }
        }
    }
    let deletes = rows[&("order_items".to_owned(), ChangeKind::Delete)];
    assert!(deletes > 6_400 && gone.iter().map(|(.., count)| count).sum::<u32>() == deletes);
    assert!(gone.iter().all(|(start, at, _)| *start == gone[0].0 && at.0 == accident::accident_at(NOW).0));
    assert_eq!(walls.len(), 1);
    assert!(rows.len() == 5 && rows.values().all(|count| *count > 200), "{rows:?}");
}

fn count(event: &breakglass::change::rows::RowsEvent<'_>) -> u32 {
    let (mut rows, mut cells) = (event.rows(), RowCells::default());
    let mut count = 0;
    while rows.read(&mut cells).unwrap() {
        count += 1;
    }
    count
}

#[test]
fn mysqls_own_tool_replays_them_onto_the_demos_backup() {
    let Some(server) = server(Product::Mysql) else { return };
    let database = server.database();
    database.load_by_client(sql().as_bytes()).unwrap();
    let before = counts(&database);
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = accident::logs(BACKUP, DAY, NOW)
        .into_iter()
        .map(|log| {
            let path = folder.path().join(&log.name);
            std::fs::write(&path, &log.bytes).unwrap();
            path
        })
        .collect();
    let client = server.client();
    let tool = Path::new(client.get_program()).with_file_name("mysqlbinlog");
    let mut tool = Command::new(tool);
    tool.args(["--no-defaults", "--verify-binlog-checksum", "--skip-gtids"]);
    tool.arg(format!("--rewrite-db=shop->{}", database.name)).args(&paths);
    let output = tool.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    database.load_by_client(&output.stdout).unwrap();
    let after = counts(&database);
    assert!(after[0] > before[0] + 300, "{before:?} {after:?}");
    assert!(before[1] == 6_400 && after[1] < 400, "{before:?} {after:?}");
    assert_eq!(database.sql("SHOW COLUMNS FROM customers LIKE 'phone'").lines().count(), 1);
}

/// Rows of orders and of their lines.
fn counts(database: &crate::support::databases::Database) -> [u32; 2] {
    ["orders", "order_items"]
        .map(|table| database.sql(&format!("SELECT COUNT(*) FROM {table}")).trim().parse().unwrap())
}
