//! What keeps a script from doing harm, and its reviewer from being misled: keys that are checked, what stands around
//! tables by their definitions alone, headers that cannot be changed, rows that changed more than once.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::cli::{Home, Run};
use crate::recover::Damaged;
use crate::support::databases::{Product, Server};
use crate::support::root;
use crate::undo::{alone, last_line, run};

/// Children that keep their parents from going, and children that go with them.
pub fn tables(rule: &str) -> String {
    format!(
        "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB CHARSET=utf8mb4;
        CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB CHARSET=utf8mb4;
        CREATE TABLE parts (n INT PRIMARY KEY, of_order INT, CONSTRAINT parts_fk FOREIGN KEY (of_order) \
            REFERENCES orders (id) {rule}) ENGINE=InnoDB CHARSET=utf8mb4;
        CREATE TABLE bits (b INT PRIMARY KEY, part INT NOT NULL, CONSTRAINT bits_fk FOREIGN KEY (part) \
            REFERENCES parts (n) {rule}) ENGINE=InnoDB CHARSET=utf8mb4;
        INSERT INTO orders VALUES (1,'paid'),(2,'new'); INSERT INTO stock VALUES (1,10);
        INSERT INTO parts VALUES (7,1),(8,1),(9,2); INSERT INTO bits VALUES (70,7),(71,7),(80,8),(90,9);"
    )
}

pub fn state(server: &Server) -> String {
    server.sql(
        "SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.parts ORDER BY n;
         SELECT * FROM accident.bits ORDER BY b",
    )
}

/// The definitions alone, as a file that says nothing of where it was true.
pub fn definitions(home: &Home, text: &str) -> PathBuf {
    let path = home.path("definitions.sql");
    let only = text.split("INSERT INTO").next().unwrap();
    fs::write(&path, format!("USE accident;\n{only}")).unwrap();
    path
}

/// `recover` without a server: only logs and files.
pub fn recover(damaged: &Damaged, schema: Option<&Path>, arguments: &[&str]) -> Run {
    let mut all = vec!["recover", damaged.logs.to_str().unwrap(), "--schema-name", "accident"];
    if let Some(schema) = schema {
        all.extend(["--schema", schema.to_str().unwrap()]);
    }
    all.extend(arguments);
    damaged.home.run(&all)
}

