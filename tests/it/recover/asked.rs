//! What a script asks the server that it runs on: foreign keys and triggers beyond those that were known.

use std::fs;

use crate::recover::Damaged;
use crate::recover::guards::{definitions, recover, state, tables, written};
use crate::undo::{alone, last_line, run};

/// What a script asks before anything else, where nobody knew of foreign keys and triggers.
const ASKS: &str = " INTO @bg_around;";

#[test]
fn d23_d24_what_nobody_knew_of_is_asked_for_where_the_script_runs_and_stops_it() {
    for server in alone().iter().copied() {
        let tables = tables("ON DELETE CASCADE");
        let late = "INSERT INTO orders VALUES (5,'late'); UPDATE stock SET qty=3;";
        let damaged = Damaged::new(server, &tables, late);
        server.sql("INSERT INTO accident.parts VALUES (50,5)");
        let before = state(server);
        let file = damaged.home.path("alone.sql");
        let of = |name: &str| {
            let from = tables.find(&format!("CREATE TABLE {name}")).unwrap();
            &tables[from..from + tables[from..].find(';').unwrap() + 1]
        };
        fs::write(&file, format!("USE accident;\n{}\n{}\n", of("orders"), of("stock"))).unwrap();
        let make = |name: &str, more: &[&str]| {
            let script = damaged.home.path(name);
            let mut asked = vec!["-o", script.to_str().unwrap(), "--table", "orders", "--table", "stock"];
            asked.extend(more);
            let run = recover(&damaged, Some(&file), &asked);
            assert_eq!(run.code, 0, "{run:?}");
            let review = damaged.home.run(&["review", script.to_str().unwrap()]);
            assert_eq!(review.code, 0, "{name}: {review:?}");
            fs::read_to_string(script).unwrap()
        };
        let redo = damaged.home.path("redo.sql");
        for (name, more) in [
            ("once.sql", &["--redo", redo.to_str().unwrap()][..]),
            ("each.sql", &["--per-transaction"]),
            ("over.sql", &["--overwrite"]),
        ] {
            let script = make(name, more);
            assert_eq!(script.matches(ASKS).count(), 1, "{name}");
            let output = run(server, &["-N", "-B"], &script);
            let told = String::from_utf8_lossy(&output.stdout);
            assert!(told.contains("NOT APPLIED: 1 triggers or foreign keys") && told.contains("--schema"), "{told}");
            assert!(String::from_utf8_lossy(&output.stderr).contains("1242"), "{output:?}");
            assert_eq!(state(server), before, "{name}");
            let forced = run(server, &["-N", "-B", "--force"], &script);
            assert_eq!((last_line(&forced), state(server)), ("ROLLED BACK".to_owned(), before.clone()), "{name}");
        }
        // What does it again only puts rows back, and no trigger fires.
        let again = fs::read_to_string(&redo).unwrap();
        assert!(again.contains("'INSERT')>0") && !again.contains("'DELETE')>0"), "{again:.6000}");
        assert!(!again.contains("DELETE_RULE"), "{again:.6000}");
        // With keys off nothing goes along, and only triggers are asked for.
        let off = make("off.sql", &["--foreign-keys", "off"]);
        assert!(off.contains(ASKS) && !off.contains("REFERENTIAL_CONSTRAINTS"), "{off:.6000}");
        server.sql("CREATE TRIGGER accident.seen BEFORE UPDATE ON accident.stock FOR EACH ROW SET @seen=1");
        let output = run(server, &["-N", "-B"], &off);
        assert!(String::from_utf8_lossy(&output.stdout).contains("NOT APPLIED: 1 triggers"), "{output:?}");
        assert_eq!(server.sql("SELECT qty FROM accident.stock").trim_end(), "3");
        // One that does not fire at what the script does is none.
        server.sql(
            "DROP TRIGGER accident.seen; \
             CREATE TRIGGER accident.seen BEFORE INSERT ON accident.stock FOR EACH ROW SET @seen=1;
             DELETE FROM accident.parts WHERE n=50",
        );
        // What is known was decided when it was made: only more of it stops the script.
        let known = make("server.sql", &["--server", &damaged.url()]);
        let whole = written(&damaged, Some(&definitions(&damaged.home, &tables)), "whole.sql");
        for script in [&known, &whole] {
            assert!(script.contains("GREATEST((SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS"));
            assert!(script.contains("-1,0)"), "{script:.6000}");
        }
        assert_eq!(last_line(&run(server, &["-N", "-B"], &known)), "APPLIED");
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders WHERE id=5").trim_end(), "0");
        server.sql("DROP TRIGGER accident.seen");
    }
}

