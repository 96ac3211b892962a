//! The History screen and its layers: what they show, what keys do there, and what reaches the wire.

use std::sync::Arc;

use breakglass::model::foreign::Foreign;
use breakglass::model::join::Certainty;
use breakglass::model::judgement::{Judgement, Severity, What};
use breakglass::model::run::{
    Attribute, AttributeValue, Feed, ObjectRef, Run, RunBrief, RunId, RunKind, RunState, Span, SpanEvent, SpanId,
    SpanStatus, Tool, TraceId,
};
use breakglass::model::target::TargetName;
use breakglass::model::trust::{Finding, Rung, Weight};
use breakglass::model::units::Moment;
use breakglass::report::{Fault, Report};
use breakglass::telemetry::signals::rhythm::Schedule;
use breakglass::tui::app::Place;
use breakglass::tui::glyphs::ASCII;
use breakglass::tui::msg::Msg;
use breakglass::tui::past::{Older, PastNews};
use breakglass::tui::theme::Palette;
use breakglass::tui::world::World;
use breakglass::work::check::{CheckReport, Heard, State, Subject, TargetCheck};
use breakglass::work::history::view::{Grounds, Inside};
use breakglass::work::history::waterfall::Waterfall;
use breakglass::work::history::{
    Fate, HistoryView, Kept, MoreChecks, Outcome, Point, Rhythm, RunDetail, SeriesKey, SeriesPast, Slot,
};
use breakglass::work::join::Joint;

use super::flows::{SIZE, said};
use super::stage::Stage;
use super::wire::Line;
use super::{pictures, sample};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn before(millis: i64) -> Moment {
    Moment(sample::now().0 - millis)
}

fn run_id(nth: u64) -> RunId {
    RunId::of("test", &[&nth.to_le_bytes()])
}

/// The attempt and the slot that a sign of a strip stands for.
fn became(sign: char, at: Moment, nth: u64, bytes: u64) -> (Option<Point>, Slot) {
    let made = |kept| Point {
        at,
        took: Some(680_000 + i64::try_from(nth * 7_919 % 21_000).unwrap()),
        bytes: Some(if sign == '!' { bytes / 43 } else { bytes + nth * 1_300 }),
        outcome: Outcome::Made,
        state: Some(RunState::Ok),
        kept,
        run: Some(run_id(nth)),
        backup: None,
        certainty: Some(Certainty::Exact),
        target: None,
        inside: Inside::Guessed(vec![]),
        elsewhere: false,
        odd: None,
    };
    let (point, fate) = match sign {
        'p' => (Some(made(Kept::Good(Rung::Proven))), Fate::Kept),
        'v' => (Some(made(Kept::Good(Rung::Whole))), Fate::Kept),
        'L' => (Some(made(Kept::Listed(Rung::Listed))), Fate::CameLate(at)),
        'X' => {
            let (outcome, state) = (Outcome::Failed, Some(RunState::Failed));
            (Some(Point { bytes: None, outcome, state, kept: Kept::Unknown, ..made(Kept::Unknown) }), Fate::Failed)
        }
        '-' => (None, Fate::Missing),
        _ => (Some(made(Kept::Listed(Rung::Listed))), Fate::Kept),
    };
    (point, Slot { due: at, fate })
}

/// A series whose newest attempts are these, one per `every` and the last of them at `newest`, and fine before.
fn series(name: &str, target: &str, (cron, every, count): (&str, i64, usize), newest: &str, signs: &str) -> SeriesPast {
    let newest = Moment::parse(newest).unwrap();
    let fine = std::iter::repeat_n('o', count.saturating_sub(signs.len()));
    let all: Vec<char> = fine.chain(signs.chars()).collect();
    let bytes = match name {
        "shop" => 4_540_000_000,
        "crm" => 325_000_000,
        _ => 92_274_688,
    };
    let became = (0..).zip(&all).map(|(nth, sign)| {
        let ago = (all.len() as i64 - 1 - nth) * every;
        became(*sign, Moment(newest.0 - ago), nth.unsigned_abs(), bytes)
    });
    let (points, slots): (Vec<_>, Vec<_>) = became.unzip();
    SeriesPast {
        key: SeriesKey { name: Foreign::from(name), target: TargetName::new(target) },
        label: name.to_owned(),
        databases: vec![Foreign::from(name)],
        expected: vec![Foreign::from(name)],
        server: None,
        grounds: Grounds::Firm,
        remarks: vec![],
        retired: vec![],
        beside_others: false,
        rhythm: Rhythm::Cron(Schedule::parse(cron, None).unwrap()),
        points: points.into_iter().flatten().collect(),
        slots,
        days: vec![],
        judgements: vec![],
        each: vec![],
        findings: vec![],
        runs: vec![Foreign::from(name)],
        checks: vec![],
        more_checks: MoreChecks::default(),
        grace: HOUR,
    }
}

