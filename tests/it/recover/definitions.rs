//! Definitions that change in the log, or behind the dump that tells them: a script is exact, or there is none.

use std::fs;

use crate::cli::{Home, Run};
use crate::support::databases::{Product, Server};
use crate::undo::{alone, last_line, run};

/// What becomes of a recovery.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// Everything is as it was before the damage.
    Restored,
    /// Nothing is written, and the reasons have these words.
    Refused(&'static str),
    /// A script is written, and does nothing.
    Stopped,
}
use Outcome::{Refused, Restored, Stopped};

/// Something that happens to a database of its own.
#[derive(Clone, Copy)]
pub(super) struct Story {
    pub name: &'static str,
    /// Not in the logs.
    pub stage: &'static str,
    /// In the logs, in front of what is to be undone.
    pub early: &'static str,
    pub damage: &'static str,
    /// The text of a dump that does not say where it was true.
    pub schema: Option<&'static str>,
    /// Behind the dump's name.
    pub position: &'static str,
    pub outcome: Outcome,
}

pub(super) const NOTHING: Story =
    Story { name: "", stage: "", early: "", damage: "", schema: None, position: "", outcome: Restored };

/// What its tables hold.
fn state(server: &Server) -> String {
    let tables = server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema='told' ORDER BY 1");
    let all = tables.lines().map(|table| {
        let rows = server.sql(&format!("SET time_zone='+00:00'; SELECT * FROM told.`{table}` ORDER BY 1"));
        format!("{table}\n{rows}\n")
    });
    all.collect()
}

fn last_log(server: &Server) -> (String, u64) {
    let logs = server.sql("SHOW BINARY LOGS");
    let mut last = logs.lines().last().unwrap().split('\t');
    (last.next().unwrap().to_owned(), last.next().unwrap().parse().unwrap())
}

impl Story {
    fn tell(&self, server: &'static Server) {
        let name = format!("{}, {:?}", self.name, server.product);
        server.sql(&format!(
            "DROP DATABASE IF EXISTS told; CREATE DATABASE told CHARACTER SET utf8mb4; USE told; {}",
            self.stage
        ));
        server.sql("FLUSH BINARY LOGS");
        let (first, _) = last_log(server);
        server.sql(&format!("USE told; {}", self.early));
        let ((file, from), before) = (last_log(server), state(server));
        server.sql(&format!("USE told; {}", self.damage));
        server.sql("FLUSH BINARY LOGS");
        let (home, damaged) = (Home::new(), state(server));
        let logs = home.path("logs");
        fs::create_dir(&logs).unwrap();
        let all = server.sql("SHOW BINARY LOGS");
        let mut names: Vec<&str> = all.lines().map(|line| line.split('\t').next().unwrap()).collect();
        names.pop();
        for name in names.iter().skip_while(|name| **name != first) {
            fs::copy(server.folder.join("data").join(name), logs.join(name)).unwrap();
        }
        let script = home.path("undo.sql");
        let from = format!("{file}:{from}");
        let mut arguments = vec!["recover", logs.to_str().unwrap(), "--schema-name", "told", "--json"];
        arguments.extend(["--from-position", &from, "-o", script.to_str().unwrap()]);
        let schema = self.schema.map(|text| {
            let file = home.path("schema.sql");
            fs::write(&file, format!("USE told;\n{text}\n")).unwrap();
            format!("{}{}", file.display(), self.position)
        });
        arguments.extend(schema.iter().flat_map(|schema| ["--schema", schema]));
        let made = home.run(&arguments);
        match self.outcome {
            Restored => {
                assert_eq!(made.code, 0, "{name}: {made:?}");
                let text = fs::read_to_string(&script).unwrap();
                let output = run(server, &["-N", "-B"], &text);
                assert_eq!(last_line(&output), "APPLIED", "{name}: {}", String::from_utf8_lossy(&output.stderr));
                assert_eq!(state(server), before, "{name}\n{text}");
            }
            Stopped => {
                assert_eq!(made.code, 0, "{name}: {made:?}");
                assert_eq!(home.run(&["review", script.to_str().unwrap()]).code, 0, "{name}");
                let output = run(server, &["-N", "-B"], &fs::read_to_string(&script).unwrap());
                assert_ne!(last_line(&output), "APPLIED", "{name}");
                assert_eq!(state(server), damaged, "{name}");
            }
            Refused(words) => self.refused(&name, &made, words, script.exists()),
        }
        assert_ne!(before, damaged, "{name}");
    }

