//! Definitions hold only over logs that were read: what changed in others is not known.

use std::fs;

use serde_json::Value;

use crate::recover::Damaged;
use crate::support::databases::{Server, folding_server};
use crate::undo::{alone, last_line, run};

const THEN: &str = "CREATE TABLE orders (id INT PRIMARY KEY, paid INT, owed INT) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,10,20),(2,30,40);";
/// The names of two columns change places behind the accident: nothing but the statement itself tells.
const DAMAGE: &str = "DELETE FROM orders WHERE id=1; FLUSH BINARY LOGS;
    ALTER TABLE orders CHANGE paid owed INT, CHANGE owed paid INT;
    UPDATE orders SET paid=0; FLUSH BINARY LOGS; UPDATE orders SET paid=1;";

/// The first log's deleted row, and how the source says that its columns got their names.
fn deleted(damaged: &Damaged, arguments: &[&str]) -> (Value, Value) {
    let logs = damaged.logs.to_str().unwrap();
    let run = |more: &[&str]| {
        let run = damaged.home.run(&[&["changes", logs, "--json"], arguments, more].concat());
        assert_eq!(run.code, 0, "{run:?}");
        run.lines()
    };
    let rows = run(&["--kind", "delete"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    (rows[0].clone(), run(&["--summary"])[0]["facts"].clone())
}

#[test]
fn d22_definitions_are_not_taken_over_logs_that_are_not_read() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, THEN, DAMAGE);
        let mut names: Vec<String> =
            fs::read_dir(&damaged.logs).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names.len(), 3);
        // The server's own definition is of behind the change; the range is of before.
        let end_of_first = format!("{}:99999999", names[0]);
        let (row, _) = deleted(&damaged, &["--to-position", &end_of_first, "--schema", &damaged.url()]);
        assert_eq!(row["certainty"], "unnamed", "{row}");
        let script = damaged.home.path("undo.sql");
        let asked = ["--to-position", &end_of_first, "--json", "-o", script.to_str().unwrap()];
        let run = damaged.recover(&asked);
        assert_eq!((run.code, script.exists()), (6, false), "{run:?}");
        // A dump of then names the place at which it was true, and that place is read: names are those of then.
        let dump = damaged.home.path("then.sql");
        fs::write(&dump, format!("USE accident;\n{THEN}\n")).unwrap();
        let at = |place: &str| format!("{}@{place}", dump.display());
        let (row, _) = deleted(&damaged, &["--schema", &at(&format!("{}:4", names[0]))]);
        assert_eq!((&row["certainty"], &row["before"]["paid"]), (&"exact".into(), &10.into()), "{row}");
        // Of a later log, or of an earlier one, that is not here: nothing is known, and that is said.
        for gone in &names[1..] {
            fs::remove_file(damaged.logs.join(gone)).unwrap();
        }
        let (stem, number) = names[0].rsplit_once('.').unwrap();
        let before = format!("{stem}.{:06}", number.parse::<u64>().unwrap() - 1);
        for place in [format!("{}:99", names[1]), format!("{before}:99")] {
            let (row, facts) = deleted(&damaged, &["--schema", &at(&place)]);
            assert_eq!(row["certainty"], "unnamed", "{place}: {row}");
            assert!(facts[0]["problem"].as_str().unwrap().contains("not read here"), "{facts}");
        }
    }
}

#[test]
fn d22_a_name_that_differs_by_the_case_of_its_letters_lends_no_definition() {
    for server in alone().iter().copied() {
        let damage =
            "CREATE TABLE Carts (id INT PRIMARY KEY, b INT, a INT) ENGINE=InnoDB; DELETE FROM carts WHERE id=1;";
        let stage = format!(
            "{THEN} CREATE TABLE carts (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; INSERT INTO carts VALUES (1,10,20);"
        );
        let damaged = Damaged::new(server, &stage, damage);
        let (logs, script) = (damaged.logs.to_str().unwrap(), damaged.home.path("undo.sql"));
        let asked = ["recover", logs, "--table", "accident.carts", "-o", script.to_str().unwrap()];
        let made = damaged.home.run(&asked);
        assert_eq!((made.code, script.exists()), (6, false), "{:?}: {made:?}", server.product);
        assert!(made.out.replace("\n ", "").contains("other letters"), "{made:?}");
    }
}

#[test]
fn d22_a_table_that_was_created_with_capitals_on_a_server_that_folds_names_is_undone_by_what_that_server_says() {
    let Some(server) = folding_server() else { return };
    let server: &'static Server = Box::leak(Box::new(server)); // its watchdog ends it with this process
    let damage = "CREATE TABLE Carts (Id INT UNSIGNED PRIMARY KEY, What VARCHAR(9) CHARACTER SET latin1) ENGINE=InnoDB;
        INSERT INTO CARTS VALUES (4000000000,'one'),(2,'two'); DELETE FROM Carts WHERE Id>2;";
    let damaged = Damaged::new(server, THEN, damage);
    let logs = damaged.logs.to_str().unwrap();
    let rows = damaged.home.run(&["changes", logs, "--json", "--kind", "delete"]).lines();
    assert_eq!(rows[0]["certainty"], "unnamed", "{rows:?}");
    let from = format!("{}:{}", rows[0]["file"].as_str().unwrap(), rows[0]["position"]);
    let script = damaged.home.path("undo.sql");
    let schema = format!("mysql://root@127.0.0.1:{}/", server.port);
    let asked =
        ["recover", logs, "--from-position", &from, "--schema", &schema, "--json", "-o", script.to_str().unwrap()];
    let written = damaged.home.run(&asked);
    assert_eq!(written.code, 0, "{written:?}");
    let output = run(server, &["-N", "-B"], &fs::read_to_string(&script).unwrap());
    assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.sql("SELECT * FROM accident.carts ORDER BY Id"), "2\ttwo\n4000000000\tone\n");
}
