//! Reading a dump to its end, whatever program wrote it, and what that says.

use crate::format::census::{Census, Findings};
use crate::format::databacker::Defects;
use crate::format::mongo::MongoCheck;
use crate::format::payload::{Payload, PayloadCheck, PayloadVerdict};
use crate::format::pgdump::PgCheck;
use crate::model::dump::{Defect, DumpFacts, DumpUses, OwnDatabase, RiskNote};
use crate::model::foreign::Foreign;
use crate::model::sink::Flavor;
use crate::model::trust::{Answer, Finding, Inside, VerdictOutcome, Weight};
use crate::model::units::grouped;
use crate::sql::lexer::{LexError, Limits, Place, Splitter, StatementEnd, StatementSink, Tail};
use crate::work::constructs::Constructs;
use crate::work::preview::Sampler;
use crate::work::verdict;
use crate::work::verdict::Wrong;

/// A SET that can neither run nor be left out.
pub const MIXED_SET: &str = "mixed_set";

/// What a restore needs to know of a MySQL dump.
pub type PayloadFacts = DumpFacts;

/// Reads one dump.
pub enum Checker {
    /// SQL of MySQL or MariaDB.
    Sql(Box<SqlCheck>),
    /// An archive that says itself where it ends.
    Archive(Box<dyn PayloadCheck>),
    /// Nothing that we know how to judge: only counted.
    Other(Unknown),
}

/// Bytes of which nothing says what they are.
pub struct Unknown {
    payload: Payload,
    size: u64,
    /// Where in the stored bytes they begin, behind a DBacked seal.
    sealed_at: Option<u64>,
}

/// A dump in SQL: split, counted, searched.
pub struct SqlCheck {
    splitter: Splitter,
    fed: u64,
    stands: Stands,
    counts: Counts,
}

/// Where a dump stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stands {
    /// By itself: it goes into the database that a sink names.
    Alone,
    /// In an archive beside others, each with a database of its own.
    InArchive,
}

struct Counts {
    sampler: Sampler,
    defects: Defects,
    census: Census,
    constructs: Constructs,
}

impl StatementSink for Counts {
    fn part(&mut self, bytes: &[u8]) {
        self.defects.part(bytes);
        self.census.part(bytes);
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if self.defects.end(end) {
            return Ok(()); // rows of the INSERT before it
        }
        self.sampler.see(end);
        self.constructs.see(end);
        self.census.end(end)
    }
}

impl Checker {
    /// A checker for what the first bytes look like. `sealed_at`: where in the stored bytes they begin,
    /// if a DBacked seal stands around them: inside that, only what a dump program writes makes sense.
    pub fn new(payload: Payload, sealed_at: Option<u64>) -> Self {
        match payload {
            Payload::Mysqldump => Self::sql(Stands::Alone),
            Payload::PgCustom => Self::Archive(Box::new(PgCheck::new())),
            Payload::MongoArchive => Self::Archive(Box::new(MongoCheck::new())),
            Payload::Tar | Payload::OtherText | Payload::Unknown => {
                Self::Other(Unknown { payload, size: 0, sealed_at })
            }
        }
    }

    /// A checker for a dump in SQL.
    pub fn sql(stands: Stands) -> Self {
        let defects = Defects::new(stands == Stands::InArchive);
        let counts =
            Counts { sampler: Sampler::default(), defects, census: Census::new(), constructs: Constructs::default() };
        Self::Sql(Box::new(SqlCheck { splitter: Splitter::new(Limits::default()), fed: 0, stands, counts }))
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// As soon as something does not hold.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        match self {
            Self::Sql(sql) => sql.feed(bytes),
            Self::Archive(archive) => archive.feed(bytes).map_err(|error| verdict::of_payload(&error)),
            Self::Other(unknown) => {
                unknown.size += bytes.len() as u64;
                Ok(())
            }
        }
    }

    /// Whether the dump's own end has just been read.
    pub fn saw_end_mark(&self) -> bool {
        matches!(self, Self::Sql(sql) if sql.counts.census.saw_end_mark())
    }

    /// What the dump program spoiled, of a dump that cannot be read on.
    pub fn defects(self) -> Vec<Finding> {
        match self {
            Self::Sql(sql) => findings(&sql.counts.defects.broken()),
            Self::Archive(_) | Self::Other(_) => vec![],
        }
    }

    /// Takes the end, and says what the dump is.
    ///
    /// # Errors
    ///
    /// When the end cannot be judged.
    pub fn finish(self) -> Result<(PayloadVerdict, Option<PayloadFacts>), Wrong> {
        match self {
            Self::Sql(sql) => sql.finish(),
            Self::Archive(archive) => Ok((archive.finish(), None)),
            Self::Other(Unknown { sealed_at: Some(at), .. }) => {
                let what = "the seal opens, but the first block holds nothing that a dump program writes".to_owned();
                Err(Wrong { outcome: VerdictOutcome::Damaged, at_byte: Some(at), what })
            }
            Self::Other(Unknown { payload, size, .. }) => {
                let what =
                    format!("{} bytes of {}: nothing says whether it is complete", grouped(size), payload.words());
                Err(Wrong { outcome: VerdictOutcome::Inconclusive, at_byte: None, what })
            }
        }
    }
}

