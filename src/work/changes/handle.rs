//! An open change source: what both doors, and recovery, hold.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::{mpsc, watch};

use crate::model::change::Change;
use crate::model::changes::{
    ChangeFilter, ChangesRequest, ChangesView, Compiled, Edge, EntryPage, FactsSource, Life, Literal, PageRequest,
    Problem, RowsPage, RowsRequest, TableRef, Untolds, ViewState,
};
use crate::model::foreign::{Foreign, escape};
use crate::model::job::{Ending, JobId, JobSpec, Phase};
use crate::report::{Fault, Report, Reportable};
use crate::work::catalog::Catalog;
use crate::work::changes::columns;
use crate::work::changes::error::ChangesError;
use crate::work::changes::facts::Definitions;
use crate::work::changes::fetch::{Fetching, Log};
use crate::work::changes::given;
use crate::work::changes::lately::LogsEnd;
use crate::work::changes::life;
use crate::work::changes::listing::{self, Found, Listing};
use crate::work::changes::pages;
use crate::work::changes::source::Source;
use crate::work::changes::survey::{self, Surveyed};
use crate::work::changes::view;
use crate::work::changes::walk::Opened;
use crate::work::changes::walls;
use crate::work::jobs::JobCtx;
use crate::work::news::{Changed, News};
use crate::work::run::launch;
use crate::work::session::{Session, held};
use crate::work::verify::on_thread;

/// Changes on their way to whoever streams them.
const IN_FLIGHT: usize = 1 << 10;

/// An open change source. Cheap to clone; dropping the last one lets go of its files and its spool.
#[derive(Clone)]
pub struct ChangesHandle(Arc<Inner>);

/// What is behind a handle.
pub struct Inner {
    job: JobId,
    view: Mutex<Arc<ChangesView>>,
    done: watch::Sender<Option<Result<Arc<Opened>, Report>>>,
    news: News,
}

/// The change sources that somebody holds.
#[derive(Default)]
pub struct Handles(Mutex<Vec<Weak<Inner>>>);

impl Session {
    /// Opens a change source; it is listed, fetched and read by a job in the background, and its view grows.
    ///
    /// # Errors
    ///
    /// When SOURCE or the filter cannot be understood. Whatever happens later is the job's ending.
    pub fn open_changes(&self, request: ChangesRequest) -> Result<ChangesHandle, Report> {
        let source = Source::resolve(self, &request.source)?;
        let label = Foreign::from(request.source.as_str());
        let spec = JobSpec::Changes { source: label.to_string() };
        let view = ChangesView { source: Arc::new(label), ..ChangesView::default() };
        let (sender, receiver) = tokio::sync::oneshot::channel::<Arc<Inner>>();
        let session = self.clone();
        let job = launch(self, spec, escape(&request.source), move |ctx| async move {
            let Ok(inner) = receiver.await else { return Ending::Cancelled };
            let opened = Opening { ctx: &ctx, session: &session, inner: &inner }.open(source, request).await;
            // Whatever a read says that was stopped half-way, it was stopped.
            let stopped = opened.is_err() && ctx.cancel.is_cancelled();
            let opened = if stopped { Err(ChangesError::Cancelled.report()) } else { opened };
            let ending = ending(&inner, &opened);
            let (result, detail) = recorded(&ending);
            let _ = session.event("changes", &inner.view().source.to_string(), result, &detail);
            inner.done.send_replace(Some(opened));
            session.0.news.tell(Changed::CHANGES);
            ending
        });
        let inner = Arc::new(Inner {
            job,
            view: Mutex::new(Arc::new(view)),
            done: watch::Sender::new(None),
            news: self.0.news.clone(),
        });
        let mut handles = held(&self.0.handles.0);
        handles.retain(|known| known.strong_count() > 0);
        handles.push(Arc::downgrade(&inner));
        let _ = sender.send(inner.clone());
        Ok(ChangesHandle(inner))
    }

    /// The change source that a job reads; `None` once nobody holds it.
    pub fn changes(&self, job: JobId) -> Option<ChangesHandle> {
        let handles = held(&self.0.handles.0);
        handles.iter().filter_map(Weak::upgrade).find(|inner| inner.job == job).map(ChangesHandle)
    }
}

