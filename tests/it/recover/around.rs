//! What stands around a recovery: triggers, foreign keys, definitions that are otherwise now, later changes.

use std::fs;

use crate::recover::Damaged;
use crate::support::databases::Product;
use crate::undo::{alone, last_line, run};

const TABLES: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB;
    CREATE TABLE stock (item INT AUTO_INCREMENT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    CREATE TABLE parts (n INT PRIMARY KEY, of_order INT, CONSTRAINT parts_fk FOREIGN KEY (of_order) \
        REFERENCES orders (id) ON DELETE CASCADE) ENGINE=InnoDB;
    CREATE TABLE noted (what VARCHAR(40), PRIMARY KEY (what)) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,'paid'),(2,'new'); INSERT INTO stock VALUES (1,10); INSERT INTO parts VALUES (7,2);";

#[test]
fn d23_d24_triggers_and_cascades_are_in_the_header_with_statements_for_both_choices() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, TABLES, "DELETE FROM orders WHERE id=1; INSERT INTO stock VALUES (9,9);");
        server.sql(
            "USE accident; CREATE TRIGGER seen AFTER INSERT ON orders FOR EACH ROW \
             INSERT INTO noted VALUES (CONCAT('order ', NEW.id));",
        );
        let script = damaged.home.path("undo.sql");
        let run_json = damaged.recover(&["--server", &damaged.url(), "--json", "-o", script.to_str().unwrap()]);
        assert_eq!(run_json.code, 0, "{run_json:?}");
        let told = run_json.line();
        let codes: Vec<&str> =
            told["hazards"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        for code in ["triggers", "auto_increment"] {
            assert!(codes.contains(&code), "{code}: {told}");
        }
        // MySQL since 9.6 logs what cascades change.
        assert_eq!(codes.contains(&"cascade"), server.product == Product::Mariadb, "{told}");
        assert_eq!(told["rows_now"]["matches"], 2, "{told}");
        let text = fs::read_to_string(&script).unwrap();
        let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("-- ")).collect();
        for words in ["would fire on accident.orders: seen", "DROP TRIGGER `accident`.`seen`;", "CREATE DEFINER"] {
            assert!(header.iter().any(|line| line.contains(words)), "{words}: {header:#?}");
        }
        // Nothing of the offers runs: the trigger fires, as nobody chose otherwise.
        let output = run(server, &["-N", "-B"], &text);
        assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(server.sql("SELECT * FROM accident.noted"), "order 1\n");
        assert_eq!(damaged.home.run(&["review", script.to_str().unwrap()]).code, 0);
    }
}

#[test]
fn d22_definitions_that_are_otherwise_now_are_told() {
    for server in alone().iter().copied() {
        // The log says its columns itself: the server has others by now.
        server.sql("SET GLOBAL binlog_row_metadata=FULL");
        let damaged = Damaged::new(server, TABLES, "DELETE FROM orders WHERE id=1; UPDATE stock SET qty=1;");
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
        server.sql(
            "ALTER TABLE accident.orders ADD COLUMN must INT NOT NULL, DROP COLUMN status;
             ALTER TABLE accident.stock ADD COLUMN may INT NULL;",
        );
        let definitions = damaged.home.path("then.sql");
        fs::write(&definitions, format!("USE accident;\n{}", TABLES.split("INSERT").next().unwrap())).unwrap();
        let logs = damaged.logs.to_str().unwrap();
        let run = damaged.home.run(&[
            "recover",
            logs,
            "--schema",
            definitions.to_str().unwrap(),
            "--schema-name",
            "accident",
            "--summary",
            "--server",
            &damaged.url(),
            "--json",
        ]);
        assert_eq!(run.code, 0, "{run:?}");
        let told = run.line();
        let words: Vec<&str> =
            told["hazards"].as_array().unwrap().iter().map(|one| one["text"].as_str().unwrap()).collect();
        for wanted in ["has no column status any more", "needs the new column must", "has the new column may"] {
            assert!(words.iter().any(|text| text.contains(wanted)), "{wanted}: {words:?}, {:?}", server.product);
        }
    }
}

