//! What happened and in which order: transactions, keys, twins, definitions.

use std::collections::BTreeSet;
use std::sync::Arc;

use breakglass::change::frame::{Frames, Limits};
use breakglass::change::schema::Described;
use breakglass::change::transactions::{Fate, Item, LogFile, Transactions};
use breakglass::change::undo::{Choices, Request};
use breakglass::model::change::ChangeKey;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::{Checks, Commits, Mode};
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};

use crate::drill::scene::{Scene, each};
use crate::drill::{Ask, Stopped, apply, fixture_logs, run, undo};
use crate::support::databases::{Product, Server};

pub const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT, s VARCHAR(20) CHARACTER SET utf8mb4);";

#[test]
fn d18_changes_are_undone_by_their_place_in_the_log_whatever_their_clocks_say() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,0,'a'),(2,0,'b');");
        let damage = "SET TIMESTAMP=2000000000; UPDATE t SET v=1; SET TIMESTAMP=1000000000; UPDATE t SET v=2; \
            SET TIMESTAMP=1500000000; BEGIN; UPDATE t SET v=3 WHERE id=1; SET TIMESTAMP=1; UPDATE t SET v=4 WHERE id=1; COMMIT; \
            SET TIMESTAMP=1999999999; DELETE FROM t WHERE id=2;";
        Scene::new(server, &stage, damage).restore();
    });
}

/// InnoDB takes no row away that refers to itself while keys are checked; and when such a row goes with its reference
/// set to NULL first, MySQL's log says that, and then that the row went with its reference.
#[test]
fn d23_rows_that_refer_to_themselves_come_back_or_nothing_does() {
    each(|server| {
        let stage = "CREATE TABLE tree (id INT PRIMARY KEY, up INT, v INT, \
            FOREIGN KEY (up) REFERENCES tree (id) ON DELETE SET NULL); INSERT INTO tree VALUES (1,NULL,1);";
        let scene = Scene::new(server, stage, "INSERT INTO tree VALUES (2,2,2); UPDATE tree SET v=5;");
        let off = Request { checks: Checks::Off, ..Request::default() };
        apply(server, &scene.undo_by(off).unwrap().text).unwrap();
        scene.assert_restored();
        if server.product == Product::Mysql {
            let stage = format!("{stage} INSERT INTO tree VALUES (2,2,2),(3,2,3);");
            let scene = Scene::new(server, &stage, "DELETE FROM tree WHERE id=2;");
            scene.assert_nothing_applies(&scene.script().text);
        }
    });
}

#[test]
fn d29_d73_rows_that_only_their_collation_takes_for_the_same_stay_apart() {
    each(|server| {
        let stage = "CREATE TABLE t (s VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, v INT); \
            INSERT INTO t VALUES ('a',1),('A',1),('á',1),('a ',1); \
            CREATE TABLE k (s VARCHAR(9) CHARACTER SET latin1 PRIMARY KEY, v INT); INSERT INTO k VALUES ('paid',1),('x',2);";
        let damage = "UPDATE t SET v=2 WHERE BINARY s='A'; DELETE FROM t WHERE HEX(s)='C3A1'; \
            UPDATE k SET s='PAID' WHERE s='paid'; UPDATE k SET s='Paid', v=5 WHERE s='paid';";
        let scene = Scene::new(server, stage, damage);
        let script = scene.script().text;
        server.sql("UPDATE scene.k SET s='paid' WHERE v=5");
        scene.assert_nothing_applies(&script);
        server.sql("UPDATE scene.k SET s='Paid' WHERE v=5");
        scene.restore();
    });
}

