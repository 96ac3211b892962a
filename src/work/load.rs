//! Loading proven dumps into databases: statements of one thread, one connection at a time, bounded between.

use crate::format::statements::Kind;
use crate::model::foreign::Foreign;
use crate::model::job::{RestoreOutcome, RestoreReport};
use crate::model::plan::{RestorePlan, SinkState};
use crate::model::sink::{ServerRef, Sink};
use crate::model::trust::Proof;
use crate::model::units::{ByteSize, grouped};
use crate::seal::secret::Secret;
use crate::server;
use crate::server::{Connection, KillHandle, LoadError, Loaded, ServerError};
use crate::work::feeding;
use crate::work::feeding::{Feeding, Item, Read, Ready};
use crate::work::jobs::JobCtx;
use crate::work::restore;
use crate::work::restore::{RestoreError, Restored, Source};
use std::sync::atomic::Ordering;
use tokio::sync::mpsc;

/// A database that is filled.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The member of the archive that goes there; `None`: the dump is all there is.
    pub member: Option<Foreign>,
    /// The database as the backup calls it, where it is moved along.
    pub from: Option<Foreign>,
    /// The database.
    pub database: Foreign,
    /// Whether the server takes capitals and small letters in names for the same.
    pub folds: bool,
    /// Whether it is to be made.
    pub there: SinkState,
    /// Character set and collation if it is made.
    pub defaults: Option<(String, String)>,
    /// SHA-256 of the dump that was proven.
    pub sha256: Option<String>,
}

pub(super) fn destinations(plan: &RestorePlan, proof: &Proof) -> Vec<Destination> {
    let folds = plan.estimate.server.as_ref().is_some_and(|facts| facts.lower_case_table_names > 0);
    let alone = |database: &Foreign| Destination {
        member: None,
        // What names the database that it goes into is no way out of it.
        from: Some(database.clone()),
        database: database.clone(),
        folds,
        there: plan.there.clone(),
        defaults: None,
        sha256: proof.sha256_out.clone(),
    };
    if plan.parts.is_empty() {
        return match &plan.into {
            Sink::Mysql(sink) if proof.members.is_empty() => vec![alone(&sink.database)],
            _ => vec![], // an archive is no dump, whatever the plan says
        };
    }
    let parts = plan.parts.iter().map(|part| {
        let proven = proof.members.iter().find(|member| member.name == part.member);
        Destination {
            member: Some(part.member.clone()),
            from: Some(part.from.clone()),
            database: part.into.clone(),
            folds,
            there: part.there.clone(),
            defaults: part.defaults.clone(),
            sha256: proven.map(|member| member.sha256.clone()),
        }
    });
    parts.collect()
}

/// Loads a proven backup into its databases.
///
/// # Errors
///
/// When nothing was written. A load that stopped half-way is an `Ok` whose report says what is there.
pub async fn to_server(
    ctx: &JobCtx,
    source: &Source,
    plan: &RestorePlan,
    server: &ServerRef,
    password: Option<&Secret>,
) -> Result<Restored, RestoreError> {
    let made = restore::proven(ctx, source).await?;
    let proof = made.as_ref().or(source.proof.as_ref()).ok_or(RestoreError::Cancelled)?;
    let entrance = Entrance { server, password: password.map(Secret::expose), plan };
    let destinations = destinations(plan, proof);
    let Some(first) = destinations.first() else {
        return Err(RestoreError::PlanVoid { what: "it names no database to restore into".to_owned() });
    };
    let mut connection = entrance.connect().await?;
    restore::same_dump(plan, Some(proof))?;
    same_server(&mut connection, plan).await?;
    for destination in &destinations {
        same_sink(&mut connection, destination).await?;
    }
    if let Err(error) = enter(&mut connection, first).await {
        // Somebody may have been faster.
        same_sink(&mut connection, first).await?;
        return Err(error.into());
    }

    let (sender, receiver) = mpsc::channel(1024);
    let feeding = Feeding::new(sender, plan, destinations.clone());
    let skipped = feeding.skipped();
    let label = source.backup.label();
    let reading = restore::release(ctx, source, proof, move |plain| feeding::read(&label, plain, feeding));
    let loading = load_all(ctx, &entrance, connection, receiver, &destinations);
    let (read, (mut report, last)) = tokio::join!(reading, loading);
    finish(ctx, read, &destinations[last], &mut report);
    let skipped = skipped.load(Ordering::Relaxed);
    if skipped > 0 {
        ctx.line(format!("{} statements were left out, as the plan says", grouped(skipped)));
    }
    report.bytes = ByteSize(proof.bytes_out);
    Ok(Restored { report, proof: made })
}