/// Every row is as the change left it, and yet not all is good: what is put back would come out otherwise.
#[test]
fn d22_columns_that_hold_something_else_now_are_told_and_their_rows_are_not_called_good() {
    const THEN: &str = "CREATE TABLE orders (id INT PRIMARY KEY, price DECIMAL(10,2), who VARCHAR(20) CHARACTER SET utf8mb4, \
            how ENUM('new','pa''id'), many INT UNSIGNED, noted VARCHAR(10), at DATETIME(3)) ENGINE=InnoDB;
        CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
        INSERT INTO orders VALUES (1,9.5,'one','pa''id',4000000000,'x','2026-01-01 00:00:00.125'),(2,1,'two','new',2,NULL,NULL);
        INSERT INTO stock VALUES (1,10);";
    for server in alone().iter().copied() {
        for (change, wanted) in [
            ("MODIFY price INT", Some("accident.orders.price is int")),
            ("MODIFY price DECIMAL(10,1)", Some("it held more")),
            ("MODIFY price DECIMAL(14,4)", None),
            ("MODIFY who VARCHAR(20) CHARACTER SET latin1", Some("its text was in utf8mb4")),
            ("MODIFY who VARCHAR(200) CHARACTER SET utf8mb4", None),
            ("MODIFY who VARCHAR(19) CHARACTER SET utf8mb4", Some("it held more")),
            ("MODIFY how ENUM('new','old')", Some("it had the label pa'id")),
            ("MODIFY how ENUM('old','pa''id','new')", None),
            ("MODIFY many INT", Some("its sign is another one")),
            ("MODIFY many BIGINT", None),
            ("MODIFY noted VARCHAR(10) NOT NULL DEFAULT ''", Some("it took NULL")),
            ("MODIFY at DATETIME", Some("it held more")),
        ] {
            server.sql("SET GLOBAL binlog_row_metadata=FULL");
            let damaged = Damaged::new(server, THEN, "DELETE FROM orders WHERE id=1; UPDATE stock SET qty=1;");
            server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
            server.sql(&format!(
                "SET sql_mode=''; UPDATE accident.orders SET noted=''; ALTER TABLE accident.orders {change}"
            ));
            let definitions = damaged.home.path("then.sql");
            fs::write(&definitions, format!("USE accident;\n{}", THEN.split("INSERT").next().unwrap())).unwrap();
            let (logs, file) = (damaged.logs.to_str().unwrap(), definitions.to_str().unwrap());
            let asked = ["recover", logs, "--schema", file, "--schema-name", "accident", "--summary"];
            let run = damaged.home.run(&[&asked[..], &["--server", &damaged.url(), "--json"]].concat());
            assert_eq!(run.code, 0, "{change}: {run:?}");
            let told = run.line();
            let changed: Vec<&str> = told["hazards"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|one| one["code"] == "column_changed")
                .map(|one| one["text"].as_str().unwrap())
                .collect();
            match wanted {
                Some(words) => {
                    assert!(changed.len() == 1 && changed[0].contains(words), "{change}: {changed:?}");
                    assert_eq!(told["rows_now"]["unknowable"], 1, "{change}: {told}");
                    assert_eq!(told["rows_now"]["matches"], 1, "{change}: {told}");
                }
                None => {
                    assert!(changed.is_empty(), "{change}: {changed:?}");
                    assert_eq!(told["rows_now"]["matches"], 2, "{change}: {told}");
                }
            }
        }
    }
}

#[test]
fn d23_a_script_without_checks_counts_what_refers_to_nothing() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mysql) {
        let damaged = Damaged::new(server, TABLES, "DELETE FROM orders WHERE id=2;");
        let script = damaged.home.path("undo.sql");
        let arguments = ["--foreign-keys", "off", "--server", &damaged.url(), "-o", script.to_str().unwrap()];
        assert_eq!(damaged.recover(&arguments).code, 0);
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.contains("SET foreign_key_checks=0;") && text.contains("`parts`"), "{}", &text[..3000]);
        let output = run(server, &["-N", "-B"], &text);
        assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(damaged.home.run(&["review", script.to_str().unwrap()]).code, 0);
    }
}

#[test]
fn d22_columns_that_stand_in_another_order_now_are_not_as_the_change_left_them() {
    const THEN: &str = "CREATE TABLE orders (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;
        CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
        INSERT INTO orders VALUES (1,10,20),(2,30,40);";
    for server in alone().iter().copied() {
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
        let damaged = Damaged::new(
            server,
            &format!("{THEN} ALTER TABLE orders MODIFY b INT AFTER id;"),
            "DELETE FROM orders WHERE id=1;",
        );
        // A dump from before, which says no position: nothing in the logs contradicts it.
        let definitions = damaged.home.path("then.sql");
        fs::write(&definitions, format!("USE accident;\n{}", THEN.split("INSERT").next().unwrap())).unwrap();
        let (logs, file) = (damaged.logs.to_str().unwrap(), definitions.to_str().unwrap());
        let asked = ["recover", logs, "--schema", file, "--table", "orders", "--kind", "delete", "--summary"];
        let run = damaged.home.run(&[&asked[..], &["--server", &damaged.url(), "--json"]].concat());
        let told = run.line();
        let hazards = told["hazards"].to_string();
        assert!(hazards.contains("in the order id, b, a now"), "{told}");
        assert_eq!(told["rows_now"]["unknowable"], 1, "{told}");
    }
}