#[test]
fn d31_no_two_changes_of_several_logs_have_the_same_name() {
    for fixture in ["mysql-multi", "mariadb-multi", "mysql-compressed"] {
        let (mut keys, mut count) = (BTreeSet::<ChangeKey>::new(), 0);
        for (file, log) in (0..).zip(fixture_logs(fixture)) {
            let of = LogFile {
                source: Arc::new(Foreign::from("drill")),
                name: Arc::new(Foreign::from(format!("binlog.{file:06}"))),
            };
            let mut log = Transactions::new(&log[..], file, Limits::default());
            while let Some(item) = log.next().unwrap() {
                let Item::Rows(rows) = item else { continue };
                let described = Described::by_log(rows.event.table, None);
                let changes = rows.changes(&of, &described, Fate::Happened).unwrap();
                count += changes.len();
                keys.extend(changes.into_iter().map(|change| change.key));
            }
        }
        assert!(count >= 40 && keys.len() == count, "{fixture}: {count}, {}", keys.len());
    }
}

#[test]
fn d32_of_equal_rows_as_many_come_back_or_go_as_were_touched() {
    each(|server| {
        let stage = "CREATE TABLE t (a INT, b VARCHAR(9)); INSERT INTO t VALUES (1,'x'),(1,'x'),(1,'x'),(2,NULL),(2,NULL); \
            CREATE TABLE u (a INT NULL UNIQUE, b INT); INSERT INTO u VALUES (NULL,1),(NULL,1),(1,1);";
        let damage = "DELETE FROM t WHERE a=1 LIMIT 2; UPDATE t SET b='y' WHERE a=2 LIMIT 1; INSERT INTO t VALUES (1,'x'),(1,'x'); \
            UPDATE u SET b=2 WHERE a IS NULL LIMIT 1; DELETE FROM u;";
        let undo = Scene::new(server, stage, damage).restore();
        assert!(undo.text.contains(" LIMIT 1;") && undo.hazards.iter().any(|hazard| hazard.contains("no key")));
    });
}

#[test]
fn d33_keys_that_move_through_each_other_in_one_statement_come_back() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, u VARCHAR(9) UNIQUE NOT NULL); \
            INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c'),(4,'d'),(9,'z');";
        let damage = "UPDATE t SET id=id+1 ORDER BY id DESC; UPDATE t SET id=id-3 ORDER BY id; \
            UPDATE t SET id=CASE id WHEN -1 THEN 100 ELSE id END; UPDATE t SET u=CONCAT(u,'x'); \
            BEGIN; UPDATE t SET u='tmp' WHERE id=0; UPDATE t SET u='swapped' WHERE id=100; COMMIT;";
        Scene::new(server, stage, damage).restore();
    });
}

#[test]
fn d35_columns_that_nobody_sees_and_keys_that_nobody_asked_for_are_named() {
    each(|server| {
        let hidden = match server.product {
            Product::Mysql => "SET sql_generate_invisible_primary_key=ON;",
            Product::Mariadb => "",
        };
        let stage = format!(
            "{hidden} CREATE TABLE t (a INT, h INT INVISIBLE DEFAULT 7, b VARCHAR(9)); \
            INSERT INTO t (a,b) VALUES (1,'x'),(1,'x'),(2,'y'); INSERT INTO t (a,h,b) VALUES (3,9,'z');"
        );
        let scene = Scene::new(server, &stage, "UPDATE t SET h=h+1 WHERE a<3; DELETE FROM t WHERE a>1;");
        let undo = scene.restore();
        assert!(undo.text.contains("`h`") && undo.text.contains("(`"));
        assert_eq!(undo.text.contains("`my_row_id`"), server.product == Product::Mysql);
    });
}

