//! Running work: its context, its progress, and when a time left may be named.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::model::job::{Ending, JobId, JobSpec, Phase, Progress};
use crate::model::seal::Fingerprint;
use crate::model::units::{ByteSize, Moment, Rate};
use crate::target::Waiting;
use crate::work::news::{Changed, News};

/// How long nothing may move before it is called a stall.
const STALL: Duration = Duration::from_secs(5);
/// Width of one sample of the rate.
const SAMPLE: Duration = Duration::from_millis(500);
/// Samples kept.
const SAMPLES: usize = 12;
/// Samples needed before a time left is named.
const STEADY_SAMPLES: usize = 5;
/// Lines of a job's log that are kept.
const LOG_LINES: usize = 200;
/// Phases whose beginnings are kept.
const PHASES: usize = 100;

/// What a running job holds: counters, its log, and the tokens that stop it.
///
/// Cheap to clone. Progress may be lost, the log and the ending may not.
#[derive(Clone)]
pub struct JobCtx {
    /// Which job.
    pub id: JobId,
    /// Cancelled when the job is to stop.
    pub cancel: CancellationToken,
    /// Cancelled when it is to stop at once (`KILL QUERY`).
    pub kill: CancellationToken,
    shared: Arc<Shared>,
}

/// A job as people see it.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Which job.
    pub id: JobId,
    /// What it was asked to do.
    pub spec: JobSpec,
    /// What it works on, escaped.
    pub label: String,
    /// When it began.
    pub began: Moment,
    /// How far it is.
    pub progress: Progress,
    /// Its newest log lines, oldest first; safe to draw.
    pub log: VecDeque<String>,
    /// How many lines there have been in all.
    pub lines: u64,
    /// How it ended; `None` while it runs.
    pub ending: Option<Ending>,
}

struct Shared {
    done: AtomicU64,
    meter: Mutex<Meter>,
    /// When each phase began, for telemetry.
    phases: Mutex<Vec<(Phase, SystemTime)>>,
    view: Mutex<JobView>,
    over: CancellationToken,
    news: News,
    key: Mutex<Option<Fingerprint>>,
}

struct Meter {
    phase: Phase,
    total: Option<u64>,
    at: String,
    waiting: Option<String>,
    started: Instant,
    moved: Instant,
    sampled: Instant,
    sampled_done: u64,
    samples: Vec<f64>,
}

impl JobCtx {
    /// A context for a new job.
    pub fn new(view: JobView, cancel: CancellationToken, news: News) -> Self {
        let now = Instant::now();
        let meter = Meter {
            phase: Phase::Waiting,
            total: None,
            at: String::new(),
            waiting: None,
            started: now,
            moved: now,
            sampled: now,
            sampled_done: 0,
            samples: vec![],
        };
        let id = view.id;
        let shared = Shared {
            done: AtomicU64::new(0),
            meter: Mutex::new(meter),
            phases: Mutex::default(),
            view: Mutex::new(view),
            over: CancellationToken::new(),
            news,
            key: Mutex::default(),
        };
        Self { id, cancel, kill: CancellationToken::new(), shared: Arc::new(shared) }
    }

    /// Begins a phase; counters start at zero.
    pub fn begin(&self, phase: Phase, total: Option<u64>) {
        self.shared.done.store(0, Ordering::Relaxed);
        let now = Instant::now();
        if let Ok(mut phases) = self.shared.phases.lock()
            && phases.len() < PHASES
        {
            phases.push((phase, SystemTime::now()));
        }
        if let Ok(mut meter) = self.shared.meter.lock() {
            (meter.phase, meter.total, meter.moved) = (phase, total, now);
            (meter.sampled, meter.sampled_done) = (now, 0);
            meter.samples.clear();
            meter.waiting = None;
            meter.at.clear();
        }
        self.publish(now);
    }

    /// When each phase began, in order.
    pub fn phases(&self) -> Vec<(Phase, SystemTime)> {
        self.shared.phases.lock().map(|phases| phases.clone()).unwrap_or_default()
    }

