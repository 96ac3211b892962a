//! The History screen and its layers: what they show, what keys do there, and what reaches the wire.

use std::sync::Arc;

use breakglass::model::foreign::Foreign;
use breakglass::model::judgement::{Judgement, Severity, What};
use breakglass::model::run::{
    Attribute, AttributeValue, Feed, Run, RunId, RunKind, RunState, Span, SpanEvent, SpanId, SpanStatus, Tool, TraceId,
};
use breakglass::model::trust::{Finding, Weight};
use breakglass::model::units::Moment;
use breakglass::tui::app::Place;
use breakglass::tui::glyphs::ASCII;
use breakglass::tui::msg::Msg;
use breakglass::tui::past::{
    Left, OneRun, Overview, PastNews, RunLine, RunsOf, Series, Verdict, VerdictPart,
};
use breakglass::tui::theme::Palette;
use breakglass::tui::widgets::strip::{Mark, Sign};
use breakglass::tui::world::World;

use super::flows::{Line, SIZE, said};
use super::sample;
use super::stage::Stage;
use super::pictures;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn before(millis: i64) -> Moment {
    Moment(sample::now().0 - millis)
}

fn sign(c: char) -> Option<Sign> {
    Sign::ALL.into_iter().find(|sign| sign.glyph() == c)
}

/// A series whose newest marks are these, one per `every`, and fine before.
fn series(name: &str, target: &str, (every, count): (i64, usize), newest: i64, signs: &str) -> Series {
    let all: Vec<Sign> = std::iter::repeat_n(Sign::Ok, count.saturating_sub(signs.len())).chain(signs.chars().filter_map(sign)).collect();
    let total = all.len() as i64;
    let marks = (0..).zip(all).map(|(nth, sign)| Mark { at: before(newest + (total - 1 - nth) * every), sign });
    let rhythm = match every {
        HOUR => "hourly",
        DAY => "daily",
        _ => "weekly",
    };
    Series {
        key: Foreign::from(format!("{name}@{target}")),
        name: name.to_owned(),
        targets: target.to_owned(),
        rhythm: rhythm.to_owned(),
        rhythm_words: format!("{rhythm}, as its cron says"),
        good: Some((before(newest), "listed".to_owned())),
        marks: marks.collect(),
        sizes: (0..40_u64).map(|n| 4_500_000_000 + n * 1_300_000).collect(),
        took: (0..40_u64).map(|n| 690_000 + (n * 7_919) % 21_000).collect(),
        judgements: vec![],
        runs: count as u64,
        since: Some(before(newest + (total - 1) * every)),
        haystack: format!("{name} {target}"),
    }
}

fn judged(severity: Severity, since: Moment, until: Option<Moment>, what: What) -> Judgement {
    Judgement { what, severity, since, until }
}

/// Five series with a story each.
pub fn overview() -> Overview {
    let mut shop = series("shop", "offsite", (DAY, 91), 5 * HOUR, "ooo-Xooov!op");
    shop.good = Some((before(5 * HOUR), "proven".to_owned()));
    shop.sizes[37] = 104_000_000;
    shop.judgements = vec![
        judged(
            Severity::Warning,
            before(2 * DAY),
            Some(before(DAY)),
            What::Shrunk { bytes: 104_000_000, usual: 4_540_000_000, bound: 4_100_000_000, over: 30 },
        ),
        judged(
            Severity::Warning,
            before(7 * DAY),
            Some(before(6 * DAY)),
            What::Failed { reason: Some(Foreign::from("error running dump: connection refused")) },
        ),
        judged(
            Severity::Note,
            before(8 * DAY),
            Some(before(7 * DAY)),
            What::Missing { first: before(8 * DAY), last: before(8 * DAY), count: 1 },
        ),
    ];
    let mut crm = series("crm", "nas", (DAY, 91), 5 * HOUR + 1_800_000, "oooooo");
    crm.sizes = (0..40).map(|n| 325_000_000 + n * 90_000).collect();
    crm.took = vec![41_000; 40];
    let mut ledger = series("ledger", "offsite", (HOUR, 2160), HOUR, "oooooooooo--------");
    ledger.good = Some((before(9 * HOUR), "whole".to_owned()));
    ledger.sizes = vec![92_274_688; 40];
    ledger.took = vec![12_000; 40];
    let due = before(8 * HOUR + 14 * 60_000);
    let late = What::Late {
        due,
        overdue: 8 * HOUR,
        missed: 8,
        newest: Some(before(9 * HOUR)),
        rhythm: "hourly, as its cron 0 * * * * UTC says".to_owned(),
    };
    ledger.judgements = vec![judged(Severity::Warning, due, None, late)];
    let mut forum = series("forum", "offsite", (DAY, 60), DAY, "oooXXXXX");
    forum.good = Some((before(6 * DAY), "listed".to_owned()));
    let reason = Some(Foreign::from("Access denied for user 'backup'@'10.0.3.7' (using password: YES)"));
    forum.judgements = vec![
        judged(Severity::Critical, before(5 * DAY), None, What::RepeatedFailure { failed: 5, of: 5, reason }),
        judged(
            Severity::Warning,
            before(6 * DAY),
            None,
            What::DatabaseVanished { names: vec![Foreign::from("forum_archive")], before: 44 },
        ),
    ];
    let mut wiki = series("wiki", "vault", (7 * DAY, 13), 2 * DAY, "ooL");
    wiki.good = Some((before(2 * DAY), "whole".to_owned()));
    Overview {
        at: sample::now(),
        series: vec![crm, forum, ledger, shop, wiki],
        runs: 2_415,
        last: Some((before(5 * HOUR), RunState::Ok)),
        feeds: vec!["otlp".to_owned()],
        objects: 78,
    }
}

