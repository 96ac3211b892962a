//! Catalogs and runs for the tests of joining, judging and checking.

use std::collections::HashMap;
use std::sync::Arc;

use crate::disk::estate::SeriesRule;
use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Named, ObjectRef, Run, RunBrief, RunId, RunKind, RunSeries, RunState, Tool};
use crate::model::target::{FileLocation, History, Location, Object, Stamp, Target, TargetName};
use crate::model::trust::{Answer, Inside, Proof, Rung, VerdictOutcome, Voucher};
use crate::model::units::Moment;
use crate::work::catalog::{Beside, Catalog, Listing, Names, Ruled, TargetState, TargetView, assemble_named, publish};
use crate::work::history::rows::{Depth, Sources, build};
use crate::work::history::seen::seen;
use crate::work::history::view::HistoryView;

pub const DAY: i64 = 86_400_000;
pub const MINUTE: i64 = 60_000;

pub fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

/// 2026-11-21 08:00, always.
pub fn now() -> Moment {
    at("2026-11-21 08:00")
}

pub fn target(name: &str) -> Target {
    let location = Location::File(FileLocation { root: format!("/srv/{name}").into() });
    Target { name: TargetName::new(name).unwrap(), location, expect_key: None }
}

/// A backup as it lies in a target.
#[derive(Clone)]
pub struct Lies {
    pub key: String,
    pub size: u64,
    pub written: Moment,
    pub proof: Option<(VerdictOutcome, Rung)>,
    /// The databases that its verification saw.
    pub inside: Vec<&'static str>,
}

/// `dbacked_shop_211120260300` of so many nights up to the newest at 03:00, four megabytes, written eleven minutes later.
pub fn nightly(database: &str, nights: i64, newest: &str) -> Vec<Lies> {
    let newest = at(newest);
    let one = |ago: i64| {
        let taken = Moment(newest.0 - ago * DAY);
        let minute = taken.minute();
        let (y, m, d, clock) = (&minute[..4], &minute[5..7], &minute[8..10], minute[11..].replace(':', ""));
        let size = (4 << 20) + u64::try_from(ago * 37 % 11).unwrap() * 1000;
        let written = Moment(taken.0 + 11 * MINUTE);
        Lies { key: format!("dbacked_{database}_{d}{m}{y}{clock}"), size, written, proof: None, inside: vec![] }
    };
    (0..nights).rev().map(one).collect()
}

/// The same, all of them proven whole by what DBacked recorded.
pub fn whole(mut lies: Vec<Lies>) -> Vec<Lies> {
    lies.iter_mut().for_each(|lies| lies.proof = Some((VerdictOutcome::Ok, Rung::Whole)));
    lies
}

fn proof(outcome: VerdictOutcome, reached: Rung, stamp: &Stamp) -> Proof {
    let mut rungs = [Answer::Unknown; 5];
    rungs[..=reached as usize].fill(Answer::Yes);
    let json = serde_json::json!({
        "stamp": stamp, "at": now(), "program": "0.1.0", "tried": "whole", "rungs": rungs,
        "content": Voucher::Hash, "outcome": outcome, "checks": [], "findings": [],
        "bytes_in": 0, "bytes_out": 0, "millis": 0, "mib_digests": "",
    });
    serde_json::from_value(json).unwrap()
}

/// A catalog of these targets, all of them listed; a name with `!` behind it could not be.
pub fn catalog(targets: &[(&str, Vec<Lies>)]) -> Catalog {
    catalog_by(targets, &[])
}

