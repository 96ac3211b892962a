//! Definitions hold only over logs that were read: what changed in others is not known.

use std::fs;

use serde_json::Value;

use crate::recover::Damaged;
use crate::undo::alone;

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
