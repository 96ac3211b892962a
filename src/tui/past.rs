//! What the console knows of the past: plain data that messages replace. No I/O, no clock.

use std::sync::Arc;

use crate::model::backup::BackupId;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity};
use crate::model::run::{Run, RunId, RunKind, RunState, Span};
use crate::model::trust::Finding;
use crate::model::units::Moment;
use crate::tui::widgets::strip::Mark;

/// Everything that the History screen and its layers show.
#[derive(Default)]
pub struct Past {
    /// All series; `None` until they have been read once.
    pub overview: Option<Arc<Overview>>,
    /// The runs of the series that was opened last.
    pub runs: Option<RunsOf>,
    /// The run that was opened last.
    pub run: Option<Arc<OneRun>>,
    /// What `check` said last.
    pub check: Option<Arc<Verdict>>,
}

/// All series at one time.
#[derive(Debug, Default)]
pub struct Overview {
    /// When it was read: the right end of every strip.
    pub at: Moment,
    /// In the order of their names.
    pub series: Vec<Series>,
    /// How many runs the store keeps.
    pub runs: u64,
    /// The newest run of all.
    pub last: Option<(Moment, RunState)>,
    /// What telemetry has come from so far, in words; empty where none has.
    pub feeds: Vec<String>,
    /// How many objects the targets list.
    pub objects: usize,
}

/// One series: what is shown of it in a line, and what is said of it.
#[derive(Debug)]
pub struct Series {
    /// What names it over reloads and on the command line.
    pub key: Foreign,
    /// What it is called: its databases, or its own name.
    pub name: String,
    /// Where its objects lie; several are separated by blanks.
    pub targets: String,
    /// `daily`.
    pub rhythm: String,
    /// `daily, as its cron 0 3 * * * UTC says`.
    pub rhythm_words: String,
    /// Its newest backup that ended well, and how far it is to be trusted.
    pub good: Option<(Moment, String)>,
    /// What became of every backup that was due, oldest first.
    pub marks: Vec<Mark>,
    /// Bytes of what was made, oldest first, as far as known.
    pub sizes: Vec<u64>,
    /// How long it took, in milliseconds, oldest first, as far as known.
    pub took: Vec<u64>,
    /// What its past says: what still stands first, the gravest first.
    pub judgements: Vec<Judgement>,
    /// How many runs are kept.
    pub runs: u64,
    /// The oldest thing that is known of it.
    pub since: Option<Moment>,
    /// What the filter searches, in lower case.
    pub haystack: String,
}

impl Series {
    /// What stands now and matters most.
    pub fn gravest(&self) -> Option<&Judgement> {
        self.judgements.iter().find(|judged| judged.stands() && judged.severity > Severity::Note)
    }

    /// How much it matters; `None`: nothing is to be said.
    pub fn severity(&self) -> Option<Severity> {
        self.gravest().map(|judged| judged.severity)
    }

    /// Whether it is late now.
    pub fn is_late(&self) -> bool {
        self.judgements.iter().any(|judged| judged.stands() && judged.what.code() == "late")
    }
}

/// Runs of one series, newest first, as far as they have been read.
#[derive(Debug, Clone)]
pub struct RunsOf {
    /// Which series.
    pub series: Foreign,
    /// Newest first.
    pub lines: Vec<RunLine>,
    /// Whether these are all.
    pub complete: bool,
}

/// What one line of the list of runs shows: a run, an object that no run is known of, or both joined.
#[derive(Debug, Clone)]
pub struct RunLine {
    /// The run, where one is known.
    pub id: Option<RunId>,
    /// When it began; of an object alone, when it was taken.
    pub at: Moment,
    /// What was done.
    pub kind: RunKind,
    /// How it ended; `None`: no run is known, only what it left.
    pub state: Option<RunState>,
    /// Bytes that were made.
    pub bytes: Option<u64>,
    /// How long it took, in milliseconds.
    pub millis: Option<u64>,
    /// Databases inside, in one word or several.
    pub databases: String,
    /// What it left, as far as it is listed.
    pub backup: Option<BackupId>,
    /// What is odd about it, the gravest first.
    pub findings: Vec<Finding>,
}

/// A run with everything that is known of it.
#[derive(Debug)]
pub struct OneRun {
    /// The run.
    pub run: Run,
    /// Its spans, in no order.
    pub spans: Vec<Span>,
    /// What it left: where, under which name, and what is listed there.
    pub objects: Vec<Left>,
    /// What is odd about it, the gravest first.
    pub findings: Vec<Finding>,
}

/// An object that a run left in one target, or tried to.
#[derive(Debug, Clone)]
pub struct Left {
    /// Where and under which name, as the tool says.
    pub words: String,
    /// How writing it ended, where something tells.
    pub state: Option<RunState>,
    /// What is listed, and how surely it is that: `exact`, `likely`, `guess`.
    pub backup: Option<(BackupId, &'static str)>,
}

/// What `check` says: the whole and each series, with reasons.
#[derive(Debug, Default)]
pub struct Verdict {
    /// `OK`, `WARNING`, `CRITICAL`, `UNKNOWN`.
    pub word: String,
    /// Its one line.
    pub line: String,
    /// Every subject with its word and the reasons for it.
    pub parts: Vec<VerdictPart>,
}

/// What `check` says of one series, target or server.
#[derive(Debug, Clone)]
pub struct VerdictPart {
    /// Of what.
    pub name: String,
    /// `OK`, `WARNING`, `CRITICAL`, `UNKNOWN`.
    pub word: String,
    /// Why.
    pub reasons: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PastAsk {
    /// All series.
    Overview,
    /// Runs of a series, from the newest on or after those that are known.
    Runs {
        /// Which series.
        series: Foreign,
        /// The last one that is known.
        after: Option<(Moment, Option<RunId>)>,
        /// How many.
        limit: usize,
    },
    /// One run.
    Run(RunId),
    /// What `check` would say.
    Check,
}

impl PastAsk {
    /// In words, for logs and tests.
    pub fn words(&self) -> String {
        match self {
            Self::Overview => "history".to_owned(),
            Self::Runs { series, after: None, .. } => format!("runs of {series}"),
            Self::Runs { series, after: Some((at, _)), .. } => format!("runs of {series} before {}", at.minute()),
            Self::Run(id) => format!("run {id}"),
            Self::Check => "check".to_owned(),
        }
    }
}

/// What was asked for, read.
pub enum PastNews {
    /// All series.
    Overview(Arc<Overview>),
    /// Runs of a series: from its newest on, or those behind what is known.
    Runs {
        /// Which ones.
        runs: RunsOf,
        /// Whether they stand behind those that are known.
        more: bool,
    },
    /// One run.
    Run(Arc<OneRun>),
    /// What `check` says.
    Check(Arc<Verdict>),
}

impl Past {
    /// Takes over what was read.
    pub fn take(&mut self, news: PastNews) {
        match news {
            PastNews::Overview(overview) => self.overview = Some(overview),
            PastNews::Runs { runs, more: false } => self.runs = Some(runs),
            PastNews::Runs { runs, more: true } => {
                if let Some(known) = self.runs.as_mut().filter(|known| known.series == runs.series) {
                    known.lines.extend(runs.lines);
                    known.complete = runs.complete;
                }
            }
            PastNews::Run(run) => self.run = Some(run),
            PastNews::Check(verdict) => self.check = Some(verdict),
        }
    }

    /// A series, by its key.
    pub fn series(&self, key: &Foreign) -> Option<&Series> {
        self.overview.as_ref()?.series.iter().find(|series| series.key == *key)
    }
}
