//! Statements of clients that do not speak UTF-8: their tables are those of the rows all the same.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use crate::recover::Damaged;
use crate::support::databases::Server;
use crate::undo::{alone, last_line, run};

const OTHERS: &str = "CREATE TABLE orders (id INT PRIMARY KEY); CREATE TABLE stock (item INT PRIMARY KEY);";

/// Character sets of clients, and a table's name in each: bytes that are a backslash or a backtick among them.
const SPOKEN: [(&str, &[u8]); 7] = [
    ("latin1", b"gr\xf6\xdfe"),
    ("cp1251", b"\xe7\xe0\xea\xe0\xe7"),
    ("gbk", b"a\x83\x5c"),
    ("gbk", b"\x81\x60b"),
    ("sjis", b"\x83\x5c"),
    ("sjis", b"\x83\x60c"),
    ("big5", b"\xa5\x5c"),
];

/// What a client of that character set sends.
fn says(server: &Server, charset: &str, bytes: &[u8]) {
    let mut client = server.client();
    client.arg(format!("--default-character-set={charset}"));
    let mut child = client.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&[b"USE accident; ", bytes, b";\n"].concat()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{charset}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The statement with the table's name, in backticks, in place of `?`.
fn with(name: &[u8], statement: &str) -> Vec<u8> {
    let (front, behind) = statement.split_once('?').unwrap();
    [front.as_bytes(), b"`", name, b"`", behind.as_bytes()].concat()
}

/// What the server calls the table.
fn table(server: &Server) -> String {
    let table = server.sql(
        "SELECT table_name FROM information_schema.tables \
         WHERE table_schema='accident' AND table_name NOT IN ('orders', 'stock')",
    );
    table.trim_end().to_owned()
}

fn rows(server: &Server) -> String {
    server.sql(&format!("SELECT id, a, b FROM accident.`{}` ORDER BY id", table(server)))
}

#[test]
fn d52_a_truncate_by_a_client_of_another_character_set_is_a_wall() {
    for server in alone().iter().copied() {
        for (charset, name) in SPOKEN {
            let say = |statement: &str| says(server, charset, &with(name, statement));
            let damaged = Damaged::by(server, OTHERS, || {
                say("CREATE TABLE ? (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB");
                say("INSERT INTO ? VALUES (1,10,100),(2,20,200)");
                say("DELETE FROM ? WHERE id=1");
                say("TRUNCATE ?");
            });
            let deleted = first_position(&damaged, "delete");
            let file = damaged.home.path("undo.sql");
            let asked = format!("accident.{}", table(server));
            let asked = ["--from-position", &deleted, "--table", &asked, "--json", "-o", file.to_str().unwrap()];
            let refused = damaged.recover(&asked);
            assert_eq!((refused.code, file.exists()), (6, false), "{charset}: {refused:?}");
            let reasons = &refused.line()["refused"];
            let told =
                reasons.as_array().unwrap().iter().any(|one| one["reason"].as_str().unwrap().contains("TRUNCATE"));
            assert!(told, "{charset}: {reasons}");
            let summary = damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--summary", "--json"]);
            let walls = summary.line()["walls"].clone();
            let truncate = walls.as_array().unwrap().iter().find(|wall| wall["verb"] == "truncate").unwrap();
            if charset == "latin1" {
                assert_eq!(truncate["tables"][0]["table"], "größe", "{truncate}");
                assert_eq!(truncate["statement"], "TRUNCATE `größe`", "{truncate}");
            } else {
                assert!(truncate["destroyed"].as_str().unwrap().contains("accident"), "{truncate}");
            }
        }
    }
}

/// The position of the first row of a kind.
fn first_position(damaged: &Damaged, kind: &str) -> String {
    let found =
        damaged.home.run(&["changes", damaged.logs.to_str().unwrap(), "--kind", kind, "--limit", "1", "--json"]);
    assert_eq!(found.code, 0, "{found:?}");
    let row = &found.lines()[0];
    format!("{}:{}", row["file"].as_str().unwrap(), row["position"])
}

/// A table that a client makes, changes and damages; and the rows in front of that.
fn altered(server: &'static Server, charset: &str, name: &[u8]) -> (Damaged, String) {
    let say = |statement: &str| says(server, charset, &with(name, statement));
    let mut before = String::new();
    let damaged = Damaged::by(server, OTHERS, || {
        say("CREATE TABLE ? (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB");
        say("INSERT INTO ? VALUES (1,10,100),(2,20,200)");
        say("ALTER TABLE ? MODIFY b INT AFTER id");
        before = rows(server);
        say("DELETE FROM ? WHERE id=1");
    });
    (damaged, before)
}

#[test]
fn d45_definitions_by_a_client_of_another_character_set_are_followed_or_nothing_is_undone() {
    for server in alone().iter().copied() {
        for (charset, name) in SPOKEN {
            let (damaged, before) = altered(server, charset, name);
            let deleted = first_position(&damaged, "delete");
            let file = damaged.home.path("undo.sql");
            let logs = damaged.logs.to_str().unwrap();
            let asked = ["recover", logs, "--from-position", &deleted, "--json", "-o", file.to_str().unwrap()];
            let run_json = damaged.home.run(&asked);
            // Where the characters are known here, the statements are followed; else nothing of the table is.
            if charset != "latin1" {
                assert_eq!((run_json.code, file.exists()), (6, false), "{charset}: {run_json:?}");
                continue;
            }
            assert_eq!(run_json.code, 0, "{charset}: {run_json:?}");
            let output = run(server, &["-N", "-B"], &fs::read_to_string(&file).unwrap());
            assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(rows(server), before);
        }
    }
}

#[test]
fn d45_names_that_the_log_says_itself_do_not_depend_on_a_client() {
    for server in alone().iter().copied() {
        server.sql("SET GLOBAL binlog_row_metadata=FULL");
        for (charset, name) in SPOKEN {
            let (damaged, before) = altered(server, charset, name);
            let deleted = first_position(&damaged, "delete");
            let file = damaged.home.path("undo.sql");
            // The server is asked for the table: the log's definition of it is lost, and with it what it computes.
            let recovered = damaged.recover(&["--from-position", &deleted, "-o", file.to_str().unwrap()]);
            assert_eq!(recovered.code, 0, "{charset}: {recovered:?}");
            let output = run(server, &["-N", "-B"], &fs::read_to_string(&file).unwrap());
            assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(rows(server), before, "{charset}");
        }
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
    }
}
