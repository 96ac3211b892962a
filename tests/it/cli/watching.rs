//! `check` and `history`: what a monitor reads, and what an operator reads after it.

use std::fs;
use std::time::{Duration, SystemTime};

use breakglass::model::units::Moment;

use super::{Home, Run, fields};

const DAY: u64 = 86_400;

fn dump(rows: usize) -> String {
    let rows = "INSERT INTO t VALUES (1);\n".repeat(rows);
    format!("-- MySQL dump 10.13  Distrib 9.7.4\n\nCREATE TABLE t (id int);\n{rows}-- Dump completed on 2026-11-21\n")
}

/// The day so many days ago, as names have it.
fn day(ago: u64) -> String {
    let then = SystemTime::now() - Duration::from_secs(ago * DAY);
    let millis = then.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    Moment(i64::try_from(millis).unwrap()).day()
}

fn night(home: &Home, name: &str, ago: u64, text: &str) {
    let path = home.path(&format!("nas/{name}-{}.sql", day(ago)));
    fs::write(&path, text).unwrap();
    let then = SystemTime::now() - Duration::from_secs(ago * DAY);
    fs::File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
}

/// Twenty nights of two databases in one folder, the newest of today.
fn home() -> Home {
    let home = Home::new();
    fs::create_dir(home.path("nas")).unwrap();
    for ago in 0..20 {
        night(&home, "shop", ago, &dump(100));
        night(&home, "crm", ago, &dump(40));
    }
    home.estate(&format!("name = \"test\"\n[targets.nas]\nurl = \"file://{}/\"\n", home.path("nas").display()));
    home
}

fn check(home: &Home, more: &[&str]) -> Run {
    home.run(&[&["check", "--max-age", "26h"][..], more].concat())
}

#[test]
fn a_monitor_gets_one_line_and_its_own_exit_codes() {
    let home = home();
    let fine = check(&home, &["--min-trust", "listed"]);
    assert_eq!((fine.code, fine.out.lines().count()), (0, 1), "{fine:?}");
    assert!(fine.out.starts_with("OK: 2 of 2 databases fresh and trusted"), "{fine:?}");
    assert!(fine.out.contains("'shop age'=") && fine.out.contains("s;;93600;0;"), "{fine:?}");

    let unproven = check(&home, &[]);
    assert_eq!(unproven.code, 1, "{unproven:?}");
    assert!(
        unproven.out.starts_with("WARNING: ") && unproven.out.contains("is only listed; none is whole"),
        "{unproven:?}"
    );

    for ago in 0..3 {
        fs::remove_file(home.path(&format!("nas/shop-{}.sql", day(ago)))).unwrap();
    }
    let deleted = check(&home, &["--min-trust", "listed"]);
    assert_eq!(deleted.code, 2, "the listing of a minute ago counts for nothing: {deleted:?}");
    assert!(deleted.out.starts_with("CRITICAL: shop: the newest on nas is 3d old"), "{deleted:?}");
    assert_eq!(check(&home, &["--min-trust", "listed", "--series", "crm"]).code, 0);
}

