//! What the guards of an undo script cost: the stock client applies it, and the same statements without guards.
//!
//! `cargo bench --bench guards [ROWS] [ROUNDS]`; both in one transaction, on real servers, interleaved. Bar: 2.0.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use breakglass::change::index::{Everything, Index, Indexing, Log};
use breakglass::change::schema::Timeline;
use breakglass::change::script::GUARD;
use breakglass::change::transactions::LogFile;
use breakglass::change::undo::{Request, stream};
use breakglass::model::foreign::Foreign;

#[path = "support/mod.rs"]
mod bench;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod support;

use crate::support::databases::{Product, Server, server};

const TABLE: &str =
    "CREATE TABLE guards.t (id INT PRIMARY KEY, v INT, s VARCHAR(60) CHARACTER SET utf8mb4) ENGINE=InnoDB;";

fn main() {
    let (rows, rounds) = (bench::number(0, 30_000), bench::number(1, 15));
    let folder = tempfile::tempdir().expect("a scratch folder");
    for product in [Product::Mariadb, Product::Mysql] {
        let Some(server) = server(product) else { continue };
        let fill = fill(rows);
        for (name, damage) in [
            ("updates", "UPDATE guards.t SET v=v+1".to_owned()),
            ("deletes", "DELETE FROM guards.t".to_owned()),
            ("inserts", fill.clone()),
        ] {
            let before = if name == "inserts" { String::new() } else { fill.clone() };
            let again = || {
                server.sql(&format!("DROP DATABASE IF EXISTS guards; CREATE DATABASE guards; {TABLE} {before}"));
                server.sql("FLUSH BINARY LOGS");
                let logs = server.sql("SHOW BINARY LOGS");
                server.sql(&damage);
                logs.lines().last().and_then(|line| line.split('\t').next()).map(str::to_owned).expect("a log")
            };
            let log = again();
            let (guarded, bare) = scripts(server, &log, folder.path());
            let (mut with, mut without) = (vec![], vec![]);
            for _ in 0..rounds {
                with.push(applied(server, &guarded));
                again();
                without.push(applied(server, &bare));
                again();
            }
            let (with, without) = (median(with), median(without));
            let ratio = with.as_secs_f64() / without.as_secs_f64();
            println!("{product:?}, {rows} {name}: without guards {without:.2?}, with {with:.2?}, ratio {ratio:.3}");
        }
        server.sql("DROP DATABASE guards");
    }
}

fn fill(rows: u64) -> String {
    let ten = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL \
        SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
    format!(
        "INSERT INTO guards.t SELECT n, n*7, CONCAT('row ', n) FROM (SELECT a.d+10*b.d+100*c.d+1000*e.d+10000*f.d+\
         100000*g.d n FROM {ten} a, {ten} b, {ten} c, {ten} e, {ten} f, {ten} g) numbers WHERE n<{rows};"
    )
}

/// The script that undoes a log, and its statements alone.
fn scripts(server: &Server, log: &str, folder: &Path) -> (std::path::PathBuf, std::path::PathBuf) {
    let bytes = fs::read(server.folder.join("data").join(log)).expect("the log");
    let mut timeline = Timeline::default();
    timeline.read_last(TABLE.as_bytes(), b"").expect("it is SQL");
    let name = Arc::new(Foreign::from("bench"));
    let logs = vec![Log { of: LogFile { source: name.clone(), name }, bytes: Arc::new(bytes) }];
    let index = Index::build(logs, timeline, Arc::new(Everything), Indexing::default()).expect("nobody stops it");
    let mut script = vec![];
    stream(&index, &Request { threads: 2, ..Request::default() }, &mut script).expect("it can be undone");
    let text = String::from_utf8(script).expect("it is ASCII");
    let is_change = |line: &&str| ["INSERT", "UPDATE", "DELETE"].iter().any(|word| line.starts_with(word));
    let bare = text.lines().filter(is_change).map(|line| {
        let alone = line.replace(&format!("{GUARD} AND "), "");
        alone.replace(&format!(" FROM DUAL WHERE {GUARD}"), "") + "\n"
    });
    let bare = format!("START TRANSACTION;\n{}COMMIT;\n", bare.collect::<String>());
    let paths = (folder.join("guarded.sql"), folder.join("bare.sql"));
    fs::write(&paths.0, text).expect("room");
    fs::write(&paths.1, bare).expect("room");
    paths
}

fn applied(server: &Server, script: &Path) -> Duration {
    let mut client = server.client();
    client.args(["-N", "-B"]).stdin(File::open(script).expect("it was written")).stdout(Stdio::null());
    let start = Instant::now();
    assert!(client.status().expect("the client starts").success(), "{}", script.display());
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
