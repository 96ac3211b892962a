//! Finding the key in a text: PEM as people and tools leave it, or DER.
//!
//! Tolerated: CR LF, a byte order mark, text before and after, `\n` written out (as environment
//! variables often hold it), quotes around it all. Errors name a line, never its text.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::seal::certificate::Certificate;
use crate::seal::der::{Der, INTEGER, OCTET_STRING, OID, SEQUENCE};
use crate::seal::error::KeyError;

const LIMIT: usize = 64 << 10;
/// More than a chain that lies beside a key has.
const MOST_CERTIFICATES: usize = 16;

/// What the label, or the outermost DER, says a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Pkcs1,
    Pkcs8,
    EncryptedPkcs8,
    /// `ECPrivateKey` of SEC 1.
    Sec1,
    /// A private key of another algorithm, in our words.
    OtherPrivate(&'static str),
    /// SubjectPublicKeyInfo.
    Spki,
    /// A bare PKCS#1 public key.
    Pkcs1Public,
    Certificate,
}

/// One decoded block.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// `Proc-Type: 4,ENCRYPTED`: the text of its DEK-Info, ASCII.
    pub(super) dek_info: Option<String>,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The most useful block of `text`: a private key of RSA if there is any, then any other private
/// key, then whatever else can be named.
pub(super) fn read(text: &[u8]) -> Result<Block, KeyError> {
    if text.len() > LIMIT {
        return Err(KeyError::TooLong);
    }
    if let Some(block) = from_der(text) {
        return Ok(block);
    }
    let text = normalised(text);
    if text.is_empty() {
        return Err(KeyError::Empty);
    }
    let begin = candidates(&text).into_iter().min_by_key(|found| rank(found.kind));
    let Some(begin) = begin else { return Err(named_without_pem(&text)) };
    decode(&text, &begin)
}

/// The certificates that stand in `text` beside a key; what is broken among them is passed over.
pub(super) fn certificates(text: &[u8]) -> Vec<Certificate> {
    let text = normalised(text);
    let found = candidates(&text).into_iter().filter(|begin| begin.kind == Kind::Certificate).take(MOST_CERTIFICATES);
    found
        .filter_map(|begin| {
            let body = &text[begin.body..];
            let der = base64(&body[..find(body, b"-----")?]).ok()?;
            Certificate::parse(&der)
        })
        .collect()
}

/// Whether a text is meant to be PEM, however broken it is.
pub(super) fn is_meant(text: &[u8]) -> bool {
    let starts = |words: &[u8]| text.trim_ascii_start().starts_with(words);
    find(text, b"-----BEGIN").is_some() || find(text, b"-----END").is_some() || starts(b"----")
}

/// Whitespace and marks at both ends gone, `\n` and `\r` written out turned into line ends.
fn normalised(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut plain = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match (first, tail.first()) {
            (b'\\', Some(b'n')) => plain.push(b'\n'),
            (b'\\', Some(b'r')) => plain.push(b'\r'),
            _ => {
                plain.push(first);
                rest = tail;
                continue;
            }
        }
        rest = &tail[1..];
    }
    // The front stays: lines are counted from there.
    let used = plain.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
    plain.truncate(used);
    plain
}

struct Begin<'a> {
    kind: Kind,
    label: &'a [u8],
    /// Where the body starts.
    body: usize,
}

fn candidates(text: &[u8]) -> Vec<Begin<'_>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    let mut found = vec![];
    let mut from = 0;
    while let Some(at) = find(&text[from..], BEGIN) {
        let label = from + at + BEGIN.len();
        let Some(len) = find(&text[label..], b"-----").filter(|&len| len <= 40) else {
            from = label;
            continue;
        };
        from = label + len + 5;
        if let Some(kind) = kind_of(&text[label..label + len]) {
            found.push(Begin { kind, label: &text[label..label + len], body: from });
        }
    }
    found
}

fn kind_of(label: &[u8]) -> Option<Kind> {
    Some(match label {
        b"RSA PRIVATE KEY" => Kind::Pkcs1,
        b"PRIVATE KEY" => Kind::Pkcs8,
        b"ENCRYPTED PRIVATE KEY" => Kind::EncryptedPkcs8,
        b"EC PRIVATE KEY" => Kind::Sec1,
        b"DSA PRIVATE KEY" => Kind::OtherPrivate("DSA"),
        b"OPENSSH PRIVATE KEY" => Kind::OtherPrivate("OpenSSH"),
        b"PGP PRIVATE KEY BLOCK" => Kind::OtherPrivate("PGP"),
        b"PUBLIC KEY" => Kind::Spki,
        b"RSA PUBLIC KEY" => Kind::Pkcs1Public,
        b"CERTIFICATE" | b"TRUSTED CERTIFICATE" | b"X509 CERTIFICATE" => Kind::Certificate,
        _ => return None,
    })
}

fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Pkcs1 | Kind::Pkcs8 | Kind::EncryptedPkcs8 => 0,
        Kind::Sec1 => 1,
        Kind::OtherPrivate(_) => 2,
        Kind::Spki | Kind::Pkcs1Public => 3,
        Kind::Certificate => 4,
    }
}

