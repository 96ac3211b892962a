//! A row that changed since: the script stops with nothing applied, through whatever it is fed to a server.

use std::fs;
use std::process::{Command, Stdio};

use portable_pty::CommandBuilder;

use crate::recover::Damaged;
use crate::support::databases::{Product, Server};
use crate::support::pty::Pty;
use crate::undo::{alone, last_line, run};

const BEFORE: &str = "CREATE TABLE orders (id INT PRIMARY KEY, status VARCHAR(20)) ENGINE=InnoDB;
    CREATE TABLE stock (item INT PRIMARY KEY, qty INT) ENGINE=InnoDB;
    INSERT INTO orders VALUES (1,'paid'),(2,'new'),(3,'sent'); INSERT INTO stock VALUES (1,10),(2,20),(3,30);";
const ACCIDENT: &str = "DELETE FROM orders; UPDATE stock SET qty=0;";

fn state(server: &Server) -> String {
    server.sql("SELECT * FROM accident.orders ORDER BY id; SELECT * FROM accident.stock ORDER BY item")
}

/// The client of the other product, which speaks to this server as well.
fn other_client(server: &Server) -> Option<Command> {
    let program = match server.product {
        Product::Mysql => "mariadb".to_owned(),
        Product::Mariadb => {
            let prefix =
                Command::new(crate::support::root().join("tests/servers/mysql.sh")).arg("prefix").output().ok()?;
            format!("{}/bin/mysql", String::from_utf8_lossy(&prefix.stdout).trim())
        }
    };
    Command::new(&program).arg("--version").output().ok()?;
    let mut command = Command::new(program);
    command.args(["--no-defaults", "--protocol=tcp", "-h127.0.0.1", "-uroot", "-N", "-B"]);
    command.arg(format!("-P{}", server.port));
    Some(command)
}

#[test]
fn d17_d70_d71_a_change_since_applies_nothing_through_any_client() {
    for server in alone().iter().copied() {
        let damaged = Damaged::new(server, BEFORE, ACCIDENT);
        let path = damaged.home.path("undo.sql");
        assert_eq!(damaged.recover(&["-o", path.to_str().unwrap()]).code, 0);
        let script = fs::read_to_string(&path).unwrap();
        server.sql("UPDATE accident.stock SET qty=5 WHERE item=2");
        let now = state(server);

        // As a file on standard input, and going on behind errors.
        let output = run(server, &["-N", "-B"], &script);
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(state(server), now, "a file");
        let output = run(server, &["-N", "-B", "--force"], &script);
        assert_eq!((last_line(&output).as_str(), state(server).as_str()), ("ROLLED BACK", now.as_str()), "--force");

        // The other product's client, through a pipe from another program.
        if let Some(mut client) = other_client(server) {
            let mut cat = Command::new("cat").arg(&path).stdout(Stdio::piped()).spawn().unwrap();
            let output = client.stdin(cat.stdout.take().unwrap()).output().unwrap();
            cat.wait().unwrap();
            assert!(!output.status.success(), "{output:?}");
            assert_eq!(state(server), now, "a pipe");
        }
        pasted(server, &script, "ROLLED BACK");
        assert_eq!(state(server), now, "pasted");

        // And with the row as it was left, the same paste applies all of it.
        server.sql("UPDATE accident.stock SET qty=0 WHERE item=2");
        pasted(server, &script, "APPLIED");
        assert_eq!(state(server), damaged.before);
    }
}

/// Pastes a script into an interactive session, and waits for its last line.
fn pasted(server: &Server, script: &str, wanted: &str) {
    let client = server.client();
    let mut command = CommandBuilder::new(client.get_program());
    client.get_args().for_each(|argument| command.arg(argument));
    command.arg("--disable-auto-rehash");
    command.env("TERM", "xterm");
    let home = crate::support::scratch();
    command.env("HOME", home.path());
    command.cwd(home.path());
    let mut terminal = Pty::start(command);
    terminal.resize(200, 50);
    let prompt = if server.product == Product::Mysql { "mysql> " } else { "]> " };
    terminal.wait_for_written(prompt);
    for line in script.lines() {
        // Line by line, as slowly as the client takes them: a terminal holds no more than 4 KB for it.
        terminal.type_in(&format!("{line}\n"));
        if !line.starts_with("SELECT IF(@bg") {
            terminal.wait_for_written(prompt);
        }
    }
    terminal.wait_for_written(&format!("| {wanted} "));
    terminal.type_in("exit\n");
    drop(terminal);
}
