//! Into folders and pipes: the bytes that were dumped, under safe names and modes, or nothing.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use breakglass::model::job::RestoreOutcome;
use breakglass::model::sink::Sink;
use breakglass::model::trust::Rung;
use breakglass::report::Fault;

use super::console::{approved, dir, fixtures, over, stops};
use super::{expected, vector};
use crate::support;
use crate::support::databases::{Product, server};

const PLAIN: [(&str, &str); 6] = [
    ("dbacked_shop_300820261040", "mysql97.sql"),
    ("dbacked_shop_290820261040", "mysql97-with-gtid.sql"),
    ("dbacked_shop_small_key_020920261153", "mysql97-rsa2048.sql"),
    ("dbacked_shop_maria_300820261140", "mariadb1011.sql"),
    ("dbacked_shop_pg_310820261040", "postgres15.pgdump"),
    ("dbacked_shop_010920261053", "mongodb-synthetic.archive"),
];

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_gets_the_dump_byte_for_byte_and_nothing_is_replaced() {
    let console = fixtures().await;
    let scratch = support::scratch();
    let folder = scratch.path().join("new");
    for (object, plain) in PLAIN {
        let plan = console.plan(object, dir(&folder)).await.unwrap();
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done);
        let file = report.file.unwrap();
        assert_eq!(Path::new(&file).extension(), Path::new(plain).extension(), "{file}");
        assert!(fs::read(&file).unwrap() == fs::read(vector("plain").join(plain)).unwrap(), "{plain}");
        assert_eq!((mode(Path::new(&file)), mode(&folder)), (0o600, 0o700));
        // Again, this time released by the proof that was made on the way.
        assert_eq!(stops(&console.plan(object, dir(&folder)).await.unwrap()), ["file_exists"]);
        let second = scratch.path().join(object);
        let report = console.run(console.plan(object, dir(&second)).await.unwrap()).await.unwrap();
        assert!(fs::read(report.file.unwrap()).unwrap() == fs::read(vector("plain").join(plain)).unwrap(), "{plain}");
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), PLAIN.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_a_folder_is_void_when_something_has_got_there_first() {
    let console = fixtures().await;
    let scratch = support::scratch();
    let plan = console.plan(PLAIN[0].0, dir(scratch.path())).await.unwrap();
    let name = scratch.path().join("dbacked_shop_300820261040.sql");
    fs::write(&name, "mine").unwrap();
    let report = console.run(plan).await.unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (Fault::Refused, "restore::plan_void"));
    assert_eq!(fs::read(&name).unwrap(), b"mine");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_backup_leaves_nothing_in_a_folder() {
    let console = over(&vector("damaged")).await;
    console.load_keys().await;
    let scratch = support::scratch();
    for name in ["bitflip-mid.bin", "bitflip-last-block.bin", "truncated-aligned.bin", "truncated-last-byte.bin"] {
        let folder = scratch.path().join(name);
        let plan = console.plan(name, dir(&folder)).await.unwrap();
        let report = console.run(plan).await.unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (Fault::Integrity, "restore::not_whole"), "{name}");
        assert!(!folder.exists(), "{name}: a folder made for nothing is removed");
    }
}

/// Standard output, kept.
#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_gets_the_dump_only_once_it_is_proven() {
    let console = fixtures().await;
    for (object, plain) in PLAIN {
        let pipe = Pipe::default();
        let plan = console.plan(object, Sink::Stdout).await.unwrap();
        let job = console.session.restore_to(approved(plan), Box::new(pipe.clone())).unwrap();
        assert_eq!(console.report(job).await.unwrap().outcome, RestoreOutcome::Done);
        assert!(*pipe.0.lock().unwrap() == fs::read(vector("plain").join(plain)).unwrap(), "{plain}");
        assert_eq!(console.plan(object, Sink::Stdout).await.unwrap().from.trust, Rung::Whole);
    }
    let damaged = over(&vector("damaged")).await;
    damaged.load_keys().await;
    let pipe = Pipe::default();
    let plan = damaged.plan("bitflip-last-block.bin", Sink::Stdout).await.unwrap();
    let job = damaged.session.restore_to(approved(plan), Box::new(pipe.clone())).unwrap();
    assert_eq!(damaged.report(job).await.unwrap_err().fault, Fault::Integrity);
    assert!(pipe.0.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_loads_the_restored_file() {
    let console = fixtures().await;
    for (object, dump, product) in [
        ("dbacked_shop_300820261040", "mysql97", Product::Mysql),
        ("dbacked_shop_maria_300820261140", "mariadb1011", Product::Mariadb),
    ] {
        let Some(server) = server(product) else { continue };
        let scratch = support::scratch();
        let report = console.run(console.plan(object, dir(scratch.path())).await.unwrap()).await.unwrap();
        let database = server.database();
        database.load_by_client(&fs::read(report.file.unwrap()).unwrap()).unwrap();
        assert_eq!(database.canon(), expected(dump));
    }
}
