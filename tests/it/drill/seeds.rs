//! Random work on random tables, undone: the state before it comes back, or the reason why not is right.

use breakglass::change::undo::Request;
use breakglass::model::script::Checks;

use crate::drill::random::Random;
use crate::drill::state::{State, difference, state};
use crate::drill::tables::{Table, tables};
use crate::drill::work::{rows, work};
use crate::drill::{Ask, Stopped, Undo, alone, apply, definitions, logs_since, mark, references, run, undo};
use crate::support::databases::{Product, Server};

/// What a log keeps of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Image {
    Full,
    Minimal,
    NoBlob,
}

/// How many of each outcome there were.
#[derive(Debug, Default)]
struct Tally {
    undone: usize,
    refused: usize,
    changes: usize,
}

const DATABASE: &str = "drill";

/// Which seeds to drill, and how many of them must be undone: `BREAKGLASS_SEEDS` says how many, from the first on, where
/// such as are rightly refused do not count; `BREAKGLASS_SEED` names a single one.
fn seeds() -> (std::ops::Range<u64>, usize) {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("BREAKGLASS_SEED") {
        Some(seed) => (seed..seed + 1, 0),
        None => {
            let wanted = number("BREAKGLASS_SEEDS").unwrap_or(10);
            (0..2 * wanted, wanted as usize)
        }
    }
}

/// What images the log gets, settings of the server, and those of a session.
fn settings(random: &mut Random, product: Product) -> (Image, String, String) {
    let image = *random.pick(&[Image::Full, Image::Full, Image::Full, Image::Full, Image::Minimal, Image::NoBlob]);
    let word = format!("{image:?}").to_uppercase();
    let metadata = match (product, random.below(3)) {
        (_, 0) => "FULL",
        (Product::Mariadb, 1) => "NO_LOG",
        _ => "MINIMAL",
    };
    let (on, checksum) = (random.below(2), *random.pick(&["CRC32", "CRC32", "NONE"]));
    let zone = *random.pick(&["+00:00", "+05:45", "-03:00"]);
    let checks = u8::from(!random.one_in(8));
    let mut globals = format!("SET GLOBAL binlog_row_metadata={metadata}, binlog_checksum={checksum};\n");
    let mut session = format!(
        "SET SESSION binlog_row_image={word}, time_zone='{zone}', foreign_key_checks={checks}, \
        innodb_lock_wait_timeout=1, \
        sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';\n"
    );
    match product {
        Product::Mysql => {
            let partial = *random.pick(&["", "PARTIAL_JSON"]);
            let options = format!("binlog_transaction_compression={on}, binlog_row_value_options='{partial}'");
            session += &format!("SET SESSION {options};\n");
        }
        Product::Mariadb => globals += &format!("SET GLOBAL log_bin_compress={on}, log_bin_compress_min_len=10;\n"),
    }
    (image, globals, session)
}

fn setup(server: &Server, random: &mut Random) -> Vec<Table> {
    let tables = tables(random, server.product);
    let mut text = format!("DROP DATABASE IF EXISTS {DATABASE}; CREATE DATABASE {DATABASE}; USE {DATABASE};\n");
    text += "SET sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', time_zone='+00:00';\n";
    tables.iter().for_each(|table| text += &table.create);
    text += &rows(random, &tables);
    let output = run(server, &["--force", "--default-character-set=utf8mb4"], &text);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let made = server.sql(&format!("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema='{DATABASE}'"));
    let creates: String = tables.iter().map(|table| table.create.as_str()).collect();
    assert_eq!(made.trim(), tables.len().to_string(), "{errors}\n{creates}");
    tables
}

/// Where one seed is drilled, somebody wants to look at what it made.
fn keep(server: &Server, name: &str, bytes: &[u8]) {
    if std::env::var_os("BREAKGLASS_SEED").is_some() {
        std::fs::write(std::env::temp_dir().join(format!("drill-{:?}-{name}", server.product)), bytes).unwrap();
    }
}

