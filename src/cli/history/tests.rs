//! Every judgement and finding in the JSON that the README documents.

use serde_json::{Value, json};

use super::*;
use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::judgement::{PruneFault, What};
use crate::model::run::RunId;
use crate::model::target::TargetName;
use crate::work::history::view::{Grounds, Inside};
use crate::work::history::{Kept, Rhythm, SeriesKey};

const README: &str = include_str!("../../../README.md");

fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn shop() -> SeriesPast {
    SeriesPast {
        key: SeriesKey { name: Foreign::from("shop"), target: TargetName::new("nas") },
        label: "shop".into(),
        databases: vec![],
        expected: vec![],
        server: None,
        grounds: Grounds::Firm,
        remarks: vec![],
        retired: vec![],
        beside_others: false,
        rhythm: Rhythm::Unknown,
        points: vec![],
        slots: vec![],
        days: vec![],
        judgements: vec![],
        each: vec![],
        findings: vec![],
        runs: vec![],
        checks: vec![],
        grace: 0,
    }
}

fn point() -> Point {
    Point {
        at: at("2026-11-21 03:00"),
        took: Some(660_000),
        bytes: Some(4_000_000),
        outcome: Outcome::Made,
        state: None,
        kept: Kept::Listed(Rung::Listed),
        run: None,
        backup: Some(BackupId::from_digest(&[7; 32])),
        certainty: None,
        target: TargetName::new("nas"),
        inside: Inside::Guessed(vec![]),
        elsewhere: false,
        odd: None,
    }
}

/// Every judgement that there is, with its figures as JSON.
fn judgements() -> Vec<(What, Value)> {
    let (due, newest) = (at("2026-11-21 03:00"), at("2026-11-20 03:00"));
    let reason = || Some(Foreign::from("no space left"));
    let crm = || vec![Foreign::from("crm")];
    let day = 86_400_000;
    vec![
        (
            What::Late { due, overdue: day, missed: 2, newest: Some(newest), rhythm: "daily".into(), only: None },
            json!({ "due": "2026-11-21T03:00:00.000Z", "overdue": day, "missed": 2, "newest": "2026-11-20T03:00:00.000Z", "rhythm": "daily", "only": null }),
        ),
        (What::CameLate { due, after: 7_200_000 }, json!({ "due": "2026-11-21T03:00:00.000Z", "after": 7_200_000 })),
        (
            What::Missing { first: newest, last: due, count: 2 },
            json!({ "first": "2026-11-20T03:00:00.000Z", "last": "2026-11-21T03:00:00.000Z", "count": 2 }),
        ),
        (What::Failed { reason: reason() }, json!({ "reason": "no space left" })),
        (What::RepeatedFailure { failed: 4, of: 10, reason: None }, json!({ "failed": 4, "of": 10, "reason": null })),
        (
            What::Shrunk { bytes: 1, usual: 40, bound: 30, over: 21 },
            json!({ "bytes": 1, "usual": 40, "bound": 30, "over": 21 }),
        ),
        (
            What::Grown { bytes: 90, usual: 40, bound: 50, over: 21 },
            json!({ "bytes": 90, "usual": 40, "bound": 50, "over": 21 }),
        ),
        (
            What::Slower { took: 900, usual: 40, bound: 50, over: 7 },
            json!({ "took": 900, "usual": 40, "bound": 50, "over": 7 }),
        ),
        (What::DatabaseAppeared { names: crm() }, json!({ "names": ["crm"] })),
        (What::DatabaseVanished { names: crm(), before: 80 }, json!({ "names": ["crm"], "before": 80 })),
        (What::ClockSkew { ahead: -7_200_000, over: 5 }, json!({ "ahead": -7_200_000, "over": 5 })),
        (
            What::PrunedWrongly { removed: 3, example: Foreign::from("x.tgz"), fault: PruneFault::OlderWasKept },
            json!({ "removed": 3, "example": "x.tgz", "fault": "older_was_kept" }),
        ),
        (
            What::Wiped { target: "nas".into(), backups: 20, newest, seen: due, only: vec!["crm".into()] },
            json!({ "target": "nas", "backups": 20, "newest": "2026-11-20T03:00:00.000Z", "seen": "2026-11-21T03:00:00.000Z", "only": ["crm"] }),
        ),
        (
            What::NoGoodBackup { newest: None, age: 9 * day, limit: 7 * day },
            json!({ "newest": null, "age": 9 * day, "limit": 7 * day }),
        ),
    ]
}

