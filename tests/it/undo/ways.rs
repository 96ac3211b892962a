//! The ways in which a script can be written, each tried with the stock client on both servers.

use std::collections::BTreeMap;
use std::sync::Arc;

use breakglass::change::index::{Everything, Index, RowView, RowsFacts, Wanted};
use breakglass::change::script::UNCHECK;
use breakglass::change::undo::{
    Choices, Chosen, Direction, Engines, Reference, Request, RowPlace, UndoError, rows, stream,
};
use breakglass::model::change::{ChangeKind, Value};
use breakglass::model::changes::Passes;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::{Checks, Choice, Commits, Extent, Mode};

use crate::support::databases::{Product, Server};
use crate::undo::{Plan, alone, index, last_line, run, written};

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT, s VARCHAR(20) CHARACTER SET utf8mb4) ENGINE=InnoDB;";

/// Does damage in a database made anew, and indexes the server's own log of it.
fn damaged(server: &'static Server, tables: &str, before: &str, damage: &str) -> Plan {
    Plan { index: indexed(server, tables, before, damage, Arc::new(Everything), Extent::Whole) }
}

fn indexed(
    server: &'static Server,
    tables: &str,
    before: &str,
    damage: &str,
    wanted: Arc<dyn Wanted>,
    extent: Extent,
) -> Index {
    server.sql(&format!("DROP DATABASE IF EXISTS ways; CREATE DATABASE ways; USE ways; {tables} {before}"));
    server.sql("FLUSH BINARY LOGS");
    let log = server.sql("SHOW BINARY LOGS");
    let log = log.lines().last().unwrap().split('\t').next().unwrap().to_owned();
    server.sql(&format!("USE ways; {damage}"));
    server.sql("FLUSH BINARY LOGS");
    let bytes = std::fs::read(server.folder.join("data").join(log)).unwrap();
    index(&[bytes], format!("USE ways; {tables}").as_bytes(), wanted, extent)
}

fn state(server: &Server) -> String {
    server.sql("SELECT id, v, s FROM ways.t ORDER BY id").replace('\t', " ").replace('\n', "; ")
}

fn applied(server: &Server, script: &str) {
    let output = run(server, &["-N", "-B"], script);
    assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a client that goes on behind errors prints last.
fn forced(server: &Server, script: &str) -> String {
    last_line(&run(server, &["-N", "-B", "--force"], script))
}

#[test]
fn d36_a_script_of_many_transactions_is_gone_on_with_behind_the_last_that_was_applied() {
    for server in alone().iter().copied() {
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');";
        let damage = "UPDATE t SET v=v+10 WHERE id=1; UPDATE t SET v=v+10 WHERE id=2; \
            BEGIN; UPDATE t SET v=v+10 WHERE id=3; DELETE FROM t WHERE id=3; COMMIT;";
        let plan = damaged(server, TABLE, before, damage);
        let script = written(&plan, &Request { commits: Commits::PerTransaction, ..Request::default() });
        server.sql("UPDATE ways.t SET v=99 WHERE id=2");
        // The last transaction is undone and stays undone; the second last is not, and nothing behind it is.
        let output = run(server, &["-N", "-B"], &script);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("1242"));
        let mark = last_line(&output);
        let name = mark.strip_prefix("APPLIED ").unwrap_or_else(|| panic!("{mark}"));
        assert!(name.ends_with("-1"), "{name}");
        assert_eq!(state(server), "1 11 a; 2 99 b; 3 3 c; ");
        // Again from the beginning: the first is not as the log left it, so nothing is done at all.
        assert_eq!(forced(server, &script), "ROLLED BACK");
        // Behind the mark, the trouble is the same; a client that goes on goes no further.
        let resumed = format!("SET @bg_resume='{name}';\n{script}");
        assert_eq!(forced(server, &resumed), format!("STOPPED BEHIND {name}"));
        assert_eq!(state(server), "1 11 a; 2 99 b; 3 3 c; ");
        // A mark of another script is none.
        assert_eq!(forced(server, &format!("SET @bg_resume='0123456789-2';\n{script}")), "ROLLED BACK");
        server.sql("UPDATE ways.t SET v=12 WHERE id=2");
        // Nor is one without its number, or with one that the script does not have.
        let alone = name.strip_suffix("-1").unwrap();
        for mark in [alone.to_owned(), format!("{alone}-9"), format!("{alone}-"), format!("{name}x"), String::new()] {
            let before = state(server);
            assert_eq!(forced(server, &format!("SET @bg_resume='{mark}';\n{script}")), "ROLLED BACK", "{mark}");
            assert_eq!(state(server), before, "{mark}");
        }
        applied(server, &resumed);
        assert_eq!(state(server), "1 1 a; 2 2 b; 3 3 c; ");
        // A session that was resumed does not resume the next script.
        let output =
            run(server, &["-N", "-B"], &format!("SET @bg_resume='{name}';\n{script}SELECT IFNULL(@bg_resume,'none');"));
        assert!(!output.status.success());
    }
}

