//! The console over a real session: effects become calls, news become messages.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use crate::model::foreign::Foreign;
use crate::model::job::{Fact, JobId, Progress};
use crate::model::seal::{Fingerprint, KeyFacts};
use crate::model::sink::{Protection, Sink};
use crate::model::units::Moment;
use crate::report::{Fault, Report};
use crate::tui::desk;
use crate::tui::desk::Desk;
use crate::tui::live_past;
use crate::tui::live_past::Reading;
use crate::tui::msg::{Backend, Effect, Forget, KeyFrom, Msg, PlanAsk, Retry};
use crate::tui::past::PastAsk;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::{Armed, GoodCopy, KeyOffer, LoadedKey, ServerLine, Snapshot, TargetLine, TargetState, World};
use crate::work::catalog;
use crate::work::catalog::Catalog;
use crate::work::filter::Index;
use crate::work::keys::{KeySource, Loaded, Secret};
use crate::work::news::Changed;
use crate::work::parts::Rename;
use crate::work::plan::{PlanRequest, STATEMENT_LIMIT};
use crate::work::questions::Asking;
use crate::work::session::{LockHow, Session, now};
use crate::work::sink;

/// Messages that may wait for the loop.
const WAITING: usize = 256;
/// Audit records that the screen shows.
const AUDIT_LINES: usize = 500;
/// How long jobs may take to stop when the program ends.
const PATIENCE: Duration = Duration::from_secs(8);

/// A session behind the console's loop.
pub struct Live {
    session: Session,
    sender: mpsc::Sender<Msg>,
    receiver: Option<mpsc::Receiver<Msg>>,
    desk: Desk,
    reading: Reading,
    /// Whether runs that others store are looked for: from the first time on that somebody asks for the past.
    following: bool,
}

/// What the console knows before anything was listed.
pub fn world(session: &Session) -> World {
    let estate = session.estate();
    let servers = estate.servers.iter().map(|server| ServerLine {
        name: server.label(),
        address: server.address.to_string(),
        protected: server.protection == Protection::Protected,
    });
    let mut world = World::default();
    world.now = now();
    world.estate.clone_from(&estate.name);
    world.read_only = session.is_read_only();
    world.idle_lock = estate.policy.idle_lock;
    world.servers = servers.collect();
    world.sources = desk::sources(estate);
    world.key_offers = offers(session, &Catalog::default());
    world.log_file = session.paths().log_file().display().to_string();
    world
}

fn offers(session: &Session, catalog: &Catalog) -> Vec<KeyOffer> {
    let offers = session.estate().keys.iter().map(|key| KeyOffer {
        name: key.name.clone(),
        file: key.file.as_ref().map_or_else(
            || if key.held { "in the configuration".to_owned() } else { String::new() },
            |file| file.display().to_string(),
        ),
        fingerprint: key.fingerprint.clone(),
        opens: key.fingerprint.as_ref().map_or(0, |fingerprint| opened_by(catalog, fingerprint)),
    });
    offers.collect()
}

fn opened_by(catalog: &Catalog, fingerprint: &Fingerprint) -> usize {
    catalog.backups.iter().filter(|backup| backup.recipients().any(|recipient| recipient.matches(fingerprint))).count()
}