/// How the audit log has it: sums, and never a value of a row.
fn recorded(ending: &Ending) -> (&'static str, String) {
    match ending {
        Ending::Surveyed { transactions, rows, gaps, problems } => {
            ("ok", format!("{transactions} transactions, {rows} rows, {gaps} gaps, {problems} problems"))
        }
        Ending::Cancelled => ("cancelled", String::new()),
        Ending::Failed(Some(report)) => ("failed", report.code.clone()),
        _ => ("failed", String::new()),
    }
}

fn ending(inner: &Inner, opened: &Result<Arc<Opened>, Report>) -> Ending {
    let view = held(&inner.view).clone();
    match opened {
        Ok(_) => Ending::Surveyed {
            transactions: view.totals.transactions,
            rows: view.totals.rows.all(),
            gaps: view.coverage.gaps.len() as u64,
            problems: view.problems.len() as u64,
        },
        Err(report) => {
            let cancelled = report.fault == Fault::Interrupted;
            let state = if cancelled { ViewState::Cancelled } else { ViewState::Failed };
            *held(&inner.view) = Arc::new(ChangesView { state, ..(*view).clone() });
            if cancelled { Ending::Cancelled } else { Ending::Failed(Some(Box::new(report.clone()))) }
        }
    }
}

impl Inner {
    fn view(&self) -> Arc<ChangesView> {
        held(&self.view).clone()
    }

    fn show(&self, view: ChangesView) {
        *held(&self.view) = Arc::new(view);
        self.news.tell(Changed::CHANGES);
    }
}

/// A source that is being opened.
struct Opening<'o> {
    ctx: &'o JobCtx,
    session: &'o Session,
    inner: &'o Arc<Inner>,
}

/// Everything that the pass over the logs needs.
struct Pass {
    label: Arc<Foreign>,
    listing: Listing,
    logs: Vec<(u32, Log)>,
    definitions: Definitions,
    facts: Vec<FactsSource>,
    catalog: Arc<Catalog>,
}

