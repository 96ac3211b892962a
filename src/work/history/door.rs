//! The past, for the doors.

use std::sync::Arc;
use std::time::Duration;

use crate::disk::runs::{HistoryError, Store};
use crate::disk::state::State;
use crate::model::backup::Backup;
use crate::model::foreign::{Foreign, escape};
use crate::model::join::Certainty;
use crate::model::run::{Run, RunBrief, RunId, RunQuery};
use crate::model::target::TargetName;
use crate::model::trust::Finding;
use crate::model::units::Moment;
use crate::report::{Fault, Report, Reportable};
use crate::work::catalog::{Catalog, backup_id};
use crate::work::check::{CheckReport, Wants, check};
use crate::work::history::checks::older;
use crate::work::history::load::{Ground, Told, told, view};
use crate::work::history::rows::Depth;
use crate::work::history::view::{Checked, HistoryView, SeriesKey};
use crate::work::history::waterfall::Waterfall;
use crate::work::join::{Joint, join};
use crate::work::news::Changed;
use crate::work::session::{Session, held, now};

/// How often it is looked whether somebody has stored runs.
const LOOK_EVERY: Duration = Duration::from_millis(700);

/// Everything about one run.
#[derive(Debug, Clone)]
pub struct RunDetail {
    /// What it was.
    pub run: Run,
    /// Its spans.
    pub fall: Waterfall,
    /// What it left that is listed, and how sure that is.
    pub left: Vec<(Joint, Arc<Backup>)>,
    /// What is odd about it.
    pub findings: Vec<Finding>,
}

impl Session {
    /// The store of runs, opened when it is first asked for.
    pub(in crate::work) fn runs(&self) -> Result<Arc<Store>, Report> {
        let mut known = held(&self.0.runs);
        if let Some(store) = &*known {
            return Ok(store.clone());
        }
        let state = State::open(&self.0.paths.state, self.0.estate.id.as_str()).map_err(|error| error.report())?;
        let store = Arc::new(Store::open(&state, self.0.estate.history).map_err(|error| error.report())?);
        *known = Some(store.clone());
        Ok(store)
    }

    /// The past of every series, by what is listed and told now.
    ///
    /// # Errors
    ///
    /// When the store of runs cannot be read.
    pub async fn history(&self) -> Result<Arc<HistoryView>, Report> {
        let session = self.clone();
        blocking(move || {
            let store = session.runs()?;
            // Before the reading: what is stored meanwhile is news.
            *held(&session.0.runs_read) = store.version().ok();
            let told = told(&store, Depth::All, now()).map_err(|error| error.report())?;
            Ok(Arc::new(session.past(told, Depth::All)))
        })
        .await
    }