impl Live {
    /// Starts following the session; lists nothing yet.
    pub fn new(session: Session) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let desk = Desk::new(session.clone(), sender.clone());
        let follower = Follower {
            session: session.clone(),
            sender: sender.clone(),
            jobs: HashMap::new(),
            keys: vec![],
            desk: desk.clone(),
        };
        tokio::spawn(follower.follow());
        tokio::spawn(tell_questions(session.attend(), sender.clone()));
        Self { session, sender, receiver: Some(receiver), desk, reading: Reading::default(), following: false }
    }

    fn say(&self, msg: Msg) {
        // The loop drains its channel at every turn; a full one means that it is ending.
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let _ = sender.send(msg).await;
        });
    }

    fn failed(&self, report: Report) {
        self.say(Msg::Failed(Box::new(report)));
    }

    fn load_key(&self, from: KeyFrom, passphrase: Option<SecretText>) {
        let (session, sender) = (self.session.clone(), self.sender.clone());
        tokio::spawn(async move {
            let had_passphrase = passphrase.is_some();
            let passphrase = passphrase.map(|text| Secret::new(text.expose().to_vec()));
            let (source, passphrase) = source(&from, passphrase);
            let msg = match session.load_key(source, passphrase).await {
                Ok(Loaded::Key(facts)) => {
                    // Before the words that it is there: whoever reads them may use it at once.
                    let keys = loaded(&[], session.keys(), &session.catalog());
                    let _ = sender.send(Msg::Keys(keys)).await;
                    Msg::KeyLoaded(facts)
                }
                Ok(Loaded::NeedsPassphrase(facts)) => Msg::KeyLocked(from, facts.label.to_string()),
                Err(report) => {
                    let again = had_passphrase && report.fault == Fault::NoKey;
                    Msg::KeyRefused(from, if again { Retry::Passphrase } else { Retry::Never }, Box::new(report))
                }
            };
            let _ = sender.send(msg).await;
        });
    }

    fn past(&mut self, ask: PastAsk) {
        let (session, sender) = (self.session.clone(), self.sender.clone());
        if ask == PastAsk::View {
            if !std::mem::replace(&mut self.following, true) {
                session.follow_runs();
            }
            self.reading.ask(session, sender);
            return;
        }
        tokio::spawn(async move {
            let msg = match live_past::read(&session, ask).await {
                Ok(news) => Msg::Past(news),
                Err(report) => Msg::Failed(Box::new(report)),
            };
            let _ = sender.send(msg).await;
        });
    }

    fn plan(&self, ask: PlanAsk) {
        let (session, sender) = (self.session.clone(), self.sender.clone());
        tokio::spawn(async move {
            let planned = match sink::parse(&ask.into, session.estate()) {
                Ok(into) => {
                    let used = |from: &Foreign| ask.databases.is_empty() || ask.databases.contains(from);
                    let renames = match into {
                        Sink::Databases(_) => ask.renames.iter().filter(|(from, _)| used(from)).map(renamed).collect(),
                        // One database, or files: the names that were proposed are not asked for.
                        _ => vec![],
                    };
                    let tables = ask.tables.iter().map(|table| Foreign::from(table.as_str())).collect::<Vec<_>>();
                    let request = PlanRequest {
                        backup: ask.backup.clone(),
                        into,
                        tables: (!tables.is_empty()).then_some(tables),
                        databases: (!ask.databases.is_empty()).then(|| ask.databases.clone()),
                        renames,
                        choices: ask.choices.iter().cloned().collect(),
                        statement_limit: STATEMENT_LIMIT,
                    };
                    session.plan(request).await
                }
                Err(report) => Err(report),
            };
            let msg = match planned {
                Ok(plan) => Msg::Planned(ask, Box::new(plan)),
                Err(report) => Msg::Failed(Box::new(report)),
            };
            let _ = sender.send(msg).await;
        });
    }
}

fn renamed((from, to): &(Foreign, String)) -> Rename {
    Rename { from: from.clone(), to: Foreign::from(to.as_str()) }
}

/// Where the key is, and the passphrase that protects it.
fn source(from: &KeyFrom, passphrase: Option<Secret>) -> (KeySource, Option<Secret>) {
    let source = match from {
        KeyFrom::Typed => {
            let bytes = passphrase.unwrap_or_else(|| Secret::new(vec![]));
            return (KeySource::Raw { label: "typed passphrase".to_owned(), bytes }, None);
        }
        KeyFrom::File(path) => {
            let home = path.strip_prefix("~/").zip(std::env::home_dir());
            KeySource::File(home.map_or_else(|| path.into(), |(rest, home)| home.join(rest)))
        }
        KeyFrom::Env(name) => KeySource::Env(name.clone()),
        KeyFrom::Estate(name) => KeySource::Estate(name.clone()),
        KeyFrom::Pasted(text) => {
            KeySource::Text { label: "the pasted key".to_owned(), pem: Secret::new(text.expose().to_vec()) }
        }
    };
    (source, passphrase)
}

