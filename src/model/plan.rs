//! Everything a restore will do, shown before it is done.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::sink::{Protection, ServerFacts, Sink};
use crate::model::target::Stamp;
use crate::model::trust::{Rung, Voucher};
use crate::model::units::{ByteSize, Moment};

/// Everything a restore will do. What was approved is what runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestorePlan {
    /// From what.
    pub from: PlanSource,
    /// To where.
    pub into: Sink,
    /// What the sink is now.
    pub there: SinkState,
    /// What will happen, in order, in words that are safe to draw.
    pub will: Vec<Step>,
    /// What will not.
    pub will_not: Vec<String>,
    /// What is worth knowing or must be decided.
    pub findings: Vec<PlanFinding>,
    /// Only these tables; `None`: everything.
    pub tables: Option<Vec<Foreign>>,
    /// Only these databases of an archive; `None`: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub databases: Option<Vec<Foreign>>,
    /// Which member of an archive goes into which database; empty for a folder and for a dump by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// What rewriting changes, statement by statement: follows from the rest, and is not part of the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rewrites: Vec<Rewrite>,
    /// The longest statement that is held in memory, for a database; 0: none is.
    #[serde(default)]
    pub statement_limit: ByteSize,
    /// Figures that change from hour to hour: not part of the digest.
    pub estimate: Estimate,
}

/// A statement of the dump that does not run as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rewrite {
    /// Statement and byte, in words.
    pub place: String,
    /// Its lines as they stand, safe to draw.
    pub before: Vec<String>,
    /// Its lines as they run; `None`: it is left out.
    pub after: Option<Vec<String>>,
}

/// One database of an archive, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The member's name in the archive.
    pub member: Foreign,
    /// The database as the backup calls it. Nothing is ever written to a database of this name unless
    /// [`into`](Self::into) is the same.
    pub from: Foreign,
    /// The database that it becomes.
    pub into: Foreign,
    /// What stands there.
    pub there: SinkState,
    /// Character set and collation that a new database gets; `None`: the server's.
    pub defaults: Option<(String, String)>,
}

/// The backup that a plan restores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSource {
    /// Its id.
    pub id: BackupId,
    /// `target:key`, escaped.
    pub label: String,
    /// What pins it: if the object changes, the plan is void.
    pub stamp: Stamp,
    /// When it was taken.
    pub taken_at: Moment,
    /// How far it is proven.
    pub trust: Rung,
    /// What vouches for its content.
    pub content: Voucher,
    /// What the payload is, such as `mysqldump 9.7.4`; empty when not known yet.
    pub made_by: String,
    /// SHA-256 of the dump that the plan rests on, where a proof knows it: no other one is restored.
    #[serde(default)]
    pub sha256: Option<String>,
}

/// What a sink is before the restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkState {
    /// Nothing is there: a missing or empty folder, a database that does not exist, a pipe.
    New,
    /// A folder that holds other files, none of which is touched.
    FolderInUse {
        /// How many entries it has.
        entries: u64,
    },
    /// A database that exists.
    DatabaseExists {
        /// Tables and views in it.
        tables: Vec<Foreign>,
    },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What kind of step; decides how it is drawn.
    pub effect: StepEffect,
    /// In words.
    pub text: String,
}

/// What a step does to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepEffect {
    /// Only reads.
    Reads,
    /// Makes something new.
    Creates,
    /// Replaces or drops something that exists.
    Overwrites,
}

/// Something a plan found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFinding {
    /// Stable, such as `gtid_purged`, `definer_missing`, `unknown_collation`.
    pub code: String,
    /// In words, safe to draw.
    pub text: String,
    /// Whether the plan can run as it stands.
    pub stance: Stance,
    /// Ways to deal with it, first the default; empty when there is nothing to choose.
    pub choices: Vec<String>,
    /// The one chosen; empty when there is nothing to choose.
    pub chosen: String,
}

/// Whether a finding stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stance {
    /// Looked at and harmless.
    Fine,
    /// Worth knowing.
    Warns,
    /// The plan refuses to run until a choice is made that allows it.
    Stops,
}

/// Figures of a plan that change from hour to hour.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// Bytes of SQL that will come out, where known.
    pub bytes_out: Option<ByteSize>,
    /// Bytes free at the sink, where it can be asked.
    pub free: Option<ByteSize>,
    /// Seconds, and what that rests on.
    pub seconds: Option<(u64, String)>,
    /// The server as it reported itself.
    pub server: Option<ServerFacts>,
    /// The age of the backup in seconds.
    pub age_seconds: u64,
    /// A newer good copy of the same series, as `date on target`.
    pub newer_good: Option<String>,
}

/// The digest of a plan: SHA-256 over its JSON without the estimate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanDigest(String);