#[test]
fn everything_that_keeps_it_from_answering_is_unknown() {
    let home = home();
    for wrong in [&["--max-age", "soon"][..], &["--target", "offsite"], &["--min-trust", "good"], &["--unheard-of"]] {
        let run = home.run(&[&["check"][..], wrong].concat());
        assert_eq!(run.code, 3, "{wrong:?}: {run:?}");
        assert!(run.out.starts_with("UNKNOWN: ") && run.out.lines().count() == 1, "{wrong:?}: {run:?}");
        let json = home.run(&[&["check", "--json"][..], wrong].concat());
        assert_eq!((json.code, json.out.as_str()), (3, ""), "{wrong:?}: {json:?}");
    }
    let estate = fs::read_to_string(home.path("estate.toml")).unwrap();
    home.estate(&format!("{estate}[targets.gone]\nurl = \"file:///nonexistent/folder/\"\n"));
    let run = check(&home, &["--min-trust", "listed"]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(run.out.starts_with("UNKNOWN: gone could not be listed: "), "{run:?}");
    assert_eq!(check(&home, &["--min-trust", "listed", "--target", "nas"]).code, 0);
    home.estate("name = 3\n");
    let run = home.run(&["check"]);
    assert_eq!((run.code, run.out.starts_with("UNKNOWN: ")), (3, true), "{run:?}");
}

#[test]
fn a_line_that_cannot_be_written_is_never_fine() {
    let home = home();
    let full = |more: &[&str]| {
        let mut command = home.command(&[&["check", "--max-age", "26h", "--min-trust", "listed"][..], more].concat());
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        command.stdout(full).status().unwrap().code()
    };
    assert_eq!(full(&[]), Some(3));
    assert_eq!(full(&["--series", "wiki"]), Some(2), "what is critical stays that");
    assert_eq!(full(&["--target", "offsite"]), Some(3));
}

#[test]
fn only_the_targets_that_were_asked_for_are_reached() {
    let home = home();
    let far = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let estate = fs::read_to_string(home.path("estate.toml")).unwrap();
    let endpoint = far.local_addr().unwrap();
    home.estate(&format!(
        "{estate}[targets.far]\nurl = \"s3://bucket/\"\nregion = \"us-east-1\"\nendpoint = \"http://{endpoint}\"\n"
    ));
    let run = check(&home, &["--min-trust", "listed", "--target", "nas"]);
    assert_eq!(run.code, 0, "{run:?}");
    far.set_nonblocking(true).unwrap();
    assert!(far.accept().is_err(), "nobody had asked for that target");
    let estate = home.path("estate.toml").display().to_string();
    assert_eq!(home.run(&["--estate", &estate, "check", "--typo"]).code, 3);
}

#[test]
fn a_verified_backup_is_trusted_and_a_damaged_one_is_not() {
    let home = home();
    // A plain dump carries nothing that vouches for its content, a compressed one does.
    for name in ["shop", "crm"] {
        for ago in 0..20 {
            let path = home.path(&format!("nas/{name}-{}.sql", day(ago)));
            let packed = std::process::Command::new("gzip").arg("-n").arg(&path).status().unwrap();
            assert!(packed.success());
        }
    }
    let verified = home.run(&["verify", "--newest-of-each"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let fine = check(&home, &[]);
    assert_eq!(fine.code, 0, "{fine:?}");
    let newest = home.path(&format!("nas/shop-{}.sql.gz", day(0)));
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&newest, bytes).unwrap();
    let changed = check(&home, &["--series", "shop"]);
    assert_eq!(changed.code, 1, "what was proven is not what is there: {changed:?}");
    assert_eq!(home.run(&["verify", "--newest-of-each"]).code, 3);
    let recent = home.run(&["check", "--max-age", "12h", "--series", "shop"]);
    assert_eq!(recent.code, 2, "the one before it is a day old: {recent:?}");
    let older = check(&home, &["--series", "shop"]);
    assert_eq!((older.code, older.out.contains("is damaged or empty")), (1, true), "{older:?}");
}

#[test]
fn the_answer_in_json_has_every_database_and_target() {
    let run = check(&home(), &["--json"]);
    let line = run.line();
    assert_eq!(fields(&line), ["at", "databases", "history", "remarks", "state", "targets", "words"]);
    assert_eq!((line["state"].as_str(), line["databases"].as_array().unwrap().len()), (Some("warning"), 2));
    assert_eq!(
        fields(&line["databases"][0]),
        [
            "age_seconds",
            "id",
            "max_age_seconds",
            "name",
            "newest_at",
            "reasons",
            "size_bytes",
            "state",
            "target",
            "trust",
            "trusted_at"
        ]
    );
    assert_eq!(line["targets"][0]["listed"], true);
}

#[test]
fn the_past_reads_in_eighty_columns_and_in_documented_fields() {
    let home = home();
    for gone in [4, 9] {
        fs::remove_file(home.path(&format!("nas/shop-{}.sql", day(gone)))).unwrap();
    }
    night(&home, "crm", 2, &dump(3));
    let text = home.run(&["history"]);
    assert_eq!(text.code, 0, "{text:?}");
    assert!(text.out.lines().all(|line| line.chars().count() <= 80), "{}", text.out);
    assert!(text.out.contains("oooooooooo-oooo-oooo"), "{}", text.out);
    assert!(text.out.contains("ooooooooooooooooo!oo"), "{}", text.out);
    assert!(text.out.contains("- missing") && text.out.contains("! odd"), "{}", text.out);

    let lines = home.run(&["history", "--json", "--series", "crm"]).lines();
    assert_eq!(lines.len(), 20);
    let documented = [
        "bytes",
        "certainty",
        "database",
        "ended_at",
        "findings",
        "kind",
        "object_id",
        "outcome",
        "run_id",
        "seconds",
        "series",
        "started_at",
        "status",
        "target",
        "trust",
    ];
    assert!(lines.iter().all(|line| fields(line) == documented), "{:?}", fields(&lines[0]));
    let odd: Vec<_> = lines.iter().filter(|line| !line["findings"].as_array().unwrap().is_empty()).collect();
    assert_eq!((odd.len(), odd[0]["findings"][0]["code"].as_str()), (1, Some("shrunk")));

    let judged = home.run(&["history", "--judgements", "--json", "--series", "shop"]).lines();
    let missing: Vec<_> = judged.iter().filter(|line| line["code"] == "missing").collect();
    assert_eq!((missing.len(), missing[0]["count"].as_u64()), (2, Some(1)), "{judged:?}");
    let unknown = home.run(&["history", "--series", "nothing"]);
    assert_eq!(unknown.code, 2, "{unknown:?}");
    let run = home.run(&["history", "--run", "abc"]);
    assert_eq!((run.code, run.err.contains("no run abc")), (2, true), "{run:?}");
}

#[test]
fn nothing_and_hostile_names_and_a_broken_store_are_all_answered() {
    let home = Home::new();
    let bare = home.run(&["history"]);
    assert_eq!((bare.code, bare.out.as_str()), (0, "No backup is listed and no run was told of.\n"), "{bare:?}");
    assert_eq!(home.run(&["history", "--json"]).out, "");
    assert_eq!(home.run(&["history", "--judgements"]).out, "Nothing is late, failed, or beyond its habit.\n");
    let none = home.run(&["check"]);
    assert_eq!((none.code, none.out.lines().count()), (2, 1), "{none:?}");

    let home = self::home();
    let hostile = "x\u{1b}[31m|'=\n\u{202e}y-2026-11-20.sql";
    fs::write(home.path("nas").join(hostile), dump(3)).unwrap();
    for args in
        [&["check"][..], &["history"], &["history", "--runs"], &["history", "--judgements"], &["history", "--json"]]
    {
        let run = home.run(args);
        assert!(!run.out.contains(['\u{1b}', '\u{202e}']), "{args:?}: {run:?}");
    }
    let line = home.run(&["check"]).out;
    assert_eq!((line.lines().count(), line.matches('|').count()), (1, 1), "{line}");

    let state = home.path("state");
    let estate = fs::read_dir(&state).unwrap().flatten().find(|entry| entry.path().join("schema").exists()).unwrap();
    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(estate.path().join(format!("history.sqlite{end}")));
    }
    fs::write(estate.path().join("history.sqlite"), "this is no database, whatever its name says").unwrap();
    let checked = check(&home, &["--min-trust", "listed", "--series", "shop"]);
    // Telemetry makes no backup and its loss takes none away, but what it would have said against one is not known.
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.out.contains("the history of runs cannot be read"), "{checked:?}");
    let json = check(&home, &["--min-trust", "listed", "--series", "shop", "--json"]).line();
    assert_eq!((json["history"].as_str(), json["databases"][0]["state"].as_str()), (Some("unreadable"), Some("ok")));
    let history = home.run(&["history", "--json"]);
    assert_eq!((history.code == 0, history.out.as_str()), (false, ""), "{history:?}");
    assert!(!history.error_code().is_empty());
}