fn line(nth: u64, at: Moment, state: RunState, bytes: Option<u64>) -> RunLine {
    RunLine {
        id: Some(RunId::of("test", &[&nth.to_le_bytes()])),
        at,
        kind: RunKind::Backup,
        state: Some(state),
        bytes,
        millis: Some(693_000),
        databases: "shop".to_owned(),
        backup: None,
        findings: vec![],
    }
}

/// The runs of the shop.
pub fn runs(world: &World) -> RunsOf {
    let mut lines: Vec<RunLine> =
        (0..40).map(|nth| line(nth, before(5 * HOUR + nth as i64 * DAY), RunState::Ok, Some(4_540_000_000))).collect();
    let of_shop = world.backups().iter().filter(|backup| backup.databases == [Foreign::from("shop")]);
    for (line, backup) in lines.iter_mut().zip(of_shop).take(20) {
        line.backup = Some(backup.id.clone());
    }
    lines[2].bytes = Some(104_000_000);
    lines[2].findings = vec![Finding::new(Weight::Warning, "shrunk", "97% smaller than usual: 4.2G expected")];
    lines[7].state = Some(RunState::Failed);
    lines[7].bytes = None;
    lines[7].backup = None;
    lines[7].findings = vec![Finding::new(Weight::Fatal, "failed", "error running dump: connection refused")];
    lines[9].state = None;
    lines[9].id = None;
    lines[9].millis = None;
    let mut checked = line(900, before(2 * HOUR), RunState::Ok, None);
    checked.kind = RunKind::Verification;
    checked.backup = lines[0].backup.clone();
    lines.insert(0, checked);
    RunsOf { series: Foreign::from("shop@offsite"), lines, complete: false }
}

fn span(id: u8, parent: u8, name: &str, (from, to): (u64, u64), attributes: &[(&str, &str)]) -> Span {
    let begin = 1_795_230_007_000_000_000_u64; // 2026-11-21 03:00:07
    let text = |text: &str| AttributeValue::Text(Foreign::from(text));
    let attributes = attributes.iter().map(|(key, value)| Attribute { key: Foreign::from(*key), value: text(value) });
    Span {
        trace: TraceId([7; 16]),
        id: SpanId([id; 8]),
        parent: SpanId::of(&[parent; 8]),
        name: Foreign::from(name),
        scope: Foreign::from("mysql-backup/dump"),
        service: Foreign::from("unknown_service:mysql-backup"),
        host: Foreign::from("db-prod-1"),
        start_ns: begin + from * 1_000_000,
        end_ns: begin + to * 1_000_000,
        status: SpanStatus::Unset,
        message: Foreign::from(""),
        attributes: attributes.collect(),
        events: vec![],
        dropped: 0,
    }
}

