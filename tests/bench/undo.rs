//! Undo scripts against the vendors' tools, on logs that real servers wrote.
//!
//! `cargo bench --bench undo [ROUNDS]`: 500,000 rows deleted and 400,000 changed, by MariaDB against
//! `mariadb-binlog --flashback` (bars: 0.35, and 0.70 with reading the script again and fsync) and by MySQL against
//! `mysqlbinlog -v`; then a log of 2 GB and single transactions of 1 GB, for memory (bar: 96 MB).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use breakglass::change::index::{Everything, Index, Indexing, Log, ReadAt};
use breakglass::change::reread;
use breakglass::change::schema::Timeline;
use breakglass::change::transactions::LogFile;
use breakglass::change::undo::{self, Request};
use breakglass::model::foreign::Foreign;

#[path = "support/mod.rs"]
mod bench;
#[path = "support/logs.rs"]
mod logs;
#[path = "../it/support/mod.rs"]
#[allow(dead_code, clippy::unwrap_used)]
mod support;

use crate::logs::Accident;
use crate::support::databases::Product;

struct Plain(File);

impl ReadAt for Plain {
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(into, at)
    }

    fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |file| file.len())
    }
}

fn main() {
    if let Some(job) = bench::job() {
        return work(&job);
    }
    let rounds = bench::number(0, 3);
    for product in [Product::Mariadb, Product::Mysql] {
        let Some(accident) = Accident::ready(product) else { continue };
        println!("{product:?}: {} bytes of log", accident.log.metadata().expect("it was made").len());
        let (mut stock, mut made, mut proved) = (vec![], vec![], vec![]);
        for _ in 0..rounds {
            stock.push(bench::run(&mut accident.stock()));
            made.push(ours("make", &accident.log, &accident.schema));
            proved.push(ours("prove", &accident.log, &accident.schema));
        }
        let stock = bench::median(stock);
        bench::line("the vendor's tool", stock, stock);
        bench::line("undo script", bench::median(made), stock);
        bench::line("undo script, read again, on the disk", bench::median(proved), stock);
        bench::line("pass one alone", ours("index", &accident.log, &accident.schema), stock);
        if rounds < 2 {
            continue;
        }
        let large: [(&str, PathBuf); 2] = [
            ("a log of 2 GB", accident.repeated(2_000_000_000)),
            ("one transaction of 1 GB", accident.one_transaction(1_000_000_000, false)),
        ];
        for (name, log) in large {
            let run = ours("make", &log, &accident.schema);
            bench::line(name, run, stock);
        }
        if product == Product::Mysql {
            let log = accident.one_transaction(1_000_000_000, true);
            bench::line("one transaction of 1 GB, compressed", ours("make", &log, &accident.schema), stock);
        }
    }
}

fn ours(what: &str, log: &Path, schema: &Path) -> bench::Run {
    let run = bench::run(&mut bench::myself(&format!("{what}\n{}\n{}", log.display(), schema.display())));
    // Nobody waits for this who wants a script.
    if what != "index" {
        std::fs::remove_file(script(log)).expect("it is ours");
    }
    run
}

fn script(log: &Path) -> PathBuf {
    log.with_extension("sql")
}

fn work(job: &str) {
    let words: Vec<_> = job.split('\n').collect();
    let (what, log, schema) = (words[0], Path::new(words[1]), Path::new(words[2]));
    let mut timeline = Timeline::default();
    timeline.read_last(&std::fs::read(schema).expect("the schema"), b"").expect("it is SQL");
    let name = Arc::new(Foreign::from("bench"));
    let of = LogFile { source: name.clone(), name };
    let logs = vec![Log { of, bytes: Arc::new(Plain(File::open(log).expect("the log"))) }];
    let index = Index::build(logs, timeline, Arc::new(Everything), Indexing::default()).expect("nobody stops it");
    if what == "index" {
        return;
    }
    let mut out = File::options().read(true).write(true).create_new(true).open(script(log)).expect("room");
    let request = Request { threads: 2, ..Request::default() };
    let written = undo::write(&index, &request, &mut out).expect("it can be undone");
    drop(index);
    if what == "prove" {
        // The disk has work of its own to do while the script is read again.
        let script = Plain(out);
        std::thread::scope(|scope| {
            let synced = scope.spawn(|| script.0.sync_all());
            reread::prove(&script, &written.doings, 2).expect("it does what it must");
            synced.join().expect("it does not panic").expect("it can be synced");
        });
    }
}