/// One run of mysql-backup as an OpenTelemetry Collector writes it to a file.
fn told(target: &str, name: &str, began: u64) -> String {
    let nanos = |seconds: u64| ((began + seconds) * 1_000_000_000).to_string();
    let text = |key: &str, value: &str| serde_json::json!({ "key": key, "value": { "stringValue": value } });
    let span = |id: u8, parent: &str, name: &str, (from, to), attributes: Vec<serde_json::Value>| {
        serde_json::json!({
            "traceId": "5b8aa5a2d2c872e8321cf37308d69df2", "spanId": format!("{id:016x}"), "parentSpanId": parent,
            "name": name, "kind": 1, "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(to),
            "attributes": attributes, "status": { "code": 1 },
        })
    };
    let spans = [
        span(
            1,
            "",
            "run",
            (0, 40),
            vec![text("backup.run_id", "5c0e0f6e-1d2b-4a5b-9c3a-2f0b1c2d3e4f"), text("backup.status", "ok")],
        ),
        span(2, "0000000000000001", "dump", (1, 39), vec![text("target-filename", name)]),
        span(3, "0000000000000002", "upload", (20, 38), vec![]),
        span(
            4,
            "0000000000000003",
            "upload",
            (20, 38),
            vec![text("backup.target.type", "file"), text("backup.target.url", target)],
        ),
    ];
    let scope = serde_json::json!({ "scope": { "name": "mysql-backup/dump" }, "spans": spans });
    let resource = serde_json::json!({ "attributes": [text("service.name", "unknown_service:mysql-backup")] });
    format!("{}\n", serde_json::json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [scope] }] }))
}

