//! The open change source and the open recovery behind the console's loop.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::model::change::BinlogPos;
use crate::model::changes::{ChangeFilter, ChangesRequest, GtidSet, PageRequest, PositionBound, RowsRequest};
use crate::model::foreign::escape;
use crate::model::job::JobId;
use crate::model::script::{Commits, Extent, Gaps, Lasting, ScriptOptions, ScriptStatement};
use crate::report::{Fault, Report};
use crate::tui::msg::{Effect, Msg, Opened, RecoveryNo, UndoAsk, WriteAsk, Written};
use crate::tui::screens::recovery;
use crate::tui::tokens::quoted;
use crate::tui::widgets::pages::PAGE;
use crate::tui::world::SourceLine;
use crate::work::Estate;
use crate::work::changes::ChangesHandle;
use crate::work::news::Changed;
use crate::work::recover::{ExportOptions, RecoveryHandle};
use crate::work::review::{ReviewRequest, review};
use crate::work::session::Session;

/// The open change source and the open recovery. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    session: Session,
    sender: mpsc::Sender<Msg>,
    open: Arc<Mutex<Open>>,
}

/// Only one of each is open; another one takes its place.
#[derive(Default)]
struct Open {
    changes: Option<ChangesHandle>,
    recovery: Option<(RecoveryNo, RecoveryHandle)>,
    /// Recoveries so far.
    count: u64,
}

/// Change sources that the estate names.
pub fn sources(estate: &Estate) -> Vec<SourceLine> {
    estate
        .changes
        .iter()
        .map(|source| {
            let path = source.path.as_deref().unwrap_or_default();
            let words = match (&source.target, &source.url) {
                (Some(target), _) => format!("{target}:{path}"),
                (None, Some(url)) => url.clone(),
                (None, None) => String::new(),
            };
            SourceLine { name: source.name.clone(), words: escape(&words) }
        })
        .collect()
}

impl Desk {
    /// Nothing is open.
    pub fn new(session: Session, sender: mpsc::Sender<Msg>) -> Self {
        Self { session, sender, open: Arc::default() }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self, job: JobId) -> Option<ChangesHandle> {
        self.open().changes.clone().filter(|handle| handle.job() == job)
    }

    fn recovery(&self, id: RecoveryNo) -> Option<RecoveryHandle> {
        self.open().recovery.clone().filter(|(open, _)| *open == id).map(|(_, handle)| handle)
    }

