//! Words about one backup: cells of the list, and everything known about it.

use unicode_width::UnicodeWidthStr;

use crate::model::backup::{Backup, Basis, Compression, Format, Metadata, Opens, TakenFrom};
use crate::model::retention::Nearness;
use crate::model::seal::SealScheme;
use crate::model::target::{Access, History};
use crate::model::trust::{Answer, Finding, Proof, Rung, VerdictOutcome, Voucher, Weight};
use crate::model::units::{ByteSize, counted, grouped, long_span, short_span};
use crate::tui::canvas::{Line, Span, span, wrap};
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::Role;
use crate::tui::widgets::spark::spark;
use crate::tui::world::{World, databases};

/// How many tables the detail names.
const TABLES: usize = 8;
/// How many databases of an archive it names.
const MEMBERS: usize = 12;
/// The finding that says how the bytes of a raw key or passphrase were taken.
const KEY_TAKEN_AS: &str = "key_taken_as";

/// `shop 2026-11-21 03:00`: how sentences name a backup; by its target while its databases are not known.
pub fn name(backup: &Backup) -> String {
    let what = if backup.databases.is_empty() { backup.target.to_string() } else { databases(backup) };
    format!("{what} {}", backup.taken.at.minute())
}

/// The finding that counts most, if any is worth a mark.
pub fn worst(backup: &Backup) -> Option<&Finding> {
    backup.findings.iter().max_by_key(|finding| finding.weight).filter(|finding| finding.weight > Weight::Note)
}

/// The sign in the margin: `!` worth a look, `x` cannot be restored, blank otherwise.
pub fn margin(backup: &Backup) -> Span {
    let verdict = backup.proof.as_ref().map(|proof| proof.outcome);
    match (verdict, worst(backup).map(|finding| finding.weight)) {
        (Some(outcome), _) if outcome.is_bad() => span(Role::Danger, "x"),
        (_, Some(Weight::Fatal)) => span(Role::Danger, "x"),
        (_, Some(Weight::Warning)) => span(Role::Warn, "!"),
        _ => span(Role::Text, " "),
    }
}

/// The badge of a rung: `▪▪▪▪▫`.
pub fn badge(rung: Rung, glyphs: &Glyphs) -> String {
    let glyph = |step| if step <= rung { glyphs.rung } else { glyphs.gap };
    Rung::ALL.into_iter().map(glyph).collect()
}

/// The TRUST cell: badge and word, or what is wrong. Where the column is narrow the badge goes, never the word.
pub fn trust(backup: &Backup, glyphs: &Glyphs, width: u16) -> Line {
    fitted(backup, glyphs, width, standing)
}

/// How far a backup is proven, and nothing else that is said of it, unless there is nothing in it.
pub fn proven(backup: &Backup, glyphs: &Glyphs, width: u16) -> Line {
    fitted(backup, glyphs, width, |backup, rung| match worst(backup) {
        Some(finding) if finding.weight == Weight::Fatal => standing(backup, rung),
        _ => climbed(backup, rung),
    })
}