#[test]
fn d23_d24_keys_of_other_databases_and_triggers_that_a_dump_leaves_out_stop_the_script() {
    for server in alone().iter().copied() {
        let tables = tables("ON DELETE CASCADE");
        let damaged = Damaged::new(server, &tables, "INSERT INTO orders VALUES (5,'late');");
        server.sql(
            "DROP DATABASE IF EXISTS beside; CREATE DATABASE beside; CREATE TABLE beside.notes (n INT PRIMARY KEY, \
             o INT, FOREIGN KEY (o) REFERENCES accident.orders (id) ON DELETE SET NULL) ENGINE=InnoDB; \
             INSERT INTO beside.notes VALUES (70,5)",
        );
        // A dump of the one database: it tells of a cascade, and nothing of the other one.
        let script = written(&damaged, Some(&definitions(&damaged.home, &tables)), "undo.sql");
        let output = run(server, &["-N", "-B"], &script);
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("NOT APPLIED: 1 triggers or foreign keys"), "{told}");
        assert_eq!(server.sql("SELECT o FROM beside.notes").trim_end(), "5");
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders WHERE id=5").trim_end(), "1");
        server.sql(
            "DROP DATABASE beside; \
             CREATE TRIGGER accident.gone BEFORE DELETE ON accident.orders FOR EACH ROW SET @gone=1",
        );
        let output = run(server, &["-N", "-B"], &script);
        assert!(String::from_utf8_lossy(&output.stdout).contains("NOT APPLIED: 1 triggers"), "{output:?}");
        server.sql("DROP TRIGGER accident.gone");
        assert_eq!(last_line(&run(server, &["-N", "-B"], &script)), "APPLIED");
    }
}

#[test]
fn d24_tables_of_any_name_are_asked_for_and_what_stands_around_others_does_not_matter() {
    for server in alone().iter().copied() {
        let tables = "CREATE TABLE `it's é\\` (id INT PRIMARY KEY, v INT) ENGINE=InnoDB CHARSET=utf8mb4;
            CREATE TABLE orders (id INT PRIMARY KEY) ENGINE=InnoDB CHARSET=utf8mb4;
            CREATE TABLE stock (item INT PRIMARY KEY, o INT, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE) \
            ENGINE=InnoDB; CREATE TRIGGER other BEFORE DELETE ON stock FOR EACH ROW SET @a=1; INSERT INTO orders VALUES (1);";
        let damaged = Damaged::new(server, tables, "INSERT INTO `it's é\\` VALUES (1,1),(2,2); DELETE FROM orders;");
        let file = damaged.home.path("alone.sql");
        let one = tables.split("CREATE TABLE orders").next().unwrap();
        fs::write(&file, format!("USE accident;\n{one}")).unwrap();
        let script = damaged.home.path("undo.sql");
        let asked = ["-o", script.to_str().unwrap(), "--table", "it's é\\", "--foreign-keys", "on"];
        let made = recover(&damaged, Some(&file), &asked);
        assert_eq!(made.code, 0, "{made:?}");
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.contains(ASKS));
        server.sql("CREATE TRIGGER accident.seen BEFORE DELETE ON accident.`it's é\\` FOR EACH ROW SET @a=1");
        assert_ne!(last_line(&run(server, &["-N", "-B"], &text)), "APPLIED");
        server.sql("DROP TRIGGER accident.seen");
        assert_eq!(last_line(&run(server, &["-N", "-B"], &text)), "APPLIED");
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.`it's é\\`").trim_end(), "0");
    }
}
