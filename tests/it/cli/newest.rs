//! `verify --newest-of-each`: one of every series in every target, and an exit code that a cron job can rest on.

use std::fs;

use serde_json::Value;

use super::{Home, Run, fixture};

/// A dump that ends as it should, of so many rows.
fn dump(rows: usize) -> String {
    let rows = "INSERT INTO t VALUES (1);\n".repeat(rows);
    format!("-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n{rows}-- Dump completed on 2026-11-21\n")
}

/// Two targets with two series each; `shop` is in both. The older backups are all damaged.
fn home() -> Home {
    let home = Home::new();
    for folder in ["near", "far"] {
        fs::create_dir(home.path(folder)).unwrap();
    }
    for (place, text) in [
        ("near/shop-2026-11-20.sql", dump(1)),
        ("near/shop-2026-11-19.sql", dump(1)[..60].to_owned()),
        ("near/crm-2026-11-20.sql", dump(2)),
        ("near/crm-2026-11-18.sql", dump(2)[..60].to_owned()),
        ("near/notes.txt", "no backup at all".to_owned()),
        ("far/shop-2026-11-21.sql", dump(3)),
        ("far/shop-2026-11-01.sql", dump(3)[..60].to_owned()),
        ("far/ledger-2026-11-20.sql", dump(4)),
    ] {
        fs::write(home.path(place), text).unwrap();
    }
    let target = |name: &str| format!("[targets.{name}]\nurl = \"file://{}/\"\n", home.path(name).display());
    home.estate(&format!("name = \"test\"\n{}{}", target("near"), target("far")));
    home
}

fn newest(home: &Home, more: &[&str]) -> Run {
    home.run_with_key(&[&["verify", "--newest-of-each", "--json"][..], more].concat())
}

/// The statements of each line: they tell which dump it was.
fn statements(run: &Run) -> Vec<u64> {
    let mut all: Vec<u64> = run.lines().iter().map(|line| line["statements"].as_u64().unwrap_or(0)).collect();
    all.sort_unstable();
    all
}

#[test]
fn each_series_of_each_target_is_one_line_and_only_its_newest_is_read() {
    let run = newest(&home(), &[]);
    assert_eq!((run.code, statements(&run)), (0, vec![2, 3, 4, 5]), "{run:?}");
    assert!(run.lines().iter().all(|line| line["reached"] == "whole"), "{run:?}");
}

#[test]
fn a_filter_beside_it_narrows_what_each_means() {
    let home = home();
    assert_eq!(statements(&newest(&home, &["target:far"])), [4, 5]);
    assert_eq!(statements(&newest(&home, &["target:near", "crm"])), [3]);
    let before = newest(&home, &["before:2026-11-19", "target:far"]);
    assert_eq!((before.code, before.lines().len()), (8, 1), "the newest before that day is cut: {before:?}");
    let unknown = newest(&home, &["after:whenever"]);
    assert_eq!((unknown.code, unknown.error_code().as_str()), (2, "cli::usage"), "{unknown:?}");
}

#[test]
fn one_damaged_newest_decides_the_exit_code_and_the_others_are_still_verified() {
    let home = home();
    fs::copy(fixture("damaged/bitflip-mid.bin"), home.path("far/dbacked_stock_211120260300")).unwrap();
    let run = newest(&home, &[]);
    assert_eq!((run.code, run.lines().len()), (3, 5), "{run:?}");
    let bad: Vec<Value> = run.lines().into_iter().filter(|line| line["outcome"] != "ok").collect();
    assert_eq!((bad.len(), &bad[0]["outcome"]), (1, &"damaged".into()));

    fs::write(home.path("far/ledger-2026-11-21.sql"), "").unwrap();
    let run = newest(&home, &["ledger"]);
    assert_eq!((run.code, run.line()["outcome"].as_str()), (3, Some("truncated")), "an empty newest is no ok: {run:?}");
}

#[test]
fn a_target_that_cannot_be_listed_and_nothing_to_verify_are_no_success() {
    let home = home();
    let estate = fs::read_to_string(home.path("estate.toml")).unwrap();
    home.estate(&format!("{estate}[targets.gone]\nurl = \"file:///nonexistent/folder/\"\n"));
    let run = newest(&home, &[]);
    assert_ne!(run.code, 0, "{run:?}");
    assert_eq!(run.lines().len(), 4, "what is there is verified: {run:?}");

    fs::create_dir(home.path("empty")).unwrap();
    home.estate(&format!("name = \"test\"\n[targets.e]\nurl = \"file://{}/\"\n", home.path("empty").display()));
    let run = newest(&home, &[]);
    assert_eq!((run.code, run.error_code().as_str(), run.out.as_str()), (1, "verify::nothing", ""), "{run:?}");
}