/// How the server is reached, for every database anew.
struct Entrance<'a> {
    server: &'a ServerRef,
    password: Option<&'a [u8]>,
    plan: &'a RestorePlan,
}

impl Entrance<'_> {
    async fn connect(&self) -> Result<Connection, ServerError> {
        server::connect(self.server, self.password).await
    }
}

/// Makes a database if the plan says so, and enters it.
async fn enter(connection: &mut Connection, destination: &Destination) -> Result<(), ServerError> {
    if destination.there == SinkState::New {
        match &destination.defaults {
            Some((charset, collation)) => {
                connection.create_database_as(&destination.database, (charset, collation)).await?;
            }
            None => connection.create_database(&destination.database).await?,
        }
    }
    connection.enter_database(&destination.database).await
}

/// What was approved is what runs: the server must be the one that the plan saw.
async fn same_server(connection: &mut Connection, plan: &RestorePlan) -> Result<(), RestoreError> {
    let facts = connection.probe().await?;
    if let Some(seen) = &plan.estimate.server
        && (seen.uuid != facts.uuid || seen.hostname != facts.hostname || seen.version != facts.version)
    {
        let what = "another server answers than the one that the plan shows".to_owned();
        return Err(RestoreError::PlanVoid { what });
    }
    Ok(())
}

async fn same_sink(connection: &mut Connection, destination: &Destination) -> Result<(), RestoreError> {
    let there = match connection.database(&destination.database).await? {
        None => SinkState::New,
        Some(tables) => SinkState::DatabaseExists { tables },
    };
    if there == destination.there {
        return Ok(());
    }
    let what = match &destination.member {
        None => "the database is not as the plan saw it: its tables differ".to_owned(),
        Some(_) => format!("the database {} is not as the plan saw it: its tables differ", destination.database),
    };
    Err(RestoreError::PlanVoid { what })
}

/// The server's side: database after database, one statement after the other, counted; and the last one begun.
async fn load_all(
    ctx: &JobCtx,
    entrance: &Entrance<'_>,
    mut connection: Connection,
    mut items: mpsc::Receiver<Item>,
    destinations: &[Destination],
) -> (RestoreReport, usize) {
    let mut report = RestoreReport { outcome: RestoreOutcome::Done, ..RestoreReport::default() };
    let mut at = 0;
    report.databases.push(destinations[at].database.to_string());
    while let Some(item) = items.recv().await {
        let ready = match item {
            Item::Database(0) => continue, // the first one is entered already
            Item::Database(next) => {
                if leave(connection, &destinations[at], &mut report).await.is_none() {
                    return (report, at);
                }
                match next_database(entrance, &destinations[next], &mut report).await {
                    Some(entered) => (connection, at) = (entered, next),
                    None => return (report, at),
                }
                continue;
            }
            Item::Statement(ready) => ready,
        };
        if ctx.cancel.is_cancelled() {
            stopped(&mut report, &ready, "before");
            break;
        }
        ctx.at(place(&ready));
        match load_one(ctx, &mut connection, &ready).await {
            None => {
                stopped(&mut report, &ready, "in");
                let text = "the server did not stop it: what became of that statement is not known";
                report.failures.push(text.to_owned());
                return (report, at);
            }
            Some(loaded) => {
                if !count(ctx, &mut report, &ready, loaded) {
                    break;
                }
            }
        }
    }
    drop(items);
    let last = &destinations[at];
    leave(connection, last, &mut report).await;
    (report, at)
}

