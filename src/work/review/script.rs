//! `review FILE.sql`: who wrote it, what it would do, what is wrong with it, the rows as they are now.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tokio::sync::mpsc;

use crate::change::reread;
use crate::change::review::{self, Named, Reading, RowStatement};
use crate::model::change::ChangeKind;
use crate::model::changes::TableRef;
use crate::model::foreign::escape;
use crate::model::script::{
    Origin, Review, ReviewHazard, ReviewedTable, RowState, ScriptDigest, ScriptHazard, StateCounts, StatementHazard,
    Surroundings,
};
use crate::report::{Fault, Report, Reportable};
use crate::work::recover::file_at::FileAt;
use crate::work::recover::{table_of as table_of_quoted, threads};
use crate::work::review::around;
use crate::work::review::now::{self, Asked};
use crate::work::review::server::{Look, look};
use crate::work::session::Session;

/// Rows that do not match and are listed, at most.
const LISTED: usize = 1000;
/// Questions that wait for the server.
const WAITING: usize = 8;
/// Bytes in which the header of one of ours is looked for.
const HEADER: u64 = 1 << 20;

/// What is to be reviewed.
#[derive(Debug, Clone)]
pub struct ReviewRequest {
    /// The script.
    pub file: PathBuf,
    /// `server:NAME` or a `mysql://` URL, to look at the rows as they are now.
    pub server: Option<String>,
}

/// A review with what a server says.
#[derive(Debug, Clone, Serialize)]
pub struct Reviewed {
    /// Of the script itself.
    #[serde(flatten)]
    pub review: Review,
    /// The lines of the header of one of ours, as they stand there.
    pub header: Vec<String>,
    /// The server that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What stands around the tables there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub around: Vec<ScriptHazard>,
    /// Rows for which the script would not do what it means to: the first thousand of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<RowLine>,
}

/// One row for which the script would not do what it means to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowLine {
    /// The statement's line in the script, from 1.
    pub line: u64,
    /// `schema.table`.
    pub table: String,
    /// What the statement does.
    pub kind: ChangeKind,
    /// The row now.
    pub state: RowState,
}

impl Reviewed {
    /// How the review ends: `None` when nothing speaks against the script.
    pub fn fault(&self) -> Option<Fault> {
        let states = self.review.rows_now.unwrap_or_default();
        match self.review.origin {
            Origin::Altered => Some(Fault::Integrity),
            _ if !self.review.hazards.is_empty() => Some(Fault::Inconclusive),
            _ if states.looked_at() != states.matches => Some(Fault::Inconclusive),
            // No row could be looked at there: that speaks against the script, whatever the others say.
            _ if self.around.iter().any(|hazard| hazard.code == "no_table") => Some(Fault::Inconclusive),
            _ => None,
        }
    }
}

/// Reviews a script.
///
/// # Errors
///
/// When the file cannot be read, or the server cannot be looked at. Nothing that is wrong with the script is one.
pub async fn review(session: &Session, request: ReviewRequest) -> Result<Reviewed, Report> {
    let server = request.server.as_deref().map(|server| look(session, server)).transpose()?;
    let file = request.file.clone();
    let mut reviewed = aside(move || read(&file)).await?;
    if let Some(server) = server {
        with_rows(&mut reviewed, &request.file, &server).await?;
    }
    let Review { script, origin, statements, .. } = &reviewed.review;
    let detail =
        format!("{}, {statements} statements, {} kinds of hazards", origin.words(), reviewed.review.hazards.len());
    let result = if reviewed.fault().is_none() { "ok" } else { "hazards" };
    session.event("review", script, result, &detail)?;
    Ok(reviewed)
}

async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Report> + Send + 'static) -> Result<T, Report> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Report {
    let what = format!("{} cannot be read", path.display());
    Report::new(Fault::Failed, "review::unreadable", what, "check the path and its permissions").because(error)
}

/// Opens a script: a regular file, because it is read more than once.
fn open(path: &Path) -> Result<File, Report> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let facts = file.metadata().map_err(|error| unreadable(path, &error))?;
    if facts.is_file() {
        return Ok(file);
    }
    let what = format!("{} is no file", path.display());
    Err(Report::new(Fault::Usage, "review::no_file", what, "name a file: a script is read more than once"))
}

