//! An open recovery: what both doors hold while a script is chosen and looked at.

mod find;
mod pages;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::change::undo::{Reference, UndoError, Undoing};
use crate::model::changes::ChangeFilter;
use crate::model::script::{
    CheckView, Decision, RecoveryPhase, RecoveryView, RefusedSum, RowNow, ScriptHazard, ScriptOptions, Surroundings,
    Which,
};
use crate::report::{Report, Reportable};
use crate::work::catalog::Catalog;
use crate::work::changes::ChangesHandle;
use crate::work::news::Changed;
use crate::work::recover::error::RecoverError;
use crate::work::recover::export::{self, ExportOptions, Recovered};
use crate::work::recover::made::{Made, Material, Reading, Wish};
use crate::work::recover::state::{State, refused_sum};
use crate::work::recover::{around, chain, material, unmatched, words};
use crate::work::session::{Session, held};

pub use crate::work::recover::handle::find::Found;

/// An open recovery. Cheap to clone; dropping the last one stops its work and lets go of its index.
#[derive(Clone)]
pub struct RecoveryHandle(Arc<Inner>);

struct Inner {
    session: Session,
    /// To look for later changes of a row.
    source: Option<ChangesHandle>,
    filter: ChangeFilter,
    cancel: CancellationToken,
    reading: Arc<Reading>,
    state: Arc<Mutex<State>>,
    /// Rung when a phase ends or a digest is worked out.
    settled: Arc<Notify>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Session {
    /// Opens a recovery over a change source, as soon as that has been read; the logs are then read once more in the
    /// background, and the view grows.
    ///
    /// # Errors
    ///
    /// When the source could not be read, or the filter does not fit it. Whatever happens later is in the view.
    pub async fn open_recovery(
        &self,
        from: &ChangesHandle,
        filter: ChangeFilter,
        options: ScriptOptions,
    ) -> Result<RecoveryHandle, Report> {
        let material = material::of(from, &filter).await?;
        RecoveryHandle::open(self, material, (filter, Some(from.clone())), options)
    }
}

impl RecoveryHandle {
    /// Opens a recovery over what a script is made of.
    ///
    /// # Errors
    ///
    /// When no thread can be started.
    pub fn open(
        session: &Session,
        material: Material,
        (filter, source): (ChangeFilter, Option<ChangesHandle>),
        options: ScriptOptions,
    ) -> Result<Self, Report> {
        let cancel = session.0.cancel.child_token();
        let news = session.0.news.clone();
        let tell = Box::new(move || news.tell(Changed::RECOVERY));
        let reading = Arc::new(Reading { cancel: cancel.clone(), tell: Some(tell), ..Reading::default() });
        let title = words::title(&material.view, &filter);
        let state = Arc::new(Mutex::new(State::new(title, material.view.clone())));
        let settled = Arc::default();
        let inner = Inner { session: session.clone(), source, filter, cancel, reading, state, settled };
        let handle = Self(Arc::new(inner));
        handle.read(material, options)?;
        Ok(handle)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        held(&self.0.state)
    }

    fn tell(&self) {
        self.0.settled.notify_waiters();
        self.0.session.0.news.tell(Changed::RECOVERY);
    }

    /// Reads the logs on a thread of its own, which does not keep the recovery open.
    fn read(&self, material: Material, options: ScriptOptions) -> Result<(), Report> {
        let weak = Arc::downgrade(&self.0);
        let reading = self.0.reading.clone();
        let work = move || {
            let made = Made::make(material, options, &*reading);
            let Some(inner) = weak.upgrade() else { return };
            let handle = Self(inner);
            match made {
                Ok(made) => handle.made(made),
                Err(_) => handle.state().fail(RecoverError::Interrupted.report()),
            }
            handle.tell();
        };
        on_thread("recover", work)
    }

    fn made(&self, made: Made) {
        let made = Arc::new(made);
        let choices = match made.choices() {
            Ok(choices) => choices,
            Err(error) => return self.state().fail(error.report()),
        };
        {
            let mut state = self.state();
            state.made = Some(made.clone());
            state.choices = choices;
        }
        let everything = Wish { watch: Some(&*self.0.reading), ..self.stand_around(&made) };
        // Whatever is left out later: numbers of statements count everything.
        let mut same = None;
        match made.tried(&everything) {
            Ok(written) => {
                same = Some(written.clone()).filter(|_| made.is_everything());
                self.state().all = Some(written);
            }
            Err(UndoError::Refused(_)) => {} // what is left out may be what cannot be undone
            Err(error) => return self.state().fail(error.report()),
        }
        let total = match made.changes() {
            Ok(total) => total,
            Err(error) => return self.state().fail(error.report()),
        };
        let mut told = chain::hazards(&made, &self.0.filter, &self.0.reading);
        told.extend(words::beside(&made.index.beside));
        told.extend(words::twice(&made.view));
        told.extend(unmatched::told(&made, &self.0.filter));
        {
            let mut state = self.state();
            (state.total, state.told) = (total, told);
        }
        match same {
            Some(written) if self.state().decided == 0 => self.state().tried(written),
            _ => self.choose(&made),
        }
    }

