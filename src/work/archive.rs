//! Reading an archive of dumps to its end: each member judged like a dump by itself, and written where it is kept.

use std::io;

use bytes::Bytes;

use crate::format::names;
use crate::format::payload::{Payload, PayloadVerdict};
use crate::format::tar::{Stopped, TarError, TarSink, TarWalk};
use crate::model::foreign::Foreign;
use crate::model::trust;
use crate::model::trust::{Answer, Finding, MemberProof, TableInside, VerdictOutcome, Weight};
use crate::model::units::grouped;
use crate::work::hashing::Hashing;
use crate::work::keep::Keep;
use crate::work::payload::{Checker, Stands};
use crate::work::verdict::{Inside, Wrong};

/// Bytes by which a member is known.
const HEAD: usize = 1024;
/// Tables listed of a whole archive.
const LISTED: usize = 1_000;

/// Statements that are kept of a whole archive, to be shown before and after.
const SAMPLES: usize = 512;
/// Tables of which a whole archive says that they are replaced.
const REPLACED: usize = 20_000;
/// Bytes, in JSON, that all members may take: they are said a second time together, and what is
/// written must be read again.
const BYTES: usize = 5 << 20;

/// Judges an archive whose bytes are fed.
pub struct ArchiveCheck {
    walk: TarWalk,
    members: Members,
}

/// What is known of the members so far.
struct Members {
    current: Option<Current>,
    done: Vec<MemberProof>,
    end_marks: Vec<(Foreign, Answer, String)>,
    findings: Vec<Finding>,
    wrong: Option<Wrong>,
    /// The first member that should be a dump and is none: what is wrong with the archive itself weighs more.
    hollow: Option<Wrong>,
    room: Room,
    keep: Option<Keep>,
    hashing: Hashing,
    /// The bytes that are being walked over: what is hashed shares them.
    chunk: Bytes,
}

/// The member that is being read.
struct Current {
    name: Foreign,
    size: u64,
    head: Vec<u8>,
    checker: Option<Checker>,
    bytes: u64,
}

/// What may still be kept of an archive's members.
struct Room {
    samples: usize,
    replaced: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { samples: SAMPLES, replaced: REPLACED, bytes: BYTES }
    }
}

impl Room {
    /// Leaves out of a member what has no room any more; its counts stay as they are.
    fn fit(&mut self, proof: &mut MemberProof) {
        Self::cut(proof, self.samples, self.replaced);
        let mut size = size_of(proof);
        if size > self.bytes {
            Self::cut(proof, 0, 0);
            proof.inside.tables.clear();
            size = size_of(proof);
        }
        self.bytes = self.bytes.saturating_sub(size);
        if let Some(dump) = &proof.dump {
            self.samples -= dump.samples.kept.len();
            self.replaced -= dump.replaces.len();
        }
    }

    fn cut(proof: &mut MemberProof, samples: usize, replaced: usize) {
        if let Some(dump) = &mut proof.dump {
            dump.samples.more += dump.samples.kept.len().saturating_sub(samples) as u64;
            dump.samples.kept.truncate(samples);
            dump.replaces.truncate(replaced);
        }
    }
}

fn size_of(proof: &MemberProof) -> usize {
    serde_json::to_vec(proof).map_or(0, |json| json.len())
}

/// What an archive came to.
pub struct Judged {
    /// Of all members together.
    pub verdict: PayloadVerdict,
    /// Each of them.
    pub members: Vec<MemberProof>,
}

/// What an archive is, or what is wrong with it and what was found by then.
pub type Verdict = Result<Judged, (Wrong, Vec<Finding>)>;

impl ArchiveCheck {
    /// A check that hands each member to `keep` on the way.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn new(keep: Option<Keep>) -> io::Result<Self> {
        let members = Members {
            current: None,
            done: vec![],
            end_marks: vec![],
            findings: vec![],
            wrong: None,
            hollow: None,
            room: Room::default(),
            keep,
            hashing: Hashing::start()?,
            chunk: Bytes::new(),
        };
        Ok(Self { walk: TarWalk::default(), members })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// Trouble of this machine: a file that cannot be written.
    pub fn feed(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.members.wrong.is_some() {
            return Ok(());
        }
        self.members.chunk = bytes.clone();
        match self.walk.feed(&bytes, &mut self.members) {
            Ok(()) => Ok(()),
            Err(Stopped::Archive(error)) => {
                self.members.wrong = Some(of_archive(&error));
                Ok(())
            }
            Err(Stopped::Sink(error)) => Err(error),
        }
    }