    fn refused(&self, name: &str, made: &Run, words: &str, is_written: bool) {
        assert_eq!((made.code, is_written), (6, false), "{name}: {made:?}");
        assert!(format!("{}{}", made.out, made.err).contains(words), "{name}: {made:?}");
    }
}

/// Tells stories to the servers of a product, or to all, and lists all that went wrong.
pub(super) fn tell(product: Option<Product>, stories: &[Story]) {
    let mut wrong = vec![];
    for server in alone().iter().copied().filter(|server| product.is_none_or(|product| server.product == product)) {
        for story in stories {
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| story.tell(server)));
            let why = told.err().and_then(|why| why.downcast_ref::<String>().cloned());
            wrong.extend(why.map(|why| why.chars().take(900).collect::<String>()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n---\n"));
}

const PAIR: &str = "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;";
const STAGED: &str =
    "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; INSERT INTO t VALUES (1,10,20),(2,30,40);";

#[test]
fn d21_d22_statements_behind_other_words_are_statements_all_the_same() {
    let statement = "logged as a statement";
    let as_text = |name, first: &'static str| Story {
        name,
        stage: STAGED,
        damage: first,
        schema: Some(PAIR),
        outcome: Refused(statement),
        ..NOTHING
    };
    let wall = |name, damage| Story {
        name,
        stage: STAGED,
        damage,
        schema: Some(PAIR),
        position: "@end",
        outcome: Refused("a definition changed"),
        ..NOTHING
    };
    let mariadb = [
        wall("truncate", "DELETE FROM t WHERE id=1; SET STATEMENT lock_wait_timeout=9 FOR TRUNCATE TABLE t;"),
        wall(
            "alter",
            "DELETE FROM t WHERE id=1; SET STATEMENT lock_wait_timeout=9, max_statement_time=5 FOR ALTER TABLE t MODIFY a BIGINT;",
        ),
        wall(
            "drop",
            "DELETE FROM t WHERE id=1; SET STATEMENT lock_wait_timeout=9 FOR DROP TABLE t; \
            CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;",
        ),
        wall(
            "replaced",
            "DELETE FROM t WHERE id=1; CREATE OR REPLACE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB;",
        ),
        as_text(
            "delete",
            "SET binlog_format=STATEMENT; SET STATEMENT max_statement_time=9 FOR DELETE FROM t WHERE id=1; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "analyze",
            "SET binlog_format=STATEMENT; ANALYZE DELETE FROM t WHERE id=1; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "json",
            "SET binlog_format=STATEMENT; ANALYZE FORMAT=JSON UPDATE t SET a=9; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "immediate",
            "SET binlog_format=STATEMENT; EXECUTE IMMEDIATE 'DELETE FROM t WHERE id=1'; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "comment",
            "SET binlog_format=STATEMENT; /*!50000 DELETE FROM t */ WHERE id=1; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "own comment",
            "SET binlog_format=STATEMENT; /*M! DELETE FROM t */ WHERE id=1; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        Story {
            name: "followed",
            early: "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; INSERT INTO t VALUES (1,10,20); \
                SET STATEMENT lock_wait_timeout=9 FOR ALTER TABLE t MODIFY b INT AFTER id;",
            damage: "DELETE FROM t WHERE id=1;",
            ..NOTHING
        },
        Story {
            name: "created",
            early: "SET STATEMENT lock_wait_timeout=9 FOR CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; \
                INSERT INTO t VALUES (1,10,20);",
            damage: "DELETE FROM t WHERE id=1;",
            ..NOTHING
        },
    ];
    tell(Some(Product::Mariadb), &mariadb);
    let mysql = [
        as_text(
            "with",
            "SET binlog_format=STATEMENT; WITH c AS (SELECT 1 AS n) DELETE FROM t WHERE id IN (SELECT n FROM c); \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
        as_text(
            "versions",
            "SET binlog_format=STATEMENT; /*!50000 DELETE FROM t */ WHERE id=1; \
            SET binlog_format=ROW; DELETE FROM t WHERE id=2;",
        ),
    ];
    tell(Some(Product::Mysql), &mysql);
}

#[test]
fn d22_an_alter_that_is_logged_twice_counts_once_and_one_that_failed_not_at_all() {
    let swap = "SET binlog_alter_two_phase=1; ALTER TABLE t CHANGE a b INT, CHANGE b a INT;";
    let early: &'static str = Box::leak(format!("{STAGED}{swap}").into_boxed_str());
    tell(Some(Product::Mariadb), &[Story { name: "twice", early, damage: "DELETE FROM t WHERE id=1;", ..NOTHING }]);
    for server in alone().iter().copied().filter(|server| server.product == Product::Mariadb) {
        // The stock client goes on behind the statement that fails.
        let add = "SET binlog_alter_two_phase=1; ALTER TABLE told.t MODIFY b INT AFTER id, ADD UNIQUE KEY (a), ALGORITHM=COPY;";
        server.sql(&format!("DROP DATABASE IF EXISTS told; CREATE DATABASE told; USE told; FLUSH BINARY LOGS; {STAGED} INSERT INTO t VALUES (3,10,5);"));
        let (file, _) = last_log(server);
        let output = run(server, &["--force"], add);
        assert!(String::from_utf8_lossy(&output.stderr).contains("Duplicate"));
        let (_, from) = last_log(server);
        let before = state(server);
        server.sql("DELETE FROM told.t WHERE id=1; FLUSH BINARY LOGS");
        let home = Home::new();
        let (log, script) = (home.path(&file), home.path("undo.sql"));
        fs::copy(server.folder.join("data").join(&file), &log).unwrap();
        let (from, log) = (format!("{file}:{from}"), log.to_str().unwrap());
        let range = ["recover", log, "--schema-name", "told", "--from-position", &from];
        let made = home.run(&[&range[..], &["-o", script.to_str().unwrap()]].concat());
        assert_eq!(made.code, 0, "{made:?}");
        let text = fs::read_to_string(&script).unwrap();
        assert_eq!(last_line(&run(server, &["-N", "-B"], &text)), "APPLIED");
        assert_eq!(state(server), before);
    }
}

#[test]
fn d22_a_dump_without_its_position_is_not_believed_where_the_log_changes_its_tables() {
    let words = "does not say at which place";
    let swapped = Story {
        name: "swapped",
        stage: STAGED,
        early: "ALTER TABLE t MODIFY b INT AFTER id;",
        damage: "DELETE FROM t WHERE id=1;",
        schema: Some(PAIR),
        outcome: Refused(words),
        ..NOTHING
    };
    let clock = "CREATE TABLE t (id INT PRIMARY KEY, v INT, u DATETIME DEFAULT '2001-01-01 00:00:00') ENGINE=InnoDB;";
    let stage: &'static str = Box::leak(format!("{clock} INSERT INTO t (id,v) VALUES (1,10),(2,30);").into_boxed_str());
    let stories = [
        swapped,
        Story {
            name: "at the end",
            schema: Some("CREATE TABLE t (id INT PRIMARY KEY, b INT, a INT) ENGINE=InnoDB;"),
            position: "@end",
            outcome: Restored,
            ..swapped
        },
        Story {
            name: "another table",
            early: "CREATE TABLE o (id INT); ALTER TABLE o ADD c INT;",
            outcome: Restored,
            ..swapped
        },
        Story {
            name: "clock",
            stage,
            early: "ALTER TABLE t MODIFY u DATETIME DEFAULT '2001-01-01 00:00:00' ON UPDATE CURRENT_TIMESTAMP;",
            damage: "UPDATE t SET v=5, u=u WHERE id=1;",
            schema: Some(clock),
            ..swapped
        },
        Story {
            name: "labels",
            stage: "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('new','paid')) ENGINE=InnoDB; INSERT INTO t VALUES (1,'paid'),(2,'new');",
            early: "ALTER TABLE t MODIFY e ENUM('paid','new');",
            schema: Some("CREATE TABLE t (id INT PRIMARY KEY, e ENUM('new','paid')) ENGINE=InnoDB;"),
            ..swapped
        },
        Story {
            name: "all tables",
            stage: "CREATE TABLE o (id INT PRIMARY KEY, b INT, a INT); CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT) ENGINE=InnoDB; \
                INSERT INTO t VALUES (1,10,20);",
            early: "RENAME TABLE t TO x, o TO t, x TO o;",
            damage: "DELETE FROM o WHERE id=1;",
            schema: Some(
                "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT); CREATE TABLE o (id INT PRIMARY KEY, b INT, a INT);",
            ),
            ..swapped
        },
    ];
    tell(None, &stories);
}

#[test]
fn d14_d22_character_sets_are_those_of_the_columns_or_nothing_is_written() {
    let created = |name, early| Story { name, early, damage: "DELETE FROM t WHERE id=1;", ..NOTHING };
    let old = "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), x TEXT) ENGINE=InnoDB DEFAULT CHARSET=latin1;";
    let stage: &'static str =
        Box::leak(format!("{old} INSERT INTO t VALUES (1,'é','ü'),(2,'b','b');").into_boxed_str());
    let stories = [
        // The log's widths tell it, wherever the definition is said to be true.
        Story {
            name: "converted",
            stage: "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4; INSERT INTO t VALUES (1,'é');",
            damage: "DELETE FROM t WHERE id=1;",
            schema: Some("CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=latin1;"),
            position: "@end",
            outcome: Refused("column 2"),
            ..NOTHING
        },
        Story {
            name: "older dump",
            stage,
            early: "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4;",
            damage: "DELETE FROM t WHERE id=1;",
            schema: Some(old),
            outcome: Refused("does not say at which place"),
            ..NOTHING
        },
        created(
            "default",
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), x TEXT) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4; \
            INSERT INTO t VALUES (1,'é','ü'),(2,'b','b'); ALTER TABLE t DEFAULT CHARSET=latin1;",
        ),
        created(
            "default and a new column",
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4; \
            ALTER TABLE t DEFAULT CHARSET=latin1, ADD c VARCHAR(9); INSERT INTO t VALUES (1,'é','ü'),(2,'b','b');",
        ),
        created(
            "national",
            "CREATE TABLE t (id INT PRIMARY KEY, s NATIONAL VARCHAR(20), n NATIONAL CHAR(9), m NCHAR VARCHAR(9)) ENGINE=InnoDB DEFAULT CHARSET=latin1; \
            INSERT INTO t VALUES (1,'é','ü','ö'),(2,'b','b','b');",
        ),
        created(
            "unicode",
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) UNICODE, n CHAR(9) BYTE, a VARCHAR(9) ASCII, x TEXT BYTE) \
            ENGINE=InnoDB DEFAULT CHARSET=utf8mb4; INSERT INTO t VALUES (1,'é','u','é','ü'),(2,'b','b','b','b');",
        ),
        created(
            "added columns",
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20)) ENGINE=InnoDB DEFAULT CHARSET=latin1; \
            ALTER TABLE t ADD COLUMN (c VARCHAR(9), d TEXT), COLLATE=utf8mb4_bin; INSERT INTO t VALUES (1,'é','ü','ö');",
        ),
    ];
    tell(None, &stories);
    let uca = [created(
        "short collation",
        "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET ucs2 COLLATE uca1400_ai_ci, \
            u VARCHAR(9) COLLATE uca1400_as_ci) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=uca1400_ai_ci; INSERT INTO t VALUES (1,'ab','é');",
    )];
    tell(Some(Product::Mariadb), &uca);
}

