//! Secrets that a shell hands on: through pipes, here-strings, and pairs of keys and values.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// What reads a secret from its standard input.
const READERS: &str = "passphrase-fd|password-stdin|pass(?:in|out)? stdin|--stdin|chpasswd|sudo -S|pinentry|cryptsetup";

/// `echo secret | gpg --passphrase-fd 0`: what stands before the value, the value, what stands behind it.
static PIPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let value = r#"(?:"[^"\n]*"|'[^'\n]*'|[^|;&\n"'])+?"#;
    Regex::new(&format!(r"(?i)(\b(?:echo|printf)\s+(?:-\w+\s+)*)({value})(\s*\|[^|;&\n]*?(?:{READERS}))")).ok()
});

/// `gpg --passphrase-fd 0 <<< secret`
static HERE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(&format!(r#"(?i)((?:{READERS})[^|;&\n]*?<<<\s*)(?:"[^"]*(?:"|\z)|'[^']*(?:'|\z)|\S+)"#)).ok()
});

/// `vault kv put secret/x key=value key=value`
static VAULT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(\bvault\s+(?:kv\s+(?:put|patch)|write)\s+\S+)([^|;&\n]*)").ok());

static GIVEN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(\s[\w.-]+=)(?:"[^"]*"|'[^']*'|\S+)"#).ok());

/// `{"value": "secret", "name": "DB_PASS"}`: what stands before the value, the value, up to the name, and the name.
static VALUE_FIRST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let quote = r#"\\*["']?"#;
    let value = r#"(?:\\*"(?:[^"\\]|\\[^"])*\\*"|'[^']*'|[^\s,"'\\]+)"#;
    let name = format!(r"(?:\s*,\s*|\s+){quote}(?:name|key){quote}\s*[=:]\s*{quote}([A-Za-z0-9_.-]+)");
    Regex::new(&format!(r"(?i)(\bvalue{quote}\s*[=:]\s*)({value})({name})")).ok()
});

/// `&{user secret true}`, as Go prints the user of a URL.
static GO_USER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(&\{[^\s{}]+ )[^\s{}]+((?: true)?\})").ok());

/// The text without them.
pub(super) fn hide(mut text: String) -> String {
    let has = |text: &str, what: &[u8]| memchr::memmem::find(text.as_bytes(), what).is_some();
    if has(&text, b"|") {
        text = replaced(text, &PIPED, |found| format!("{}***{}", &found[1], &found[3]));
    }
    if has(&text, b"<<<") {
        text = replaced(text, &HERE, |found| format!("{}***", &found[1]));
    }
    if has(&text, b"vault") {
        text = replaced(text, &VAULT, |found| {
            format!("{}{}", &found[1], replaced(found[2].to_owned(), &GIVEN, |given| format!("{}***", &given[1])))
        });
    }
    if has(&text, b"alue") {
        text = replaced(text, &VALUE_FIRST, |found| match super::is_secret_key(&found[4]) {
            true => format!("{}***{}", &found[1], &found[3]),
            false => found[0].to_owned(),
        });
    }
    if has(&text, b"&{") {
        text = replaced(text, &GO_USER, |found| format!("{}***{}", &found[1], &found[2]));
    }
    text
}

fn replaced(text: String, pattern: &LazyLock<Option<Regex>>, by: impl Fn(&Captures<'_>) -> String) -> String {
    let Some(pattern) = pattern.as_ref() else { return text };
    match pattern.replace_all(&text, |found: &Captures<'_>| by(found)) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => changed,
    }
}
