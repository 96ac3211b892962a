//! Loading a proven dump into a database: statements of one thread, one connection, bounded between.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::format::rewrite::{Choices, Fate};
use crate::format::statements;
use crate::format::statements::Kind;
use crate::model::foreign::Foreign;
use crate::model::job::{RestoreOutcome, RestoreReport};
use crate::model::plan::{RestorePlan, SinkState};
use crate::model::sink::MysqlSink;
use crate::model::units::{ByteSize, grouped};
use crate::seal::secret::Secret;
use crate::server;
use crate::server::{Connection, KillHandle, LoadError, Loaded};
use crate::sql::lexer::{Collect, CollectSink, LexError, Limits, PieceKind, Splitter, StatementEnd, Tail};
use crate::work::hazards::{Decision, Decisions, Own};
use crate::work::jobs::JobCtx;
use crate::work::opening::Plaintext;
use crate::work::restore;
use crate::work::restore::{RestoreError, Restored, Source};
use crate::work::rewrite;

/// Bytes of statements that may wait for the server.
const IN_FLIGHT: u32 = 8 << 20;

/// A statement on its way to the server.
struct Ready {
    text: Vec<u8>,
    number: u64,
    start: u64,
    kind: Kind,
    name: Option<Foreign>,
    /// Gives its bytes back when the server has it.
    _room: OwnedSemaphorePermit,
}

/// Loads a proven backup into a database.
///
/// # Errors
///
/// When nothing was written. A load that stopped half-way is an `Ok` whose report says what is there.
pub async fn to_server(
    ctx: &JobCtx,
    source: &Source,
    plan: &RestorePlan,
    sink: &MysqlSink,
    password: Option<&Secret>,
) -> Result<Restored, RestoreError> {
    let made = restore::proven(ctx, source).await?;
    let proof = made.as_ref().or(source.proof.as_ref()).ok_or(RestoreError::Cancelled)?;
    let mut connection = server::connect(&sink.server, password.map(Secret::expose)).await?;
    restore::same_dump(plan, Some(proof))?;
    same_sink(&mut connection, plan, sink).await?;
    if plan.there == SinkState::New
        && let Err(error) = connection.create_database(&sink.database).await
    {
        // Somebody may have been faster.
        same_sink(&mut connection, plan, sink).await?;
        return Err(error.into());
    }
    connection.enter_database(&sink.database).await?;

    let decisions = Decisions::of(&plan.findings);
    let (sender, receiver) = mpsc::channel(1024);
    let reader = Statements {
        sender,
        room: Arc::new(Semaphore::new(IN_FLIGHT as usize)),
        own: Own::of(sink, plan.estimate.server.as_ref()),
        choices: rewrite::choices(plan, &decisions),
        decisions,
        limit: usize::try_from(plan.statement_limit.0).unwrap_or(usize::MAX),
        refused: None,
        skipped: Arc::new(AtomicU64::new(0)),
        handle: tokio::runtime::Handle::current(),
    };
    let skipped = reader.skipped.clone();
    let label = source.backup.label();
    let reading = restore::release(ctx, source, proof, move |plain| read(&label, plain, reader));
    let loading = load_all(ctx, connection, receiver, sink);
    let (read, loaded) = tokio::join!(reading, loading);
    let mut report = loaded;
    report.databases = vec![sink.database.to_string()];
    finish(ctx, source, proof.sha256_out.as_deref(), read, &mut report);
    let skipped = skipped.load(Ordering::Relaxed);
    if skipped > 0 {
        ctx.line(format!("{} statements were left out, as the plan says", grouped(skipped)));
    }
    report.bytes = ByteSize(proof.bytes_out);
    Ok(Restored { report, proof: made })
}