impl Backend for Live {
    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Refresh => {
                self.reading.feed_again();
                self.session.refresh();
            }
            Effect::SniffFirst(ids) => self.session.look_first(&ids),
            Effect::LoadKey(from, passphrase) => self.load_key(from, passphrase),
            Effect::Forget(Forget::Keys) => self.session.lock_keys(LockHow::Asked),
            Effect::Forget(Forget::KeysAndJobs) => self.session.lock_keys(LockHow::Now),
            Effect::Verify(id, rung) => {
                if let Err(report) = self.session.start_verify(&id, rung) {
                    self.failed(report);
                }
            }
            Effect::Plan(ask) => self.plan(ask),
            Effect::Restore(plan) => {
                if let Err(report) = self.session.start_restore(*plan) {
                    self.failed(report);
                }
            }
            Effect::Salvage(agreed) => {
                if let Err(report) = self.session.start_salvage(*agreed) {
                    self.failed(report);
                }
            }
            Effect::Cancel(job) => self.session.cancel(job),
            Effect::Arm(server, reason) => {
                if let Err(report) = self.session.arm(&server, &reason) {
                    self.failed(report);
                }
            }
            Effect::Disarm => self.session.disarm(),
            Effect::Answer(id, answer) => {
                self.session.answer(id, answer.map(|text| Secret::new(text.expose().to_vec())));
            }
            Effect::Past(ask) => self.past(ask),
            Effect::CheckChain => {
                let (session, sender) = (self.session.clone(), self.sender.clone());
                tokio::task::spawn_blocking(move || {
                    let msg = match session.audit_state(None) {
                        Ok(state) => Msg::Chain(state),
                        Err(report) => Msg::Failed(Box::new(report)),
                    };
                    let _ = sender.blocking_send(msg);
                });
            }
            Effect::Copy(_) | Effect::Suspend | Effect::Redraw | Effect::Quit => {} // the loop's own
            effect => self.desk.perform(effect),
        }
    }

    fn messages(&mut self) -> mpsc::Receiver<Msg> {
        self.receiver.take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    fn progress(&mut self) -> Vec<(JobId, Progress)> {
        let running = self.session.jobs().into_iter().filter(|job| job.ending.is_none());
        running.map(|job| (job.id, job.progress)).collect()
    }

    fn now(&self) -> Moment {
        now()
    }

    fn touched(&mut self) {
        self.session.touch();
    }

    fn shut_down(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.reading.stop();
        let session = self.session.clone();
        Box::pin(async move { session.close(PATIENCE).await })
    }
}

/// Tells what targets' logins ask, and when nothing is asked any more.
async fn tell_questions(mut questions: watch::Receiver<Option<Asking>>, sender: mpsc::Sender<Msg>) {
    while questions.changed().await.is_ok() {
        let question = questions.borrow_and_update().clone();
        if sender.send(Msg::Asked(question)).await.is_err() {
            return; // the loop has ended
        }
    }
}

/// Turns news into messages.
struct Follower {
    session: Session,
    sender: mpsc::Sender<Msg>,
    /// Lines told so far, and whether the end was told.
    jobs: HashMap<JobId, (u64, bool)>,
    keys: Vec<LoadedKey>,
    desk: Desk,
}

impl Follower {
    async fn follow(mut self) {
        loop {
            let changed = self.session.news().changed().await;
            if self.tell(changed).await.is_err() {
                return; // the loop has ended
            }
        }
    }