/// The longest of the words that fit, with its badge where that fits too.
fn fitted(backup: &Backup, glyphs: &Glyphs, width: u16, words: fn(&Backup, Rung) -> Standing) -> Line {
    let rung = backup.proof.as_deref().map_or(Rung::Listed, Proof::reached);
    let (role, badged, words) = words(backup, rung);
    let badge = badge(rung, glyphs);
    let with_badge = |word: &String| format!("{badge} {word}");
    let mut tries: Vec<String> = if badged == Badged::Yes { words.iter().map(with_badge).collect() } else { vec![] };
    tries.extend(words);
    let last = tries.last().cloned().unwrap_or_default();
    let fits = tries.into_iter().find(|text| text.width() <= usize::from(width));
    vec![span(role, fits.unwrap_or(last))]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Badged {
    Yes,
    No,
}

/// How a backup stands, in words from long to short.
type Standing = (Role, Badged, Vec<String>);

/// What matters most: that it is damaged, else what is found in it, else how far it is proven.
fn standing(backup: &Backup, rung: Rung) -> Standing {
    if backup.proof.as_deref().is_some_and(|proof| proof.outcome.is_bad()) {
        return climbed(backup, rung);
    }
    match worst(backup) {
        Some(finding) if finding.weight == Weight::Fatal => {
            (Role::Danger, Badged::No, vec![finding.text.clone(), clause(&finding.text)])
        }
        Some(finding) => (Role::Warn, Badged::Yes, vec![finding.text.clone(), clause(&finding.text)]),
        None => climbed(backup, rung),
    }
}

/// What its proof says.
fn climbed(backup: &Backup, rung: Rung) -> Standing {
    let one = |role, text: &str| (role, Badged::Yes, vec![text.to_owned()]);
    let Some(proof) = backup.proof.as_deref() else { return one(Role::Dim, Rung::Listed.word()) };
    if proof.outcome.is_bad() {
        return one(Role::Danger, proof.outcome.word());
    }
    let word = rung.word();
    match (proof.outcome, rung >= Rung::Whole, proof.content) {
        (VerdictOutcome::Ok, _, _) if backup.stale => (Role::Warn, Badged::Yes, vec![format!("{word}, stale")]),
        (VerdictOutcome::Ok, true, Voucher::None) => {
            let words =
                vec![format!("{word}, content unchecked"), format!("{word}, unchecked"), "unchecked".to_owned()];
            (Role::Warn, Badged::Yes, words)
        }
        (VerdictOutcome::Ok, true, _) => one(Role::Good, word),
        (VerdictOutcome::Ok, false, _) => one(Role::Text, word),
        (outcome, _, _) => one(Role::Warn, outcome.word()),
    }
}

/// The first clause of a finding: what fits into a column.
fn clause(text: &str) -> String {
    let end = [" than ", ": ", ", ", "; ", " ("].iter().filter_map(|stop| text.find(stop)).min().unwrap_or(text.len());
    text[..end].to_owned()
}

/// The SEAL cell: `rsa`, `rsa other` where no loaded key opens it, `rsa ?` where only the name says so.
pub fn seal(backup: &Backup, width: u16) -> Line {
    let word = match (&backup.shape.seal, backup.shape.format) {
        (Some(seal), _) if seal.scheme == SealScheme::RawKey && width < 9 => "raw",
        (Some(seal), _) => seal.scheme.word(),
        (None, Format::Unknown) => "?",
        (None, _) => "none",
    };
    let mut text = word.to_owned();
    if backup.shape.basis == Basis::Name && word != "?" {
        text.push_str(" ?");
    } else if backup.opens == Opens::No {
        text = if width >= 9 { format!("{word} other") } else { "other".to_owned() };
    }
    vec![span(if backup.opens == Opens::No { Role::Dim } else { Role::Text }, text)]
}

/// Everything known about a backup, in lines of at most `width` columns.
pub fn lines(backup: &Backup, world: &World, glyphs: &Glyphs, width: usize) -> Vec<Line> {
    let mut sheet = Sheet { lines: vec![], width };
    sheet.lines.push(vec![
        span(Role::Title, if backup.databases.is_empty() { backup.target.to_string() } else { databases(backup) }),
        span(Role::Text, format!("  {} UTC", backup.taken.at.second())),
        span(Role::Dim, format!("  {} old", long_span(backup.taken.at.age_at(world.now)))),
    ]);
    sheet.wrapped("", Role::Dim, &format!("{} on {}", backup.key, backup.target));
    sheet.blank();
    for finding in backup.findings.iter().filter(|finding| finding.weight > Weight::Note) {
        let role = if finding.weight == Weight::Fatal { Role::Danger } else { Role::Warn };
        sheet.wrapped("finding", role, &finding.text);
    }
    ladder(&mut sheet, backup, world);
    sealing(&mut sheet, backup, world);
    inside(&mut sheet, backup);
    object(&mut sheet, backup);
    metadata(&mut sheet, backup);
    sizes(&mut sheet, backup, world, glyphs);
    for finding in backup.findings.iter().filter(|finding| finding.weight == Weight::Note) {
        sheet.wrapped("note", Role::Dim, &finding.text);
    }
    sheet.lines
}

struct Sheet {
    lines: Vec<Line>,
    width: usize,
}

/// Columns of the labels.
const LABEL: usize = 9;

impl Sheet {
    fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.is_empty()) {
            self.lines.push(vec![]);
        }
    }

    fn wrapped(&mut self, label: &str, role: Role, text: &str) {
        for (nth, part) in wrap(text, self.width.saturating_sub(LABEL)).into_iter().enumerate() {
            let label = if nth == 0 { label } else { "" };
            self.lines.push(vec![span(Role::Head, format!("{label:<LABEL$}")), span(role, part)]);
        }
    }
}