#[test]
fn d35_a_key_that_is_computed_finds_its_rows_and_is_not_written() {
    each(|server| {
        let stage = "CREATE TABLE t (a INT NOT NULL, b VARCHAR(9), k INT GENERATED ALWAYS AS (a * 2) STORED, \
            UNIQUE KEY (k), PRIMARY KEY (a)); INSERT INTO t (a,b) VALUES (1,'x'),(2,'x'),(3,NULL); \
            CREATE TABLE u (a INT NOT NULL, b INT, k INT GENERATED ALWAYS AS (a * 2) STORED NOT NULL, UNIQUE KEY (k)); \
            INSERT INTO u (a,b) VALUES (1,1),(2,1),(3,NULL);";
        let stage = match server.product {
            Product::Mysql => stage.to_owned(),
            Product::Mariadb => stage.replace("STORED NOT NULL", "STORED"), // it has no such word
        };
        let damage = "UPDATE t SET a=a+1 ORDER BY a DESC; DELETE FROM t WHERE a=3; UPDATE u SET b=5; UPDATE u SET a=a+10; \
            DELETE FROM u WHERE a>11;";
        let undo = Scene::new(server, &stage, damage).restore();
        assert!(!undo.text.contains("SET `k`") && !undo.text.contains(",`k`)"));
    });
}

#[test]
fn d36_with_a_transaction_for_each_original_one_a_run_that_stopped_is_gone_on_with() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');");
        let damage = "UPDATE t SET v=v+10 WHERE id=1; UPDATE t SET v=v+10 WHERE id=2; UPDATE t SET v=v+10 WHERE id=3;";
        let scene = Scene::new(server, &stage, damage);
        let undo = scene.undo_by(Request { commits: Commits::PerTransaction, ..Request::default() }).unwrap();
        server.sql("UPDATE scene.t SET v=99 WHERE id=2");
        let output = run(server, &["-N", "-B", "--force"], &undo.text);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let last = said.lines().last().unwrap_or_default();
        let mark = last.strip_prefix("STOPPED BEHIND ").unwrap_or_else(|| panic!("{:?}: {said}", server.product));
        assert_eq!(server.sql("SELECT GROUP_CONCAT(v ORDER BY id) FROM scene.t"), "11,99,3\n", "the newest is undone");
        server.sql("UPDATE scene.t SET v=12 WHERE id=2");
        let output = run(server, &["-N", "-B"], &format!("SET @bg_resume='{mark}';\n{}", undo.text));
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("APPLIED"), "{:?}", server.product);
        scene.assert_restored();
    });
}

#[test]
fn d40_d41_compressed_transactions_and_rows_are_undone_whole() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,REPEAT('a',20)),(2,2,REPEAT('b',20)),(3,3,NULL);");
        let on = match server.product {
            Product::Mysql => "SET binlog_transaction_compression=ON;",
            Product::Mariadb => "SET GLOBAL log_bin_compress=ON; SET GLOBAL log_bin_compress_min_len=10;",
        };
        let damage = format!(
            "{on} BEGIN; UPDATE t SET v=v+1; DELETE FROM t WHERE id=2; INSERT INTO t VALUES (9,9,'new'); COMMIT; \
            UPDATE t SET s=REPEAT('long ',4);"
        );
        let scene = Scene::new(server, &stage, &damage);
        let mut kinds = BTreeSet::new();
        for log in &scene.logs {
            let mut frames = Frames::new(&log[..], Limits::default());
            while frames.advance().unwrap() {
                kinds.extend(frames.event().map(|event| (event.header.kind, event.inner.is_some())));
            }
        }
        let packed = kinds.iter().any(|(kind, inner)| *inner || matches!(kind, 166..=171));
        assert!(packed, "{:?}: {kinds:?}", server.product);
        scene.restore();
        if server.product == Product::Mariadb {
            server.sql("SET GLOBAL log_bin_compress=OFF");
        }
    });
}

#[test]
fn d48_a_log_that_is_read_twice_applies_nothing() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,'a'),(2,2,'b');");
        let scene = Scene::new(server, &stage, "UPDATE t SET v=v+1;");
        let twice = [scene.logs.clone(), scene.logs.clone()].concat();
        let script = undo(&twice, &scene.definitions, &Ask::default()).unwrap().text;
        scene.assert_nothing_applies(&script);
        scene.restore();
    });
}