    async fn tell(&mut self, changed: Changed) -> Result<(), mpsc::error::SendError<Msg>> {
        if changed.has(Changed::CATALOG) {
            let session = self.session.clone();
            let snapshot = tokio::task::spawn_blocking(move || snapshot(&session.catalog())).await;
            if let Ok(snapshot) = snapshot {
                self.sender.send(Msg::Catalog(Box::new(snapshot))).await?;
            }
        }
        if changed.has(Changed::CATALOG) || changed.has(Changed::KEYS) {
            let catalog = self.session.catalog();
            self.keys = loaded(&self.keys, self.session.keys(), &catalog);
            self.sender.send(Msg::Keys(self.keys.clone())).await?;
            self.sender.send(Msg::Offers(offers(&self.session, &catalog))).await?;
        }
        if changed.has(Changed::JOBS) {
            self.tell_jobs().await?;
        }
        if changed.has(Changed::AUDIT) {
            let session = self.session.clone();
            let records = tokio::task::spawn_blocking(move || session.audit_tail(AUDIT_LINES)).await;
            let mut records = records.unwrap_or_default();
            records.reverse();
            self.sender.send(Msg::Audit(records)).await?;
        }
        if changed.has(Changed::RUNS) {
            self.sender.send(Msg::Runs).await?;
        }
        if changed.has(Changed::ARMED) {
            let armed = self.session.armed().map(|armed| Armed {
                server: armed.server,
                until: armed.until,
                reason: armed.reason.to_string(),
            });
            self.sender.send(Msg::Armed(armed)).await?;
        }
        self.desk.tell(changed).await?;
        Ok(())
    }

    async fn tell_jobs(&mut self) -> Result<(), mpsc::error::SendError<Msg>> {
        for job in self.session.jobs() {
            let known = self.jobs.contains_key(&job.id);
            let (told, ended) = self.jobs.entry(job.id).or_insert((0, false));
            if !known {
                self.sender.send(Msg::JobStarted(job.id, job.spec.clone(), job.label.clone())).await?;
            }
            let fresh = usize::try_from(job.lines - *told).unwrap_or(usize::MAX).min(job.log.len());
            *told = job.lines;
            for line in job.log.iter().skip(job.log.len() - fresh) {
                self.sender.send(Msg::Fact(job.id, Fact::Line(line.clone()))).await?;
            }
            if let (Some(ending), false) = (&job.ending, *ended) {
                *ended = true;
                self.sender.send(Msg::Progress(job.id, job.progress.clone())).await?;
                self.sender.send(Msg::Fact(job.id, Fact::Ended(ending.clone()))).await?;
            }
        }
        Ok(())
    }
}

fn loaded(before: &[LoadedKey], facts: Vec<KeyFacts>, catalog: &Catalog) -> Vec<LoadedKey> {
    let key = |facts: KeyFacts| {
        let since = before.iter().find(|known| known.facts.fingerprint == facts.fingerprint).map(|known| known.since);
        let opens = facts.fingerprint.as_ref().map_or(0, |fingerprint| opened_by(catalog, fingerprint));
        LoadedKey { facts, opens, since: since.unwrap_or_else(now) }
    };
    facts.into_iter().map(key).collect()
}

fn snapshot(catalog: &Catalog) -> Snapshot {
    let targets = catalog.targets.iter().map(|target| TargetLine {
        name: target.name.to_string(),
        url: target.url.clone(),
        state: match &target.state {
            catalog::TargetState::Waiting => TargetState::Waiting,
            catalog::TargetState::Listing { objects } => TargetState::Listing(*objects as u64),
            catalog::TargetState::Listed { .. } => TargetState::Listed,
            catalog::TargetState::Failed(report) => TargetState::Failed(Box::new(report.clone())),
            catalog::TargetState::NotYet(why) => TargetState::Failed(Box::new(Report::new(
                Fault::Failed,
                "target::not_yet",
                why,
                "the other targets are usable",
            ))),
        },
    });
    let good = catalog.series.iter().map(|series| GoodCopy {
        name: series.name.clone(),
        series: series.name.clone(),
        good: series.newest_good.clone(),
        newest: series.newest.clone(),
    });
    Snapshot {
        targets: targets.collect(),
        newest_good: good.collect(),
        index: Arc::new(Index::new(catalog.backups.clone())),
    }
}