#[test]
fn d36_d71_the_rest_of_a_script_of_many_transactions_in_another_session_applies_nothing() {
    for server in alone().iter().copied() {
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b');";
        let plan = damaged(server, TABLE, before, "UPDATE t SET v=v+10 WHERE id=1; DELETE FROM t WHERE id=2;");
        let script = written(&plan, &Request { commits: Commits::PerTransaction, ..Request::default() });
        let now = state(server);
        let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("-- ")).collect();
        for cut in 1..lines.len() {
            assert_eq!(forced(server, &(lines[cut..].join("\n") + "\n")), "ROLLED BACK", "from {} on", lines[cut]);
            assert_eq!(state(server), now, "from {} on", lines[cut]);
        }
    }
}

#[test]
fn d76_overwriting_takes_rows_as_they_are_but_not_rows_that_are_gone() {
    for server in alone().iter().copied() {
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');";
        let damage = "UPDATE t SET v=v+10 WHERE id=1; DELETE FROM t WHERE id=2; INSERT INTO t VALUES (4,4,'d');";
        let plan = damaged(server, TABLE, before, damage);
        let choices = Choices { mode: Mode::Overwrite, ..Choices::default() };
        let over = written(&plan, &Request { choices: Some(&choices), ..Request::default() });
        let strict = written(&plan, &Request::default());
        // Somebody changed the very column, put the deleted row in again, and changed the inserted row.
        server.sql(
            "USE ways; UPDATE t SET v=99, s='kept' WHERE id=1; INSERT INTO t VALUES (2,7,'x'); \
            UPDATE t SET v=5 WHERE id=4",
        );
        assert_eq!(forced(server, &strict), "ROLLED BACK");
        applied(server, &over);
        assert_eq!(state(server), "1 1 kept; 2 2 b; 3 3 c; ");
        // All is as it is to be already, but the row that goes is gone.
        assert_eq!(forced(server, &over), "ROLLED BACK");
        server.sql("INSERT INTO ways.t VALUES (4,4,'d')");
        applied(server, &over);
        // The row that is to be set is gone.
        server.sql("INSERT INTO ways.t VALUES (4,4,'d'); DELETE FROM ways.t WHERE id=1");
        let now = state(server);
        assert_eq!(forced(server, &over), "ROLLED BACK");
        assert_eq!(state(server), now);
    }
}

#[test]
fn d70_d76_a_lock_in_front_of_a_look_applies_nothing() {
    for server in alone().iter().copied() {
        let plan = damaged(server, TABLE, "INSERT INTO t VALUES (1,1,'a'),(2,2,'b');", "UPDATE t SET v=v+10;");
        let choices = Choices { mode: Mode::Overwrite, ..Choices::default() };
        let script = written(&plan, &Request { choices: Some(&choices), ..Request::default() });
        let now = state(server);
        server.sql("CREATE DATABASE IF NOT EXISTS trap");
        let holder = crate::undo::traps::Holder::begin(server, "SELECT v FROM ways.t WHERE id=1 FOR UPDATE INTO @v;");
        let said = forced(server, &format!("SET innodb_lock_wait_timeout=1;\n{script}"));
        holder.end();
        assert_eq!(said, "ROLLED BACK");
        assert_eq!(state(server), now);
    }
}

#[test]
fn d75_tables_that_do_not_roll_back_are_refused_left_out_or_in_a_script_of_their_own() {
    for server in alone().iter().copied() {
        let tables = format!("{TABLE} CREATE TABLE m (id INT PRIMARY KEY, v INT) ENGINE=MyISAM;");
        let before = "INSERT INTO t VALUES (1,1,'a'); INSERT INTO m VALUES (1,1),(2,2),(3,3);";
        let damage = "UPDATE t SET v=2; UPDATE m SET v=v+10;";
        let plan = damaged(server, &tables, before, damage);
        let refused = stream(&plan.index, &Request::default(), &mut std::io::sink());
        assert!(matches!(refused, Err(UndoError::Refused(refused)) if refused.total == 3));
        let request = |engines| Request { engines, ..Request::default() };
        applied(server, &written(&plan, &request(Engines::RollingBack)));
        assert_eq!(state(server), "1 1 a; ");
        let script = written(&plan, &request(Engines::Lasting));
        assert!(script.contains("-- hazard: these tables keep changes after ROLLBACK"));
        // The row in the middle is not as it was left: what came before it stays undone, what comes behind is not.
        server.sql("UPDATE ways.m SET v=99 WHERE id=2");
        assert_eq!(forced(server, &script), "STOPPED");
        let left = server.sql("SELECT GROUP_CONCAT(v ORDER BY id) FROM ways.m");
        assert_eq!(left.trim_end(), "11,99,3");
        server.sql("UPDATE ways.m SET v=id+10");
        applied(server, &script);
        assert_eq!(server.sql("SELECT GROUP_CONCAT(v ORDER BY id) FROM ways.m").trim_end(), "1,2,3");
    }
}

