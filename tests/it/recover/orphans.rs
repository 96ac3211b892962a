//! Children that came since: a script that would take their parent away applies nothing, whatever else it heals.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::recover::Damaged;
use crate::support::databases::Server;
use crate::undo::{alone, last_line, run};

fn tables(rule: &str) -> String {
    format!(
        "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB CHARSET=utf8mb4;
        CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
        CREATE TABLE parts (n INT PRIMARY KEY, of_order INT, CONSTRAINT parts_fk FOREIGN KEY (of_order) \
            REFERENCES orders (id) {rule}) ENGINE=InnoDB;
        INSERT INTO orders VALUES (1,'paid'),(2,'new'); INSERT INTO parts VALUES (7,1),(9,2);"
    )
}

fn state(server: &Server) -> String {
    server.sql("SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.parts ORDER BY n")
}

/// The script by definitions alone, and the damage that it is of.
fn script(server: &'static Server, rule: &str, damage: &str) -> (Damaged, String) {
    let tables = tables(rule);
    let damaged = Damaged::new(server, &tables, damage);
    let (schema, script) = (damaged.home.path("definitions.sql"), damaged.home.path("undo.sql"));
    fs::write(&schema, format!("USE accident;\n{}", tables.split("INSERT").next().unwrap())).unwrap();
    let logs = damaged.logs.to_str().unwrap();
    let asked = ["recover", logs, "--schema-name", "accident", "--schema", schema.to_str().unwrap()];
    let made = damaged.home.run(&[&asked[..], &["-o", script.to_str().unwrap()]].concat());
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(damaged.home.run(&["review", script.to_str().unwrap()]).code, 0);
    let text = fs::read_to_string(script).unwrap();
    (damaged, text)
}

/// A child that came since stops the script, and it applies without it.
fn stops(server: &Server, script: &str, child: &str) {
    server.sql(&format!("INSERT INTO accident.parts VALUES {child}"));
    let with = state(server);
    let output = run(server, &["-N", "-B"], script);
    assert_ne!(last_line(&output), "APPLIED", "{:?}: {script}", server.product);
    assert_eq!(state(server), with);
    server.sql("DELETE FROM accident.parts WHERE n=50");
    let output = run(server, &["-N", "-B"], script);
    assert_eq!(last_line(&output), "APPLIED", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(state(server), "1\tpaid\n2\tnew\n7\t1\n9\t2\n");
}

#[test]
fn d23_a_row_that_finds_its_parent_again_does_not_stand_for_one_that_loses_its_own() {
    for server in alone().iter().copied() {
        for rule in ["ON DELETE CASCADE", "ON DELETE SET NULL"] {
            let damage = "SET foreign_key_checks=0; DELETE FROM orders WHERE id=1; SET foreign_key_checks=1; \
                INSERT INTO orders VALUES (5,'late');";
            let (_damaged, script) = script(server, rule, damage);
            stops(server, &script, "(50,5)");
        }
    }
}

#[test]
fn d23_children_that_follow_no_other_key_keep_what_they_refer_to() {
    for server in alone().iter().copied() {
        let damage = "INSERT INTO orders VALUES (3,'late'); UPDATE orders SET id=100 WHERE id=3;";
        let (_damaged, script) = script(server, "ON UPDATE SET NULL", damage);
        stops(server, &script, "(50,100)");
    }
}

#[test]
fn d23_a_child_that_comes_while_a_script_runs_is_not_left_alone() {
    for server in alone().iter().copied() {
        let damage = "INSERT INTO orders VALUES (5,'late'),(6,'late');";
        let (_damaged, script) = script(server, "ON DELETE CASCADE", damage);
        let at = script.find("DELETE FROM `accident`.`orders`").unwrap();
        let mut client = server.client();
        client.args(["-N", "-B", "-n", "--force"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut client = client.spawn().unwrap();
        let (mut input, mut output) = (client.stdin.take().unwrap(), BufReader::new(client.stdout.take().unwrap()));
        input.write_all(format!("{}SELECT 'half';\n", &script[..at]).as_bytes()).unwrap();
        let mut line = String::new();
        while line.trim_end() != "half" {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the first half does not run");
        }
        // Either it has to wait for the script, or the script sees it.
        let child = "SET innodb_lock_wait_timeout=1; INSERT INTO accident.parts VALUES (50,5);";
        let _ = run(server, &["--force"], child);
        input.write_all(&script.as_bytes()[at..]).unwrap();
        drop(input);
        let last = output.lines().map_while(Result::ok).last().unwrap_or_default();
        client.wait().unwrap();
        let alone = "SELECT COUNT(*) FROM accident.parts WHERE of_order NOT IN (SELECT id FROM accident.orders)";
        assert_eq!(server.sql(alone).trim_end(), "0", "{:?}: {last}", server.product);
    }
}