fn ladder(sheet: &mut Sheet, backup: &Backup, world: &World) {
    let proof = backup.proof.as_deref();
    for (nth, rung) in Rung::ALL.into_iter().enumerate() {
        let (role, words) = rung_words(rung, backup, world);
        let label = if nth == 0 { "trust" } else { "" };
        let head = format!("{:<9}", rung.word());
        let room = sheet.width.saturating_sub(LABEL + head.len());
        for (at, part) in wrap(&words, room).into_iter().enumerate() {
            let (label, head) = if at == 0 { (label, head.as_str()) } else { ("", "         ") };
            sheet.lines.push(vec![
                span(Role::Head, format!("{label:<LABEL$}")),
                span(role, head),
                span(if role == Role::Good { Role::Text } else { role }, part),
            ]);
        }
    }
    if let Some(proof) = proof {
        let age = short_span(proof.at.age_at(world.now));
        let stale = if backup.stale { ", stale: verify it again" } else { "" };
        sheet.wrapped(
            "proof",
            Role::Text,
            &format!("{} UTC, {age} ago, by {}{stale}", proof.at.minute(), proof.program),
        );
        sheet.wrapped("", Role::Text, content_words(proof.content));
        for finding in proof.findings.iter().filter(|finding| finding.code != KEY_TAKEN_AS) {
            let role = if finding.weight == Weight::Note { Role::Dim } else { Role::Warn };
            sheet.wrapped("", role, &finding.text);
        }
    }
    sheet.blank();
}

fn rung_words(rung: Rung, backup: &Backup, world: &World) -> (Role, String) {
    let proof = backup.proof.as_deref();
    let answer = proof.map_or(Answer::Unknown, |proof| proof.rungs[rung as usize]);
    let checks = |names: &[&str]| {
        let details = proof.into_iter().flat_map(|proof| &proof.checks);
        let fitting = details.filter(|check| names.contains(&check.name.as_str()) && !check.detail.is_empty());
        fitting.map(|check| check.detail.clone()).collect::<Vec<_>>().join("; ")
    };
    match (rung, answer) {
        (Rung::Listed, _) => (Role::Good, "yes".to_owned()),
        (Rung::Proven, Answer::Unknown) => (Role::Dim, "rehearsals come in a later version".to_owned()),
        (_, Answer::Unknown) => (Role::Dim, "not tried yet".to_owned()),
        (Rung::Intact, Answer::NotApplicable) => (Role::Dim, "nothing recorded to compare with".to_owned()),
        (_, Answer::NotApplicable) => (Role::Dim, "does not apply".to_owned()),
        (_, Answer::No) => {
            let proof = proof.map(|proof| (proof.outcome.word(), proof.at_byte));
            let (word, byte) = proof.unwrap_or(("no", None));
            let place = byte.map_or(String::new(), |byte| format!(" at byte {}", grouped(byte)));
            (Role::Danger, format!("{word}{place}"))
        }
        (Rung::Intact, Answer::Yes) => (Role::Good, or(checks(&["md5", "etag"]), "recorded checksums are equal")),
        (Rung::Opens, Answer::Yes) => (Role::Good, opened_by(backup, world)),
        (Rung::Whole, Answer::Yes) => {
            let statements = proof.and_then(|proof| proof.statements);
            let words = statements.map(|count| format!("{} statements, end mark seen", grouped(count)));
            (Role::Good, words.unwrap_or_else(|| "read to its end".to_owned()))
        }
        (Rung::Proven, Answer::Yes) => (Role::Good, "restored into a throwaway server and checked there".to_owned()),
    }
}

