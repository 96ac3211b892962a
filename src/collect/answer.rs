//! Answers as OTLP wants them: in the coding of the question, with what could not be used.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde_json::json;

use super::body::Refusal;
use super::{Coding, Kind, Reply};

/// An answer.
pub(super) type Answer = Response<Full<Bytes>>;

/// `google.rpc.Status`, of which OTLP uses the message.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

/// A failure in words, for a sender of this kind.
pub(super) fn failure(status: StatusCode, words: &str, kind: Option<Kind>) -> Answer {
    let coding = if kind == Some(Kind::Traces(Coding::Protobuf)) { Coding::Protobuf } else { Coding::Json };
    let body = match coding {
        Coding::Protobuf => Status { code: 0, message: words.to_owned() }.encode_to_vec(),
        Coding::Json => json!({ "code": 0, "message": words }).to_string().into_bytes(),
    };
    with(status, coding, body)
}

/// As [`failure`], and when to try again.
pub(super) fn later(status: StatusCode, words: &str, kind: Option<Kind>, seconds: u64) -> Answer {
    let mut answer = failure(status, words, kind);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    answer
}

fn with(status: StatusCode, coding: Coding, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let kind = if coding == Coding::Protobuf { "application/x-protobuf" } else { "application/json" };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// What became of a delivery.
pub(super) fn of_reply(reply: &Reply, kind: Kind) -> Answer {
    match reply {
        Reply::Stored { refused, why } => stored(*refused, why, kind),
        Reply::Busy => later(StatusCode::SERVICE_UNAVAILABLE, "too much is waiting to be stored", Some(kind), 1),
        Reply::Unreadable(why) => failure(StatusCode::BAD_REQUEST, why, Some(kind)),
        Reply::TooLarge(why) => failure(StatusCode::PAYLOAD_TOO_LARGE, why, Some(kind)),
        Reply::Failed(why) => later(StatusCode::SERVICE_UNAVAILABLE, why, Some(kind), 5),
    }
}

fn stored(refused: u64, why: &str, kind: Kind) -> Answer {
    let rejected = i64::try_from(refused).unwrap_or(i64::MAX);
    match kind {
        Kind::Traces(Coding::Protobuf) => {
            let partial = ExportTracePartialSuccess { rejected_spans: rejected, error_message: why.to_owned() };
            let response = ExportTraceServiceResponse { partial_success: (refused > 0).then_some(partial) };
            with(StatusCode::OK, Coding::Protobuf, response.encode_to_vec())
        }
        Kind::Traces(Coding::Json) => {
            let partial = json!({ "rejectedSpans": rejected.to_string(), "errorMessage": why });
            let body = if refused > 0 { json!({ "partialSuccess": partial }) } else { json!({}) };
            with(StatusCode::OK, Coding::Json, body.to_string().into_bytes())
        }
        Kind::Log => empty(StatusCode::CREATED),
        Kind::Check | Kind::Analytics => with(StatusCode::OK, Coding::Json, b"{}".to_vec()),
    }
}

/// A body that was not taken.
pub(super) fn of_refusal(refusal: Refusal, kind: Kind) -> Answer {
    let kind = Some(kind);
    match refusal {
        Refusal::TooLarge => failure(StatusCode::PAYLOAD_TOO_LARGE, "the request is larger than is taken", kind),
        Refusal::Unreadable => failure(StatusCode::BAD_REQUEST, "the body cannot be unpacked", kind),
        Refusal::NoRoom => later(StatusCode::SERVICE_UNAVAILABLE, "too much is being received", kind, 1),
        Refusal::Lost => failure(StatusCode::REQUEST_TIMEOUT, "the body did not arrive", kind),
    }
}