fn judged(severity: Severity, since: Moment, until: Option<Moment>, what: What) -> Judgement {
    Judgement { what, severity, since, until }
}

/// The same with what is said of single backups.
fn figures(mut series: SeriesPast) -> SeriesPast {
    series.each = series.judgements.iter().filter(|judged| judged.is_figure()).cloned().collect();
    series
}

/// Five series with a story each; the shop's newest twenty attempts left the sample's backups.
pub fn view(world: &World) -> HistoryView {
    let mut shop = series("shop", "offsite", ("0 3 * * *", DAY, 91), "2026-11-21 03:00:07", "ooo-Xooov!op");
    let of_shop: Vec<_> = world.backups().iter().filter(|backup| backup.databases == [Foreign::from("shop")]).collect();
    for (point, backup) in shop.points.iter_mut().rev().filter(|it| it.outcome == Outcome::Made).zip(of_shop).take(9) {
        point.backup = Some(backup.id.clone());
    }
    let small = shop.points.iter().rev().nth(2).unwrap().at;
    let failed = shop.points.iter().rev().find(|point| point.outcome == Outcome::Failed).unwrap().at;
    let missing = Moment(failed.0 - DAY);
    let over = |at: Moment| Some(Moment(at.0 + DAY));
    shop.judgements = vec![
        judged(
            Severity::Warning,
            small,
            over(small),
            What::Shrunk { bytes: 105_581_395, usual: 4_540_000_000, bound: 4_100_000_000, over: 30 },
        ),
        judged(
            Severity::Warning,
            failed,
            over(failed),
            What::Failed { reason: Some(Foreign::from("error running dump: connection refused")) },
        ),
        judged(Severity::Note, missing, over(missing), What::Missing { first: missing, last: missing, count: 1 }),
    ];
    let crm = series("crm", "nas", ("30 2 * * *", DAY, 91), "2026-11-21 02:30:04", "oooooo");
    let mut ledger = series("ledger", "offsite", ("0 * * * *", HOUR, 720), "2026-11-20 23:00:03", "oovv");
    ledger.slots.extend((0..8).map(|nth| Slot { due: before((8 - nth) * HOUR), fate: Fate::Missing }));
    let due = Moment::parse("2026-11-21 00:00:00").unwrap();
    let newest = Moment::parse("2026-11-20 23:00:03");
    let rhythm = ledger.rhythm.words();
    ledger.judgements = vec![judged(
        Severity::Warning,
        due,
        None,
        What::Late { due, overdue: 8 * HOUR, missed: 8, newest, rhythm, only: None },
    )];
    let mut forum = series("forum", "offsite", ("0 4 * * *", DAY, 60), "2026-11-20 04:00:00", "oooXXXXX");
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
    forum.findings = vec![Finding::new(Weight::Note, "no_run", "2 backups lie between runs that telemetry told of")];
    let wiki = series("wiki", "vault", ("0 1 * * 4", 7 * DAY, 13), "2026-11-19 01:00:00", "ooL");
    HistoryView {
        at: sample::now(),
        series: [crm, forum, ledger, shop, wiki].into_iter().map(figures).map(Arc::new).collect(),
        runs: 2_415,
        ..HistoryView::default()
    }
}

