//! Restores into a folder that come to no end: what the error says, and that nothing is left behind.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{Home, finish, fixture};
use crate::support::s3::bucket;

/// A dump of some MiB.
fn dump() -> String {
    let rows = "INSERT INTO t VALUES ('a row of some length, to fill the disk');\n".repeat(60_000);
    format!("-- MySQL dump 10.13  Distrib 9.7.4\n{rows}-- Dump completed on 2026-11-21\n")
}

#[test]
fn a_disk_that_is_full_is_an_error_of_the_output_and_not_of_the_machine() {
    let home = Home::new();
    fs::create_dir(home.path("bak")).unwrap();
    fs::write(home.path("bak/shop.sql"), dump()).unwrap();
    home.estate(&format!("name = \"test\"\n[targets.t]\nurl = \"file://{}/\"\n", home.path("bak").display()));
    let line = format!(
        "trap '' XFSZ; ulimit -f 1000; exec {} restore t:shop.sql --into dir:out --json",
        env!("CARGO_BIN_EXE_breakglass")
    );
    let mut limited = Command::new("bash");
    limited.args(["-c", &line]).env_clear().current_dir(home.path("."));
    limited.envs(home.command(&[""; 0]).get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = finish(limited.spawn().unwrap());
    assert_eq!((run.code, run.error_code().as_str()), (1, "output::no_space"), "{run:?}");
    assert!(!home.path("out").exists(), "the folder that it made is gone again");
}

#[test]
fn a_damaged_backup_leaves_no_new_folder_and_touches_no_other() {
    let home = Home::new();
    let backup = fixture("damaged/bitflip-mid.bin");
    fs::create_dir(home.path("mine")).unwrap();
    for (folder, stays) in [("new", false), ("mine", true)] {
        let into = format!("dir:{folder}");
        let run = home.run_with_key(&["restore", backup.to_str().unwrap(), "--into", &into, "--yes", "--json"]);
        assert_eq!((run.code, run.error_code().as_str()), (3, "restore::not_whole"), "{run:?}");
        assert_eq!(home.path(folder).exists(), stays, "{folder}");
    }
    assert_eq!(fs::read_dir(home.path("mine")).unwrap().count(), 0);
}

#[test]
fn an_interrupted_restore_leaves_no_new_folder() {
    let Some(bucket) = bucket() else { return };
    bucket.put("shop.sql", dump().as_bytes());
    let home = Home::new();
    home.estate(&format!(
        "name = \"test\"\n[targets.t]\nurl = \"s3://{}/\"\nregion = \"us-east-1\"\nendpoint = \"{}\"\n",
        bucket.name(),
        bucket.endpoint()
    ));
    bucket.fault("GET", "shop.sql", "* stall 2000000");
    let mut command = home.command(&["restore", "t:shop.sql", "--into", "dir:out", "--yes", "--json"]);
    command.env("AWS_ACCESS_KEY_ID", "breakglass").env("AWS_SECRET_ACCESS_KEY", "breakglass-secret");
    let child = command.spawn().unwrap();
    while !home.path("out").exists() {
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let run = finish(child);
    assert_eq!(run.code, 130, "{run:?}");
    assert!(!home.path("out").exists());
}
