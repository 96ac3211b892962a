//! `recover` and `review` as an operator uses them: a real log, a script, the stock client.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{Run, fixture};
use crate::recover::Damaged;
use crate::support::databases::Server;
use crate::undo::{alone, last_line, run};

const ORDERS: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20), total DECIMAL(10,2)) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,'paid',9.50),(2,'it''s new',0),(3,NULL,1.25);
    INSERT INTO stock VALUES (1,10),(2,20);";
const ACCIDENT: &str = "BEGIN; DELETE FROM orders WHERE id<3; UPDATE stock SET qty=0; COMMIT;
    INSERT INTO orders VALUES (9,'later',1);";

fn state(server: &Server) -> String {
    server.sql("SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.stock ORDER BY item")
}

fn applied(server: &Server, script: &Path) -> String {
    let output = run(server, &["-N", "-B"], &fs::read_to_string(script).unwrap());
    last_line(&output)
}

fn json(run: &Run) -> Value {
    run.line()
}

#[test]
fn d19_d34_a_script_is_written_reviewed_applied_and_then_has_nothing_to_do() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, ACCIDENT);
        let before = damaged.before.clone();
        let script = damaged.home.path("undo.sql");
        let written = damaged.recover(&["--json", "-o", script.to_str().unwrap()]);
        assert_eq!(written.code, 0, "{written:?}");
        let told = json(&written);
        assert_eq!(told["transactions"], 2, "{told}");
        assert_eq!((&told["excluded"], &told["changes"]), (&Value::from(0), &Value::from(5)));
        assert_eq!(told["refused"], Value::Array(vec![]));
        assert_eq!(told["digest"].as_str().unwrap().split('-').count(), 8);
        assert!(told["coverage"]["gaps"].as_array().unwrap().is_empty(), "{told}");
        assert_eq!(fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o600);

        let file = script.to_str().unwrap();
        let reviewed = damaged.home.run(&["review", file, "--server", &damaged.url(), "--json"]);
        assert_eq!(reviewed.code, 0, "{reviewed:?}");
        let review = json(&reviewed);
        assert_eq!((&review["origin"], &review["digest"]), (&Value::from("breakglass"), &told["digest"]));
        assert_eq!(review["rows_now"]["matches"], 5, "{review}");

        assert_eq!(applied(server, &script), "APPLIED");
        assert_eq!(state(server), before);
        let reviewed = damaged.home.run(&["review", file, "--server", &damaged.url(), "--json"]);
        assert_eq!((reviewed.code, &json(&reviewed)["rows_now"]["undone"]), (8, &Value::from(5)), "{reviewed:?}");

        // Never over another file, and never a part of one.
        let again = damaged.recover(&["-o", file]);
        assert_eq!((again.code, again.err.contains("exists already")), (6, true), "{again:?}");
        let left: Vec<_> =
            fs::read_dir(script.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().contains("partial")), "{left:?}");
    }
}

#[test]
fn d27_an_altered_script_is_said_to_be_altered() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    let damaged = Damaged::new(server, ORDERS, ACCIDENT);
    let script = damaged.home.path("undo.sql");
    assert_eq!(damaged.recover(&["-o", script.to_str().unwrap()]).code, 0);
    let text = fs::read_to_string(&script).unwrap();
    let altered = [
        text.replace("'paid'", "'free'"),
        text.replacen("DELETE FROM", "-- DELETE FROM", 1),
        format!("{text}DROP TABLE accident.orders;\n"),
        text.replace("AND @bg_off=0", "AND @bg_off=@bg_off"),
        text[..text.len() / 2].to_owned(),
    ];
    for (at, altered) in altered.iter().enumerate() {
        let path = damaged.home.path(&format!("altered-{at}.sql"));
        fs::write(&path, altered).unwrap();
        let run = damaged.home.run(&["review", path.to_str().unwrap()]);
        assert_eq!(run.code, 3, "{at}: {run:?}");
        assert!(run.out.contains("altered"), "{}", run.out);
    }
}