/// Runs of the shop that are older than those of the view.
pub fn older(world: &World) -> Older {
    let view = view(world);
    let shop = view.series.iter().find(|series| series.label == "shop").unwrap();
    let oldest = shop.points[0].at;
    let brief = |nth: i64| RunBrief {
        id: run_id(10_000 + nth.unsigned_abs()),
        series: Foreign::from("shop"),
        kind: RunKind::Backup,
        tool: Tool::Databacker,
        feed: Feed::Otlp,
        at: Moment(oldest.0 - nth * DAY),
        started: Some(Moment(oldest.0 - nth * DAY)),
        ended: Some(Moment(oldest.0 - nth * DAY + 600_000)),
        state: RunState::Ok,
        bytes: Some(4_000_000_000),
        inside: None,
        pruned: 0,
    };
    Older { series: shop.key.clone(), runs: (1..4).map(brief).collect(), complete: true }
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
pub fn one_run(world: &World) -> RunDetail {
    let view = view(world);
    let shop = view.series.iter().find(|series| series.label == "shop").unwrap();
    let newest = shop.points.last().unwrap();
    let backup = world.backup(newest.backup.as_ref().unwrap()).unwrap().clone();
    let mut run = Run::new(newest.run.clone().unwrap(), RunKind::Backup, Tool::Databacker, Feed::Otlp, "shop");
    run.started = Some(Moment(1_795_230_007_000));
    run.ended = Some(Moment(1_795_230_700_000));
    run.state = RunState::Failed;
    run.bytes = Some(4_540_000_000);
    run.databases = Some(vec![Foreign::from("shop")]);
    run.source.host = Some(Foreign::from("db-prod-1"));
    run.run_id = Some(Foreign::from("5c0e0f6e-1d2b-4a5b-9c3a-2f1d7e8b9a00"));
    let name = "db_backup_2026-11-21T03:00:07Z.tgz";
    let url = "sftp://backup@nas.internal/srv/bak";
    let left = |key: &[u8], url: &str, state| ObjectRef {
        target: Some(Foreign::from(url)),
        name: Some(Foreign::new(key)),
        state: Some(state),
        ..ObjectRef::default()
    };
    run.objects = vec![
        left(backup.key.raw_bytes(), "s3://acme-bak/mysql", RunState::Ok),
        left(name.as_bytes(), url, RunState::Failed),
    ];
    let mut upload =
        span(7, 5, "upload", (520_000, 693_000), &[("backup.target.type", "sftp"), ("backup.target.url", url)]);
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
        span(2, 1, "dump", (40, 692_900), &[("target-filename", name)]),
        span(3, 2, "database_dump", (90, 402_000), &[]),
        span(4, 2, "output_tar", (402_010, 520_000), &[("backup.bytes", "4540000000")]),
        span(5, 2, "upload", (520_000, 693_000), &[]),
        span(
            6,
            5,
            "upload",
            (520_000, 611_000),
            &[("backup.target.type", "s3"), ("backup.target.url", "s3://acme-bak/mysql")],
        ),
        upload,
        span(8, 1, "prune", (692_950, 693_000), &[]),
    ];
    let joint = Joint { backup: backup.id.clone(), certainty: Certainty::Exact, told: None };
    RunDetail {
        run,
        fall: Waterfall::of(spans),
        left: vec![(joint, backup)],
        findings: vec![Finding::new(Weight::Warning, "root_lies", "its root says ok, the upload to sftp failed")],
    }
}

fn verdict() -> CheckReport {
    let subject = |name: &str, state: State, reasons: &[&str], hours: i64, trust: Rung| Subject {
        name: name.to_owned(),
        state,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        newest_at: Some(before(hours * HOUR)),
        age_seconds: Some(hours * 3600),
        max_age_seconds: 26 * 3600,
        target: TargetName::new("offsite"),
        id: Some(sample::id(0)),
        size_bytes: Some(4_540_000_000),
        trust: Some(trust),
        trusted_at: None,
    };
    let target = |name: &str, reason: Option<&str>| TargetCheck {
        name: TargetName::new(name).unwrap(),
        listed: reason.is_none(),
        reason: reason.map(str::to_owned),
    };
    let late = "late by 8h00m: due 2026-11-21 00:00 UTC (hourly, as its cron 0 * * * * UTC says), 8 in a row";
    CheckReport {
        state: State::Critical,
        words: "forum: the newest on offsite is 6d old, 26h are allowed".to_owned(),
        at: sample::now(),
        history: Heard::Read,
        databases: vec![
            subject("crm", State::Ok, &[], 5, Rung::Whole),
            subject(
                "forum",
                State::Critical,
                &["the newest on offsite is 6d old, 26h are allowed", "5 of 5 runs failed"],
                149,
                Rung::Listed,
            ),
            subject("ledger", State::Warning, &[late], 9, Rung::Whole),
            subject("shop", State::Ok, &[], 5, Rung::Proven),
        ],
        targets: vec![target("offsite", None), target("vault", Some("AccessDenied: the store answered 403"))],
        remarks: vec![],
    }
}

