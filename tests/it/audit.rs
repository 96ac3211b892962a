//! What stands in the audit log: an intent before anything is done, its outcome after, and the key that opened.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Home, finish, fixture};

const NAME: &str = "dbacked_shop_300820261040";
const PUBLIC: &str = "keys/dbacked_public_key.pem";

fn records(home: &Home, action: &str) -> Vec<Value> {
    let all = home.run(&["audit", "--json"]).lines();
    all.into_iter().filter(|record| record["action"] == action).collect()
}

fn kinds(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["kind"].as_str().unwrap()).collect()
}

/// The fingerprint of the fixtures' key, as `key inspect` tells it.
fn fingerprint(home: &Home) -> Value {
    let line = home.run(&["key", "inspect", fixture(PUBLIC).to_str().unwrap(), "--json"]).line();
    line["fingerprint"].clone()
}

/// A target with one plain dump, and one with a sealed backup without metadata.
fn home() -> Home {
    let home = Home::new();
    for folder in ["plain", "bare"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    let dump = "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n-- Dump completed on 2026-11-21\n";
    fs::write(home.path("plain/shop.sql"), dump).unwrap();
    fs::copy(fixture("objects").join(NAME), home.path("bare").join(NAME)).unwrap();
    home.estate(&format!(
        "name = \"test\"\n[targets.plain]\nurl = \"file://{}/\"\n[targets.bare]\nurl = \"file://{}/\"\n\
         [targets.local]\nurl = \"file://{}/\"\n",
        home.path("plain").display(),
        home.path("bare").display(),
        fixture("objects").display()
    ));
    home
}

#[test]
fn a_verification_is_announced_before_it_starts_and_its_outcome_names_the_key() {
    let home = home();
    assert_eq!(home.run_with_key(&["verify", &format!("local:{NAME}")]).code, 0);
    let verify = records(&home, "verify");
    assert_eq!(kinds(&verify), ["intent", "outcome"]);
    assert_eq!((&verify[0]["result"], &verify[0]["detail"]), (&"".into(), &"to whole".into()));
    assert_eq!((&verify[1]["of"], &verify[1]["result"]), (&verify[0]["seq"], &"ok".into()));
    let key = fingerprint(&home);
    assert!(key.as_str().is_some_and(|key| key.len() == 64), "{key}");
    assert_eq!([&verify[0]["key"], &verify[1]["key"]], [&key, &key], "the metadata names it beforehand");

    assert_eq!(home.run_with_key(&["verify", &format!("bare:{NAME}")]).code, 0);
    let verify = records(&home, "verify");
    assert_eq!(kinds(&verify[2..]), ["intent", "outcome"]);
    assert_eq!([&verify[2]["key"], &verify[3]["key"]], [&Value::Null, &key], "known once it has opened");
}

#[test]
fn a_verification_that_fails_or_finds_damage_has_an_outcome_too() {
    let home = home();
    fs::copy(fixture("damaged/bitflip-mid.bin"), home.path("bare/damaged")).unwrap();
    assert_eq!(home.run_with_key(&["verify", "bare:damaged"]).code, 3);
    assert_eq!(home.run(&["verify", &format!("local:{NAME}")]).code, 4, "no key");
    let verify = records(&home, "verify");
    assert_eq!(kinds(&verify), ["intent", "outcome", "intent", "outcome"]);
    assert_eq!((&verify[1]["result"], &verify[1]["key"]), (&"damaged".into(), &fingerprint(&home)));
    assert_eq!((&verify[3]["result"], &verify[3]["detail"]), (&"failed".into(), &"verify::no_key".into()));
    assert_eq!(home.run(&["audit", "verify", "--json"]).line()["open_intents"], serde_json::json!([]));
}

#[test]
fn where_no_intent_can_be_written_nothing_is_verified() {
    let home = home();
    assert_eq!(home.run(&["ls"]).code, 0);
    // Room for the file, but not for a record and the outcome that it promises.
    let line = format!("ulimit -f 8; exec {} verify plain:shop.sql --json", env!("CARGO_BIN_EXE_breakglass"));
    let mut limited = Command::new("bash");
    let as_usual = home.command(&[""; 0]);
    limited.args(["-c", &line]).env_clear().envs(as_usual.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdin(std::process::Stdio::null());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    limited.current_dir(home.path("."));
    let run = finish(limited.spawn().unwrap());
    assert_eq!((run.code, run.error_code().as_str(), run.out.as_str()), (1, "audit::no_space", ""), "{run:?}");
    assert_eq!(records(&home, "verify"), Vec::<Value>::new());
    assert_eq!(home.run(&["ls", "--json", "trust:whole"]).out, "", "no verdict was kept");
    assert_eq!(home.run(&["verify", "plain:shop.sql"]).code, 0, "with room it is done");
    assert_eq!(kinds(&records(&home, "verify")), ["intent", "outcome"]);
}

#[test]
fn a_restore_and_an_unsealing_name_the_key_that_opened() {
    let home = home();
    let key = fingerprint(&home);
    for (target, known_before) in [("local", &key), ("bare", &Value::Null)] {
        let into = format!("dir:{target}-out");
        assert_eq!(home.run_with_key(&["restore", &format!("{target}:{NAME}"), "--into", &into]).code, 0);
        let restore = records(&home, "restore");
        let [.., intent, outcome] = &restore[..] else { panic!("{restore:?}") };
        assert_eq!([&intent["key"], &outcome["key"]], [known_before, &key], "{target}");
        assert_eq!(outcome["result"], "ok");
    }
    fs::write(home.path("note"), "plain").unwrap();
    let public = fixture(PUBLIC);
    assert_eq!(home.run(&["seal", "note", "-r", public.to_str().unwrap()]).code, 0);
    assert_eq!(records(&home, "seal")[1]["key"], key, "for whom it was sealed");
    assert_eq!(home.run_with_key(&["unseal", "note.sealed", "-o", "again"]).code, 0);
    let unseal = records(&home, "unseal");
    assert_eq!((kinds(&unseal), &unseal[1]["key"]), (vec!["intent", "outcome"], &key));
    assert_eq!(home.run_with_key(&["reseal", "note.sealed", "-r", public.to_str().unwrap(), "-o", "anew"]).code, 0);
    assert_eq!(records(&home, "reseal")[1]["key"], key);
}
