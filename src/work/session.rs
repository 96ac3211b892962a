//! One session over one estate: the only thing that the doors hold.

mod keys;
mod records;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::disk::audit_log::AuditLog;
use crate::disk::environment::Environment;
use crate::disk::estate::Estate;
use crate::disk::folder::read_bounded;
use crate::disk::logs;
use crate::disk::paths::Paths;
use crate::disk::runs::Store;
use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::job::{Ending, JobId};
use crate::model::plan::{Confirmed, RestorePlan};
use crate::model::target::TargetName;
use crate::model::trust::Rung;
use crate::model::units::Moment;
use crate::report::{Fault, Report, Reportable};
use crate::seal::keyring::KeyRing;
use crate::seal::secret::Secret;
use crate::work::browse::Browser;
use crate::work::catalog::Catalog;
use crate::work::changes::Handles;
use crate::work::heads::Heads;
use crate::work::jobs::{JobCtx, JobView};
use crate::work::news::{Changed, News};
use crate::work::proofbook::ProofBook;
use crate::work::questions::Board;
use crate::work::spans::Spans;

/// How long spans that are left are sent at the end.
const FLUSH: Duration = Duration::from_secs(2);

/// What a session is opened with.
#[derive(Default)]
pub struct Settings {
    /// `--estate`.
    pub estate: Option<PathBuf>,
    /// `--state-dir`.
    pub state_dir: Option<PathBuf>,
    /// `--read-only`.
    pub access: Access,
    /// A BACKUP argument that is a path or a URL: then no estate is needed.
    pub ad_hoc: Option<String>,
}

/// Whether sinks may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// As the estate says.
    #[default]
    AsEstate,
    /// Never.
    ReadOnly,
}

/// How keys are locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockHow {
    /// Nobody was there for a while: running jobs keep their content key.
    Idle,
    /// Somebody asked for it: running jobs keep their content key.
    Asked,
    /// At once; jobs are cancelled.
    Now,
}

/// A protected server that may be written for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// Its name in the estate.
    pub server: String,
    /// Until then.
    pub until: Moment,
    /// Why, as it was typed.
    pub reason: Foreign,
}

pub(in crate::work) use crate::work::session::records::entry;

/// One session. Cheap to clone.
#[derive(Clone)]
pub struct Session(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub estate: Estate,
    pub paths: Paths,
    pub access: Access,
    pub browser: Browser,
    pub proofs: Arc<ProofBook>,
    pub audit: AuditLog,
    pub runs: Mutex<Option<Arc<Store>>>,
    /// The version of that store from which the past was read last.
    pub runs_read: Mutex<Option<i64>>,
    pub news: News,
    pub ring: Mutex<KeyRing>,
    pub jobs: Mutex<BTreeMap<JobId, JobCtx>>,
    pub next_job: AtomicU64,
    pub armed: Mutex<Option<Armed>>,
    pub questions: Board,
    pub held: BTreeMap<String, Arc<Secret>>,
    pub held_keys: BTreeMap<String, Arc<Secret>>,
    pub ad_hoc: Option<Foreign>,
    pub touched: Mutex<Instant>,
    pub spans: Spans,
    pub handles: Handles,
    pub cancel: CancellationToken,
}

/// A lock that a panic elsewhere does not take from everybody else.
pub(super) fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Now, as milliseconds since 1970.
pub fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_millisecond())
}

impl Session {
    /// The estate.
    pub fn estate(&self) -> &Estate {
        &self.0.estate
    }

    /// Where configuration and state lie.
    pub fn paths(&self) -> &Paths {
        &self.0.paths
    }

    /// Whether no sink may be written.
    pub fn is_read_only(&self) -> bool {
        self.0.access == Access::ReadOnly || self.0.estate.policy.read_only
    }

    /// Starts the log file; a second call in one process changes nothing.
    ///
    /// # Errors
    ///
    /// When the file cannot be made, or the filter is none.
    pub fn start_log(&self, filter: Option<&str>) -> Result<(), Report> {
        logs::start(&self.0.paths, filter, &Environment::Process).map_err(|error| error.report())
    }

