//! Undo scripts: made from real logs, applied by the stock clients to real servers.

mod broken;
mod fuzz;
mod traps;
mod ways;

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use breakglass::change::index::{Index, Indexing, Log, RowsFacts, Wanted};
use breakglass::change::reread;
use breakglass::change::reverse::{Reason, Refusal};
use breakglass::change::schema::Timeline;
use breakglass::change::transactions::LogFile;
use breakglass::change::undo::{self, Request, UndoError};
use breakglass::model::change::ChangeKind;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::Extent;

use crate::support::databases::{Product, Server, private_servers};
use crate::support::vectors::{fixture_file, fixture_logs as logs};

/// Everything in logs, but what is done to some tables.
struct Without(Vec<String>);

impl Wanted for Without {
    fn rows(&self, rows: &RowsFacts<'_>) -> bool {
        self.0.iter().all(|name| rows.table.name.raw_bytes() != name.as_bytes())
    }
}

/// What pass one found, of which a script can be made.
struct Plan {
    index: Index,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("Plan")
    }
}

/// Plans to undo everything in logs, but what is done to some tables.
fn plan(logs: &[Vec<u8>], definitions: &[u8], without: &[&str]) -> Result<Plan, Vec<Refusal>> {
    let without = Without(without.iter().map(|name| (*name).to_owned()).collect());
    let plan = Plan { index: index(logs, definitions, Arc::new(without), Extent::Partial) };
    match undo::stream(&plan.index, &Request::default(), &mut std::io::sink()) {
        Ok(_) => Ok(plan),
        Err(UndoError::Refused(refused)) => Err(refused.first),
        Err(error) => panic!("{error}: {:?}", std::error::Error::source(&error)),
    }
}

fn index(logs: &[Vec<u8>], definitions: &[u8], wanted: Arc<dyn Wanted>, extent: Extent) -> Index {
    let mut timeline = Timeline::default();
    timeline.read_last(definitions, b"").unwrap();
    let logs = (0..).zip(logs).map(|(file, bytes): (u32, _)| {
        let name = Arc::new(Foreign::from(format!("binlog.{file:06}")));
        let of = LogFile { source: Arc::new(Foreign::from("test")), name };
        Log { of, bytes: Arc::new(bytes.clone()) }
    });
    Index::build(logs.collect(), timeline, wanted, Indexing { extent, ..Indexing::default() }).unwrap()
}

/// The script of a plan, proved, and the same whatever makes it.
fn written(plan: &Plan, request: &Request<'_>) -> String {
    let mut file = Cursor::new(vec![]);
    let done = undo::write(&plan.index, &Request { threads: 4, ..request.clone() }, &mut file).unwrap();
    let (text, mut streamed) = (file.into_inner(), vec![]);
    assert_eq!(undo::stream(&plan.index, request, &mut streamed).unwrap(), done);
    assert!(text == streamed, "two scripts of the same changes differ");
    assert_eq!(done.bytes, text.len() as u64);
    reread::prove(&text, &done.doings, 2).unwrap();
    let mut statements = reread::Statements::new(&text[..]);
    let mut rows = 0;
    while let Some(statement) = statements.next().unwrap() {
        rows += if statement.kind == ChangeKind::Insert { statement.rows.len() as u64 } else { 1 };
    }
    assert_eq!(rows, done.doings.values().sum::<u64>());
    assert!(text.iter().all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte)));
    String::from_utf8(text).unwrap()
}

pub fn run(server: &Server, arguments: &[&str], input: &str) -> Output {
    let mut client = server.client();
    client.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join().unwrap(); // a client that stops closes its end
    output
}

pub fn last_line(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned()
}

