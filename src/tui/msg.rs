//! What comes in, what goes out, and who performs it.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use tokio::sync::mpsc;

use crate::model::audit::{AuditRecord, ChainState};
use crate::model::backup::BackupId;
use crate::model::changes::{
    ChangeFilter, ChangesRequest, ChangesView, EntryPage, Life, Literal, PageRequest, RowsPage, RowsRequest, TableRef,
    TransactionLine,
};
use crate::model::foreign::Foreign;
use crate::model::job::{Fact, JobId, JobSpec, Progress};
use crate::model::plan::{Confirmed, RestorePlan};
use crate::model::salvage::AgreedSalvage;
use crate::model::script::{Decision, RecoveryView, Review, ScriptDigest, ScriptOptions, ScriptPage, Which};
use crate::model::seal::KeyFacts;
use crate::model::trust::Rung;
use crate::model::units::Moment;
use crate::report::Report;
use crate::tui::command::Command;
use crate::tui::past::{PastAsk, PastNews};
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::{Armed, KeyOffer, LoadedKey, Snapshot, TargetState};
use crate::work::questions::Asking;

/// Something happened.
pub enum Msg {
    /// The time, before any other message of the same turn.
    Now(Moment),
    /// A key was pressed.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(SecretText),
    /// The mouse, where it is on.
    Mouse(MouseEvent),
    /// A command, from the palette or a test.
    Run(Command),
    /// A listing moved on, or what is known of backups changed.
    Catalog(Box<Snapshot>),
    /// One target's listing moved on.
    Target(String, TargetState),
    /// The loaded keys changed.
    Keys(Vec<LoadedKey>),
    /// What the keys that the estate names would open changed.
    Offers(Vec<KeyOffer>),
    /// A key was loaded.
    KeyLoaded(KeyFacts),
    /// A passphrase is needed to load it.
    KeyLocked(KeyFrom, String),
    /// It was refused; a wrong passphrase can be typed again.
    KeyRefused(KeyFrom, Retry, Box<Report>),
    /// A plan was made.
    Planned(PlanAsk, Box<RestorePlan>),
    /// A job exists.
    JobStarted(JobId, JobSpec, String),
    /// How far a job is.
    Progress(JobId, Progress),
    /// Something a job reports.
    Fact(JobId, Fact),
    /// New audit records, newest first.
    Audit(Vec<AuditRecord>),
    /// The chain was checked.
    Chain(ChainState),
    /// Arming changed.
    Armed(Option<Armed>),
    /// What a target's login asks now; `None`: nothing any more.
    Asked(Option<Asking>),
    /// A change source is open; this job reads it.
    LogOpened(JobId, Box<ChangesRequest>),
    /// What is known of the change source has grown.
    Log(JobId, Arc<ChangesView>),
    /// Entries that were asked for.
    Entries(JobId, Box<PageRequest>, Result<EntryPage, Box<Report>>),
    /// Rows that were asked for.
    Rows(JobId, Box<RowsRequest>, Result<RowsPage, Box<Report>>),
    /// The life of a row.
    Life(JobId, TableRef, Vec<Literal>, Result<Box<Life>, Box<Report>>),
    /// A recovery is open.
    RecoveryOpened(Box<Opened>, Arc<RecoveryView>),
    /// What is known of the recovery has changed.
    Recovery(RecoveryNo, Arc<RecoveryView>),
    /// Statements of a page that was asked for.
    Statements(RecoveryNo, usize, Result<ScriptPage, Box<Report>>),
    /// A statement that was searched for; `None`: there is none that way.
    Found(RecoveryNo, Option<u64>),
    /// What a second person signs.
    Summary(RecoveryNo, String),
    /// The script is a file.
    Written(RecoveryNo, Box<Written>),
    /// A finished script was read.
    Reviewed(Box<Review>),
    /// Something of the past was read.
    Past(PastNews),
    /// Somebody has stored runs since then.
    Runs,
    /// A sentence for the status line.
    Said(String),
    /// Something that was asked for failed.
    Failed(Box<Report>),
    /// The program is told to end.
    End,
}

/// Whether a wrong answer may be corrected at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Ask for the passphrase again.
    Passphrase,
    /// This key cannot be used.
    Never,
}

/// Where a key is to be read from.
#[derive(Clone)]
pub enum KeyFrom {
    /// A file, as typed; `~` is the home folder.
    File(String),
    /// An environment variable.
    Env(String),
    /// A key of the estate.
    Estate(String),
    /// Text that was pasted.
    Pasted(Arc<SecretText>),
    /// A passphrase or raw key, which comes where the passphrase of the others does.
    Typed,
}

