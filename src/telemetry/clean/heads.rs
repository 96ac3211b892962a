//! Words that announce a secret, and taking out what stands behind them.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::names::is_secret_key;
use super::values::{Ends, length};

/// Any of these must be in a text that announces a secret.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = "pass|pwd|secret|token|cred|sig|key|auth|cookie|sas|pw|jwt|identified|bearer|basic|-u|--user|redis";
    let words = format!(r#"{words}|pin|sess|openssl|ldap|literal|/user|net\s+use|[\s"']-p"#);
    Regex::new(&format!("(?i-u:{words})")).ok()
});

/// A name and what stands between it and its value: `password: `, `"pass":`, `--pass `, `pass%3D`, `password is `.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let mark = "=>|:=|=+|:|%(?:25)*3[dD]|%(?:25)*3[aA]|,";
    let between = format!(r#"\\*(?:\[\d*)?["'`\])]*\s*(?:{mark})\s*|\s+(?:is|was)\s+|\\*["'`]?(?:\s|%(?:25)*20)+"#);
    Regex::new(&format!("([A-Za-z0-9_.-]*[A-Za-z0-9_])({between})")).ok()
});

/// What announces a secret without a name for it, how it ends, and with what it does not begin: another argument.
static WORDS: LazyLock<Vec<(Regex, Ends, &str)>> = LazyLock::new(|| {
    let user = r#"["']?[\s=,]*["']?[^\s:%"'=,@-][^\s:%"'=,]*[:%]"#;
    let of_mysql = r"<(?:mysql|mariadb|mydumper|myloader|xtrabackup|mariabackup)\w*";
    let all = [
        (r"(?i)<identified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?".to_owned(), Ends::Member, ""),
        (r"(?i)<set\s+password\s+for\s+\S+\s*=\s*(?:password\s*\(\s*)?".to_owned(), Ends::Member, ""),
        (r"(?i)<password\s*\(\s*".to_owned(), Ends::Member, ""),
        (r"(?i)<bearer\s+".to_owned(), Ends::Argument, ""),
        (r"<Basic\s+".to_owned(), Ends::Argument, ""),
        (format!(r#"(?:^|[\s"'`\[,(=])(?:-u|-U|--user|--proxy-user|--auth){user}"#), Ends::Argument, ""),
        (r"(?i)<openssl\b.*?\s-k\s+".to_owned(), Ends::Argument, ""),
        (r#"(?:^|[\s"'`\[,(=])-pass(?:in|out)?\s+"#.to_owned(), Ends::Argument, ""),
        (format!(r"{of_mysql}\b[^|;&\n]*?\s-p\s+"), Ends::Argument, "-/"),
        (format!(r#"{of_mysql}\b[^|;&\n]*?["']-p["']\s*,\s*"#), Ends::Member, "-/"),
        (r"<ldap\w+\b[^|;&\n]*?\s-w\s*".to_owned(), Ends::Argument, ""),
        (r"<lftp\b[^|;&\n]*?\s-u\s*[^\s,]+,".to_owned(), Ends::Argument, ""),
        (r"--from-literal[=\s]+[\w.-]+=".to_owned(), Ends::Argument, ""),
        (r"(?i)(?:<net\s+use|\\\\)[^|;&\n]*?\s/user:\S+\s+".to_owned(), Ends::Argument, "-/"),
        (r"(?i)<net\s+use\s+\S+\s+\\\S+\s+".to_owned(), Ends::Argument, "-/"),
        (r"(?i)<sshpass\s+(?:-v\s+)?-p\s*".to_owned(), Ends::Argument, ""),
        (r"(?i)<redis-cli\b.*?\s-a\s+".to_owned(), Ends::Argument, ""),
    ];
    // A word begins behind the letter of an escape too.
    let whole = |pattern: String| Regex::new(&pattern.replace('<', r"(?:\b|\\[nrt])")).ok();
    all.into_iter().filter_map(|(pattern, ends, others)| Some((whole(pattern)?, ends, others))).collect()
});

/// `{"name": "DB_PASS", "value": "..."}`, as containers are told of their variables.
static PAIR: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let quote = r#"\\*["']?"#;
    let pattern = format!(
        r"(?i)\b(?:name|key){quote}\s*[=:]\s*{quote}([a-z0-9_.-]+){quote}(?:\s*,\s*|\s+){quote}value{quote}\s*[=:]\s*"
    );
    Regex::new(&pattern).ok()
});

/// `<password value="...`
static ATTRIBUTE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"<([A-Za-z0-9_:.-]+)\s[^<>]*?\bvalue\s*=\s*").ok());

/// `<password>...`
static ELEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<([A-Za-z0-9_:.-]+)>([^<]+)").ok());

/// Takes out every value that is announced as a secret.
pub(super) fn hide(mut text: String) -> String {
    if !HINTS.as_ref().is_some_and(|hints| hints.is_match(&text)) {
        return text;
    }
    let by_pair = |_: &str, found: &Captures<'_>| is_secret_key(&found[1]).then_some(Ends::Member);
    let passes: [(&LazyLock<Option<Regex>>, Announces<'_>); 3] =
        [(&NAME, &announced), (&PAIR, &by_pair), (&ATTRIBUTE, &by_pair)];
    for (pattern, announces) in passes {
        if let Some(pattern) = pattern.as_ref() {
            text = without(text, pattern, announces);
        }
    }
    for (pattern, ends, others) in WORDS.iter() {
        text = without(text, pattern, &|text, found| {
            let other = text[found.get_match().end()..].starts_with(|c| others.contains(c));
            (!other).then_some(*ends)
        });
    }
    match ELEMENT.as_ref().filter(|_| text.contains('<')) {
        Some(element) => element
            .replace_all(&text, |found: &Captures<'_>| match is_secret_key(&found[1]) {
                true => format!("<{}>***", &found[1]),
                false => found[0].to_owned(),
            })
            .into_owned(),
        None => text,
    }
}

/// How the value behind a match ends, where it is a secret.
type Announces<'a> = &'a dyn Fn(&str, &Captures<'_>) -> Option<Ends>;

/// The text without the values that stand behind the matches of `pattern`.
fn without(text: String, pattern: &Regex, announces: Announces<'_>) -> String {
    let (mut cleaned, mut kept, mut from) = (String::new(), 0, 0);
    while let Some(found) = pattern.captures_at(&text, from) {
        let end = found.get_match().end();
        from = end;
        let Some(ends) = announces(&text, &found) else { continue };
        let length = length(&text[end..], ends);
        // MySQL says "(using password: YES)": that is no password.
        if length == 0 || matches!(&text[end..end + length], "YES" | "NO") {
            continue;
        }
        cleaned.push_str(&text[kept..end]);
        cleaned.push_str("***");
        (kept, from) = (end + length, end + length);
    }
    if kept == 0 {
        return text;
    }
    cleaned.push_str(&text[kept..]);
    cleaned
}

fn announced(text: &str, found: &Captures<'_>) -> Option<Ends> {
    let (name, between) = (found.get(1)?, found.get(2)?.as_str());
    let value = &text[found.get_match().end()..];
    let key = name.as_str();
    let whole = whole_word(&text[..name.start()], key);
    if !is_secret_key(key) && !is_secret_key(whole) {
        return None;
    }
    let flag = key.starts_with('-') || whole.starts_with('-');
    let encoded_blank = between.ends_with("20");
    if between.contains(['=', ':', '%']) && !encoded_blank {
        let lower = key.to_ascii_lowercase();
        let header = lower.ends_with("authorization") || lower.ends_with("cookie");
        let phrase = lower.ends_with("passphrase") && between.contains(':');
        // `getting credentials: no valid providers`
        let prose = between.ends_with(": ") && tells_how(value) && value.contains(' ');
        if prose {
            return None;
        }
        return Some(if header || phrase { Ends::Line } else { Ends::Member });
    }
    if between.contains(',') {
        return flag.then_some(Ends::Member);
    }
    match between.trim() {
        "is" | "was" => (!tells_how(value)).then_some(Ends::Member),
        // What begins with a dash is the next argument.
        _ if flag => (!value.starts_with('-')).then_some(Ends::Argument),
        _ if looks_secret(value) => Some(Ends::Member),
        _ => value.trim_start_matches('\\').starts_with(['"', '\'', '`']).then_some(Ends::Member),
    }
}

/// `password hunter2`, with nothing between: what follows is none of the words that people write there.
fn looks_secret(value: &str) -> bool {
    const LEAST: usize = 6;
    const KINDS: [&str; 12] =
        ["sha", "aes", "rsa", "md5", "ed25519", "x25519", "x509", "pkcs", "base64", "utf8", "mysql", "mariadb"];
    let word = value.split(|c: char| c.is_whitespace() || ",;.\"'".contains(c)).next().unwrap_or_default();
    let word = word.trim_end_matches([':', ')', ']']);
    let plain = word.bytes().all(|byte| byte.is_ascii_graphic() && !b"/:=()[]{}<>".contains(&byte));
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    let kind = KINDS.iter().any(|kind| word.get(..kind.len()).is_some_and(|it| it.eq_ignore_ascii_case(kind)));
    word.len() >= LEAST && plain && !kind && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic)
}

/// A name without what an escape before it has left: `\npass`, `%26pass`.
fn whole_word<'t>(before: &str, name: &'t str) -> &'t str {
    let escape = match before.as_bytes().last() {
        Some(b'\\') => 1,
        Some(b'%') => 2,
        _ => 0,
    };
    name.get(escape..).unwrap_or_default()
}

/// `password is required`: what stands there is no password.
fn tells_how(value: &str) -> bool {
    const WORDS: [&str; 21] = [
        "required",
        "missing",
        "wrong",
        "invalid",
        "incorrect",
        "not",
        "no",
        "empty",
        "expired",
        "set",
        "too",
        "needed",
        "used",
        "failed",
        "cannot",
        "unable",
        "rejected",
        "refused",
        "denied",
        "changed",
        "accepted",
    ];
    let word: &str = value.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    WORDS.contains(&word)
}