impl Opening<'_> {
    async fn open(&self, mut source: Source, mut request: ChangesRequest) -> Result<Arc<Opened>, Report> {
        request.schemas.splice(0..0, std::mem::take(&mut source.schemas));
        self.ctx.begin(Phase::Probing, None);
        let (listing, store) = listing::list(&mut source, &self.ctx.cancel).await?;
        // Definitions are moved along by every change behind them, so those behind the range are read as well.
        let to = if request.schemas.is_empty() { request.filter.to.clone() } else { None };
        let reading = ChangeFilter { to, ..request.filter.clone() };
        let (listing, filter) = chosen(listing, &reading, &request.filter)?;
        let names: Vec<Foreign> = listing.logs.iter().map(|log| log.name.clone()).collect();
        let wanted: Vec<_> = (0..).zip(&listing.logs).collect();
        let all = wanted.iter().flat_map(|(_, log)| log.twins.iter().chain([&log.object]));
        let stored = all.map(|object| object.stamp.size).sum();
        self.ctx.begin(Phase::Fetching, Some(stored));
        let (folder, spools) = (source.folder(), self.session.spools()?);
        let fetching = Fetching { ctx: self.ctx, store: &store, folder: folder.as_deref(), spools: &spools };
        let (mut logs, mut twice) = (vec![], vec![]);
        for (index, found) in &wanted {
            self.ctx.at(found.name.to_string());
            let (log, problems) = fetching.bring_whole(found).await?;
            logs.push((*index, log));
            twice.extend(problems);
            if self.ctx.cancel.is_cancelled() {
                return Err(ChangesError::Cancelled.report());
            }
        }
        let listing = Listing { problems: [listing.problems, twice].concat(), ..listing };
        let (definitions, facts) = given::load(self.session, &request.schemas, &names).await?;
        let label = source.label.clone();
        let catalog = self.session.catalog();
        let pass = Pass { label: label.clone(), listing, logs: logs.clone(), definitions, facts, catalog };
        let bytes = logs.iter().map(|(_, log)| log.bytes.len()).sum();
        self.ctx.begin(Phase::Reading, Some(bytes));
        let (mut surveyed, mut pass) = self.read(pass).await?;
        self.ask_servers(&request, &mut pass, &surveyed).await?;
        let fates = Arc::new(surveyed.finish(&mut pass.definitions));
        let homes: Vec<TableRef> = surveyed.stats.tables.iter().map(|sums| sums.table.clone()).collect();
        let around = Arc::new(pass.definitions.around(std::mem::take(&mut surveyed.around), &homes));
        let shown = view::of((&label, &pass.listing), &surveyed, (&pass.facts, &pass.catalog), ViewState::Complete);
        self.inner.show(shown);
        let columns = columns::of(&surveyed.stats, &surveyed.timeline);
        Ok(Arc::new(Opened {
            label,
            names,
            logs,
            timeline: Arc::new(std::mem::take(&mut surveyed.timeline)),
            fates,
            clocks: Arc::new(std::mem::take(&mut surveyed.clocks).finish()),
            around,
            checkpoints: std::mem::take(&mut surveyed.stats.checkpoints),
            entries: surveyed.stats.entries,
            filter,
            columns,
        }))
    }

    /// Reads all logs once, on a thread of its own.
    async fn read(&self, pass: Pass) -> Result<(Surveyed, Pass), Report> {
        let (ctx, inner) = (self.ctx.clone(), self.inner.clone());
        let read = on_thread("changes", move || {
            let mut pass = pass;
            let mut surveyed = Surveyed::default();
            surveyed.coverage.gaps.clone_from(&pass.listing.gaps);
            surveyed.around = pass.definitions.around_before();
            for (index, log) in &pass.logs {
                ctx.at(log.name.to_string());
                let (of, beside) = ((&pass.label, &pass.listing), (&pass.facts[..], &*pass.catalog));
                let tell = |so_far: &Surveyed| inner.show(view::of(of, so_far, beside, ViewState::Reading));
                surveyed.file((*index, log), &ctx, &mut pass.definitions, tell);
                if ctx.cancel.is_cancelled() {
                    return Err(ChangesError::Cancelled.report());
                }
            }
            match surveyed.first_error.take() {
                Some(error) if surveyed.coverage.from.is_none() => Err(error),
                _ => Ok((surveyed, pass)),
            }
        });
        let died = || Report::new(Fault::Failed, "changes::died", "a thread died", "this is a bug in breakglass");
        read.map_err(|_| died())?.await.map_err(|_| died())?
    }

    /// Servers are asked only for the tables that the log has.
    async fn ask_servers(&self, request: &ChangesRequest, pass: &mut Pass, surveyed: &Surveyed) -> Result<(), Report> {
        let tables: Vec<TableRef> = surveyed.stats.tables.iter().map(|sums| sums.table.clone()).collect();
        let end = LogsEnd::of(surveyed);
        for schema in request.schemas.iter().filter(|text| given::is_server(text)) {
            let (set, around, told) = given::from_server(self.session, schema, &tables, &end).await?;
            pass.definitions.add(set);
            pass.definitions.add_whole(around);
            pass.facts.push(told);
        }
        pass.definitions.settle_homeless(|set| given::homeless(set, &tables));
        Ok(())
    }
}

/// The files between the positions, the holes between them, and the filter over them.
fn chosen(listing: Listing, reading: &ChangeFilter, filter: &ChangeFilter) -> Result<(Listing, Compiled), Report> {
    let names = |logs: &[Found]| logs.iter().map(|log| log.name.clone()).collect::<Vec<Foreign>>();
    let all = reading.compile(&names(&listing.logs)).map_err(|error| error.report())?;
    let is_read = |index: &u32| all.takes_file(*index);
    let logs: Vec<Found> = (0..).zip(listing.logs).filter(|(index, _)| is_read(index)).map(|(_, log)| log).collect();
    let names = names(&logs);
    let filter = filter.compile(&names).map_err(|error| error.report())?;
    let has = |edge: &Option<Edge>| edge.as_ref().is_none_or(|edge| names.contains(&edge.file));
    let gaps = listing.gaps.into_iter().filter(|gap| has(&gap.after) && has(&gap.before)).collect();
    Ok((Listing { logs, gaps, problems: listing.problems }, filter))
}

impl Session {
    /// Where sealed spools are made; they have no names there.
    fn spools(&self) -> Result<PathBuf, Report> {
        let folder = self.paths().state.clone();
        crate::disk::output::ensure_dir(&folder).map_err(|error| {
            let text = format!("{} cannot be made: {error}", folder.display());
            Report::new(Fault::Failed, "changes::spool", text, "choose another folder with --state-dir")
        })?;
        Ok(folder)
    }
}

