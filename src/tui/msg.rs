//! What comes in, what goes out, and who performs it.

use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};
use tokio::sync::mpsc;

use crate::model::audit::{AuditRecord, ChainState};
use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::job::{Fact, JobId, JobSpec, Progress};
use crate::model::plan::{Confirmed, RestorePlan};
use crate::model::salvage::AgreedSalvage;
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
    /// Something of the past was read.
    Past(PastNews),
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
