//! Where a value ends, in whatever text it stands.

/// Where a value ends that stands in no quotation marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// At a blank, at `&`, and at a mark behind which something else begins.
    Member,
    /// At a blank: an argument of a program.
    Argument,
    /// With its line.
    Line,
}

const MARKS: [u8; 3] = *b"\"'`";
/// What may stand behind the closing one.
const BEHIND: &[u8] = b" \t\r\n,;:.)]}<>&|\\";

/// How many bytes at the start of `text` are a value. In doubt it is longer.
pub(super) fn length(text: &str, ends: Ends) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut quoted, mut only) = (0, false, false);
    // `<(echo secret)`, `$(cat file)`: what a shell puts there.
    if [&b"<("[..], b"$(", b">("].iter().any(|opens| bytes.starts_with(opens)) {
        at = memchr::memchr(b')', bytes).map_or(bytes.len(), |end| end + 1);
    }
    while at < bytes.len() {
        let slashes = bytes[at..].iter().take_while(|byte| **byte == b'\\').count();
        match bytes.get(at + slashes) {
            // Headers have quotation marks of their own.
            Some(mark) if MARKS.contains(mark) && (ends != Ends::Line || at == 0 || only) => {
                let inside = at + slashes + 1;
                // Behind a mark that ends what was opened before the value, a word does not go on.
                if at > 0 && !quoted && bytes.get(inside).is_none_or(|next| BEHIND.contains(next)) {
                    return at;
                }
                (quoted, only) = (true, only || at == 0);
                at = inside + closing(&bytes[inside..], *mark, slashes);
                continue;
            }
            // A blank that a shell is told not to end at.
            Some(b' ') if slashes == 1 && ends != Ends::Line => {
                at += 2;
                continue;
            }
            _ if slashes > 0 => {
                if ends != Ends::Line && (quoted || breaks(&bytes[at + slashes..])) {
                    return at;
                }
                at += slashes;
                continue;
            }
            _ => {}
        }
        let behind_quotes = quoted && !bytes[at].is_ascii_alphanumeric();
        if behind_quotes || over(&bytes[at..], at == 0, ends) {
            return at;
        }
        at += 1;
    }
    at
}

fn over(rest: &[u8], first: bool, ends: Ends) -> bool {
    match (ends, rest[0]) {
        (Ends::Line, byte) => matches!(byte, b'\n' | b'\r'),
        (_, byte) if byte.is_ascii_whitespace() => true,
        (Ends::Argument, _) => false,
        (Ends::Member, b'&') => true,
        (Ends::Member, b'%') => rest.starts_with(b"%26"),
        (Ends::Member, b',' | b';' | b')' | b']' | b'}' | b'<') => !first && parts(&rest[1..]),
        (Ends::Member, _) => false,
    }
}

/// Whether an escape, of which the letter is the first byte, ends a line and the next one begins with a name or a flag.
fn breaks(rest: &[u8]) -> bool {
    let [b'n' | b'r' | b't', behind @ ..] = rest else { return false };
    let behind = behind.strip_prefix(b"\\n").unwrap_or(behind);
    let name = behind.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)).count();
    let between = behind[name..].trim_ascii_start();
    behind.first() == Some(&b'-') || (name > 0 && matches!(between.first(), Some(b'=' | b':')))
}

/// Whether something else begins behind a mark that may as well be a part of a password.
fn parts(rest: &[u8]) -> bool {
    let marks = rest.iter().take_while(|byte| b",;)]}<>".contains(byte)).count();
    let rest = &rest[marks..];
    let Some(next) = rest.first() else { return true };
    if next.is_ascii_whitespace() || b"\"'`\\".contains(next) {
        return true;
    }
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)).count();
    let value = |next: &u8| !next.is_ascii_whitespace() && *next != b'=';
    name > 0 && rest.get(name) == Some(&b'=') && rest.get(name + 1).is_some_and(value)
}

/// How many bytes up to the end of what was opened by `mark` behind so many backslashes: text inside text has one, three
/// or seven of them before each of its own marks.
fn closing(bytes: &[u8], mark: u8, level: usize) -> usize {
    let mut slashes = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == mark && slashes < level {
            return at - slashes; // that of the text around it
        }
        if byte == mark && (slashes - level).is_multiple_of(2 * (level + 1)) {
            return at + 1;
        }
        slashes = if byte == b'\\' { slashes + 1 } else { 0 };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_where_whoever_wrote_it_ended_it() {
        for (text, ends, value) in [
            ("abc def", Ends::Member, "abc"),
            ("abc&x=1", Ends::Member, "abc"),
            (")abc, x", Ends::Member, ")abc"),
            ("a,b,c=d", Ends::Member, "a,b"),
            ("a,b: no", Ends::Member, "a,b:"),
            (";;a)};", Ends::Member, ";;a"),
            ("a,b== x", Ends::Member, "a,b=="),
            ("a;b", Ends::Member, "a;b"),
            ("\"a b\"}", Ends::Member, "\"a b\""),
            ("\"a \\\" b\",c", Ends::Member, "\"a \\\" b\""),
            ("\\\"a b\\\"}", Ends::Member, "\\\"a b\\\""),
            ("\\\"a \\\\\\\" b\\\"}", Ends::Member, "\\\"a \\\\\\\" b\\\""),
            ("'it'\"'\"'s x' y", Ends::Argument, "'it'\"'\"'s x'"),
            ("'a''b', c", Ends::Member, "'a''b'"),
            ("\"never closed", Ends::Member, "\"never closed"),
            ("a)b] c", Ends::Argument, "a)b]"),
            ("abc' -H 'x", Ends::Member, "abc"),
            ("ab'c d' x", Ends::Member, "ab'c d'"),
            ("a\\nb\\nDB_HOST=x", Ends::Member, "a\\nb"),
            ("'a b'\\nc", Ends::Member, "'a b'"),
            ("Digest u=\"x\", r=\"y\"\nnext", Ends::Line, "Digest u=\"x\", r=\"y\""),
            ("\"Bearer x\",\"y\"", Ends::Line, "\"Bearer x\""),
        ] {
            assert_eq!(&text[..length(text, ends)], value, "{text}");
        }
    }
}