/// Servers whose logs hold nothing but what one test at a time did.
pub fn alone() -> MutexGuard<'static, Vec<&'static Server>> {
    static SERVERS: OnceLock<Mutex<Vec<&'static Server>>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| Mutex::new(private_servers()));
    servers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One line per table, as the canonical form has it.
fn canon(server: &'static Server, schema: &str) -> BTreeMap<String, String> {
    let database = std::mem::ManuallyDrop::new(crate::support::databases::Database { server, name: schema.to_owned() });
    lines(&database.canon())
}

fn lines(text: &str) -> BTreeMap<String, String> {
    let rows = text.lines().filter_map(|line| line.split_once('\t'));
    rows.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

/// A fixture's state before, by database.
fn before(fixture: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let text = String::from_utf8(fixture_file(fixture, "before.canon")).unwrap();
    let parts = text.split("# ").filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('\n').unwrap()).map(|(name, rest)| (name.to_owned(), lines(rest))).collect()
}

/// Loads what a log left, undoes the log, and compares with what was before it.
fn undo(server: &'static Server, fixture: &str, data: &str, without: &[&str]) {
    let after = fixture_file(data, "after.sql.gz");
    let plan = plan(&logs(fixture), &after, without);
    let plan = plan.unwrap_or_else(|refused| panic!("{fixture}: {refused:?}"));
    let script = written(&plan, &Request::default());
    for (schema, _) in before(data) {
        server.sql(&format!("DROP DATABASE IF EXISTS `{schema}`"));
    }
    let output = run(server, &["--default-character-set=utf8mb4"], &String::from_utf8(after).unwrap());
    assert!(output.status.success(), "{fixture}: {}", String::from_utf8_lossy(&output.stderr));
    let output = run(server, &["-N", "-B"], &script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(last_line(&output), "APPLIED", "{fixture}: {}", &errors[..errors.len().min(2000)]);
    for (schema, mut before) in before(data) {
        let mut now = canon(server, &schema);
        for name in without {
            before.remove(*name);
            now.remove(*name);
        }
        assert_eq!(now, before, "{fixture}, {schema}");
    }
}

#[test]
fn fixtures_are_undone_to_the_state_before_them() {
    for server in alone().iter().copied() {
        let product = match server.product {
            Product::Mysql => "mysql",
            Product::Mariadb => "mariadb",
        };
        // A dump loses what decimals and dates inside documents are, so its rows are not those of the log.
        let left_out: &[&str] = match server.product {
            Product::Mysql => &["docs_opaque"],
            Product::Mariadb => &[],
        };
        for (fixture, data) in [
            ("alltypes", "alltypes"),
            ("alltypes-fullmeta", "alltypes"),
            ("compressed", "alltypes"),
            ("small-events", "small-events"),
            ("checksum-none", "small-events"),
            ("multi", "multi"),
        ] {
            let left_out = if fixture == "multi" { &["my_isam"] } else { left_out };
            undo(server, &format!("{product}-{fixture}"), &format!("{product}-{data}"), left_out);
        }
        if server.product == Product::Mysql {
            // Cascades are rows of their own there; elsewhere the log does not have them.
            undo(server, "mysql-fk-cascade", "mysql-fk-cascade", &[]);
        }
    }
}

#[test]
fn d21_d22_d42_d43_d75_what_cannot_be_undone_is_refused_with_every_reason() {
    let refused = |fixture: &str, data: &str| {
        let definitions = fixture_file(data, "after.sql.gz");
        let refused = plan(&logs(fixture), &definitions, &[]).expect_err(fixture);
        refused.into_iter().map(|refusal| refusal.reason.to_string()).collect::<Vec<_>>()
    };
    for product in ["mysql", "mariadb"] {
        let name = |fixture: &str| format!("{product}-{fixture}");
        let minimal = refused(&name("image-minimal"), &name("small-events"));
        assert!(minimal.len() > 100 && minimal.iter().all(|why| why.contains("does not have the column")));
        let statements = refused(&name("statement"), &name("statement"));
        assert!(statements.iter().any(|why| why.contains("logged as a statement")), "{statements:?}");
        let walls = refused(&name("ddl"), &name("small-events"));
        assert!(walls.iter().any(|why| why.contains("a definition changed")));
        let flat = refused(&name("multi"), &name("multi"));
        assert!(!flat.is_empty() && flat.iter().all(|why| why.contains("keep changes after ROLLBACK")), "{flat:?}");
        let noblob = refused(&name("image-noblob"), &name("small-events"));
        assert!(noblob.iter().all(|why| why.contains("does not have the column")), "{noblob:?}");
        // Without definitions nothing tells generated columns.
        let bare = plan(&logs(&name("alltypes-fullmeta")), b"", &[]).expect_err("no definitions");
        assert!(bare.iter().any(|refusal| refusal.reason == Reason::Generated));
        let unnamed = plan(&logs(&name("alltypes")), b"", &[]).expect_err("no definitions");
        assert!(unnamed.iter().all(|refusal| refusal.reason == Reason::Unnamed));
    }
    // Decimals and dates inside documents are none.
    let definitions = fixture_file("mysql-alltypes", "after.sql.gz");
    let all = plan(&logs("mysql-alltypes"), &definitions, &[]).expect("nothing stands against it");
    assert!(written(&all, &Request::default()).contains("JSON_REPLACE(CAST(_utf8mb4"));
}
