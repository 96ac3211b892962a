//! What every verb needs: the printer, the flags that all share, and the way to a session.

use std::future::Future;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::cli::args::{Conduct, KeyFlags, Place};
use crate::cli::ask;
use crate::cli::error::CliError;
use crate::cli::print::{Form, Printer};
use crate::cli::progress::ProgressLine;
use crate::cli::wording;
use crate::model::question::Asks;
use crate::model::target::TargetName;
use crate::report::{Fault, Report};
use crate::work::catalog::Catalog;
use crate::work::jobs::JobView;
use crate::work::session::{Access, Session, Settings};

/// The progress line is drawn at most so often.
const RHYTHM: Duration = Duration::from_secs(1);
/// How long background work may take to stop when a verb has ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// The headless door of one run.
pub struct Door {
    pub place: Place,
    pub keys: KeyFlags,
    pub conduct: Conduct,
    /// Cancelled by the first signal.
    pub cancel: CancellationToken,
    printer: Printer,
    /// Closed when the verb has ended, so that keys are wiped and not merely left behind.
    sessions: Mutex<Vec<Session>>,
}

impl Door {
    /// For the flags of one run.
    pub fn new(place: Place, keys: KeyFlags, conduct: Conduct) -> Self {
        let form = if conduct.json { Form::Json } else { Form::Text };
        let (cancel, printer) = (CancellationToken::new(), Printer::new(form));
        Self { place, keys, conduct, cancel, printer, sessions: Mutex::default() }
    }

    /// Where results and failures go.
    pub fn printer(&self) -> Printer {
        self.printer
    }

    /// A session on the estate.
    ///
    /// # Errors
    ///
    /// When the estate cannot be read or the state folder cannot be used.
    pub async fn session(&self) -> Result<Session, Report> {
        let session = self.open(None).await?;
        self.attend(&session);
        Ok(session)
    }

