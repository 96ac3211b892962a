//! `restore` into real servers: what is asked, what refuses, what is there afterwards.

use std::fs;

use crate::support::databases::{Product, Server, server};

use super::{Home, Run, fixture};

const NAMED: &str = "local:dbacked_shop_300820261040";

/// An estate of the fixtures and one server, which is protected.
fn guarded(server: &Server) -> Home {
    let home = Home::new();
    home.estate(&format!(
        "name = \"test\"\n[targets.local]\nurl = \"file://{}/\"\n\
         [servers.guarded]\nurl = \"mysql://root@127.0.0.1:{}/\"\nprotected = true\n",
        fixture("objects").display(),
        server.port
    ));
    home
}

fn restore(home: &Home, into: &str, more: &[&str]) -> Run {
    let args = [&["restore", NAMED, "--into", into, "--json", "--choose", "definer_missing=me"][..], more].concat();
    home.run_with_key(&args)
}

#[test]
fn a_new_database_takes_a_yes_and_an_existing_one_its_name() {
    let Some(server) = server(Product::Mysql) else { return };
    let (home, database) = (Home::with_targets(&[("local", &fixture("objects"))]), server.unused());
    let into = format!("mysql://root@127.0.0.1:{}/{}", server.port, database.name);

    assert_eq!(restore(&home, &into, &[]).code, 6, "nobody agreed");
    let done = restore(&home, &into, &["--yes"]);
    assert_eq!((done.code, done.line()["outcome"].as_str()), (0, Some("done")), "{done:?}");
    assert_eq!(database.canon(), fs::read_to_string(fixture("expected/mysql97.canon")).unwrap());

    assert_eq!(restore(&home, &into, &["--yes"]).code, 6, "a yes is no name");
    let wrong = restore(&home, &into, &["--confirm", "another"]);
    assert_eq!((wrong.code, wrong.error_code().as_str()), (6, "cli::wrong_name"));
    let again = restore(&home, &into, &["--confirm", &database.name]);
    assert_eq!(again.code, 0, "{again:?}");
}

#[test]
fn a_protected_server_is_armed_first_with_a_reason() {
    let Some(server) = server(Product::Mysql) else { return };
    let (home, database) = (guarded(server), server.unused());
    let into = format!("server:guarded/{}", database.name);

    let unarmed = restore(&home, &into, &["--confirm", &database.name]);
    assert_eq!(unarmed.code, 6, "{unarmed:?}");
    let by_url = format!("mysql://root@127.0.0.1:{}/{}", server.port, database.name);
    assert_eq!(restore(&home, &by_url, &["--yes"]).code, 6, "its address is as protected as its name");
    assert_eq!(home.run(&["restore", NAMED, "--into", &into, "--arm", "guarded"]).code, 2, "no reason, no arming");
    let armed = ["--arm", "guarded", "--reason", "drill of november", "--confirm", &database.name];
    let done = restore(&home, &into, &armed);
    assert_eq!(done.code, 0, "{done:?}");
    let records = home.run(&["audit", "--json"]);
    assert!(records.out.contains("drill of november"), "{}", records.out);
}

#[test]
fn a_protected_server_is_recognised_by_another_address() {
    let Some(server) = server(Product::Mysql) else { return };
    let uuid = server.sql("SELECT @@server_uuid");
    let name = server.sql("SELECT @@hostname");
    let by_name = format!("url = \"mysql://root@{}.example:{}/\"", name.trim(), server.port);
    let by_uuid = format!("url = \"mysql://root@db.example/\"\nexpect = {{ server_uuid = \"{}\" }}", uuid.trim());
    for known in [by_uuid, by_name] {
        let (home, database) = (Home::new(), server.unused());
        home.estate(&format!(
            "name = \"test\"\n[targets.local]\nurl = \"file://{}/\"\n[servers.guarded]\n{known}\nprotected = true\n",
            fixture("objects").display()
        ));
        let socket = server.socket();
        for into in [
            format!("mysql://root@127.0.0.1:{}/{}", server.port, database.name),
            format!("mysql://root@localhost/{}?socket={}", database.name, socket.display()),
        ] {
            let plan = restore(&home, &into, &["--plan-only"]).line();
            let findings = plan["plan"]["findings"].as_array().unwrap();
            let found = findings.iter().find(|finding| finding["code"] == "protected_server");
            let text = found.unwrap_or_else(|| panic!("{known}: {plan}"))["text"].as_str().unwrap();
            assert!(text.contains("the protected server guarded"), "{text}");
            assert_eq!(restore(&home, &into, &["--yes"]).code, 6, "a yes is not enough");
            let unarmed = restore(&home, &into, &["--confirm", &database.name]);
            assert_eq!((unarmed.code, unarmed.error_code().as_str()), (6, "restore::not_armed"), "{unarmed:?}");
            assert_eq!(server.sql(&format!("SHOW DATABASES LIKE '{}'", database.name)), "", "nothing was written");
        }
        let into = format!("mysql://root@127.0.0.1:{}/{}", server.port, database.name);
        let armed = ["--arm", "guarded", "--reason", "drill", "--confirm", &database.name];
        let done = restore(&home, &into, &armed);
        assert_eq!(done.code, 0, "{done:?}");
    }
}

#[test]
fn a_server_that_does_not_answer_ends_with_5() {
    let home = Home::with_targets(&[("local", &fixture("objects"))]);
    let run = restore(&home, "mysql://root@127.0.0.1:9/shop", &["--yes"]);
    assert_eq!(run.code, 5, "{run:?}");
}