fn or(text: String, otherwise: &str) -> String {
    if text.is_empty() { otherwise.to_owned() } else { text }
}

/// Which key did, and what it was taken as where that was not clear.
fn opened_by(backup: &Backup, world: &World) -> String {
    let Some(proof) = backup.proof.as_deref() else { return String::new() };
    let took = proof.findings.iter().find(|finding| finding.code == KEY_TAKEN_AS).map(|finding| finding.text.clone());
    match (named_key(proof, world), took) {
        (Some(key), Some(took)) => format!("{key}; {took}"),
        (Some(words), None) | (None, Some(words)) => words,
        (None, None) if backup.shape.seal.is_none() => "needs no key".to_owned(),
        (None, None) => "a key that has no name".to_owned(),
    }
}

fn named_key(proof: &Proof, world: &World) -> Option<String> {
    let print = proof.key.as_ref()?;
    let fits = |other: &crate::model::seal::Fingerprint| other.matches(print);
    let loaded = world.keys.iter().find(|key| key.facts.fingerprint.as_ref().is_some_and(fits));
    let named = world.key_offers.iter().find(|offer| offer.fingerprint.as_ref().is_some_and(fits));
    let name = named.map(|offer| offer.name.clone()).or_else(|| loaded.map(|key| key.facts.label.to_string()));
    Some(format!("key {}  {}", name.unwrap_or_default(), print.short()).replace("  ", " "))
}

fn content_words(voucher: Voucher) -> &'static str {
    match voucher {
        Voucher::Authenticated => "content authenticated from first to last byte",
        Voucher::Hash => "content checked against a recorded digest",
        Voucher::Crc => "content checked by CRC: accidents are found, tampering is not",
        Voucher::None => "content unchecked: nothing vouches for it",
    }
}

fn sealing(sheet: &mut Sheet, backup: &Backup, world: &World) {
    let Some(seal) = &backup.shape.seal else {
        sheet.wrapped("seal", Role::Text, "none: anyone who reads the target reads this backup");
        sheet.blank();
        return;
    };
    let bits = seal.modulus_bytes.map_or(String::new(), |bytes| format!("-{}", u32::from(bytes) * 8));
    let words = match proven_scheme(seal.scheme, backup) {
        SealScheme::Dbacked => {
            format!("RSA{bits} OAEP-SHA1 + AES-256-CBC; no MAC: damage is found, tampering is not")
        }
        SealScheme::Sealed => format!("RSA{bits} OAEP-SHA256 + AES-256-GCM in chunks: every byte authenticated"),
        SealScheme::RawKey => "a raw key: AES-256-CBC without MAC, or ChaCha20-Poly1305; only the key tells".to_owned(),
        SealScheme::Aes256Cbc => "AES-256-CBC under a raw key; no MAC: tampering is not found".to_owned(),
        SealScheme::ChaCha20Poly1305 => "ChaCha20-Poly1305 over everything, under a raw key: authenticated".to_owned(),
        SealScheme::Pbkdf2Cbc => "passphrase, PBKDF2 + AES-256-CBC; no MAC: tampering is not found".to_owned(),
        SealScheme::Cms => "CMS (S/MIME) with AES-CBC; no MAC: tampering is not found".to_owned(),
        SealScheme::Age => "age: X25519 or passphrase, every byte authenticated".to_owned(),
    };
    sheet.wrapped("seal", Role::Text, &words);
    for recipient in &seal.recipients {
        let loaded = world.keys.iter().any(|key| key.facts.fingerprint.as_ref() == Some(&recipient.fingerprint));
        let state = if loaded { ", loaded" } else { "" };
        sheet.wrapped("", Role::Text, &format!("opened by {}{state}", recipient.fingerprint.short()));
    }
    for named in &seal.named {
        sheet.wrapped("", Role::Text, &format!("opened by {named}"));
    }
    if backup.opens == Opens::No {
        sheet.wrapped("", Role::Warn, "no loaded key is among its recipients");
    } else if seal.recipients.is_empty() && seal.named.is_empty() && !is_open(backup) {
        let words = match seal.scheme {
            SealScheme::RawKey | SealScheme::Pbkdf2Cbc => "it names no key: which one opens it is known by trying",
            _ => "nothing says for which key it is sealed",
        };
        sheet.wrapped("", Role::Dim, words);
    }
    sheet.blank();
}