/// Sessions that a script may find itself in.
const SESSIONS: [&str; 11] = [
    "",
    "SET NAMES latin1; SET time_zone='-07:30';",
    "SET NAMES gbk; SET sql_mode='ANSI,NO_BACKSLASH_ESCAPES';",
    "SET NAMES sjis; SET sql_mode='PAD_CHAR_TO_FULL_LENGTH,TRADITIONAL', foreign_key_checks=0;",
    "SET sql_mode='PIPES_AS_CONCAT,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION', sql_safe_updates=1;",
    "SET autocommit=0, sql_select_limit=1, unique_checks=0;",
    "BEGIN; SET collation_connection='utf16_bin', collation_database='ucs2_bin';",
    "SET sql_mode='IGNORE_SPACE,ONLY_FULL_GROUP_BY,NO_ZERO_DATE,NO_ZERO_IN_DATE', TIMESTAMP=1, div_precision_increment=0;",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SET completion_type=1;",
    "SET completion_type=2;",
    "SET @bg=1, @bg_off=-5, @bg_done=-1, @bg_end='COMMIT', @bg_here=1, @bg_skip=1, sql_auto_is_null=1;",
];

/// Undoes what lies behind a mark, and compares with the state that must come out. Gives the mark in front of what
/// the script did.
fn undone_since(
    server: &Server,
    since: &str,
    expected: &State,
    (image, session): (Image, &str),
    story: &str,
) -> Option<(Undo, String)> {
    let (logs, definitions) = (logs_since(server, since), definitions(server, DATABASE));
    keep(server, "schema.sql", &definitions);
    for (nth, log) in logs.iter().enumerate() {
        keep(server, &format!("log.{nth}"), log);
    }
    let references = references(&definitions);
    let request = || Request { references: &references, ..Request::default() };
    let mut undone = match undo(&logs, &definitions, &Ask { request: request(), ..Ask::default() }) {
        Ok(undo) => undo,
        Err(Stopped::Damaged(error)) => panic!("{story}: {error}\n{}", String::from_utf8_lossy(&definitions)),
        Err(stopped) => {
            let reasons = stopped.reasons();
            let is_right = |why: &String| image != Image::Full && why.contains("does not have the column");
            let few = (&reasons[..reasons.len().min(3)], String::from_utf8_lossy(&definitions));
            assert!(!reasons.is_empty() && reasons.iter().all(is_right), "{story}: {few:#?}");
            return None;
        }
    };
    keep(server, "undo.sql", undone.text.as_bytes());
    let (text, mut behind) = (String::from_utf8_lossy(&definitions), mark(server));
    let left = state(server, DATABASE);
    let mut applied = apply(server, &format!("{session}\n{}", undone.text));
    if applied.as_ref().is_err_and(|why| why.contains("ERROR 1451")) {
        // A row that refers to itself cannot be taken away while keys are checked; nothing else was done then.
        assert!(state(server, DATABASE) == left, "{story}: a part was applied");
        let request = Request { checks: Checks::Off, ..request() };
        undone = undo(&logs, &definitions, &Ask { request, ..Ask::default() }).unwrap();
        behind = mark(server);
        applied = apply(server, &format!("{session}\n{}", undone.text));
    }
    let mut is_lone = false;
    if applied.as_ref().is_err_and(|why| why.contains("@bg_left<>")) {
        // More rows would refer to nothing: so it must be in the state that is to come out.
        assert!(state(server, DATABASE) == left, "{story}: a part was applied");
        let request = Request { checks: Checks::Off, ..Request::default() };
        undone = undo(&logs, &definitions, &Ask { request, ..Ask::default() }).unwrap();
        behind = mark(server);
        applied = apply(server, &format!("{session}\n{}", undone.text));
        is_lone = applied.is_ok();
    }
    if let Err(why) = applied {
        let off = first_off(server, &undone.text);
        if off.starts_with("UPDATE `drill`.`tree` SET `pid`=") && state(server, DATABASE) == left {
            return None; // what MySQL logs of a row that refers to itself: see `meanings`
        }
        panic!("{story}: not applied in {session:?}: {why}\n{off}\n{text}");
    }
    let now = state(server, DATABASE);
    assert!(now == *expected, "{story}: another state\n{}{text}", difference(expected, &now));
    assert!(!is_lone || lone(server) > 0, "{story}: stopped for nothing");
    Some((undone, behind))
}

