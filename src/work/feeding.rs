//! The reading side of a load: splits, judges, rewrites, hands over.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::format::databacker;
use crate::format::rewrite::{Choices, Fate, Scope, Tables};
use crate::format::statements;
use crate::format::statements::Kind;
use crate::format::tar::{Stopped, TarSink, TarWalk};
use crate::model::dump::Remedy;
use crate::model::foreign::Foreign;
use crate::model::plan::RestorePlan;
use crate::sql::lexer::{Collect, CollectSink, InsertFacts, LexError, Limits, PieceKind, Splitter, StatementEnd, Tail};
use crate::work::hazards::{Decision, Decisions};
use crate::work::load::Destination;
use crate::work::opening::Plaintext;
use crate::work::restore;
use crate::work::rewrite;

/// Bytes of statements that may wait for the server.
const IN_FLIGHT: u32 = 8 << 20;

/// What the server's side is told.
pub enum Item {
    /// What follows goes into this destination.
    Database(usize),
    /// A statement.
    Statement(Ready),
}

/// A statement on its way to the server.
pub struct Ready {
    /// As it is sent.
    pub text: Vec<u8>,
    /// The member of the archive that it stands in.
    pub member: Option<Foreign>,
    /// Its number in the dump, from 1.
    pub number: u64,
    /// The byte of the dump where it starts.
    pub start: u64,
    /// What it does.
    pub kind: Kind,
    /// What it is about.
    pub name: Option<Foreign>,
    /// Gives its bytes back when the server has it.
    _room: OwnedSemaphorePermit,
}

/// What the reading side came to: nothing to say, or what went wrong.
pub type Read = Result<(), String>;

/// Where statements go, and what is decided about them.
pub struct Feeding {
    sender: mpsc::Sender<Item>,
    room: Arc<Semaphore>,
    decisions: Decisions,
    choices: Choices,
    /// All tables that were asked for, of whatever database.
    tables: Tables,
    limit: usize,
    refused: Option<String>,
    skipped: Arc<AtomicU64>,
    handle: tokio::runtime::Handle,
    destinations: Vec<Destination>,
    member: Option<Foreign>,
    /// The head of an INSERT that ended with a comma, up to its values.
    open_insert: Option<Vec<u8>>,
}

impl Feeding {
    /// What an approved plan decides. Must be called inside a runtime.
    pub fn new(sender: mpsc::Sender<Item>, plan: &RestorePlan, destinations: Vec<Destination>) -> Self {
        let decisions = Decisions::of(&plan.findings);
        let choices = rewrite::choices(plan, &decisions);
        Self {
            sender,
            room: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
            tables: choices.tables.clone(),
            choices,
            decisions,
            limit: usize::try_from(plan.statement_limit.0).unwrap_or(usize::MAX),
            refused: None,
            skipped: Arc::new(AtomicU64::new(0)),
            handle: tokio::runtime::Handle::current(),
            destinations,
            member: None,
            open_insert: None,
        }
    }

    /// Counts the statements that are left out.
    pub fn skipped(&self) -> Arc<AtomicU64> {
        self.skipped.clone()
    }

    /// What follows goes into this destination.
    fn turn_to(&mut self, at: usize) -> Result<(), String> {
        let destination = &self.destinations[at];
        self.member.clone_from(&destination.member);
        self.choices = choices_for(&Choices { tables: self.tables.clone(), ..self.choices.clone() }, destination);
        self.sender.blocking_send(Item::Database(at)).map_err(|_| "nobody listens any more".to_owned())
    }

    fn stuck(&mut self, text: String, end: &StatementEnd<'_>) -> LexError {
        self.refused = Some(format!("{}: {text}", end.place()));
        LexError::Stopped(end.place())
    }
}

/// What is decided about the statements of one dump.
pub fn choices_for(choices: &Choices, destination: &Destination) -> Choices {
    let (into, folds) = (destination.database.clone(), destination.folds);
    let scope = destination.from.clone().map(|from| Scope { from, into, folds });
    Choices { scope, tables: tables_of(&choices.tables, destination.from.as_ref()), ..choices.clone() }
}