fn is_open(backup: &Backup) -> bool {
    backup.proof.as_deref().is_some_and(|proof| proof.rungs[Rung::Opens as usize] == Answer::Yes)
}

/// What a raw key turned out to be for, once all of it was read.
fn proven_scheme(scheme: SealScheme, backup: &Backup) -> SealScheme {
    let whole = backup.proof.as_deref().filter(|proof| proof.reached() >= Rung::Whole);
    match (scheme, whole.map(|proof| proof.content)) {
        (SealScheme::RawKey, Some(Voucher::Authenticated)) => SealScheme::ChaCha20Poly1305,
        (SealScheme::RawKey, Some(_)) => SealScheme::Aes256Cbc,
        (scheme, _) => scheme,
    }
}

fn inside(sheet: &mut Sheet, backup: &Backup) {
    let Some(inside) = backup.proof.as_ref().and_then(|proof| proof.inside.as_ref()) else { return };
    let counts = [
        (inside.table_count, "table"),
        (inside.views, "view"),
        (inside.routines, "routine"),
        (inside.triggers, "trigger"),
        (inside.events, "event"),
    ];
    let words: Vec<_> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, noun)| counted(*count, noun)).collect();
    let sql = backup.proof.as_ref().map_or(0, |proof| proof.bytes_out);
    let databases = inside.databases.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let head = if databases.is_empty() { String::new() } else { format!("{databases}: ") };
    sheet.wrapped(
        "inside",
        Role::Text,
        &format!("{head}{}, {} of SQL, {}", words.join(", "), ByteSize(sql).words(), inside.made_by),
    );
    databases_inside(sheet, backup);
    for table in inside.tables.iter().take(TABLES) {
        let line =
            format!("{:>6}  {:>12} rows  {}", ByteSize(table.bytes).to_string(), grouped(table.rows), table.name);
        sheet.lines.push(vec![span(Role::Head, " ".repeat(LABEL)), span(Role::Text, line)]);
    }
    if inside.table_count > TABLES as u64 {
        sheet.wrapped("", Role::Dim, &format!("and {} more", grouped(inside.table_count - TABLES as u64)));
    }
    sheet.blank();
}

/// Of an archive: each database with its own figures.
fn databases_inside(sheet: &mut Sheet, backup: &Backup) {
    let members = backup.proof.as_deref().map_or(&[][..], |proof| &proof.members);
    for member in members.iter().take(MEMBERS) {
        let rows: u64 = member.inside.tables.iter().map(|table| table.rows).sum();
        let what = match &member.database {
            Some(database) => format!("{database}, {} tables", grouped(member.inside.table_count)),
            None => member.name.to_string(),
        };
        let line = format!("{:>6}  {:>12} rows  ", ByteSize(member.bytes).to_string(), grouped(rows));
        let head = span(Role::Head, " ".repeat(LABEL));
        sheet.lines.push(vec![head, span(Role::Text, line), span(Role::Title, what)]);
    }
    if members.len() > MEMBERS {
        sheet.wrapped("", Role::Dim, &format!("and {} more databases", grouped((members.len() - MEMBERS) as u64)));
    }
}

