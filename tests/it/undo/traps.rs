//! What goes wrong while a script runs, or has gone wrong before: nothing of it may then apply.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use breakglass::change::undo::Request;

use crate::support::databases::Server;
use crate::undo::{Plan, alone, last_line, plan, run, written};

const TABLE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT, s VARCHAR(20) CHARACTER SET utf8mb4) ENGINE=InnoDB;";

/// Runs SQL against a database made anew, and plans to undo what `damage` does, by the server's own log.
fn damaged(server: &'static Server, before: &str, damage: &str) -> Plan {
    server.sql(&format!("DROP DATABASE IF EXISTS trap; CREATE DATABASE trap; USE trap; {TABLE} {before}"));
    server.sql("FLUSH BINARY LOGS");
    let log = server.sql("SHOW BINARY LOGS");
    let log = log.lines().last().unwrap().split('\t').next().unwrap().to_owned();
    server.sql(&format!("USE trap; {damage}"));
    server.sql("FLUSH BINARY LOGS");
    let bytes = std::fs::read(server.folder.join("data").join(log)).unwrap();
    plan(&[bytes], format!("USE trap; {TABLE}").as_bytes(), &[]).unwrap()
}

fn state(server: &Server) -> String {
    server.sql("SELECT id, v, HEX(s) FROM trap.t ORDER BY id")
}

/// Neither a client that stops at errors nor one that goes on applies anything.
fn applies_nothing(server: &'static Server, plan: &Plan) {
    let (script, now) = (written(plan, &Request::default()), state(server));
    let output = run(server, &["-N", "-B"], &script);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && errors.contains("1242"), "{errors}");
    assert_eq!(state(server), now);
    let output = run(server, &["-N", "-B", "--force"], &script);
    assert_eq!(last_line(&output), "ROLLED BACK");
    assert_eq!(state(server), now);
}

#[test]
fn d17_a_row_that_changed_since_stops_everything() {
    for server in alone().iter().copied() {
        let rows = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');";
        let plan = damaged(server, rows, "UPDATE t SET v=v+10;");
        server.sql("UPDATE trap.t SET v=99 WHERE id=2");
        applies_nothing(server, &plan);
        // Another column is somebody else's: it stays, and the undo goes through.
        server.sql("UPDATE trap.t SET v=12, s='later' WHERE id=2");
        let output = run(server, &["-N", "-B"], &written(&plan, &Request::default()));
        assert_eq!(last_line(&output), "APPLIED");
        assert_eq!(state(server), "1\t1\t61\n2\t2\t6C61746572\n3\t3\t63\n");
    }
}

#[test]
fn d72_a_row_that_was_edited_since_it_came_does_not_go() {
    for server in alone().iter().copied() {
        let plan = damaged(server, "", "INSERT INTO t VALUES (1,1,'a'),(2,2,'b');");
        server.sql("UPDATE trap.t SET s='edited' WHERE id=1");
        applies_nothing(server, &plan);
    }
}

#[test]
fn d73_a_value_that_only_its_collation_takes_for_the_same_is_another() {
    for server in alone().iter().copied() {
        let plan = damaged(server, "INSERT INTO t VALUES (1,1,'new');", "UPDATE t SET s='paid';");
        server.sql("UPDATE trap.t SET s='PAID'");
        applies_nothing(server, &plan);
    }
}

#[test]
fn d33_d74_keys_that_moved_and_a_key_of_zero_come_back() {
    for server in alone().iter().copied() {
        let rows = "SET sql_mode='NO_AUTO_VALUE_ON_ZERO'; ALTER TABLE t MODIFY id INT AUTO_INCREMENT; \
            INSERT INTO t VALUES (0,0,'z'),(5,1,NULL),(6,2,'it''s \\\\ \u{1f600}');";
        let plan = damaged(server, rows, "UPDATE t SET id=id+1 ORDER BY id DESC; DELETE FROM t WHERE id<7;");
        let output = run(server, &["-N", "-B"], &written(&plan, &Request::default()));
        assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(state(server), "0\t0\t7A\n5\t1\tNULL\n6\t2\t69742773205C20F09F9880\n");
    }
}

