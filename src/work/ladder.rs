//! What was seen while reading, and how far that proves a backup.

use std::io;
use std::time::Duration;

use crate::disk::output::OutputError;
use crate::format::payload::PayloadVerdict;
use crate::format::sidecar::{Kind, Sum};
use crate::model::backup::{Compression, Format, Metadata, Shape};
use crate::model::dump::DumpFacts;
use crate::model::seal::{Fingerprint, SealScheme};
use crate::model::target::{Object, Stamp};
use crate::model::trust::{Answer, Check, Finding, MemberProof, Proof, Rung, VerdictOutcome, Voucher, Weight};
use crate::model::units::{Moment, counted, grouped};
use crate::seal::digest::{EachMib, Sha256Sum, StoredDigests, Sums, Wanted, compare_etag};
use crate::work::archive;
use crate::work::look::SideSum;
use crate::work::payload::{Checker, PayloadFacts};
use crate::work::verdict;
use crate::work::verdict::{Inside, Wrong};

/// Findings that a proof keeps.
const FINDINGS: usize = 500;

/// What one pass over the dump saw.
pub struct Reading {
    /// How the dump was compressed.
    pub compression: Compression,
    /// Bytes of the dump.
    pub bytes_out: u64,
    /// SHA-256 of the dump, when it came to its end.
    pub sha256: Option<String>,
    /// Whether every frame or stream of the container carries a checksum.
    pub every_member_checked: bool,
    /// What does not hold.
    pub wrong: Option<Wrong>,
    /// Trouble that is none of the backup's.
    pub machine: Option<String>,
    /// The file that the dump was written into on the way took no more.
    pub unwritten: Option<OutputError>,
    verdict: Option<PayloadVerdict>,
    facts: Option<PayloadFacts>,
    members: Vec<MemberProof>,
    /// What was found in a dump that could not be read to its end.
    pub findings: Vec<Finding>,
}

impl Reading {
    /// Nothing seen yet.
    pub fn new(compression: Compression) -> Self {
        Self {
            compression,
            bytes_out: 0,
            sha256: None,
            every_member_checked: false,
            wrong: None,
            machine: None,
            unwritten: None,
            verdict: None,
            facts: None,
            members: vec![],
            findings: vec![],
        }
    }

    /// The layers could not even be opened.
    pub fn broken_at_start(error: &io::Error) -> Self {
        let mut reading = Self::new(Compression::None);
        reading.broke(verdict::of_read(error, None, Inside::Unfinished), error);
        reading
    }

    /// Reading failed on the way.
    pub fn broke(&mut self, wrong: Option<Wrong>, error: &io::Error) {
        match wrong {
            Some(wrong) => self.wrong = Some(wrong),
            None => self.machine = Some(error.to_string()),
        }
    }

    /// What was to be kept on the way could not be written.
    pub fn not_kept(&mut self, error: io::Error) {
        match error.downcast::<OutputError>() {
            Ok(error) => self.unwritten = Some(error),
            Err(error) => self.machine = Some(error.to_string()),
        }
    }

    /// Whether what is inside had come to its own end when the layers around it failed.
    pub fn progress(&self, checker: Option<&Checker>) -> Inside {
        let compressed = self.compression != Compression::None;
        let ended = !compressed && checker.is_some_and(Checker::saw_end_mark);
        if ended { Inside::Finished } else { Inside::Unfinished }
    }

    /// The checksum that a container carries. zstd's and xz's are optional: counted on only where every frame has one.
    fn container_check(&self) -> Option<&'static str> {
        match self.compression {
            Compression::Gzip => Some("gzip crc"),
            Compression::Bzip2 => Some("bzip2 crc"),
            Compression::Xz if self.every_member_checked => Some("xz check"),
            Compression::Zstd if self.every_member_checked => Some("zstd checksum"),
            Compression::Xz | Compression::Zstd | Compression::None => None,
        }
    }

    /// The end of all bytes was reached.
    pub fn finish(&mut self, checker: Option<Checker>) {
        match checker.map(Checker::finish) {
            Some(Ok((verdict, facts))) => (self.verdict, self.facts) = (Some(verdict), facts),
            Some(Err(wrong)) => self.wrong = Some(wrong),
            None => self.wrong = Some(inconclusive("the dump is empty: zero statements")),
        }
    }
}

