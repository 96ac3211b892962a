use super::*;
use crate::model::foreign::Foreign;
use crate::model::run::{Attribute, AttributeValue, PhaseKind, RunState, SpanEvent, SpanId, SpanStatus};

const TRACE: TraceId = TraceId([7; 16]);
const ARRIVAL: Arrival = Arrival { feed: Feed::Otlp, received: None };

fn span(id: u8, parent: u8, name: &str, status: SpanStatus) -> Span {
    Span {
        trace: TRACE,
        id: SpanId([id; 8]),
        parent: SpanId::of(&[parent; 8]),
        name: Foreign::from(name),
        scope: Foreign::from("mysql-backup/dump"),
        service: Foreign::default(),
        host: Foreign::default(),
        start_ns: u64::from(id) * 1_000_000_000,
        end_ns: u64::from(id) * 1_000_000_000 + 500_000_000,
        status,
        message: Foreign::default(),
        attributes: vec![],
        events: vec![],
        dropped: 0,
    }
}

fn with(mut span: Span, attributes: &[(&str, &str)]) -> Span {
    let attribute = |(key, value): &(&str, &str)| Attribute {
        key: Foreign::from(*key),
        value: value.parse().map_or_else(|_| AttributeValue::Text(Foreign::from(*value)), AttributeValue::Int),
    };
    span.attributes.extend(attributes.iter().map(attribute));
    span
}

fn saying(mut span: Span, message: &str) -> Span {
    span.message = Foreign::from(message);
    span
}

/// A run of mysql-backup 1.4 into two targets, all well.
fn good() -> Vec<Span> {
    use SpanStatus::{Ok, Unset};
    let mut spans = vec![
        with(
            span(1, 0, "run", Ok),
            &[
                ("backup.run_id", "0f1e"),
                ("server.address", "db1"),
                ("server.port", "3306"),
                ("backup.status", "ok"),
                ("backup.exit_code", "0"),
                ("backup.bytes", "4711"),
                ("backup.protected_target.identity", "mysql:all:uuid-1"),
            ],
        ),
        with(span(2, 1, "dump", Unset), &[("target-filename", "db_backup_2026.tgz")]),
        span(3, 2, "database_dump", Ok),
        with(span(4, 2, "output_tar", Ok), &[("backup.bytes", "4711")]),
        span(5, 2, "upload", Ok),
        with(span(6, 5, "upload", Ok), &[("backup.target.type", "smb"), ("backup.target.url", "smb://nas/x")]),
        with(span(7, 5, "upload", Ok), &[("backup.target.type", "s3"), ("backup.target.url", "s3://b/x")]),
        span(8, 1, "prune", Unset),
        span(9, 8, "pruneTarget smb://nas/x", Ok),
    ];
    spans[0].end_ns = 20_000_000_000;
    spans
}