fn read(path: &Path) -> Result<Reviewed, Report> {
    let mut file = open(path)?;
    let reading = review::read(&mut file, &mut |_, _| ()).map_err(|error| unreadable(path, &error))?;
    let mut reviewed =
        Reviewed { review: told(path, &reading), header: vec![], server: None, around: vec![], rows: vec![] };
    if reading.origin == Origin::Breakglass {
        prove(path, &mut reviewed)?;
    }
    Ok(reviewed)
}

/// The facts of a reading in the shape in which they are shown.
fn told(path: &Path, reading: &Reading) -> Review {
    let tables = reading.tables.iter().map(|(table, rows)| ReviewedTable {
        table: table.to_string().as_str().into(),
        names: names(table),
        insert: rows.insert,
        update: rows.update,
        delete: rows.delete,
    });
    let hazards = reading.hazards.iter().map(|(code, (count, line))| hazard(*code, *count, *line));
    Review {
        script: escape(&path.to_string_lossy()),
        bytes: reading.bytes,
        origin: reading.origin,
        altered: String::new(),
        digest: None,
        statements: reading.statements,
        tables: tables.collect(),
        hazards: hazards.collect(),
        rows_now: None,
    }
}

fn hazard(code: StatementHazard, count: u64, line: u64) -> ReviewHazard {
    ReviewHazard { code, text: code.words(), count, line }
}

/// Holds one of ours against the second parser: either every byte is as it was written, or it says what is not.
fn prove(path: &Path, reviewed: &mut Reviewed) -> Result<(), Report> {
    let mut head = vec![];
    open(path)?.take(HEADER).read_to_end(&mut head).map_err(|error| unreadable(path, &error))?;
    reviewed.header = header(&head);
    let script = FileAt::new(open(path)?).map_err(|error| unreadable(path, &error))?;
    match reread::read(&script, threads()) {
        Ok(doings) => {
            let mut tables: BTreeMap<String, ReviewedTable> = BTreeMap::new();
            for ((table, kind), rows) in doings {
                let names = table_of_quoted(&table);
                let name = names.as_ref().map_or_else(|| table.clone(), TableRef::to_string);
                let empty = ReviewedTable { table: name.as_str().into(), names, insert: 0, update: 0, delete: 0 };
                let counts = tables.entry(table).or_insert(empty);
                match kind {
                    ChangeKind::Insert => counts.insert += rows,
                    ChangeKind::Update => counts.update += rows,
                    ChangeKind::Delete => counts.delete += rows,
                }
            }
            reviewed.review.tables = tables.into_values().collect();
            reviewed.review.hazards.clear();
            reviewed.review.digest = digest(&reviewed.header);
        }
        Err(why) => {
            reviewed.review.origin = Origin::Altered;
            reviewed.review.altered = why.report().headline;
            reviewed.review.hazards.insert(0, hazard(StatementHazard::Altered, 1, 1));
        }
    }
    Ok(())
}

/// The comment lines at the front, without their marks.
fn header(bytes: &[u8]) -> Vec<String> {
    let lines = bytes.split(|byte| *byte == b'\n').map_while(|line| line.strip_prefix(b"-- "));
    lines.take(10_000).map(|line| escape(&String::from_utf8_lossy(line))).collect()
}

fn digest(header: &[String]) -> Option<ScriptDigest> {
    let digits = header.iter().rev().find_map(|line| line.strip_prefix("digest: "))?;
    let bytes = data_encoding::HEXLOWER.decode(digits.as_bytes()).ok()?;
    Some(ScriptDigest(bytes.try_into().ok()?))
}

/// One statement's questions on their way to the server.
struct Batch {
    /// Which of the tables that are there; `None`: the database is not named, or there is no such table.
    table: Option<usize>,
    /// As the script names it, escaped.
    name: String,
    line: u64,
    kind: ChangeKind,
    rows: u64,
    /// `None`: its rows cannot be found by a key.
    asked: Option<Vec<Asked>>,
}

