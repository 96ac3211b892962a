//! Taking secrets out of foreign text before anything is kept of it.
//!
//! Removed are: user and password of URLs (also percent-encoded ones, and passwords that nobody encoded), of Go's
//! database names (`user:password@tcp(host)/`), the values of `password=...` and its relatives, signatures of
//! presigned URLs, and the row values that MySQL repeats in its errors. In doubt more is removed than needed.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem;
use regex::{Captures, Regex};

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
const LONGEST: usize = 4 << 10;
/// How much of a text behind the part that is kept must be seen, so that the cut opens no secret.
pub(super) const BEYOND: usize = 2 * LONGEST;

static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let name = r"(?:[a-z0-9_.-]*(?:password|passwd|passphrase|secret|credential|signature|token)[a-z0-9_.-]*|pwd|sig|api[_-]?key|access[_-]?key(?:[_-]?id)?|authorization)";
    let value =
        r#"(?:(?:bearer|basic|apikey)\s+\S+|"(?:[^"\\]|\\.)*(?:"|\\?\z)|'(?:[^'\\]|\\.)*(?:'|\\?\z)|[^\s&"',;)\]}]+)"#;
    Regex::new(&format!(r#"(?i)\b({name})(["']?\s*[=:]\s*)({value})"#)).ok()
});

/// `--password hunter2`, also as members of a list. What begins with a dash is the next argument.
static FLAGGED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let words = "password|passwd|passphrase|secret|credential|signature|token|pwd|api[_-]?key|access[_-]?key";
    let flag = format!(r#"(?:^|[\s"'`\[(,=])--?[a-z0-9_.-]*(?:{words})[a-z0-9_.-]*"#);
    let value = r#"(?:"(?:[^"\\]|\\.)*(?:"|\\?\z)|'(?:[^'\\]|\\.)*(?:'|\\?\z)|[^\s"'-]\S*)"#;
    Regex::new(&format!(r#"(?i)({flag})(\\?["']?(?:\s*,\s*|\s+))({value})"#)).ok()
});

/// `-phunter2`, as MySQL's programs take it.
static GLUED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let plain = r#"((?:^|[\s\[,])-p)(?:"[^"]*(?:"|\z)|'[^']*(?:'|\z)|\S+)"#;
    let quoted = r#"(["'`]-p)(?:[^"'`\\]|\\[^"'])+"#;
    Regex::new(&format!("{plain}|{quoted}")).ok()
});

/// Where `-p` is followed by a password, and not the beginning of another option.
static OF_MYSQL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)^["']?-p|mysql|mariadb|mydumper|xtrabackup|(?:^|[\s"'`\[,])-u"#).ok());

static GO_NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[^\s"'`=/(]*:[^\s"'`]*@((?:tcp|tcp6|unix|udp)?\()"#).ok());

static ROW_VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?is)\b(duplicate entry|incorrect [a-z ]{1,24}value:|near) '(.*)").ok());

/// The text without its secrets.
pub fn clean(text: &str) -> String {
    let mut cleaned = Cow::Borrowed(text);
    for form in &FORMS {
        if has(&cleaned, form.scheme_end) {
            cleaned = Cow::Owned(without_users(&cleaned, form));
        }
    }
    if memchr::memchr(b'@', cleaned.as_bytes()).is_some() {
        cleaned = replaced(cleaned, &GO_NAME, |found| format!("***@{}", &found[1]));
    }
    if memmem::find(cleaned.as_bytes(), b"-p").is_some() && OF_MYSQL.as_ref().is_some_and(|its| its.is_match(&cleaned))
    {
        cleaned = replaced(cleaned, &GLUED, glued);
    }
    if memchr::memchr(b'-', cleaned.as_bytes()).is_some() {
        cleaned = replaced(cleaned, &FLAGGED, named);
    }
    if memchr::memchr2(b'=', b':', cleaned.as_bytes()).is_some() {
        cleaned = replaced(cleaned, &NAMED, named);
    }
    if memchr::memchr(b'\'', cleaned.as_bytes()).is_some() {
        cleaned = replaced(cleaned, &ROW_VALUE, |found| format!("{} '…'{}", &found[1], after_value(&found[2])));
    }
    cleaned.into_owned()
}

/// Whether this argument says that the next one is a secret.
pub fn is_secret_flag(argument: &str) -> bool {
    let single = |text: &str| !text.contains(|c: char| c == '=' || c.is_whitespace());
    argument.strip_prefix('-').is_some_and(|name| single(name) && is_secret_key(name.trim_start_matches('-')))
}

/// Whether a value under this name is a secret whatever it says.
pub fn is_secret_key(key: &str) -> bool {
    const WORDS: [&str; 8] =
        ["password", "passwd", "passphrase", "secret", "authorization", "api_key", "apikey", "access_key"];
    let key = key.to_ascii_lowercase().replace('-', "_");
    let last = key.rsplit(['.', '_']).next().unwrap_or_default();
    WORDS.iter().any(|word| key.contains(word))
        || matches!(last, "token" | "pwd" | "pass" | "credential" | "credentials")
}

fn replaced<'t>(
    text: Cow<'t, str>,
    pattern: &LazyLock<Option<Regex>>,
    by: impl Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    let Some(pattern) = pattern.as_ref() else { return text };
    match pattern.replace_all(&text, |found: &Captures<'_>| by(found)) {
        Cow::Borrowed(_) => text,
        Cow::Owned(changed) => Cow::Owned(changed),
    }
}

fn named(found: &Captures<'_>) -> String {
    // MySQL says "(using password: YES)": that is no password.
    let harmless = matches!(&found[3], "YES" | "NO") || found[3].starts_with("***");
    if harmless { found[0].to_owned() } else { format!("{}{}***", &found[1], &found[2]) }
}