fn told(stage: Stage, news: PastNews) -> Stage {
    stage.send(Msg::Past(news))
}

pub fn history(size: (u16, u16)) -> Stage {
    let stage = Stage::new(sample::busy(), size).press("2");
    let view = view(&stage.app.world);
    told(stage, PastNews::View(Arc::new(view)))
}

fn opened(size: (u16, u16)) -> Stage {
    history(size).press("/").type_text("shop").press("enter enter")
}

fn run(size: (u16, u16)) -> Stage {
    let stage = opened(size).press("enter");
    let run = one_run(&stage.app.world);
    told(stage, PastNews::Run(Arc::new(run)))
}

#[test]
fn the_past_is_drawn() {
    pictures("history", |size| history(size).press("down down"));
    pictures("history_hours", |size| history(size).press("[ ] ] ] ] left"));
    pictures("history_weeks", |size| history(size).press("[ [ [ down down down"));
    pictures("history_runs", opened);
    pictures("history_runs_hours", |size| opened(size).press("] ] left down"));
    pictures("history_run", |size| run(size).press("G up"));
    pictures("history_span", |size| run(size).press("G up enter"));
    pictures("history_checks", |size| told(history(size).press("c"), PastNews::Check(Arc::new(verdict()))));
    pictures("empty_history", |size| {
        let nothing = HistoryView { at: sample::now(), ..HistoryView::default() };
        told(Stage::new(World::default(), size).press("2"), PastNews::View(Arc::new(nothing)))
    });
}

#[test]
fn the_history_is_read_whenever_somebody_comes_and_on_demand() {
    let stage = Stage::new(sample::quiet(), SIZE).press("2 1 2 ctrl-r");
    assert_eq!(stage.asked, ["history", "history", "refresh", "history"]);
    let mut stage = Stage::new(sample::quiet(), SIZE).press("2 enter ] c esc");
    assert!(stage.text().contains("Reading the history"), "{}", stage.text());
    assert_eq!(stage.asked, ["history", "check"], "a monitor's verdict needs no history");
    let stage = stage.send(Msg::Catalog(Box::new(sample::snapshot(vec![]))));
    assert_eq!(stage.asked.len(), 3, "what is listed is a part of the past");
    let report = Report::new(Fault::Failed, "history::damaged", "history.sqlite is damaged", "move it away");
    let mut stage = told(stage, PastNews::Unreadable(Box::new(report)));
    assert!(stage.text().contains("history.sqlite is damaged") && stage.text().contains("move it away"));
    let world = &stage.app.world;
    let view = Arc::new(view(world));
    let mut stage = told(stage, PastNews::View(view));
    assert!(stage.text().contains("5 series"), "{}", stage.text());
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
    // What is over and still seen in the strip is found by its own word.
    let mut stage = history(SIZE).press("/").type_text("says:failed").press("enter");
    let text = stage.text();
    assert!(text.contains("shop") && text.contains("X"), "{text}");
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
    assert_eq!(said(&stage), "30 days each: there is nothing beyond that");
    for _ in 0..9 {
        stage = stage.press("]");
    }
    assert_eq!(said(&stage), "an hour each: there is nothing beyond that");
}

#[test]
fn enter_opens_the_runs_then_the_run_then_the_span() {
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
    let lost = opened(SIZE).press("down down down down down down down b");
    assert_eq!(said(&lost), "no listed backup is known to be of this run");
    let locked = {
        let mut stage = opened(SIZE);
        stage.app.world.keys.clear();
        stage.press("r")
    };
    assert_eq!(said(&locked), "load a private key first: K");
}

