//! Drills: random work, every fixture and every value, undone on real servers by the stock clients.

mod columns;
mod damage;
mod definitions;
mod documents;
mod fixtures;
mod ids;
mod literals;
mod meanings;
mod moved;
mod pasted;
mod random;
mod scene;
mod seeds;
mod state;
mod tables;
mod values;
mod work;

use std::io::Write;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use breakglass::change::error::BinlogError;
use breakglass::change::index::{Index, Indexing, Log, RowsFacts, Wanted};
use breakglass::change::query::Ddl;
use breakglass::change::reread;
use breakglass::change::reverse::Refusal;
use breakglass::change::schema::{DefinitionReader, Timeline};
use breakglass::change::transactions::{LogFile, StatementItem};
use breakglass::change::undo::{Reference, Request, UndoError, stream};
use breakglass::model::change::{BinlogPos, Place};
use breakglass::model::changes::TableRef;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::{Extent, ForeignKey, acts, lets_go};

use crate::support::databases::{Product, Server, private_servers};
use crate::support::vectors::{fixture_file, fixture_logs};

/// What a drill asks of the engine beside "all of it".
#[derive(Default)]
struct Ask<'a> {
    /// Tables that are left out.
    without: &'a [&'a str],
    /// Only what lies at or behind this byte, and before that one.
    between: Option<(u64, u64)>,
    /// Only what lies in this file, counted from 0, or behind it.
    from_file: u32,
    /// What else is asked.
    request: Request<'a>,
}

/// A proved script.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Undo {
    text: String,
    /// How many changes it undoes.
    changes: usize,
    hazards: Vec<String>,
}

/// Why there is no script.
#[derive(Debug)]
enum Stopped {
    Damaged(BinlogError),
    Refused(Vec<Refusal>),
}

impl Stopped {
    /// The reasons in words.
    fn reasons(&self) -> Vec<String> {
        match self {
            Self::Damaged(error) => vec![error.to_string()],
            Self::Refused(refused) => refused.iter().map(|refusal| refusal.reason.to_string()).collect(),
        }
    }
}

/// What an ask leaves in.
struct Asked {
    without: Vec<Vec<u8>>,
    between: Option<(u64, u64)>,
    from_file: u32,
}

impl Asked {
    fn has(&self, place: Place, position: BinlogPos) -> bool {
        place.file >= self.from_file && self.between.is_none_or(|(from, to)| (from..to).contains(&position.0))
    }
}

impl Wanted for Asked {
    fn rows(&self, rows: &RowsFacts<'_>) -> bool {
        self.without.iter().all(|name| rows.table.name.raw_bytes() != name) && self.has(rows.place, rows.place.position)
    }

    fn statement(&self, statement: &StatementItem<'_>, place: Place) -> bool {
        self.has(place, statement.facts.start)
    }

    fn wall(&self, _: &Ddl, statement: &StatementItem<'_>, place: Place) -> bool {
        self.has(place, statement.facts.start)
    }
}

/// The one door to the engine: logs and definitions in, a proved script or the reasons why not out.
fn undo(logs: &[Vec<u8>], definitions: &[u8], ask: &Ask<'_>) -> Result<Undo, Stopped> {
    let mut timeline = Timeline::default();
    timeline.read_last(definitions, b"").unwrap();
    let logs = (0..).zip(logs).map(|(file, bytes): (u32, _)| {
        let name = Arc::new(Foreign::from(format!("binlog.{file:06}")));
        Log { of: LogFile { source: Arc::new(Foreign::from("drill")), name }, bytes: Arc::new(bytes.clone()) }
    });
    let without = ask.without.iter().map(|name| name.as_bytes().to_vec()).collect();
    let wanted = Arc::new(Asked { without, between: ask.between, from_file: ask.from_file });
    let how = Indexing { extent: Extent::Partial, ..Indexing::default() };
    let index = Index::build(logs.collect(), timeline, wanted, how).unwrap();
    let mut text = vec![];
    let threads = if index.windows() > 1 { 2 } else { 1 };
    let written = match stream(&index, &Request { threads, ..ask.request.clone() }, &mut text) {
        Ok(written) => written,
        Err(UndoError::Refused(refused)) => return Err(Stopped::Refused(refused.first)),
        Err(UndoError::Log { source, .. }) => return Err(Stopped::Damaged(source)),
        Err(error) => panic!("{error}"),
    };
    reread::prove(&text, &written.doings, 2).unwrap();
    assert!(text.iter().all(|byte| *byte == b'\n' || (b' '..=b'~').contains(byte)));
    let hazards = written.hazards.iter().map(ToString::to_string).collect();
    let changes = written.doings.values().sum::<u64>() as usize;
    Ok(Undo { text: String::from_utf8(text).unwrap(), changes, hazards })
}