fn glued(found: &Captures<'_>) -> String {
    let flag = found.get(1).or(found.get(2)).map_or("", |flag| flag.as_str());
    format!("{flag}***")
}

/// What MySQL says behind a value that it repeats.
fn after_value(rest: &str) -> &str {
    let ends = ["' for key ", "' for column ", "' for function ", "' at line "];
    let at = ends.iter().filter_map(|end| rest.rfind(end)).max();
    at.map_or("", |at| &rest[at + 1..])
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
    if form.at != "@" || is_host(authority) {
        return 0;
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

/// Whether this can be a host, perhaps with a port: then no password hides in it.
fn is_host(authority: &str) -> bool {
    if authority.starts_with('[') {
        return true;
    }
    authority.split_once(':').is_none_or(|(_, port)| port.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_and_passwords_leave_urls_and_the_rest_stays() {
        for (with, without) in [
            ("smb://corp;backup:S3cret@nas/share/db", "smb://nas/share/db"),
            ("pruneTarget smb://user:pw@host/x", "pruneTarget smb://host/x"),
            ("s3://bucket/prefix", "s3://bucket/prefix"),
            ("http://host:9000/a/file@v2", "http://host:9000/a/file@v2"),
            ("sftp://u:p%40ss%2Fword@h:22/p and smb://a:b@c", "sftp://h:22/p and smb://c"),
            ("smb://u:pa@ss@host/p", "smb://host/p"),
            ("smb://u:pa/ss@host/p", "smb://host/p"),
            ("parse \"smb://u:pa ss@host/p\": invalid userinfo", "parse \"smb://host/p\": invalid userinfo"),
            ("open smb://u:pa ss@host/p: no", "open smb://host/p: no"),
            ("url=smb%3A%2F%2Fu%3Apw%40host%2Fp&x=1", "url=smb%3A%2F%2Fhost%2Fp&x=1"),
            ("u=smb%253a%252f%252fu%253apw%2540host%252fp", "u=smb%253a%252f%252fhost%252fp"),
            ("https://TOKEN@host/x", "https://host/x"),
            ("http://[::1]:9000/x", "http://[::1]:9000/x"),
            ("dial root:pw@tcp(db:3306)/shop: refused", "dial ***@tcp(db:3306)/shop: refused"),
            ("--password=hunter2 --host=db", "--password=*** --host=db"),
            ("{\"password\":\"hunter2\"}", "{\"password\":***}"),
            ("password=\"hunter2 and more", "password=***"),
            ("mysqldump --password hunter2 shop", "mysqldump --password *** shop"),
            ("mysqldump --password --host=db", "mysqldump --password --host=db"),
            ("mysqldump -uroot -phunter2 shop", "mysqldump -uroot -p*** shop"),
            ("mysqldump -P 3306 '-phunter 2' shop", "mysqldump -P 3306 '-p***' shop"),
            ("-phunter2", "-p***"),
            ("ls -path x", "ls -path x"),
            ("[\"mysqldump\",\"--password\",\"hunter2\"]", "[\"mysqldump\",\"--password\",***]"),
            ("https://a.net/b?sv=2022&sig=ab%2Fc&se=1", "https://a.net/b?sv=2022&sig=***&se=1"),
            ("Authorization: Bearer abc.def", "Authorization: ***"),
            ("get x?X-Amz-Signature=abc&y=1", "get x?X-Amz-Signature=***&y=1"),
            (
                "Access denied for user 'a'@'h' (using password: YES)",
                "Access denied for user 'a'@'h' (using password: YES)",
            ),
            ("Duplicate entry 'ann@example.com' for key 'u'", "Duplicate entry '…' for key 'u'"),
            ("syntax to use near 'VALUES (1, ''x'')' at line 1", "syntax to use near '…' at line 1"),
        ] {
            assert_eq!(clean(with), without, "{with}");
        }
    }

    /// With work for each scheme that grows with what follows it, these would take most of an hour.
    #[test]
    fn schemes_without_number_are_read_once() {
        for piece in ["://", "%3a%2f%2f", "%253a%252f%252f", "\"://a:b/\\", "://a:b/", "'://", "://x@"] {
            let cleaned = clean(&piece.repeat((1 << 20) / piece.len()));
            assert!(cleaned.len() <= 1 << 20, "{piece}");
        }
    }

    #[test]
    fn what_could_be_a_user_of_any_length_goes() {
        let cleaned = clean(&format!("x smb://u:{}@host/p", "Zq".repeat(10_000)));
        assert_eq!(cleaned, "x smb://");
    }

    #[test]
    fn names_of_secrets_are_known_and_others_are_not() {
        for key in ["db.password", "AWS_SECRET_ACCESS_KEY", "http.request.header.authorization", "x.token", "api-key"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["backup.target.url", "db.system", "token_count", "server.address", "passes"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_password_survives_in_a_url(
            user in "[a-z;]{1,8}",
            password in "[!-~]{4,12}",
            around in "[a-z ]{0,5}",
        ) {
            // What a URL library writes: everything that has a meaning is encoded.
            let encoded: String = url::form_urlencoded::byte_serialize(password.as_bytes()).collect();
            let marked = format!("Zq{encoded}Xv");
            let cleaned = clean(&format!("{around}smb://{user}:{marked}@host/p{around}"));
            prop_assert!(!cleaned.contains(&marked) && !cleaned.contains("Zq"), "{}", cleaned);
            prop_assert!(cleaned.contains("host/p"));
        }

        #[test]
        fn cleaning_never_panics_and_twice_is_once(text in "\\PC{0,80}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