fn named_without_pem(text: &[u8]) -> KeyError {
    let starts = |words: &[u8]| text.trim_ascii_start().starts_with(words);
    if starts(b"ssh-rsa ") || starts(b"ssh-ed25519 ") || starts(b"ecdsa-sha2-") {
        KeyError::PublicKey
    } else if starts(b"PuTTY-User-Key-File") {
        KeyError::NotRsa { kind: "PuTTY" }
    } else if find(text, b"-----BEGIN").is_some() && find(text, b"PRIVATE").is_some() {
        KeyError::Damaged { line: line_of(text, find(text, b"-----BEGIN").unwrap_or(0)) }
    } else {
        KeyError::NotAKey
    }
}

fn decode(text: &[u8], begin: &Begin<'_>) -> Result<Block, KeyError> {
    let cut = KeyError::Damaged { line: line_of(text, text.len().saturating_sub(1)) };
    let body = &text[begin.body..];
    let end = find(body, b"-----").ok_or(cut)?;
    let mark = &body[end..];
    let closes = mark.strip_prefix(b"-----END ").and_then(|rest| rest.strip_prefix(begin.label));
    if !closes.is_some_and(|rest| rest.starts_with(b"-----")) {
        return Err(KeyError::Damaged { line: line_of(text, begin.body + end) });
    }
    let (dek_info, skip) = headers(&body[..end]);
    if matches!(begin.kind, Kind::OtherPrivate(_) | Kind::Certificate) {
        return Ok(Block { kind: begin.kind, dek_info, der: Zeroizing::new(vec![]) });
    }
    let der = base64(&body[skip..end])
        .map_err(|at| KeyError::Damaged { line: line_of(text, begin.body + skip + at.min(end - skip)) })?;
    Ok(Block { kind: begin.kind, dek_info, der })
}

/// RFC 1421 headers: the first lines, as long as they have a colon. Returns DEK-Info and where the
/// base64 starts.
fn headers(body: &[u8]) -> (Option<String>, usize) {
    let (mut dek_info, mut at) = (None, 0);
    for line in body.split_inclusive(|&byte| byte == b'\n') {
        let words = line.trim_ascii();
        if !words.is_empty() && !words.contains(&b':') {
            break;
        }
        if let Some(info) = words.strip_prefix(b"DEK-Info:") {
            dek_info = Some(String::from_utf8_lossy(info.trim_ascii()).into_owned());
        }
        at += line.len();
    }
    (dek_info, at)
}

/// Decodes base64 with blanks in it; the error is the offset of what is wrong.
fn base64(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, usize> {
    let mut dense = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut places = Vec::with_capacity(body.len());
    for (at, &byte) in body.iter().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()) {
        dense.push(byte);
        places.push(at);
    }
    let last = places.last().copied().unwrap_or(0);
    if dense.is_empty() {
        return Err(last);
    }
    let len = BASE64.decode_len(dense.len()).map_err(|_| last)?;
    let mut der = Zeroizing::new(vec![0; len]);
    let written = BASE64
        .decode_mut(&dense, &mut der)
        .map_err(|partial| places.get(partial.error.position).copied().unwrap_or(last))?;
    der.truncate(written);
    Ok(der)
}

/// A block from bare DER, told apart by its first two elements.
fn from_der(bytes: &[u8]) -> Option<Block> {
    let outer = Der::whole_sequence(bytes)?;
    Some(Block { kind: kind_of_der(outer)?, dek_info: None, der: Zeroizing::new(bytes.to_vec()) })
}

fn kind_of_der(outer: Der<'_>) -> Option<Kind> {
    let (mut rest, mut within) = (outer, outer);
    match (rest.skip()?, rest.peek()?) {
        (INTEGER, SEQUENCE) => Some(Kind::Pkcs8),
        (INTEGER, OCTET_STRING) => Some(Kind::Sec1),
        (INTEGER, INTEGER) => {
            rest.skip()?;
            Some(if rest.end() { Kind::Pkcs1Public } else { Kind::Pkcs1 })
        }
        (SEQUENCE, SEQUENCE) => Some(Kind::Certificate),
        (SEQUENCE, OCTET_STRING) if within.sequence()?.peek() == Some(OID) => Some(Kind::EncryptedPkcs8),
        (SEQUENCE, _) if within.sequence()?.peek() == Some(OID) => Some(Kind::Spki),
        _ => None,
    }
}

fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, words)
}

fn line_of(text: &[u8], at: usize) -> usize {
    1 + text.iter().take(at).filter(|&&byte| byte == b'\n').count()
}

/// PEM text with lines of 64 characters.
pub(super) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let mut dense = Zeroizing::new(vec![0; BASE64.encode_len(der.len())]);
    BASE64.encode_mut(der, &mut dense);
    let mut text = Zeroizing::new(String::with_capacity(dense.len() + dense.len() / 64 + 2 * label.len() + 40));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    for line in dense.chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
