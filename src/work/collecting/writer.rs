//! The one thread that stores what is received: requests that wait are stored together, in one transaction, and each
//! is answered once that is done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::store::put_each;
use crate::collect::{Coding, Delivery, Handler, Kind, Reply};
use crate::disk::runs::{HistoryError, Intake, MOST_SPANS, Store};
use crate::model::run::{Feed, Run};
use crate::model::units::{Moment, counted, grouped};
use crate::report::Reportable;
use crate::telemetry::dbacked::{self, Retries};
use crate::telemetry::{Batch, LogRequests, TelemetryError, read_json, read_protobuf};
use crate::work::session::now;

/// Requests that wait to be stored; one more is put off.
const QUEUE: usize = 64;
/// Spans that are stored together, beyond which no further request joins.
const TOGETHER: usize = 8192;
/// How often old history is deleted.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// What has arrived so far.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub spans: AtomicU64,
    pub known: AtomicU64,
    pub beyond: AtomicU64,
    pub foreign: AtomicU64,
    pub refused: AtomicU64,
    pub runs: AtomicU64,
    pub changed: AtomicU64,
}

pub(super) struct Task {
    delivery: Delivery,
    arrived: Moment,
    answer: oneshot::Sender<Reply>,
}

/// The way to the thread. When the last of it is gone, the thread stores what waits and ends.
#[derive(Clone)]
pub(super) struct Desk(mpsc::Sender<Task>);

#[async_trait]
impl Handler for Desk {
    async fn deliver(&self, delivery: Delivery) -> Reply {
        let (answer, answered) = oneshot::channel();
        match self.0.try_send(Task { delivery, arrived: now(), answer }) {
            Ok(()) => answered.await.unwrap_or_else(|_| Reply::Failed("the store has stopped".to_owned())),
            Err(_) => Reply::Busy,
        }
    }
}

/// The thread, and how to learn that it is no more.
pub(super) struct Thread {
    /// Whether it ended well.
    pub handle: JoinHandle<()>,
    /// Cancelled when it ends, however it does.
    pub over: CancellationToken,
}

/// Starts the thread.
///
/// # Errors
///
/// When the system has no thread left.
pub(super) fn start(store: Store, totals: Arc<Totals>) -> std::io::Result<(Desk, Thread)> {
    let (logs, retries) = (LogRequests::default(), Retries::default());
    let mut writer = Writer { store, totals, logs, retries, pruned: None };
    start_with(move |tasks| writer.run(tasks))
}

/// Starts a thread that does `work` with what is delivered.
pub(super) fn start_with(work: impl FnOnce(mpsc::Receiver<Task>) + Send + 'static) -> std::io::Result<(Desk, Thread)> {
    let (sender, tasks) = mpsc::channel(QUEUE);
    let over = CancellationToken::new();
    let guard = over.clone().drop_guard();
    let handle = std::thread::Builder::new().name("collect".to_owned()).spawn(move || {
        let _guard = guard;
        work(tasks);
    })?;
    Ok((Desk(sender), Thread { handle, over }))
}

struct Writer {
    store: Store,
    totals: Arc<Totals>,
    logs: LogRequests,
    retries: Retries,
    pruned: Option<Instant>,
}

/// Makes the run of a request that came first at that time.
type Telling = fn(&[u8], Moment) -> Result<Run, TelemetryError>;

/// A request that has been read, and who waits for it.
struct Read {
    intake: Intake,
    refused: u64,
    why: Option<&'static str>,
    answer: oneshot::Sender<Reply>,
}

impl Writer {
    fn run(&mut self, mut tasks: mpsc::Receiver<Task>) {
        while let Some(first) = tasks.blocking_recv() {
            let mut group = vec![];
            let (mut next, mut spans) = (Some(first), 0);
            while let Some(task) = next {
                if let Some(read) = self.read(task) {
                    spans += read.intake.spans.len();
                    group.push(read);
                }
                next = if spans < TOGETHER { tasks.try_recv().ok() } else { None };
            }
            self.store(group);
            self.prune();
        }
    }

    /// Reads a request; one that cannot be read is answered at once.
    fn read(&mut self, task: Task) -> Option<Read> {
        let Task { delivery, arrived, answer } = task;
        match self.intake(&delivery, arrived) {
            Ok((intake, batch)) => {
                self.totals.foreign.fetch_add(batch.foreign, Ordering::Relaxed);
                self.totals.refused.fetch_add(batch.refused, Ordering::Relaxed);
                Some(Read { intake, refused: batch.refused, why: batch.why, answer })
            }
            Err(error @ TelemetryError::TooMany { .. }) => {
                let _ = answer.send(Reply::TooLarge(error.to_string()));
                None
            }
            Err(error) => {
                let _ = answer.send(Reply::Unreadable(error.to_string()));
                None
            }
        }
    }

