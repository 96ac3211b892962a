//! The table `dbacked` of a server's databases: the last run of each, read only.

use super::sources::{Imported, SourceReport};
use super::store::put;
use crate::disk::runs::{Intake, Store};
use crate::model::foreign::Foreign;
use crate::model::run::{Feed, Run};
use crate::report::{Fault, Report, Reportable};
use crate::server;
use crate::telemetry::dbacked;
use crate::work::run::password;
use crate::work::session::{Session, now};

/// Asks a server for the last run of each database.
pub(super) async fn last_runs(session: &Session, server: &str, databases: &[String]) -> Result<Vec<Run>, Report> {
    let Some(known) = session.estate().server(server) else {
        let text = format!("the estate has no server {server}");
        return Err(Report::new(Fault::Usage, "collect::server", text, "name one of [servers]"));
    };
    let secret = password(session, known);
    let connected = server::connect(known, secret.as_ref().map(|secret| secret.expose())).await;
    let mut connection = connected.map_err(|error| error.report())?;
    let mut runs = vec![];
    let mut failed = None;
    for database in databases {
        match connection.agent_rows(&Foreign::from(database.as_str())).await {
            Ok(rows) => runs.extend(rows.and_then(|rows| dbacked::of_table(&rows, &known.label(), database))),
            Err(error) => failed = failed.or(Some(error.report())),
        }
    }
    connection.close().await;
    match failed {
        Some(report) if runs.is_empty() => Err(report),
        _ => Ok(runs),
    }
}

/// Stores them. Blocking.
pub(super) fn store(store: &Store, source: &str, asked: Result<Vec<Run>, Report>) -> SourceReport {
    let stored = asked.and_then(|runs| {
        let mut imported = Imported { read: 1, ..Imported::default() };
        let intake = Intake { feed: Feed::DbackedTable, arrived: now(), spans: vec![], runs };
        imported.stored(put(store, &[intake]).map_err(|error| error.report())?);
        Ok(imported)
    });
    let source = source.to_owned();
    match stored {
        Ok(imported) => SourceReport { source, imported, error: None },
        Err(report) => SourceReport { source, imported: Imported::default(), error: Some(report) },
    }
}