#[test]
fn d11_a_session_gets_its_settings_back() {
    for server in alone().iter().copied() {
        let plan = damaged(server, "INSERT INTO t VALUES (1,1,'a');", "DELETE FROM t;");
        let set = "SET NAMES latin1; SET sql_mode='ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone='+03:00', \
            foreign_key_checks=0, sql_safe_updates=1;\n";
        let ask = "SELECT @@autocommit, @@character_set_client, @@character_set_results, @@sql_mode, @@time_zone, \
            @@foreign_key_checks, @@sql_safe_updates;\n";
        let script = format!("{set}{}{ask}", written(&plan, &Request::default()));
        let output = run(server, &["-N", "-B"], &script);
        let settings = "1\tlatin1\tlatin1\tANSI_QUOTES,NO_BACKSLASH_ESCAPES\t+03:00\t0\t1";
        assert_eq!(last_line(&output), settings, "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(state(server), "1\t1\t61\n");
    }
}

/// A session that holds locks.
pub(super) struct Holder {
    child: Child,
    stdin: ChildStdin,
}

impl Holder {
    /// Runs SQL, and comes back when the server has run it.
    pub(super) fn begin(server: &Server, sql: &str) -> Self {
        let mut client = server.client();
        client.args(["-N", "-B", "--unbuffered", "trap"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = client.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "BEGIN; {sql} SELECT 'held';").unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        Self { child, stdin }
    }

    fn say(&mut self, sql: &str) {
        writeln!(self.stdin, "{sql}").unwrap();
    }

    pub(super) fn end(mut self) {
        drop(self.stdin);
        self.child.wait().unwrap();
    }
}

/// The connection that waits for a lock, as soon as one does. (`innodb_trx` will not do: it shows an old state to
/// whoever asks again within 100 ms.)
fn waiting(server: &Server) -> String {
    for _ in 0..2000 {
        let waits = server.sql("SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'");
        if waits.trim_end().ends_with("\t1") {
            let found = "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE `trap`%'";
            if let Some(id) = server.sql(found).lines().next() {
                return id.to_owned();
            }
        }
    }
    panic!("nothing waits for a lock");
}

#[test]
fn d70_a_deadlock_in_the_middle_applies_nothing_even_with_force() {
    for server in alone().iter().copied() {
        let rows = "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c'); \
            CREATE TABLE heavy (id INT PRIMARY KEY) ENGINE=InnoDB;";
        let plan = damaged(server, rows, "UPDATE t SET v=v+10;");
        let now = state(server);
        let script = written(&plan, &Request::default());
        // The script goes from 3 to 1 and waits for 2; then the other session, which has done more, wants 3.
        let many: Vec<_> = (0..200).map(|id| format!("({id})")).collect();
        let held = format!(
            "INSERT INTO heavy VALUES {}; UPDATE t SET s=s WHERE id=2; UPDATE t SET s='x' WHERE id=2;",
            many.join(",")
        );
        let mut holder = Holder::begin(server, &held);
        let running = std::thread::spawn(move || run(server, &["-N", "-B", "--force"], &script));
        waiting(server);
        holder.say("UPDATE t SET s='y' WHERE id=3; ROLLBACK;");
        let output = running.join().unwrap();
        holder.end();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("1213"), "{errors}");
        assert_eq!(last_line(&output), "ROLLED BACK");
        assert_eq!(state(server), now);
    }
}

#[test]
fn d70_a_lock_that_takes_too_long_applies_nothing_even_with_force() {
    for server in alone().iter().copied() {
        let plan = damaged(server, "INSERT INTO t VALUES (1,1,'a'),(2,2,'b');", "UPDATE t SET v=v+10;");
        let (now, script) = (state(server), written(&plan, &Request::default()));
        let holder = Holder::begin(server, "SELECT v FROM t WHERE id=1 FOR UPDATE INTO @v;");
        let script = format!("SET innodb_lock_wait_timeout=1;\n{script}");
        let output = run(server, &["-N", "-B", "--force"], &script);
        holder.end();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("1205"), "{errors}");
        assert_eq!(last_line(&output), "ROLLED BACK");
        assert_eq!(state(server), now);
    }
}

#[test]
fn d70_a_connection_that_is_killed_applies_nothing() {
    for server in alone().iter().copied() {
        let plan = damaged(server, "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');", "UPDATE t SET v=v+10;");
        let (now, script) = (state(server), written(&plan, &Request::default()));
        let holder = Holder::begin(server, "SELECT v FROM t WHERE id=2 FOR UPDATE INTO @v;");
        let running = std::thread::spawn(move || run(server, &["-N", "-B", "--force"], &script));
        let id = waiting(server);
        server.sql(&format!("KILL {id}"));
        let output = running.join().unwrap();
        holder.end();
        assert_ne!(last_line(&output), "APPLIED");
        assert_eq!(state(server), now);
    }
}

/// What a client does that reconnects silently: the rest of the script runs in a session without its beginning.
#[test]
fn d71_the_rest_of_a_script_in_another_session_applies_nothing() {
    for server in alone().iter().copied() {
        let damage = "UPDATE t SET v=v+10 WHERE id<3; DELETE FROM t WHERE id=3; INSERT INTO t VALUES (4,4,'d');";
        let plan = damaged(server, "INSERT INTO t VALUES (1,1,'a'),(2,2,'b'),(3,3,'c');", damage);
        let (now, script) = (state(server), written(&plan, &Request::default()));
        let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("-- ")).collect();
        for cut in 1..lines.len() {
            let output = run(server, &["-N", "-B", "--force"], &(lines[cut..].join("\n") + "\n"));
            assert_eq!(last_line(&output), "ROLLED BACK", "from {} on", lines[cut]);
            assert_eq!(state(server), now, "from {} on", lines[cut]);
        }
    }
}
