//! The past over a real session: what is asked for becomes calls, what they give becomes messages.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::mpsc;

use crate::model::foreign::Foreign;
use crate::model::run::{RunBrief, RunKind, RunQuery};
use crate::model::trust::Rung;
use crate::model::units::Moment;
use crate::report::Report;
use crate::tui::msg::Msg;
use crate::tui::past::{Older, PastAsk, PastNews};
use crate::work::check::Wants;
use crate::work::history::SeriesKey;
use crate::work::session::Session;

/// Whether the past of all series is being read: one at a time, and once more where it was asked for meanwhile.
#[derive(Clone, Default)]
pub(super) struct Reading(Arc<AtomicU8>);

impl Reading {
    /// Reads it, now or once more behind the reading that goes on.
    pub(super) fn ask(&self, session: Session, sender: mpsc::Sender<Msg>) {
        const AGAIN: u8 = 2;
        if self.0.fetch_add(1, Ordering::AcqRel) > 0 {
            self.0.store(AGAIN, Ordering::Release);
            return;
        }
        let counter = self.0.clone();
        tokio::spawn(async move {
            loop {
                counter.store(1, Ordering::Release);
                let msg = match session.history().await {
                    Ok(view) => Msg::Past(PastNews::View(view)),
                    Err(report) => Msg::Past(PastNews::Unreadable(Box::new(report))),
                };
                let _ = sender.send(msg).await;
                if counter.compare_exchange(1, 0, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                    return;
                }
            }
        });
    }
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