/// What was approved is what runs: the sink must be what the plan saw.
async fn same_sink(connection: &mut Connection, plan: &RestorePlan, sink: &MysqlSink) -> Result<(), RestoreError> {
    let void = |what: &str| Err(RestoreError::PlanVoid { what: what.to_owned() });
    let facts = connection.probe().await?;
    if let Some(seen) = &plan.estimate.server
        && (seen.uuid != facts.uuid || seen.hostname != facts.hostname || seen.version != facts.version)
    {
        return void("another server answers than the one that the plan shows");
    }
    let there = match connection.database(&sink.database).await? {
        None => SinkState::New,
        Some(tables) => SinkState::DatabaseExists { tables },
    };
    if there != plan.there {
        return void("the database is not as the plan saw it: its tables differ");
    }
    Ok(())
}

/// The reading side: splits, judges, rewrites, hands over.
struct Statements {
    sender: mpsc::Sender<Ready>,
    room: Arc<Semaphore>,
    decisions: Decisions,
    own: Own,
    choices: Choices,
    limit: usize,
    refused: Option<String>,
    skipped: Arc<AtomicU64>,
    handle: tokio::runtime::Handle,
}

impl CollectSink for &mut Statements {
    fn whole(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.kind != PieceKind::Statement {
            return Ok(());
        }
        let Some(mut statement) = statements::read(end) else { return Ok(()) };
        statement.risks.retain(|risk| !self.own.holds(risk));
        if let Some(risk) = statement.risks.iter().find(|risk| self.decisions.on(risk.kind) == Decision::Stop) {
            self.refused = Some(format!("{}: {risk}, which the plan did not show", end.place()));
            return Err(LexError::Stopped(end.place()));
        }
        match self.choices.fate(&statement, text, end.dialect) {
            Fate::Keep => {}
            Fate::Replace(new) => *text = new,
            Fate::Drop(_) => {
                self.skipped.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
            Fate::Stuck(kind) => {
                self.refused = Some(format!("{}: {}, and cannot be left out", end.place(), kind.words()));
                return Err(LexError::Stopped(end.place()));
            }
        }
        let size = u32::try_from(text.len()).unwrap_or(u32::MAX).clamp(1, IN_FLIGHT);
        let room = self.handle.block_on(self.room.clone().acquire_many_owned(size));
        let Ok(room) = room else { return Err(LexError::Stopped(end.place())) };
        let ready = Ready {
            text: std::mem::take(text),
            number: end.number,
            start: end.start,
            kind: statement.kind,
            name: statement.name.map(|name| name.name),
            _room: room,
        };
        self.sender.blocking_send(ready).map_err(|_| LexError::Stopped(end.place()))
    }
}

/// What the reading side came to: the dump's SHA-256 when everything was handed over.
type Read = Result<Option<String>, String>;

fn read(label: &str, mut plain: Plaintext, mut statements: Statements) -> Read {
    let mut splitter = Splitter::new(Limits::default());
    let mut hash = Sha256::new();
    let result = {
        let mut collect = Collect::new(statements.limit, &mut statements);
        loop {
            let chunk = match plain.bytes.chunk() {
                Ok(chunk) => chunk,
                Err(error) => break Err(restore::changed(label, &error).to_string()),
            };
            if chunk.is_empty() {
                let tail = splitter.finish(&mut collect).map_err(|error| error.to_string());
                break tail.map(|tail| (tail == Tail::Clean).then(|| data_encoding::HEXLOWER.encode(&hash.finalize())));
            }
            hash.update(chunk);
            let n = chunk.len();
            if let Err(error) = splitter.feed(chunk, &mut collect) {
                break Err(error.to_string());
            }
            plain.bytes.consume(n);
        }
    };
    match (&statements.refused, result) {
        (Some(refused), Err(_)) => Err(format!("refused: {refused}")),
        (_, result) => result,
    }
}

/// The server's side: one statement after the other, counted.
async fn load_all(
    ctx: &JobCtx,
    mut connection: Connection,
    mut statements: mpsc::Receiver<Ready>,
    sink: &MysqlSink,
) -> RestoreReport {
    let mut report = RestoreReport { outcome: RestoreOutcome::Done, ..RestoreReport::default() };
    let kill = connection.kill_handle();
    while let Some(ready) = statements.recv().await {
        if ctx.cancel.is_cancelled() {
            stopped(&mut report, &ready, "before");
            break;
        }
        ctx.at(place(&ready));
        let Some(loaded) = load_one(ctx, &mut connection, &kill, &ready).await else {
            stopped(&mut report, &ready, "in");
            report.failures.push("the server did not stop it: what became of that statement is not known".to_owned());
            return report;
        };
        match loaded {
            Ok(loaded) => {
                report.statements += 1;
                report.rows += if ready.kind == Kind::Insert { loaded.rows } else { 0 };
                report.tables += u64::from(ready.kind == Kind::CreateTable);
                if loaded.warnings > 0 {
                    ctx.line(format!("{} warnings at statement {}", loaded.warnings, grouped(ready.number)));
                }
            }
            Err(LoadError::Stopped) if ctx.kill.is_cancelled() => {
                stopped(&mut report, &ready, "in");
                break;
            }
            Err(error) => {
                report.failures.push(format!("{}: {error}{}", place(&ready), causes(&error)));
                report.outcome = RestoreOutcome::Partly;
                break;
            }
        }
    }
    if report.outcome == RestoreOutcome::Done
        && let Err(error) = connection.still_in(&sink.database).await
    {
        report.failures.push(error.to_string());
        report.outcome = RestoreOutcome::Partly;
    }
    drop(statements);
    connection.close().await;
    report
}

/// Runs one statement; `None` when it was to be stopped and the server does not answer.
async fn load_one(
    ctx: &JobCtx,
    connection: &mut Connection,
    kill: &KillHandle,
    ready: &Ready,
) -> Option<Result<Loaded, LoadError>> {
    let mut loading = std::pin::pin!(connection.load(&ready.text));
    tokio::select! {
        loaded = &mut loading => return Some(loaded),
        () = ctx.kill.cancelled() => {}
    }
    if let Err(error) = kill.kill_query().await {
        ctx.line(format!("KILL QUERY: {error}"));
        return None;
    }
    // Told, the server may still have to undo a lot of work.
    Some(loading.await)
}

fn stopped(report: &mut RestoreReport, ready: &Ready, when: &str) {
    let (tables, rows) = (grouped(report.tables), grouped(report.rows));
    let text = format!("stopped by you {when} {}: {tables} tables and {rows} rows are there", place(ready));
    report.failures.push(text);
    report.outcome = RestoreOutcome::Cancelled;
}

/// Statement, byte and table.
fn place(ready: &Ready) -> String {
    let of_table =
        matches!(ready.kind, Kind::Insert | Kind::CreateTable | Kind::AlterTable | Kind::DropTable | Kind::Lock);
    let what = if of_table { "table " } else { "" };
    let name = ready.name.as_ref().map(|name| format!(", {what}{name}")).unwrap_or_default();
    format!("statement {} at byte {}{name}", grouped(ready.number), grouped(ready.start))
}

/// Why a connection was lost; servers' words about statements are reduced already.
fn causes(error: &LoadError) -> String {
    std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default()
}

/// Joins both sides to one outcome.
fn finish(
    ctx: &JobCtx,
    source: &Source,
    proven: Option<&str>,
    read: Result<Read, RestoreError>,
    report: &mut RestoreReport,
) {
    let problem = match read {
        Ok(Ok(Some(hash))) if proven.is_none_or(|proven| proven == hash) => None,
        Ok(Ok(_)) => Some(format!("{}: the dump that came out is not the one that was proven", source.backup.label())),
        Ok(Err(text)) => Some(text),
        Err(RestoreError::Cancelled) => {
            report.outcome = RestoreOutcome::Cancelled;
            None
        }
        Err(error) => Some(error.to_string()),
    };
    // When the server's side ended first, the reading side merely noticed that nobody listens any more.
    if let Some(problem) = problem
        && report.outcome == RestoreOutcome::Done
    {
        report.failures.push(problem);
        report.outcome = RestoreOutcome::Partly;
    }
    if report.outcome != RestoreOutcome::Done {
        let text = "the database is incomplete: what had been loaded is there; DDL commits by itself";
        ctx.line(text);
    }
}
