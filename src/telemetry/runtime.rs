//! What container runtimes put around each line that they log.

use std::borrow::Cow;

use serde_json::Value;

/// Whether a line ends here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// It does.
    Whole,
    /// It was too long for the runtime, and the next one goes on with it.
    Partial,
}

/// The greatest line that Docker wraps into JSON; it cuts them at 16 KiB, before escaping.
const WRAPPED: usize = 1 << 20;

/// The line as the program wrote it: without Kubernetes' `2026-11-21T03:00:00.1Z stderr F `, or out of Docker's
/// `{"log":"...","stream":"stderr","time":"..."}`.
pub(super) fn unwrapped(line: &[u8]) -> (Cow<'_, [u8]>, Piece) {
    if line.starts_with(b"{\"log\":") && line.len() <= WRAPPED {
        return docker(line).unwrap_or((Cow::Borrowed(line), Piece::Whole));
    }
    let mut parts = line.splitn(4, |byte| *byte == b' ');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(time), Some(b"stderr" | b"stdout"), Some(b"F"), Some(rest)) if is_time(time) => {
            (rest.into(), Piece::Whole)
        }
        (Some(time), Some(b"stderr" | b"stdout"), Some(b"P"), Some(rest)) if is_time(time) => {
            (rest.into(), Piece::Partial)
        }
        _ => (line.into(), Piece::Whole),
    }
}

fn is_time(text: &[u8]) -> bool {
    text.len() >= 20 && text[0].is_ascii_digit() && text.get(10) == Some(&b'T')
}

fn docker(line: &[u8]) -> Option<(Cow<'_, [u8]>, Piece)> {
    let value: Value = serde_json::from_slice(line).ok()?;
    value.get("stream")?;
    let text = value.get("log")?.as_str()?;
    let whole = text.strip_suffix('\n');
    let piece = if whole.is_some() { Piece::Whole } else { Piece::Partial };
    Some((whole.unwrap_or(text).as_bytes().to_vec().into(), piece))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_out_as_the_program_wrote_them() {
        let text = |line: &str| {
            let (text, piece) = unwrapped(line.as_bytes());
            (String::from_utf8_lossy(&text).into_owned(), piece)
        };
        let plain = |line: &str| (line.to_owned(), Piece::Whole);
        assert_eq!(text("2026-11-21T03:00:00.1Z stderr F a b"), plain("a b"));
        assert_eq!(text("2026-11-21T03:00:00.1Z stdout P a "), ("a ".to_owned(), Piece::Partial));
        assert_eq!(text(r#"{"log":"\tx\n","stream":"stderr","time":"t"}"#), plain("\tx"));
        assert_eq!(text(r#"{"log":"x","stream":"stderr"}"#), ("x".to_owned(), Piece::Partial));
        for line in ["", "plain text", r#"{"log":"no stream"}"#, r#"{"log":7,"stream":1}"#, "a stderr F b"] {
            assert_eq!(text(line), plain(line));
        }
    }
}