/// Makes sure that everything went where it should; `None` when it did not.
async fn leave(mut connection: Connection, destination: &Destination, report: &mut RestoreReport) -> Option<()> {
    if report.outcome == RestoreOutcome::Done
        && let Err(error) = connection.still_in(&destination.database).await
    {
        report.failures.push(error.to_string());
        report.outcome = RestoreOutcome::Partly;
    }
    connection.close().await;
    (report.outcome == RestoreOutcome::Done).then_some(())
}

/// A session of its own for each database: what one dump sets cannot reach the next.
async fn next_database(
    entrance: &Entrance<'_>,
    destination: &Destination,
    report: &mut RestoreReport,
) -> Option<Connection> {
    let entered = async {
        let mut connection = entrance.connect().await?;
        // Another server may answer by now, and somebody may have made the database meanwhile.
        same_server(&mut connection, entrance.plan).await?;
        same_sink(&mut connection, destination).await?;
        enter(&mut connection, destination).await?;
        Ok::<_, RestoreError>(connection)
    };
    match entered.await {
        Ok(connection) => {
            report.databases.push(destination.database.to_string());
            Some(connection)
        }
        Err(error) => {
            report.failures.push(format!("database {}: {error}", destination.database));
            report.outcome = RestoreOutcome::Partly;
            None
        }
    }
}

/// Adds up what a statement did; whether to go on.
fn count(ctx: &JobCtx, report: &mut RestoreReport, ready: &Ready, loaded: Result<Loaded, LoadError>) -> bool {
    match loaded {
        Ok(loaded) => {
            report.statements += 1;
            report.rows += if ready.kind == Kind::Insert { loaded.rows } else { 0 };
            report.tables += u64::from(ready.kind == Kind::CreateTable);
            if loaded.warnings > 0 {
                ctx.line(format!("{} warnings at {}", loaded.warnings, place(ready)));
            }
            true
        }
        Err(LoadError::Stopped) if ctx.kill.is_cancelled() => {
            stopped(report, ready, "in");
            false
        }
        Err(error) => {
            report.failures.push(format!("{}: {error}{}", place(ready), causes(&error)));
            report.outcome = RestoreOutcome::Partly;
            false
        }
    }
}

/// Runs one statement; `None` when it was to be stopped and the server does not answer.
async fn load_one(ctx: &JobCtx, connection: &mut Connection, ready: &Ready) -> Option<Result<Loaded, LoadError>> {
    let kill: KillHandle = connection.kill_handle();
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
    let member = ready.member.as_ref().map(|member| format!("{member}: ")).unwrap_or_default();
    format!("{member}statement {} at byte {}{name}", grouped(ready.number), grouped(ready.start))
}

/// Why a connection was lost; servers' words about statements are reduced already.
fn causes(error: &LoadError) -> String {
    std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default()
}

/// Joins both sides to one outcome.
fn finish(ctx: &JobCtx, read: Result<Read, RestoreError>, last: &Destination, report: &mut RestoreReport) {
    // What had been read by then is loaded: the reading side stopped in the member that was begun last.
    let place = last.member.as_ref().map(|member| format!("in or behind {member}: ")).unwrap_or_default();
    let problem = match read {
        Ok(Ok(())) => None,
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
        report.failures.push(format!("{place}{problem}"));
        report.outcome = RestoreOutcome::Partly;
    }
    if report.outcome != RestoreOutcome::Done {
        let text = "the database is incomplete: what had been loaded is there; DDL commits by itself";
        ctx.line(text);
    }
}
