//! Ninety days of some series, and one run of them: what the screens of the past are drawn with.

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
use breakglass::telemetry::signals::rhythm::Schedule;
use breakglass::tui::past::Older;
use breakglass::tui::world::World;
use breakglass::work::check::{CheckReport, Heard, State, Subject, TargetCheck};
use breakglass::work::history::view::{Grounds, Inside};
use breakglass::work::history::waterfall::Waterfall;
use breakglass::work::history::{
    Fate, HistoryView, Kept, MoreChecks, Outcome, Point, Rhythm, RunDetail, SeriesKey, SeriesPast, Slot,
};
use breakglass::work::join::Joint;

use crate::screens::sample;

pub const MINUTE: i64 = 60_000;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub fn before(millis: i64) -> Moment {
    Moment(sample::now().0 - millis)
}

pub fn run_id(nth: u64) -> RunId {
    RunId::of("test", &[&nth.to_le_bytes()])
}

/// The attempt and the slot that a sign of a strip stands for.
pub fn became(sign: char, at: Moment, nth: u64, bytes: u64) -> (Option<Point>, Slot) {
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
pub fn series(
    name: &str,
    target: &str,
    (cron, every, count): (&str, i64, usize),
    newest: &str,
    signs: &str,
) -> SeriesPast {
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

pub fn judged(severity: Severity, since: Moment, until: Option<Moment>, what: What) -> Judgement {
    Judgement { what, severity, since, until }
}

/// The same with what is said of single backups.
pub fn figures(mut series: SeriesPast) -> SeriesPast {
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

pub fn span(id: u8, parent: u8, name: &str, (from, to): (u64, u64), attributes: &[(&str, &str)]) -> Span {
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

pub fn verdict() -> CheckReport {
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