impl ChangesHandle {
    /// The job that reads it.
    pub fn job(&self) -> JobId {
        self.0.job
    }

    /// What is known by now; never blocks. `Changed::CHANGES` tells when there is more.
    pub fn view(&self) -> Arc<ChangesView> {
        self.0.view()
    }

    /// Waits until everything has been read.
    ///
    /// # Errors
    ///
    /// Why it could not be read at all, or that it was stopped.
    pub async fn complete(&self) -> Result<Arc<ChangesView>, Report> {
        self.opened().await.map(|_| self.view())
    }

    /// The source itself: files, facts, fates.
    ///
    /// # Errors
    ///
    /// As [`Self::complete`].
    pub async fn opened(&self) -> Result<Arc<Opened>, Report> {
        let mut done = self.0.done.subscribe();
        let opened = done.wait_for(Option::is_some).await;
        opened.ok().and_then(|opened| opened.clone()).unwrap_or_else(|| Err(ChangesError::Cancelled.report()))
    }

    /// Looks for the backups that still have what walls destroyed, in a catalog that is known by now.
    pub fn look_for_backups(&self, catalog: &Catalog) {
        let mut view = (*self.view()).clone();
        view.walls.iter_mut().for_each(|wall| wall.backup = walls::backup_for(wall, catalog));
        self.0.show(view);
    }

    /// Some entries: transactions and walls.
    ///
    /// # Errors
    ///
    /// When the filter cannot be used, or the source could not be read.
    pub async fn page(&self, request: PageRequest) -> Result<EntryPage, Report> {
        let (opened, view) = (self.opened().await?, self.view());
        aside(move || pages::entries(&opened, &view, &request)).await
    }

    /// Some rows.
    ///
    /// # Errors
    ///
    /// As [`Self::page`].
    pub async fn rows(&self, request: RowsRequest) -> Result<RowsPage, Report> {
        let opened = self.opened().await?;
        aside(move || pages::rows(&opened, &request)).await
    }

    /// The life of one row: all changes of the row that has `key` at some time, before and behind changes of it.
    ///
    /// # Errors
    ///
    /// As [`Self::page`]; and when the table has no key, or another number of key columns.
    pub async fn life(&self, table: TableRef, key: Vec<Literal>) -> Result<Life, Report> {
        let opened = self.opened().await?;
        aside(move || life::of(&opened, &table, &key)).await
    }

    /// All rows that pass, in order, through a channel of bounded size; dropping the receiver stops the reading.
    /// A file that cannot be read on ends the rows, unless `past_damage` says to go on with the next file.
    ///
    /// # Errors
    ///
    /// As [`Self::page`].
    pub async fn stream(&self, filter: &ChangeFilter, past_damage: bool) -> Result<mpsc::Receiver<Streamed>, Report> {
        let opened = self.opened().await?;
        let filter = opened.compile(filter)?;
        let (sender, receiver) = mpsc::channel(IN_FLIGHT);
        let started = on_thread("rows", move || {
            let send = |streamed| match sender.blocking_send(streamed) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            };
            let take = |change| send(Streamed::Change(Box::new(change)));
            let untold = pages::stream(&opened, &filter, take, |file, at, error| {
                let problem = survey::of_log(&opened.log_file(file).name, at, &error);
                match send(Streamed::Broken(problem)) {
                    ControlFlow::Continue(()) if past_damage => ControlFlow::Continue(()),
                    _ => ControlFlow::Break(()),
                }
            });
            if !untold.is_empty() {
                let _ = send(Streamed::PassedOver(untold));
            }
        });
        started.map_err(|error| Report::new(Fault::Failed, "changes::thread", error, ""))?;
        Ok(receiver)
    }
}

/// One thing of a stream of changes.
#[derive(Debug, Clone)]
pub enum Streamed {
    /// A change.
    Change(Box<Change>),
    /// A file cannot be read on.
    Broken(Problem),
    /// At the end: rows that are not among the changes though the filter may mean them.
    PassedOver(Untolds),
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Report> + Send + 'static) -> Result<T, Report> {
    let died = |_| Report::new(Fault::Failed, "changes::died", "reading died", "this is a bug in breakglass");
    tokio::task::spawn_blocking(work).await.map_err(died)?
}