fn object(sheet: &mut Sheet, backup: &Backup) {
    sheet.wrapped("object", Role::Text, &format!("{}, id {}", ByteSize(backup.stamp.size).exact(), backup.id));
    let compression = match backup.shape.compression {
        Compression::None => "",
        Compression::Gzip => ", gzip",
        Compression::Zstd => ", zstd",
        Compression::Bzip2 => ", bzip2",
        Compression::Xz => ", xz",
    };
    let basis = if backup.shape.basis == Basis::Name { " (from its name; the head has not been read)" } else { "" };
    sheet.wrapped("", Role::Text, &format!("{}{compression}{basis}", backup.shape.format.word()));
    let from = match backup.taken.from {
        TakenFrom::Metadata => "time from its metadata",
        TakenFrom::Name => "time from its name",
        TakenFrom::Object => "time from the object itself",
    };
    let etag = backup
        .stamp
        .etag
        .as_ref()
        .map_or(String::new(), |etag| format!(", etag {}", crate::model::foreign::escape(etag)));
    let offset = backup.taken.offset_words().map_or(String::new(), |offset| format!(" (written as {offset})"));
    sheet.wrapped("", Role::Dim, &format!("{from}{offset}{etag}"));
    if let Some(prune) = &backup.prune {
        let role = if prune.when == Nearness::Later { Role::Text } else { Role::Warn };
        sheet.wrapped("prune", role, &prune.words());
    }
    match backup.history {
        History::Current => {}
        History::Older => sheet.wrapped("", Role::Warn, "an older version: overwritten or deleted since"),
        History::Deleted => sheet.wrapped("", Role::Warn, "a delete marker: older versions may be readable"),
    }
    let class = backup.storage.class.as_deref().unwrap_or("standard storage");
    match backup.storage.access {
        Access::Ready => {}
        Access::Frozen => {
            sheet.wrapped(
                "",
                Role::Warn,
                &format!("{class}: thaw it first (aws s3api restore-object), which takes hours"),
            );
        }
        Access::Thawing => sheet.wrapped("", Role::Warn, &format!("{class}: being thawed")),
        Access::Thawed(until) => {
            let until = until.map_or(String::new(), |until| format!(" until {}", until.minute()));
            sheet.wrapped("", Role::Text, &format!("{class}: thawed{until}"));
        }
    }
    sheet.blank();
}

fn metadata(sheet: &mut Sheet, backup: &Backup) {
    match &backup.metadata {
        Metadata::NotApplicable => {}
        Metadata::Pending => sheet.wrapped("metadata", Role::Dim, "not read yet"),
        Metadata::Missing => sheet.wrapped("metadata", Role::Warn, "none beside it: no recorded MD5, no key named"),
        Metadata::Unusable(why) => sheet.wrapped("metadata", Role::Warn, &format!("cannot be used: {why}")),
        Metadata::Read(facts) => {
            let agent = facts.agent.as_ref().map_or(String::new(), |agent| format!("agent {agent}, "));
            let md5 = facts.md5.as_deref().map_or("no MD5".to_owned(), |md5| format!("MD5 {md5}"));
            sheet.wrapped("metadata", Role::Text, &format!("{agent}{md5}"));
            for remark in &facts.remarks {
                sheet.wrapped("", Role::Warn, remark);
            }
        }
    }
}

fn sizes(sheet: &mut Sheet, backup: &Backup, world: &World, glyphs: &Glyphs) {
    let same = world.backups().iter().filter(|other| other.series == backup.series && other.target == backup.target);
    let mut values: Vec<u64> = same.take(30).map(|other| other.stamp.size).collect();
    if values.len() > 2 {
        values.reverse();
        let bars = spark(glyphs, &values, sheet.width.saturating_sub(LABEL + 16));
        sheet.lines.push(vec![
            span(Role::Head, format!("{:<LABEL$}", "sizes")),
            span(Role::Text, bars),
            span(Role::Dim, format!("  last {}", values.len())),
        ]);
    }
}
