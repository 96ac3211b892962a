//! Taking secrets out of foreign text before anything is kept of it.
//!
//! Removed are: user and password of URLs (also percent-encoded ones, and passwords that nobody encoded), of Go's
//! database names (`user:password@tcp(host)/`) and of `user:password@host:/path`; whatever stands behind a name or a
//! flag of a secret, in shells, settings, JSON, XML, HTTP and SQL; private keys; statements' values and the row values
//! that MySQL repeats in its errors. In doubt more is removed than needed.

mod folded;
mod heads;
mod hooks;
mod names;
mod shells;
mod urls;
mod values;

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

pub use self::names::{is_hidden_key, is_secret_flag, is_secret_key};

/// How much of a text behind the part that is kept must be seen, so that the cut opens no secret.
pub(super) const BEYOND: usize = 2 * urls::LONGEST;

/// What JSON makes of marks: `\/`, `\u0026`, however often it was written into another text.
static ESCAPED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\\+(?:u00([2-7][0-9a-fA-F])|(/))").ok());

/// `-phunter2`, as MySQL's programs take it.
static GLUED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let plain = r#"((?:^|[\s\[,])-p)(?:"[^"]*(?:"|\z)|'[^']*(?:'|\z)|\S+)"#;
    let quoted = r#"(["'`]-p)(?:[^"'`\\]|\\[^"'])+"#;
    Regex::new(&format!("{plain}|{quoted}")).ok()
});

/// What follows the `p` in flags that are no `-p` with a password.
const OF_OPENSSL: [&str; 6] = ["ass", "assin", "assout", "assword", "assphrase", "w"];

/// Where `-p` is followed by a password, and not the beginning of another option.
static OF_MYSQL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)^["']?-p|mysql|mariadb|mydumper|xtrabackup|(?:^|[\s"'`\[,])-u"#).ok());

static GO_NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"[^\s"'`=/(]*:[^\s"'`]*@((?:tcp|tcp6|unix|udp)?\()"#).ok());

/// `user:password@host`, without a scheme.
static AT_HOST: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(://)?([^\s:@/"'`<>(\[{,=]+):([^\s"'`<>]+)@([\w./\[-])"#).ok());

static ROW_VALUE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?is)\b(duplicate entry|incorrect [a-z ]{1,24}value:|data too long for column [^:]{1,200}:|near) '(.*)",
    )
    .ok()
});

/// A statement up to where its values begin.
static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let rows = r"(?:insert|replace)\s+(?:(?:ignore|delayed|low_priority)\s+)?into\s.*?\bvalues?";
    let named = r"update\s+\S+\s+set|(?:delete|select)\b.*?\bfrom\s.*?\bwhere";
    // Without the words before them only where a value follows.
    let value = r#"['"\d]"#;
    let parts = format!(
        r"where\s+[\w.`]+\s*(?:[=<>!]+|like|in\s*\()\s*{value}|(?-i:CALL)\s+[\w.`]+\s*\(\s*{value}|load\s+data\s+(?:local\s+)?(?:infile\s+)?{value}"
    );
    Regex::new(&format!(r"(?is)\b(?:({rows}|{named})\b|({parts})).*")).ok()
});

/// The text without its secrets.
pub fn clean(text: &str) -> String {
    let mut cleaned = folded::plain(text);
    let has = |text: &str, byte| memchr::memchr(byte, text.as_bytes()).is_some();
    if has(&cleaned, b'\\') {
        cleaned = replaced(cleaned, &ESCAPED, unescaped);
    }
    cleaned = hooks::hide(cleaned);
    cleaned = Cow::Owned(urls::hide(cleaned.into_owned()));
    if has(&cleaned, b'@') {
        cleaned = replaced(cleaned, &GO_NAME, |found| format!("***@{}", &found[1]));
        cleaned = replaced(cleaned, &AT_HOST, at_host);
    }
    let of_mysql = |text: &str| OF_MYSQL.as_ref().is_some_and(|its| its.is_match(text));
    if memchr::memmem::find(cleaned.as_bytes(), b"-p").is_some() && of_mysql(&cleaned) {
        cleaned = replaced(cleaned, &GLUED, glued);
    }
    cleaned = Cow::Owned(heads::hide(shells::hide(cleaned.into_owned())));
    if has(&cleaned, b'\'') {
        cleaned = replaced(cleaned, &ROW_VALUE, |found| format!("{} '…'{}", &found[1], after_value(&found[2])));
    }
    replaced(cleaned, &STATEMENT, |found| format!("{} …", statement(found))).into_owned()
}