/// The newest run of the shop: of its two uploads one failed.
pub fn one_run(world: &World) -> OneRun {
    let known = runs(world);
    let mut run = Run::new(known.lines[1].id.clone().unwrap(), RunKind::Backup, Tool::Databacker, Feed::Otlp, "shop@offsite");
    run.started = Some(Moment(1_795_230_007_000));
    run.ended = Some(Moment(1_795_230_700_000));
    run.state = RunState::Failed;
    run.bytes = Some(4_540_000_000);
    run.databases = Some(vec![Foreign::from("shop")]);
    run.source.host = Some(Foreign::from("db-prod-1"));
    run.run_id = Some(Foreign::from("5c0e0f6e-1d2b-4a5b-9c3a-2f1d7e8b9a00"));
    let url = "sftp://backup@nas.internal/srv/bak";
    let mut upload = span(7, 5, "upload", (520_000, 693_000), &[("backup.target.type", "sftp"), ("backup.target.url", url)]);
    upload.status = SpanStatus::Error;
    upload.message = Foreign::from("failed to write file: no space left on device");
    upload.events = vec![SpanEvent {
        at_ns: upload.end_ns,
        name: Foreign::from("exception"),
        attributes: vec![Attribute {
            key: Foreign::from("exception.message"),
            value: AttributeValue::Text(Foreign::from("no space left on device")),
        }],
    }];
    let spans = vec![
        span(1, 0, "run", (0, 693_000), &[("backup.run_id", "5c0e0f6e"), ("backup.status", "error")]),
        span(2, 1, "dump", (40, 692_900), &[("target-filename", "db_backup_2026-11-21T03:00:07Z.tgz")]),
        span(3, 2, "database_dump", (90, 402_000), &[]),
        span(4, 2, "output_tar", (402_010, 520_000), &[("backup.bytes", "4540000000")]),
        span(5, 2, "upload", (520_000, 693_000), &[]),
        span(6, 5, "upload", (520_000, 611_000), &[("backup.target.type", "s3"), ("backup.target.url", "s3://acme-bak/mysql")]),
        upload,
        span(8, 1, "prune", (692_950, 693_000), &[]),
    ];
    let name = "db_backup_2026-11-21T03:00:07Z.tgz";
    let at = |url: &str, state| Left { words: format!("{name} on {url}"), state: Some(state), backup: None };
    let mut stored = at("s3://acme-bak/mysql", RunState::Ok);
    stored.backup = known.lines[1].backup.clone().map(|id| (id, "exact"));
    OneRun {
        run,
        spans,
        objects: vec![stored, at(url, RunState::Failed)],
        findings: vec![Finding::new(Weight::Warning, "root_lies", "its root says ok, the upload to sftp failed")],
    }
}

fn verdict() -> Verdict {
    let part = |name: &str, word: &str, reasons: &[&str]| VerdictPart {
        name: name.to_owned(),
        word: word.to_owned(),
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
    };
    Verdict {
        word: "CRITICAL".to_owned(),
        line: "CRITICAL: forum has no backup younger than 26h; 1 warning, 3 fine".to_owned(),
        parts: vec![
            part("forum", "CRITICAL", &["the newest backup is 6d old, 26h are allowed", "5 of 5 runs failed"]),
            part("ledger", "WARNING", &["late by 8h: due 2026-11-21 00:00 UTC"]),
            part("crm", "OK", &["listed, 5h old"]),
            part("shop", "OK", &["proven, 5h old"]),
            part("wiki", "OK", &["whole, 2d old"]),
        ],
    }
}

fn told(stage: Stage, news: PastNews) -> Stage {
    stage.send(Msg::Past(news))
}

fn history(size: (u16, u16)) -> Stage {
    told(Stage::new(sample::busy(), size).press("2"), PastNews::Overview(Arc::new(overview())))
}

fn opened(size: (u16, u16)) -> Stage {
    let stage = history(size).press("/").type_text("shop").press("enter enter");
    let runs = runs(&stage.app.world);
    told(stage, PastNews::Runs { runs, more: false })
}

fn run(size: (u16, u16)) -> Stage {
    let stage = opened(size).press("down enter");
    let run = one_run(&stage.app.world);
    told(stage, PastNews::Run(Arc::new(run)))
}

#[test]
fn the_past_is_drawn() {
    pictures("history", |size| history(size).press("down down"));
    pictures("history_hours", |size| history(size).press("[ ] ] ] ] left"));
    pictures("history_weeks", |size| history(size).press("[ [ [ down down down"));
    pictures("history_runs", opened);
    pictures("history_run", |size| run(size).press("G up"));
    pictures("history_span", |size| run(size).press("G up enter"));
    pictures("history_checks", |size| told(history(size).press("c"), PastNews::Check(Arc::new(verdict()))));
    pictures("empty_history", |size| {
        let nothing = Overview { at: sample::now(), ..Overview::default() };
        told(Stage::new(World::default(), size).press("2"), PastNews::Overview(Arc::new(nothing)))
    });
}