#[test]
fn d51_rows_that_hold_what_no_server_writes_are_an_error_with_their_place() {
    for product in ["mysql", "mariadb"] {
        let log = fixture_logs(&format!("{product}-checksum-none")).remove(0);
        let mut frames = Frames::new(&log[..], Limits::default());
        let mut rows = vec![];
        while frames.advance().unwrap() {
            if let Some(event) = frames.event()
                && breakglass::change::rows::is_rows(event.header.kind)
            {
                rows.push((event.start.0 as usize, event.body.len()));
            }
        }
        // A row that ends too early: the event's last byte goes to the next one's front.
        let (at, len) = rows[rows.len() / 2];
        let mut broken = log.clone();
        broken.remove(at + 19 + len - 1);
        let size = (19 + len - 1) as u32;
        broken[at + 9..at + 13].copy_from_slice(&size.to_le_bytes());
        let definitions = crate::drill::fixture_file(&format!("{product}-small-events"), "after.sql.gz");
        match undo(&[broken], &definitions, &Ask::default()) {
            Err(Stopped::Damaged(error)) => assert!(error.to_string().contains(&at.to_string()), "{product}: {error}"),
            other => panic!("{product}: {other:?}"),
        }
    }
}

#[test]
fn d52_every_way_to_change_a_definition_is_a_wall() {
    each(|server| {
        let mut walls = vec![
            "/* a comment */ ALTER TABLE t ADD COLUMN w INT",
            "-- a comment\nALTER TABLE t ADD COLUMN w INT",
            "# a comment\nTRUNCATE TABLE t",
            "/*!40000 ALTER TABLE t ADD COLUMN w INT */",
            "/*!50000 TRUNCATE */ TABLE `scene` . `t`",
            "CREATE INDEX i ON t (v)",
            "CREATE UNIQUE INDEX i ON t (v)",
            "RENAME TABLE t TO t2",
            "RENAME TABLE p TO p2, t TO t2",
            "DROP TABLE IF EXISTS t",
            "DROP TABLE p, t",
            "DROP TABLES t RESTRICT",
            "TRUNCATE t",
            "ALTER TABLE scene.t ENGINE=InnoDB, ADD w INT",
            "ALTER TABLE t RENAME TO t2",
            "ALTER TABLE t CONVERT TO CHARACTER SET latin1",
            "ALTER TABLE t COMMENT 'no; /* more */'",
            "ALTER TABLE p EXCHANGE PARTITION p0 WITH TABLE t",
            "DROP INDEX k ON t",
            "SET @a='; TRUNCATE t'; OPTIMIZE TABLE p; TRUNCATE t",
            "CREATE TABLE copied AS SELECT * FROM t; INSERT INTO copied VALUES (9,9,'z'); DROP TABLE copied",
            "ALTER DATABASE scene CHARACTER SET latin1",
        ];
        match server.product {
            Product::Mariadb => walls.extend([
                "CREATE OR REPLACE TABLE t (id INT PRIMARY KEY)",
                "SET STATEMENT lock_wait_timeout=9 FOR TRUNCATE TABLE t",
                "SET STATEMENT lock_wait_timeout=9, max_statement_time=0 FOR ALTER TABLE t ADD COLUMN w INT",
                "ALTER ONLINE TABLE t ADD COLUMN w INT",
                "ALTER IGNORE TABLE t ADD UNIQUE (s)",
                "ALTER TABLE t WAIT 5 ADD COLUMN w INT",
                "TRUNCATE TABLE t WAIT 5",
                "DROP TABLE IF EXISTS t NOWAIT",
                "/*M! ALTER */ TABLE t ADD COLUMN w INT",
                "CREATE OR REPLACE INDEX k ON t (s)",
            ]),
            Product::Mysql => walls.extend([
                "ALTER TABLE t RENAME COLUMN v TO x, ALGORITHM=INSTANT",
                "ALTER TABLE t ALTER INDEX k INVISIBLE",
                "ALTER TABLE t DISCARD TABLESPACE",
            ]),
        }
        for wall in walls {
            let stage = format!(
                "{TABLE} ALTER TABLE t ADD KEY k (v); INSERT INTO t VALUES (1,1,'a'); CREATE TABLE p LIKE t; \
                 ALTER TABLE p PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (9));"
            );
            let scene = Scene::new(server, &stage, &format!("UPDATE t SET v=2; {wall};"));
            match scene.undo() {
                Err(stopped) => {
                    let reasons = stopped.reasons();
                    assert!(reasons.iter().any(|why| why.contains("a definition changed")), "{wall}: {reasons:?}");
                }
                Ok(_) if wall.contains("DATABASE") => {} // rows look the same behind it
                Ok(undo) => panic!("{:?}, {wall}: {}", server.product, undo.text),
            }
        }
        let scene = Scene::new(
            server,
            TABLE,
            "INSERT INTO t VALUES (1,1,'a'); DROP DATABASE scene; CREATE DATABASE scene; USE scene;",
        );
        assert!(scene.reasons().iter().any(|why| why.contains("DROP DATABASE")), "{:?}", scene.reasons());
    });
}