    /// Answers with what a future gives; a failure is told as one.
    fn answer(&self, work: impl Future<Output = Result<Msg, Report>> + Send + 'static) {
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let msg = work.await.unwrap_or_else(|report| Msg::Failed(Box::new(report)));
            let _ = sender.send(msg).await;
        });
    }

    fn failed(&self, report: Report) {
        self.answer(std::future::ready(Err(report)));
    }

    /// Starts what an effect asks for and returns at once; other effects are left alone.
    pub fn perform(&self, effect: Effect) {
        match effect {
            Effect::OpenChanges(request) => self.open_changes(*request),
            Effect::Entries(job, request) => self.entries(job, *request),
            Effect::Rows(job, request) => self.rows(job, *request),
            Effect::Follow(job, table, key) => {
                let Some(handle) = self.changes(job) else { return };
                self.answer(async move {
                    let life = handle.life(table.clone(), key.clone()).await;
                    Ok(Msg::Life(job, table, key, life.map(Box::new).map_err(Box::new)))
                });
            }
            Effect::Undo(job, ask) => self.undo(job, &ask),
            effect => self.perform_on_recovery(effect),
        }
    }

    fn perform_on_recovery(&self, effect: Effect) {
        match effect {
            Effect::Statements(job, page) => {
                let Some(handle) = self.recovery(job) else { return };
                self.answer(async move {
                    let content = handle.page((page * PAGE) as u64, PAGE).await;
                    Ok(Msg::Statements(job, page, content.map_err(Box::new)))
                });
            }
            Effect::Decide(job, decisions) => {
                let Some(handle) = self.recovery(job) else { return };
                if let Err(report) = handle.decide_all(decisions) {
                    return self.failed(report);
                }
                // The words that a person sees next are of after the choice.
                self.answer(async move { Ok(Msg::Recovery(job, handle.view())) });
            }
            Effect::FindStatement(id, text, from, forward) => {
                let Some(handle) = self.recovery(id) else { return };
                self.answer(async move { Ok(Msg::Found(id, find(&handle, &text, from, forward).await?)) });
            }
            Effect::Compare(job, server) => {
                let Some(handle) = self.recovery(job) else { return };
                match handle.check_now(&server) {
                    Ok(()) => self.answer(async move { Ok(Msg::Recovery(job, handle.view())) }),
                    Err(report) => self.failed(report),
                }
            }
            Effect::Summarize(job) => {
                let Some(handle) = self.recovery(job) else { return };
                self.answer(async move { Ok(Msg::Summary(job, handle.summary().await?)) });
            }
            Effect::WriteScript(job, ask) => self.write(job, *ask),
            Effect::CloseRecovery(id) => {
                let mut open = self.open();
                if open.recovery.as_ref().is_some_and(|(one, _)| *one == id) {
                    open.recovery = None;
                }
            }
            Effect::Review(path) => self.review(&path),
            _ => {}
        }
    }

    fn review(&self, path: &str) {
        let session = self.session.clone();
        let request = ReviewRequest { file: expanded(path), server: None };
        self.answer(async move {
            let reviewed = review(&session, request).await?;
            Ok(Msg::Reviewed(Box::new(reviewed.review)))
        });
    }

    fn open_changes(&self, request: ChangesRequest) {
        match self.session.open_changes(request.clone()) {
            Ok(handle) => {
                let job = handle.job();
                if let Some(before) = self.open().changes.replace(handle.clone()) {
                    self.session.cancel(before.job());
                }
                let (sender, view) = (self.sender.clone(), handle.view());
                tokio::spawn(async move {
                    let _ = sender.send(Msg::LogOpened(job, Box::new(request))).await;
                    let _ = sender.send(Msg::Log(job, view)).await;
                });
            }
            Err(report) => self.failed(report),
        }
    }

    fn entries(&self, job: JobId, request: PageRequest) {
        let Some(handle) = self.changes(job) else { return };
        self.answer(async move {
            let page = handle.page(request.clone()).await.map_err(Box::new);
            Ok(Msg::Entries(job, Box::new(request), page))
        });
    }

    fn rows(&self, job: JobId, request: RowsRequest) {
        let Some(handle) = self.changes(job) else { return };
        self.answer(async move {
            let page = handle.rows(request.clone()).await.map_err(Box::new);
            Ok(Msg::Rows(job, Box::new(request), page))
        });
    }

    fn undo(&self, job: JobId, ask: &UndoAsk) {
        let Some(handle) = self.changes(job) else { return };
        let (filter, flags) = match chosen(ask) {
            Ok(chosen) => chosen,
            Err(report) => return self.failed(report),
        };
        let twin = format!("breakglass recover {}{flags}{}", ask.source, words(&ask.options));
        let (desk, options, title) = (self.clone(), ask.options.clone(), ask.title.clone());
        self.answer(async move {
            let recovery = desk.session.open_recovery(&handle, filter, options.clone()).await?;
            let view = recovery.view();
            let id = desk.hold(recovery);
            Ok(Msg::RecoveryOpened(Box::new(Opened { id, title, twin, options }), view))
        });
    }

    /// Takes a recovery as the open one; the one before is let go of, and stops.
    fn hold(&self, recovery: RecoveryHandle) -> RecoveryNo {
        let mut open = self.open();
        open.count += 1;
        let id = RecoveryNo(open.count);
        open.recovery = Some((id, recovery));
        id
    }

    fn write(&self, job: RecoveryNo, ask: WriteAsk) {
        let Some(handle) = self.recovery(job) else { return };
        self.answer(async move {
            let options = ExportOptions {
                recipients: ask.recipients.iter().map(|path| expanded(path)).collect(),
                redo: ask.redo.as_deref().map(expanded),
                lasting: ask.lasting.as_deref().map(expanded),
            };
            let done = handle.export(&expanded(&ask.path), options).await?;
            let words = |path: &PathBuf| path.display().to_string();
            Ok(Msg::Written(
                job,
                Box::new(Written {
                    script: words(&done.script),
                    beside: done.beside.iter().map(words).collect(),
                    statements: done.statements,
                    transactions: done.transactions,
                    excluded: done.excluded,
                    digest: done.digest,
                }),
            ))
        });
    }

    /// Tells what has grown.
    pub async fn tell(&self, changed: Changed) -> Result<(), mpsc::error::SendError<Msg>> {
        let (changes, recovery) = {
            let open = self.open();
            (open.changes.clone(), open.recovery.clone())
        };
        if let (Some(handle), true) = (changes, changed.has(Changed::CHANGES)) {
            self.sender.send(Msg::Log(handle.job(), handle.view())).await?;
        }
        if let (Some((id, handle)), true) = (recovery, changed.has(Changed::RECOVERY)) {
            self.sender.send(Msg::Recovery(id, handle.view())).await?;
        }
        Ok(())
    }
}