#[test]
fn a_run_is_joined_to_what_it_left_and_missed_when_that_is_gone() {
    let home = Home::new();
    fs::create_dir(home.path("nas")).unwrap();
    home.estate(&format!("name = \"test\"\n[targets.nas]\nurl = \"file://{}/\"\n", home.path("nas").display()));
    let began = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() - 3600;
    let minute = Moment(i64::try_from(began).unwrap() * 1000).second().replace(' ', "T");
    let name = format!("db_backup_{minute}Z.tgz");
    fs::write(home.path("nas").join(&name), vec![0x1f; 2000]).unwrap();
    fs::write(home.path("traces.json"), told(&format!("file://{}", home.path("nas").display()), &name, began)).unwrap();
    let collected = home.run(&["collect", "traces.json"]);
    assert_eq!(collected.code, 0, "{collected:?}");

    let line = home.run(&["history", "--json"]).line();
    assert_eq!((line["status"].as_str(), line["certainty"].as_str()), (Some("ok"), Some("exact")), "{line}");
    let id = line["run_id"].as_str().unwrap().to_owned();
    let run = home.run(&["history", "--run", &id]);
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.out.contains("exact)") && run.out.contains(&name), "{}", run.out);
    let upload = run.out.lines().filter(|line| line.trim_start().starts_with("upload")).count();
    assert!(upload == 2 && run.out.contains('='), "{}", run.out);
    let json = home.run(&["history", "--run", &id[..8], "--json"]).line();
    assert_eq!(
        (json["waterfall"].as_array().unwrap().len(), json["left"][0]["certainty"].as_str()),
        (4, Some("exact"))
    );

    fs::remove_file(home.path("nas").join(&name)).unwrap();
    let gone = home.run(&["history", "--run", &id]);
    assert!(gone.out.contains("where that is no longer"), "{}", gone.out);
    let checked = home.run(&["check", "--min-trust", "listed"]);
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.out.contains("the 1 backup on nas is gone"), "{checked:?}");
    assert!(checked.out.contains("says that it made a backup, which is not there"), "{checked:?}");
}

