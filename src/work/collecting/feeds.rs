//! Telemetry that lies somewhere: the files and tables that the estate names, and files that a person names.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::sources::{Imported, SourceReport, import};
use super::{listed, table};
use crate::disk::estate::{TelemetryPlace, TelemetrySource};
use crate::disk::runs::Store;
use crate::model::foreign::escape;
use crate::model::target::{History, Location, Object, Stamp, Target, TargetName};
use crate::report::{Fault, Report, Reportable};
use crate::target;
use crate::target::parse_backup;
use crate::work::catalog::Catalog;
use crate::work::pipe::bridge;
use crate::work::session::{Session, now};

/// Files that are read of one source.
const FILES: usize = 100_000;

impl Session {
    /// Reads every source of telemetry that the estate names, and stores what is new. A source that fails does not
    /// stop the others.
    ///
    /// # Errors
    ///
    /// When the history cannot be opened.
    pub async fn import_feeds(&self, cancel: &CancellationToken) -> Result<Vec<SourceReport>, Report> {
        let store = self.opened().await?;
        let mut reports = vec![];
        for source in &self.estate().feeds {
            let report = self.import_source(&store, source, cancel).await;
            reports.push(report);
        }
        prune(&store).await?;
        Ok(reports)
    }

    /// Stores the runs that a catalog tells of: DBacked's metadata objects, and verifications of our own.
    ///
    /// # Errors
    ///
    /// When the history cannot be opened or written.
    pub async fn import_listed(&self, catalog: Arc<Catalog>) -> Result<Imported, Report> {
        let (session, store) = (self.clone(), self.opened().await?);
        let imported = {
            let store = store.clone();
            blocking(move || listed::import(&session, &store, &catalog)).await?
        };
        prune(&store).await?;
        Ok(imported)
    }

    /// Reads one file of telemetry: a path, a URL, or `-` for standard input.
    ///
    /// # Errors
    ///
    /// When the history cannot be opened or the argument is no place; a file that cannot be read to its end is told
    /// in the answer, since what was read before is stored.
    pub async fn import_file(&self, argument: &str, cancel: &CancellationToken) -> Result<SourceReport, Report> {
        let store = self.opened().await?;
        let read = self.read_file(&store, argument, cancel).await?;
        prune(&store).await?;
        Ok(read)
    }

    async fn read_file(
        &self,
        store: &Arc<Store>,
        argument: &str,
        cancel: &CancellationToken,
    ) -> Result<SourceReport, Report> {
        let (source, store) = (escape(argument), store.clone());
        if argument == "-" {
            let read = blocking(move || Ok(import(&store, &mut std::io::stdin().lock(), now()))).await?;
            return Ok(report(source, read));
        }
        if !argument.contains("://") {
            let path = Path::new(argument).to_owned();
            let read = blocking(move || local(&store, &path)).await?;
            return Ok(report(source, read));
        }
        let here = std::env::current_dir().unwrap_or_default();
        let address = parse_backup(argument, &here);
        let advice = "write a path, a URL such as s3://bucket/key, or - for standard input";
        let address = address.map_err(|error| Report::new(Fault::Usage, "collect::address", error, advice))?;
        let target = Target { name: here_name()?, location: address.location, expect_key: None };
        let Some(key) = address.key else {
            return Ok(self.import_files(&store, (&source, &target), "", cancel).await);
        };
        let opened = target::open(&target, None).map_err(|error| error.report())?;
        let object = opened.stat(&key, None).await.map_err(|error| error.report())?;
        let read = self.import_object(&store, &target, (opened, object), cancel).await;
        Ok(report(source, read))
    }

    async fn opened(&self) -> Result<Arc<Store>, Report> {
        let session = self.clone();
        blocking(move || session.writing_store().map(Arc::new)).await
    }

    async fn import_source(
        &self,
        store: &Arc<Store>,
        source: &TelemetrySource,
        cancel: &CancellationToken,
    ) -> SourceReport {
        match &source.place {
            TelemetryPlace::Files(target) => self.import_files(store, (&source.name, target), "", cancel).await,
            TelemetryPlace::Target { target, path } => match self.0.browser.slot(target) {
                Some(slot) => self.import_files(store, (&source.name, &slot.target), path, cancel).await,
                None => {
                    let text = format!("target {target} cannot be read by this version");
                    report(source.name.clone(), failed(Report::new(Fault::Unreachable, "collect::target", text, "")))
                }
            },
            TelemetryPlace::Table { server, databases } => {
                let asked = table::last_runs(self, server, databases).await;
                let (store, name) = (store.clone(), source.name.clone());
                let stored = blocking(move || Ok(table::store(&store, &name, asked))).await;
                stored.unwrap_or_else(|error| report(source.name.clone(), failed(error)))
            }
        }
    }

