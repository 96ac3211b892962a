//! The rules of the house that a compiler does not know: who may import whom, how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Each room, and the rooms whose doors it may use beside its own.
const MAY_IMPORT: [(&str, &[&str]); 15] = [
    ("model", &["report"]),
    ("report", &["model"]),
    ("sql", &["model", "report"]),
    ("seal", &["model", "report", "sql"]),
    ("format", &["model", "report", "sql"]),
    ("change", &["model", "report", "sql"]),
    ("telemetry", &["model", "report", "sql"]),
    ("target", &["model", "report"]),
    ("server", &["model", "report", "sql"]),
    ("disk", &["model", "report"]),
    ("emit", &["model", "report"]),
    ("collect", &["model", "report"]),
    (
        "work",
        &[
            "model",
            "report",
            "sql",
            "seal",
            "format",
            "change",
            "telemetry",
            "target",
            "server",
            "disk",
            "emit",
            "collect",
        ],
    ),
    ("cli", &["model", "report", "work"]),
    ("tui", &["model", "report", "work"]),
];

/// What must not be named, and the rooms and files that may all the same.
const ONLY_IN: [(&str, &[&str]); 7] = [
    ("tokio::", &["target", "server", "disk", "emit", "collect", "work", "cli", "tui", "main"]),
    ("std::fs", &["target", "server", "disk", "collect", "work", "cli", "main", "src/tui/terminal.rs"]), // there: /dev/tty
    ("ratatui::", &["tui"]),
    ("crossterm::", &["tui", "cli", "main"]),
    ("clap::", &["cli", "main"]),
    ("mysql_async::", &["server"]),
    ("aws_sdk_s3::", &["target"]),
];

const LONGEST_FILE: usize = 450;