/// All files of one database are gone.
fn wipe(home: &Home, name: &str) {
    let named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(name);
    let files = fs::read_dir(home.path("nas")).unwrap().flatten().filter(named);
    files.for_each(|entry| fs::remove_file(entry.path()).unwrap());
}

fn listed(home: &Home, more: &[&str]) -> Run {
    check(home, &[&["--min-trust", "listed"][..], more].concat())
}

#[test]
fn what_was_wiped_is_critical_until_somebody_says_that_it_was_meant() {
    let home = home();
    assert_eq!(listed(&home, &[]).code, 0);
    wipe(&home, "crm");
    for _ in 0..2 {
        let wiped = listed(&home, &[]);
        assert_eq!(wiped.code, 2, "neither telemetry nor a rule knew of them: {wiped:?}");
        assert!(wiped.out.starts_with("CRITICAL: crm: all 20 backups on nas are gone"), "{wiped:?}");
    }
    assert_eq!(listed(&home, &["--series", "shop"]).code, 0);
    assert_eq!(listed(&home, &["--series", "c*", "--target", "nas"]).code, 2);
    // Another name for the same place is no other place.
    let estate = fs::read_to_string(home.path("estate.toml")).unwrap();
    home.estate(&estate.replace("targets.nas", "targets.vault"));
    assert!(listed(&home, &[]).out.contains("crm: all 20 backups on vault are gone"), "{:?}", listed(&home, &[]));
    home.estate(&estate);
    let past = home.run(&["history"]);
    assert!(past.out.contains("all 20 backups on nas are gone"), "{}", past.out);
    let judged = home.run(&["history", "--judgements", "--json", "--series", "crm"]).lines();
    assert_eq!((judged[0]["code"].as_str(), judged[0]["backups"].as_u64()), (Some("wiped"), Some(20)), "{judged:?}");

    let wrong = listed(&home, &["--forget", "nas:nothing"]);
    assert_eq!((wrong.code, wrong.err.contains("nas:crm")), (3, true), "{wrong:?}");
    let there = listed(&home, &["--forget", "nas:shop"]);
    assert_eq!(there.code, 3, "what is there is not forgotten: {there:?}");
    assert_eq!(listed(&home, &["--forget", "nas:crm"]).code, 0);
    assert_eq!(listed(&home, &[]).code, 0);
    let audit = home.run(&["audit", "--json"]);
    assert!(audit.out.contains("check.forget") && audit.out.contains("nas:crm"), "{audit:?}");
    night(&home, "crm", 0, &dump(40));
    assert_eq!(listed(&home, &[]).code, 0, "and what comes back is known again");
    wipe(&home, "crm");
    assert!(listed(&home, &[]).out.contains("crm: the 1 backup on nas is gone"), "{:?}", listed(&home, &[]));
}

#[test]
fn what_is_meant_to_come_no_more_is_not_asked_about_until_it_comes() {
    let home = home();
    night(&home, "legacy", 300, &dump(10));
    let stale = listed(&home, &[]);
    assert_eq!(stale.code, 2, "{stale:?}");
    assert!(stale.out.contains("if no more are meant to come: --retire nas:legacy"), "{stale:?}");
    let wrong = listed(&home, &["--retire", "nas:nothing"]);
    assert_eq!(wrong.code, 3, "{wrong:?}");
    let retired = listed(&home, &["--retire", "nas:legacy"]);
    assert_eq!((retired.code, retired.err.contains("retired: nas:legacy: 1 backup")), (0, true), "{retired:?}");
    for more in [&[][..], &["--series", "legacy"], &["--target", "nas"]] {
        let fine = listed(&home, more);
        assert_eq!((fine.code, fine.out.contains("1 series retired")), (0, true), "{fine:?}");
    }
    assert!(home.run(&["audit", "--json"]).out.contains("check.retire"));
    let past = home.run(&["history", "--judgements", "--json", "--series", "legacy"]).lines();
    assert!(past.iter().all(|line| !["late", "no_good_backup"].contains(&line["code"].as_str().unwrap())), "{past:?}");
    let strip = home.run(&["history", "--series", "legacy"]);
    assert!(!strip.out.contains("- missing"), "{}", strip.out);
    // It is missed where it is gone, and asked about again once one comes.
    night(&home, "legacy", 3, &dump(10));
    assert_eq!(listed(&home, &[]).code, 2);
    assert_eq!(listed(&home, &["--retire", "*:leg*"]).code, 0);
    wipe(&home, "legacy");
    let wiped = listed(&home, &[]);
    assert_eq!((wiped.code, wiped.out.contains("all 2 backups on nas are gone")), (2, true), "{wiped:?}");
    assert_eq!(listed(&home, &["--forget", "nas:legacy"]).code, 0);
}