    /// Counts stored bytes that have been dealt with.
    pub fn advance(&self, bytes: u64) {
        self.shared.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says where the work is; safe to draw.
    pub fn at(&self, place: impl Into<String>) {
        if let Ok(mut meter) = self.shared.meter.lock() {
            meter.at = place.into();
        }
    }

    /// Says what is being waited for; forgotten when bytes move again.
    pub fn waiting_for(&self, what: impl Into<String>) {
        if let Ok(mut meter) = self.shared.meter.lock() {
            meter.waiting = Some(what.into());
        }
    }

    /// A channel for a read's waits: whatever it is told shows in the progress.
    pub fn watch_waiting(&self) -> watch::Sender<Option<Waiting>> {
        let (sender, mut waits) = watch::channel(None::<Waiting>);
        let ctx = self.clone();
        tokio::spawn(async move {
            while waits.changed().await.is_ok() {
                let what = waits.borrow_and_update().as_ref().map(|waiting| waiting.what.clone());
                if let Some(what) = what {
                    ctx.waiting_for(what);
                }
            }
        });
        sender
    }

    /// Adds a line to the job's log; safe to draw, no row values.
    pub fn line(&self, text: impl Into<String>) {
        if let Ok(mut view) = self.shared.view.lock() {
            if view.log.len() == LOG_LINES {
                view.log.pop_front();
            }
            view.log.push_back(text.into());
            view.lines += 1;
        }
        self.shared.news.tell(Changed::JOBS);
    }

    /// Notes which key opened the backup, for the audit log.
    pub fn opened_by(&self, key: Option<&Fingerprint>) {
        if let Ok(mut known) = self.shared.key.lock() {
            *known = key.cloned();
        }
    }

    /// The key that opened the backup, as far as the job came.
    pub fn key(&self) -> Option<Fingerprint> {
        self.shared.key.lock().ok()?.clone()
    }

    /// Says how the job ended. The first ending stays.
    pub fn end(&self, ending: Ending) {
        self.publish(Instant::now());
        if let Ok(mut view) = self.shared.view.lock() {
            view.ending.get_or_insert(ending);
        }
        self.shared.over.cancel();
        self.shared.news.tell(Changed::JOBS);
    }

    /// Takes a sample and publishes the progress; called once a second while the job runs.
    pub fn publish(&self, now: Instant) {
        let done = self.shared.done.load(Ordering::Relaxed);
        let Ok(mut meter) = self.shared.meter.lock() else { return };
        let progress = meter.sample(done, now);
        drop(meter);
        if let Ok(mut view) = self.shared.view.lock() {
            view.progress = progress;
        }
        self.shared.news.tell(Changed::PROGRESS);
    }

    /// The job as it is now.
    pub fn view(&self) -> JobView {
        self.shared.view.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Waits for its end.
    pub async fn ended(&self) {
        self.shared.over.cancelled().await;
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.shared.view.lock().is_ok_and(|view| view.ending.is_some())
    }
}

impl Meter {
    fn sample(&mut self, done: u64, now: Instant) -> Progress {
        let since = now.saturating_duration_since(self.sampled);
        if since >= SAMPLE {
            let moved = done.saturating_sub(self.sampled_done);
            self.samples.push(moved as f64 / since.as_secs_f64());
            if self.samples.len() > SAMPLES {
                self.samples.remove(0);
            }
            if moved > 0 {
                self.moved = now;
                self.waiting = None;
            }
            (self.sampled, self.sampled_done) = (now, done);
        }
        let still = now.saturating_duration_since(self.moved);
        let stalled = (still >= STALL && matches!(self.phase, Phase::Verifying | Phase::Restoring | Phase::Salvaging))
            .then(|| {
                let why = self.waiting.clone().unwrap_or_else(|| "no bytes arrive".to_owned());
                (still, why)
            });
        let rate = mean(&self.samples).map(Rate);
        Progress {
            phase: self.phase,
            done: ByteSize(done),
            total: self.total.map(ByteSize),
            rate,
            left: if stalled.is_some() { None } else { self.left(done) },
            stalled,
            at: self.at.clone(),
            elapsed: now.saturating_duration_since(self.started),
        }
    }

    /// A time left, only when the rate has been steady: a wrong promise is worse than none.
    fn left(&self, done: u64) -> Option<Duration> {
        if self.samples.len() < STEADY_SAMPLES {
            return None;
        }
        let rate = mean(&self.samples)?;
        let spread = self.samples.iter().map(|sample| (sample - rate).powi(2)).sum::<f64>() / self.samples.len() as f64;
        if rate <= 0.0 || spread.sqrt() / rate > 0.35 {
            return None;
        }
        let rest = self.total?.checked_sub(done)?;
        Some(Duration::from_secs_f64((rest as f64 / rate).min(1e9)))
    }
}

fn mean(samples: &[f64]) -> Option<f64> {
    (!samples.is_empty()).then(|| samples.iter().sum::<f64>() / samples.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::backup::BackupId;
    use crate::model::trust::Rung;

    fn ctx() -> JobCtx {
        let spec = JobSpec::Verify { backup: BackupId::from_digest(&[0; 32]), to: Rung::Whole };
        let view = JobView {
            id: JobId(1),
            spec,
            label: String::new(),
            began: Moment(0),
            progress: Progress::default(),
            log: VecDeque::new(),
            lines: 0,
            ending: None,
        };
        JobCtx::new(view, CancellationToken::new(), News::default())
    }

    #[test]
    fn a_time_left_is_named_only_after_a_steady_rate() {
        let ctx = ctx();
        ctx.begin(Phase::Verifying, Some(10_000));
        let start = Instant::now();
        for step in 1..=8 {
            ctx.advance(500);
            ctx.publish(start + Duration::from_millis(501 * step));
            let left = ctx.view().progress.left;
            assert_eq!(left.is_some(), step >= 5, "step {step}: {left:?}");
        }
        let left = ctx.view().progress.left.unwrap();
        assert!((5.0..7.0).contains(&left.as_secs_f64()), "{left:?}");
    }

    #[test]
    fn a_stall_takes_the_time_left_away_and_says_what_is_waited_for() {
        let ctx = ctx();
        ctx.begin(Phase::Verifying, Some(10_000));
        let start = Instant::now();
        ctx.waiting_for("S3 answers 503");
        ctx.publish(start + Duration::from_secs(6));
        let progress = ctx.view().progress;
        assert_eq!(progress.left, None);
        assert_eq!(progress.stalled.unwrap().1, "S3 answers 503");
    }
}
