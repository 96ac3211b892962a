//! The JSON of each verb has the documented fields, and a plan that was approved is the plan that runs.

use std::fs;

use sha2::{Digest, Sha256};

use super::{Home, fields, fixture};
use crate::support::root;

const NAMED: &str = "local:dbacked_shop_300820261040";

fn home() -> Home {
    Home::with_targets(&[("local", &fixture("objects"))])
}

#[test]
fn ls_prints_the_fields_that_product_and_readme_promise() {
    let run = home().run(&["ls", "--json"]);
    assert_eq!((run.code, run.lines().len()), (0, 6), "{run:?}");
    let documented = [
        "content",
        "databases",
        "databases_known",
        "findings",
        "format",
        "id",
        "key_fingerprints",
        "name",
        "opens",
        "prune_at",
        "prune_at_true",
        "prune_due",
        "prune_rule",
        "seal",
        "seal_recipients",
        "series",
        "size_bytes",
        "stale",
        "taken_at",
        "taken_from",
        "taken_offset",
        "target",
        "trust",
        "verdict",
    ];
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for line in run.lines() {
        assert_eq!(fields(&line), documented);
    }
    assert!(
        documented
            .iter()
            .all(|field| readme.contains(&format!("`{field}`")) || readme.contains(&format!("`{field}[]`")))
    );
    let newest = &run.lines()[0];
    assert_eq!(newest["name"], "dbacked_shop_small_key_020920261153");
    assert_eq!((newest["format"].as_str(), newest["seal"].as_str()), (Some("dbacked"), Some("rsa")));
    assert_eq!((newest["trust"].as_str(), newest["opens"].as_str()), (Some("listed"), Some("unknown")));
    assert!(newest["taken_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_loaded_key_says_what_it_opens_before_any_download() {
    let opens: Vec<String> = home()
        .run_with_key(&["ls", "--json"])
        .lines()
        .iter()
        .map(|line| line["opens"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(opens, ["no", "yes", "yes", "yes", "yes", "yes"]);
}

#[test]
fn filters_narrow_the_list() {
    let home = home();
    assert_eq!(home.run(&["ls", "--json", "maria"]).lines().len(), 1);
    assert_eq!(home.run(&["ls", "--json", "after:2026-09-01"]).lines().len(), 2);
    assert_eq!(home.run(&["ls", "--json", "trust:whole"]).lines().len(), 0);
    assert_eq!(home.run(&["ls", "--json", "after:whenever"]).code, 2);
}

#[test]
fn verify_prints_its_fields_and_is_remembered_by_ls_and_show() {
    let home = home();
    let run = home.run_with_key(&["verify", NAMED, "--json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let line = run.line();
    for field in [
        "id",
        "reached",
        "content",
        "outcome",
        "at_byte",
        "checks",
        "statements",
        "bytes_in",
        "bytes_out",
        "sha256_out",
        "seconds",
    ] {
        assert!(line.get(field).is_some(), "{field} is missing");
    }
    assert_eq!(line["sha256_out"], "779578f927efb9eb53ce2c9a2bcb76260b3eb7765a0faacb76e59056a7f5bdad");
    assert!(line["checks"].as_array().unwrap().iter().all(|check| fields(check) == ["detail", "name", "outcome"]));

    let listed = home.run(&["ls", "--json", "trust:whole"]).line();
    assert_eq!(listed["verdict"]["outcome"], "ok");
    let shown = home.run(&["show", NAMED, "--json"]).line();
    assert_eq!(shown["proof"]["rungs"]["whole"], "yes");
    assert_eq!(shown["metadata"]["state"], "read");
}

#[test]
fn the_plan_that_was_approved_is_restored_byte_for_byte() {
    let home = home();
    let restore = ["restore", NAMED, "--into", "dir:out", "--json"];
    let plan = home.run_with_key(&[&restore[..], &["--plan-only"]].concat());
    assert_eq!(plan.code, 0, "{plan:?}");
    let digest = plan.line()["digest"].as_str().unwrap().to_owned();
    assert_eq!(digest.split('-').count(), 8);
    assert!(!home.path("out").exists());

    let done = home.run_with_key(&[&restore[..], &["--approve", &digest]].concat());
    assert_eq!((done.code, done.line()["outcome"].as_str()), (0, Some("done")), "{done:?}");
    let files: Vec<_> = fs::read_dir(home.path("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read(&files[0]).unwrap(), fs::read(fixture("plain/mysql97.sql")).unwrap());
}

#[test]
fn standard_output_as_a_sink_gets_the_dump_and_nothing_else() {
    let home = home();
    let run = home.run_with_key(&["restore", NAMED, "--into", "stdout", "--report", "report.json"]);
    assert_eq!(run.code, 0, "{run:?}");
    let expected = "779578f927efb9eb53ce2c9a2bcb76260b3eb7765a0faacb76e59056a7f5bdad";
    assert_eq!(data_encoding::HEXLOWER.encode(&Sha256::digest(run.out.as_bytes())), expected);
    assert!(fs::read_to_string(home.path("report.json")).unwrap().contains("\"outcome\":\"done\""));
    let unplaced = home.run_with_key(&["restore", NAMED, "--into", "stdout", "--json"]);
    assert_eq!((unplaced.code, unplaced.out.as_str()), (2, ""));
}

#[test]
fn the_audit_log_tells_what_happened_and_notices_a_changed_byte() {
    let home = home();
    home.run_with_key(&["verify", NAMED]);
    let records = home.run(&["audit", "--json"]).lines();
    assert!(records.iter().any(|record| record["action"] == "key.load" && record["key"].is_string()));
    assert!(records.iter().any(|record| record["action"] == "verify" && record["result"] == "ok"));
    let sound = home.run(&["audit", "verify", "--json"]);
    assert_eq!((sound.code, &sound.line()["broken"]), (0, &serde_json::Value::Null), "{sound:?}");

    let log = find(&home.path("state"), "audit.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("key.load", "key.lock", 1)).unwrap();
    assert_eq!(home.run(&["audit", "verify"]).code, 3);
}

#[test]
fn config_explain_names_the_line_of_every_setting() {
    let run = home().run(&["config", "explain", "--json"]);
    let url = run.lines().into_iter().find(|line| line["setting"] == "targets.local.url").unwrap();
    assert_eq!(url["origin"]["file"]["line"], 3);
}

#[test]
fn doctor_finds_the_broken_target_and_says_what_to_do() {
    let home = Home::with_targets(&[("good", &fixture("objects")), ("gone", "/nonexistent/folder".as_ref())]);
    let run = home.run(&["doctor", "--json"]);
    assert_eq!(run.code, 1, "{run:?}");
    let failed = run.lines().into_iter().find(|line| line["outcome"] == "failed").unwrap();
    assert!(failed["subject"].as_str().unwrap().contains("gone") && failed["advice"] != "");
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let home = Home::new();
    assert!(home.run(&["completions", "bash"]).out.contains("_breakglass"));
    assert!(home.run(&["man"]).out.starts_with(".ie"));
    assert!(home.run(&["--help"]).out.contains("Exit codes"));
}

/// The file of that name somewhere below a folder.
pub fn find(folder: &std::path::Path, name: &str) -> std::path::PathBuf {
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false if path.file_name().unwrap() == name => return path,
                false => {}
            }
        }
    }
    panic!("no {name}");
}