#[test]
fn a_target_in_which_nothing_lies_any_more_is_critical_whatever_lay_in_it() {
    let home = home();
    fs::create_dir(home.path("etc")).unwrap();
    fs::write(home.path("etc/notes.txt"), "no backup of any kind").unwrap();
    let estate = fs::read_to_string(home.path("estate.toml")).unwrap();
    home.estate(&format!("{estate}[targets.etc]\nurl = \"file://{}/\"\n", home.path("etc").display()));
    assert_eq!(listed(&home, &[]).code, 0);
    fs::remove_file(home.path("etc/notes.txt")).unwrap();
    let empty = listed(&home, &[]);
    assert_eq!(empty.code, 2, "{empty:?}");
    assert!(empty.out.contains("etc: nothing lies in this target any more, and 1 object did"), "{empty:?}");
    assert_eq!(listed(&home, &["--target", "nas"]).code, 0);
    assert_eq!(listed(&home, &["--forget", "etc"]).code, 1, "what was always empty is worth a look");
    // A copy elsewhere makes a wiped target no smaller a thing.
    fs::create_dir(home.path("off")).unwrap();
    for entry in fs::read_dir(home.path("nas")).unwrap().flatten() {
        fs::copy(entry.path(), home.path("off").join(entry.file_name())).unwrap();
    }
    home.estate(&format!("{estate}[targets.off]\nurl = \"file://{}/\"\n", home.path("off").display()));
    assert_eq!(listed(&home, &[]).code, 0);
    wipe(&home, "");
    let wiped = listed(&home, &[]);
    assert_eq!(wiped.code, 2, "{wiped:?}");
    assert!(wiped.out.contains("shop: all 20 backups on nas are gone"), "{wiped:?}");
    assert_eq!(listed(&home, &["--target", "off"]).code, 0);
}

#[test]
fn a_first_run_a_lost_memory_and_a_broken_one_are_told_apart() {
    let home = home();
    wipe(&home, "crm");
    assert_eq!(listed(&home, &[]).code, 0, "nobody has ever seen it");
    wipe(&home, "shop-2");
    let none = listed(&home, &[]);
    assert!(none.out.contains("shop: all 20 backups on nas are gone"), "{none:?}");
    let state = fs::read_dir(home.path("state")).unwrap().flatten();
    let seen = state.map(|entry| entry.path().join("seen.json")).find(|path| path.exists()).unwrap();
    night(&home, "shop", 0, &dump(100));
    fs::write(&seen, "this is no memory").unwrap();
    let broken = listed(&home, &[]);
    assert_eq!((broken.code, broken.out.contains("seen.json")), (1, true), "{broken:?}");
    assert_eq!(listed(&home, &[]).code, 1, "and it stays so until somebody looks");
    fs::remove_file(&seen).unwrap();
    assert_eq!(listed(&home, &[]).code, 0);
}