    /// What was kept, and what the archive is; of one that does not hold, what is wrong and what was found by then.
    ///
    /// # Errors
    ///
    /// When the thread that hashes died.
    pub fn finish(mut self) -> io::Result<(Option<Keep>, Verdict)> {
        let keep = self.members.keep.take();
        let behind = match (self.members.wrong.take(), self.walk.finish()) {
            (Some(wrong), _) => return Ok((keep, Err((wrong, self.members.findings)))),
            (None, Err(error)) => return Ok((keep, Err((of_archive(&error), self.members.findings)))),
            (None, Ok(behind)) => behind,
        };
        if let Some(hollow) = self.members.hollow.take() {
            return Ok((keep, Err((hollow, self.members.findings))));
        }
        if behind > 0 {
            let text = format!("{} bytes follow the end of the archive and were not read", grouped(behind));
            self.members.findings.push(Finding::new(Weight::Warning, "bytes_after_archive", text));
        }
        Ok((keep, Ok(self.members.judged()?)))
    }

    /// Whether the archive's own end was seen.
    pub fn progress(&self) -> Inside {
        if self.walk.ended() { Inside::Finished } else { Inside::Unfinished }
    }

    /// What was kept, of an archive whose end did not come.
    pub fn into_keep(self) -> Option<Keep> {
        self.members.keep
    }
}

/// Judges an error of the archive.
pub fn of_archive(error: &TarError) -> Wrong {
    let (outcome, at) = match error {
        TarError::Truncated { at, .. } => (VerdictOutcome::Truncated, *at),
        TarError::Damaged { at, .. } | TarError::Refused { at, .. } => (VerdictOutcome::Damaged, *at),
    };
    // A first header that does not hold is what a wrong raw key gives as well.
    Wrong { outcome, at_byte: (at > 0).then_some(at), what: error.to_string() }
}

impl TarSink for Members {
    type Error = io::Error;

    fn begin(&mut self, name: &Foreign, size: u64) -> io::Result<()> {
        let head = Vec::with_capacity(HEAD);
        self.current = Some(Current { name: name.clone(), size, head, checker: None, bytes: 0 });
        self.keep.as_mut().map_or(Ok(()), |keep| keep.begin(name))
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hashing.feed(self.chunk.slice_ref(bytes));
        if let Some(current) = &mut self.current
            && let Err(wrong) = current.data(bytes)
        {
            self.wrong.get_or_insert(wrong);
            self.findings.extend(current.checker.take().map(Checker::defects).unwrap_or_default());
        }
        self.keep.as_mut().map_or(Ok(()), |keep| keep.write(bytes))
    }

    fn end(&mut self) -> io::Result<()> {
        self.hashing.next();
        if let Some(current) = self.current.take().filter(|_| self.wrong.is_none()) {
            self.member(current);
        }
        self.keep.as_mut().map_or(Ok(()), Keep::end)
    }
}

impl Current {
    fn data(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        self.bytes += bytes.len() as u64;
        if let Some(checker) = &mut self.checker {
            return checker.feed(bytes).map_err(|wrong| of_member(&self.name, wrong));
        }
        self.head.extend_from_slice(bytes);
        let enough = self.head.len() >= HEAD || self.bytes >= self.size;
        if enough { self.decide() } else { Ok(()) }
    }

    /// Knows the member by its first bytes.
    fn decide(&mut self) -> Result<(), Wrong> {
        let head = std::mem::take(&mut self.head);
        let mut checker = match Payload::of(&head[..head.len().min(HEAD)]) {
            Payload::Mysqldump => Checker::sql(Stands::InArchive),
            other => Checker::new(other, None),
        };
        let fed = checker.feed(&head).map_err(|wrong| of_member(&self.name, wrong));
        self.checker = Some(checker);
        fed
    }
}

fn of_member(name: &Foreign, wrong: Wrong) -> Wrong {
    Wrong { at_byte: None, what: format!("{name}: {}", wrong.what), ..wrong }
}

