//! What a request asks for, from its method, path and head alone.

use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, ORIGIN};
use hyper::{Method, StatusCode};

use super::body::Packing;
use super::{Coding, Kind, Paths};

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Whether anybody is there.
    Probe,
    /// To take this.
    Take(Kind, Packing),
    /// Nothing that is done here: the status and why.
    Refuse(StatusCode, &'static str),
}

pub(super) fn asked(method: &Method, path: &str, head: &HeaderMap, paths: Paths) -> Asked {
    if head.contains_key(ORIGIN) {
        // A page in somebody's browser must not write history on this machine.
        return Asked::Refuse(StatusCode::FORBIDDEN, "requests of browsers are not taken");
    }
    let Some(place) = place(path, paths) else {
        return Asked::Refuse(StatusCode::NOT_FOUND, "nothing is received under this path");
    };
    if method == Method::GET || method == Method::HEAD {
        return Asked::Probe;
    }
    let wanted = if matches!(place, Place::Check | Place::Analytics) { Method::PUT } else { Method::POST };
    if *method != wanted {
        return Asked::Refuse(StatusCode::METHOD_NOT_ALLOWED, "this path takes POST for OTLP and PUT for beacons");
    }
    let Some(packing) = packing(head) else {
        return Asked::Refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "gzip and zstd are understood, nothing else");
    };
    let kind = match (place, coding(head)) {
        (Place::Traces, Some(coding)) => Kind::Traces(coding),
        (Place::Log, Some(Coding::Json)) => Kind::Log,
        (Place::Check, Some(Coding::Json)) => Kind::Check,
        (Place::Analytics, Some(Coding::Json)) => Kind::Analytics,
        _ => {
            let why = "application/x-protobuf and application/json are understood, nothing else";
            return Asked::Refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, why);
        }
    };
    Asked::Take(kind, packing)
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Traces,
    Log,
    Check,
    Analytics,
}

fn place(path: &str, paths: Paths) -> Option<Place> {
    let parts: Vec<&str> = path.trim_matches('/').splitn(6, '/').collect();
    match (paths, parts.as_slice()) {
        (Paths::Beacons, ["backupChecks"]) => Some(Place::Check),
        (Paths::Beacons, ["backupAnalytics"]) => Some(Place::Analytics),
        (Paths::Beacons, _) => None,
        (_, ["v1", "traces"] | ["engines", "telemetry", _, "traces"]) => Some(Place::Traces),
        (_, ["engines", "telemetry", _, "log"]) => Some(Place::Log),
        (Paths::AnyOtlp, _) => Some(Place::Traces),
        (Paths::Otlp, _) => None,
    }
}

fn value<'h>(head: &'h HeaderMap, name: &HeaderName) -> &'h str {
    head.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().trim()
}

fn packing(head: &HeaderMap) -> Option<Packing> {
    match value(head, &CONTENT_ENCODING).to_ascii_lowercase().as_str() {
        "" | "identity" => Some(Packing::None),
        "gzip" | "x-gzip" => Some(Packing::Gzip),
        "zstd" => Some(Packing::Zstd),
        _ => None,
    }
}

fn coding(head: &HeaderMap) -> Option<Coding> {
    let kind = value(head, &CONTENT_TYPE);
    match kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Coding::Protobuf),
        "application/json" => Some(Coding::Json),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str, head: &[(&str, &str)], paths: Paths) -> Asked {
        let (method, path) = line.split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in head {
            headers.insert(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        asked(&method.parse().unwrap(), path, &headers, paths)
    }

    #[test]
    fn the_paths_of_every_tool_are_known() {
        let protobuf = [("content-type", "application/x-protobuf")];
        let json = [("content-type", "application/json; charset=utf-8"), ("content-encoding", "gzip")];
        let traces = Asked::Take(Kind::Traces(Coding::Protobuf), Packing::None);
        assert_eq!(ask("POST /v1/traces", &protobuf, Paths::Otlp), traces);
        assert_eq!(ask("POST /engines/telemetry/i-1/traces", &protobuf, Paths::Otlp), traces);
        assert_eq!(ask("POST /elsewhere", &protobuf, Paths::AnyOtlp), traces);
        assert_eq!(ask("POST /engines/telemetry/i-1/log", &json, Paths::Otlp), Asked::Take(Kind::Log, Packing::Gzip));
        assert_eq!(ask("PUT /backupChecks", &json, Paths::Beacons), Asked::Take(Kind::Check, Packing::Gzip));
        assert_eq!(ask("GET /v1/traces", &[], Paths::Otlp), Asked::Probe);
    }

    #[test]
    fn what_a_browser_may_send_unasked_is_not_taken() {
        let status = |line, head: &[(&str, &str)]| match ask(line, head, Paths::Otlp) {
            Asked::Refuse(status, _) => status.as_u16(),
            other => panic!("{other:?}"),
        };
        assert_eq!(status("POST /v1/traces", &[("content-type", "text/plain")]), 415);
        assert_eq!(status("POST /v1/traces", &[]), 415);
        assert_eq!(status("POST /v1/traces", &[("content-type", "application/json"), ("origin", "https://evil")]), 403);
        assert_eq!(status("POST /v1/traces", &[("content-type", "application/json"), ("content-encoding", "br")]), 415);
        assert_eq!(status("POST /v1/metrics", &[("content-type", "application/json")]), 404);
        assert_eq!(status("DELETE /v1/traces", &[]), 405);
        assert_eq!(status("PUT /backupChecks", &[("content-type", "application/json")]), 404);
    }
}
