//! Every exit code, with a real case.

use std::fs;
use std::process::Stdio;

use super::{Home, finish, fixture};

const MYSQL: &str = "objects/dbacked_shop_300820261040";

#[test]
fn code_0_a_whole_backup_verifies() {
    let run = Home::new().run_with_key(&["verify", fixture(MYSQL).to_str().unwrap(), "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(run.line()["reached"], "whole");
    assert_eq!(run.line()["content"], "hash");
}

#[test]
fn code_1_a_damaged_key_file_fails() {
    let run = Home::new().run(&["key", "inspect", fixture("keys/damaged-truncated.pem").to_str().unwrap(), "--json"]);
    assert_eq!((run.code, run.error_code().as_str()), (1, "seal::key_damaged"));
}

#[test]
fn code_2_what_cannot_be_understood_is_usage() {
    let home = Home::new();
    assert_eq!(home.run(&["frobnicate"]).code, 2);
    assert_eq!(home.run(&["restore", "x"]).code, 2);
    assert_eq!(home.run(&["unseal", "--passphrase-file", "-"]).code, 2);
    assert_eq!(home.run(&["ls", "--key", "-----BEGIN PRIVATE KEY-----"]).code, 2);
    assert_eq!(home.run(&["ls", "--json", "--frob"]).error_code(), "cli::usage");
    assert_eq!(home.run(&["show", "nothing-of-that-name"]).code, 2);
}

#[test]
fn code_2_an_unknown_setting_names_its_line_and_the_nearest_one() {
    let home = Home::new();
    home.estate("name = \"test\"\nidle_lok = \"10m\"\n");
    let run = home.run(&["ls"]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("idle_lock") && run.err.contains('2'), "{}", run.err);
}

#[test]
fn code_3_damage_and_truncation_are_integrity_failures() {
    let home = Home::new();
    let cases = [("damaged/bitflip-mid.bin", "damaged"), ("damaged/truncated-unaligned.bin", "truncated")];
    for (file, outcome) in cases {
        let run = home.run_with_key(&["verify", fixture(file).to_str().unwrap(), "--json"]);
        assert_eq!((run.code, run.line()["outcome"].as_str()), (3, Some(outcome)), "{file}: {run:?}");
    }
}

#[test]
fn code_4_no_key_fits() {
    let home = Home::new();
    let wrong = fixture("keys/wrong-rsa4096.pem");
    let backup = fixture(MYSQL);
    let run = home.run(&["verify", backup.to_str().unwrap(), "--key", wrong.to_str().unwrap(), "--json"]);
    assert_eq!((run.code, run.line()["outcome"].as_str()), (4, Some("wrong_key")), "{run:?}");

    fs::write(home.path("passphrase"), "incorrect\n").unwrap();
    let run = home.run_with_key(&["verify", backup.to_str().unwrap(), "--json"]);
    assert_eq!((run.code, run.error_code().as_str()), (4, "seal::wrong_passphrase"), "{run:?}");
}

#[test]
fn code_5_a_target_that_cannot_be_reached() {
    let home = Home::new();
    home.estate(
        "name = \"test\"\n[targets.far]\nurl = \"s3://bucket/\"\nregion = \"us-east-1\"\nendpoint = \"http://127.0.0.1:9\"\n",
    );
    let mut command = home.command(&["ls", "--json"]);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    let run = finish(command.spawn().unwrap());
    assert_eq!(run.code, 5, "{run:?}");
    assert_eq!(run.out, "");
}

#[test]
fn code_6_nothing_is_written_that_nobody_agreed_to() {
    let home = Home::new();
    fs::create_dir(home.path("out")).unwrap();
    fs::write(home.path("out/mine.txt"), "mine").unwrap();
    let backup = fixture(MYSQL);
    let restore = ["restore", backup.to_str().unwrap(), "--into", "dir:out", "--json"];

    let nobody_to_ask = home.run_with_key(&restore);
    assert_eq!((nobody_to_ask.code, nobody_to_ask.error_code().as_str()), (6, "cli::no_terminal"));
    let other_plan = home.run_with_key(&[&restore[..], &["--approve", "abandon-abandon-abandon"]].concat());
    assert_eq!((other_plan.code, other_plan.error_code().as_str()), (6, "cli::plan_changed"));
    let read_only = home.run_with_key(&[&restore[..], &["--yes", "--read-only"]].concat());
    assert_eq!(read_only.code, 6, "{read_only:?}");
    assert_eq!(fs::read_dir(home.path("out")).unwrap().count(), 1);
}

#[test]
fn code_7_one_of_two_targets_is_broken() {
    let home = Home::with_targets(&[("good", &fixture("objects")), ("gone", "/nonexistent/folder".as_ref())]);
    let run = home.run(&["ls", "--json"]);
    assert_eq!(run.code, 7, "{run:?}");
    assert_eq!(run.lines().len(), 6);
}

#[test]
fn code_8_a_dump_without_its_end_mark_is_inconclusive() {
    let home = Home::new();
    fs::write(home.path("cut.sql"), "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n").unwrap();
    let run = home.run(&["verify", "./cut.sql", "--json"]);
    assert_eq!((run.code, run.line()["outcome"].as_str()), (8, Some("inconclusive")), "{run:?}");
}

#[test]
fn code_130_an_interrupted_filter_leaves_nothing_behind() {
    let home = Home::new();
    let recipient = fixture("keys/rsa2048-public.pem");
    let mut command = home.command(&["seal", "-r", recipient.to_str().unwrap(), "-o", "out.sealed"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    // Held open: an end of input would be an orderly end.
    let _input = child.stdin.take();
    let partial = home.path(".out.sealed.breakglass-partial");
    while !partial.exists() {
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let run = finish(child);
    assert_eq!(run.code, 130, "{run:?}");
    assert!(!partial.exists() && !home.path("out.sealed").exists());
}

#[test]
fn of_several_verdicts_the_gravest_is_the_exit_code() {
    let home = Home::new();
    let (good, bad) = (fixture(MYSQL), fixture("damaged/bitflip-mid.bin"));
    let run = home.run_with_key(&["verify", good.to_str().unwrap(), bad.to_str().unwrap(), "--json"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert_eq!(run.lines().len(), 2);
}