fn findings(defects: &[Defect]) -> Vec<Finding> {
    defects.iter().map(|defect| Finding::new(Weight::Warning, &defect.code, defect.text.clone())).collect()
}

fn unreadable(error: &LexError) -> Wrong {
    Wrong { outcome: VerdictOutcome::Inconclusive, at_byte: None, what: error.to_string() }
}

impl SqlCheck {
    fn feed(&mut self, bytes: &[u8]) -> Result<(), Wrong> {
        let fed = self.fed;
        self.fed += bytes.len() as u64;
        self.splitter.feed(bytes, &mut self.counts).map_err(|error| {
            // The piece that cannot be read has not been handed over: what spoiled it stands in there.
            let from = usize::try_from(error.place().byte.saturating_sub(fed)).unwrap_or(usize::MAX).min(bytes.len());
            self.counts.defects.part(&bytes[from..]);
            unreadable(&error)
        })
    }

    fn finish(mut self) -> Result<(PayloadVerdict, Option<PayloadFacts>), Wrong> {
        let tail = self.splitter.finish(&mut self.counts).map_err(|error| unreadable(&error))?;
        let found = self.counts.census.finish(tail);
        let replaces = self.counts.constructs.replaces.iter().cloned().collect();
        let stuck = self.counts.constructs.stuck.map(stuck_note);
        let own = own(&found, &self.counts.constructs);
        let uses = uses(&found, self.counts.constructs);
        let defects = self.counts.defects.finish();
        let samples = self.counts.sampler.finish();
        let (end_mark, detail) = match tail {
            Tail::Clean if found.end_mark => (Answer::Yes, "the dump's last line says that it is complete".to_owned()),
            Tail::Clean => {
                (Answer::Unknown, "every statement ends, but no line says that the dump is complete".to_owned())
            }
            Tail::Statement(at) => (Answer::No, format!("the statement from byte {} on is cut", grouped(at))),
            Tail::Quoted(at) => {
                (Answer::No, format!("cut inside a string of the statement from byte {} on", grouped(at)))
            }
            Tail::Comment(at) => (Answer::No, format!("cut inside a comment from byte {} on", grouped(at))),
        };
        let moves = own.as_ref().filter(|_| self.stands == Stands::InArchive);
        let risks = risk_notes(&found, moves).into_iter().chain(stuck).collect();
        let verdict = PayloadVerdict {
            end_mark,
            detail: format!("{} statements, {} rows; {detail}", grouped(found.statements), grouped(found.rows)),
            inside: Inside { databases: found.inside.databases.clone(), ..found.inside.clone() },
            statements: found.statements,
            findings: findings(&defects),
        };
        Ok((verdict, Some(DumpFacts { uses, risks, replaces, own, defects, samples })))
    }
}

fn uses(found: &Findings, constructs: Constructs) -> DumpUses {
    let made_by = match found.inside.made_by.as_str() {
        by if by.starts_with("mariadb") => Some(Flavor::Mariadb),
        by if by.starts_with("mysqldump") && by.to_lowercase().contains("mariadb") => Some(Flavor::Mariadb),
        by if by.starts_with("mysqldump") => Some(Flavor::Mysql),
        _ => None,
    };
    let account = |account: &crate::format::statements::Account| Foreign::new(account.to_string().into_bytes());
    DumpUses {
        made_by,
        collations: found.collations.iter().cloned().collect(),
        charsets: found.charsets.iter().cloned().collect(),
        engines: found.engines.iter().map(|engine| engine.to_string().to_lowercase()).collect(),
        sql_modes: constructs.sql_modes.into_iter().collect(),
        definers: found.definers.keys().map(account).collect(),
        constructs: constructs.seen.into_iter().collect(),
        generated_tables: found.generated.clone(),
        longest_statement: found.longest.bytes,
    }
}

/// The one database that the dump names.
fn own(found: &Findings, constructs: &Constructs) -> Option<OwnDatabase> {
    let [name] = found.inside.databases.as_slice() else { return None };
    let (charset, collation) = constructs.defaults.clone();
    Some(OwnDatabase { name: name.clone(), charset, collation })
}

fn stuck_note((place, count): (Place, u64)) -> RiskNote {
    RiskNote {
        code: MIXED_SET.to_owned(),
        text: "sets something beyond the sink, and with it how strings are read: it cannot be left out".to_owned(),
        statement: place.statement,
        at_byte: place.byte,
        count,
        names: vec![],
    }
}

/// Risks by kind: each with its first place, and how many there are.
///
/// What a member of an archive says of its own database is no risk: it is moved along with it.
fn risk_notes(found: &Findings, own: Option<&OwnDatabase>) -> Vec<RiskNote> {
    let mut notes: Vec<RiskNote> = vec![];
    for seen in &found.risks {
        if own.is_some_and(|own| seen.risk.stays_in(own.name.raw_bytes(), |a, b| a == b)) {
            continue;
        }
        let code = seen.risk.kind.code();
        match notes.iter_mut().find(|note| note.code == code) {
            Some(note) => {
                note.count += seen.times;
                note.names.push(seen.risk.name.clone());
            }
            None => notes.push(RiskNote {
                code: code.to_owned(),
                text: seen.risk.to_string(),
                statement: seen.statement,
                at_byte: seen.byte,
                count: seen.times,
                names: vec![seen.risk.name.clone()],
            }),
        }
    }
    notes
}