impl KeyFrom {
    /// In words that hold no secret.
    pub fn words(&self) -> String {
        match self {
            Self::File(path) => path.clone(),
            Self::Env(name) => format!("${name}"),
            Self::Estate(name) => name.clone(),
            Self::Pasted(_) => "the pasted key".to_owned(),
            Self::Typed => "the typed passphrase".to_owned(),
        }
    }
}

/// What a plan is asked for. Texts as on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanAsk {
    /// From what.
    pub backup: BackupId,
    /// To where: `dir:PATH`, `server:NAME/DATABASE`, `mysql://...`, as `--into` takes it.
    pub into: String,
    /// Only these tables; empty: all.
    pub tables: Vec<String>,
    /// Only these databases of an archive; empty: all.
    pub databases: Vec<Foreign>,
    /// Databases that are to be called otherwise, where each becomes one of its own: from and to.
    pub renames: Vec<(Foreign, String)>,
    /// Findings decided otherwise than by default: code and choice.
    pub choices: Vec<(String, String)>,
}

/// What is to be undone.
#[derive(Debug, Clone, PartialEq)]
pub struct UndoAsk {
    /// These transactions; empty: everything that the filter keeps.
    pub entries: Vec<TransactionLine>,
    /// The filter of the list.
    pub filter: ChangeFilter,
    /// How much of a transaction is undone, and how the script is written.
    pub options: ScriptOptions,
    /// In words.
    pub title: String,
    /// SOURCE and its column facts, as the command line takes them.
    pub source: String,
    /// The filter, as the command line takes it.
    pub flags: String,
}

/// How a script is written; paths as on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteAsk {
    /// The file.
    pub path: String,
    /// Files with public keys that it is sealed for; empty: in the clear.
    pub recipients: Vec<String>,
    /// The file of a second script that does again what the first one undoes.
    pub redo: Option<String>,
    /// The file of a script for tables that do not roll back.
    pub lasting: Option<String>,
}

/// Which recovery of this console; counts from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecoveryNo(pub u64);

impl std::fmt::Display for RecoveryNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "recovery {}", self.0)
    }
}

/// A recovery that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Which.
    pub id: RecoveryNo,
    /// What it undoes, in words.
    pub title: String,
    /// The headless command that makes the same script.
    pub twin: String,
    /// How the script is to be written.
    pub options: ScriptOptions,
}

/// A script that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub script: String,
    /// Other files beside it.
    pub beside: Vec<String>,
    /// Statements in it.
    pub statements: u64,
    /// Transactions that it undoes.
    pub transactions: u64,
    /// Changes that were left out by choice.
    pub excluded: u64,
    /// Of its statements.
    pub digest: ScriptDigest,
}

/// How keys are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forget {
    /// Keys go; jobs keep the content key they have.
    Keys,
    /// Keys go and jobs are cancelled.
    KeysAndJobs,
}

/// Work that an update asks for. Holds secrets, so it has no `Debug`; see [`Effect::words`].
pub enum Effect {
    /// List all targets again.
    Refresh,
    /// Read the heads of these first: they are on the screen.
    SniffFirst(Vec<BackupId>),
    /// Load a key.
    LoadKey(KeyFrom, Option<SecretText>),
    /// Forget keys.
    Forget(Forget),
    /// Climb the trust ladder.
    Verify(BackupId, Rung),
    /// Make a plan.
    Plan(PlanAsk),
    /// Run what was agreed to.
    Restore(Box<Confirmed<RestorePlan>>),
    /// Get out of a broken backup what is left of it, as agreed to.
    Salvage(Box<AgreedSalvage>),
    /// Stop a job; the second time at once.
    Cancel(JobId),
    /// Allow writes to a protected server for a while.
    Arm(String, String),
    /// Forbid them again.
    Disarm,
    /// Answer what a target's login asks, or decline it.
    Answer(u64, Option<SecretText>),
    /// Open a change source.
    OpenChanges(Box<ChangesRequest>),
    /// Some entries of it.
    Entries(JobId, Box<PageRequest>),
    /// Some rows of it.
    Rows(JobId, Box<RowsRequest>),
    /// The life of one row.
    Follow(JobId, TableRef, Vec<Literal>),
    /// Work out what undoes something.
    Undo(JobId, Box<UndoAsk>),
    /// A page of statements, by its number.
    Statements(RecoveryNo, usize),
    /// Choose for statements or tables.
    Decide(RecoveryNo, Vec<(Which, Decision)>),
    /// Search a statement from that one on, forward or not; without a text, one that is worth a look.
    FindStatement(RecoveryNo, String, u64, bool),
    /// Look at the rows as they are now.
    Compare(RecoveryNo, String),
    /// The text that a second person signs.
    Summarize(RecoveryNo),
    /// Write the script.
    WriteScript(RecoveryNo, Box<WriteAsk>),
    /// Stop working it out, and let go of it.
    CloseRecovery(RecoveryNo),
    /// Read a finished script.
    Review(String),
    /// Check the audit chain.
    CheckChain,
    /// Read something of the past.
    Past(PastAsk),
    /// Put a text on the clipboard of the terminal (OSC 52). Never a secret.
    Copy(String),
    /// Leave the terminal to the shell for a while.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// End the program.
    Quit,
}

