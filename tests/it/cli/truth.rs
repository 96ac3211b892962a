//! Pasts in which something is not as it should be, and what the whole program says of them: objects in folders, runs
//! of mysql-backup as a Collector writes them to a file, then `collect`, `check` and `history`.

use std::fs;
use std::time::{Duration, SystemTime};

use breakglass::model::units::Moment;
use serde_json::{Value, json};

use super::{Home, Run};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// What mysql-backup names its archive of that second.
fn archive(at: i64) -> String {
    format!("db_backup_{}Z.tgz", Moment(at * 1000).second().replace(' ', "T"))
}

fn day(at: i64) -> String {
    Moment(at * 1000).day()
}

/// Folders that are targets, and what telemetry told of them.
struct Story {
    home: Home,
    told: String,
    runs: u128,
}

/// One run of mysql-backup that took a minute.
#[derive(Clone)]
struct Told<'a> {
    began: i64,
    /// Folders or URLs that it wrote its archive into.
    into: Vec<&'a str>,
    databases: Vec<&'a str>,
    identity: &'a str,
    server: Option<&'a str>,
    bytes: usize,
    /// The prune of its first target failed, and so did the run.
    failed: bool,
    pruned: Vec<String>,
}

impl Default for Told<'_> {
    fn default() -> Self {
        let (identity, databases) = ("mysql:all:5c0e", vec!["shop"]);
        Self {
            began: 0,
            into: vec!["nas"],
            databases,
            identity,
            server: None,
            bytes: 2000,
            failed: false,
            pruned: vec![],
        }
    }
}

fn attribute(key: &str, value: &Value) -> Value {
    let value = match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
        Value::Array(all) => {
            json!({ "arrayValue": { "values": all.iter().map(|it| json!({ "stringValue": it })).collect::<Vec<_>>() } })
        }
        other => panic!("no attribute: {other}"),
    };
    json!({ "key": key, "value": value })
}

impl Story {
    fn new(targets: &[&str]) -> Self {
        let home = Home::new();
        let folders: Vec<_> = targets.iter().map(|name| home.path(name)).collect();
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let mut estate = "name = \"test\"\n".to_owned();
        for (name, folder) in targets.iter().zip(folders) {
            estate.push_str(&format!("[targets.{name}]\nurl = \"file://{}/\"\n", folder.display()));
        }
        home.estate(&estate);
        Self { home, told: String::new(), runs: 0 }
    }

    fn add_to_estate(&self, more: &str) {
        let estate = fs::read_to_string(self.home.path("estate.toml")).unwrap();
        self.home.estate(&format!("{estate}{more}"));
    }

    fn retention(&self, target: &str, keep: &str) {
        let estate = fs::read_to_string(self.home.path("estate.toml")).unwrap();
        let (head, more) = (format!("[targets.{target}]\n"), format!("[targets.{target}]\nretention = \"{keep}\"\n"));
        self.home.estate(&estate.replace(&head, &more));
    }

    fn lay(&self, place: &str, bytes: &[u8], written: i64) {
        let path = self.home.path(place);
        fs::write(&path, bytes).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(written.unsigned_abs());
        fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
    }

    fn url(&self, target: &str) -> String {
        if target.contains("://") { target.to_owned() } else { format!("file://{}", self.home.path(target).display()) }
    }