    fn intake(&mut self, delivery: &Delivery, arrived: Moment) -> Result<(Intake, Batch), TelemetryError> {
        let body = delivery.body.as_slice();
        let mut intake = Intake { feed: Feed::Otlp, arrived, spans: vec![], runs: vec![] };
        let mut batch = Batch::default();
        match delivery.kind {
            Kind::Traces(Coding::Protobuf) => batch = read_protobuf(body)?,
            Kind::Traces(Coding::Json) => batch = read_json(body)?,
            Kind::Log => (intake.feed, intake.runs) = (Feed::Logrus, self.logs.read(body)?),
            Kind::Check => {
                (intake.feed, intake.runs) = (Feed::Beacon, vec![self.of(dbacked::of_beacon, body, arrived)?])
            }
            Kind::Analytics => {
                (intake.feed, intake.runs) = (Feed::Analytics, vec![self.of(dbacked::of_analytics, body, arrived)?]);
            }
        }
        intake.spans = std::mem::take(&mut batch.spans);
        Ok((intake, batch))
    }

    /// The run of a request that does not say when: the same one when it is sent again, also to a receiver that was
    /// started anew meanwhile.
    fn of(&mut self, told: Telling, body: &[u8], arrived: Moment) -> Result<Run, TelemetryError> {
        let ids = dbacked::again(arrived).map(|at| told(body, at).map(|run| run.id));
        let stored = || {
            let known = ids.iter().flatten().filter_map(|id| self.store.run(id).ok().flatten());
            known.filter_map(|run| dbacked::is_again(&run, arrived)).min()
        };
        let first = self.retries.first(body, arrived, stored);
        told(body, first)
    }

    fn store(&self, group: Vec<Read>) {
        let mut waiting = vec![];
        let mut intakes = vec![];
        for Read { intake, refused, why, answer } in group {
            intakes.push(intake);
            waiting.push(Waiting { refused, why, answer });
        }
        match self.put(&intakes) {
            Ok(beyond) => waiting.into_iter().zip(beyond).for_each(|(waiting, beyond)| waiting.stored(beyond)),
            // Together they failed; each by itself, one odd request does not take the others with it.
            Err(_) if intakes.len() > 1 => {
                for (intake, waiting) in intakes.iter().zip(waiting) {
                    match self.put(std::slice::from_ref(intake)) {
                        Ok(beyond) => waiting.stored(beyond.iter().sum()),
                        Err(error) => waiting.failed(&error),
                    }
                }
            }
            Err(error) => waiting.into_iter().for_each(|waiting| waiting.failed(&error)),
        }
    }

    /// Stores them; how many spans of each are beyond what is kept of their traces.
    fn put(&self, intakes: &[Intake]) -> Result<Vec<u64>, HistoryError> {
        let (stored, beyond) = put_each(&self.store, intakes)?;
        let counters = [
            (&self.totals.spans, stored.spans),
            (&self.totals.known, stored.known),
            (&self.totals.beyond, stored.beyond),
            (&self.totals.runs, stored.runs),
            (&self.totals.changed, stored.changed),
        ];
        for (counter, more) in counters {
            counter.fetch_add(more, Ordering::Relaxed);
        }
        Ok(beyond)
    }

    fn prune(&mut self) {
        if self.pruned.is_some_and(|at| at.elapsed() < PRUNE_EVERY) {
            return;
        }
        self.pruned = Some(Instant::now());
        if let Err(error) = self.store.prune(now()) {
            let report = error.report();
            tracing::warn!(code = report.code, "old history could not be deleted: {report}");
        }
    }
}

/// Somebody who waits for an answer, and what was found out before anything was stored.
struct Waiting {
    refused: u64,
    why: Option<&'static str>,
    answer: oneshot::Sender<Reply>,
}

impl Waiting {
    fn stored(self, beyond: u64) {
        let limit = (beyond > 0).then(|| {
            let most = grouped(MOST_SPANS as u64);
            format!("{} beyond the {most} that are kept of a trace", counted(beyond, "span"))
        });
        let words: Vec<String> = self.why.map(str::to_owned).into_iter().chain(limit).collect();
        let _ = self.answer.send(Reply::Stored { refused: self.refused + beyond, why: words.join("; ") });
    }

    fn failed(self, error: &HistoryError) {
        let report = error.report();
        tracing::error!(code = report.code, "telemetry could not be stored: {report}");
        let why = "it could not be stored; the log of the receiver says why".to_owned();
        let _ = self.answer.send(Reply::Failed(why));
    }
}