#[test]
fn d75_a_table_that_does_not_roll_back_is_refused_by_its_engine() {
    each(|server| {
        let stage =
            "CREATE TABLE m (id INT PRIMARY KEY) ENGINE=MyISAM; CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB;";
        let scene = Scene::new(server, stage, "INSERT INTO t VALUES (1); INSERT INTO m VALUES (1);");
        let reasons = scene.reasons();
        assert!(reasons.len() == 1 && reasons[0].contains("myisam"), "{reasons:?}");
        let alone = undo(&scene.logs, &scene.definitions, &Ask { without: &["m"], ..Ask::default() }).unwrap();
        apply(server, &alone.text).unwrap();
        assert_eq!(server.sql("SELECT COUNT(*) FROM scene.t"), "0\n");
    });
}

#[test]
fn d77_statements_are_counted_one_by_one_and_checked_by_the_thousand() {
    each(|server| {
        let numbers = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i+1 FROM n WHERE i<2500)";
        let deep = match server.product {
            Product::Mysql => "SET cte_max_recursion_depth=5000;",
            Product::Mariadb => "SET max_recursive_iterations=5000;",
        };
        let stage = format!("{TABLE} {deep} INSERT INTO t {numbers} SELECT i, i, CONCAT('row ', i) FROM n;");
        let scene = Scene::new(server, &stage, "UPDATE t SET v=v+1; DELETE FROM t WHERE id<=1200;");
        let undo = scene.restore();
        let count = |front: &str| undo.text.lines().filter(|line| line.starts_with(front)).count();
        assert_eq!((count("INSERT "), count("UPDATE ")), (3, 2500));
        assert_eq!(count("SET @bg_done=@bg_done+1"), 2503);
        let groups: Vec<_> = undo.text.split("SET @bg_stop=").collect();
        let most = groups.iter().map(|group| group.matches("SET @bg_done=@bg_done+1").count()).max();
        assert!(most <= Some(1000) && (4..7).contains(&groups.len()), "{most:?} in {} groups", groups.len());
        let exact = |rows: u32| undo.text.contains(&format!("(ROW_COUNT()<>{rows})"));
        assert!(exact(500) && exact(200) && exact(1));
    });
}