    /// A file of the user's beside the estate in the configuration folder: key map, theme.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be read.
    pub fn user_file(&self, name: &str) -> Result<Option<String>, Report> {
        const LIMIT: u64 = 256 << 10;
        let path = self.0.paths.config.join(name);
        match read_bounded(&path, LIMIT) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let text = format!("{} cannot be read: {error}", path.display());
                Err(Report::new(Fault::Usage, "session::user_file", text, "mend it, or move it away"))
            }
        }
    }

    /// What changed since the last look.
    pub fn news(&self) -> &News {
        &self.0.news
    }

    /// The newest snapshot of the catalog; never blocks.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.browser.catalog()
    }

    /// Lists all targets again, in the background.
    pub fn refresh(&self) {
        self.0.proofs.reload();
        self.0.browser.refresh(Heads::Newest, &[]);
    }

    /// The same of these targets, or of all where none is named, reading no more heads than the newest few of each
    /// series.
    pub fn refresh_newest(&self, only: &[TargetName]) {
        self.0.proofs.reload();
        self.0.browser.refresh(Heads::OfEach, only);
    }

    /// Reads these heads first: they are on the screen.
    pub fn look_first(&self, ids: &[BackupId]) {
        self.0.browser.look_first(ids);
    }

    /// Waits until every listing and every head that is read unasked is in.
    pub async fn settled(&self) -> Arc<Catalog> {
        self.0.browser.settled().await
    }

    /// Finds a backup by id, unique prefix of one, or `target:name`; for a session over one path or URL, that.
    ///
    /// # Errors
    ///
    /// A report that names what was looked for, and the candidates if there are several.
    pub fn find(&self, argument: &str) -> Result<Arc<Backup>, Report> {
        crate::work::find::find(&self.catalog(), argument, self.0.ad_hoc.as_ref())
    }

    /// All jobs of this session, oldest first.
    pub fn jobs(&self) -> Vec<JobView> {
        held(&self.0.jobs).values().map(JobCtx::view).collect()
    }

    /// One job.
    pub fn job(&self, id: JobId) -> Option<JobView> {
        held(&self.0.jobs).get(&id).map(JobCtx::view)
    }

    /// Waits for a job's end.
    pub async fn ended(&self, id: JobId) -> Option<JobView> {
        let job = held(&self.0.jobs).get(&id).cloned()?;
        job.ended().await;
        Some(job.view())
    }

    /// Whether any job runs.
    pub fn is_busy(&self) -> bool {
        held(&self.0.jobs).values().any(|job| !job.has_ended())
    }

    /// Stops a job: the first call after the current statement, the second one at once.
    pub fn cancel(&self, id: JobId) {
        if let Some(job) = held(&self.0.jobs).get(&id) {
            if job.cancel.is_cancelled() {
                job.kill.cancel();
            }
            job.cancel.cancel();
        }
    }

    /// Stops everything that runs, and waits for it no longer than `patience`: half of it for statements to end
    /// by themselves, half for those that had to be killed, so that how they ended is still recorded.
    pub async fn close(&self, patience: Duration) {
        let jobs: Vec<JobCtx> = held(&self.0.jobs).values().cloned().collect();
        let all = || futures_util::future::join_all(jobs.iter().map(JobCtx::ended));
        for stop in [|job: &JobCtx| job.cancel.cancel(), |job: &JobCtx| job.kill.cancel()] {
            jobs.iter().for_each(stop);
            if tokio::time::timeout(patience / 2, all()).await.is_ok() {
                break;
            }
        }
        held(&self.0.ring).forget_all();
        self.0.cancel.cancel();
        self.0.spans.close(patience.min(FLUSH)).await;
    }

    pub(super) fn next_id(&self) -> JobId {
        JobId(self.0.next_job.fetch_add(1, Ordering::Relaxed))
    }

    /// Verifies one backup, in the background.
    ///
    /// # Errors
    ///
    /// When nothing of that id is listed.
    pub fn start_verify(&self, backup: &BackupId, to: Rung) -> Result<JobId, Report> {
        crate::work::run::start_verify(self, backup, to)
    }

    /// Makes a plan; for a server it may verify the backup first, as a job of its own.
    ///
    /// # Errors
    ///
    /// When the backup, the sink or the proof does not allow one.
    pub async fn plan(&self, request: crate::work::plan::PlanRequest) -> Result<RestorePlan, Report> {
        crate::work::run::plan(self, request).await
    }

    /// Runs a confirmed plan, in the background.
    ///
    /// # Errors
    ///
    /// When the session may not write, the server is not armed, or the intent cannot be recorded.
    pub fn start_restore(&self, plan: Confirmed<RestorePlan>) -> Result<JobId, Report> {
        crate::work::run::start_restore(self, plan, None)
    }

    /// As [`start_restore`](Self::start_restore), into a writer of the caller's.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn restore_to(&self, plan: Confirmed<RestorePlan>, out: Box<dyn Write + Send>) -> Result<JobId, Report> {
        crate::work::run::start_restore(self, plan, Some(out))
    }

    /// Allows writes to a protected server for ten minutes.
    ///
    /// # Errors
    ///
    /// Without a reason, for an unknown server, or when it cannot be recorded.
    pub fn arm(&self, server: &str, reason: &str) -> Result<Moment, Report> {
        const ARMED_FOR: i64 = 600_000;
        if self.0.estate.server(server).is_none() {
            return Err(Report::new(Fault::Usage, "arm::unknown", format!("the estate has no server {server}"), ""));
        }
        if reason.trim().is_empty() {
            let advice = "say why: --reason TEXT; it stands in the audit log";
            return Err(Report::new(Fault::Usage, "arm::no_reason", "arming needs a reason", advice));
        }
        self.record("arm", server, "ok", reason.trim(), None)?;
        let until = Moment(now().0 + ARMED_FOR);
        *held(&self.0.armed) = Some(Armed { server: server.to_owned(), until, reason: Foreign::from(reason.trim()) });
        self.0.news.tell(Changed::ARMED);
        Ok(until)
    }

    /// Forbids writes to protected servers again.
    pub fn disarm(&self) {
        if let Some(armed) = held(&self.0.armed).take() {
            let _ = self.event("disarm", &armed.server, "ok", "");
        }
        self.0.news.tell(Changed::ARMED);
    }

    /// What is armed now.
    pub fn armed(&self) -> Option<Armed> {
        held(&self.0.armed).clone().filter(|armed| armed.until > now())
    }

    /// How a job ended, as a door that waited for it sees it.
    pub fn ending(&self, id: JobId) -> Option<Ending> {
        self.job(id)?.ending
    }
}