    /// Tells [`Changed::RUNS`] from now on whenever somebody, in whichever process, has stored runs since the past was
    /// read; until the session ends.
    pub fn follow_runs(&self) {
        let session = self.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    () = session.0.cancel.cancelled() => return,
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                }
                let mine = session.clone();
                if tokio::task::spawn_blocking(move || mine.runs_have_grown()).await.unwrap_or(false) {
                    session.0.news.tell(Changed::RUNS);
                }
            }
        });
    }

    fn runs_have_grown(&self) -> bool {
        let Some(now) = self.runs().ok().and_then(|store| store.version().ok()) else { return false };
        let mut read = held(&self.0.runs_read);
        // Nobody has read anything yet, or it was told.
        read.as_mut().is_some_and(|read| std::mem::replace(read, now) != now)
    }

    /// Answers a monitor from the newest listing, which the caller has waited for. A store of runs that cannot be read
    /// takes nothing from the answer but what it would have told, and that is said.
    ///
    /// # Errors
    ///
    /// When the thread dies.
    pub async fn check(&self, wants: Wants) -> Result<CheckReport, Report> {
        let session = self.clone();
        blocking(move || {
            let read =
                session.runs().and_then(|store| told(&store, Depth::Standing, now()).map_err(|error| error.report()));
            let answer = |told| check(&session.catalog(), &session.past(told, Depth::Standing), &wants);
            Ok(match read {
                Ok(told) => answer(told),
                Err(report) => {
                    tracing::warn!("check goes on without the history of runs: {report}");
                    answer(Told::default()).without_history()
                }
            })
        })
        .await
    }

    fn past(&self, told: Told, depth: Depth) -> HistoryView {
        let seen = self.0.browser.seen().read().map_err(|error| error.report());
        let seen = seen.map_err(|report| match report.causes.first() {
            Some(cause) => format!("{}: {cause}", report.headline),
            None => report.headline,
        });
        let was_good = |target: &TargetName, key: &Foreign| {
            let slot = self.0.browser.slot(target);
            slot.is_some_and(|slot| self.0.proofs.was_good(&backup_id(&slot.target.canonical_url(), key, None)))
        };
        let catalog = self.catalog();
        view(&Ground { estate: self.estate(), catalog: &catalog, was_good: &was_good, seen }, told, depth, now())
    }

    /// Runs in brief, newest first.
    ///
    /// # Errors
    ///
    /// When the store of runs cannot be read.
    pub async fn run_briefs(&self, query: RunQuery) -> Result<Vec<RunBrief>, Report> {
        let session = self.clone();
        blocking(move || session.runs()?.briefs(&query).map_err(|error| error.report())).await
    }

    /// Verifications of a series under these names that began before a time, newest first, out of `limit` that are read
    /// of each name; and before when those began that were not read, where there are any.
    ///
    /// # Errors
    ///
    /// When the store of runs cannot be read.
    pub async fn older_checks(
        &self,
        (key, names): (SeriesKey, Vec<Foreign>),
        (before, limit): (Moment, usize),
    ) -> Result<(Vec<Checked>, Option<Moment>), Report> {
        let session = self.clone();
        blocking(move || {
            let (store, catalog) = (session.runs()?, session.catalog());
            older((&store, &catalog), (&key, &names), (before, limit)).map_err(|error| error.report())
        })
        .await
    }

    /// Everything about one run, by its id or a unique beginning of it, or by the tool's own id.
    ///
    /// # Errors
    ///
    /// When nothing or more than one thing fits, or the store of runs cannot be read.
    pub async fn run_detail(&self, id: &str) -> Result<Arc<RunDetail>, Report> {
        let (session, id) = (self.clone(), id.to_owned());
        blocking(move || {
            let store = session.runs()?;
            let run = one(&store, &id)?;
            let spans = store.spans(&run.id).map_err(|error| error.report())?;
            Ok(Arc::new(detail(run, spans, &session.catalog())))
        })
        .await
    }
}

fn detail(run: Run, spans: Vec<crate::model::run::Span>, catalog: &Catalog) -> RunDetail {
    let runs = [run];
    let mut joined = join(&runs, catalog);
    let [run] = runs;
    let mut joints = joined.runs.remove(&run.id).unwrap_or_default();
    let read = joined.verified.remove(&run.id).and_then(|read| read.backup);
    joints.extend(read.map(|backup| Joint { backup, certainty: Certainty::Exact, told: None }));
    let left = joints.into_iter().filter_map(|joint| Some((joint.clone(), catalog.get(&joint.backup)?.clone())));
    let mut findings = run.findings.clone();
    findings.extend(joined.findings.remove(&run.id).unwrap_or_default());
    RunDetail { left: left.collect(), fall: Waterfall::of(spans), findings, run }
}

/// The run that an argument means.
fn one(store: &Store, argument: &str) -> Result<Run, Report> {
    /// Runs that a beginning is looked for in: the newest.
    const NEWEST: usize = 20_000;
    let report = |error: HistoryError| error.report();
    let start = argument.to_lowercase();
    if let Some(id) = RunId::kept(&start)
        && let Some(run) = store.run(&id).map_err(report)?
    {
        return Ok(run);
    }
    let briefs = store.briefs(&RunQuery { limit: NEWEST, ..RunQuery::default() }).map_err(report)?;
    let found: Vec<&RunId> = briefs
        .iter()
        .map(|brief| &brief.id)
        .filter(|id| !start.is_empty() && id.as_str().starts_with(&start))
        .collect();
    match found[..] {
        [only] => store.run(only).map_err(report)?.ok_or_else(|| unknown(argument)),
        [] => Err(unknown(argument)),
        [..] => {
            let ids: Vec<&str> = found.iter().take(6).map(|id| id.as_str()).collect();
            let text = format!("{} fits {} runs: {}", escape(argument), found.len(), ids.join(", "));
            Err(Report::new(Fault::Usage, "history::ambiguous", text, "give more characters of the id"))
        }
    }
}

fn unknown(argument: &str) -> Report {
    let text = format!("no run {}", escape(argument));
    Report::new(Fault::Usage, "history::unknown", text, "`breakglass history --runs` lists them with their ids")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Report> + Send + 'static) -> Result<T, Report> {
    let died = |_| Report::new(Fault::Failed, "history::died", "reading the history died", "the log names the place");
    tokio::task::spawn_blocking(work).await.map_err(died)?
}