#[test]
fn d20_parts_of_transactions_are_labelled_and_whole_ones_are_the_default() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, ACCIDENT);
        let (whole, part) = (damaged.home.path("whole.sql"), damaged.home.path("part.sql"));
        let only = ["--table", "accident.orders", "--kind", "delete"];
        let run_whole = damaged.recover(&[&only[..], &["--json", "-o", whole.to_str().unwrap()]].concat());
        assert_eq!(run_whole.code, 0, "{run_whole:?}");
        assert_eq!(json(&run_whole)["changes"], 4, "{run_whole:?}");
        let run_part = damaged.recover(&[&only[..], &["--partial", "--json", "-o", part.to_str().unwrap()]].concat());
        let told = json(&run_part);
        assert_eq!((&told["changes"], &told["transactions"]), (&Value::from(2), &Value::from(1)), "{told}");
        let left = &told["partial"][0]["left"][0];
        assert_eq!((&left[0]["table"], &left[1]), (&Value::from("stock"), &Value::from(2)), "{told}");
        let text = fs::read_to_string(&part).unwrap();
        assert!(text.contains("PARTIAL") && text.contains("2 of accident.stock"), "{}", &text[..2000]);
        assert!(!fs::read_to_string(&whole).unwrap().contains("PARTIAL"));
        assert_eq!(applied(server, &part), "APPLIED");
        assert!(state(server).contains("1\tpaid\t9.50\n") && state(server).contains("1\t0\n"));
    }
}

#[test]
fn tables_are_left_out_overwritten_and_done_again() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, ACCIDENT);
        let after = state(server);
        let script = damaged.home.path("undo.sql");
        let redo = damaged.home.path("redo.sql");
        let arguments =
            ["--exclude", "stock", "--redo", redo.to_str().unwrap(), "--json", "-o", script.to_str().unwrap()];
        let told = json(&damaged.recover(&arguments));
        assert_eq!((&told["excluded"], &told["changes"]), (&Value::from(2), &Value::from(5)), "{told}");
        assert_eq!(applied(server, &script), "APPLIED");
        assert!(state(server).contains("1\t0\n2\t0\n") && state(server).contains("it's new"), "{}", state(server));
        assert_eq!(applied(server, &redo), "APPLIED");
        assert_eq!(state(server), after);

        server.sql("UPDATE accident.stock SET qty=7 WHERE item=1");
        let strict = damaged.home.path("strict.sql");
        assert_eq!(damaged.recover(&["-o", strict.to_str().unwrap()]).code, 0);
        assert_ne!(applied(server, &strict), "APPLIED");
        assert!(state(server).contains("1\t7\n"));
        let over = damaged.home.path("over.sql");
        assert_eq!(damaged.recover(&["--overwrite", "-o", over.to_str().unwrap()]).code, 0);
        assert_eq!(applied(server, &over), "APPLIED");
        assert_eq!(state(server), damaged.before);
    }
}

#[test]
fn d20_a_table_is_left_out_though_only_its_transactions_bring_it_in() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, ACCIDENT);
        let script = damaged.home.path("undo.sql");
        let file = script.to_str().unwrap();
        let front = ["--table", "accident.orders", "--kind", "delete", "--json", "-o", file, "--exclude"];
        for wrong in ["Stock", "accident.stok", "other.stock"] {
            let run = damaged.recover(&[&front[..], &[wrong]].concat());
            assert_eq!((run.code, run.error_code().as_str()), (2, "recover::exclude"), "{run:?}");
            assert!(!script.exists());
        }
        let told = json(&damaged.recover(&[&front[..], &["stock"]].concat()));
        assert_eq!((&told["excluded"], &told["changes"]), (&Value::from(2), &Value::from(4)), "{told}");
        assert_eq!(applied(server, &script), "APPLIED");
        let now = state(server);
        assert!(now.contains("1\t0\n2\t0\n") && now.contains("1\tpaid\t9.50\n"), "{now}");
    }
}

