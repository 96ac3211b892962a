//! A script pasted into a client that a person sits at.

use portable_pty::CommandBuilder;

use crate::drill::scene::{SCENE, Scene, each};
use crate::support::databases::Server;
use crate::support::pty::Pty;

/// The stock client as a person starts it.
fn client(server: &Server) -> Pty {
    let plain = server.client();
    let mut command = CommandBuilder::new(plain.get_program());
    plain.get_args().for_each(|argument| command.arg(argument));
    command.args(["--reconnect", "--silent", SCENE]);
    command.env("TERM", "xterm");
    command.env("MYSQL_HISTFILE", "/dev/null");
    Pty::start(command)
}

/// Types lines, and waits until the last of them was run.
fn paste(pty: &mut Pty, lines: &[&str], mark: &str) {
    let (mut rest, mut nth) = (lines, 0);
    while !rest.is_empty() {
        // A terminal takes only so much at a time; but what a statement did is asked for right behind it.
        let fits = |at: &usize| rest.get(*at).is_none_or(|next| !next.contains("ROW_COUNT()"));
        let (some, behind) = rest.split_at((rest.len().min(8)..=rest.len()).find(fits).unwrap_or(rest.len()));
        let (front, back) = mark.split_at(1);
        pty.type_in(&format!("{}\nSELECT CONCAT('{front}','{back}',{nth});\n", some.join("\n")));
        pty.wait_for_written(&format!("{mark}{nth}"));
        (rest, nth) = (behind, nth + 1);
    }
}

const STAGE: &str = "CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1,1),(2,2),(3,3);";

#[test]
fn d71_pasted_into_a_client_whose_connection_dies_in_between_nothing_is_applied() {
    each(|server| {
        let scene = Scene::new(server, STAGE, "UPDATE t SET v=v+10; DELETE FROM t WHERE id=3;");
        let (now, script) = (scene.now(), scene.script().text);
        let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("-- ")).collect();
        let first = lines.iter().position(|line| line.starts_with("UPDATE ")).unwrap();
        let mut pty = client(server);
        paste(&mut pty, &lines[..=first + 1], "front");
        let found = format!("SELECT id FROM information_schema.processlist WHERE db='{SCENE}'");
        let id = server.sql(&found);
        assert_eq!(id.lines().count(), 1, "{id}");
        server.sql(&format!("KILL {id}"));
        paste(&mut pty, &lines[first + 2..], "back");
        assert_ne!(server.sql(&found), id, "another connection");
        assert!(pty.seen().contains("ROLLED BACK") && !pty.seen().contains("\nAPPLIED"), "{}", pty.seen());
        pty.type_in("exit\n");
        pty.end();
        assert!(scene.now() == now);
    });
}

#[test]
fn d17_pasted_into_a_client_that_goes_on_at_errors_nothing_is_applied_if_a_row_changed_since() {
    each(|server| {
        let scene = Scene::new(server, STAGE, "UPDATE t SET v=v+10; DELETE FROM t WHERE id=3;");
        let script = scene.script().text;
        let lines: Vec<_> = script.lines().filter(|line| !line.starts_with("-- ")).collect();
        server.sql(&format!("UPDATE {SCENE}.t SET v=99 WHERE id=2"));
        let now = scene.now();
        let mut pty = client(server);
        paste(&mut pty, &lines, "done");
        pty.type_in("exit\n");
        pty.end();
        assert!(pty.seen().contains("1242"), "{}", pty.seen());
        assert!(scene.now() == now);
        server.sql(&format!("UPDATE {SCENE}.t SET v=12 WHERE id=2"));
        let mut pty = client(server);
        paste(&mut pty, &lines, "again");
        pty.type_in("exit\n");
        pty.end();
        scene.assert_restored();
    });
}