#[test]
fn a_redo_brings_back_what_an_undo_took_away() {
    for server in alone().iter().copied() {
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');";
        let damage =
            "UPDATE t SET id=id+1 ORDER BY id DESC; DELETE FROM t WHERE id=2; INSERT INTO t VALUES (9,9,NULL);";
        let plan = damaged(server, TABLE, before, damage);
        let (now, undo) = (state(server), written(&plan, &Request::default()));
        let redo = written(&plan, &Request { direction: Direction::Redo, ..Request::default() });
        assert_eq!(forced(server, &redo), "ROLLED BACK");
        applied(server, &undo);
        assert_eq!(state(server), "1 1 a; 2 2 b; 3 3 c; ");
        applied(server, &redo);
        assert_eq!(state(server), now);
    }
}

#[test]
fn d23_keys_are_unchecked_where_the_log_says_so_and_more_orphans_roll_everything_back() {
    for server in alone().iter().copied() {
        let tables = "CREATE TABLE p (id INT PRIMARY KEY) ENGINE=InnoDB; CREATE TABLE `k\u{ef}nd` (id INT PRIMARY KEY, \
            pid INT, FOREIGN KEY (pid) REFERENCES p (id)) ENGINE=InnoDB;";
        let before = "INSERT INTO p VALUES (1),(2); INSERT INTO `k\u{ef}nd` VALUES (1,1),(2,2);";
        let damage = "SET foreign_key_checks=0; UPDATE p SET id=10 WHERE id=1; UPDATE `k\u{ef}nd` SET pid=10 WHERE pid=1; \
            SET foreign_key_checks=1; INSERT INTO p VALUES (5);";
        let plan = damaged(server, tables, before, damage);
        let name = |text: &str| Foreign::from(text);
        let reference = Reference {
            child: (name("ways"), name("k\u{ef}nd")),
            columns: vec![name("pid")],
            parent: (name("ways"), name("p")),
            keys: vec![name("id")],
            takes_along: false,
            lets_go: false,
        };
        let references = [reference];
        for commits in [Commits::Once, Commits::PerTransaction] {
            let script = written(&plan, &Request { references: &references, commits, ..Request::default() });
            assert_eq!(script.matches(UNCHECK).count(), 2, "around those that ran without checks");
            server.sql("INSERT INTO ways.`k\u{ef}nd` VALUES (9,10)");
            let said = forced(server, &script);
            assert!(said != "APPLIED", "{said}");
            if commits == Commits::Once {
                assert_eq!(server.sql("SELECT COUNT(*) FROM ways.p WHERE id=10").trim_end(), "1");
                server.sql("DELETE FROM ways.`k\u{ef}nd` WHERE id=9");
                applied(server, &script);
                assert_eq!(server.sql("SELECT GROUP_CONCAT(pid ORDER BY id) FROM ways.`k\u{ef}nd`").trim_end(), "1,2");
                // The damage once more, for the other way.
                server.sql(&format!("USE ways; {damage}"));
            }
        }
        let checked = written(&plan, &Request { checks: Checks::On, ..Request::default() });
        assert!(!checked.contains(UNCHECK));
    }
}