pub fn written(damaged: &Damaged, schema: Option<&Path>, name: &str) -> String {
    let script = damaged.home.path(name);
    let run = recover(damaged, schema, &["-o", script.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    fs::read_to_string(script).unwrap()
}

fn hazards(run: &Run) -> Vec<(String, String)> {
    let told = run.line();
    let one =
        |hazard: &Value| (hazard["code"].as_str().unwrap().to_owned(), hazard["text"].as_str().unwrap().to_owned());
    told["hazards"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn k10_keys_are_checked_though_a_server_marks_every_event_of_its_own_foreign_keys() {
    for server in alone().iter().copied() {
        let tables = tables("");
        let damaged = Damaged::new(server, &tables, "INSERT INTO orders VALUES (5,'late');");
        let script = written(&damaged, Some(&definitions(&damaged.home, &tables)), "undo.sql");
        assert!(!script.contains("foreign_key_checks=IF("), "nothing is unchecked: {:?}", server.product);
        assert!(!script.contains("hazard: foreign keys are not checked"), "{script}");
        server.sql("INSERT INTO accident.parts VALUES (50,5)");
        let output = run(server, &["-N", "-B"], &script);
        assert_ne!(last_line(&output), "APPLIED");
        assert_eq!(server.sql("SELECT COUNT(*) FROM accident.orders WHERE id=5").trim_end(), "1");
    }
}

#[test]
fn k10_cascades_that_a_log_has_are_undone_and_orphans_are_counted_by_the_definitions_alone() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mysql) {
        let tables = tables("ON DELETE CASCADE ON UPDATE CASCADE");
        let damaged = Damaged::new(server, &tables, "SELECT 1;");
        drop(damaged);
        let damaged = Damaged::new(
            server,
            &format!("{tables} CREATE TABLE before_it AS SELECT 1 AS one;"),
            "DELETE FROM orders WHERE id=1; UPDATE orders SET id=20 WHERE id=2;",
        );
        let before = "1\tpaid\n2\tnew\n7\t1\n8\t1\n9\t2\n70\t7\n71\t7\n80\t8\n90\t9\n";
        let file = definitions(&damaged.home, &tables);
        let script = written(&damaged, Some(&file), "undo.sql");
        assert!(script.contains("foreign_key_checks=IF("), "around what its cascades changed");
        assert!(script.contains("@bg_orphans1"), "what refers to nothing is counted: {}", &script[..4000]);
        let told = hazards(&recover(&damaged, Some(&file), &["--summary", "--json"]));
        assert!(told.iter().all(|(code, _)| code != "cascade"), "the log has what the cascades took: {told:?}");
        let output = run(server, &["-N", "-B"], &script);
        assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(state(server), before);
    }
}

#[test]
fn d23_nothing_goes_with_a_parent_that_is_taken_away_and_put_back_and_what_came_since_stops_the_script() {
    for server in alone().iter().copied() {
        for rule in ["ON DELETE CASCADE", "ON DELETE SET NULL"] {
            let tables = tables(rule).replace("part INT NOT NULL", "part INT");
            // A server may log a REPLACE as a row that goes and one that comes, and leave its children as they are.
            let replace = "SET foreign_key_checks=0; DELETE FROM orders WHERE id=2; SET foreign_key_checks=1; \
                INSERT INTO orders VALUES (2,'again'); INSERT INTO orders VALUES (5,'late');";
            let damaged = Damaged::new(server, &tables, replace);
            let before = "1\tpaid\n2\tnew\n7\t1\n8\t1\n9\t2\n70\t7\n71\t7\n80\t8\n90\t9\n";
            let file = definitions(&damaged.home, &tables);
            for (name, arguments) in [("once.sql", &[][..]), ("each.sql", &["--per-transaction"][..])] {
                let script = damaged.home.path(name);
                let asked = [&["-o", script.to_str().unwrap()], arguments].concat();
                let told = recover(&damaged, Some(&file), &asked);
                assert_eq!(told.code, 0, "{told:?}");
                assert_eq!(damaged.home.run(&["review", script.to_str().unwrap()]).code, 0, "{name}");
                let script = fs::read_to_string(script).unwrap();
                if name == "once.sql" {
                    server.sql("INSERT INTO accident.parts VALUES (50,5)");
                    let (output, after) = (run(server, &["-N", "-B"], &script), state(server));
                    assert_ne!(last_line(&output), "APPLIED", "{rule}");
                    assert!(after.contains("50\t5") && after.contains("5\tlate"), "{rule}: {after}");
                    server.sql("DELETE FROM accident.parts WHERE n=50");
                }
                let output = run(server, &["-N", "-B"], &script);
                if name == "each.sql" {
                    // The second transaction by itself would leave children without their parent.
                    assert_eq!(state(server), before.replace("new", "again"), "{rule}");
                    continue;
                }
                assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
                assert_eq!(state(server), before, "{rule}");
                server.sql(&format!("USE accident; {replace}"));
            }
        }
    }
}

#[test]
fn k7_cascades_and_triggers_are_told_by_definitions_alone() {
    for server in alone().iter().copied() {
        let tables = tables("ON DELETE CASCADE");
        let damaged = Damaged::new(server, &tables, "SET @a=1; DELETE FROM orders WHERE id=1;");
        let trigger = "CREATE TRIGGER seen AFTER INSERT ON orders FOR EACH ROW SET @seen=NEW.id;";
        server.sql(&format!("USE accident; {trigger}"));
        let dump = damaged.home.path("dump.sql");
        let only = tables.split("INSERT INTO").next().unwrap();
        let commented = "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `seen` \
            AFTER INSERT ON `orders` FOR EACH ROW SET @seen=NEW.id */;;\nDELIMITER ;\n";
        fs::write(&dump, format!("USE accident;\n{only}\n{commented}")).unwrap();
        let summary = recover(&damaged, Some(&dump), &["--summary", "--json"]);
        let told = hazards(&summary);
        let has = |code: &str, words: &[&str]| {
            told.iter().any(|(is, text)| is == code && words.iter().all(|word| text.contains(word)))
        };
        assert!(has("triggers", &["accident.orders", "seen", "after insert"]), "{told:?}");
        assert!(!has("around_unknown", &[]), "{told:?}");
        if server.product == Product::Mariadb {
            // Its log has nothing of the children, nor of theirs.
            assert!(has("cascade", &["accident.parts", "parts_fk", "backup"]), "{told:?}");
            assert!(has("cascade", &["accident.bits", "bits_fk", "backup"]), "{told:?}");
        }
        let script = written(&damaged, Some(&dump), "undo.sql");
        assert!(script.contains("-- hazard: 1 trigger would fire on accident.orders: seen"), "{}", &script[..3000]);
        assert!(script.contains("DROP TRIGGER `accident`.`seen`;"), "{}", &script[..3000]);
        let text = recover(&damaged, Some(&dump), &["--summary"]).out;
        assert!(text.contains("would fire on accident.orders"), "{text}");
        server.sql("DROP TRIGGER accident.seen");
    }
}

#[test]
fn k7_what_logs_define_counts_as_well_and_what_nobody_defines_is_said_to_be_unknown() {
    for server in alone().iter().copied() {
        let (plain, rest) = (
            "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB CHARSET=utf8mb4;
            CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB CHARSET=utf8mb4; INSERT INTO orders VALUES (1,'paid');
            INSERT INTO stock VALUES (1,10);",
            "CREATE TABLE parts (n INT PRIMARY KEY, of_order INT) ENGINE=InnoDB CHARSET=utf8mb4;
            ALTER TABLE parts ADD CONSTRAINT parts_fk FOREIGN KEY (of_order) REFERENCES orders (id) ON DELETE SET NULL;
            CREATE TRIGGER gone BEFORE UPDATE ON stock FOR EACH ROW SET @a=1; DROP TRIGGER gone;
            CREATE DEFINER=root@localhost TRIGGER kept BEFORE UPDATE ON stock FOR EACH ROW SET @a=1;",
        );
        let damaged =
            Damaged::new(server, plain, &format!("{rest} DELETE FROM orders WHERE id=1; UPDATE stock SET qty=3;"));
        let file = definitions(&damaged.home, plain);
        let told =
            hazards(&recover(&damaged, Some(&file), &["--table", "orders", "--table", "stock", "--summary", "--json"]));
        let trigger = told.iter().find(|(code, _)| code == "triggers").unwrap_or_else(|| panic!("{told:?}"));
        assert!(trigger.1.contains("kept (before update)") && !trigger.1.contains("gone"), "{told:?}");
        if server.product == Product::Mariadb {
            assert!(told.iter().any(|(code, text)| code == "cascade" && text.contains("accident.parts")), "{told:?}");
        }
        assert!(told.iter().all(|(code, _)| code != "around_unknown"), "{told:?}");

        // The definition of the table alone tells neither of triggers nor of tables that follow it.
        let named = Damaged::new(server, plain, "DELETE FROM orders WHERE id=1;");
        let alone = definitions(&named.home, plain.split("CREATE TABLE stock").next().unwrap());
        let run = recover(&named, Some(&alone), &["--summary", "--json"]);
        assert_eq!(run.code, 0, "{run:?}");
        let told = hazards(&run);
        let unknown = told.iter().find(|(code, _)| code == "around_unknown").unwrap_or_else(|| panic!("{told:?}"));
        for words in ["accident.orders", "unknown", "--server"] {
            assert!(unknown.1.contains(words), "{words}: {told:?}");
        }
        // Who asked a server knows.
        let asked = ["--summary", "--json", "--server", &named.url()];
        let told = hazards(&recover(&named, Some(&alone), &asked));
        assert!(told.iter().all(|(code, _)| code != "around_unknown"), "{told:?}");
    }
}

#[test]
fn k7_the_newest_backup_that_has_the_children_is_named_with_the_place_up_to_which_changes_are_replayed() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mariadb) {
        let tables = tables("ON DELETE CASCADE");
        // The log begins two days ago, and a backup was taken a day ago.
        let damage = "SET timestamp=UNIX_TIMESTAMP()-172800; FLUSH BINARY LOGS; UPDATE stock SET qty=1;
            SET timestamp=DEFAULT; DELETE FROM orders WHERE id=1;";
        let damaged = Damaged::new(server, &tables, damage);
        let logs = fs::read_dir(&damaged.logs).unwrap().map(|entry| entry.unwrap().path());
        fs::remove_file(logs.min().unwrap()).unwrap();
        let folder = damaged.home.path("nightly");
        fs::create_dir(&folder).unwrap();
        let dump = format!(
            "-- MariaDB dump\n--\n-- Host: localhost    Database: accident\n-- Server version\t10.11\n\n{tables}\n-- Dump completed\n"
        );
        for (name, days) in [("old.sql.gz", 3), ("new.sql.gz", 1), ("late.sql.gz", 0)] {
            let mut packed = GzEncoder::new(vec![], Compression::fast());
            packed.write_all(dump.as_bytes()).unwrap();
            fs::write(folder.join(name), packed.finish().unwrap()).unwrap();
            let taken = std::time::SystemTime::now() + std::time::Duration::from_secs(3600)
                - std::time::Duration::from_secs(days * 86_400);
            fs::File::options().write(true).open(folder.join(name)).unwrap().set_modified(taken).unwrap();
        }
        damaged.home.estate(&format!("name = \"test\"\n[targets.nightly]\nurl = \"file://{}/\"\n", folder.display()));
        for name in ["old.sql.gz", "new.sql.gz", "late.sql.gz"] {
            let run = damaged.home.run(&["verify", &format!("nightly:{name}")]);
            assert_eq!(run.code, 0, "{run:?}");
        }
        let file = definitions(&damaged.home, &tables);
        for more in [&[][..], &["--server", &damaged.url()]] {
            let told = hazards(&recover(&damaged, Some(&file), &[&["--summary", "--json"], more].concat()));
            let parts = told.iter().find(|(code, text)| code == "cascade" && text.contains("parts_fk"));
            let text = &parts.unwrap_or_else(|| panic!("{told:?}")).1;
            assert!(text.contains("nightly:new.sql.gz") && !text.contains("late.sql"), "{text}");
            assert!(text.contains("changes can be replayed up to binlog."), "{text}");
        }
    }
}