impl PlanDigest {
    /// Eight words of the word list: what people compare.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Wraps what a person typed; compare with `==`.
    pub fn typed(text: &str) -> Self {
        Self(
            text.split(|c: char| c == '-' || c.is_whitespace()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-"),
        )
    }
}

impl std::fmt::Display for PlanDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What agreeing to a plan takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Nothing.
    Nothing,
    /// y/N.
    YesNo,
    /// The name of what is overwritten, typed.
    TypeName(Foreign),
}

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmAnswer {
    /// Nothing was asked, nothing was said.
    Silence,
    /// `y` or `--yes`.
    Yes,
    /// A typed name, or `--confirm NAME`.
    Name(Foreign),
    /// `--approve DIGEST`: stands for a yes and, since the digest names everything, for the name too.
    Digest(PlanDigest),
}

/// Something a person has read and agreed to. Only `confirm` makes one; it cannot be altered afterwards.
#[derive(Debug, Clone)]
pub struct Confirmed<P>(P);

impl<P> Confirmed<P> {
    /// What was agreed to.
    pub fn plan(&self) -> &P {
        &self.0
    }
}

impl RestorePlan {
    /// What agreeing takes: nothing for an empty folder, a yes for a new database, the typed name
    /// for any existing database and any protected server.
    pub fn ask(&self) -> Ask {
        match &self.into {
            Sink::Stdout => Ask::Nothing,
            Sink::Dir(_) => match self.there {
                SinkState::New => Ask::Nothing,
                _ => Ask::YesNo,
            },
            Sink::Mysql(mysql) => match (&self.there, mysql.server.protection) {
                (SinkState::New, Protection::Open) => Ask::YesNo,
                _ => Ask::TypeName(mysql.database.clone()),
            },
            Sink::Databases(server) => {
                let exist = |part: &&Part| part.there != SinkState::New || server.protection == Protection::Protected;
                let names: Vec<&[u8]> = self.parts.iter().filter(exist).map(|part| part.into.raw_bytes()).collect();
                if names.is_empty() { Ask::YesNo } else { Ask::TypeName(Foreign::new(names.join(&b","[..]))) }
            }
        }
    }

    /// The first finding that stands in the way, if any.
    pub fn stopped_by(&self) -> Option<&PlanFinding> {
        self.findings.iter().find(|finding| finding.stance == Stance::Stops)
    }

    /// Eight words over everything but the estimate.
    pub fn digest(&self) -> PlanDigest {
        let sink = (&self.into, &self.there, self.statement_limit);
        let fixed = (&self.from, sink, &self.will, &self.will_not, &self.findings, &self.tables);
        let mut json = everything(&fixed);
        if !self.parts.is_empty() || self.databases.is_some() {
            json.extend(everything(&(&self.parts, &self.databases)));
        }
        PlanDigest(words(&Sha256::digest(json).into()))
    }

    /// Seals the plan if `answer` satisfies [`ask`](Self::ask) and nothing stops it; otherwise hands it back.
    ///
    /// # Errors
    ///
    /// The unchanged plan, when the answer is not enough or a finding stops it.
    pub fn confirm(self, answer: &ConfirmAnswer) -> Result<Confirmed<Self>, Box<Self>> {
        let enough = match (self.ask(), answer) {
            (_, ConfirmAnswer::Digest(digest)) => *digest == self.digest(),
            (Ask::Nothing, _) => true,
            (Ask::YesNo, ConfirmAnswer::Yes) => true,
            (Ask::YesNo, ConfirmAnswer::Name(name)) => {
                matches!(&self.into, Sink::Mysql(sink) if sink.database == *name)
            }
            (Ask::TypeName(wanted), ConfirmAnswer::Name(name)) => wanted == *name,
            _ => false,
        };
        if enough && self.stopped_by().is_none() { Ok(Confirmed(self)) } else { Err(Box::new(self)) }
    }
}

/// All of a plan's words: as JSON, or, where a path is no text that JSON could hold, as Rust writes it.
fn everything<T: Serialize + std::fmt::Debug>(what: &T) -> Vec<u8> {
    serde_json::to_vec(what).unwrap_or_else(|_| format!("{what:?}").into_bytes())
}

/// The first 88 bits of a digest as eight words of the 2,048-word list (BIP 39's English one).
pub fn words(digest: &[u8; 32]) -> String {
    let list: Vec<&str> = include_str!("../../assets/words.txt").lines().collect();
    let bits = |at: usize| usize::from(digest[at / 8] >> (7 - at % 8) & 1);
    let word = |n: usize| (n * 11..n * 11 + 11).fold(0, |index, at| index << 1 | bits(at));
    (0..8).map(|n| list.get(word(n)).copied().unwrap_or("?")).collect::<Vec<_>>().join("-")
}