/// A statement up to its values.
fn statement<'t>(found: &'t Captures<'_>) -> &'t str {
    let whole = found.get(1).map(|it| it.as_str());
    let part = || found.get(2).map_or("", |it| it.as_str()).trim_end_matches(['\'', '"']);
    whole.unwrap_or_else(|| part().trim_end_matches(|c: char| c.is_ascii_digit()).trim_end())
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

/// The character that an escape means. Marks that end texts stay escaped.
fn unescaped(found: &Captures<'_>) -> String {
    let meant = found.get(1).and_then(|hex| u8::from_str_radix(hex.as_str(), 16).ok());
    match meant {
        None => "/".to_owned(),
        Some(b'"') => "\\\"".to_owned(),
        Some(b'\\' | 0x7f) => found[0].to_owned(),
        Some(byte) => char::from(byte).to_string(),
    }
}

fn at_host(found: &Captures<'_>) -> String {
    // A scheme, or a port and a path: that was a URL, and has been cleaned as one.
    let path = found[3].trim_start_matches(|c: char| c.is_ascii_digit());
    let port = path.len() < found[3].len() && path.starts_with('/');
    match found.get(1) {
        _ if port || path.starts_with("//") => found[0].to_owned(),
        Some(scheme) => format!("{}{}", scheme.as_str(), &found[4]),
        None => format!("***@{}", &found[4]),
    }
}

fn glued(found: &Captures<'_>) -> String {
    let flag = found.get(1).or(found.get(2)).map_or("", |flag| flag.as_str());
    // `-pass X` is a flag of openssl, and the secret follows.
    let word = found[0][flag.len()..].split('=').next().unwrap_or_default();
    if OF_OPENSSL.contains(&word) { found[0].to_owned() } else { format!("{flag}***") }
}

/// What MySQL says behind a value that it repeats.
fn after_value(rest: &str) -> &str {
    let ends = ["' for key ", "' for column ", "' for function ", "' at line "];
    let at = ends.iter().filter_map(|end| rest.rfind(end)).max();
    at.map_or("", |at| &rest[at + 1..])
}

#[cfg(test)]
mod forms;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_secret_survives_in_what_scripts_print() {
        let around = ["@@", "exit: @@", "error running dump: @@: exit status 1", "{\"message\":\"x @@\"}"];
        let mut leaks = vec![];
        for form in forms::FORMS {
            // A private key has no end of its own.
            for around in around.iter().take(if form.contains("PRIVATE KEY") { 2 } else { 3 }) {
                let cleaned = clean(&around.replace("@@", &form.replace("@@", "Zq017Xw")));
                leaks.extend(cleaned.contains("Zq017Xw").then_some(cleaned));
            }
        }
        assert!(leaks.is_empty(), "{leaks:#?}");
    }

    #[test]
    fn what_is_no_secret_stays_as_it_is() {
        for text in [
            "mkdir -p /backup/shop && mysqldump shop",
            "ssh -p 22 nas ls",
            "signature sha256 differs, secret aes256 key is none",
            "GET /user:1 200",
            "bucket shop-prod, run of my-pins",
            "sort -k 2 sizes.txt",
            "7 tests pass now, 2 do not",
            "the password was rejected by server db2",
            "no credentials for nas, smb3 asked for some",
            "error running prune: no space left on device",
            "pinning version 3; ping: host db1 is down; mapping: ok",
            "call to dump() failed: exit status 2",
            "where is the file '/backup/x'?",
            "LOAD DATA LOCAL INFILE file request rejected due to restrictions on access.",
            "npm_config_cache=/tmp/npm; hook failed",
            "http://nas:80/a/b@v2 and https://hooks.slack.com/ and https://discord.com/api",
            "sftp://nas:22/home/u@corp/db",
            "db at 12:30 on host, mail to ops@corp.example",
            "echo done | tee log; echo start | mysql shop",
            "cat <<< done",
            "name=\"shop\" value=\"17\"",
            "{\"value\":\"17\",\"name\":\"DB_HOST\"}",
            "<add key=\"host\" value=\"db1\"/>",
            "<database value=\"shop\"/>",
            "shards[]=3&x=1",
            "100%25 of 50%20MB; %2Fbackup",
            "session opened for user backup by (uid=0)",
            "map[host:db1 port:3306]",
            "gzip: stdin: unexpected end of file",
            "-- Dump completed on 2026-11-21",
            "\u{442}\u{430}\u{431}\u{43b}\u{438}\u{446}\u{430} shop",
        ] {
            assert_eq!(clean(text), text);
        }
    }

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
            ("smb:\\/\\/u:pw@nas\\/x", "smb://nas/x"),
            ("https://a/b?sv=1\\u0026sig=ab", "https://a/b?sv=1&sig=***"),
            ("smb://u:123/pa@host/p", "smb://host/p"),
            ("sftp://nas:22/home/u@corp/db", "sftp://nas:22/home/u@corp/db"),
            ("backup:pw@nas:/srv/x: permission denied", "***@nas:/srv/x: permission denied"),
            ("DB_PASS=pw mysql-backup dump", "DB_PASS=*** mysql-backup dump"),
            ("dump --pass pw --smb-pass 'p w' --server db", "dump --pass *** --smb-pass *** --server db"),
            ("{\\\"password\\\":\\\"p w\\\",\\\"x\\\":1}", "{\\\"password\\\":***,\\\"x\\\":1}"),
            ("CREATE USER a IDENTIFIED BY 'p w'", "CREATE USER a IDENTIFIED BY ***"),
            ("curl -u admin:pw https://h/x", "curl -u admin:*** https://h/x"),
            ("openssl enc -pass pass:pw -k pw2 -in x", "openssl enc -pass *** -k *** -in x"),
            ("a\n-----BEGIN PRIVATE KEY-----\nab\n-----END PRIVATE KEY-----\nb", "a\n***\nb"),
            ("INSERT INTO users VALUES (1,'x')", "INSERT INTO users VALUES …"),
            ("password is required", "password is required"),
            ("getting credentials: no valid providers", "getting credentials: no valid providers"),
            ("token_count=5 object key: a/b", "token_count=5 object key: a/b"),
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

    /// Where a secret of any marks but quotation marks must go.
    const FORMS: [&str; 14] = [
        "DB_PASS=@@",
        "smb_pass: @@",
        "--encryption-key=@@",
        "--pass @@ --x",
        "{\"password\":\"@@ and @@\"}",
        "{\\\"token\\\":\\\"@@ and @@\\\",\\\"x\\\":1}",
        "https://a/b?sv=1&sig=@@&x=1",
        "Bearer @@",
        "Authorization: Basic @@",
        "IDENTIFIED BY '@@ @@'",
        "curl -u admin:@@",
        "smb://corp;u:@@@nas/x",
        "u:@@@nas:/srv",
        "[\"--secret-key\",\"@@\"]",
    ];

    /// With work for each scheme that grows with what follows it, these would take most of an hour.
    #[test]
    fn schemes_without_number_are_read_once() {
        let schemes = ["://", "%3a%2f%2f", "%253a%252f%252f", "\"://a:b/\\", "://a:b/", "'://", "://x@"];
        let shells =
            ["echo a ", "echo 'a|", "openssl ", "mysql -x ", "vault write a ", "net use a ", "<<<", "/user:a "];
        let pairs =
            ["value:\"", "value=a name=", "<a ", "&{a ", "name=a ", "%41", "&#65;", "pass ", "p\u{430}ss", "<("];
        for piece in schemes.into_iter().chain(shells).chain(pairs) {
            let cleaned = clean(&piece.repeat((1 << 20) / piece.len()));
            assert!(cleaned.len() <= 1 << 20, "{piece}");
        }
    }

    #[test]
    fn what_could_be_a_user_of_any_length_goes() {
        let cleaned = clean(&format!("x smb://u:{}@host/p", "Zq".repeat(10_000)));
        assert_eq!(cleaned, "x smb://");
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
        fn no_secret_survives_whatever_it_holds_and_whatever_stands_around_it(
            form in prop::sample::select(&FORMS[..]),
            secret in "[A-Za-z0-9+/!*,;.]{4,16}",
            before in "[a-z0-9 .,:;()\\[\\]\"'=/-]{0,12}",
            after in "[a-z0-9 .,:;()\\[\\]\"'=/-]{0,12}",
        ) {
            let text = format!("{before} {} {after}", form.replace("@@", &format!("Zq{secret}Xv")));
            let cleaned = clean(&text);
            prop_assert!(!cleaned.contains("Zq") && !cleaned.contains("Xv"), "{} became {}", text, cleaned);
        }

        #[test]
        fn cleaning_never_panics_and_twice_is_once(text in "\\PC{0,80}") {
            let once = clean(&text);
            prop_assert_eq!(clean(&once), once);
        }
    }
}