#[test]
fn d22_a_wall_is_one_whatever_the_case_of_its_name() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    // A server that folds names logs them as they were typed.
    let damaged = Damaged::new(
        server,
        &format!("{ORDERS} CREATE TABLE Orders (id INT PRIMARY KEY);"),
        "DELETE FROM orders WHERE id=1; ALTER TABLE Orders ADD x INT; DELETE FROM orders WHERE id=2;",
    );
    let script = damaged.home.path("undo.sql");
    let run = damaged.recover(&["--table", "accident.orders", "--json", "-o", script.to_str().unwrap()]);
    assert_eq!((run.code, run.error_code().as_str()), (6, "recover::refused"), "{run:?}");
    let told = json(&run);
    let mut reasons = told["refused"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap());
    assert!(reasons.any(|reason| reason.contains("ALTER TABLE Orders")), "{told}");
}

#[test]
fn d22_a_table_that_was_there_already_is_no_wall() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    let create = "CREATE TABLE IF NOT EXISTS orders (status INT, id INT, other INT)";
    let damaged = Damaged::new(server, ORDERS, &format!("{ACCIDENT} {create}; DELETE FROM orders WHERE id=9;"));
    let script = damaged.home.path("undo.sql");
    let run = damaged.recover(&["-o", script.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(applied(server, &script), "APPLIED");
    assert_eq!(state(server), damaged.before);
}

#[test]
fn d21_d22_d30_d75_what_stands_in_the_way_is_listed_and_nothing_is_written() {
    for server in alone().iter().copied() {
        let walled = Damaged::new(server, ORDERS, "DELETE FROM orders WHERE id=1; TRUNCATE stock; DELETE FROM orders;");
        let script = walled.home.path("undo.sql");
        let run = walled.recover(&["--json", "-o", script.to_str().unwrap()]);
        assert_eq!((run.code, run.error_code().as_str()), (6, "recover::refused"), "{run:?}");
        let told = json(&run);
        assert!(told["refused"][0]["reason"].as_str().unwrap().contains("TRUNCATE"), "{told}");
        assert_eq!(told["walls"][0]["verb"], "truncate", "{told}");
        assert!(told["walls"][0]["replay_to"].as_str().unwrap().contains(':'));
        let run = walled.recover(&["-o", script.to_str().unwrap()]);
        assert!(run.out.contains("destroyed: all rows of accident.stock"), "{run:?}");
        assert!(run.out.lines().all(|line| line.chars().count() <= 80), "{}", run.out);
        assert!(!script.exists());
        // The wall is of another table: leaving that one to itself is enough.
        let run = walled.recover(&["--table", "accident.orders", "-o", script.to_str().unwrap()]);
        assert_eq!(run.code, 0, "{run:?}");

        let lasting = Damaged::new(
            server,
            &format!("{ORDERS} CREATE TABLE log (n INT PRIMARY KEY) ENGINE=MyISAM;"),
            "INSERT INTO log VALUES (1); DELETE FROM orders WHERE id=1;",
        );
        let (script, apart) = (lasting.home.path("undo.sql"), lasting.home.path("lasting.sql"));
        let run = lasting.recover(&["--json", "-o", script.to_str().unwrap()]);
        assert_eq!(run.code, 6, "{run:?}");
        assert!(json(&run)["refused"][0]["reason"].as_str().unwrap().contains("myisam"), "{run:?}");
        let run = lasting.recover(&["--non-transactional", apart.to_str().unwrap(), "-o", script.to_str().unwrap()]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(fs::read_to_string(&apart).unwrap().contains("`log`"));
        assert!(!fs::read_to_string(&script).unwrap().contains("`log`"));
    }
}

/// The files of the logs in order, by name.
fn names(damaged: &Damaged) -> Vec<String> {
    let entries = fs::read_dir(&damaged.logs).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// `--schema` of what the tables were where the logs begin.
fn at_first(damaged: &Damaged) -> String {
    let file = damaged.home.path("before.sql");
    fs::write(&file, format!("USE accident;\n{ORDERS}\n")).unwrap();
    format!("{}@{}:4", file.display(), names(damaged)[0])
}

#[test]
fn d22_a_wall_behind_the_range_refuses_however_the_range_is_told() {
    for server in alone().iter().copied() {
        let damage = "DELETE FROM orders WHERE id=1; UPDATE stock SET qty=0; FLUSH BINARY LOGS;
            ALTER TABLE orders MODIFY total INT;";
        let walled = Damaged::new(server, ORDERS, damage);
        let schema = at_first(&walled);
        let script = walled.home.path("undo.sql");
        let listed = walled.home.run(&["changes", walled.logs.to_str().unwrap(), "--transactions", "--json"]).lines();
        let until = listed[1]["committed_at"].as_str().unwrap().to_owned();
        let end_of_first = format!("{}:99999999", names(&walled)[0]);
        let file = ["--schema", &schema, "-o", script.to_str().unwrap()];
        for range in [["--to-position", &end_of_first], ["--until", &until]] {
            let run = walled.recover(&[&range[..], &["--json", "--table", "accident.orders"], &file].concat());
            assert_eq!((run.code, script.exists()), (6, false), "{range:?}: {run:?}");
            assert!(json(&run)["refused"].to_string().contains("ALTER TABLE orders MODIFY"), "{range:?}: {run:?}");
        }
        // The other table's definition is what it was.
        let range = ["--to-position", &end_of_first, "--table", "accident.stock"];
        let run = walled.recover(&[&range[..], &file[..]].concat());
        assert_eq!((run.code, script.exists()), (0, true), "{run:?}");
    }
}

#[test]
fn d22_a_wall_on_a_table_that_comes_in_with_a_whole_transaction_refuses() {
    for server in alone().iter().copied() {
        let damage = "ALTER TABLE stock COMMENT 'early'; BEGIN; DELETE FROM orders WHERE id<3; UPDATE stock SET qty=0;
            COMMIT; ALTER TABLE stock COMMENT 'late';";
        let walled = Damaged::new(server, ORDERS, damage);
        let schema = at_first(&walled);
        let script = walled.home.path("undo.sql");
        let asked = ["--table", "accident.orders", "--schema", &schema, "--json", "-o", script.to_str().unwrap()];
        let run = walled.recover(&asked);
        assert_eq!((run.code, script.exists()), (6, false), "{run:?}");
        let refused = json(&run)["refused"].to_string();
        // What was done to the table before its first row that is undone is behind it.
        assert!(refused.contains("'late'") && !refused.contains("'early'"), "{refused}");
        let run = walled.recover(&[&asked[..], &["--partial"]].concat());
        assert_eq!((run.code, script.exists()), (0, true), "{run:?}");
    }
}

#[test]
fn d36_each_transaction_may_be_undone_in_one_of_its_own() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, ACCIDENT);
        let script = damaged.home.path("undo.sql");
        let run = damaged.recover(&["--per-transaction", "--json", "-o", script.to_str().unwrap()]);
        assert_eq!((run.code, &json(&run)["transactions"]), (0, &Value::from(2)), "{run:?}");
        let file = script.to_str().unwrap();
        let review = json(&damaged.home.run(&["review", file, "--server", &damaged.url(), "--json"]));
        assert_eq!((&review["origin"], &review["rows_now"]["matches"]), (&Value::from("breakglass"), &Value::from(5)));
        // The older of the two cannot be undone any more: the newer one stays undone.
        server.sql("UPDATE accident.stock SET qty=3 WHERE item=1");
        assert_ne!(applied(server, &script), "APPLIED");
        let now = state(server);
        assert!(!now.contains("later") && now.contains("1\t3\n") && !now.contains("paid"), "{now}");
        server.sql("UPDATE accident.stock SET qty=0 WHERE item=1");
    }
}