#[test]
fn the_history_is_read_whenever_somebody_comes_and_on_demand() {
    let stage = Stage::new(sample::quiet(), SIZE).press("2 1 2 ctrl-r");
    assert_eq!(stage.asked, ["history", "history", "history"]);
    let mut stage = Stage::new(sample::quiet(), SIZE).press("2 enter ] c esc");
    assert!(stage.text().contains("Reading the history"), "{}", stage.text());
    assert_eq!(stage.asked, ["history", "check"], "a monitor's verdict needs no history");
}

#[test]
fn what_needs_a_look_stands_first_and_the_cursor_keeps_its_series() {
    let mut stage = history(SIZE);
    let names = |stage: &mut Stage| -> Vec<String> {
        let text = stage.text();
        let rows = text.lines().skip(4).take(5);
        rows.map(|row| row[3..].split_whitespace().next().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&mut stage), ["forum", "ledger", "crm", "shop", "wiki"]);
    stage = stage.press("down s");
    assert_eq!(said(&stage), "sorted by name");
    assert_eq!(names(&mut stage), ["crm", "forum", "ledger", "shop", "wiki"]);
    assert!(stage.text().lines().any(|line| line.starts_with(">! ledger")), "{}", stage.text());
    stage = stage.press("N");
    assert!(stage.text().lines().any(|line| line.starts_with(">x forum")), "{}", stage.text());
    assert_eq!(said(&stage.press("N")), "no more findings that way");
}

#[test]
fn the_filter_narrows_the_series_and_leaves_the_backups_alone() {
    let mut stage = history(SIZE).press("/").type_text("says:late");
    assert!(stage.text().contains("1 of 5"), "{}", stage.text());
    assert!(stage.text().contains("ledger") && !stage.text().contains("crm"), "{}", stage.text());
    assert_eq!(stage.app.world.filter_text(), "");
    stage = stage.press("enter esc");
    assert!(stage.text().contains("5 series"), "esc clears the filter");
    assert!(stage.app.home.place == Place::History);
    assert!(stage.press("esc").app.home.place == Place::Backups);
    let mut stage = history(SIZE).press("/").type_text("zzz").press("enter");
    assert!(stage.text().contains("No series matches `zzz`."), "{}", stage.text());
}

#[test]
fn zooming_and_panning_end_where_nothing_is() {
    let mut stage = history(SIZE).press("right");
    assert_eq!(said(&stage), "this is the present");
    for _ in 0..20 {
        stage = stage.press("left");
    }
    assert_eq!(said(&stage), "nothing older is known");
    for _ in 0..9 {
        stage = stage.press("[");
    }
    assert_eq!(said(&stage), "a column is 2 weeks: there is nothing beyond that");
    for _ in 0..9 {
        stage = stage.press("]");
    }
    assert_eq!(said(&stage), "a column is 1 hour: there is nothing beyond that");
}

#[test]
fn enter_opens_the_runs_then_the_run_then_the_span() {
    let stage = history(SIZE).press("/").type_text("shop").press("enter enter");
    assert_eq!(stage.asked.last().unwrap(), "runs of shop@offsite");
    let mut stage = run(SIZE);
    assert!(stage.asked.last().unwrap().starts_with("run "), "{:?}", stage.asked);
    assert!(stage.text().contains("no space left on device") || stage.text().contains("its root says ok"));
    let mut stage = stage.press("n enter");
    let text = stage.text();
    assert!(text.contains("failed to write file") && text.contains("exception.message"), "{text}");
    stage = stage.press("esc esc esc esc");
    assert!(stage.app.layers.is_empty());
}

#[test]
fn what_a_run_left_is_opened_verified_and_restored_from_there() {
    let stage = run(SIZE).press("v");
    assert!(stage.asked.last().unwrap().ends_with("to whole"), "{:?}", stage.asked);
    assert_eq!(run(SIZE).press("r").app.layers.len(), 3, "where to?");
    let mut stage = run(SIZE).press("b");
    assert!(stage.text().contains("trust    listed"), "{}", stage.text());
    let lost = opened(SIZE).press("down down down down down down down down b");
    assert_eq!(said(&lost), "no listed backup is known to be of this run");
    let locked = {
        let mut stage = opened(SIZE);
        stage.app.world.keys.clear();
        stage.press("down r")
    };
    assert_eq!(said(&locked), "load a private key first: K");
}