/// A script of a fixture, without any server.
fn of_fixture(home: &Home) -> PathBuf {
    let folder = root().join("tests/it/vectors/binlog/mysql-fk-native");
    let script = home.path("undo.sql");
    let (logs, schema) = (folder.join("binlog.000002.gz"), folder.join("after.sql.gz"));
    let run = home.run(&[
        "recover",
        logs.to_str().unwrap(),
        "--schema",
        schema.to_str().unwrap(),
        "--table",
        "parent",
        "--redo",
        home.path("redo.sql").to_str().unwrap(),
        "-o",
        script.to_str().unwrap(),
    ]);
    assert_eq!(run.code, 0, "{run:?}");
    script
}

#[test]
fn a1_no_line_of_a_header_can_be_taken_away_or_changed() {
    let home = Home::new();
    let text = fs::read_to_string(of_fixture(&home)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let header = lines.iter().position(|line| !line.starts_with("-- ")).unwrap();
    for label in ["hazard: ", "coverage: ", "filter: ", "rows: ", "columns: "] {
        assert!(lines[..header].iter().any(|line| line.starts_with(&format!("-- {label}"))), "{label}: {text:.3000}");
    }
    let forged = home.path("forged.sql");
    let review = |lines: &[&str]| {
        fs::write(&forged, lines.join("\n") + "\n").unwrap();
        home.run(&["review", forged.to_str().unwrap()])
    };
    assert_eq!(review(&lines).code, 0);
    // The first line says that it is one of ours: without it, it is anybody's.
    for at in 1..header {
        let without: Vec<&str> =
            lines.iter().enumerate().filter(|(nth, _)| *nth != at).map(|(_, line)| *line).collect();
        assert_eq!(review(&without).code, 3, "without {}", lines[at]);
        let other = format!("{} ", lines[at].replacen(": ", ": not ", 1));
        let mut changed = lines.clone();
        changed[at] = &other;
        assert_eq!(review(&changed).code, 3, "with {other}");
    }
    let mut more = lines.clone();
    more.insert(header - 1, "-- note: a second person has looked at it");
    assert_eq!(review(&more).code, 3);
    more.remove(header - 1);
    more.insert(header, "-- note: a second person has looked at it");
    assert_eq!(review(&more).code, 3);
}

#[test]
fn a1_the_eight_words_that_are_signed_are_those_of_the_file() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(
            server,
            &tables("ON DELETE CASCADE"),
            "DELETE FROM orders WHERE id=2; INSERT INTO stock VALUES (9,9);",
        );
        let url = damaged.url();
        for more in [&[][..], &["--per-transaction"], &["--exclude", "stock"], &["--server", &url]] {
            let script = damaged.home.path("undo.sql");
            let _ = fs::remove_file(&script);
            let signed = damaged.recover(&[&["--summary", "--json"], more].concat()).line();
            let told = damaged.recover(&[&["--json", "-o", script.to_str().unwrap()], more].concat()).line();
            let review = damaged.home.run(&["review", script.to_str().unwrap(), "--json"]);
            assert_eq!(review.code, 0, "{review:?}");
            assert_eq!(signed["digest"], told["digest"], "{more:?}");
            assert_eq!(told["digest"], review.line()["digest"], "{more:?}");
        }
        // What the header says is part of what is signed.
        let plain = damaged.recover(&["--summary", "--json"]).line();
        let asked = damaged.recover(&["--summary", "--json", "--server", &url]).line();
        assert_ne!(plain["digest"], asked["digest"]);
    }
}