impl Reading {
    /// The end of all bytes of an archive was reached.
    /// `in_step`: the archive's bytes are the target's, so that where one is wrong is where the other is.
    pub fn archive(&mut self, judged: archive::Verdict, in_step: bool) {
        match judged {
            Ok(judged) => {
                self.facts = DumpFacts::of_all(judged.members.iter().filter_map(|member| member.dump.as_deref()));
                self.verdict = Some(judged.verdict);
                self.members = judged.members;
            }
            Err((wrong, findings)) => {
                self.wrong = Some(Wrong { at_byte: wrong.at_byte.filter(|_| in_step), ..wrong });
                self.findings = findings;
            }
        }
    }
}

fn inconclusive(what: &str) -> Wrong {
    Wrong { outcome: VerdictOutcome::Inconclusive, at_byte: None, what: what.to_owned() }
}

fn check(name: &str, outcome: Answer, detail: impl Into<String>) -> Check {
    Check { name: name.to_owned(), outcome, detail: detail.into() }
}

/// Everything seen about one object.
pub struct Evidence {
    stamp: Stamp,
    format: Format,
    /// The seal authenticates every byte.
    authenticated: bool,
    md5: Option<String>,
    /// Sums from files beside it, with the files' names.
    sums: Vec<(String, Sum)>,
    etag: Option<String>,
    checks: Vec<Check>,
    findings: Vec<Finding>,
    opens: Answer,
    wrong: Option<Wrong>,
    recorded: Recorded,
    digests: Option<StoredDigests>,
    reading: Option<Reading>,
}

#[derive(Default)]
struct Recorded {
    equal: bool,
    different: bool,
}

impl Evidence {
    /// Before anything is read.
    pub fn new(object: &Object, shape: &Shape, metadata: &Metadata) -> Self {
        let md5 = match metadata {
            Metadata::Read(facts) => facts.md5.clone(),
            _ => None,
        };
        let checks = match metadata {
            Metadata::Unusable(why) => vec![check("md5", Answer::Unknown, format!("metadata unusable: {why}"))],
            Metadata::Read(_) if md5.is_none() => vec![check("md5", Answer::Unknown, "the metadata records none")],
            _ => vec![],
        };
        Self {
            stamp: object.stamp.clone(),
            format: shape.format,
            authenticated: false,
            md5,
            sums: vec![],
            etag: object.stamp.etag.clone(),
            checks,
            findings: vec![],
            opens: Answer::Unknown,
            wrong: None,
            recorded: Recorded::default(),
            digests: None,
            reading: None,
        }
    }

    /// Takes the checksums that lie beside the object.
    pub fn beside(&mut self, recorded: Vec<SideSum>) {
        for SideSum { file, sum } in recorded {
            match sum {
                Ok(sum) => self.sums.push((file.to_string(), sum)),
                Err(why) => {
                    let text = format!("the checksum file {file} cannot be used: {why}");
                    self.findings.push(Finding::new(Weight::Warning, "sidecar_unusable", text));
                }
            }
        }
    }

    /// Whether anything is recorded that stored bytes can be compared with.
    pub fn has_recorded(&self) -> bool {
        self.md5.is_some() || self.etag.is_some() || !self.sums.is_empty()
    }

    /// What trying the keys said.
    pub fn opens(&mut self, answer: Answer, detail: &str) {
        self.opens = answer;
        if answer != Answer::NotApplicable {
            self.check("key", answer, detail);
        }
    }

    /// The layers are open.
    pub fn opened(&mut self, seal: Option<SealScheme>, key: Option<&Fingerprint>, remarks: Vec<Finding>) {
        match (seal, key) {
            (Some(_), Some(key)) => self.opens(Answer::Yes, &format!("key {}", key.short())),
            (Some(seal), None) => self.opens(Answer::Yes, &format!("a loaded key opens it ({})", seal.word())),
            (None, _) => self.opens(Answer::NotApplicable, ""),
        }
        self.authenticated = seal.is_some_and(SealScheme::authenticates);
        self.findings.extend(remarks);
    }

    /// The digests that recorded ones can be compared with, and those that a proof keeps.
    pub fn wanted(&self) -> Wanted {
        let sums = match (&self.md5, &self.etag) {
            (_, Some(_)) => Sums::WholeAndParts,
            (Some(_), None) => Sums::Whole,
            (None, None) if self.has_sum(Kind::Md5) => Sums::Whole,
            (None, None) => Sums::None,
        };
        let sha256 = if self.has_sum(Kind::Sha256) { Sha256Sum::Wanted } else { Sha256Sum::Skipped };
        Wanted { sums, each_mib: EachMib::Digested, sha256 }
    }