/// Rows of a family that refer to nothing.
fn lone(server: &Server) -> u64 {
    let of = |child: &str, parent: &str| {
        let joined = format!("{DATABASE}.{child} c LEFT JOIN {DATABASE}.{parent} p ON c.pid=p.id");
        let count = server.sql(&format!("SELECT COUNT(*) FROM {joined} WHERE c.pid IS NOT NULL AND p.id IS NULL"));
        count.trim().parse::<u64>().unwrap()
    };
    of("child", "parent") + of("tree", "tree")
}

/// The first statement that touched another number of rows than it should.
fn first_off(server: &Server, script: &str) -> String {
    let (mut told, mut asked) = (vec![], String::new());
    for (before, line) in std::iter::once("").chain(script.lines()).zip(script.lines()) {
        asked += &format!("{line}\n");
        if line.starts_with("SET @bg_done=@bg_done+1") {
            told.push(before);
            asked += "SELECT IF(@bg_off<>0,'off','on');\n";
        }
    }
    let output = run(server, &["-N", "-B", "--force"], &asked);
    let answers = String::from_utf8_lossy(&output.stdout).into_owned();
    let first = answers.lines().position(|answer| answer == "off").and_then(|at| told.get(at));
    first.map_or(String::new(), |line| line.chars().take(800).collect())
}

fn drill(server: &Server, seed: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let story = format!("{:?}, seed {seed}", server.product);
    let tables = setup(server, &mut random);
    let (image, globals, settings) = settings(&mut random, server.product);
    let sessions = ["one", "two"].map(|session| work(&mut random, server.product, &tables, session));
    let sessions = &sessions[..if random.one_in(3) { 2 } else { 1 }];
    let before = state(server, DATABASE);
    let first = mark(server);
    server.sql(&globals);
    std::thread::scope(|scope| {
        for (nth, work) in sessions.iter().enumerate() {
            let text = format!("{settings}USE {DATABASE};\n{work}");
            keep(server, &format!("work.{nth}.sql"), text.as_bytes());
            scope.spawn(move || run(server, &["--force", "--default-character-set=utf8mb4"], &text));
        }
    });
    let after = state(server, DATABASE);
    let session = *random.pick(&SESSIONS);
    match undone_since(server, &first, &before, (image, session), &story) {
        None => tally.refused += 1,
        Some((undo, behind)) => {
            tally.undone += 1;
            tally.changes += undo.changes;
            // What the script did is undone by another one, and so the work is done again.
            let again = undone_since(server, &behind, &after, (Image::Full, ""), &format!("{story}, done again"));
            assert_eq!(again.map(|(again, _)| again.changes), Some(undo.changes), "{story}");
        }
    }
}

/// Drills every seed, and says all that failed.
fn drilled(server: &Server) -> Vec<String> {
    let (mut tally, mut failed) = (Tally::default(), vec![]);
    let (seeds, wanted) = seeds();
    for seed in seeds {
        if wanted > 0 && tally.undone >= wanted {
            break;
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drill(server, seed, &mut tally)));
        if let Err(why) = outcome {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            failed.push(format!("{:?}, seed {seed}: {why}", server.product));
        }
    }
    println!("{:?}: {tally:?}, {} failed", server.product, failed.len());
    if failed.is_empty() {
        assert!(tally.undone >= wanted && tally.changes > 10 * tally.undone * wanted.min(1), "{tally:?}");
    }
    failed
}

#[test]
fn random_work_is_undone_to_the_state_before_it() {
    let servers = alone();
    let failed: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = servers.iter().map(|server| scope.spawn(|| drilled(server))).collect();
        running.into_iter().flat_map(|running| running.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}