impl Effect {
    /// Opens a change source without further column facts.
    pub fn open_changes(source: &str) -> Self {
        Self::OpenChanges(Box::new(ChangesRequest { source: source.to_owned(), ..ChangesRequest::default() }))
    }

    /// What it is, without any secret: for logs and tests.
    pub fn words(&self) -> String {
        match self {
            Self::Refresh => "refresh".into(),
            Self::SniffFirst(ids) => format!("sniff {}", ids.len()),
            Self::LoadKey(from, None) => format!("load key {}", from.words()),
            Self::LoadKey(from, Some(_)) => format!("load key {} with a passphrase", from.words()),
            Self::Forget(Forget::Keys) => "forget keys".into(),
            Self::Forget(Forget::KeysAndJobs) => "forget keys, cancel jobs".into(),
            Self::Verify(id, rung) => format!("verify {id} to {}", rung.word()),
            Self::Plan(ask) => format!("plan {} into {}", ask.backup, ask.into),
            Self::Restore(plan) => format!("restore {}", plan.plan().digest()),
            Self::Salvage(agreed) => format!("salvage {} into {}", agreed.order().backup(), agreed.order().name()),
            Self::Cancel(job) => format!("cancel {job}"),
            Self::Arm(server, reason) => format!("arm {server}: {reason}"),
            Self::Disarm => "disarm".into(),
            Self::Answer(id, Some(_)) => format!("answer question {id}"),
            Self::Answer(id, None) => format!("decline question {id}"),
            Self::OpenChanges(request) => {
                let schemas: String = request.schemas.iter().map(|schema| format!(" with {schema}")).collect();
                format!("open changes {}{schemas}", request.source)
            }
            Self::Entries(job, request) => format!("entries of {job} {:?} {:?}", request.from, request.direction),
            Self::Rows(job, request) => format!("rows of {job} {:?} from {}", request.of, request.from.rows),
            Self::Follow(job, table, key) => {
                let key = key.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
                format!("follow {table} {key} in {job}")
            }
            Self::Undo(job, ask) => format!("undo {} of {job}, {:?}", ask.title, ask.options.extent),
            Self::Statements(id, page) => format!("statements of {id} page {page}"),
            Self::Decide(id, decisions) => {
                let all = decisions.iter().map(|(which, decision)| format!("{which:?} {decision:?}"));
                format!("decide {id} {}", all.collect::<Vec<_>>().join(", "))
            }
            Self::FindStatement(id, text, from, forward) => {
                format!("find `{text}` in {id} {} {from}", if *forward { "behind" } else { "before" })
            }
            Self::Compare(id, server) => format!("compare {id} with {server}"),
            Self::Summarize(id) => format!("summarize {id}"),
            Self::WriteScript(id, ask) => format!("write {id} to {}", ask.path),
            Self::CloseRecovery(id) => format!("close {id}"),
            Self::Review(path) => format!("review {path}"),
            Self::CheckChain => "check chain".into(),
            Self::Past(ask) => ask.words(),
            Self::Copy(text) => format!("copy {text}"),
            Self::Suspend => "suspend".into(),
            Self::Redraw => "redraw".into(),
            Self::Quit => "quit".into(),
        }
    }
}

/// Whoever performs effects: the session, or a script in tests.
///
/// Answers come back as messages on the channel; nothing here may block.
pub trait Backend: Send {
    /// Starts what an effect asks for and returns at once.
    fn perform(&mut self, effect: Effect);

    /// The channel of everything that is not input; called once, at start. Bounded.
    fn messages(&mut self) -> mpsc::Receiver<Msg>;

    /// The newest progress of every running job; asked at most once a second while one runs.
    fn progress(&mut self) -> Vec<(JobId, Progress)>;

    /// The time.
    fn now(&self) -> Moment;

    /// A key was pressed: the idle lock starts anew.
    fn touched(&mut self);

    /// Ends jobs in order; the future is awaited for at most ten seconds before the program ends.
    fn shut_down(&mut self) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
}