/// The tables of one database: `db.table` names one of that database, `table` one of each.
fn tables_of(tables: &Tables, database: Option<&Foreign>) -> Tables {
    let Some(database) = database else { return tables.clone() };
    let own = |names: &HashSet<Foreign>| {
        let prefix = [database.raw_bytes(), b"."].concat();
        let stripped = names.iter().filter_map(|name| name.raw_bytes().strip_prefix(prefix.as_slice()));
        names.iter().cloned().chain(stripped.map(Foreign::new)).collect()
    };
    match tables {
        Tables::All => Tables::All,
        Tables::Except(names) => Tables::Except(own(names)),
        Tables::Only(names) => Tables::Only(own(names)),
    }
}

impl CollectSink for Feeding {
    fn whole(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.kind != PieceKind::Statement {
            return Ok(());
        }
        match self.mended(text, end)? {
            None => self.judge(text, end),
            Some(mut whole) => {
                // What was put together is read like any other statement, and must be one INSERT of plain values.
                let Some(insert) = databacker::literal_insert(&whole, end.dialect) else {
                    return Err(
                        self.stuck("rows behind the end of their INSERT that are no plain values".to_owned(), end)
                    );
                };
                let insert = InsertFacts { values_at: insert.values_at.map(|at| at + end.start), ..insert };
                let (head, stop) = (whole.clone(), end.start + whole.len() as u64);
                let read = StatementEnd { end: stop, delimiter: 0, head: &head, insert: Some(insert), ..*end };
                self.judge(&mut whole, &read)
            }
        }
    }
}

impl Feeding {
    /// Judges one statement and hands over what becomes of it.
    fn judge(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError> {
        let Some(statement) = statements::read(end) else { return Ok(()) };
        let stop = self.choices.beyond(&statement).find(|risk| self.decisions.on(risk.kind) == Decision::Stop);
        if let Some(risk) = stop.cloned() {
            return Err(self.stuck(format!("{risk}, which the plan did not show"), end));
        }
        match self.choices.fate(&statement, text, end.dialect) {
            Fate::Keep => {}
            Fate::Replace(new) => *text = new,
            Fate::Drop(_) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Fate::Stuck(kind) => {
                return Err(self.stuck(format!("{}, and cannot be left out", kind.words()), end));
            }
        }
        self.send(std::mem::take(text), (statement.kind, statement.name.map(|name| name.name)), end)
    }
}

impl Feeding {
    /// Hands a statement over, waiting while too many bytes are on their way.
    fn send(
        &mut self,
        text: Vec<u8>,
        (kind, name): (Kind, Option<Foreign>),
        end: &StatementEnd<'_>,
    ) -> Result<(), LexError> {
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX).clamp(1, IN_FLIGHT);
        let room = self.handle.block_on(self.room.clone().acquire_many_owned(size));
        let Ok(room) = room else { return Err(LexError::Stopped(end.place())) };
        let member = self.member.clone();
        let ready = Ready { text, member, number: end.number, start: end.start, kind, name, _room: room };
        self.sender.blocking_send(Item::Statement(ready)).map_err(|_| LexError::Stopped(end.place()))
    }