/// Only rows of one value, of one table.
struct Of(&'static str, i64);

impl Wanted for Of {
    fn rows(&self, rows: &RowsFacts<'_>) -> bool {
        rows.table.name.raw_bytes() == self.0.as_bytes()
    }

    fn looks_at_rows(&self) -> bool {
        true
    }

    fn row(&self, row: &RowView<'_, '_>) -> Passes {
        let at = row.table.shown.columns.iter().position(|column| column.name == Foreign::from("v")).unwrap();
        let value = row.cells.value_before(&row.table.log, at).unwrap();
        Passes::of(value == Some(Value::Int(self.1)))
    }
}

#[test]
fn d20_whole_transactions_are_undone_unless_a_part_is_asked_for_and_then_the_rest_is_told() {
    for server in alone().iter().copied() {
        let tables = format!("{TABLE} CREATE TABLE u (id INT PRIMARY KEY, v INT) ENGINE=InnoDB;");
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c'); INSERT INTO u VALUES (1,1);";
        let damage = "UPDATE t SET v=v+10 WHERE id=3; BEGIN; UPDATE t SET v=v+10 WHERE id<3; DELETE FROM u; COMMIT;";
        for (extent, expected) in
            [(Extent::Whole, "1 1 a; 2 2 b; 3 13 c; "), (Extent::Partial, "1 11 a; 2 2 b; 3 13 c; ")]
        {
            let index = indexed(server, &tables, before, damage, Arc::new(Of("t", 2)), extent);
            let partial = index.partial.clone();
            assert_eq!(index.transactions(), 1);
            let plan = Plan { index };
            applied(server, &written(&plan, &Request::default()));
            assert_eq!(state(server), expected);
            let left = server.sql("SELECT COUNT(*) FROM ways.u");
            assert_eq!(left.trim_end(), if extent == Extent::Whole { "1" } else { "0" });
            let told: BTreeMap<_, _> = partial.first.iter().flat_map(|part| part.left.clone()).collect();
            assert_eq!(told.len(), usize::from(extent == Extent::Partial), "{told:?}");
        }
    }
}

#[test]
fn rows_are_looked_at_one_by_one_and_left_out_one_by_one() {
    for server in alone().iter().copied() {
        let before = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');";
        let plan = damaged(server, TABLE, before, "UPDATE t SET v=v+10; DELETE FROM t WHERE id=1;");
        let seen = rows(&plan.index, &Request::default(), 0).unwrap();
        let kinds: Vec<_> = seen.iter().map(|undoing| undoing.change.kind).collect();
        assert_eq!(kinds, [ChangeKind::Delete, ChangeKind::Update, ChangeKind::Update, ChangeKind::Update]);
        let sql = seen[1].sql.as_ref().unwrap().as_deref().unwrap();
        assert_eq!(sql, "UPDATE `ways`.`t` SET `v`=3 WHERE @bg=CONNECTION_ID() AND `id` <=> 3 AND `v` <=> 13;");
        let script = written(&plan, &Request::default());
        assert!(seen.iter().all(|undoing| script.contains(undoing.sql.as_ref().unwrap().as_ref().unwrap())));
        let mut choices = Choices::default();
        let out = Chosen { choice: Some(Choice::Exclude), mode: None };
        choices.rows.insert(seen[2].place, out);
        choices.rows.insert(RowPlace::default(), out);
        applied(server, &written(&plan, &Request { choices: Some(&choices), ..Request::default() }));
        assert_eq!(state(server), "1 1 a; 2 12 b; 3 3 c; ");
        let all = Choices { excluded: [(Foreign::from("ways"), Foreign::from("t"))].into(), ..Choices::default() };
        applied(server, &written(&plan, &Request { choices: Some(&all), ..Request::default() }));
        assert_eq!(state(server), "1 1 a; 2 12 b; 3 3 c; ");
    }
}

#[test]
fn d34_d40_large_transactions_are_undone_window_by_window_compressed_ones_too() {
    for server in alone().iter().copied() {
        let numbers = "WITH RECURSIVE n AS (SELECT 1 id UNION ALL SELECT id+1 FROM n WHERE id<20000)";
        let before = format!(
            "SET SESSION {}=100000; INSERT INTO t {numbers} SELECT id, id, 'text' FROM n;",
            if server.product == Product::Mysql { "cte_max_recursion_depth" } else { "max_recursive_iterations" },
        );
        let packed =
            if server.product == Product::Mysql { "SET SESSION binlog_transaction_compression=ON;" } else { "" };
        let damage = format!(
            "{packed} BEGIN; UPDATE t SET v=v+1; UPDATE t SET id=id+1 ORDER BY id DESC; \
            DELETE FROM t WHERE id<10000; COMMIT;"
        );
        let plan = damaged(server, TABLE, &before, &damage);
        assert!(plan.index.windows() > 3, "{}", plan.index.windows());
        for commits in [Commits::Once, Commits::PerTransaction] {
            applied(server, &written(&plan, &Request { commits, ..Request::default() }));
            let sums = server.sql("SELECT COUNT(*), SUM(id=v), MIN(id), MAX(id) FROM ways.t");
            assert_eq!(sums.trim_end(), "20000\t20000\t1\t20000");
            server.sql(&format!("USE ways; {damage}"));
        }
    }
}
