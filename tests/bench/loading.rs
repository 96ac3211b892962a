//! Loading through one connection against `mariadb <dump.sql`, on the same server, interleaved.
//!
//! `cargo bench --bench loading [MIB] [ROUNDS]`; prints the median of each and their ratio. First the whole way,
//! the real program restoring a proven, sealed backup (bar: 1.08); then the server's room alone, for other shapes.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use breakglass::server::connect;
use breakglass::sql::lexer::{Collect, CollectSink, LexError, Limits, PieceKind, Splitter, StatementEnd};
use tokio::sync::mpsc;

#[path = "support/mod.rs"]
mod bench;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod support;

use crate::bench::Sample;
use crate::support::databases::{Database, Product, Server, server};

/// What one line of the dump holds.
#[derive(Clone, Copy)]
enum Shape {
    /// INSERTs of about 1 MB, as dump tools write them.
    Extended,
    /// One row each, as with `--skip-extended-insert`: the cost of a statement shows.
    Single,
}

fn main() {
    let mut numbers = std::env::args().skip(1).filter_map(|argument| argument.parse::<u64>().ok());
    let (size, rounds) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(5));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let folder = tempfile::tempdir().expect("a scratch folder");
    for product in [Product::Mariadb, Product::Mysql] {
        let Some(server) = server(product) else { continue };
        whole_way(server, size, rounds);
        for (name, shape, size) in
            [("1 MB statements", Shape::Extended, size), ("one row each", Shape::Single, size / 10)]
        {
            let dump = folder.path().join("dump.sql");
            write_dump(&dump, shape, size << 20);
            let (mut stock, mut ours) = (vec![], vec![]);
            for _ in 0..rounds {
                stock.push(by_client(&server.database(), &dump));
                let (database, dump) = (server.database(), dump.clone());
                // A task, as jobs are: its worker then waits for the socket itself.
                let job = runtime.spawn(async move { by_us(&database, &dump).await });
                ours.push(runtime.block_on(job).expect("the job does not panic"));
            }
            let (stock, ours) = (median(stock), median(ours));
            let ratio = ours.as_secs_f64() / stock.as_secs_f64();
            println!(
                "{product:?}, {size} MiB, {name}: stock client {stock:.2?}, breakglass {ours:.2?}, ratio {ratio:.3}"
            );
        }
    }
}

/// A sealed backup, proven before, into a new database; the stock client gets the same dump as a plain file.
fn whole_way(server: &'static Server, megabytes: u64, rounds: u64) {
    let sample = Sample::of(megabytes);
    let state = bench::scratch().join("loading");
    bench::run(&mut sample.breakglass(&state, &["verify", sample.path()]));
    let (mut stock, mut ours) = (vec![], vec![]);
    for _ in 0..rounds {
        let theirs = server.database();
        let spent = by_client(&theirs, &sample.dump);
        stock.push(bench::Run { wall: spent, peak_kib: 0 });
        let mine = server.unused();
        let into = format!("mysql://root@127.0.0.1:{}/{}", server.port, mine.name);
        let args = ["restore", sample.path(), "--into", &into, "--yes", "--confirm", &mine.name];
        ours.push(bench::run(&mut sample.breakglass(&state, &args)));
        assert_eq!(rows(&mine), rows(&theirs));
    }
    let (stock, ours) = (bench::median(stock), bench::median(ours));
    println!("{:?}, {megabytes} MB of SQL in a sealed backup", server.product);
    bench::line("mariadb <dump.sql", stock, stock);
    bench::line("restore of the sealed, proven backup", ours, stock);
}

fn rows(database: &Database) -> String {
    database.sql(&format!("SELECT COUNT(*) FROM `{}`.`orders`", database.name))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn write_dump(path: &Path, shape: Shape, size: u64) {
    let mut out = BufWriter::new(File::create(path).expect("the dump can be written"));
    let mut written = 0;
    let mut id = 0_u64;
    writeln!(out, "CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(60), body TEXT, at DATETIME, KEY (name));")
        .expect("room");
    writeln!(out, "SET unique_checks=0, foreign_key_checks=0;").expect("room");
    let longest = match shape {
        Shape::Extended => 1 << 20,
        Shape::Single => 1,
    };
    while written < size {
        let mut line = "INSERT INTO `t` VALUES ".to_owned();
        while line.len() < longest || line.ends_with(' ') {
            id += 1;
            let mixed = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let comma = if line.ends_with(' ') { "" } else { "," };
            line.push_str(&format!(
                "{comma}({id},'name {mixed:016x}','{0:064x} it\\'s text; with \\n marks {0:064x}','2026-11-{1:02} 03:00:00')",
                mixed,
                id % 28 + 1
            ));
        }
        written += line.len() as u64;
        writeln!(out, "{line};").expect("room");
    }
}

fn by_client(database: &Database, dump: &Path) -> Duration {
    let start = Instant::now();
    let mut client = std::process::Command::new("mariadb");
    let port = format!("-P{}", database.server.port);
    client.args(["--no-defaults", "--skip-ssl", "--protocol=tcp", "-h127.0.0.1", "-uroot", &port, &database.name]);
    let status = client.stdin(File::open(dump).expect("the dump is there")).stdout(Stdio::null()).status();
    assert!(status.expect("the stock client is installed").success());
    start.elapsed()
}

async fn by_us(database: &Database, dump: &Path) -> Duration {
    let start = Instant::now();
    let (send, mut receive) = mpsc::channel(8);
    let file = File::open(dump).expect("the dump is there");
    let reader = std::thread::spawn(move || split(file, send));
    let mut connection = connect(&database.server.reference(), None).await.expect("the server answers");
    connection.enter_database(&database.foreign()).await.expect("the database is there");
    while let Some(batch) = receive.recv().await {
        for statement in batch {
            connection.load(&statement).await.expect("the server takes it");
        }
    }
    connection.close().await;
    let spent = start.elapsed();
    reader.join().expect("the reader does not panic");
    spent
}

/// Reads and splits a dump, and hands its statements over.
fn split(mut file: File, send: mpsc::Sender<Vec<Vec<u8>>>) {
    let batches = Batches { send, batch: vec![], bytes: 0 };
    let (mut splitter, mut collect) = (Splitter::new(Limits::default()), Collect::new(64 << 20, batches));
    let mut piece = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut piece).expect("the dump can be read");
        if read == 0 {
            break;
        }
        splitter.feed(&piece[..read], &mut collect).expect("the dump can be followed");
    }
    splitter.finish(&mut collect).expect("the dump ends");
    collect.into_sink().hand_over();
}

/// In batches: waking the other side for each small statement would cost more than the statement.
struct Batches {
    send: mpsc::Sender<Vec<Vec<u8>>>,
    batch: Vec<Vec<u8>>,
    bytes: usize,
}

impl Batches {
    fn hand_over(&mut self) {
        self.bytes = 0;
        self.send.blocking_send(std::mem::take(&mut self.batch)).expect("the loader listens");
    }
}

impl CollectSink for Batches {
    fn whole(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.kind == PieceKind::Statement {
            self.bytes += text.len();
            self.batch.push(std::mem::take(text));
        }
        if self.bytes >= 1 << 18 {
            self.hand_over();
        }
        Ok(())
    }
}