/// The same in an estate with these rules.
pub fn catalog_by(targets: &[(&str, Vec<Lies>)], rules: &[SeriesRule]) -> Catalog {
    let ruled = Ruled::all(rules);
    let names = Names { ruled: &ruled, ..Names::default() };
    let mut backups = vec![];
    let mut views = vec![];
    for (name, lies) in targets {
        let (name, state) = match name.strip_suffix('!') {
            Some(name) => {
                let report = crate::report::Report::new(
                    crate::report::Fault::Unreachable,
                    "target::gone",
                    "no route to host",
                    "",
                );
                (name, TargetState::Failed(report))
            }
            None => (*name, TargetState::Listed { objects: lies.len() }),
        };
        let target = target(name);
        let object = |lies: &Lies| Object {
            key: Foreign::from(lies.key.as_str()),
            stamp: Stamp { size: lies.size, modified: Some(lies.written), ..Stamp::default() },
            history: History::Current,
            storage: Default::default(),
        };
        let mut listing = Listing::default();
        listing.take(lies.iter().map(object).collect());
        let proven: HashMap<Stamp, Proof> = lies
            .iter()
            .filter_map(|lies| {
                let (outcome, rung) = lies.proof?;
                let mut proof = proof(outcome, rung, &object(lies).stamp);
                let databases = lies.inside.iter().map(|name| Foreign::from(*name)).collect();
                proof.inside = (!lies.inside.is_empty()).then(|| Inside { databases, ..Inside::default() });
                Some((proof.stamp.clone(), proof))
            })
            .collect();
        let standing = |_: &_, stamp: &Stamp| proven.get(stamp).cloned();
        let known = Beside { look: &|_, _| None, proof: &standing, keys: &[], proof_max_age: i64::MAX, now: now() };
        backups.extend(assemble_named(&target, &listing, &known, names));
        views.push(TargetView { name: target.name.clone(), url: target.canonical_url(), state });
    }
    publish(backups, views, now(), 0)
}

/// A run of mysql-backup that began then, took eleven minutes and left something in `nas`.
pub fn run(series: &str, began: Moment, state: RunState) -> Run {
    let id = RunId::of("sample", &[series.as_bytes(), &began.0.to_le_bytes()]);
    let mut run = Run::new(id, RunKind::Backup, Tool::Databacker, Feed::Otlp, series);
    (run.started, run.ended, run.state) = (Some(began), Some(Moment(began.0 + 11 * MINUTE)), state);
    run
}

/// The same, with the object that it says it left.
pub fn leaving(mut run: Run, target: &str, key: &str) -> Run {
    let (target, name) = (Some(Foreign::from(format!("file:///srv/{target}"))), Some(Foreign::from(key)));
    run.objects = vec![ObjectRef { target, name, ..ObjectRef::default() }];
    run
}

/// The past, as these runs and this catalog tell it.
pub fn history(catalog: &Catalog, runs: &[Run], rules: &[SeriesRule]) -> HistoryView {
    history_at(catalog, runs, rules, now())
}

pub fn history_at(catalog: &Catalog, runs: &[Run], rules: &[SeriesRule], now: Moment) -> HistoryView {
    history_after(&Catalog::default(), catalog, (runs, rules), now)
}

/// The past, where `before` is what was listed at some time before.
pub fn history_after(
    before: &Catalog,
    catalog: &Catalog,
    (runs, rules): (&[Run], &[SeriesRule]),
    now: Moment,
) -> HistoryView {
    let mut runs = runs.to_vec();
    runs.sort_by_key(Run::at);
    let mut briefs: HashMap<Foreign, Vec<RunBrief>> = HashMap::new();
    for run in &runs {
        let brief = RunBrief {
            id: run.id.clone(),
            series: run.series.clone(),
            kind: run.kind,
            tool: run.tool,
            feed: run.feed,
            at: run.at(),
            started: run.started,
            ended: run.ended,
            state: run.state,
            bytes: run.bytes,
            inside: Named::of(run).map(Arc::new),
            pruned: run.pruned.iter().map(|pruned| pruned.candidate_count).sum(),
        };
        briefs.entry(run.series.clone()).or_default().push(brief);
    }
    let told = briefs.iter().map(|(name, briefs)| RunSeries {
        name: name.clone(),
        tool: briefs[0].tool,
        runs: briefs.len() as u64,
        first: None,
        last: None,
        last_ok: None,
        days: vec![],
    });
    let told = told.collect();
    let named = |briefs: &Vec<RunBrief>| briefs.iter().filter_map(|brief| brief.inside.clone()).collect();
    let named = briefs.iter().map(|(name, briefs)| (name.clone(), named(briefs))).collect();
    runs.reverse();
    let keep = |_: &_| None;
    let (good_within, depth) = (7 * DAY, Depth::All);
    build(&Sources {
        catalog,
        rules,
        keep: &keep,
        was_good: &|_, key| key.to_string().contains("-15T"),
        told,
        briefs,
        newest: runs,
        named,
        seen: seen(before),
        good_within,
        depth,
        now,
    })
}

/// What the estate expects of shop, at 03:00 UTC.
pub fn rule(name: &str, pattern: &str, databases: &[&str]) -> SeriesRule {
    SeriesRule {
        name: name.into(),
        pattern: pattern.into(),
        databases: databases.iter().map(|name| (*name).to_owned()).collect(),
        cron: Some("0 3 * * *".into()),
        tz: None,
    }
}