async fn with_rows(reviewed: &mut Reviewed, path: &Path, server: &Look) -> Result<(), Report> {
    let mut rows_now = server.open().await?;
    reviewed.server = Some(server.label());
    let tables: Vec<TableRef> = reviewed.review.tables.iter().filter_map(|one| one.names.clone()).collect();
    let around = rows_now.surroundings(&tables).await.map_err(|error| error.report())?;
    reviewed.around = around::hazards(&around, &tables);
    let (sender, mut batches) = mpsc::channel(WAITING);
    let (file, known) = (path.to_owned(), around.clone());
    let reader = tokio::task::spawn_blocking(move || ask(&file, &known, &sender));
    let mut states = StateCounts::default();
    while let Some(statements) = batches.recv().await {
        for (table, now) in around.tables.iter().enumerate() {
            let own: Vec<&Batch> = statements.iter().filter(|batch: &&Batch| batch.table == Some(table)).collect();
            let asked = || own.iter().flat_map(|batch| batch.asked.iter().flatten().map(move |asked| (*batch, asked)));
            let questions: Vec<_> = asked().map(|(_, asked)| asked.question.clone()).collect();
            let answers = rows_now.rows(&now.table, &questions).await.map_err(|error| error.report())?;
            for ((batch, asked), answer) in asked().zip(&answers) {
                let state = asked.state(answer);
                states.add(state);
                list(reviewed, batch, state);
            }
        }
        for batch in statements.iter().filter(|batch| batch.asked.is_none()) {
            states.unknowable += batch.rows;
            list(reviewed, batch, RowState::Unknowable);
        }
    }
    reviewed.rows.sort_by_key(|row| row.line);
    rows_now.close().await;
    let refined = reader.await.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))?;
    let is_ours = reviewed.review.origin == Origin::Breakglass;
    for (code, (count, line)) in refined.into_iter().filter(|_| !is_ours) {
        match reviewed.review.hazards.iter_mut().find(|known| known.code == code) {
            Some(known) => known.count = known.count.max(count),
            None => reviewed.review.hazards.push(hazard(code, count, line)),
        }
    }
    reviewed.review.rows_now = Some(states);
    Ok(())
}

fn list(reviewed: &mut Reviewed, batch: &Batch, state: RowState) {
    if state != RowState::Matches && reviewed.rows.len() < LISTED {
        let table = batch.name.clone();
        reviewed.rows.push(RowLine { line: batch.line, table, kind: batch.kind, state });
    }
}

/// Both names of a table, where the script names its database.
fn names(table: &Named) -> Option<TableRef> {
    Some(TableRef { schema: table.schema.clone()?, table: table.name.clone() })
}

type Refined = BTreeMap<StatementHazard, (u64, u64)>;

/// Reads the script once more, and sends the questions that its statements are; what definitions tell of them.
fn ask(path: &Path, around: &Surroundings, sender: &mpsc::Sender<Vec<Batch>>) -> Result<Refined, Report> {
    let mut file = open(path)?;
    let mut refined = Refined::new();
    let mut waiting = vec![];
    let mut each = |statement: &RowStatement, line: u64| {
        let table = around.tables.iter().position(|now| is(&now.table, &statement.table));
        let now = table.and_then(|at| around.tables.get(at));
        for hazard in now.iter().flat_map(|now| now::hazards(statement, now)) {
            refined.entry(hazard).or_insert((0, line)).0 += 1;
        }
        let asked = now.and_then(|now| now::questions(statement, now));
        let RowStatement { kind, rows, table: named, .. } = statement;
        waiting.push(Batch { table, name: named.to_string(), line, kind: *kind, rows: *rows, asked });
        if waiting.len() >= crate::server::rows_now::BATCH {
            let _ = sender.blocking_send(std::mem::take(&mut waiting)); // nobody listens any more: the session ended
        }
    };
    review::read(&mut file, &mut each).map_err(|error| unreadable(path, &error))?;
    if !waiting.is_empty() {
        let _ = sender.blocking_send(waiting);
    }
    Ok(refined)
}

fn is(table: &TableRef, named: &Named) -> bool {
    named.schema.as_ref() == Some(&table.schema) && named.name == table.table
}
