//! Payloads that mean harm, together with a good run: the good run is always there in the end.

use breakglass::model::run::{RunState, TraceId};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::payloads::{START, pair, request, run, text, trace};
use super::{Collector, JSON, PROTOBUF, runs};
use crate::cli::Home;

/// Sends each body and a good run behind it; the good run must be whole.
fn survives(bodies: Vec<(&str, &str, Vec<u8>)>) -> Home {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "1000"]);
    for (number, (what, kind, body)) in bodies.into_iter().enumerate() {
        let number = 1000 + number as u64;
        let answer = collector.client().send("POST /v1/traces", &[("content-type", kind)], &body);
        assert!(answer.is_err() || matches!(answer.unwrap().status, 200 | 400 | 413), "{what}");
        let good = collector.client().post(PROTOBUF, &request(run(number, START)).encode_to_vec());
        assert_eq!(good.status, 200, "{what}");
        let kept = runs(&home).into_iter().find(|run| run.trace.unwrap().0 == TraceId(trace(number)));
        assert_eq!(kept.map(|run| (run.state, run.spans)), Some((RunState::Ok, 11)), "{what}");
    }
    let peak = peak_kib(collector.pid());
    assert!(peak < 120 << 10, "{peak} KiB");
    collector.stop();
    home
}

fn peak_kib(pid: rustix::process::Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn nested(depth: usize) -> AnyValue {
    let mut value = AnyValue { value: Some(Value::IntValue(1)) };
    for _ in 0..depth {
        value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
    }
    value
}

fn one(change: impl FnOnce(&mut Span)) -> Vec<u8> {
    let mut spans = run(7, START);
    change(&mut spans[3]);
    request(spans).encode_to_vec()
}

#[test]
fn huge_nested_and_odd_payloads_take_no_good_run_with_them() {
    let deep = "[".repeat(1_000_000);
    let deep_value = format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"a\":{}}}]}}]}}]}}",
        "[".repeat(5000) + &"]".repeat(5000)
    );
    let many_empty: Vec<u8> = [0x12, 0x00].repeat(1_500_000); // spans of nothing
    let length = |message: &[u8]| {
        let mut out = vec![];
        prost::encoding::encode_varint(message.len() as u64, &mut out);
        out
    };
    let wrap = |tag: u8, message: &[u8]| [&[tag][..], &length(message), message].concat();
    let empty_spans = wrap(0x0a, &wrap(0x12, &many_empty));
    let span_of_empty_attributes = {
        let ids =
            [&[0x0a, 16][..], &[7; 16], &[0x12, 8], &[7; 8], b"\x2a\x0doutput_tar...", &[0x4a, 0x00].repeat(1_500_000)]
                .concat();
        wrap(0x0a, &wrap(0x12, &wrap(0x12, &ids)))
    };
    let long = "x".repeat(1_000_000);
    let wide = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![AnyValue::default(); 1_000_000] })) };
    survives(vec![
        ("a million open lists", JSON, deep.into_bytes()),
        ("a deep value in a span", JSON, deep_value.into_bytes()),
        ("wrong types everywhere", JSON, br#"{"resourceSpans":[7,{"scopeSpans":{}},{"scopeSpans":[{"spans":[1,"x",null,{"traceId":7,"spanId":[]}]}]}]}"#.to_vec()),
        ("spans of nothing", PROTOBUF, empty_spans),
        ("attributes of nothing", PROTOBUF, span_of_empty_attributes),
        ("long texts", PROTOBUF, one(|span| span.attributes = (0..3).map(|n| text(&format!("{n}{long}"), &long)).collect())),
        ("a deep attribute", PROTOBUF, one(|span| span.attributes = vec![pair("x", nested(40).value.unwrap())])),
        ("a wide attribute", PROTOBUF, one(|span| span.attributes = vec![pair("x", wide.value.unwrap())])),
        ("text that is no text", PROTOBUF, one(|span| span.name = "x".to_owned()).iter().map(|byte| if *byte == b'x' { 0xff } else { *byte }).collect()),
        ("nothing", PROTOBUF, vec![]),
        ("noise", PROTOBUF, (0..100_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()),
    ]);
}

#[test]
fn cycles_duplicates_and_clocks_take_no_good_run_with_them() {
    let ring = |spans: &mut [Span]| {
        let ids: Vec<Vec<u8>> = spans.iter().map(|span| span.span_id.clone()).collect();
        let count = ids.len();
        spans.iter_mut().enumerate().for_each(|(at, span)| span.parent_span_id.clone_from(&ids[(at + 1) % count]));
    };
    let mut cyclic = run(1, START);
    ring(&mut cyclic);
    let mut own_parent = run(2, START);
    own_parent.iter_mut().for_each(|span| span.parent_span_id = span.span_id.clone());
    let mut twice = run(3, START);
    twice.extend(run(3, START).into_iter().map(|mut span| {
        span.name = "forged".to_owned();
        span.status.as_mut().unwrap().code = 2;
        span
    }));
    let mut same_ids = run(4, START);
    same_ids.iter_mut().for_each(|span| span.span_id = vec![9; 8]);
    let mut backwards = run(5, START);
    backwards.iter_mut().for_each(|span| std::mem::swap(&mut span.start_time_unix_nano, &mut span.end_time_unix_nano));
    let mut far = run(6, START);
    far.iter_mut().for_each(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (u64::MAX - 1, u64::MAX));
    let mut past = run(8, START);
    past.iter_mut().for_each(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (1, 2));
    let mut timeless = run(9, START);
    timeless.iter_mut().for_each(|span| (span.start_time_unix_nano, span.end_time_unix_nano) = (0, 0));
    let body = |spans: &Vec<Span>| request(spans.clone()).encode_to_vec();
    let all = [&cyclic, &own_parent, &twice, &same_ids, &backwards, &far, &past, &timeless];
    let home = survives(all.iter().map(|spans| ("", PROTOBUF, body(spans))).collect());
    let kept = runs(&home);
    let of = |number| kept.iter().find(|run| run.trace.unwrap().0 == TraceId(trace(number))).unwrap();
    assert!(of(1).has_finding("cyclic_spans"));
    // What came first holds: nobody overwrites a run by sending its ids again.
    assert_eq!((of(3).state, of(3).spans), (RunState::Ok, 11));
    assert_eq!(of(4).spans, 1);
    assert!(of(5).has_finding("clock_backwards"));
    assert_eq!(of(6).state, RunState::Ok);
    assert_eq!(of(8).state, RunState::Ok);
}

#[test]
fn a_trace_without_end_is_kept_up_to_its_limit_and_others_are_not_held_up() {
    let home = Home::new();
    let collector = Collector::start(&home, &["--rate", "1000"]);
    let mut client = collector.client();
    for batch in 0..10_u64 {
        let spans = (0..3000_u64).map(|n| {
            let mut span = run(1, START).remove(0);
            span.span_id = (batch * 3000 + n + 1).to_be_bytes().to_vec();
            span
        });
        assert_eq!(client.post(PROTOBUF, &request(spans.collect()).encode_to_vec()).status, 200);
    }
    assert_eq!(client.post(PROTOBUF, &request(run(2, START)).encode_to_vec()).status, 200);
    collector.stop();
    let spans: Vec<u32> = runs(&home).iter().map(|run| run.spans).collect();
    assert!(spans.contains(&11) && spans.contains(&20_000), "{spans:?}");
}
