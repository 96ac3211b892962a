//! Listing all targets at once, looking at heads, and publishing snapshots of the catalog.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::disk::catalog_cache::{CacheKey, CatalogCache, Known};
use crate::disk::seen::SeenBook;
use crate::model::backup::{Backup, BackupId};
use crate::model::foreign::Foreign;
use crate::model::seal::Fingerprint;
use crate::model::target::{Object, Stamp, Target, TargetName};
use crate::model::units::Moment;
use crate::report::{Report, Reportable};
use crate::target::Store;
use crate::work::catalog;
use crate::work::catalog::{Beside, Catalog, Listing, Look, TargetState, TargetView};
use crate::work::heads::{Heads, few_of_each, is_readable};
use crate::work::history::seen::seen;
use crate::work::look;
use crate::work::look::{Glance, Holds};
use crate::work::news::{Changed, News};
use crate::work::proofbook::ProofBook;
use crate::work::retention;
use crate::work::retention::{Pruner, TargetRules};

/// Heads that are read at a time from one target.
const LOOKS_AT_ONCE: usize = 4;
/// Heads of one target that are read unasked; beyond it only those that are shown or named.
const LOOKS_UNASKED: usize = 2_000;
/// The least time between two snapshots while pages arrive.
const PUBLISH_EVERY: Duration = Duration::from_millis(120);

/// A target as the browser knows it.
pub struct Slot {
    /// Name, URL, expectations.
    pub target: Target,
    /// The open store, or why there is none.
    pub store: Result<Arc<dyn Store>, Report>,
    /// How mysql-backup names and prunes there.
    pub rules: TargetRules,
    /// The target as that tool's prune lists it, where that is another list than ours.
    pub as_pruned: Option<Arc<dyn Store>>,
}

/// Lists, looks and publishes. Cheap to clone.
#[derive(Clone)]
pub struct Browser(Arc<Inner>);

struct Inner {
    slots: Vec<Slot>,
    not_yet: Vec<TargetView>,
    state: Mutex<State>,
    cache: Mutex<CatalogCache>,
    proofs: Arc<ProofBook>,
    snapshot: Mutex<Arc<Catalog>>,
    proof_max_age: Duration,
    dirty: Notify,
    /// Rung when the last listing has ended and the last head was read: nobody has to wait for the pause.
    ended: Notify,
    settled: watch::Sender<u64>,
    news: News,
    cancel: CancellationToken,
}

#[derive(Default)]
struct State {
    round: u64,
    heads: Heads,
    /// The targets of this round; empty: all.
    only: Vec<TargetName>,
    round_cancel: CancellationToken,
    targets: HashMap<TargetName, OneTarget>,
    keys: Vec<Fingerprint>,
    looks: HashMap<BackupId, Seen>,
}

impl State {
    fn is_asked(&self, target: &TargetName) -> bool {
        self.only.is_empty() || self.only.contains(target)
    }
}

/// A look, and what it was a look at.
struct Seen {
    stamp: Stamp,
    beside: Option<Stamp>,
    look: Look,
    holds: Holds,
}

impl Seen {
    fn new(object: &Object, beside: Option<&Object>, glance: Glance) -> Self {
        let Glance { look, holds } = glance;
        Self { stamp: object.stamp.clone(), beside: beside.map(|beside| beside.stamp.clone()), look, holds }
    }

    fn is_of(&self, object: &Object, beside: Option<&Object>) -> bool {
        self.stamp == object.stamp && self.beside.as_ref() == beside.map(|beside| &beside.stamp)
    }
}

#[derive(Default)]
struct OneTarget {
    listing: Listing,
    phase: Option<TargetState>,
    queue: VecDeque<Task>,
    urgent: VecDeque<Task>,
    /// Every look of this round, whether it waits, runs or has been taken.
    asked: HashSet<BackupId>,
    running: usize,
    /// The keys that mysql-backup's prune sees, where that is another list than ours.
    pruned: Option<Vec<Foreign>>,
}

impl OneTarget {
    /// Lets a look go before all others; `false` when it was taken, has failed or runs already.
    fn hurry(&mut self, backup: &Backup) -> bool {
        let object = Object {
            key: backup.key.clone(),
            stamp: backup.stamp.clone(),
            history: backup.history,
            storage: backup.storage.clone(),
        };
        if !is_readable(&object) {
            return false;
        }
        if !self.asked.insert(backup.id.clone()) {
            let Some(at) = self.queue.iter().position(|task| task.id == backup.id) else { return false };
            self.queue.remove(at);
        }
        self.urgent.push_back(Task { id: backup.id.clone(), object });
        true
    }
}

#[derive(Clone)]
struct Task {
    id: BackupId,
    object: Object,
}