    fn tell(&mut self, run: &Told<'_>) {
        self.runs += 1;
        let trace = format!("{:032x}", self.runs);
        let span = |id: u8, parent: u8, name: &str, (from, to): (i64, i64), code: u8, attributes: Value| {
            let nanos = |seconds: i64| ((run.began + seconds) * 1_000_000_000).to_string();
            let parent = if parent == 0 { String::new() } else { format!("{parent:016x}") };
            let of = |(key, value): (&String, &Value)| attribute(key, value);
            let message = if code == 2 { "error running prune: no space left on device" } else { "" };
            json!({
                "traceId": trace, "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name, "kind": 1,
                "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(to),
                "attributes": attributes.as_object().unwrap().iter().map(of).collect::<Vec<_>>(),
                "status": { "code": code, "message": message },
            })
        };
        let status = if run.failed { "error" } else { "ok" };
        let mut root = json!({
            "backup.run_id": format!("u-{}", self.runs), "db.system": "mysql", "server.address": "db1",
            "server.port": 3306, "backup.protected_target.identity": run.identity, "backup.status": status,
            "backup.exit_code": i32::from(run.failed), "backup.bytes": run.bytes,
        });
        if let Some(server) = run.server {
            root["db.server.native_id"] = json!(server);
        }
        let dump = json!({ "target-filename": archive(run.began), "actual-schemas": run.databases });
        let mut spans = vec![
            span(1, 0, "run", (0, 60), if run.failed { 2 } else { 1 }, root),
            span(2, 1, "dump", (0, 55), 0, dump),
            span(3, 2, "database_dump", (1, 30), 1, json!({})),
            span(4, 2, "output_tar", (30, 40), 1, json!({ "backup.bytes": run.bytes })),
            span(5, 2, "upload", (40, 50), 1, json!({})),
        ];
        for (nth, target) in (10..).zip(&run.into) {
            let upload = json!({ "backup.target.type": "file", "backup.target.url": self.url(target) });
            spans.push(span(nth, 5, "upload", (40, 49), 1, upload));
        }
        if run.failed || !run.pruned.is_empty() {
            let prune = json!({ "candidates": run.pruned, "ignored": [] });
            let name = format!("pruneTarget {}", self.url(run.into[0]));
            spans.push(span(6, 1, "prune", (55, 59), 0, json!({})));
            spans.push(span(7, 6, &name, (55, 58), u8::from(!run.failed), prune));
        }
        let scope = json!({ "scope": { "name": "mysql-backup/dump" }, "spans": spans });
        let resource = json!({ "attributes": [attribute("service.name", &json!("unknown_service:mysql-backup"))] });
        let line = json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [scope] }] });
        self.told.push_str(&format!("{line}\n"));
    }

    /// A run, and its archive in each of its targets.
    fn left(&mut self, run: &Told<'_>) {
        self.tell(run);
        for target in &run.into {
            self.lay(&format!("{target}/{}", archive(run.began)), &vec![0x1f; run.bytes], run.began + 50);
        }
    }

    fn collect(&mut self) {
        fs::write(self.home.path("traces.json"), &self.told).unwrap();
        let collected = self.home.run(&["collect", "traces.json"]);
        assert_eq!(collected.code, 0, "{collected:?}");
    }

    /// What a monitor gets that asks how old the newest listed backup is.
    fn check(&self, more: &[&str]) -> Run {
        self.home.run(&[&["check", "--min-trust", "listed"][..], more].concat())
    }

    fn aged(&self, more: &[&str]) -> Run {
        self.check(&[&["--max-age", "26h"][..], more].concat())
    }

    fn history(&self) -> Vec<Value> {
        self.home.run(&["history", "--json", "--since", "90d"]).lines()
    }

    fn judged(&self) -> Vec<Value> {
        self.home.run(&["history", "--judgements", "--json", "--since", "90d"]).lines()
    }
}

fn codes(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["code"].as_str()).collect()
}