    /// Works out what a script with the current choices would be.
    fn choose(&self, made: &Made) {
        let (decided, choices) = {
            let state = self.state();
            (state.decided, state.choices.clone())
        };
        let wish = Wish { choices, watch: Some(&*self.0.reading), ..self.wish(made) };
        let tried = made.tried(&wish);
        let mut state = self.state();
        if state.decided != decided {
            return; // something else was chosen meanwhile
        }
        match tried {
            Ok(written) => state.tried(written),
            Err(UndoError::Refused(refusals)) => state.refuse(refusals),
            Err(error) => state.fail(error.report()),
        }
    }

    /// What the header says; the same for a try and for the file, so that both have one digest.
    pub(super) fn wish<'r>(&self, made: &Made) -> Wish<'r> {
        let state = self.state();
        Wish { choices: state.choices.clone(), ..self.header(made, &state) }
    }

    /// The same, without what decides the statements.
    fn header<'r>(&self, made: &Made, state: &State) -> Wish<'r> {
        let header = words::header(made, &self.0.filter, state);
        let (references, known) = (state.references.clone(), state.known.clone());
        Wish { header, references, known, ..Wish::default() }
    }

    /// What definitions tell of what stands around the tables, until a server is asked: the keys by which rows that
    /// refer to nothing are counted, and what a script expects where it runs.
    fn stand_around(&self, made: &Made) -> Wish<'static> {
        let defined = around::told(made, &self.0.session.catalog());
        let references: Arc<[Reference]> = around::defined_references(made).into();
        let known = Arc::new(around::surroundings(made));
        let mut state = self.state();
        (state.defined, state.references, state.known) = (defined, references.clone(), known.clone());
        Wish { references, known, ..Wish::default() }
    }

    /// Looks in a catalog that is known by now for the backups that still have what walls destroyed and cascades took.
    pub fn look_for_backups(&self, catalog: &Catalog) {
        if let Some(source) = &self.0.source {
            source.look_for_backups(catalog);
            self.state().source = source.view();
        }
        if let Ok(made) = self.ready() {
            let mut state = self.state();
            match state.asked.clone() {
                None => state.defined = around::told(&made, catalog),
                Some((_, seen)) => {
                    state.around.retain(|hazard| !around::CASCADES.contains(&hazard.code));
                    state.around.extend(around::cascades(&made, &seen, catalog));
                }
            }
        }
        self.tell();
    }

    /// What is known by now; never blocks for long. `Changed::RECOVERY` tells when there is more.
    pub fn view(&self) -> Arc<RecoveryView> {
        let state = self.state();
        let mut view = state.view();
        if let (Some(made), Some(chosen)) = (&state.made, &state.chosen) {
            view.digest = made.digest(&self.header(made, &state), chosen);
        }
        drop(state);
        if let RecoveryPhase::Reading { done, total } = &mut view.phase {
            *done = self.0.reading.done.load(Ordering::Relaxed);
            *total = self.state().source.totals.bytes;
        }
        Arc::new(view)
    }

    /// Everything that cannot be undone, by table and kind of reason: also what the view has no room for.
    pub fn reasons(&self) -> Vec<RefusedSum> {
        self.state().refusals.sums.iter().map(refused_sum).collect()
    }

    /// Waits until the logs have been read, and what is chosen has been worked out.
    ///
    /// # Errors
    ///
    /// Why they could not be read, or that it was stopped. A refusal is none: the view has it.
    pub async fn complete(&self) -> Result<Arc<RecoveryView>, Report> {
        loop {
            let settled = self.0.settled.notified();
            let is_pending = self.state().pending;
            let view = self.view();
            match &view.phase {
                RecoveryPhase::Failed(report) => return Err((**report).clone()),
                RecoveryPhase::Ready | RecoveryPhase::Refused if !is_pending => return Ok(view),
                _ => {}
            }
            tokio::select! {
                () = settled => {}
                () = self.0.cancel.cancelled() => return Err(RecoverError::Interrupted.report()),
            }
        }
    }

    /// The index, as soon as the logs have been read.
    pub(in crate::work) fn ready(&self) -> Result<Arc<Made>, Report> {
        let not_yet = || RecoverError::Nothing { why: "the logs are still being read".to_owned() }.report();
        self.state().made.clone().ok_or_else(not_yet)
    }

    /// Chooses for one statement, a transaction or a table. The view's digest is worked out anew.
    ///
    /// # Errors
    ///
    /// When there is no such thing in the script.
    pub fn decide(&self, which: &Which, decision: Decision) -> Result<(), Report> {
        self.decide_all(vec![(which.clone(), decision)])
    }

