//! Where a restore goes, as people write it.

use std::path::{Path, PathBuf};

use crate::disk::estate::Estate;
use crate::disk::urls;
use crate::model::foreign::Foreign;
use crate::model::sink::{DirSink, MysqlSink, ServerRef, Sink};
use crate::report::{Fault, Report};

/// Reads `dir:PATH`, `stdout`, `mysql://user@host:port/DATABASE` or `server:NAME/DATABASE`.
///
/// # Errors
///
/// A report with fault `Usage` that says what is wrong and what is valid.
pub fn parse(text: &str, estate: &Estate) -> Result<Sink, Report> {
    if text == "stdout" || text == "-" {
        return Ok(Sink::Stdout);
    }
    if let Some(path) = text.strip_prefix("dir:") {
        return dir(path);
    }
    if let Some(rest) = text.strip_prefix("server:") {
        return named_server(rest, estate);
    }
    if text.starts_with("mysql://") || text.starts_with("mariadb://") {
        return url(text, estate);
    }
    for later in ["rehearsal", "pg_restore", "mongorestore"] {
        if text == later || text.starts_with(&format!("{later}:")) {
            return Err(usage(format!("{later} is not a sink of this version; dir: takes every kind of backup")));
        }
    }
    // A scheme in capitals is no sink, and may carry a password all the same.
    let shown = urls::redacted(text);
    Err(usage(format!("{shown} is no sink: dir:PATH, stdout, mysql://user@host:port/DATABASE or server:NAME/DATABASE")))
}

/// A server by its URL; one of the estate at the same address lends its settings and its protection.
fn url(text: &str, estate: &Estate) -> Result<Sink, Report> {
    let (fresh, database) = urls::server(text).map_err(url_error)?;
    let known = estate.servers.iter().find(|server| server.address == fresh.address);
    let server = match known {
        Some(known) => ServerRef { user: fresh.user.or_else(|| known.user.clone()), ..known.clone() },
        None => fresh,
    };
    Ok(into_server(server, database.as_deref()))
}

/// One database, or each of the backup's own.
fn into_server(server: ServerRef, database: Option<&str>) -> Sink {
    match database {
        Some(database) => Sink::Mysql(MysqlSink { server, database: Foreign::from(database) }),
        None => Sink::Databases(server),
    }
}

pub(super) fn dir(path: &str) -> Result<Sink, Report> {
    if path.is_empty() {
        return Err(usage("dir: needs a path: dir:./restored"));
    }
    let path = match path.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => PathBuf::from(path),
    };
    let path = std::path::absolute(&path).unwrap_or(path);
    Ok(Sink::Dir(DirSink { path }))
}

fn named_server(rest: &str, estate: &Estate) -> Result<Sink, Report> {
    let (name, database) = rest.split_once('/').unwrap_or((rest, ""));
    let server = estate.server(name).cloned().ok_or_else(|| {
        let known: Vec<&str> = estate.servers.iter().filter_map(|server| server.name.as_deref()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        usage(format!("the estate has no server {name}; it has: {known}"))
    })?;
    Ok(into_server(server, Some(database).filter(|database| !database.is_empty())))
}

fn url_error(error: urls::UrlError) -> Report {
    match error {
        urls::UrlError::Secret => usage("a password does not belong into a URL: use an option file or password_file"),
        urls::UrlError::Wrong { what, valid } => usage(format!("the server's URL {what}; {valid}")),
    }
}

fn usage(text: impl std::fmt::Display) -> Report {
    Report::new(Fault::Usage, "sink::unknown", text, "see `breakglass restore --help`")
}

/// How many entries a folder has; `None` when there is no such folder.
pub fn entries(path: &Path) -> std::io::Result<Option<u64>> {
    match std::fs::read_dir(path) {
        Ok(listing) => Ok(Some(listing.count() as u64)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
