//! Secrets that are known by how they look, and addresses that are secrets.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

/// One of these stands in every such text.
static HINTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let keys = "-----BEGIN|AGE-SECRET|eyJ|gh[opsur]_|github_pat_|glpat-|xox[a-z]-|[sr]k_(?:live|test)_|AIza|SG\\.";
    let more = "npm_|hv[sbr]\\.|dop_v1_|ya29\\.|A[KS]IA|hook|api\\.telegram|hc-ping";
    Regex::new(&format!("{keys}|{more}")).ok()
});

/// A private key in PEM, as far as it goes, tokens, and behind the first group what is secret of an address.
static BY_LOOKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pem = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)";
    let word = "[0-9A-Za-z_-]";
    let tokens = [
        "AGE-SECRET-KEY-1[0-9A-Za-z]+".to_owned(),
        format!(r"eyJ{word}+\.{word}+\.?{word}*"),
        "gh[opsur]_[0-9A-Za-z]{8,}".to_owned(),
        "github_pat_[0-9A-Za-z_]{8,}".to_owned(),
        format!("glpat-{word}{{8,}}"),
        format!(r"\bxox[a-z]-{word}{{8,}}"),
        r"\b[sr]k_(?:live|test)_[0-9A-Za-z]+".to_owned(),
        format!(r"\bAIza{word}{{20,}}"),
        format!(r"\bSG\.{word}{{6,}}\.{word}+"),
        r"\bnpm_[0-9A-Za-z]{16,}".to_owned(),
        format!(r"\bhv[sbr]\.{word}{{8,}}"),
        r"\bdop_v1_[0-9A-Za-z]{6,}".to_owned(),
        format!(r"\bya29\.{word}{{6,}}"),
        r"\bA[KS]IA[0-9A-Za-z]{12,}".to_owned(),
    ];
    let slack = r"hooks\.slack\.com/(?:services|workflows|triggers)/";
    let others = r"discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/webhookb2/|hc-ping\.com/(?:ping/)?|api\.telegram\.org/bot";
    let addresses = format!(r#"({slack}|{others})[^\s"'`<>]+"#);
    Regex::new(&format!("{pem}|{}|{addresses}", tokens.join("|"))).ok()
});

/// The text without them.
pub(super) fn hide(text: Cow<'_, str>) -> Cow<'_, str> {
    let Some(pattern) = BY_LOOKS.as_ref().filter(|_| HINTS.as_ref().is_none_or(|hints| hints.is_match(&text))) else {
        return text;
    };
    let without = |found: &Captures<'_>| format!("{}***", found.get(1).map_or("", |kept| kept.as_str()));
    match pattern.replace_all(&text, without) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => Cow::Owned(changed),
    }
}