/// The foreign keys that definitions tell.
fn references(definitions: &[u8]) -> Vec<Reference> {
    let mut reader = DefinitionReader::new(b"");
    reader.feed(definitions).unwrap();
    let name = |table: TableRef| (table.schema, table.table);
    let keys = reader.finish_with_around().unwrap().1.keys;
    let reference = |key: ForeignKey| Reference {
        takes_along: acts(&key.on_delete),
        lets_go: lets_go(&key.on_update),
        child: name(key.child),
        columns: key.columns,
        parent: name(key.parent),
        keys: key.refers_to,
    };
    keys.into_iter().map(reference).collect()
}

/// Feeds a text to the stock client.
fn run(server: &Server, arguments: &[&str], input: &str) -> Output {
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

/// Applies a script as a person would; what went wrong, in the client's words.
fn apply(server: &Server, script: &str) -> Result<(), String> {
    let output = run(server, &["-N", "-B"], script);
    if String::from_utf8_lossy(&output.stdout).lines().last() == Some("APPLIED") {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = errors.split(" at line ").nth(1).and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
    let line = line.and_then(|line| script.lines().nth(line.saturating_sub(2))).unwrap_or_default();
    Err(format!("{}\n{}", errors.chars().take(600).collect::<String>(), line.chars().take(1500).collect::<String>()))
}

/// Servers whose logs hold nothing but what one drill at a time did.
fn alone() -> MutexGuard<'static, Vec<&'static Server>> {
    static SERVERS: OnceLock<Mutex<Vec<&'static Server>>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| Mutex::new(private_servers()));
    servers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The newest log, made just now: what follows lies behind its beginning.
fn mark(server: &Server) -> String {
    let logs = server.sql("FLUSH BINARY LOGS; SHOW BINARY LOGS");
    logs.lines().last().unwrap().split('\t').next().unwrap().to_owned()
}

/// The logs from a mark on, closed.
fn logs_since(server: &Server, mark: &str) -> Vec<Vec<u8>> {
    let logs = server.sql("FLUSH BINARY LOGS; SHOW BINARY LOGS");
    let names = logs.lines().map(|line| line.split('\t').next().unwrap()).skip_while(|name| *name != mark);
    let names: Vec<_> = names.collect();
    let closed = &names[..names.len() - 1];
    closed.iter().map(|name| std::fs::read(server.folder.join("data").join(name)).unwrap()).collect()
}

/// The definitions of a database's tables, as the server prints them.
fn definitions(server: &Server, schema: &str) -> Vec<u8> {
    let list = "SELECT CONCAT('SHOW CREATE TABLE `', REPLACE(table_schema,'`','``'), '`.`', \
        REPLACE(table_name,'`','``'), '`; SELECT ''=next='';') FROM information_schema.tables WHERE table_schema=";
    let raw = ["-N", "-B", "-r", "--default-character-set=utf8mb4"];
    let shows = run(server, &raw, &format!("{list}'{schema}' ORDER BY table_name;\n"));
    let shown = run(server, &raw, &String::from_utf8(shows.stdout).unwrap());
    assert!(shown.status.success(), "{}", String::from_utf8_lossy(&shown.stderr));
    let shown = String::from_utf8(shown.stdout).unwrap();
    let creates = shown.split("\n=next=\n").filter_map(|shown| shown.split_once("\tCREATE"));
    let creates = creates.map(|(_, rest)| format!("CREATE{rest};\n"));
    format!("USE `{schema}`;\n{}", creates.collect::<String>()).into_bytes()
}

fn product_name(server: &Server) -> &'static str {
    match server.product {
        Product::Mysql => "mysql",
        Product::Mariadb => "mariadb",
    }
}