    fn has_sum(&self, kind: Kind) -> bool {
        self.sums.iter().any(|(_, sum)| sum.kind == kind)
    }

    /// Something does not hold.
    pub fn wrong(&mut self, wrong: Wrong) {
        self.wrong.get_or_insert(wrong);
    }

    fn check(&mut self, name: &str, outcome: Answer, detail: impl Into<String>) {
        self.checks.push(check(name, outcome, detail));
    }

    /// Compares what is recorded with what the stored bytes came to.
    pub fn digests(&mut self, digests: StoredDigests) {
        if let Some(md5) = self.md5.clone() {
            let computed = digests.md5.clone().unwrap_or_default();
            let equal = computed == md5;
            self.recorded.equal |= equal;
            self.recorded.different |= !equal;
            let detail =
                if equal { format!("{computed}, as recorded") } else { format!("{computed}, recorded is {md5}") };
            self.check("md5", if equal { Answer::Yes } else { Answer::No }, detail);
        }
        for (file, sum) in self.sums.clone() {
            let (name, computed) = match sum.kind {
                Kind::Sha256 => ("sha256", digests.sha256.clone()),
                Kind::Md5 => ("md5", digests.md5.clone()),
            };
            let equal = computed.as_ref() == Some(&sum.hex);
            self.recorded.equal |= equal;
            self.recorded.different |= !equal;
            let detail = if equal { format!("as {file} says") } else { format!("{file} says {}", sum.hex) };
            let detail = format!("{}, {detail}", computed.unwrap_or_default());
            self.check(name, if equal { Answer::Yes } else { Answer::No }, detail);
        }
        if let Some(etag) = self.etag.clone() {
            let compared = compare_etag(&etag, &digests);
            self.recorded.equal |= compared.answer == Answer::Yes;
            self.check("etag", compared.answer, compared.words);
        }
        self.digests = Some(digests);
    }

    /// Takes what the pass over the dump saw.
    pub fn read(&mut self, reading: Reading) {
        self.findings.extend(reading.findings.iter().cloned());
        if let Some(wrong) = reading.wrong.clone() {
            self.check("content", Answer::No, wrong.what.clone());
            self.wrong(wrong);
        } else {
            if let Some(name) = reading.container_check() {
                self.check(name, Answer::Yes, "checksum and length at the end, equal");
            }
            self.end_mark(&reading);
        }
        self.reading = Some(reading);
    }

    /// The dump's own end: rung 4's last condition.
    fn end_mark(&mut self, reading: &Reading) {
        let Some(verdict) = &reading.verdict else { return };
        self.findings.extend(verdict.findings.iter().cloned());
        self.check("end mark", verdict.end_mark, verdict.detail.clone());
        let contained =
            reading.compression != Compression::None || self.format == Format::Sealed || !reading.members.is_empty();
        if verdict.statements == 0 {
            self.wrong(inconclusive("zero statements: there is nothing in it to restore"));
        } else if verdict.end_mark == Answer::No {
            let what = format!("the dump stops before its end: {}", verdict.detail);
            // Where a member of an archive stops is nowhere near the object's end.
            let at_byte = reading.members.is_empty().then_some(self.stamp.size);
            self.wrong(Wrong { outcome: VerdictOutcome::Truncated, at_byte, what });
        } else if verdict.end_mark != Answer::Yes && contained {
            let text = "no end mark: a compact dump, or one that was cut before it was compressed";
            self.findings.push(Finding::new(Weight::Warning, "no_end_mark", text));
        } else if verdict.end_mark != Answer::Yes {
            self.wrong(inconclusive("plain text without an end mark: it may be cut"));
        }
    }

    fn intact(&self) -> Answer {
        match (&self.recorded, &self.digests) {
            (Recorded { different: true, .. }, _) => Answer::No,
            (Recorded { equal: true, .. }, _) => Answer::Yes,
            (_, None) if self.has_recorded() => Answer::Unknown,
            _ => Answer::NotApplicable,
        }
    }