impl Browser {
    /// A browser over open stores; nothing is listed before [`refresh`](Self::refresh).
    pub fn new(
        slots: Vec<Slot>,
        not_yet: Vec<TargetView>,
        cache: CatalogCache,
        proofs: Arc<ProofBook>,
        proof_max_age: Duration,
        news: News,
        cancel: CancellationToken,
    ) -> Self {
        let inner = Inner {
            slots,
            not_yet,
            state: Mutex::new(State::default()),
            cache: Mutex::new(cache),
            proofs,
            snapshot: Mutex::default(),
            proof_max_age,
            dirty: Notify::new(),
            ended: Notify::new(),
            settled: watch::Sender::new(0),
            news,
            cancel,
        };
        let browser = Self(Arc::new(inner));
        tokio::spawn(browser.clone().publish_changes());
        browser
    }

    /// What once lay in each target.
    pub fn seen(&self) -> SeenBook {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner).seen().clone()
    }

    /// The newest snapshot.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.0.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The target of that name.
    pub fn slot(&self, name: &TargetName) -> Option<&Slot> {
        self.0.slots.iter().find(|slot| slot.target.name == *name)
    }

    /// All open or broken targets.
    pub fn slots(&self) -> &[Slot] {
        &self.0.slots
    }

    /// Lists these targets again, or every one where none is named, in the background. A listing that runs is given up.
    pub fn refresh(&self, heads: Heads, only: &[TargetName]) {
        let (round, cancel) = {
            let mut state = self.state();
            state.round += 1;
            state.heads = heads;
            state.only = only.to_vec();
            state.round_cancel.cancel();
            state.round_cancel = self.0.cancel.child_token();
            state.targets.clear();
            state.looks.retain(|_, seen| seen.holds == Holds::UntilChanged);
            (state.round, state.round_cancel.clone())
        };
        let chosen = |at: &usize| only.is_empty() || only.contains(&self.0.slots[*at].target.name);
        for at in (0..self.0.slots.len()).filter(chosen) {
            tokio::spawn(self.clone().list(at, round, cancel.clone()));
        }
        self.0.dirty.notify_one();
    }

    /// Reads these heads before all others.
    pub fn look_first(&self, ids: &[BackupId]) {
        let catalog = self.catalog();
        let wanted: Vec<Arc<Backup>> = ids.iter().filter_map(|id| catalog.get(id).cloned()).collect();
        let mut woken = HashSet::new();
        {
            let mut state = self.state();
            for backup in wanted {
                if state.looks.get(&backup.id).is_some_and(|seen| seen.stamp == backup.stamp) {
                    continue;
                }
                let Some(one) = state.targets.get_mut(&backup.target) else { continue };
                if one.hurry(&backup) {
                    woken.insert(backup.target.clone());
                }
            }
        }
        for at in 0..self.0.slots.len() {
            if woken.contains(&self.0.slots[at].target.name) {
                self.start_looks(at);
            }
        }
    }

    /// Waits until every listing has ended and every queued head has been read, and takes a snapshot.
    pub async fn settled(&self) -> Arc<Catalog> {
        let round = self.state().round;
        let mut settled = self.0.settled.subscribe();
        let _ = settled.wait_for(|done| *done >= round).await;
        self.catalog()
    }

    /// Another set of keys is loaded.
    pub fn keys_changed(&self, keys: Vec<Fingerprint>) {
        self.state().keys = keys;
        self.0.dirty.notify_one();
    }

    /// A proof was made.
    pub fn proofs_changed(&self) {
        self.0.dirty.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn list(self, at: usize, round: u64, cancel: CancellationToken) {
        let slot = &self.0.slots[at];
        let name = slot.target.name.clone();
        let store = match &slot.store {
            Ok(store) => store.clone(),
            Err(report) => return self.set_phase(&name, round, TargetState::Failed(report.clone())),
        };
        self.set_phase(&name, round, TargetState::Listing { objects: 0 });
        let mut pages = store.list(cancel.clone());
        let mut broken = None; // a folder that may not be entered is one error, and the rest follows
        while let Some(page) = pages.next().await {
            match page {
                Ok(page) => {
                    if !self.take_page(at, round, page) {
                        return;
                    }
                    self.start_looks(at);
                }
                Err(_) if cancel.is_cancelled() => return,
                Err(error) => _ = broken.get_or_insert(error.report()),
            }
        }
        if cancel.is_cancelled() {
            return;
        }
        if let Some(seen) = &slot.as_pruned {
            let seen = first_page(&**seen, cancel.clone()).await;
            if let Some(one) = self.state().targets.get_mut(&name) {
                one.pruned = seen;
            }
        }
        let objects = self.enqueue(at, round);
        self.set_phase(&name, round, broken.map_or(TargetState::Listed { objects }, TargetState::Failed));
        self.start_looks(at);
        self.tell_end();
    }

    fn set_phase(&self, name: &TargetName, round: u64, phase: TargetState) {
        let mut state = self.state();
        if state.round == round {
            state.targets.entry(name.clone()).or_default().phase = Some(phase);
        }
        drop(state);
        self.0.dirty.notify_one();
    }

    /// Adds a page; `false` when a newer round has begun.
    fn take_page(&self, at: usize, round: u64, page: Vec<Object>) -> bool {
        let target = &self.0.slots[at].target;
        let mut state = self.state();
        if state.round != round {
            return false;
        }
        let one = state.targets.entry(target.name.clone()).or_default();
        one.listing.take(page);
        let objects = one.listing.len();
        one.phase = Some(TargetState::Listing { objects });
        drop(state);
        self.0.dirty.notify_one();
        true
    }

    /// The listing is complete: takes from the cache what it knows, and queues the newest of the rest.
    fn enqueue(&self, at: usize, round: u64) -> usize {
        let target = &self.0.slots[at].target;
        let url = target.canonical_url();
        let mut state = self.state();
        if state.round != round {
            return 0;
        }
        let Some(mut one) = state.targets.remove(&target.name) else { return 0 };
        let cache = self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = vec![];
        for object in one.listing.objects.iter().filter(|object| is_readable(object)) {
            let id = catalog::id_of(target, object);
            let beside = one.listing.beside(object);
            if state.looks.get(&id).is_some_and(|seen| seen.is_of(object, beside)) {
                continue;
            }
            match cache.get(&CacheKey::of(&url, object, beside)) {
                Some(Known { shape, metadata }) => {
                    let look = Look { shape, metadata };
                    state.looks.insert(id, Seen::new(object, beside, Glance { look, holds: Holds::UntilChanged }));
                }
                None => unknown.push(Task { id, object: object.clone() }),
            }
        }
        drop(cache);
        unknown.sort_by_key(|task| std::cmp::Reverse(task.object.stamp.modified));
        if state.heads == Heads::OfEach {
            few_of_each(&mut unknown, |task| &task.object.key);
        }
        for task in unknown.into_iter().take(LOOKS_UNASKED) {
            // Also those that were hurried before the listing's end: they had no metadata beside them yet.
            if one.urgent.iter().all(|urgent| urgent.id != task.id) {
                one.asked.insert(task.id.clone());
                one.queue.push_back(task);
            }
        }
        let objects = one.listing.len();
        state.targets.insert(target.name.clone(), one);
        objects
    }

    /// Starts as many looks as may run at a time.
    fn start_looks(&self, at: usize) {
        let slot = &self.0.slots[at];
        let Ok(store) = &slot.store else { return };
        loop {
            let mut state = self.state();
            let round = state.round;
            let Some(one) = state.targets.get_mut(&slot.target.name) else { return };
            // Metadata may be listed on a later page than its backup: wait for the end of the listing.
            let listed = matches!(one.phase, Some(TargetState::Listed { .. } | TargetState::Failed(_)));
            if one.running >= LOOKS_AT_ONCE {
                return;
            }
            let task = one.urgent.pop_front().or_else(|| if listed { one.queue.pop_front() } else { None });
            let Some(task) = task else { return };
            one.running += 1;
            let metadata = one.listing.beside(&task.object).cloned();
            drop(state);
            let (browser, store) = (self.clone(), store.clone());
            tokio::spawn(async move {
                let glance = look::look(&*store, &task.object, metadata.as_ref()).await;
                browser.looked(at, round, task, metadata.as_ref(), glance);
            });
        }
    }

    fn looked(&self, at: usize, round: u64, task: Task, beside: Option<&Object>, glance: Option<Glance>) {
        let name = &self.0.slots[at].target.name;
        let url = self.0.slots[at].target.canonical_url();
        let mut state = self.state();
        // Looked at before the metadata was listed: the end of the listing asks again.
        let outdated = state.targets.get(name).is_some_and(|one| {
            let now = one.listing.beside(&task.object);
            state.round == round && now.map(|now| &now.stamp) != beside.map(|then| &then.stamp)
        });
        if let Some(glance) = glance.filter(|_| !outdated) {
            if glance.holds == Holds::UntilChanged {
                let known = Known { shape: glance.look.shape.clone(), metadata: glance.look.metadata.clone() };
                let mut cache = self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
                cache.put(&CacheKey::of(&url, &task.object, beside), &known);
            }
            state.looks.insert(task.id.clone(), Seen::new(&task.object, beside, glance));
        }
        if state.round == round
            && let Some(one) = state.targets.get_mut(name)
        {
            one.running -= 1;
        }
        drop(state);
        self.start_looks(at);
        self.0.dirty.notify_one();
        self.tell_end();
    }

    /// Ends the pause between two snapshots where nothing more will come.
    fn tell_end(&self) {
        let state = self.state();
        let over = |slot: &Slot| {
            state.targets.get(&slot.target.name).is_some_and(|one| {
                let listed = matches!(one.phase, Some(TargetState::Listed { .. } | TargetState::Failed(_)));
                listed && one.running == 0 && one.queue.is_empty() && one.urgent.is_empty()
            })
        };
        if self.0.slots.iter().filter(|slot| state.is_asked(&slot.target.name)).all(over) {
            self.0.ended.notify_one();
        }
    }

    async fn publish_changes(self) {
        loop {
            tokio::select! {
                () = self.0.cancel.cancelled() => return,
                () = self.0.dirty.notified() => {}
            }
            let began = Instant::now();
            let browser = self.clone();
            let published = tokio::task::spawn_blocking(move || browser.publish().inspect(|_| browser.remember()));
            let Ok(round) = published.await else { return };
            self.0.news.tell(Changed::CATALOG);
            if let Some(round) = round {
                self.0.settled.send_replace(round);
                self.save();
            }
            let pause = PUBLISH_EVERY.max(began.elapsed() * 3);
            tokio::select! {
                () = tokio::time::sleep(if round.is_some() { PUBLISH_EVERY / 8 } else { pause }) => {}
                () = self.0.ended.notified() => {}
            }
        }
    }

    /// Notes which series lie where, so that they are missed once they do not.
    fn remember(&self) {
        if let Err(error) = self.seen().note(seen(&self.catalog())) {
            tracing::warn!("what lies in the targets could not be noted: {error}");
        }
    }

    /// Keeps what was learnt of objects.
    fn save(&self) {
        let mut cache = self.0.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = cache.save() {
            tracing::warn!("the catalog cache was not saved: {error}");
        }
    }

    /// Makes a snapshot; the number of the round if everything of it is in.
    fn publish(&self) -> Option<u64> {
        let now = Moment(jiff::Timestamp::now().as_millisecond());
        let state = self.state();
        let known = Beside {
            look: &|id, stamp| state.looks.get(id).filter(|seen| seen.stamp == *stamp).map(|seen| seen.look.clone()),
            proof: &|id, stamp| self.0.proofs.standing(id, stamp),
            keys: &state.keys,
            proof_max_age: i64::try_from(self.0.proof_max_age.as_millis()).unwrap_or(i64::MAX),
            now,
        };
        let mut backups = vec![];
        let mut views = vec![];
        let mut pruners = vec![];
        let (mut pending, mut ended) = (0, true);
        for slot in &self.0.slots {
            let one = state.targets.get(&slot.target.name);
            if let Some(one) = one {
                let names = slot.rules.names();
                backups.extend(catalog::assemble_named(&slot.target, &one.listing, &known, names));
                pruners.extend(Pruner::new(&slot.target, &slot.rules, one.pruned.as_deref()));
                pending += one.queue.len() + one.urgent.len() + one.running;
            }
            let asked = state.is_asked(&slot.target.name);
            let silent =
                || if asked { TargetState::Waiting } else { TargetState::NotYet("nobody asked for it".to_owned()) };
            let phase = one.and_then(|one| one.phase.clone()).unwrap_or_else(silent);
            ended &= !asked || matches!(phase, TargetState::Listed { .. } | TargetState::Failed(_));
            let url = slot.target.canonical_url();
            views.push(TargetView { name: slot.target.name.clone(), url, state: phase });
        }
        views.extend(self.0.not_yet.iter().cloned());
        let targets: Vec<&Target> = self.0.slots.iter().map(|slot| &slot.target).collect();
        retention::apply(&mut backups, &targets, &pruners, now);
        let round = state.round;
        drop(state);
        let catalog = Arc::new(catalog::publish(backups, views, now, pending));
        if let Ok(mut snapshot) = self.0.snapshot.lock() {
            *snapshot = catalog;
        }
        (ended && pending == 0 && round > 0).then_some(round)
    }
}

/// The keys of a store's first page, which is all that mysql-backup's prune asks for.
async fn first_page(store: &dyn Store, cancel: CancellationToken) -> Option<Vec<Foreign>> {
    match store.list(cancel).next().await {
        Some(Ok(page)) => Some(page.into_iter().map(|object| object.key).collect()),
        Some(Err(_)) => None,
        None => Some(vec![]),
    }
}