#[test]
fn older_runs_are_asked_for_before_the_cursor_comes_to_their_end_and_only_once() {
    let stage = opened(SIZE);
    let count = stage.asked.len();
    let stage = stage.press("down down down");
    assert_eq!(stage.asked.len(), count + 1, "{:?}", stage.asked);
    assert!(stage.asked.last().unwrap().starts_with("runs of shop@offsite before "), "{:?}", stage.asked);
    let more = RunsOf {
        series: Foreign::from("shop@offsite"),
        lines: vec![line(77, before(90 * DAY), RunState::Ok, None)],
        complete: true,
    };
    let mut stage = told(stage, PastNews::Runs { runs: more, more: true }).press("G");
    assert!(stage.text().contains(&before(90 * DAY).minute()), "{}", stage.text());
    let strange = RunsOf { series: Foreign::from("other"), lines: vec![], complete: true };
    let stage = told(stage, PastNews::Runs { runs: strange, more: true });
    assert_eq!(stage.app.world.past.runs.as_ref().unwrap().lines.len(), 42, "what is of another series is dropped");
}

#[test]
fn runs_are_filtered_by_state_and_sorted() {
    let mut stage = opened(SIZE).press("/").type_text("state:failed").press("enter");
    assert!(stage.text().contains("1 of 41"), "{}", stage.text());
    stage = stage.press("esc");
    assert_eq!(stage.app.layers.len(), 1, "esc clears the filter first");
    assert_eq!(said(&stage.press("s s")), "sorted largest first");
}

#[test]
fn every_layer_of_the_past_names_its_headless_command() {
    assert_eq!(history(SIZE).press("y").asked.last().unwrap(), "copy breakglass history");
    assert_eq!(opened(SIZE).press("y").asked.last().unwrap(), "copy breakglass history --series 'shop@offsite'");
    assert!(run(SIZE).press("y").asked.last().unwrap().starts_with("copy breakglass history --run "));
    assert_eq!(history(SIZE).press("c y").asked.last().unwrap(), "copy breakglass check");
}

#[test]
fn little_goes_over_the_wire_in_the_past() {
    for palette in [Palette::Mono, Palette::Sixteen, Palette::Indexed, Palette::Rgb] {
        for (name, stage) in [("history", history(SIZE)), ("runs", opened(SIZE)), ("run", run(SIZE))] {
            let (mut line, full) = Line::open(stage, palette);
            assert!(full <= 6 * 1024, "{palette:?} {name}: a full paint took {full} bytes");
            assert_eq!(line.frame().len(), 0, "idle");
            let mut worst = 0;
            for _ in 0..9 {
                let moved;
                (line, moved) = line.press("down");
                worst = worst.max(moved);
            }
            println!("{palette:?} {name}: full paint {full} bytes, cursor move at most {worst} bytes");
            assert!(worst <= 400, "{palette:?} {name}: a cursor move took {worst} bytes");
        }
    }
}

#[test]
fn the_past_is_drawn_in_ascii_alone() {
    let mut stage = Stage::with_glyphs(sample::busy(), (160, 45), &ASCII).press("2");
    stage = told(stage, PastNews::Overview(Arc::new(overview())));
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("/").type_text("shop").press("enter enter");
    let known = runs(&stage.app.world);
    stage = told(stage, PastNews::Runs { runs: known, more: false });
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("down enter");
    let run = one_run(&stage.app.world);
    stage = told(stage, PastNews::Run(Arc::new(run)));
    assert!(stage.text().is_ascii(), "{}", stage.text());
}

/// What hostile telemetry could bring.
fn hostile() -> Overview {
    let names = ["a\u{1b}]0;owned\u{7}b", "\u{202e}gpj.exe", "備份資料庫備份資料庫備份", "\t\n\r", ""];
    let mut all = overview();
    for (series, name) in all.series.iter_mut().zip(names) {
        series.name = Foreign::from(name).to_string();
        series.targets = series.name.repeat(9);
        series.key = Foreign::from(name);
    }
    all
}

#[test]
fn hostile_names_of_series_are_drawn_harmlessly() {
    for size in [(60, 16), (80, 24), (160, 45)] {
        let mut stage = told(Stage::new(sample::busy(), size).press("2"), PastNews::Overview(Arc::new(hostile())));
        for keys in ["down", "down", "enter", "esc", "down", "enter"] {
            stage = stage.press(keys);
            let text = stage.text();
            let evil = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
            assert!(!text.contains(evil), "{text:?}");
        }
    }
}