/// A file that is named as a dump, and holds none.
fn hollow(name: &Foreign, size: u64) -> Wrong {
    let (outcome, what) = match size {
        0 => (VerdictOutcome::Truncated, "it is empty, and should be a dump"),
        _ => (VerdictOutcome::Inconclusive, "it should be a dump, and holds none"),
    };
    Wrong { outcome, at_byte: None, what: format!("{name}: {what}") }
}

impl Members {
    fn member(&mut self, current: Current) {
        let mut proof = MemberProof { name: current.name.clone(), bytes: current.bytes, ..MemberProof::default() };
        match current.checker.map(Checker::finish) {
            Some(Ok((verdict, facts))) => {
                self.findings.extend(verdict.findings);
                self.end_marks.push((current.name.clone(), verdict.end_mark, verdict.detail));
                (proof.statements, proof.inside) = (verdict.statements, verdict.inside);
                proof.dump = facts.map(Box::new);
                proof.database = match &proof.dump {
                    Some(dump) => dump.own.as_ref().map(|own| own.name.clone()).or_else(|| schema(&proof)),
                    None => None,
                };
                if let (true, Some(name)) = (proof.inside.databases.is_empty(), &proof.database) {
                    proof.inside.databases.push(name.clone());
                }
            }
            Some(Err(_)) | None if current.name.raw_bytes().ends_with(b".sql") => {
                self.hollow.get_or_insert(hollow(&current.name, current.size));
            }
            Some(Err(_)) | None => {
                let text = format!("{} holds no dump: it is left as it is", current.name);
                self.findings.push(Finding::new(Weight::Warning, "no_dump", text));
            }
        }
        self.room.fit(&mut proof);
        self.done.push(proof);
    }

    fn judged(mut self) -> io::Result<Judged> {
        for (member, digest) in self.done.iter_mut().zip(self.hashing.finish()?) {
            member.sha256 = digest;
        }
        let worst = self.end_marks.iter().max_by_key(|(_, answer, _)| match answer {
            Answer::No => 2,
            Answer::Unknown => 1,
            Answer::Yes | Answer::NotApplicable => 0,
        });
        let statements = self.done.iter().map(|member| member.statements).sum();
        let (end_mark, worst) = match worst {
            Some((_, Answer::Yes, _)) | None => {
                (Answer::Yes, "each dump's last line says that it is complete".to_owned())
            }
            Some((name, answer, detail)) => (*answer, format!("{name}: {detail}")),
        };
        let dumps = self.end_marks.len();
        let s = if dumps == 1 { "" } else { "s" };
        let detail = format!("the archive's end, {dumps} dump{s}, {} statements; {worst}", grouped(statements));
        let inside = joined(&self.done);
        Ok(Judged {
            verdict: PayloadVerdict { end_mark, detail, inside, statements, findings: self.findings },
            members: self.done,
        })
    }
}

/// The schema that the member's name says, for dumps that do not say it themselves.
fn schema(member: &MemberProof) -> Option<Foreign> {
    if member.inside.databases.is_empty() { names::member_schema(member.name.raw_bytes()) } else { None }
}

/// What all members hold together; a table is called `database.table` where there are several databases.
fn joined(members: &[MemberProof]) -> trust::Inside {
    let dumps: Vec<&MemberProof> = members.iter().filter(|member| member.dump.is_some()).collect();
    let mut all = trust::Inside::default();
    for member in &dumps {
        let inside = &member.inside;
        if all.made_by.is_empty() {
            all.made_by.clone_from(&inside.made_by);
        }
        all.databases
            .extend(inside.databases.iter().filter(|name| !all.databases.contains(name)).cloned().collect::<Vec<_>>());
        all.views += inside.views;
        all.routines += inside.routines;
        all.triggers += inside.triggers;
        all.events += inside.events;
        all.table_count += inside.table_count;
        let several = dumps.len() > 1;
        all.tables.extend(inside.tables.iter().map(|table| match &member.database {
            Some(database) if several => {
                let name = Foreign::new([database.raw_bytes(), b".", table.name.raw_bytes()].concat());
                TableInside { name, ..table.clone() }
            }
            _ => table.clone(),
        }));
    }
    all.tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    all.tables.truncate(LISTED);
    all
}