    /// The same for many at once, in their order: all of them are taken, or none. What the script is then is worked out
    /// a single time.
    ///
    /// # Errors
    ///
    /// As [`Self::decide`], for the first of them that is not in the script.
    pub fn decide_all(&self, decisions: Vec<(Which, Decision)>) -> Result<(), Report> {
        let changes = decisions.iter().any(|(_, decision)| !matches!(decision, Decision::Note(_)));
        self.state().decide_all(decisions).map_err(|error| error.report())?;
        self.tell();
        if changes { self.rework() } else { Ok(()) }
    }

    /// Works out on a thread what the script is now.
    fn rework(&self) -> Result<(), Report> {
        let Ok(made) = self.ready() else { return Ok(()) };
        let weak = Arc::downgrade(&self.0);
        on_thread("choose", move || {
            if let Some(inner) = weak.upgrade() {
                let handle = Self(inner);
                handle.choose(&made);
                handle.tell();
            }
        })
    }

    /// A text that a second person can sign: what the script undoes, what it leaves, its hazards, its digest.
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or nothing is left to undo.
    pub async fn summary(&self) -> Result<String, Report> {
        let view = self.complete().await?;
        let notes: Vec<(u64, String)> =
            self.state().notes().map(|(number, _, note)| (*number, note.to_owned())).collect();
        Ok(words::summary(&view, &self.0.filter, &notes))
    }

    /// Writes the script as it is chosen now, beside its final name, proves it, and gives it its name.
    ///
    /// # Errors
    ///
    /// [`RecoverError`]: refusals, gaps; a path that is taken. Nothing that looks whole is left behind.
    pub async fn export(&self, path: &Path, options: ExportOptions) -> Result<Recovered, Report> {
        let (made, view, wish) = self.chosen().await?;
        let job = export::Job { made, wish, view, path: path.to_owned(), options };
        let recovered = export::run(&self.0.session, job).await?;
        self.state().written = Some(recovered.script.clone());
        self.tell();
        Ok(recovered)
    }

    /// What is chosen, and what that comes to: both of the same moment, whoever goes on choosing.
    async fn chosen(&self) -> Result<(Arc<Made>, Arc<RecoveryView>, Wish<'static>), Report> {
        loop {
            let decided = self.state().decided;
            let view = self.complete().await?;
            let made = self.ready()?;
            let wish = self.wish(&made);
            if self.state().decided == decided {
                return Ok((made, view, wish));
            }
        }
    }

    /// The session that it was opened in.
    pub(in crate::work) fn session(&self) -> &Session {
        &self.0.session
    }

    /// Ends when nobody holds the recovery any more.
    pub(in crate::work) fn cancel(&self) -> &CancellationToken {
        &self.0.cancel
    }

    /// What is known of the rows now, from whoever looked.
    pub(in crate::work) fn look_again(&self, check: CheckView) {
        self.state().look_again(check);
        self.tell();
    }

    /// As [`look_again`](Self::look_again), of some statements, and how far the look is.
    pub(in crate::work) fn looked_at(&self, rows: Vec<(u64, RowNow)>, check: CheckView) {
        let mut state = self.state();
        for (number, now) in rows {
            state.looked_at(number, now);
        }
        state.check = check;
        drop(state);
        self.tell();
    }

    /// What stands around the tables; the script's header says it too, and counts what refers to them.
    pub(in crate::work) fn surrounded(
        &self,
        mut hazards: Vec<ScriptHazard>,
        seen: &Surroundings,
    ) -> Result<(), Report> {
        let references: Arc<[Reference]> = around::references(&seen.keys).into();
        let known = Surroundings { tables: vec![], triggers: seen.triggers.clone(), keys: seen.keys.clone() };
        let known = Arc::new(known);
        let made = self.ready()?;
        hazards.extend(around::cascades(&made, seen, &self.0.session.catalog()));
        {
            let mut state = self.state();
            state.around = hazards;
            state.defined.clear();
            state.asked = Some((state.check.server.clone(), seen.clone()));
            if state.references != references || state.known != known {
                (state.references, state.known) = (references, known);
                state.rework();
            }
        }
        self.tell();
        let is_pending = self.state().pending;
        if is_pending { self.rework() } else { Ok(()) }
    }

    /// Changes of one window, and the number of the first of them: for whoever looks at their rows.
    pub(in crate::work) fn window(&self, made: &Made, at: usize) -> Result<Vec<Undoing>, Report> {
        made.window(&self.wish(made), at).map_err(|error| error.report())
    }
}

fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Report> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(|error| {
        let advice = "end other programs, and try again";
        Report::new(crate::report::Fault::Failed, "recover::thread", "no thread can be started", advice).because(error)
    })
}

/// Runs work that reads logs away from the threads that serve the doors.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Report> + Send + 'static,
) -> Result<T, Report> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}