#[test]
fn every_room_imports_only_from_the_floors_below() {
    let mut broken = vec![];
    for source in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(room, _)| *room == source.room) else { continue };
        for (number, line) in &source.code {
            for name in line.split("crate::").skip(1) {
                let name: String = name.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let is_room = MAY_IMPORT.iter().any(|(room, _)| *room == name);
                if name == "{" || (is_room && name != source.room && !allowed.contains(&name.as_str())) {
                    broken.push(format!("{}:{number}: {} must not import {name}", source.path, source.room));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn crates_stay_on_their_floor() {
    let mut broken = vec![];
    for source in sources() {
        for (number, line) in &source.code {
            for (name, rooms) in ONLY_IN {
                if line.contains(name) && !rooms.iter().any(|may| *may == source.room || *may == source.path) {
                    broken.push(format!("{}:{number}: no {name} in {}", source.path, source.room));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_file_is_longer_than_one_can_read() {
    let long = sources().into_iter().filter(|source| source.code.len() > LONGEST_FILE);
    let long: Vec<_> = long.map(|source| format!("{}: {} lines of code", source.path, source.code.len())).collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

/// The only files outside of `server` that may name what talks to a database. Whoever is added here must not
/// have recovery SQL in hand, or must be one that can only look ([`LOOKS`]).
const REACH_SERVERS: [&str; 8] = [
    "src/work/changes/given.rs",    // definitions of tables
    "src/work/collecting/table.rs", // the dates that DBacked notes
    "src/work/doctor/",
    "src/work/hazards.rs", // what servers can do: constants
    "src/work/load.rs",
    "src/work/restore.rs",
    "src/work/run.rs",
    "src/work/review/",
];
/// Those of them that have recovery SQL in hand: of `server` they may only name the session that cannot write.
const LOOKS: &str = "src/work/review/";
/// What those that write recovery SQL must not name at all: a server, the network, another program, a job that loads.
const OUT_OF_REACH: [&str; 14] = [
    "crate::server",
    "mysql_async",
    "Connection",
    "RowsNow",
    "std::net",
    "tokio::net",
    "std::process",
    "tokio::process",
    "work::load",
    "work::run",
    "work::restore",
    "work::review",
    "start_restore",
    "restore_to",
];

#[test]
fn what_writes_recovery_sql_cannot_reach_a_database() {
    let writes = |path: &str| path.starts_with("src/work/recover") || path.starts_with("src/change/");
    let mut broken = vec![];
    let mut writers = 0;
    for source in sources() {
        writers += usize::from(writes(&source.path));
        for (number, line) in &source.code {
            let place = format!("{}:{number}: {}", source.path, line.trim());
            if writes(&source.path) && OUT_OF_REACH.iter().any(|word| line.contains(word)) {
                broken.push(place.clone());
            }
            let names_server = line.contains("crate::server");
            let may = REACH_SERVERS.iter().any(|may| source.path.starts_with(may)) || source.room == "server";
            if names_server && !may {
                broken.push(place.clone());
            }
            if names_server && source.path.starts_with(LOOKS) && !line.contains("crate::server::rows_now") {
                broken.push(place);
            }
        }
    }
    assert!(writers > 20, "the files that write recovery SQL were not found");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_session_that_looks_at_rows_holds_no_statement_that_writes() {
    let all = sources();
    let source = all.iter().find(|source| source.path == "src/server/rows_now.rs").expect("it is there");
    let text: Vec<&str> = source.code.iter().map(|(_, line)| line.as_str()).collect();
    let text = text.join("\n");
    let literals: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    assert!(literals.iter().any(|literal| literal.starts_with("SELECT")), "no literals were found");
    let writing = [
        "INSERT",
        "UPDATE",
        "DELETE",
        "REPLACE",
        "CREATE",
        "DROP",
        "ALTER",
        "TRUNCATE",
        "RENAME",
        "GRANT",
        "CALL",
        "LOAD",
        "DO ",
        "SET GLOBAL",
        "SET PERSIST",
        "PREPARE",
        "EXECUTE",
        "COMMIT",
        "HANDLER",
        "LOCK",
    ];
    for literal in &literals {
        let begins = writing.iter().find(|word| literal.trim_start().to_ascii_uppercase().starts_with(**word));
        assert!(begins.is_none(), "{literal}");
    }
    // What changes the session is written out; what is put together is asked as a SELECT or a SHOW.
    for line in text.lines().filter(|line| line.contains(".run(")) {
        let fixed = line.contains(".run(\"SET SESSION ") || line.contains(".run(\"START TRANSACTION ");
        assert!(fixed || line.contains(".run(limit)"), "{line}");
    }
    let puts_together = text.split("format!(").skip(1).filter(|rest| rest.contains(".ask(") || rest.starts_with('"'));
    assert!(puts_together.count() > 5);
    for word in ["take()", "load(", "give_back", "kill_handle", ".exec"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn nothing_is_left_for_later_and_nothing_points_outside() {
    let banned = ["todo!(", "unimplemented!(", "dbg!(", concat!("../", "shared"), concat!("/work", "/")];
    let mut broken = vec![];
    for path in files(&root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in banned {
                if line.contains(word) && !path.ends_with("tests/it/house.rs") {
                    broken.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

struct Source {
    path: String,
    /// The folder or file directly below `src`.
    room: String,
    /// Numbered lines, without blank ones, comments and the inline tests at the end.
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let rust = files(&src).into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let all: Vec<_> = rust
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let inside = path.strip_prefix(&src).unwrap();
            let room = inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned();
            Source { path: format!("src/{}", inside.display()), room, code: code(&text) }
        })
        .collect();
    assert!(all.len() > 20, "the sources were not found");
    all
}

fn code(text: &str) -> Vec<(usize, String)> {
    let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let before_tests = production.lines().enumerate();
    let kept = before_tests.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with("//"));
    kept.map(|(at, line)| (at + 1, line.to_owned())).collect()
}

/// All files below a folder, without build output and version control.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let is_output = name == ".git" || (name == "target" && entry.path().join("CACHEDIR.TAG").exists());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() && !is_output => found.extend(files(&entry.path())),
            kind if kind.is_file() && !is_output => found.push(entry.path()),
            _ => {}
        }
    }
    found
}