#[test]
fn older_runs_are_asked_for_before_the_cursor_comes_to_their_end_and_only_once() {
    let stage = opened(SIZE).press("pagedown");
    let count = stage.asked.len();
    let stage = stage.press("pagedown pagedown pagedown pagedown");
    assert_eq!(stage.asked.len(), count + 1, "{:?}", stage.asked);
    assert!(stage.asked.last().unwrap().starts_with("runs of offsite:shop before "), "{:?}", stage.asked);
    let more = older(&stage.app.world);
    let oldest = more.runs.last().unwrap().at;
    let mut stage = told(stage, PastNews::Older(more)).press("G");
    assert!(stage.text().contains(&oldest.minute()), "{}", stage.text());
    assert_eq!(stage.asked.len(), count + 1, "there are none that are older");
}

#[test]
fn the_page_of_a_series_shows_the_time_that_its_strip_showed_and_zooms_by_itself() {
    let mut stage = history(SIZE).press("/").type_text("shop").press("enter [ enter");
    assert!(stage.text().contains("a week each"), "{}", stage.text());
    stage = stage.press("] ] left");
    assert!(stage.text().contains("6 hours each"), "{}", stage.text());
    assert_eq!(said(&stage.press("right right")), "this is the present");
}

#[test]
fn runs_are_filtered_by_state_and_sorted() {
    let mut stage = opened(SIZE).press("/").type_text("state:failed").press("enter");
    assert!(stage.text().contains("1 of 90"), "{}", stage.text());
    stage = stage.press("esc");
    assert_eq!(stage.app.layers.len(), 1, "esc clears the filter first");
    assert_eq!(said(&stage.press("s s")), "sorted largest first");
}

#[test]
fn every_layer_of_the_past_names_its_headless_command() {
    assert_eq!(history(SIZE).press("y").asked.last().unwrap(), "copy breakglass history");
    assert_eq!(opened(SIZE).press("y").asked.last().unwrap(), "copy breakglass history --runs --series 'offsite:shop'");
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
            // The list of series tells beside the cursor what stands against each.
            let most = if name == "history" { 700 } else { 400 };
            assert!(worst <= most, "{palette:?} {name}: a cursor move took {worst} bytes");
        }
    }
}

#[test]
fn the_past_is_drawn_in_ascii_alone() {
    let mut stage = Stage::with_glyphs(sample::busy(), (160, 45), &ASCII).press("2");
    let view = view(&stage.app.world);
    stage = told(stage, PastNews::View(Arc::new(view)));
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("/").type_text("shop").press("enter enter");
    assert!(stage.text().is_ascii(), "{}", stage.text());
    stage = stage.press("enter");
    let run = one_run(&stage.app.world);
    stage = told(stage, PastNews::Run(Arc::new(run)));
    assert!(stage.text().is_ascii(), "{}", stage.text());
}

/// What hostile telemetry could bring.
fn hostile(world: &World) -> HistoryView {
    let names = ["a\u{1b}]0;owned\u{7}b", "\u{202e}gpj.exe", "備份資料庫備份資料庫備份", "\t\n\r", ""];
    let mut all = view(world);
    for (series, name) in all.series.iter_mut().zip(names) {
        let series = Arc::make_mut(series);
        series.label = Foreign::from(name.repeat(5)).to_string();
        series.key.name = Foreign::from(name);
        for judged in &mut series.judgements {
            judged.what = What::Failed { reason: Some(Foreign::from(name)) };
        }
    }
    all
}

#[test]
fn hostile_names_of_series_are_drawn_harmlessly() {
    for size in [(60, 16), (80, 24), (160, 45)] {
        let mut stage = Stage::new(sample::busy(), size).press("2");
        let view = hostile(&stage.app.world);
        stage = told(stage, PastNews::View(Arc::new(view)));
        for keys in ["down", "down", "enter", "esc", "down", "enter", "y", "enter"] {
            stage = stage.press(keys);
            let text = stage.text();
            let evil = |c: char| {
                (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
            };
            assert!(!text.contains(evil), "{text:?}");
        }
    }
}