    /// Reads every file of a target whose key begins with `path`, except those that are as they were.
    async fn import_files(
        &self,
        store: &Arc<Store>,
        (name, target): (&str, &Target),
        path: &str,
        cancel: &CancellationToken,
    ) -> SourceReport {
        let mut all = report(name.to_owned(), (Imported::default(), None));
        let opened = match self.0.browser.slot(&target.name).filter(|slot| slot.target == *target) {
            Some(slot) => slot.store.clone(),
            None => target::open(target, None).map_err(|error| error.report()),
        };
        let files = match &opened {
            Ok(opened) => files(opened, path, cancel).await,
            Err(report) => Err(report.clone()),
        };
        let (opened, files) = match (opened, files) {
            (Ok(opened), Ok(files)) => (opened, files),
            (Err(error), _) | (_, Err(error)) => {
                all.error = Some(error);
                return all;
            }
        };
        for object in files {
            let (source, mark) = (format!("{}{}", target.canonical_url(), object.key), mark(&object.stamp));
            let known = store.source_mark(&source).ok().flatten();
            if known.as_ref() == Some(&mark) {
                all.imported.unchanged += 1;
                continue;
            }
            let (imported, error) = self.import_object(store, target, (opened.clone(), object), cancel).await;
            all.imported.add(&imported);
            match error {
                Some(error) => all.error = all.error.or(Some(error.because(escape(&source)))),
                None => drop(store.mark_source(&source, &mark, now())),
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        all
    }

    async fn import_object(
        &self,
        store: &Arc<Store>,
        target: &Target,
        (opened, object): (Arc<dyn target::Store>, Object),
        cancel: &CancellationToken,
    ) -> (Imported, Option<Report>) {
        let store = store.clone();
        if let (Location::File(folder), Some(key)) = (&target.location, object.key.raw_str()) {
            // A log is written while it is read: what was not there yet comes with the next time.
            let path = folder.root.join(key);
            return blocking(move || local(&store, &path)).await.unwrap_or_else(failed);
        }
        let (feed, mut drain) = bridge();
        let reading = blocking(move || Ok(import(&store, &mut drain, now())));
        let mut pieces = target::read(opened, object, 0, cancel.clone());
        let transfer = async move {
            while let Some(piece) = pieces.next().await {
                match piece {
                    Ok(bytes) => {
                        if feed.data(bytes).await.is_err() {
                            return; // the reader has its own reason
                        }
                    }
                    Err(error) => return feed.fail(std::io::Error::other(error.report().headline)).await,
                }
            }
            feed.finish().await;
        };
        let (read, ()) = tokio::join!(reading, transfer);
        read.unwrap_or_else(failed)
    }
}

/// Deletes what is older, or more, than is to be kept.
async fn prune(store: &Arc<Store>) -> Result<(), Report> {
    let store = store.clone();
    blocking(move || store.prune(now()).map(drop).map_err(|error| error.report())).await
}

fn here_name() -> Result<TargetName, Report> {
    TargetName::new("here").ok_or_else(|| Report::new(Fault::Failed, "bug", "a bad name", ""))
}

fn failed(report: Report) -> (Imported, Option<Report>) {
    (Imported::default(), Some(report))
}

fn report(source: String, (imported, error): (Imported, Option<Report>)) -> SourceReport {
    SourceReport { source, imported, error }
}

/// A file of this machine, as far as it reaches now.
fn local(store: &Store, path: &Path) -> Result<(Imported, Option<Report>), Report> {
    let unreadable = |error: std::io::Error| {
        let text = format!("{} cannot be read: {error}", path.display());
        Report::new(Fault::Failed, "collect::unreadable", text, "see whether it is there and may be read")
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let facts = file.metadata().map_err(unreadable)?;
    if facts.is_dir() {
        return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
    }
    let mut file: Box<dyn Read> = if facts.is_file() { Box::new(file.take(facts.len())) } else { Box::new(file) };
    Ok(import(store, &mut file, now()))
}

/// The readable files whose keys begin with `path`, in the order in which they were written: what a rotation has cut
/// off comes first.
async fn files(opened: &Arc<dyn target::Store>, path: &str, cancel: &CancellationToken) -> Result<Vec<Object>, Report> {
    let mut found = vec![];
    let mut pages = opened.list(cancel.clone());
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| error.report())?;
        let fits =
            |object: &Object| object.history == History::Current && object.key.raw_bytes().starts_with(path.as_bytes());
        found.extend(page.into_iter().filter(fits));
        if found.len() > FILES {
            let text = format!("there are more than {FILES} files");
            return Err(Report::new(Fault::Refused, "collect::too_many_files", text, "name a folder with `path`"));
        }
    }
    found.sort_by(|one, other| (one.stamp.modified, &one.key).cmp(&(other.stamp.modified, &other.key)));
    Ok(found)
}

/// How a file looks; another look means that it has to be read again.
fn mark(stamp: &Stamp) -> String {
    let modified = stamp.modified.map_or(0, |at| at.0);
    format!("{} {modified} {}", stamp.size, stamp.etag.as_deref().unwrap_or("-"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Report> + Send + 'static) -> Result<T, Report> {
    let died = |_| Report::new(Fault::Failed, "collect::died", "reading telemetry died", "the log names the place");
    tokio::task::spawn_blocking(work).await.map_err(died)?
}