    /// A session in which a change source can be opened: on the estate, or, where there is none, for a path or a
    /// URL without one.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn session_for_source(&self, source: &str) -> Result<Session, Report> {
        let opened = match self.open(None).await {
            Err(report) if report.code == "estate::not_found" && self.place.estate.is_none() && is_place(source) => {
                self.open(Some("/".to_owned())).await
            }
            opened => opened,
        };
        let session = opened?;
        self.attend(&session);
        Ok(session)
    }

    /// As [`session`](Self::session), in which targets' logins ask nothing: what they would ask is an error.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn unasked_session(&self) -> Result<Session, Report> {
        self.open(None).await
    }

    /// A session in which `backup` can be found: on the estate, or, for a path or URL, on its folder alone.
    ///
    /// # Errors
    ///
    /// As [`session`](Self::session).
    pub async fn session_for(&self, backup: &str) -> Result<Session, Report> {
        let session = self.open(is_place(backup).then(|| backup.to_owned())).await?;
        self.attend(&session);
        Ok(session)
    }

    /// Asks on the terminal what targets' logins ask, where somebody sits at one.
    fn attend(&self, session: &Session) {
        if !ask::somebody() {
            return;
        }
        let (session, cancel) = (session.clone(), self.cancel.clone());
        let mut questions = session.attend();
        tokio::spawn(async move {
            while questions.changed().await.is_ok() {
                let Some(asking) = questions.borrow_and_update().clone() else { continue };
                let (id, waits) = (asking.id, matches!(asking.question.asks, Asks::Touch { .. }));
                let answer = blocking(move || ask::login(&asking.question)).await;
                match answer {
                    Ok(None) if waits => {} // a security key is touched, not answered
                    Ok(answer) => session.answer(id, answer),
                    Err(report) => {
                        session.answer(id, None);
                        if report.fault == Fault::Interrupted {
                            cancel.cancel();
                        }
                    }
                }
            }
        });
    }

    async fn open(&self, ad_hoc: Option<String>) -> Result<Session, Report> {
        let access = if self.conduct.read_only { Access::ReadOnly } else { Access::AsEstate };
        let Place { estate, state_dir } = self.place.clone();
        let session = Session::open(Settings { estate, state_dir, access, ad_hoc }).await?;
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(session.clone());
        session.start_log(self.conduct.log.as_deref())?;
        Ok(session)
    }

    /// Ends what still runs in the background, and wipes the keys.
    pub async fn close(&self) {
        let sessions = std::mem::take(&mut *self.sessions.lock().unwrap_or_else(PoisonError::into_inner));
        for session in sessions {
            session.close(PATIENCE).await;
        }
    }

    /// The catalog once everything has been listed and looked at; how far that is stands on the progress line.
    ///
    /// # Errors
    ///
    /// Only when it was interrupted: a broken target is a state in the catalog.
    pub async fn listed(&self, session: &Session) -> Result<Arc<Catalog>, Report> {
        session.refresh();
        self.settled(session).await
    }

    /// The same of these targets, or of all where none is named, with no more heads read than the newest few of each
    /// series.
    ///
    /// # Errors
    ///
    /// As [`listed`](Self::listed).
    pub async fn newest_listed(&self, session: &Session, only: &[TargetName]) -> Result<Arc<Catalog>, Report> {
        session.refresh_newest(only);
        self.settled(session).await
    }

    async fn settled(&self, session: &Session) -> Result<Arc<Catalog>, Report> {
        let mut settled = pin!(self.waited(session.settled()));
        let mut line = ProgressLine::new(self.printer.form());
        let mut drawn = Instant::now();
        loop {
            tokio::select! {
                catalog = &mut settled => return catalog,
                _ = session.news().changed() => {
                    if drawn.elapsed() >= RHYTHM {
                        drawn = Instant::now();
                        line.say(&wording::listing(&session.catalog()));
                    }
                }
            }
        }
    }

    /// Waits for something that reads only; a signal does not wait for it.
    ///
    /// # Errors
    ///
    /// When it was interrupted.
    pub async fn waited<T>(&self, work: impl Future<Output = T>) -> Result<T, Report> {
        let interrupted = || CliError::Interrupted.into();
        self.cancel.run_until_cancelled(work).await.ok_or_else(interrupted)
    }

    /// Runs a prompt or a read away from the threads that serve the network; a signal does not wait for it.
    ///
    /// # Errors
    ///
    /// Those of the work, or when it was interrupted.
    pub async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Report> + Send + 'static,
    ) -> Result<T, Report> {
        self.waited(blocking(work)).await?
    }

    /// Waits for `work` while its running job is drawn; a signal cancels the job and lets it come to its end.
    pub async fn attended<T>(&self, session: &Session, what: &str, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let mut line = ProgressLine::new(self.printer.form());
        let mut drawn: Option<Instant> = None;
        let mut cancelled = false;
        loop {
            tokio::select! {
                ended = &mut work => return ended,
                () = self.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    line.clear();
                    running(session).for_each(|job| session.cancel(job.id));
                }
                _ = session.news().changed() => {
                    if drawn.is_none_or(|at| at.elapsed() >= RHYTHM) {
                        drawn = Some(Instant::now());
                        running(session).last().inspect(|job| line.draw(job.spec.verb(), what, &job.progress));
                    }
                }
            }
        }
    }

    /// Names the head of the audit log, for whoever wants to keep it elsewhere.
    pub fn say_head(&self, session: &Session) {
        if let Some(head) = session.audit_head() {
            self.printer.say(&format!("audit head {head}"));
        }
    }
}

fn running(session: &Session) -> impl Iterator<Item = JobView> {
    session.jobs().into_iter().filter(|job| job.ending.is_none())
}

/// Whether a BACKUP argument is a path or URL, which needs no estate.
pub fn is_place(backup: &str) -> bool {
    let reference = backup.starts_with("config://"); // to a target of the estate
    (backup.contains("://") && !reference)
        || Path::new(backup).is_absolute()
        || backup.starts_with("./")
        || backup.starts_with("../")
}

/// Runs work that blocks away from the threads that serve the network, to its end whatever happens: it may have
/// files to tidy up.
///
/// # Errors
///
/// Those of the work.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Report> + Send + 'static,
) -> Result<T, Report> {
    match tokio::task::spawn_blocking(work).await {
        Ok(ended) => ended,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}