#[test]
fn d17_the_first_timestamp_may_update_itself_though_nothing_says_so() {
    let early = "SET explicit_defaults_for_timestamp=0; CREATE TABLE t (id INT PRIMARY KEY, v INT, ts TIMESTAMP, o TIMESTAMP NULL) ENGINE=InnoDB; \
        INSERT INTO t VALUES (1,1,'2001-01-01 00:00:00',NULL);";
    let not_null = "SET explicit_defaults_for_timestamp=0; CREATE TABLE t (id INT PRIMARY KEY, v INT, ts TIMESTAMP NOT NULL) ENGINE=InnoDB; \
        INSERT INTO t VALUES (1,1,'2001-01-01 00:00:00');";
    let story = |name, early| Story { name, early, damage: "UPDATE t SET v=5, ts=ts WHERE id=1;", ..NOTHING };
    let explicit = "SET explicit_defaults_for_timestamp=1; CREATE TABLE t (id INT PRIMARY KEY, v INT, ts TIMESTAMP) ENGINE=InnoDB; \
        INSERT INTO t VALUES (1,1,NULL);";
    tell(None, &[story("implicit", early), story("not null", not_null), story("explicit", explicit)]);
}

#[test]
fn d22_partitions_that_go_are_walls_of_every_table_that_lost_rows() {
    let stage = "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; CREATE TABLE p (id INT PRIMARY KEY, v INT) ENGINE=InnoDB \
        PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200)); \
        INSERT INTO t VALUES (1,1),(2,2); INSERT INTO p VALUES (50,50),(150,150);";
    let schema = Some(
        "CREATE TABLE t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB; CREATE TABLE p (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;",
    );
    let story = |name, damage| Story {
        name,
        stage,
        damage,
        schema,
        position: "@end",
        outcome: Refused("a definition changed"),
        ..NOTHING
    };
    let stories = [
        story("exchange", "DELETE FROM t WHERE id=1; ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t;"),
        story("drop", "DELETE FROM p WHERE id=150; ALTER TABLE p DROP PARTITION p0;"),
        story("truncate", "DELETE FROM p WHERE id=150; ALTER TABLE p TRUNCATE PARTITION p0;"),
        // What partitions a table has is nothing to its columns.
        Story {
            name: "before",
            stage: "",
            early: "CREATE TABLE p (id INT PRIMARY KEY, v INT) ENGINE=InnoDB \
                PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200)); \
                INSERT INTO p VALUES (50,50),(150,150); ALTER TABLE p ADD PARTITION (PARTITION p2 VALUES LESS THAN (300)); \
                ALTER TABLE p DROP PARTITION p0, p2;",
            damage: "DELETE FROM p;",
            schema: None,
            position: "",
            outcome: Restored,
        },
    ];
    tell(None, &stories);
}

