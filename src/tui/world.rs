//! What the console knows: plain data that messages replace. No I/O, no clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::audit::{AuditRecord, ChainState};
use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::job::{Ending, JobId, JobSpec, Progress};
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::model::units::Moment;
use crate::report::Report;
use crate::tui::log::Log;
use crate::tui::past::Past;
use crate::tui::undoing::Undoing;
use crate::work::filter::{Index, Narrowed, Query};
use crate::work::questions::Asking;

/// Everything that the screens show.
#[derive(Default)]
pub struct World {
    /// The time of the newest message: the only clock that views see.
    pub now: Moment,
    /// The estate's name; empty when there is none.
    pub estate: String,
    /// Set by the estate or `--read-only`: nothing can be written from here.
    pub read_only: bool,
    /// Writes to a protected server are allowed for a while.
    pub armed: Option<Armed>,
    /// Loaded keys.
    pub keys: Vec<LoadedKey>,
    /// Keys that the estate names, loaded or not.
    pub key_offers: Vec<KeyOffer>,
    /// Keys are forgotten after this long without a key press.
    pub idle_lock: Duration,
    /// Servers that the estate names.
    pub servers: Vec<ServerLine>,
    /// Targets and how their listing stands.
    pub targets: Vec<TargetLine>,
    /// The newest good copy of every series.
    pub newest_good: Vec<GoodCopy>,
    /// Jobs of this session, newest first.
    pub jobs: Vec<JobLine>,
    /// Audit records, newest first.
    pub audit: Vec<AuditRecord>,
    /// What the last check of the chain said.
    pub chain: Option<ChainState>,
    /// Change sources that the estate names.
    pub sources: Vec<SourceLine>,
    /// The change source that is open.
    pub changes: Option<Log>,
    /// The recovery that is open.
    pub recovery: Option<Undoing>,
    /// What a target's login asks.
    pub question: Option<Asking>,
    /// Where the log file is, for the words beside a failure.
    pub log_file: String,
    /// Said while no key is loaded, and beside the question for a passphrase: how the demo is opened.
    pub tip: String,
    /// What is known of the past.
    pub past: Past,
    shown: Shown,
}

/// The list of backups as filtered and sorted.
#[derive(Default)]
struct Shown {
    list: Narrowed,
    index: Arc<Index>,
    text: String,
    sort: Sort,
    rows: Vec<u32>,
    widest: Widths,
    places: BTreeMap<BackupId, u32>,
}

/// The widest database and target of a catalog, so that columns hold still while it scrolls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Of the databases.
    pub database: u16,
    /// Of the targets.
    pub target: u16,
}

impl Default for Widths {
    fn default() -> Self {
        Self { database: 8, target: 6 }
    }
}

/// How the list of backups is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Newest first.
    #[default]
    Newest,
    /// Oldest first.
    Oldest,
    /// By database, then newest first.
    Database,
    /// Largest first.
    Largest,
    /// Best proven first.
    Trust,
}

impl Sort {
    /// In words, for the status line.
    pub fn words(self) -> &'static str {
        match self {
            Self::Newest => "newest first",
            Self::Oldest => "oldest first",
            Self::Database => "by database",
            Self::Largest => "largest first",
            Self::Trust => "best proven first",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Newest => Self::Oldest,
            Self::Oldest => Self::Database,
            Self::Database => Self::Largest,
            Self::Largest => Self::Trust,
            Self::Trust => Self::Newest,
        }
    }
}

/// Writes to a protected server are allowed for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// Which server.
    pub server: String,
    /// Until when.
    pub until: Moment,
    /// Why, as typed.
    pub reason: String,
}

/// A key in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedKey {
    /// Its public facts.
    pub facts: KeyFacts,
    /// How many listed backups it opens, as far as fingerprints tell.
    pub opens: usize,
    /// When it was loaded.
    pub since: Moment,
}

/// A key that the estate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOffer {
    /// Its name in the estate.
    pub name: String,
    /// Its file, as written there.
    pub file: String,
    /// Its fingerprint, where the estate says it.
    pub fingerprint: Option<Fingerprint>,
    /// How many listed backups it would open.
    pub opens: usize,
}

impl KeyOffer {
    /// Whether it is in memory: by its fingerprint, or by its name where it has none, as a passphrase.
    pub fn is_loaded(&self, keys: &[LoadedKey]) -> bool {
        keys.iter().any(|key| match (&key.facts.fingerprint, &self.fingerprint) {
            (Some(own), Some(print)) => own.matches(print),
            _ => key.facts.label.raw_str() == Some(&self.name),
        })
    }
}

/// A server that the estate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerLine {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// Whether writes need arming.
    pub protected: bool,
}

/// A change source that the estate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    /// Its name.
    pub name: String,
    /// Where it is, safe to draw.
    pub words: String,
}

/// A target and how its listing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLine {
    /// Its name.
    pub name: String,
    /// Its URL without secrets.
    pub url: String,
    /// How the listing stands.
    pub state: TargetState,
}

/// How a target's listing stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetState {
    /// Not asked yet.
    Waiting,
    /// Being listed; so many objects so far.
    Listing(u64),
    /// Complete.
    Listed,
    /// It answered with an error; what was listed before stays.
    Failed(Box<Report>),
}

/// The newest good copy of a series, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoodCopy {
    /// What the series backs up, for sentences.
    pub name: Foreign,
    /// The series, as backups name it.
    pub series: Foreign,
    /// The newest copy that is good.
    pub good: Option<BackupId>,
    /// The newest one listed at all.
    pub newest: Option<BackupId>,
}