/// The next statement behind or before another that holds a text or, without one, is worth a look; looked for among
/// so many statements.
async fn find(handle: &RecoveryHandle, text: &str, from: u64, forward: bool) -> Result<Option<u64>, Report> {
    const LOOKED: u64 = 200_000;
    let fits = |statement: &ScriptStatement| match text {
        "" => recovery::is_worth_a_look(statement),
        text => recovery::holds(statement, text),
    };
    let (total, page) = (handle.view().changes, RecoveryHandle::PAGE as u64);
    let mut at = from;
    while from.abs_diff(at) < LOOKED {
        let (first, count) = match forward {
            true => (at + 1, page),
            false => (at.saturating_sub(page), at.min(page)),
        };
        if count == 0 || first >= total {
            return Ok(None);
        }
        let statements = handle.page(first, count as usize).await?.statements;
        let found = match forward {
            true => statements.iter().find(|statement| fits(statement)),
            false => statements.iter().rfind(|statement| fits(statement)),
        };
        if let Some(statement) = found {
            return Ok(Some(statement.number));
        }
        at = if forward { first + count - 1 } else { first };
    }
    Ok(None)
}

/// What was chosen otherwise than by default, as flags.
fn words(options: &ScriptOptions) -> String {
    let mut flags = String::new();
    if options.extent == Extent::Partial {
        flags.push_str(" --partial");
    }
    if options.commits == Commits::PerTransaction {
        flags.push_str(" --per-transaction");
    }
    if options.lasting == Lasting::Apart {
        flags.push_str(" --non-transactional undo-lasting.sql");
    }
    if options.gaps == Gaps::Allow {
        flags.push_str(" --allow-gaps");
    }
    flags
}

/// `~/` is the home folder.
fn expanded(path: &str) -> PathBuf {
    let home = path.strip_prefix("~/").zip(std::env::home_dir());
    home.map_or_else(|| path.into(), |(rest, home)| home.join(rest))
}

/// The filter that means just the chosen transactions, and the same as flags.
///
/// # Errors
///
/// When they have no GTIDs and do not stand next to each other: nothing tells them from those in between.
fn chosen(ask: &UndoAsk) -> Result<(ChangeFilter, String), Report> {
    if ask.entries.is_empty() {
        return Ok((ask.filter.clone(), ask.flags.clone()));
    }
    let gtids: Option<Vec<String>> =
        ask.entries.iter().map(|line| line.facts.gtid.as_ref().map(ToString::to_string)).collect();
    match gtids.map(|gtids| gtids.join(",")) {
        Some(gtids) => {
            let filter = ChangeFilter { gtids: GtidSet::parse(&gtids), ..ask.filter.clone() };
            Ok((filter, format!("{} --gtid {}", ask.flags, quoted(&gtids))))
        }
        None if ask.entries.windows(2).any(|pair| pair[1].number != pair[0].number + 1) => {
            let text = "the marked transactions have no GTIDs, and others stand between them";
            let advice = "undo them one by one, or filter for what they have in common, and undo what the filter keeps";
            Err(Report::new(Fault::Usage, "recover::marked", text, advice))
        }
        None => {
            let first = ask.entries.iter().min_by_key(|line| line.place);
            let last = ask.entries.iter().max_by_key(|line| line.place);
            let bound = |line: &crate::model::changes::TransactionLine, beyond: u64| PositionBound {
                file: Some((*line.file).clone()),
                position: BinlogPos(line.place.position.0.saturating_add(beyond)),
            };
            let from = first.map(|line| bound(line, 0));
            let to = last.map(|line| bound(line, line.bytes.max(1)));
            let words = |flag: &str, bound: &Option<PositionBound>| {
                bound.as_ref().map_or_else(String::new, |bound| {
                    let file = bound.file.as_ref().and_then(|file| file.raw_str()).unwrap_or_default();
                    format!(" --{flag} {}", quoted(&format!("{file}:{}", bound.position)))
                })
            };
            let flags = format!("{}{}{}", ask.flags, words("from-position", &from), words("to-position", &to));
            Ok((ChangeFilter { from, to, ..ask.filter.clone() }, flags))
        }
    }
}