fn only(spans: &[Span]) -> Run {
    let mut all = runs(TRACE, spans, ARRIVAL);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_good_run_tells_everything() {
    let run = only(&good());
    assert_eq!((run.kind, run.state, run.bytes, run.spans), (RunKind::Backup, RunState::Ok, Some(4711), 9));
    assert_eq!(run.series.to_string(), "mysql:all:uuid-1");
    let targets: Vec<_> = run.objects.iter().map(|object| object.target.as_ref().unwrap().to_string()).collect();
    assert_eq!(targets, ["smb://nas/x", "s3://b/x"]);
    assert!(run.objects.iter().all(|object| object.name.as_ref().unwrap().to_string() == "db_backup_2026.tgz"));
    assert_eq!(run.pruned[0].target.as_ref().unwrap().to_string(), "smb://nas/x");
    let kinds: Vec<_> = run.phases.iter().map(|phase| phase.kind).collect();
    use PhaseKind::{Dump, Pack, Prune, Upload};
    assert_eq!(kinds, [Dump, Pack, Upload, Upload, Prune]);
    assert_eq!(run.findings, []);
}

#[test]
fn the_order_of_arrival_changes_nothing() {
    let (run, mut spans) = (only(&good()), good());
    spans.reverse();
    let backwards = only(&spans);
    assert_eq!((backwards.id, backwards.state, backwards.phases), (run.id, run.state, run.phases));
}

#[test]
fn without_its_root_a_run_is_unfinished_and_becomes_the_same_run_with_it() {
    let spans = good();
    let early = only(&spans[2..7]);
    assert_eq!((early.kind, early.state, early.ended), (RunKind::Backup, RunState::Unfinished, None));
    assert!(early.has_finding("no_root"));
    assert_eq!(early.id, only(&spans).id);
}

#[test]
fn a_failure_below_a_silent_or_lying_root_is_a_failure() {
    let mut spans = good();
    spans[6] = saying(with(span(7, 5, "upload", SpanStatus::Error), &[("backup.target.url", "s3://b/x")]), "no bucket");
    let run = only(&spans);
    assert_eq!(run.state, RunState::Failed);
    assert!(run.has_finding("root_lies"));
    let failure = run.failure.unwrap();
    assert_eq!((failure.phase, failure.text.to_string()), (Some(PhaseKind::Upload), "no bucket".to_owned()));
    let states: Vec<_> = run.objects.iter().map(|object| object.state.unwrap()).collect();
    assert_eq!(states, [RunState::Ok, RunState::Failed]);
}

#[test]
fn a_restore_never_says_how_it_ended_so_its_parts_do() {
    let restore = |load: SpanStatus| {
        vec![
            span(1, 0, "restore", SpanStatus::Unset),
            with(
                span(2, 1, "pull file", SpanStatus::Ok),
                &[("target", "s3://b/x"), ("targetfile", "a.tgz"), ("copied", "12")],
            ),
            span(3, 1, "input_tar", SpanStatus::Ok),
            saying(span(4, 1, "database_restore", load), if load == SpanStatus::Error { "syntax" } else { "" }),
        ]
    };
    let well = only(&restore(SpanStatus::Ok));
    assert_eq!((well.kind, well.state), (RunKind::Restore, RunState::Ok));
    assert_eq!(well.objects[0].bytes, Some(12));
    assert_eq!(only(&restore(SpanStatus::Error)).failure.unwrap().phase, Some(PhaseKind::Load));
    assert_eq!(only(&restore(SpanStatus::Ok)[..3]).state, RunState::Unknown);
    let mut fetching = restore(SpanStatus::Ok)[..2].to_vec();
    fetching[1].status = SpanStatus::Unset;
    let attributes =
        vec![Attribute { key: Foreign::from("exception.message"), value: AttributeValue::Text(Foreign::from("gone")) }];
    fetching[1].events.push(SpanEvent { at_ns: 1, name: Foreign::from("exception"), attributes });
    let failed = only(&fetching);
    assert_eq!((failed.state, failed.failure.unwrap().text.to_string()), (RunState::Failed, "gone".to_owned()));
}

#[test]
fn a_prune_whose_delete_failed_says_nothing_and_is_a_failure_all_the_same() {
    let prune = |status| vec![span(1, 0, "prune", SpanStatus::Unset), span(2, 1, "pruneTarget s3://b", status)];
    assert_eq!(only(&prune(SpanStatus::Ok)).state, RunState::Ok);
    let silent = only(&prune(SpanStatus::Unset));
    assert_eq!((silent.kind, silent.state), (RunKind::Prune, RunState::Failed));
    assert_eq!(silent.failure.unwrap().phase, Some(PhaseKind::Prune));
}

#[test]
fn cycles_and_own_parents_lose_no_run() {
    let mut spans = good();
    spans[1].parent = Some(SpanId([4; 8])); // dump below output_tar, which is below dump
    spans[7].parent = Some(SpanId([8; 8])); // prune below itself
    let run = only(&spans);
    assert_eq!((run.state, run.spans), (RunState::Ok, 9));
    assert!(run.has_finding("cyclic_spans"));
    let ring: Vec<Span> =
        (1..=200).map(|id| span(id, if id == 200 { 1 } else { id + 1 }, "run", SpanStatus::Ok)).collect();
    assert_eq!(only(&ring).spans, 200);
}

/// A good run once more, a while later, in the same trace.
fn again() -> impl Iterator<Item = Span> {
    good().into_iter().map(|mut span| {
        span.id.0[0] += 100;
        span.parent = span.parent.map(|mut parent| {
            parent.0[0] += 100;
            parent
        });
        span.start_ns += 100_000_000_000;
        span.end_ns += 100_000_000_000;
        span
    })
}

#[test]
fn two_runs_in_one_trace_are_two_runs() {
    let mut spans = good();
    spans.extend(again());
    let all = runs(TRACE, &spans, ARRIVAL);
    assert_eq!(
        all.iter().map(|run| (run.state, run.spans)).collect::<Vec<_>>(),
        [(RunState::Ok, 9), (RunState::Ok, 9)]
    );
    assert_ne!(all[0].id, all[1].id);
}

#[test]
fn a_deep_chain_does_not_exhaust_the_stack() {
    let chain: Vec<Span> = (1..=20_000_u64)
        .map(|id| {
            let mut span = span(1, 0, "x", SpanStatus::Ok);
            span.id = SpanId(id.to_be_bytes());
            span.parent = SpanId::of(&(id - 1).to_be_bytes());
            span
        })
        .collect();
    assert_eq!(only(&chain).spans, 20_000);
}

#[test]
fn a_clock_that_was_set_back_is_said() {
    let mut spans = good();
    spans[0].end_ns = 5;
    let run = only(&spans);
    assert_eq!((run.took(), run.state), (None, RunState::Ok));
    assert!(run.has_finding("clock_backwards"));
}

#[test]
fn old_versions_without_attributes_are_grouped_by_target_and_name() {
    let spans = [
        with(span(2, 0, "dump", SpanStatus::Unset), &[("target-filename", "db_backup_20261121030000.gz")]),
        span(3, 2, "database_dump", SpanStatus::Ok),
        span(4, 2, "upload", SpanStatus::Ok),
    ];
    let run = only(&spans);
    assert_eq!(run.series.to_string(), "/db_backup");
    assert_eq!(run.objects[0].target, None);
}

#[test]
fn orphans_beside_a_whole_run_do_not_take_its_place() {
    let mut spans = good();
    spans.extend(again());
    for id in [200, 201] {
        let mut orphan = span(id, 250, "upload", SpanStatus::Error);
        orphan.start_ns += 900_000_000_000;
        orphan.end_ns += 900_000_000_000;
        spans.push(orphan);
    }
    let all = runs(TRACE, &spans, ARRIVAL);
    let ids: BTreeSet<&str> = all.iter().map(|run| run.id.as_str()).collect();
    assert_eq!((all.len(), ids.len()), (3, 3));
    assert_eq!(all[0].id, only(&good()).id);
}
