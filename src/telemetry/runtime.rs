//! What container runtimes, and those who show their logs, put around each line.

use std::borrow::Cow;

use serde_json::Value;

use crate::model::units::Moment;

/// Whether a line ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// It does.
    Whole,
    /// It was too long for the runtime, and the next one of the same source goes on with it.
    Partial,
}

/// A line as a program wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unwrapped<'l> {
    /// Without what was put around it.
    pub text: Cow<'l, [u8]>,
    pub piece: Piece,
    /// Which container and stream it is of, as far as that is said: what others wrote in between is no part of it.
    pub source: Cow<'l, [u8]>,
}

/// The greatest line that Docker wraps into JSON; it cuts them at 16 KiB, before escaping.
const WRAPPED: usize = 1 << 20;
/// The longest name of a container in front of a line.
const NAME: usize = 128;

/// The line as the program wrote it: without Kubernetes' `2026-11-21T03:00:00.1Z stderr F `, or out of Docker's
/// `{"log":"...","stream":"stderr","time":"..."}`, or without the `db-1  | ` of `docker compose logs` and the time of
/// `docker logs --timestamps`.
pub(super) fn unwrapped(line: &[u8]) -> Unwrapped<'_> {
    if line.starts_with(b"{\"log\":") && line.len() <= WRAPPED {
        return docker(line).unwrap_or_else(|| whole(line, b""));
    }
    let (container, line) = compose(line);
    let Some((_, rest)) = split(line).filter(|(time, _)| is_time(time)) else { return whole(line, container) };
    let kubernetes = split(rest).and_then(|(stream, rest)| Some((stream, split(rest)?)));
    match kubernetes {
        Some((source @ (b"stderr" | b"stdout"), (mark @ (b"F" | b"P"), text))) => {
            let piece = if mark == b"F" { Piece::Whole } else { Piece::Partial };
            Unwrapped { text: text.into(), piece, source: source.into() }
        }
        _ => whole(rest, container),
    }
}

fn whole<'l>(text: &'l [u8], source: &'l [u8]) -> Unwrapped<'l> {
    Unwrapped { text: text.into(), piece: Piece::Whole, source: source.into() }
}

/// What stands before the first blank, and behind it.
fn split(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', line)?;
    Some((&line[..at], &line[at + 1..]))
}

fn is_time(text: &[u8]) -> bool {
    let shaped = (20..=35).contains(&text.len()) && text[0].is_ascii_digit() && text[10] == b'T';
    shaped && std::str::from_utf8(text).is_ok_and(|text| Moment::parse(text).is_some())
}

/// The container's name that `docker compose logs` writes in front of each line, perhaps in colour, and the rest.
fn compose(line: &[u8]) -> (&[u8], &[u8]) {
    let head = &line[..line.len().min(NAME)];
    let Some(bar) = memchr::memchr(b'|', head) else { return (b"", line) };
    let plain = line.strip_prefix(b"\x1b[").and_then(split_at_m).unwrap_or(line);
    let before = plain.len() + bar - line.len();
    let name = plain[..before].trim_ascii_end();
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let behind = &line[bar + 1..];
    let behind = behind.strip_prefix(b"\x1b[0m").unwrap_or(behind);
    match behind.strip_prefix(b" ") {
        Some(rest) if !name.is_empty() && name.iter().all(fits) => (name, rest),
        _ => (b"", line),
    }
}

/// What stands behind the `m` of a colour.
fn split_at_m(text: &[u8]) -> Option<&[u8]> {
    let at = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b';')?;
    (text[at] == b'm').then(|| &text[at + 1..])
}

fn docker(line: &[u8]) -> Option<Unwrapped<'static>> {
    let value: Value = serde_json::from_slice(line).ok()?;
    let source = value.get("stream")?.as_str().unwrap_or_default();
    let text = value.get("log")?.as_str()?;
    let whole = text.strip_suffix('\n');
    Some(Unwrapped {
        text: whole.unwrap_or(text).as_bytes().to_vec().into(),
        piece: if whole.is_some() { Piece::Whole } else { Piece::Partial },
        source: source.as_bytes().to_vec().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_the_program_wrote_them() {
        let text = |line: &str| {
            let found = unwrapped(line.as_bytes());
            let plain = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (plain(&found.text), found.piece, plain(&found.source))
        };
        let of = |text: &str, source: &str| (text.to_owned(), Piece::Whole, source.to_owned());
        assert_eq!(text("2026-11-21T03:00:00.1Z stderr F a b"), of("a b", "stderr"));
        let cut = ("a ".to_owned(), Piece::Partial, "stdout".to_owned());
        assert_eq!(text("2026-11-21T03:00:00.1Z stdout P a "), cut);
        assert_eq!(text(r#"{"log":"\tx\n","stream":"stderr","time":"t"}"#), of("\tx", "stderr"));
        let cut = ("x".to_owned(), Piece::Partial, "stderr".to_owned());
        assert_eq!(text(r#"{"log":"x","stream":"stderr"}"#), cut);
        assert_eq!(text("2026-11-21T03:00:00.123456789Z \t\"Name\": 1"), of("\t\"Name\": 1", ""));
        assert_eq!(text("db-1  | time=\"x\" a"), of("time=\"x\" a", "db-1"));
        assert_eq!(text("db-1  | 2026-11-21T03:00:00Z {"), of("{", "db-1"));
        assert_eq!(text("\x1b[36mdb-1  |\x1b[0m {"), of("{", "db-1"));
        let odd =
            ["", "plain text", r#"{"log":"no stream"}"#, r#"{"log":7,"stream":1}"#, "a stderr F b", "|", " | a", "a|b"];
        for line in odd {
            assert_eq!(text(line), of(line, ""));
        }
    }
}