#[test]
fn verifications_of_our_own_are_lines_of_the_past() {
    let home = home();
    assert_eq!(home.run(&["verify", &format!("nas:shop-{}.sql", day(0))]).code, 0);
    let lines = home.run(&["history", "--json", "--series", "shop"]).lines();
    let own: Vec<_> = lines.iter().filter(|line| line["kind"] == "verification").collect();
    assert_eq!((lines.len(), own.len()), (21, 1), "{lines:?}");
    let one = own[0];
    assert_eq!((one["outcome"].as_str(), one["status"].as_str()), (Some("verified"), Some("ok")), "{one}");
    assert_eq!((one["trust"].as_str(), one["target"].as_str()), (Some("whole"), Some("nas")), "{one}");
    let backup = lines.iter().find(|line| line["kind"] == "backup" && line["object_id"] == one["object_id"]);
    assert!(backup.is_some(), "it says which backup it was: {one}");
    let text = home.run(&["history", "--runs", "--series", "shop"]);
    assert_eq!(text.out.lines().filter(|line| line.contains(" verified ")).count(), 1, "{}", text.out);
    let run = home.run(&["history", "--run", one["run_id"].as_str().unwrap()]);
    assert!(run.out.contains("verification by breakglass") && run.out.contains("reached   whole"), "{}", run.out);
    assert!(run.out.contains(&format!("shop-{}.sql", day(0))), "{}", run.out);
}

#[test]
fn an_unverified_past_and_an_unknown_rhythm_are_said_in_words_that_fit() {
    let home = home();
    night(&home, "few", 1, &dump(10));
    night(&home, "few", 3, &dump(10));
    let text = home.run(&["history"]);
    let line = |name: &str| text.out.lines().find(|line| line.contains(&format!(" {name} "))).unwrap_or_default();
    assert!(!text.out.contains('~'), "no word is cut: {}", text.out);
    assert!(line("shop").contains(" daily ") && line("shop").contains(" unverified"), "{}", text.out);
    assert!(line("few").contains(" unknown "), "{}", text.out);
    assert!(!text.out.contains("no good copy"), "nothing says that they are bad: {}", text.out);
    assert_eq!(home.run(&["verify", "--newest-of-each"]).code, 0);
    let text = home.run(&["history"]);
    let shop = text.out.lines().find(|line| line.contains(" shop ")).unwrap();
    assert!(shop.contains("unchecked"), "a plain dump vouches for nothing: {}", text.out);
}

/// Log lines of mysql-backup without the names of its files, one run a day; `failed` of them did.
fn logged(failed: impl Fn(u64) -> bool) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let run = |ago: u64| {
        let time = |after: u64| {
            let at = Moment(i64::try_from((now - 3600 - ago * DAY + after) * 1000).unwrap());
            format!("{}Z", at.second().replace(' ', "T"))
        };
        let end = if failed(ago) {
            "level=error msg=\"error running dump: x\""
        } else {
            "level=info msg=\"finished dump 1\""
        };
        let begin = format!("time=\"{}\" level=info msg=\"beginning dump 1\" run=id-{ago}\n", time(0));
        format!(
            "{begin}time=\"{}\" {end} run=id-{ago}\ntime=\"{}\" level=info msg=\"next run in 23h\" run=id-{ago}\n",
            time(60),
            time(61)
        )
    };
    (0..20).rev().map(run).collect()
}

#[test]
fn what_log_lines_say_without_naming_a_place_is_no_missing_backup() {
    for (failed, code, says) in [(16_u64, 0, "OK: "), (0, 1, "WARNING: ")] {
        let home = self::home();
        fs::write(home.path("backup.log"), logged(|ago| ago == failed)).unwrap();
        let read = home.run(&["collect", "backup.log"]);
        assert_eq!(read.code, 0, "{read:?}");
        let checked = check(&home, &["--min-trust", "listed"]);
        assert_eq!((checked.code, checked.out.starts_with(says)), (code, true), "{checked:?}");
        assert_eq!(checked.out.contains("tell of failed"), failed == 0, "{checked:?}");
    }
}