#[test]
fn a3_a_script_is_reviewed_without_an_estate_and_one_that_does_again_is_one_of_ours() {
    let home = Home::new();
    of_fixture(&home);
    for name in ["undo.sql", "redo.sql"] {
        let mut command = home.command(&["review", name, "--json"]);
        command.env_remove("BREAKGLASS_ESTATE");
        fs::rename(home.path("estate.toml"), home.path("no.toml")).unwrap();
        let run = crate::cli::finish(command.spawn().unwrap());
        fs::rename(home.path("no.toml"), home.path("estate.toml")).unwrap();
        assert_eq!(run.code, 0, "{name}: {run:?}");
        let review = run.line();
        assert_eq!(review["origin"], "breakglass", "{name}");
        assert_eq!(review["digest"].as_str().unwrap().split('-').count(), 8, "{name}");
    }
    let text = fs::read_to_string(home.path("redo.sql")).unwrap();
    fs::write(home.path("redo.sql"), text.replacen("`id`=", "`id`=1+", 1)).unwrap();
    assert_eq!(home.run(&["review", "redo.sql"]).code, 3);
}

#[test]
fn k8_several_changes_of_one_row_are_looked_at_as_one_chain() {
    let tables = tables("");
    let damage = "UPDATE orders SET status='a' WHERE id=1; UPDATE orders SET status='b' WHERE id=1;
        UPDATE orders SET id=3 WHERE id=2; DELETE FROM orders WHERE id=3; INSERT INTO orders VALUES (3,'anew');
        UPDATE stock SET qty=qty+1; UPDATE stock SET qty=qty+1;";
    let quiet = tables.replace(
        "INSERT INTO parts VALUES (7,1),(8,1),(9,2); INSERT INTO bits VALUES (70,7),(71,7),(80,8),(90,9);",
        "",
    );
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, &quiet, damage);
        let url = damaged.url();
        let look = |name: &str| {
            let script = damaged.home.path(name);
            let run = damaged.recover(&["--server", &url, "-o", script.to_str().unwrap()]);
            assert_eq!(run.code, 0, "{run:?}");
            let told = damaged.recover(&["--server", &url, "--summary", "--json"]).line();
            let review = damaged.home.run(&["review", script.to_str().unwrap(), "--server", &url, "--json"]);
            (run.out, told["rows_now"].clone(), fs::read_to_string(script).unwrap(), review)
        };
        let (text, now, script, review) = look("one.sql");
        assert_eq!(now["matches"], 7, "{now}");
        assert!(!text.contains("would stop"), "{text}");
        assert_eq!((review.code, &review.line()["rows_now"]["matches"]), (0, &Value::from(7)), "{review:?}");
        assert_eq!(last_line(&run(server, &["-N", "-B"], &script)), "APPLIED");
        // All of it is undone: so says each of its changes.
        let (_, now, _, _) = look("two.sql");
        // A row that is gone as the last but one left it: the statement behind cannot tell.
        assert_eq!((&now["undone"], &now["matches"]), (&Value::from(5), &Value::from(2)), "{now}");
        // One chain is off, and it is off as a whole.
        let damaged = Damaged::new(server, &quiet, damage);
        server.sql("UPDATE accident.orders SET status='other' WHERE id=1");
        let told = damaged.recover(&["--server", &url, "--summary", "--json"]).line();
        let now = &told["rows_now"];
        assert_eq!((&now["changed"], &now["matches"]), (&Value::from(2), &Value::from(5)), "{now}");
        let script = damaged.home.path("off.sql");
        let run = damaged.recover(&["--server", &url, "-o", script.to_str().unwrap()]);
        assert!(run.out.contains("would stop"), "{}", run.out);
    }
}

