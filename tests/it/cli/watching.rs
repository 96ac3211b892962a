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
    assert_eq!(check(&home, &["--series", "shop"]).code, 2);
}

#[test]
fn the_answer_in_json_has_every_database_and_target() {
    let run = check(&home(), &["--json"]);
    let line = run.line();
    assert_eq!(fields(&line), ["at", "databases", "state", "targets", "words"]);
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
