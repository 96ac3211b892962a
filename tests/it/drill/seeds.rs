//! Random work on random tables, undone: the state before it comes back, or the reason why not is right.

use crate::drill::random::Random;
use crate::drill::state::{State, difference, state};
use crate::drill::tables::{Table, tables};
use crate::drill::work::{rows, work};
use crate::drill::{Ask, Stopped, Undo, alone, apply, definitions, logs_since, mark, run, undo};
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

/// Seeds to drill: `BREAKGLASS_SEEDS` says how many from the first on, `BREAKGLASS_SEED` names a single one.
fn seeds() -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match number("BREAKGLASS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("BREAKGLASS_SEEDS").unwrap_or(10),
    }
}

fn settings(random: &mut Random, product: Product) -> (Image, String) {
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
    let own = match product {
        Product::Mysql => {
            let partial = *random.pick(&["", "PARTIAL_JSON"]);
            format!("SET SESSION binlog_transaction_compression={on}, binlog_row_value_options='{partial}';\n")
        }
        Product::Mariadb => {
            format!("SET GLOBAL log_bin_compress={on}, log_bin_compress_min_len=10;\n")
        }
    };
    let text = format!(
        "SET GLOBAL binlog_row_metadata={metadata}, binlog_checksum={checksum};\n{own}\
        SET SESSION binlog_row_image={word}, time_zone='{zone}', foreign_key_checks={checks}, \
        sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';\n"
    );
    (image, text)
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

/// Undoes what lies behind a mark, and compares with the state that must come out. Gives the mark in front of what
/// the script did.
fn undone(server: &Server, since: &str, expected: &State, image: Image, story: &str) -> Option<(Undo, String)> {
    let (logs, definitions) = (logs_since(server, since), definitions(server, DATABASE));
    keep(server, "schema.sql", &definitions);
    for (nth, log) in logs.iter().enumerate() {
        keep(server, &format!("log.{nth}"), log);
    }
    let undo = match undo(&logs, &definitions, &Ask::default()) {
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
    keep(server, "undo.sql", undo.text.as_bytes());
    let (text, behind) = (String::from_utf8_lossy(&definitions), mark(server));
    if let Err(why) = apply(server, &undo.text) {
        panic!("{story}: not applied: {why}\n{}", &text);
    }
    let now = state(server, DATABASE);
    assert!(now == *expected, "{story}: another state\n{}{text}", difference(expected, &now));
    Some((undo, behind))
}

fn drill(server: &Server, seed: u64, tally: &mut Tally) {
    let mut random = Random::new(seed);
    let story = format!("{:?}, seed {seed}", server.product);
    let tables = setup(server, &mut random);
    let (image, settings) = settings(&mut random, server.product);
    let work = work(&mut random, server.product, &tables);
    let before = state(server, DATABASE);
    let first = mark(server);
    let text = format!("{settings}USE {DATABASE};\n{work}");
    keep(server, "work.sql", text.as_bytes());
    run(server, &["--force", "--default-character-set=utf8mb4"], &text);
    let after = state(server, DATABASE);
    match undone(server, &first, &before, image, &story) {
        None => tally.refused += 1,
        Some((undo, behind)) => {
            tally.undone += 1;
            tally.changes += undo.changes;
            // What the script did is undone by another one, and so the work is done again.
            let again = undone(server, &behind, &after, Image::Full, &format!("{story}, done again"));
            assert_eq!(again.map(|(again, _)| again.changes), Some(undo.changes), "{story}");
        }
    }
}

/// Drills every seed, and says all that failed.
fn drilled(server: &Server) -> Vec<String> {
    let (mut tally, mut failed) = (Tally::default(), vec![]);
    for seed in seeds() {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drill(server, seed, &mut tally)));
        if let Err(why) = outcome {
            let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
            failed.push(format!("{:?}, seed {seed}: {why}", server.product));
        }
    }
    println!("{:?}: {tally:?}, {} failed", server.product, failed.len());
    if failed.is_empty() && seeds().count() >= 10 {
        assert!(tally.undone >= seeds().count() / 2 && tally.changes > 10 * tally.undone, "{tally:?}");
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