#[test]
fn walls_with_which_rows_go_say_so_whatever_their_verb() {
    for server in alone().iter().copied() {
        let stock = "CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB CHARSET=utf8mb4;
            CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB CHARSET=utf8mb4 PARTITION BY RANGE (id)
            (PARTITION low VALUES LESS THAN (100), PARTITION high VALUES LESS THAN (200));
            INSERT INTO orders VALUES (1,'a'),(101,'b'); INSERT INTO stock VALUES (1,1);";
        let replaced = match server.product {
            Product::Mariadb => {
                "CREATE OR REPLACE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB CHARSET=utf8mb4;"
            }
            Product::Mysql => "",
        };
        let damage = format!(
            "DELETE FROM orders WHERE id=1; UPDATE stock SET qty=2; ALTER TABLE orders DROP PARTITION high; {replaced}"
        );
        let damaged = Damaged::new(server, stock, &damage);
        let run = recover(&damaged, Some(&definitions(&damaged.home, stock)), &["--summary", "--json"]);
        assert_eq!(run.code, 6, "{run:?}");
        let told = run.lines()[0].clone();
        let walls = told["walls"].as_array().unwrap();
        assert_eq!(walls.len(), if replaced.is_empty() { 1 } else { 2 }, "{told}");
        for (wall, table) in walls.iter().zip(["accident.orders", "accident.stock"]) {
            let destroyed = wall["destroyed"].as_str().unwrap();
            assert!(destroyed.contains(table) && destroyed.contains("the log does not have"), "{destroyed}");
            assert!(["purge", "replace"].contains(&wall["verb"].as_str().unwrap()), "{wall}");
        }
    }
}
