//! Verifications of our own in `history`.

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::disk::runs::{Intake, Keep, Store};
use breakglass::disk::state::State;
use breakglass::model::run::{Feed, Run, RunId, RunKind, RunQuery};
use breakglass::model::units::Moment;

use super::Home;
use crate::support::scratch;

const HOUR: i64 = 3_600_000;
const DUMP: &str = "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n-- Dump completed on 2026-11-21\n";

fn found(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let here = entries.iter().find(|path| path.ends_with(name)).cloned();
    here.or_else(|| entries.iter().find_map(|path| found(path, name)))
}

fn verifications(home: &Home, since: &str) -> usize {
    let lines = home.run(&["history", "--json", "--since", since]).lines();
    lines.iter().filter(|line| line["kind"] == "verification").count()
}

/// One verification of that backup, and so many like it before, one every hour; when the first of them began.
pub fn verified_hourly(home: &Home, backup: &str, count: i64) -> Moment {
    let verified = home.run(&["verify", backup, "--to", "whole"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let folder = found(&home.path("state"), "history.sqlite").unwrap().parent().unwrap().to_owned();
    let estate = folder.file_name().unwrap().to_str().unwrap();
    let store = Store::open(&State::open(folder.parent().unwrap(), estate).unwrap(), Keep::default()).unwrap();
    let query = RunQuery { kinds: vec![RunKind::Verification], limit: 1, ..RunQuery::default() };
    let one = store.runs(&query).unwrap().remove(0);
    let before = |hours: i64| {
        let earlier = |at: Option<Moment>| at.map(|at| Moment(at.0 - hours * HOUR));
        let id = RunId::of("test", &[&hours.to_le_bytes()]);
        Run { id, started: earlier(one.started), ended: earlier(one.ended), ..one.clone() }
    };
    let runs: Vec<Run> = (1..=count).map(before).collect();
    let (first, arrived) = (runs.last().unwrap().at(), one.ended.unwrap());
    store.put(&[Intake { feed: Feed::Verification, arrived, spans: vec![], runs }], &|_| vec![]).unwrap();
    first
}

#[test]
fn every_verification_since_then_is_a_line_however_many_they_are() {
    let target = scratch();
    fs::write(target.path().join("shop-2026-11-21.sql"), DUMP).unwrap();
    let home = Home::with_targets(&[("nas", target.path())]);
    verified_hourly(&home, "nas:shop-2026-11-21.sql", 1500);
    assert_eq!(verifications(&home, "90d"), 1501);
    assert_eq!(verifications(&home, "479h"), 479, "the newest and those of so many hours before it");
}
