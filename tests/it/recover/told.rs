//! What `recover` says: in its refusals, in its hazards, and in the header of what it writes.

use std::fs;

use serde_json::Value;

use crate::recover::Damaged;
use crate::support::databases::{Product, Server};
use crate::undo::{alone, last_line, run};

const TABLES: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,'paid'),(2,'new'),(3,'sent'); INSERT INTO stock VALUES (1,10),(2,20);";

fn state(server: &Server) -> String {
    server.sql("SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.stock ORDER BY item")
}

fn applied(server: &Server, script: &str) {
    let output = run(server, &["-N", "-B"], script);
    assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a script; it must be there.
fn script(damaged: &Damaged, asked: &[&str]) -> (String, Value) {
    let path = damaged.home.path("undo.sql");
    let run = damaged.recover(&[asked, &["--json", "-o", path.to_str().unwrap()]].concat());
    assert_eq!(run.code, 0, "{:?}: {run:?}", damaged.server.product);
    (fs::read_to_string(&path).unwrap(), run.line())
}

/// What is said where there is none.
fn refused(damaged: &Damaged, asked: &[&str]) -> Value {
    let path = damaged.home.path("none.sql");
    let run = damaged.recover(&[asked, &["--json", "-o", path.to_str().unwrap()]].concat());
    assert_eq!((run.code, path.exists()), (6, false), "{:?}: {run:?}", damaged.server.product);
    run.line()
}

fn reasons(told: &Value) -> Vec<&str> {
    told["refused"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect()
}

fn codes(told: &Value) -> Vec<&str> {
    told["hazards"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

fn header(script: &str) -> Vec<&str> {
    script.lines().map_while(|line| line.strip_prefix("-- ")).collect()
}

#[test]
fn d26_a_filter_that_the_log_cannot_answer_is_refused_with_the_reason() {
    for server in alone().iter().copied() {
        let damage = "SET SESSION binlog_annotate_row_events=0; DELETE FROM orders WHERE id=1;";
        let damage = if server.product == Product::Mysql { "DELETE FROM orders WHERE id=1;" } else { damage };
        let damaged = Damaged::new(server, TABLES, damage);
        let told = refused(&damaged, &["--statement", "DELETE"]);
        assert!(reasons(&told).iter().all(|why| why.contains("the text of its statement")), "{told}");
        let logs = damaged.logs.to_str().unwrap();
        let listed = damaged.home.run(&["changes", logs, "--statement", "DELETE", "--json"]);
        assert_eq!((listed.code, listed.out.as_str()), (0, ""), "{listed:?}");
        assert!(listed.err.contains("changes::untold"), "{listed:?}");

        // MariaDB names connections of rows from 11.5 on.
        let row = damaged.home.run(&["changes", logs, "--json"]).line();
        if row["thread"].is_null() {
            let told = refused(&damaged, &["--thread", "7"]);
            assert!(reasons(&told).iter().all(|why| why.contains("names no connection")), "{told}");
            let listed = damaged.home.run(&["changes", logs, "--thread", "7", "--transactions", "--json"]);
            assert!(listed.out.is_empty() && listed.err.contains("changes::untold"), "{listed:?}");
            continue;
        }
        let thread = row["thread"].to_string();
        let (script, _) = script(&damaged, &["--thread", &thread]);
        applied(server, &script);
        assert_eq!(state(server), damaged.before);
        let none = damaged.recover(&["--thread", "4000000000", "-o", damaged.home.path("x").to_str().unwrap()]);
        assert_eq!(none.code, 8, "{none:?}");
    }
}

#[test]
fn d42_a_statement_on_another_table_is_a_hazard_and_one_on_this_table_a_reason() {
    for server in alone().iter().copied() {
        let as_text = |statement: &str| format!("SET binlog_format=STATEMENT; {statement}; SET binlog_format=ROW;");
        let deletes = "DELETE FROM orders WHERE id=1;";
        let damaged = Damaged::new(server, TABLES, &(as_text("INSERT INTO stock VALUES (9,9)") + deletes));
        let (text, told) = script(&damaged, &["--table", "accident.orders"]);
        assert_eq!(codes(&told), ["statements_beside"], "{told}");
        assert!(header(&text).iter().any(|line| line.contains("INSERT INTO stock")), "{text}");
        applied(server, &text);
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders"), "3\n");
        // Who asks for all of it is not helped.
        assert!(reasons(&refused(&damaged, &[])).iter().any(|why| why.contains("INSERT INTO stock")));

        for statement in [
            "INSERT INTO stock SELECT 9, id FROM orders WHERE id=3",
            "UPDATE stock, orders SET status='x' WHERE id=3 AND item=1",
            "DELETE FROM orders WHERE id=3",
        ] {
            let damaged = Damaged::new(server, TABLES, &(as_text(statement) + deletes));
            let told = refused(&damaged, &["--table", "orders"]);
            assert!(reasons(&told).iter().any(|why| why.contains(statement)), "{statement}: {told}");
        }
        // Inside of a transaction that is undone as a whole it stands in the way, and beside a part of it it does not.
        let inside = format!("BEGIN; {deletes} COMMIT;");
        let inside = inside.replace("COMMIT", "SET @x=1; COMMIT");
        let damaged = Damaged::new(server, TABLES, &(as_text("UPDATE stock SET qty=qty+1") + &inside));
        let (_, told) = script(&damaged, &["--table", "orders"]);
        assert_eq!(codes(&told), ["statements_beside"], "{told}");
    }
}

#[test]
fn d22_a_definition_in_front_of_all_that_is_undone_says_where_to_begin_and_a_new_table_is_none() {
    for server in alone().iter().copied() {
        let made = "CREATE TABLE made (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; INSERT INTO made VALUES (1,1),(2,2);";
        let damaged = Damaged::new(server, TABLES, made);
        let (text, _) = script(&damaged, &["--table", "accident.made"]);
        applied(server, &text);
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.made"), "0\n");

        // A table that is dropped and made anew is another one.
        let again = format!("{made} DROP TABLE made; {made}");
        let told = refused(&Damaged::new(server, TABLES, &again), &["--table", "accident.made"]);
        assert!(reasons(&told).iter().any(|why| why.contains("DROP TABLE")), "{told}");

        let early = "ALTER TABLE orders ADD COLUMN note INT; DELETE FROM orders WHERE id<3;";
        let damaged = Damaged::new(server, TABLES, early);
        let told = refused(&damaged, &["--table", "orders"]);
        let why = reasons(&told)[0];
        let byte: u64 = why.split("with byte ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap();
        let position = told["refused"][0]["position"].as_str().unwrap();
        let from = format!("{}:{byte}", position.split(':').next().unwrap());
        let (text, _) = script(&damaged, &["--table", "orders", "--from-position", &from]);
        applied(server, &text);
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders"), "3\n");

        // Behind rows that are undone there is no such way.
        let late = "DELETE FROM orders WHERE id=1; ALTER TABLE orders ADD COLUMN note INT; DELETE FROM orders;";
        let told = refused(&Damaged::new(server, TABLES, late), &["--table", "orders"]);
        assert!(reasons(&told).iter().all(|why| !why.contains("with byte")), "{told}");
    }
}

#[test]
fn d36_the_header_has_gtids_and_size_and_what_is_pinned_is_given_back() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(
            server,
            TABLES,
            "DELETE FROM orders WHERE id=1; DELETE FROM orders WHERE id=2; UPDATE stock SET qty=0;",
        );
        let logs = damaged.logs.to_str().unwrap();
        let rows = damaged.home.run(&["changes", logs, "--json"]).lines();
        let gtids: Vec<&str> = rows.iter().map(|row| row["gtid"].as_str().unwrap()).collect();
        let (first, last) = (gtids[0], gtids[gtids.len() - 1]);
        let (text, _) = script(&damaged, &[]);
        let lines = header(&text);
        let span = match server.product {
            Product::Mysql => format!("gtids: {first}-{}", last.rsplit(':').next().unwrap()),
            Product::Mariadb => format!("gtids: {first} to {last}"),
        };
        assert!(lines.contains(&span.as_str()), "{span}: {lines:#?}");
        let size = lines.iter().find(|line| line.starts_with("size: ")).unwrap_or_else(|| panic!("{lines:#?}"));
        assert!(size.contains("locks 4 rows") && size.contains("bytes"), "{size}");
        let (each, _) = script(&other(&damaged), &["--per-transaction"]);
        let line = header(&each).into_iter().find(|line| line.starts_with("size: ")).unwrap().to_owned();
        assert!(line.contains("each transaction") && line.contains("4 rows"), "{line}");

        assert!(text.contains("unique_checks=1;"), "{text}");
        let before = "SET unique_checks=0, foreign_key_checks=0, sql_safe_updates=1;\n";
        let after = "SELECT @@unique_checks, @@foreign_key_checks, @@sql_safe_updates;\n";
        let output = run(server, &["-N", "-B"], &[before, &text, after].concat());
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("APPLIED\n0\t0\t1\n"), "{output:?}");
        assert_eq!(state(server), damaged.before);
    }
}

/// The same logs in a home of their own.
fn other(damaged: &Damaged) -> Damaged {
    let home = crate::cli::Home::new();
    Damaged { server: damaged.server, home, logs: damaged.logs.clone(), before: damaged.before.clone() }
}

#[test]
fn d21_every_reason_is_counted_and_those_without_room_are_summed_up() {
    for server in alone().iter().copied() {
        let many: Vec<String> = (10..1510).map(|id| format!("({id},'x')")).collect();
        let damage = format!("INSERT INTO orders VALUES {}; DELETE FROM stock WHERE item=1;", many.join(","));
        let damaged = Damaged::new(server, TABLES, &damage);
        let (logs, path) = (damaged.logs.to_str().unwrap(), damaged.home.path("none.sql"));
        // Without definitions nothing has a name.
        let asked = ["recover", logs, "--schema-name", "accident", "-o", path.to_str().unwrap()];
        let run_json = damaged.home.run(&[&asked[..], &["--json"]].concat());
        assert_eq!((run_json.code, path.exists()), (6, false), "{run_json:?}");
        let told = run_json.line();
        assert_eq!((&told["refusals"], told["refused"].as_array().unwrap().len()), (&1501.into(), 1000), "{told}");
        assert_eq!(told["refused_more"]["count"], 501, "{told}");
        assert!(told["refused_more"]["how"].as_str().unwrap().contains("--from-position"), "{told}");
        let sums = told["reasons"].as_array().unwrap();
        let counts: Vec<(&str, u64)> =
            sums.iter().map(|sum| (sum["table"]["table"].as_str().unwrap(), sum["count"].as_u64().unwrap())).collect();
        assert_eq!(counts, [("orders", 1500), ("stock", 1)], "{sums:?}");
        let text = damaged.home.run(&asked);
        assert!(text.out.contains("of all 1,501") && text.out.contains("1,500 of accident.orders"), "{text:?}");
    }
}

/// A client that shows warnings asks for them behind each statement that has one: then the count of its rows is gone.
#[test]
fn d77_a_client_that_shows_warnings_applies_the_script_too() {
    const OLD: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20) CHARACTER SET utf8mb3, \
            kind ENUM('old','n\u{e9}w') CHARACTER SET utf8mb3, KEY s (status)) ENGINE=InnoDB;
        CREATE TABLE stock (item VARCHAR(9) CHARACTER SET utf8mb3 PRIMARY KEY, qty INT) ENGINE=InnoDB;
        INSERT INTO orders VALUES (1,'p\u{e4}id','n\u{e9}w'),(2,'new','old'),(3,NULL,NULL);
        INSERT INTO stock VALUES ('k\u{e9}y',10),('x',20);";
    for server in alone().iter().copied() {
        server.sql("SET GLOBAL binlog_row_metadata=FULL");
        let damage = "DELETE FROM orders WHERE id=1; UPDATE orders SET status='\u{f6}' WHERE id=2; UPDATE stock SET qty=0; \
            UPDATE stock SET item='\u{f6}' WHERE item='x';";
        let damaged = Damaged::new(server, OLD, damage);
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
        let (text, _) = script(&damaged, &[]);
        for more in [&["--show-warnings"][..], &["--show-warnings", "--force"], &["--show-warnings", "--comments"]] {
            let now = state(server);
            let output = run(server, &[&["-N", "-B"], more].concat(), &text);
            assert_eq!(last_line(&output), "APPLIED", "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(!String::from_utf8_lossy(&output.stdout).contains("utf8"), "{output:?}");
            assert_eq!(state(server), damaged.before);
            // Again from where it was.
            let redone = "USE accident; SET NAMES utf8mb4;".to_owned() + damage;
            server.sql(&redone);
            assert_eq!(state(server), now);
        }
    }
}

#[test]
fn d32_a_unique_key_without_a_name_goes_by_the_name_that_the_server_gave_it() {
    for server in alone().iter().copied() {
        for (keys, drops) in [
            ("UNIQUE (a)", "DROP INDEX a ON u"),
            ("UNIQUE (A)", "ALTER TABLE u DROP KEY `a`"),
            ("KEY a (b), UNIQUE (a)", "ALTER TABLE u DROP INDEX a_2"),
            ("KEY (a), CONSTRAINT UNIQUE (a)", "ALTER TABLE u DROP INDEX A_2"),
            ("UNIQUE KEY k (a)", "ALTER TABLE u RENAME INDEX k TO l; DROP INDEX l ON u"),
            ("UNIQUE (a), UNIQUE (a, b)", "DROP INDEX a_2 ON u; DROP INDEX a ON u"),
            ("UNIQUE USING BTREE (a)", "DROP INDEX a ON u"),
        ] {
            let damage = format!(
                "CREATE TABLE u (a INT NOT NULL, b INT NOT NULL, {keys}) ENGINE=InnoDB; INSERT INTO u VALUES (1,1),(2,2); \
                 {drops}; INSERT INTO u VALUES (1,1),(1,1);"
            );
            let damaged = Damaged::new(server, TABLES, &damage);
            let (logs, path) = (damaged.logs.to_str().unwrap(), damaged.home.path("undo.sql"));
            let rows = damaged.home.run(&["changes", logs, "--table", "u", "--json"]).lines();
            let last = rows.last().unwrap();
            let from = format!("{}:{}", last["file"].as_str().unwrap(), last["position"]);
            // Only the log tells what the table is.
            let asked = ["recover", logs, "--table", "u", "--from-position", &from, "-o", path.to_str().unwrap()];
            let written = damaged.home.run(&asked);
            assert_eq!(written.code, 0, "{keys}, {drops}: {written:?}");
            applied(server, &fs::read_to_string(&path).unwrap());
            assert_eq!(server.sql("SELECT * FROM accident.u ORDER BY a"), "1\t1\n2\t2\n", "{keys}, {drops}");
        }
    }
}

#[test]
fn d22_definitions_of_a_server_that_were_changed_behind_the_logs_are_not_used() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, TABLES, "DELETE FROM stock WHERE item=1; DELETE FROM orders WHERE id=1;");
        let (end, before) = ("SELECT UNIX_TIMESTAMP()", state(server));
        let last = server.sql(end);
        while server.sql(end) == last {} // servers date tables in whole seconds
        server.sql("ALTER TABLE accident.stock CHANGE item q INT, CHANGE qty item INT");
        let told = refused(&damaged, &[]);
        let tables: Vec<&Value> =
            told["refused"].as_array().unwrap().iter().map(|one| &one["table"]["table"]).collect();
        assert_eq!(tables, ["stock"], "{told}");
        let text = damaged.recover(&["-o", damaged.home.path("none.sql").to_str().unwrap()]);
        assert!(text.err.contains("accident.stock") && text.err.contains("FILE@end"), "{text:?}");
        // The other table is as it was.
        let (text, _) = script(&damaged, &["--table", "orders"]);
        assert!(header(&text).iter().any(|line| line.contains("behind the end of these logs")), "{text}");
        applied(server, &text);
        // And who knows better says so.
        let definitions = damaged.home.path("then.sql");
        fs::write(&definitions, format!("USE accident;\n{}", TABLES.split("INSERT").next().unwrap())).unwrap();
        let logs = damaged.logs.to_str().unwrap();
        let at_end = format!("{}@end", definitions.display());
        let path = damaged.home.path("known.sql");
        let asked = ["recover", logs, "--schema", &at_end, "--table", "stock", "-o", path.to_str().unwrap()];
        let run = damaged.home.run(&asked);
        assert_eq!(run.code, 0, "{run:?}");
        assert_ne!(before, damaged.before);
    }
}

#[test]
fn d22_a_server_that_has_what_the_logs_left_is_believed() {
    for server in alone().iter().copied() {
        let damage = "ALTER TABLE stock MODIFY qty BIGINT FIRST; ALTER TABLE orders ADD COLUMN n INT FIRST; \
            DELETE FROM stock WHERE item=1; DELETE FROM orders WHERE id=1;";
        let damaged = Damaged::new(server, TABLES, damage);
        let logs = damaged.logs.to_str().unwrap();
        let listed = damaged.home.run(&["changes", logs, "--schema", &damaged.url(), "--kind", "delete", "--json"]);
        assert!(listed.lines().iter().all(|row| row["certainty"] == "exact"), "{listed:?}");
        let facts =
            &damaged.home.run(&["changes", logs, "--schema", &damaged.url(), "--summary", "--json"]).line()["facts"];
        assert!(facts[0]["problem"].is_null(), "{facts}");
    }
}
