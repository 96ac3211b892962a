//! Users and passwords in URLs, also percent-encoded ones, and passwords that nobody encoded.

use memchr::memmem;

/// A scheme's end, the end of an authority, and the mark before a host, as they are and percent-encoded once or twice.
const FORMS: [Form; 3] = [
    Form { scheme_end: "://", slashes: &["/", "?", "#"], at: "@" },
    Form { scheme_end: "%3a%2f%2f", slashes: &["%2f", "%3f", "%23", "&"], at: "%40" },
    Form { scheme_end: "%253a%252f%252f", slashes: &["%252f", "%253f", "%2523", "&"], at: "%2540" },
];

struct Form {
    scheme_end: &'static str,
    slashes: &'static [&'static str],
    at: &'static str,
}

/// How far behind a scheme an `@` is looked for when what stands there can be no host and port.
const REACH: usize = 512;
/// The longest user, password and host; where nothing ends them by then, all that follows goes.
pub(super) const LONGEST: usize = 4 << 10;
/// Ports that are written behind hosts: other digits there may be the beginning of a password.
const PORTS: [&str; 14] =
    ["21", "22", "80", "139", "443", "445", "2022", "2222", "3306", "4318", "8080", "8443", "9000", "9001"];

/// The text without what stands between a scheme and a host.
pub(super) fn hide(mut text: String) -> String {
    for form in &FORMS {
        if has(&text, form.scheme_end) {
            text = without_users(&text, form);
        }
    }
    text
}

fn has(text: &str, what: &str) -> bool {
    find(text, what).is_some()
}

/// Finds `what`, which is in lower case, in any case.
fn find(text: &str, what: &str) -> Option<usize> {
    if !what.starts_with('%') {
        return memmem::find(text.as_bytes(), what.as_bytes());
    }
    let (bytes, what) = (text.as_bytes(), what.as_bytes());
    memchr::memchr_iter(b'%', bytes)
        .find(|&at| bytes[at..].get(..what.len()).is_some_and(|part| part.eq_ignore_ascii_case(what)))
}

fn rfind(text: &str, what: &str) -> Option<usize> {
    let (bytes, what) = (text.as_bytes(), what.as_bytes());
    let starts = bytes.len().checked_sub(what.len())?;
    (0..=starts).rev().find(|&at| bytes[at..at + what.len()].eq_ignore_ascii_case(what))
}

fn without_users(text: &str, form: &Form) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, form.scheme_end) {
        let behind = at + form.scheme_end.len();
        cleaned.push_str(&rest[..behind]);
        let quote = quote_before(&rest[..at]);
        rest = &rest[behind..];
        rest = &rest[user_length(rest, form, quote)..];
    }
    cleaned.push_str(rest);
    cleaned
}

/// The quotation mark that stands right before a scheme, if one does.
fn quote_before(before: &str) -> Option<char> {
    let scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    before.trim_end_matches(scheme).chars().next_back().filter(|c| matches!(c, '"' | '\'' | '`'))
}

/// How many bytes behind a scheme are user and password, the mark before the host included. Looks at no more than what
/// may be one, so that a text of many schemes is read about once.
fn user_length(rest: &str, form: &Form, quote: Option<char>) -> usize {
    let Some(authority) = authority(rest, form, quote) else { return rest.len() };
    if let Some(at) = rfind(authority, form.at) {
        return at + form.at.len();
    }
    if form.at != "@" {
        return 0;
    }
    if is_host(authority) {
        return behind_digits(rest, authority, quote);
    }
    // `user:pa/ss@host`, `user:pa ss@host`: nobody encoded it, and what stands there is no host and port.
    let reach = &rest[..rest.floor_char_boundary(REACH)];
    let end = match quote {
        Some(quote) => closing(reach, quote),
        None => reach.find('\n').unwrap_or(reach.len()),
    };
    rfind(&reach[..end], "@").map_or(0, |at| at + 1)
}

/// User, password and host: what stands before the first slash, or before the end of the URL. `None` where it is too
/// long to be that.
fn authority<'t>(rest: &'t str, form: &Form, quote: Option<char>) -> Option<&'t str> {
    let blank = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    let slash = |at: usize| {
        let starts = |slash: &&str| {
            rest.as_bytes()[at..].get(..slash.len()).is_some_and(|part| part.eq_ignore_ascii_case(slash.as_bytes()))
        };
        form.slashes.iter().any(starts)
    };
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        let over = quote.map_or_else(|| blank(c), |quote| c == quote && !escaped);
        if over || slash(at) {
            return Some(&rest[..at]);
        }
        if at >= LONGEST {
            return None;
        }
        escaped = c == '\\' && !escaped;
    }
    Some(rest)
}

fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().find(|&(_, c)| {
        let found = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        found
    });
    end.map_or(rest.len(), |(at, _)| at)
}

/// `u:123/pa@host/p`: what looks like a host and a port is a user and the beginning of a password that nobody encoded,
/// where it is no usual port and what looks like a host stands behind it.
fn behind_digits(rest: &str, authority: &str, quote: Option<char>) -> usize {
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    if authority.starts_with('[') || port.is_empty() {
        return 0;
    }
    let reach = &rest[..rest.floor_char_boundary(REACH)];
    let blank = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`') || Some(c) == quote;
    let word = &reach[..reach.find(blank).unwrap_or(reach.len())];
    let Some(at) = word.rfind('@') else { return 0 };
    let host = word[at + 1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let is_host = host.len() < word.len() - at - 1 && host.starts_with(['/', ':']);
    // Behind a usual port a folder may have such a name; one that looks like a password is taken for one.
    let part = word[..at].strip_prefix(authority).unwrap_or_default();
    let is_password = || {
        let has = |of: fn(&u8) -> bool| part.as_bytes().iter().any(of);
        let mixed = has(u8::is_ascii_digit) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        mixed && part.len() > 6 && !part[1..].contains('/')
    };
    match PORTS.contains(&port) {
        true if is_password() && (is_host || host.is_empty()) => at + 1,
        false if is_host => at + 1,
        _ => 0,
    }
}

/// Whether this can be a host, perhaps with a port: then no password hides in it.
fn is_host(authority: &str) -> bool {
    if authority.starts_with('[') {
        return true;
    }
    authority.split_once(':').is_none_or(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
}