#[test]
fn d14_dates_and_times_in_the_old_form_are_read_or_refused_and_are_no_damage() {
    let old = |columns: &str, rows: &str| -> &'static str {
        let all = format!(
            "SET GLOBAL mysql56_temporal_format=OFF; CREATE TABLE t (id INT PRIMARY KEY, {columns}) ENGINE=InnoDB; \
             SET GLOBAL mysql56_temporal_format=ON; INSERT INTO t VALUES {rows};"
        );
        Box::leak(all.into_boxed_str())
    };
    let story = |name, stage, schema, outcome| Story {
        name,
        stage,
        damage: "DELETE FROM t;",
        schema: Some(schema),
        outcome,
        ..NOTHING
    };
    let whole = "CREATE TABLE t (id INT PRIMARY KEY, d TIME, e DATETIME, c TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00') ENGINE=InnoDB;";
    let stories = [
        story(
            "whole seconds",
            old(
                "d TIME, e DATETIME, c TIMESTAMP NOT NULL DEFAULT '2001-01-01 00:00:00'",
                "(1,'-12:13:14','2020-05-05 05:05:05','2021-01-01 01:01:01'),(2,NULL,NULL,'2022-01-01')",
            ),
            whole,
            Restored,
        ),
        story(
            "another size",
            old("d TIME(3)", "(1,'10:11:12.345'),(2,'00:00:01')"),
            "CREATE TABLE t (id INT PRIMARY KEY, d TIME(3)) ENGINE=InnoDB;",
            Refused("old form"),
        ),
        story(
            "the same size",
            old("d DATETIME(6)", "(1,'0000-00-00 00:00:00'),(2,'0000-00-00 00:00:00')"),
            "CREATE TABLE t (id INT PRIMARY KEY, d DATETIME(6)) ENGINE=InnoDB;",
            Refused("column 2 is of another type"),
        ),
        story(
            "the first second",
            "CREATE TABLE t (id INT PRIMARY KEY, d TIMESTAMP(6) NULL) ENGINE=InnoDB; SET time_zone='+00:00'; \
             INSERT INTO t VALUES (1,'1970-01-01 00:00:00.5'),(2,'1970-01-01 00:00:01');",
            "CREATE TABLE t (id INT PRIMARY KEY, d TIMESTAMP(6) NULL) ENGINE=InnoDB;",
            Restored,
        ),
    ];
    tell(Some(Product::Mariadb), &stories);
}