    fn voucher(&self, whole: Answer) -> Voucher {
        if whole == Answer::Yes && self.authenticated {
            return Voucher::Authenticated;
        }
        if self.recorded.equal && !self.recorded.different {
            return Voucher::Hash;
        }
        let checked = self.reading.as_ref().is_some_and(|reading| reading.container_check().is_some());
        if whole == Answer::Yes && checked { Voucher::Crc } else { Voucher::None }
    }

    fn outcome(&self, to: Rung) -> (VerdictOutcome, Option<u64>) {
        if let Some(wrong) = &self.wrong
            && wrong.outcome != VerdictOutcome::Inconclusive
        {
            return (wrong.outcome, wrong.at_byte);
        }
        if self.recorded.different {
            return (VerdictOutcome::Damaged, None);
        }
        if let Some(wrong) = &self.wrong {
            return (wrong.outcome, wrong.at_byte);
        }
        if to == Rung::Intact && !self.recorded.equal {
            return (VerdictOutcome::NotComparable, None);
        }
        (VerdictOutcome::Ok, None)
    }
}

/// The proof that the evidence amounts to.
pub fn proof(mut evidence: Evidence, to: Rung, key: Option<Fingerprint>, at: Moment, took: Duration) -> Proof {
    let whole = match (&evidence.reading, &evidence.wrong) {
        (None, _) => Answer::Unknown,
        (Some(_), None) => Answer::Yes,
        (Some(_), Some(Wrong { outcome: VerdictOutcome::Inconclusive, .. })) => Answer::Unknown,
        (Some(_), Some(_)) => Answer::No,
    };
    if evidence.recorded.different && whole == Answer::Yes {
        let text = "every byte decrypts and the dump ends as it should, but it is not what was recorded: \
                    the backup was changed, or the metadata belongs to another run";
        evidence.findings.push(Finding::new(Weight::Warning, "hash_differs", text));
    }
    if let Some(wrong) = &evidence.wrong {
        let weight = if wrong.outcome.is_bad() { Weight::Fatal } else { Weight::Warning };
        let code = match wrong.outcome {
            VerdictOutcome::WrongKey => "wrong_key",
            VerdictOutcome::Truncated => "truncated",
            VerdictOutcome::Damaged => "damaged",
            _ => "inconclusive",
        };
        evidence.findings.push(Finding::new(weight, code, wrong.what.clone()));
    }
    let (outcome, at_byte) = evidence.outcome(to);
    let rungs = [Answer::Yes, evidence.intact(), evidence.opens, whole, Answer::Unknown];
    let content = evidence.voucher(whole);
    let reading = evidence.reading.as_ref();
    let verdict = reading.and_then(|reading| reading.verdict.as_ref());
    Proof {
        stamp: evidence.stamp,
        at,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        key,
        tried: to,
        rungs,
        content,
        outcome,
        at_byte,
        statements: verdict.map(|verdict| verdict.statements),
        inside: verdict.map(|verdict| verdict.inside.clone()),
        bytes_in: evidence.digests.as_ref().map_or(0, |digests| digests.bytes),
        bytes_out: reading.map_or(0, |reading| reading.bytes_out),
        sha256_out: reading.and_then(|reading| reading.sha256.clone()),
        members: reading.map(|reading| reading.members.clone()).unwrap_or_default(),
        dump: reading.and_then(|reading| reading.facts.clone()).map(Box::new),
        checks: evidence.checks,
        findings: bounded(evidence.findings),
        millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        mib_digests: evidence.digests.map(|digests| digests.mib).unwrap_or_default(),
    }
}

/// The heaviest findings, as many as a proof may hold: an archive may have a hundred thousand members with one each.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    if findings.len() > FINDINGS {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));
        let more = counted((findings.len() - FINDINGS) as u64, "more finding");
        findings.truncate(FINDINGS);
        findings.push(Finding::new(Weight::Warning, "more_findings", format!("{more} of the same kinds")));
    }
    findings
}

/// In one line: `whole, content checked by hash: 41,204 statements`.
pub fn in_words(proof: &Proof) -> String {
    let reached = proof.reached().word();
    match proof.outcome {
        VerdictOutcome::Ok if proof.content == Voucher::None => format!("{reached}, content unchecked"),
        VerdictOutcome::Ok => match proof.statements {
            Some(statements) => format!("{reached}, {} statements", grouped(statements)),
            None => reached.to_owned(),
        },
        bad => match proof.at_byte {
            Some(at) => format!("{} at byte {}", bad.word(), grouped(at)),
            None => bad.word().to_owned(),
        },
    }
}