#[test]
fn d76_overwriting_takes_rows_as_they_are_now_and_still_no_more_than_one_each() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c'),(4,4,'d'),(5,5,NULL);");
        let damage = "UPDATE t SET v=v+10 WHERE id<4; DELETE FROM t WHERE id>3; INSERT INTO t VALUES (9,9,'new');";
        // One is as before already, one was edited, one is as it was left; one was put back by somebody, otherwise.
        let since = "UPDATE scene.t SET v=1 WHERE id=1; UPDATE scene.t SET v=99, s='b' WHERE id=2; \
            INSERT INTO scene.t VALUES (4,44,'other'); UPDATE scene.t SET s='edited' WHERE id=9;";
        let scene = Scene::new(server, &stage, damage);
        let choices = Choices { mode: Mode::Overwrite, ..Choices::default() };
        let undo = scene.undo_by(Request { choices: Some(&choices), ..Request::default() }).unwrap();
        server.sql(since);
        scene.assert_nothing_applies(&scene.script().text);
        apply(server, &undo.text).unwrap_or_else(|why| panic!("{:?}: {why}", server.product));
        scene.assert_restored();
        // A client that counts the rows that were found, changed or not, applies the same.
        let scene = Scene::new(server, &stage, damage);
        server.sql(since);
        assert_eq!(found_rows(server, &undo.text), "APPLIED");
        scene.assert_restored();
        // What is to be set and is not there is not made up.
        let scene = Scene::new(server, &stage, damage);
        server.sql("DELETE FROM scene.t WHERE id=2");
        scene.assert_nothing_applies(&undo.text);
    });
}

/// Runs a script over a connection with CLIENT_FOUND_ROWS, line by line: the last answer.
fn found_rows(server: &Server, script: &str) -> String {
    let options = OptsBuilder::default().ip_or_hostname("127.0.0.1").tcp_port(server.port).user(Some("root"));
    let options = options.client_found_rows(true).prefer_socket(false);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut connection = Conn::new(options).await.unwrap();
        let mut last = String::new();
        for line in script.lines().filter(|line| !line.starts_with("-- ")) {
            let rows: Vec<mysql_async::Row> =
                connection.query(line).await.unwrap_or_else(|error| panic!("{line}: {error}"));
            last = rows.first().and_then(|row| row.get_opt(0)?.ok()).unwrap_or(last);
        }
        connection.disconnect().await.unwrap();
        last
    })
}

#[test]
fn tables_that_keep_old_versions_of_their_rows_are_refused() {
    each(|server| {
        if server.product == Product::Mariadb {
            let stage =
                "CREATE TABLE v (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING; INSERT INTO v VALUES (1,1),(2,2);";
            for damage in ["DELETE FROM v WHERE id=2;", "UPDATE v SET x=5;", "INSERT INTO v VALUES (3,3);"] {
                let reasons = Scene::new(server, stage, damage).reasons();
                assert!(reasons.iter().all(|why| why.contains("old versions")), "{damage}: {reasons:?}");
            }
        }
    });
}

/// Pipes a script into a client that opens a new connection by itself when one is lost.
#[test]
fn d71_a_client_that_reconnects_by_itself_applies_nothing() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');");
        let scene = Scene::new(server, &stage, "UPDATE t SET v=v+10;");
        let (now, script) = (scene.now(), scene.script().text);
        let lines: Vec<_> = script.lines().collect();
        let first = lines.iter().position(|line| line.starts_with("UPDATE ")).unwrap();
        // The connection dies behind each statement in turn: the client itself kills it.
        for behind in first..lines.len() {
            let mut killed = lines.clone();
            killed.insert(behind, "SET @k=CONCAT('KILL ',CONNECTION_ID()); PREPARE k FROM @k; EXECUTE k;");
            let output = run(server, &["-N", "-B", "--force", "--reconnect"], &(killed.join("\n") + "\n"));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let is_decided = lines[..behind].iter().any(|line| line.starts_with("EXECUTE bg_end"));
            if is_decided {
                break;
            }
            assert_ne!(text.lines().last(), Some("APPLIED"), "{:?} behind {}", server.product, lines[behind - 1]);
            assert!(scene.now() == now, "{:?} behind {}", server.product, lines[behind - 1]);
        }
    });
}