/// A job of this session.
#[derive(Debug, Clone, PartialEq)]
pub struct JobLine {
    /// Its number.
    pub id: JobId,
    /// What it was asked to do.
    pub spec: JobSpec,
    /// What it works on, safe to draw: `shop 2026-11-21 03:00`.
    pub subject: String,
    /// When it began.
    pub started: Moment,
    /// How far it is.
    pub progress: Progress,
    /// Lines of its log, oldest first.
    pub log: Vec<String>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// How often it was told to stop.
    pub stops: u8,
}

impl JobLine {
    /// Whether it still runs.
    pub fn runs(&self) -> bool {
        self.ending.is_none()
    }
}

/// What a listing gave: everything about backups at once, made away from the screen's thread.
pub struct Snapshot {
    /// Prepared for searching; holds the backups, newest first.
    pub index: Arc<Index>,
    /// Targets and how their listing stands.
    pub targets: Vec<TargetLine>,
    /// The newest good copy of every series.
    pub newest_good: Vec<GoodCopy>,
}

impl World {
    /// Takes a new catalog over; filter and sorting stay.
    pub fn set_catalog(&mut self, snapshot: Snapshot) {
        self.targets = snapshot.targets;
        self.newest_good = snapshot.newest_good;
        let index = snapshot.index;
        self.shown.widest = widths(index.backups());
        self.shown.places = (0..).zip(index.backups()).map(|(at, backup)| (backup.id.clone(), at)).collect();
        self.shown.index = index.clone();
        self.shown.list = Narrowed::new(index);
        self.apply();
    }

    /// Filters the list of backups by what was typed.
    pub fn filter(&mut self, text: &str) {
        self.shown.text = text.to_owned();
        self.apply();
    }

    fn apply(&mut self) {
        let query = Query::parse(&self.shown.text, self.now);
        self.shown.list.narrow(query);
        self.resort();
    }

    /// Sorts the list in the next way; says which.
    pub fn sort_next(&mut self) -> Sort {
        self.shown.sort = self.shown.sort.next();
        self.resort();
        self.shown.sort
    }

    fn resort(&mut self) {
        let backups = self.shown.index.backups();
        let mut rows = self.shown.list.rows().to_vec();
        let of = |at: &u32| &backups[*at as usize];
        match self.shown.sort {
            Sort::Newest => {}
            Sort::Oldest => rows.reverse(),
            Sort::Database => rows.sort_by(|a, b| of(a).databases.cmp(&of(b).databases)),
            Sort::Largest => rows.sort_by_key(|at| std::cmp::Reverse(of(at).stamp.size)),
            Sort::Trust => rows.sort_by_key(|at| {
                let proof = of(at).proof.as_deref();
                std::cmp::Reverse(proof.map(|proof| (proof.is_good(), proof.reached())))
            }),
        }
        self.shown.rows = rows;
    }

    /// How many backups pass the filter.
    pub fn count(&self) -> usize {
        self.shown.rows.len()
    }

    /// How many there are.
    pub fn total(&self) -> usize {
        self.shown.index.backups().len()
    }

    /// The backup in a row of the list.
    pub fn at(&self, row: usize) -> Option<&Arc<Backup>> {
        self.shown.rows.get(row).and_then(|at| self.shown.index.backups().get(*at as usize))
    }

    /// Any backup of the catalog, by id.
    pub fn backup(&self, id: &BackupId) -> Option<&Arc<Backup>> {
        self.shown.places.get(id).and_then(|at| self.shown.index.backups().get(*at as usize))
    }

    /// All backups, newest first, unfiltered.
    pub fn backups(&self) -> &[Arc<Backup>] {
        self.shown.index.backups()
    }

    /// The row of a backup, if it passes the filter. `hint` is where it was last.
    pub fn row_of(&self, id: &BackupId, hint: usize) -> Option<usize> {
        if self.at(hint).is_some_and(|backup| backup.id == *id) {
            return Some(hint);
        }
        let place = self.shown.places.get(id)?;
        self.shown.rows.iter().position(|at| at == place)
    }

    /// The filter's text.
    pub fn filter_text(&self) -> &str {
        &self.shown.text
    }

    /// The filter, understood.
    pub fn query(&self) -> &Query {
        self.shown.list.query()
    }

    /// How the list is sorted.
    pub fn sort(&self) -> Sort {
        self.shown.sort
    }

    /// The widest cells of the catalog.
    pub fn widest(&self) -> Widths {
        self.shown.widest
    }

    /// How many jobs run.
    pub fn running(&self) -> usize {
        self.jobs.iter().filter(|job| job.runs()).count()
    }

    /// The server that is armed now.
    pub fn armed_now(&self) -> Option<&Armed> {
        self.armed.as_ref().filter(|armed| armed.until > self.now)
    }
}

fn widths(backups: &[Arc<Backup>]) -> Widths {
    let mut widest = Widths::default();
    for backup in backups {
        widest.database = widest.database.max(databases(backup).len().min(28) as u16);
        widest.target = widest.target.max(backup.target.as_str().len().min(16) as u16);
    }
    widest
}

/// The databases of a backup as one cell.
pub fn databases(backup: &Backup) -> String {
    match backup.databases.as_slice() {
        [] => "?".to_owned(),
        [one] => one.to_string(),
        many => many.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
    }
}