#[test]
fn d30_a_gap_is_refused_or_said_in_the_header() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(
            server,
            ORDERS,
            &format!("{ACCIDENT} FLUSH BINARY LOGS; FLUSH BINARY LOGS; {}", "UPDATE stock SET qty=5;"),
        );
        let mut logs: Vec<PathBuf> = fs::read_dir(&damaged.logs).unwrap().map(|entry| entry.unwrap().path()).collect();
        logs.sort();
        assert!(logs.len() >= 3, "{logs:?}");
        fs::remove_file(&logs[1]).unwrap();
        let script = damaged.home.path("undo.sql");
        let run = damaged.recover(&["-o", script.to_str().unwrap()]);
        assert_eq!((run.code, script.exists()), (6, false), "{run:?}");
        let run = damaged.recover(&["--allow-gaps", "--json", "-o", script.to_str().unwrap()]);
        assert_eq!(run.code, 0, "{run:?}");
        assert!(!json(&run)["coverage"]["gaps"].as_array().unwrap().is_empty());
        let text = fs::read_to_string(&script).unwrap();
        assert!(text.contains("gap: allowed"), "{}", &text[..1500]);
    }
}

#[test]
fn a_script_is_sealed_for_a_recipient_and_no_plaintext_is_left() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    let damaged = Damaged::new(server, ORDERS, ACCIDENT);
    let key = |name: &str| fixture("keys").join(name).to_str().unwrap().to_owned();
    let sealed = damaged.home.path("undo.sql.sealed");
    let run = damaged.recover(&["--to", &key("rsa2048-public.pem"), "-o", sealed.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
    let bytes = fs::read(&sealed).unwrap();
    assert!(memchr::memmem::find(&bytes, b"accident").is_none());
    let opened = damaged.home.path("undo.sql");
    let private = key("rsa2048-pkcs1-plain.pem");
    let files = [sealed.to_str().unwrap(), "-o", opened.to_str().unwrap()];
    let run = damaged.home.run(&[&["unseal"], &files[..], &["--key", &private]].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let run = damaged.home.run(&["review", opened.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn what_is_recorded_holds_no_values_and_a_read_only_session_writes_nothing() {
    let servers = alone();
    let Some(server) = servers.first().copied() else { return };
    let damaged = Damaged::new(server, ORDERS, ACCIDENT);
    let script = damaged.home.path("undo.sql");
    let run = damaged.recover(&["--read-only", "-o", script.to_str().unwrap()]);
    assert_eq!((run.code, script.exists()), (6, false), "{run:?}");
    assert_eq!(damaged.recover(&["--where", "status=paid", "-o", script.to_str().unwrap()]).code, 0);
    let audit = damaged.home.run(&["audit", "export"]).out;
    assert!(audit.contains("\"recover\"") && !audit.contains("paid"), "{audit}");
    let nothing = damaged.recover(&["--where", "status=nobody", "-o", damaged.home.path("none.sql").to_str().unwrap()]);
    assert_eq!(nothing.code, 8, "{nothing:?}");
}

#[test]
fn d22_a_table_that_is_not_there_any_more_speaks_against_its_script() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, ORDERS, "DELETE FROM orders WHERE id=1;");
        let script = damaged.home.path("undo.sql");
        let script = script.to_str().unwrap();
        assert_eq!(damaged.recover(&["-o", script]).code, 0);
        let url = damaged.url();
        let review = || damaged.home.run(&["review", script, "--server", &url]);
        assert_eq!(review().code, 0);
        server.sql("DROP TABLE accident.orders");
        let run = review();
        assert_eq!(run.code, 8, "{run:?}");
        assert!(run.out.contains("the script would stop"), "{run:?}");
    }
}