    /// Rows behind the end of their INSERT, as an INSERT of their own; `None` for everything else.
    ///
    /// # Errors
    ///
    /// When there are some, and the plan does not say that they are to be repaired.
    fn mended(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<Option<Vec<u8>>, LexError> {
        let open = text.trim_ascii_end().last() == Some(&b',');
        let row = text.trim_ascii_start().first() == Some(&b'(');
        let head = self.open_insert.take();
        if !(open && end.insert.is_some() || row && head.is_some()) {
            return Ok(None);
        }
        if !self.choices.remedies.contains(&Remedy::RepairRows) {
            return Err(
                self.stuck("rows behind the end of their INSERT, which the plan does not repair".to_owned(), end)
            );
        }
        if open {
            let comma = text.trim_ascii_end().len() - 1;
            text.truncate(comma);
        }
        let Some(insert) = end.insert else {
            let head = head.unwrap_or_default();
            let whole = [head.as_slice(), text].concat();
            self.open_insert = open.then_some(head);
            return Ok(Some(whole));
        };
        let before = insert.values_at.and_then(|at| usize::try_from(at - end.start).ok());
        self.open_insert = before.and_then(|at| text.get(..at)).map(|head| [head, b"VALUES "].concat());
        Ok(None)
    }
}

/// Dumps that are being split, one after the other.
struct Reader {
    collect: Collect<Feeding>,
    splitter: Splitter,
    hash: Sha256,
    /// The destination of the dump that is being read; `None`: it is left out.
    at: Option<usize>,
}

impl Reader {
    fn new(feeding: Feeding) -> Self {
        let collect = Collect::new(feeding.limit, feeding);
        Self { collect, splitter: Splitter::new(Limits::default()), hash: Sha256::new(), at: None }
    }

    fn start(&mut self, at: usize) -> Result<(), String> {
        self.at = Some(at);
        self.splitter = Splitter::new(Limits::default());
        self.hash = Sha256::new();
        self.collect.sink_mut().turn_to(at)
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.hash.update(bytes);
        self.splitter.feed(bytes, &mut self.collect).map_err(|error| self.said(&error))
    }

    /// The dump's end: it must be the one that was proven.
    fn finish(&mut self, label: &str) -> Result<(), String> {
        let Some(at) = self.at.take() else { return Ok(()) };
        let tail = self.splitter.finish(&mut self.collect).map_err(|error| self.said(&error))?;
        let hash = data_encoding::HEXLOWER.encode(&std::mem::take(&mut self.hash).finalize());
        let proven = self.collect.sink_mut().destinations[at].sha256.as_ref();
        if tail == Tail::Clean && proven.is_none_or(|proven| *proven == hash) {
            return Ok(());
        }
        Err(format!("{label}: the dump that came out is not the one that was proven"))
    }

    fn said(&mut self, error: &LexError) -> String {
        match &self.collect.sink_mut().refused {
            Some(refused) => format!("refused: {refused}"),
            None => error.to_string(),
        }
    }
}

/// Members of an archive, those that have a destination.
struct Members {
    reader: Reader,
    label: String,
}

impl TarSink for Members {
    type Error = String;

    fn begin(&mut self, name: &Foreign, _size: u64) -> Result<(), String> {
        let destinations = &self.reader.collect.sink_mut().destinations;
        match destinations.iter().position(|destination| destination.member.as_ref() == Some(name)) {
            Some(at) => self.reader.start(at),
            None => Ok(()),
        }
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), String> {
        if self.reader.at.is_some() { self.reader.feed(bytes) } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), String> {
        self.reader.finish(&self.label)
    }
}

/// Reads everything and hands its statements over.
///
/// # Errors
///
/// What stopped it, in words.
pub fn read(label: &str, mut plain: Plaintext, feeding: Feeding) -> Read {
    let archive = feeding.destinations.iter().any(|destination| destination.member.is_some());
    let mut members = Members { reader: Reader::new(feeding), label: label.to_owned() };
    let mut walk = TarWalk::default();
    if !archive {
        members.reader.start(0)?;
    }
    loop {
        let chunk = plain.bytes.chunk().map_err(|error| restore::changed(label, &error).to_string())?;
        if chunk.is_empty() {
            break;
        }
        let n = chunk.len();
        if archive {
            walk.feed(chunk, &mut members).map_err(|stopped| match stopped {
                Stopped::Archive(error) => error.to_string(),
                Stopped::Sink(text) => text,
            })?;
        } else {
            members.reader.feed(chunk)?;
        }
        plain.bytes.consume(n);
    }
    if archive {
        return walk.finish().map(|_| ()).map_err(|error| error.to_string());
    }
    members.reader.finish(label)
}
