//! The past over a real session: what is asked for becomes calls, what they give becomes messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::model::foreign::Foreign;
use crate::model::run::{RunBrief, RunKind, RunQuery};
use crate::model::trust::Rung;
use crate::model::units::Moment;
use crate::report::Report;
use crate::tui::msg::Msg;
use crate::tui::past::{Older, OlderChecks, PastAsk, PastNews};
use crate::work::check::Wants;
use crate::work::history::SeriesKey;
use crate::work::session::Session;

/// The least time between two readings while listings go on.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether the past of all series is being read: one at a time, and once more where it was asked for meanwhile.
#[derive(Clone, Default)]
pub(super) struct Reading(Arc<State>);

#[derive(Default)]
struct State {
    /// 0: nobody reads; 1: somebody does; 2: and once more behind it.
    busy: AtomicU8,
    /// The estate's own sources of telemetry were read in this session.
    fed: AtomicBool,
    /// Held by whoever reads them.
    feeding: Mutex<()>,
    /// The console ends: nobody waits for what is still being read.
    stop: CancellationToken,
}

/// Where the past is read from.
pub(super) trait Source: Clone + Send + Sync + 'static {
    /// The past of all series, as far as it is known by now.
    fn view(&self) -> impl Future<Output = PastNews> + Send;
    /// Reads the sources of telemetry that the estate names, and what is listed; whether anything new was in them.
    fn feed(&self, sender: &mpsc::Sender<Msg>, stop: &CancellationToken) -> impl Future<Output = bool> + Send;
}

impl Source for Session {
    async fn view(&self) -> PastNews {
        match self.history().await {
            Ok(view) => PastNews::View(view),
            Err(report) => PastNews::Unreadable(Box::new(report)),
        }
    }

    async fn feed(&self, sender: &mpsc::Sender<Msg>, stop: &CancellationToken) -> bool {
        feed(self, sender, stop).await
    }
}

impl Reading {
    /// Reads it, now or once more behind the reading that goes on.
    pub(super) fn ask(&self, source: impl Source, sender: mpsc::Sender<Msg>) {
        const AGAIN: u8 = 2;
        if self.0.busy.fetch_add(1, Ordering::AcqRel) > 0 {
            self.0.busy.store(AGAIN, Ordering::Release);
            return;
        }
        let reading = self.clone();
        tokio::spawn(async move {
            let state = &reading.0;
            loop {
                state.busy.store(1, Ordering::Release);
                if sender.send(Msg::Past(source.view().await)).await.is_err() {
                    return; // the loop has ended
                }
                if !state.fed.swap(true, Ordering::AcqRel) {
                    reading.feed(source.clone(), sender.clone());
                }
                if state.busy.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    return;
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
    }

    /// Reads the sources of telemetry beside all that, which may take long, and the past again when that is done.
    fn feed(&self, source: impl Source, sender: mpsc::Sender<Msg>) {
        let reading = self.clone();
        tokio::spawn(async move {
            let held = reading.0.feeding.lock().await;
            let new = source.feed(&sender, &reading.0.stop).await;
            drop(held);
            if new {
                reading.ask(source, sender);
            }
        });
    }

    /// The next reading looks again at what lies in the estate's own sources of telemetry.
    pub(super) fn feed_again(&self) {
        self.0.fed.store(false, Ordering::Release);
    }

    /// Ends reading sources of telemetry; what was read of them is stored.
    pub(super) fn stop(&self) {
        self.0.stop.cancel();
    }
}

/// Reads the sources of telemetry that the estate names, and what is listed; whether anything new was in them.
async fn feed(session: &Session, sender: &mpsc::Sender<Msg>, stop: &CancellationToken) -> bool {
    let mut new = false;
    match session.import_feeds(stop).await {
        Ok(reports) => {
            new |= reports.iter().any(|report| report.imported.runs + report.imported.runs_changed > 0);
            let failed = reports.iter().find_map(|report| Some((&report.source, report.error.as_ref()?)));
            if let Some((source, error)) = failed {
                let _ = sender.send(Msg::Said(format!("telemetry of {source}: {}", error.headline))).await;
            }
        }
        Err(report) => {
            let _ = sender.send(Msg::Said(format!("telemetry: {}", report.headline))).await;
        }
    }
    let listed = session.import_listed(session.settled().await).await;
    new | listed.is_ok_and(|imported| imported.runs + imported.runs_changed > 0)
}

/// Reads something of the past.
///
/// # Errors
///
/// When the store of runs cannot be read, or a run is gone.
pub(super) async fn read(session: &Session, ask: PastAsk) -> Result<PastNews, Report> {
    Ok(match ask {
        PastAsk::View => PastNews::View(session.history().await?),
        PastAsk::Older { series, names, before, limit } => {
            PastNews::Older(older(session, series, names, (before, limit)).await?)
        }
        PastAsk::Checks { series, names, before, limit } => {
            let (checks, before) = session.older_checks((series.clone(), names), (before, limit)).await?;
            PastNews::Checks(OlderChecks { series, checks, before })
        }
        PastAsk::Run(id) => PastNews::Run(session.run_detail(id.as_str()).await?),
        PastAsk::Check => {
            // A backup that was deleted since the last listing is never fresh.
            session.refresh();
            session.settled().await;
            let wants = Wants { max_age: None, min_trust: Rung::Whole, targets: vec![], series: vec![] };
            PastNews::Check(Arc::new(session.check(wants).await?))
        }
    })
}

/// Runs under all the names by which telemetry knows a series, newest first, that began before a time.
async fn older(
    session: &Session,
    key: SeriesKey,
    names: Vec<Foreign>,
    (before, limit): (Moment, usize),
) -> Result<Older, Report> {
    let mut runs: Vec<RunBrief> = vec![];
    let mut complete = true;
    for name in names {
        let query = RunQuery {
            series: Some(name),
            kinds: vec![RunKind::Backup],
            until: Some(before),
            limit,
            ..RunQuery::default()
        };
        let more = session.run_briefs(query).await?;
        complete &= more.len() < limit;
        runs.extend(more);
    }
    runs.sort_by_key(|run| std::cmp::Reverse(run.at));
    if !complete {
        // What stands behind the last one of some name may not be known yet of another.
        runs.truncate(limit);
    }
    Ok(Older { series: key, runs, complete })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Fault;

    /// Sources of telemetry that are read until `go`.
    #[derive(Clone, Default)]
    struct Slow(Arc<tokio::sync::Notify>);

    impl Source for Slow {
        async fn view(&self) -> PastNews {
            PastNews::Unreadable(Box::new(Report::new(Fault::Failed, "test", "", "")))
        }

        async fn feed(&self, _: &mpsc::Sender<Msg>, _: &CancellationToken) -> bool {
            self.0.notified().await;
            true
        }
    }

    #[tokio::test]
    async fn the_past_is_read_again_while_telemetry_is_still_read_and_once_more_behind_it() {
        let (sender, mut news) = mpsc::channel(8);
        let (reading, source) = (Reading::default(), Slow::default());
        for _ in 0..3 {
            reading.ask(source.clone(), sender.clone());
            let waited = tokio::time::timeout(Duration::from_secs(60), news.recv()).await;
            assert!(matches!(waited, Ok(Some(Msg::Past(_)))));
        }
        source.0.notify_one();
        let waited = tokio::time::timeout(Duration::from_secs(60), news.recv()).await;
        assert!(matches!(waited, Ok(Some(Msg::Past(_)))));
    }
}