#[test]
fn every_judgement_has_its_figures_in_json_and_the_readme_names_them() {
    let mut documented = 0;
    for (what, figures) in judgements() {
        let code = what.code();
        let judged = Judgement { what, severity: Severity::Warning, since: at("2026-11-21 03:00"), until: None };
        let series = shop();
        let mut expected = json!({
            "series": "nas:shop", "database": "shop", "target": "nas", "text": judged.words(), "code": code,
            "severity": "warning", "since": "2026-11-21T03:00:00.000Z", "until": null,
        });
        let fields = figures.as_object().unwrap();
        expected.as_object_mut().unwrap().extend(fields.clone());
        assert_eq!(serde_json::to_value(JudgementLine::of(&series, &judged)).unwrap(), expected, "{code}");
        let row = README.lines().find(|line| line.starts_with(&format!("| figures of `{code}` |")));
        let row = row.unwrap_or_else(|| panic!("the README does not name the figures of {code}"));
        let named: Vec<&str> = row.split('|').nth(2).unwrap().split('`').skip(1).step_by(2).collect();
        let mut own: Vec<&str> = fields.keys().map(String::as_str).collect();
        own.sort_by_key(|field| named.iter().position(|known| known == field));
        assert_eq!(named, own, "{code}");
        documented += 1;
    }
    assert_eq!(README.matches("| figures of `").count(), documented, "and no others");
    // Whoever adds one comes by here.
    let all = |what: &What| match what {
        What::Late { .. } | What::CameLate { .. } | What::Missing { .. } | What::Failed { .. } => (),
        What::RepeatedFailure { .. } | What::Shrunk { .. } | What::Grown { .. } | What::Slower { .. } => (),
        What::DatabaseAppeared { .. } | What::DatabaseVanished { .. } | What::ClockSkew { .. } => (),
        What::PrunedWrongly { .. } | What::Wiped { .. } | What::NoGoodBackup { .. } => (),
    };
    judgements().iter().for_each(|(what, _)| all(what));
}

#[test]
fn what_is_odd_about_one_backup_stands_on_its_line() {
    let series = shop();
    for (code, text) in [
        ("size_differs", "nas stores 10 bytes, and its run counted 12 bytes"),
        ("no_run", "none of the runs that telemetry told of made it"),
        ("object_gone", "it left x.tgz in nas, where that is no longer"),
    ] {
        let odd = Some(Finding::new(Weight::Warning, code, text));
        let run = RunId::of("test", &[]);
        let one = Point {
            odd,
            run: Some(run.clone()),
            state: Some(RunState::Ok),
            certainty: Some(Certainty::Exact),
            ..point()
        };
        let line = serde_json::to_value(RunLine::of(&series, Tried::Backup(&one))).unwrap();
        let expected = json!({
            "kind": "backup", "run_id": run.as_str(), "database": "shop", "target": "nas",
            "started_at": "2026-11-21T03:00:00.000Z", "ended_at": "2026-11-21T03:11:00.000Z", "status": "ok",
            "bytes": 4_000_000, "object_id": one.backup.as_ref().unwrap().as_str(), "trust": "listed",
            "findings": [{ "code": code, "text": text }], "series": "nas:shop", "outcome": "made",
            "certainty": "exact", "seconds": 660.0,
        });
        assert_eq!(line, expected, "{code}");
        assert!(README.contains(&format!("`{code}`")), "the README names {code}");
    }
}

#[test]
fn what_is_said_of_a_series_stands_among_its_judgements() {
    let series = shop();
    for code in ["size_differs", "no_run", "newest_gone", "noted_and_gone", "rewound"] {
        for (weight, severity) in [(Weight::Warning, "warning"), (Weight::Note, "note")] {
            let finding = Finding::new(weight, code, "why");
            let line = serde_json::to_value(FoundLine::of(&series, &finding)).unwrap();
            let expected = json!({
                "series": "nas:shop", "database": "shop", "target": "nas", "text": "why", "code": code,
                "severity": severity, "since": null, "until": null,
            });
            assert_eq!(line, expected);
        }
        assert!(README.contains(&format!("`{code}`")), "the README names {code}");
    }
}

#[test]
fn a_verification_says_what_it_came_to() {
    let series = shop();
    let checked = |state, reached, said: Option<&str>| Checked {
        at: at("2026-11-21 08:00"),
        took: Some(2_000),
        bytes: Some(4_000_000),
        state,
        reached,
        said: said.map(Foreign::from),
        run: RunId::of("test", &[]),
        backup: None,
        target: TargetName::new("nas"),
    };
    let line = |checked: &Checked| {
        let line = serde_json::to_value(RunLine::of(&series, Tried::Check(checked))).unwrap();
        (line["outcome"].clone(), line["trust"].clone(), line["status"].clone(), line["findings"].clone())
    };
    for (state, reached, outcome, trust, status) in [
        (RunState::Ok, Some(Rung::Proven), "proven", "proven", "ok"),
        (RunState::Ok, Some(Rung::Whole), "verified", "whole", "ok"),
        (RunState::Ok, Some(Rung::Opens), "opened", "opens", "ok"),
        (RunState::Ok, Some(Rung::Intact), "checked", "intact", "ok"),
        (RunState::Ok, None, "checked", "", "ok"),
    ] {
        assert_eq!(line(&checked(state, reached, None)), (outcome.into(), trust.into(), status.into(), json!([])));
        assert!(README.contains(&format!("`{outcome}`")), "the README names {outcome}");
    }
    let damaged = checked(RunState::Failed, Some(Rung::Opens), Some("damaged at byte 512"));
    let findings = json!([{ "code": "damaged", "text": "damaged at byte 512" }]);
    assert_eq!(line(&damaged), ("damaged".into(), "opens".into(), "failed".into(), findings));
    let wrong = checked(RunState::Unknown, None, Some("wrong_key"));
    assert_eq!(line(&wrong).0, "undecided");
}