#[test]
fn d14_a_number_in_a_document_comes_back_with_a_sign_or_without_one_as_it_was() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mysql) {
        let (unsigned, signed) = ("UNSIGNED INTEGER", "INTEGER");
        for (number, kind) in
            [("CAST(5 AS UNSIGNED)", unsigned), ("5", signed), ("CAST(18446744073709551615 AS UNSIGNED)", unsigned)]
        {
            let table = "CREATE TABLE t (id INT PRIMARY KEY, j JSON) ENGINE=InnoDB;";
            server.sql(&format!(
                "DROP DATABASE IF EXISTS told; CREATE DATABASE told; USE told; FLUSH BINARY LOGS; {table} \
                 INSERT INTO t VALUES (1, JSON_OBJECT('a', JSON_ARRAY({number})));"
            ));
            let ((file, from), home) = (last_log(server), Home::new());
            server.sql("DELETE FROM told.t; FLUSH BINARY LOGS");
            let (log, script) = (home.path(&file), home.path("undo.sql"));
            fs::copy(server.folder.join("data").join(&file), &log).unwrap();
            let from = format!("{file}:{from}");
            let range = ["recover", log.to_str().unwrap(), "--schema-name", "told", "--from-position", &from];
            let made = home.run(&[&range[..], &["-o", script.to_str().unwrap()]].concat());
            assert_eq!(made.code, 0, "{made:?}");
            let text = fs::read_to_string(&script).unwrap();
            assert_eq!(text.contains("AS UNSIGNED)"), number == "CAST(5 AS UNSIGNED)", "{number}");
            assert_eq!(last_line(&run(server, &["-N", "-B"], &text)), "APPLIED");
            let now = server.sql("SELECT JSON_TYPE(JSON_EXTRACT(j,'$.a[0]')) FROM told.t");
            assert_eq!(now.trim_end(), kind, "{number}");
            let review = home.run(&["review", script.to_str().unwrap(), "--json"]);
            assert_eq!(review.code, 0, "{review:?}");
        }
    }
}