/// A plain dump, packed: some kilobytes that any tool can read.
fn packed_dump(rows: usize) -> Vec<u8> {
    let rows: String = (0..rows).map(|row| format!("INSERT INTO t VALUES ({});\n", row * 7919 % 100_003)).collect();
    let text = format!(
        "-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n{rows}-- Dump completed on 2026-11-21\n"
    );
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    std::io::Write::write_all(&mut packer, text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn a_name_with_a_date_and_no_time_is_as_old_as_its_object() {
    let today = now().div_euclid(DAY) * DAY;
    // Written at 23:00 each evening: at 22:30 the newest is a day old less half an hour, whatever its name says.
    let story = Story::new(&["nas"]);
    for ago in 0..29 {
        let written = now() - 10 * HOUR - ago * DAY;
        story.lay(&format!("nas/shop-{}.sql.gz", day(written)), &packed_dump(100), written);
    }
    let report = story.aged(&["--json"]).line();
    assert_eq!(report["state"], "ok", "{report}");
    let age = report["databases"][0]["age_seconds"].as_i64().unwrap();
    assert!((10 * HOUR..10 * HOUR + 600).contains(&age), "{report}");

    // At 02:01 each night, as its cron says.
    let story = Story::new(&["nas"]);
    story.add_to_estate("[series.shop]\nmatch = \"nas:shop-*\"\ndatabases = [\"shop\"]\ncron = \"0 2 * * *\"\n");
    let newest = if now() - today > 2 * HOUR + 60 { today } else { today - DAY };
    for ago in 0..30 {
        let written = newest - ago * DAY + 2 * HOUR + 60;
        story.lay(&format!("nas/shop-{}.sql.gz", day(written)), &packed_dump(100), written);
    }
    let answer = story.check(&[]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(!codes(&story.judged()).iter().any(|code| matches!(*code, "late" | "came_late" | "missing")));
}

#[test]
fn of_a_copied_file_only_the_day_in_its_name_is_known() {
    let today = now().div_euclid(DAY) * DAY;
    let story = Story::new(&["nas"]);
    story.add_to_estate("[series.shop]\nmatch = \"nas:shop-*\"\ndatabases = [\"shop\"]\ncron = \"0 2 * * *\"\n");
    for ago in 3..30 {
        story.lay(&format!("nas/shop-{}.sql.gz", day(today - ago * DAY)), &packed_dump(100), now() - 60);
    }
    let answer = story.aged(&[]);
    assert_eq!(answer.code, 2, "copied a minute ago, and of three days ago: {answer:?}");
    let judged = story.judged();
    assert!(!codes(&judged).iter().any(|code| matches!(*code, "came_late" | "missing")), "{judged:?}");
}

#[test]
fn objects_that_runs_name_and_that_are_gone_are_missed_though_another_series_has_the_database() {
    let mut story = Story::new(&["nas", "b"]);
    for ago in 0..20 {
        let began = now() - 1800 - ago * DAY;
        let dated = Moment(began * 1000).second().replace(' ', "T").replace(':', "");
        story.lay(&format!("b/shop-{dated}Z.sql.gz"), &packed_dump(10), began);
        story.tell(&Told { began, ..Told::default() });
    }
    story.lay(&format!("nas/audit-{}.sql.gz", day(now())), &packed_dump(10), now() - 600);
    story.collect();
    let answer = story.aged(&[]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("there is no copy on nas"), "{answer:?}");
    let answer = story.aged(&["--target", "nas"]);
    assert_eq!(answer.code, 2, "{answer:?}");
    assert!(answer.out.contains("shop: its runs say that they made backups, and none is there"), "{answer:?}");
    assert_eq!(story.aged(&["--target", "b"]).code, 0);
}

#[test]
fn a_copy_that_is_empty_damaged_or_a_rest_of_itself_is_told_beside_a_good_one() {
    let with = |newest: &[u8]| {
        let story = Story::new(&["nas", "b"]);
        for ago in 0..20 {
            let written = now() - 1800 - ago * DAY;
            let name = format!("shop-{}.sql.gz", day(written));
            story.lay(&format!("nas/{name}"), &packed_dump(500), written);
            let copy = if ago == 0 { newest.to_vec() } else { packed_dump(500) };
            story.lay(&format!("b/{name}"), &copy, written - 20);
        }
        story
    };
    let fine = with(&packed_dump(500)).aged(&[]);
    assert_eq!(fine.code, 0, "{fine:?}");
    let empty = with(b"").aged(&[]);
    assert_eq!(empty.code, 1, "{empty:?}");
    assert!(empty.out.contains("the newest on b") && empty.out.contains("damaged or empty"), "{empty:?}");
    let rest = with(&packed_dump(3)).aged(&[]);
    assert_eq!(rest.code, 1, "{rest:?}");
    assert!(rest.out.contains("on b: ") && rest.out.contains("smaller than usual"), "{rest:?}");
    let mut cut = packed_dump(500);
    cut.truncate(cut.len() - 9);
    let damaged = with(&cut);
    assert_eq!(damaged.home.run(&["verify", "--newest-of-each"]).code, 3);
    let answer = damaged.aged(&[]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("the newest on b") && answer.out.contains("damaged or empty"), "{answer:?}");
}

#[test]
fn runs_of_a_wrong_clock_hide_no_good_one() {
    let both = vec!["shop", "crm"];
    let told = |began: i64| Told { began, databases: both.clone(), ..Told::default() };
    let mut story = Story::new(&["nas"]);
    (1..30).for_each(|ago| story.left(&told(now() - HOUR - ago * DAY)));
    story.tell(&told(now() - HOUR));
    (0..200).for_each(|nth| story.tell(&told(now() + 3650 * DAY + nth * HOUR)));
    story.collect();
    let lines = story.history();
    let good = lines.iter().filter(|line| line["certainty"] == "exact" && line["status"] == "ok").count();
    assert!(good >= 15, "{good}");
    assert!(lines.iter().filter(|line| line["trust"] == "listed").count() == 29, "{lines:?}");
    let answer = story.check(&["--max-age", "40h"]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("says that it made a backup, which is not there"), "{answer:?}");
    let judged = story.judged();
    assert!(codes(&judged).contains(&"clock_skew"), "{judged:?}");
    let report = story.check(&["--max-age", "40h", "--json"]).line();
    let names: Vec<_> = report["databases"].as_array().unwrap().iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names, ["crm", "shop"]);
}

#[test]
fn a_run_of_1970_says_nothing_of_what_is_usual() {
    let mut story = Story::new(&["nas"]);
    (0..6).for_each(|ago| story.left(&Told { began: now() - HOUR - ago * DAY, ..Told::default() }));
    story.tell(&Told { began: 100, ..Told::default() });
    story.collect();
    let judged = story.judged();
    let wrong = |code: &&str| matches!(*code, "no_good_backup" | "missing" | "late");
    assert!(!codes(&judged).iter().any(wrong), "{judged:?}");
    assert_eq!(story.aged(&[]).code, 0);
}

#[test]
fn a_database_that_vanished_is_missed_for_a_month() {
    let gone_for = |runs: i64| {
        let mut story = Story::new(&["nas"]);
        for ago in 0..80 {
            let databases = if ago < runs { vec!["shop"] } else { vec!["shop", "crm"] };
            story.left(&Told { began: now() - 600 - ago * HOUR, databases, ..Told::default() });
        }
        story.collect();
        story
    };
    let story = gone_for(20);
    let answer = story.aged(&[]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("no longer in the backups: crm"), "{answer:?}");
    let judged = story.judged();
    let gone = judged.iter().find(|line| line["code"] == "database_vanished").expect("it is said");
    assert_eq!(gone["names"], json!(["crm"]));
    assert_eq!(gone["before"].as_u64(), Some(60), "{gone}");

    let answer = gone_for(60).aged(&["--json"]).line();
    let crm = answer["databases"].as_array().unwrap().iter().find(|it| it["name"] == "crm").expect("it is expected");
    assert_eq!(crm["state"], "critical", "{answer}");
}

#[test]
fn a_wrong_prune_stands_for_a_week_and_a_failure_keeps_its_reason() {
    let mut story = Story::new(&["nas"]);
    story.retention("nas", "30d");
    for ago in 0..60 {
        let began = now() - 600 - ago * HOUR;
        let pruned = if ago == 40 { vec![archive(began - 2 * DAY)] } else { vec![] };
        story.left(&Told { began, pruned, failed: ago == 50, ..Told::default() });
    }
    story.collect();
    let judged = story.judged();
    let wrong = judged.iter().find(|line| line["code"] == "pruned_wrongly").unwrap_or_else(|| panic!("{judged:?}"));
    assert!(wrong["until"].is_null(), "{wrong}");
    let failed = judged.iter().find(|line| line["code"] == "failed").unwrap_or_else(|| panic!("{judged:?}"));
    assert!(failed["text"].as_str().unwrap().contains("no space left on device"), "{failed}");
}

/// Two servers that write under the default pattern into one target; the second stopped so many days ago.
fn two_servers(databases: [&str; 2], stopped: i64, ids: bool) -> Story {
    let mut story = Story::new(&["nas"]);
    for ago in 0..30 {
        for (nth, server, identity) in [(0, "aaaa", "mysql:all:aaaa"), (1, "bbbb", "mysql:all:bbbb")] {
            let began = now() - HOUR - ago * DAY + 600 * nth;
            let databases = vec![databases[usize::try_from(nth).unwrap()]];
            if nth == 0 || ago >= stopped {
                let server = Some(server).filter(|_| ids);
                story.left(&Told { began, databases, identity, server, ..Told::default() });
            }
        }
    }
    story.collect();
    story
}

#[test]
fn two_servers_in_one_target_under_one_pattern_are_two() {
    for (databases, ids) in [(["shop", "crm"], false), (["shop", "shop"], true)] {
        let fine = two_servers(databases, 0, ids);
        let answer = fine.aged(&[]);
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(answer.out.contains("2 of 2 databases"), "{answer:?}");
        let text = fine.home.run(&["history"]).out;
        assert_eq!(text.matches("daily").count(), 2, "{text}");
        let stopped = two_servers(databases, 12, ids);
        let answer = stopped.aged(&[]);
        assert_eq!(answer.code, 2, "{answer:?}");
        let name = if ids { "shop of server bbbb" } else { "crm" };
        assert!(answer.out.contains(&format!("CRITICAL: {name}: the newest on nas is 12d old")), "{answer:?}");
    }
}

#[test]
fn one_server_that_got_another_identity_is_still_one() {
    let mut story = Story::new(&["nas"]);
    for ago in 0..30 {
        let identity = if ago >= 12 { "mysql:all:aaaa" } else { "mysql:all:bbbb" };
        story.left(&Told { began: now() - HOUR - ago * DAY, identity, ..Told::default() });
    }
    story.collect();
    let answer = story.aged(&[]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.out.contains("1 of 1 databases"), "{answer:?}");
}

#[test]
fn runs_into_another_place_are_an_alarm_once_they_are_old() {
    let with = |ago: i64| {
        let mut story = Story::new(&["nas"]);
        story.lay(&format!("nas/audit-{}.sql.gz", day(now())), &packed_dump(10), now() - 600);
        for nth in 0..20 {
            story.tell(&Told {
                began: now() - HOUR - (ago + nth) * DAY,
                into: vec!["s3://elsewhere/x"],
                ..Told::default()
            });
        }
        story.collect();
        story
    };
    assert_eq!(with(0).aged(&[]).code, 1);
    for more in [&[][..], &["--max-age", "26h"]] {
        let answer = with(60).check(more);
        assert_eq!(answer.code, 2, "{answer:?}");
        assert!(answer.out.contains("its runs wrote into no target of this estate, the newest 60d ago"), "{answer:?}");
    }
}

#[test]
fn a_run_that_failed_and_left_its_backup_says_so() {
    let mut story = Story::new(&["nas"]);
    (0..30).for_each(|ago| story.left(&Told { began: now() - 600 - ago * DAY, failed: true, ..Told::default() }));
    story.collect();
    let lines = story.history();
    assert_eq!(lines.len(), 30, "each run once");
    let said = |line: &Value| line["findings"].as_array().unwrap().iter().any(|it| it["code"] == "run_failed");
    assert!(
        lines.iter().all(|line| line["outcome"] == "made" && line["status"] == "failed" && said(line)),
        "{lines:?}"
    );
    let judged = story.judged();
    assert!(codes(&judged).contains(&"repeated_failure"), "{judged:?}");
    let answer = story.aged(&[]);
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.out.contains("no space left on device"), "{answer:?}");
}

#[test]
fn every_backup_has_its_own_figure_in_what_is_said_of_it() {
    let mut story = Story::new(&["nas"]);
    for ago in 0..40_i64 {
        let bytes = match ago {
            0 => 200_000,
            1 => 50_000,
            _ => 30_000 + usize::try_from(ago * 37 % 11).unwrap() * 30,
        };
        story.left(&Told { began: now() - 600 - ago * DAY, bytes, ..Told::default() });
    }
    story.collect();
    let lines = story.history();
    let said = |bytes: u64| {
        let line = lines.iter().find(|line| line["bytes"].as_u64() == Some(bytes)).unwrap();
        line["findings"][0]["text"].as_str().unwrap_or_default().to_owned()
    };
    assert!(said(50_000).contains("65% larger"), "{}", said(50_000));
    assert!(said(200_000).contains("6.6 times larger"), "{}", said(200_000));
}

#[test]
fn every_name_that_a_prune_removed_is_judged_beside_the_rule_of_its_own_target() {
    let judged = |target: &str, failed: bool, old: i64| {
        let mut story = Story::new(&["nas", "b"]);
        story.retention("nas", "30d");
        story.retention("b", "1d");
        let began = now() - HOUR;
        story.left(&Told { began: began - DAY, into: vec!["nas", "b"], ..Told::default() });
        let old = (0..old).map(|nth| archive(began - 60 * DAY - nth * HOUR));
        let pruned = old.chain((0..30).map(|nth| archive(began - 2 * DAY - nth * HOUR))).collect();
        story.left(&Told { began, into: vec![target], pruned, failed, ..Told::default() });
        story.collect();
        let lines = story.judged();
        let wrong = lines.iter().filter(|line| line["code"] == "pruned_wrongly");
        wrong
            .map(|line| (line["target"].as_str().unwrap().to_owned(), line["removed"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(judged("nas", false, 10), [("nas".to_owned(), 30)]);
    assert_eq!(judged("nas", false, 64), [("nas".to_owned(), 30)], "beyond the first 64 names too");
    assert_eq!(judged("nas", true, 10), [("nas".to_owned(), 30)], "a prune that failed half way removed some");
    assert!(judged("b", false, 10).is_empty(), "that is what b is to keep");
}
