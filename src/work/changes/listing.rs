//! Which files a source has: listed, put in order, with what is missing or there twice.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::model::change::BinlogPos;
use crate::model::changes::{Edge, Gap, GapKind, Problem};
use crate::model::foreign::Foreign;
use crate::model::target::{History, Object};
use crate::report::{Report, Reportable};
use crate::target::{Store, StoreError};
use crate::work::changes::error::ChangesError;
use crate::work::changes::names::{LogName, bare, base, index_names, is_index, log_name};
use crate::work::changes::source::Source;

/// The largest index file that is read.
const INDEX: u64 = 16 << 20;

/// A log that is to be read.
#[derive(Debug, Clone)]
pub struct Found {
    /// The stored object.
    pub object: Object,
    /// Its name as the server knows it.
    pub name: Foreign,
    /// Its number, where the name has one.
    pub sequence: Option<u64>,
    /// Other objects of that name: which of them is whole, only their bytes tell.
    pub twins: Vec<Object>,
}

/// The logs of a source in order.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Their files.
    pub logs: Vec<Found>,
    /// Holes that the names tell.
    pub gaps: Vec<Gap>,
    /// What is odd.
    pub problems: Vec<Problem>,
}

/// Lists a source.
///
/// # Errors
///
/// When its place cannot be listed, or has no logs.
pub async fn list(
    source: &mut Source,
    cancel: &CancellationToken,
) -> Result<(Listing, std::sync::Arc<dyn Store>), Report> {
    let store = source.open()?;
    let mut stem = None;
    if let Some(key) = source.key.clone() {
        match store.stat(&key, None).await {
            Ok(object) => return Ok((single(object), store)),
            Err(StoreError::NotFound { .. }) if source.folder().is_some() => stem = Some(key),
            Err(StoreError::NotFound { .. } | StoreError::Denied { .. }) => source.as_folder(),
            // SFTP servers answer for folders in their own ways.
            Err(_) if source.folder().is_none() => source.as_folder(),
            Err(error) => return Err(error.report()),
        }
    }
    let store = source.open()?;
    let objects = match source.folder() {
        Some(folder) => in_folder(&*store, folder).await?,
        None => everything(&*store, cancel).await?,
    };
    let index = match objects.iter().find(|object| is_index(object.key.raw_bytes()) && object.stamp.size <= INDEX) {
        Some(object) => index_names(&store.head(object, INDEX).await.map_err(|error| error.report())?),
        None => vec![],
    };
    let listing = arranged(objects, stem.as_ref().map(Foreign::raw_bytes), &index)?;
    if listing.logs.is_empty() {
        return Err(ChangesError::NoLogs { place: source.place() }.report());
    }
    Ok((listing, store))
}

fn single(object: Object) -> Listing {
    let name = Foreign::new(bare(object.key.raw_bytes()));
    let sequence = log_name(object.key.raw_bytes()).map(|name| name.sequence);
    Listing { logs: vec![Found { object, name, sequence, twins: vec![] }], ..Listing::default() }
}

/// The files of one folder of this machine; folders in it are not entered.
async fn in_folder(store: &dyn Store, folder: std::path::PathBuf) -> Result<Vec<Object>, Report> {
    use std::os::unix::ffi::OsStrExt;
    let unreadable = |error: std::io::Error| {
        let text = format!("{} cannot be listed: {error}", folder.display());
        Report::new(crate::report::Fault::Failed, "changes::folder", text, "check the path and its permissions")
    };
    let mut entries = tokio::fs::read_dir(&folder).await.map_err(unreadable)?;
    let mut objects = vec![];
    while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
        let name = entry.file_name().as_bytes().to_vec();
        if log_name(&name).is_some() || is_index(&name) {
            objects.push(store.stat(&Foreign::new(name), None).await.map_err(|error| error.report())?);
        }
    }
    Ok(objects)
}

/// All objects below a prefix, those that lie deeper only where there are no others.
async fn everything(store: &dyn Store, cancel: &CancellationToken) -> Result<Vec<Object>, Report> {
    let mut pages = store.list(cancel.child_token());
    let mut objects = vec![];
    while let Some(page) = pages.next().await {
        let wanted = |object: &Object| {
            let key = object.key.raw_bytes();
            object.history == History::Current && (log_name(key).is_some() || is_index(key))
        };
        match page {
            Ok(page) => objects.extend(page.into_iter().filter(wanted)),
            Err(StoreError::Cancelled) => return Err(ChangesError::Cancelled.report()),
            Err(error) => return Err(error.report()),
        }
    }
    let on_top = |object: &Object| !object.key.raw_bytes().contains(&b'/');
    if objects.iter().any(|object| on_top(object) && log_name(object.key.raw_bytes()).is_some()) {
        objects.retain(on_top);
    }
    Ok(objects)
}

/// Puts logs in order, leaves relay logs and twins out, and says what is missing.
fn arranged(objects: Vec<Object>, stem: Option<&[u8]>, index: &[LogName]) -> Result<Listing, Report> {
    let named = objects.into_iter().filter_map(|object| Some((log_name(object.key.raw_bytes())?, object)));
    let mut stems: BTreeMap<Vec<u8>, Vec<(LogName, Object)>> = BTreeMap::new();
    for (name, object) in named {
        stems.entry(name.stem.clone()).or_default().push((name, object));
    }
    if stems.len() > 1 && stem.is_none() {
        stems.retain(|stem, _| !stem.ends_with(b"relay-bin") && !stem.ends_with(b"relay"));
    }
    if let Some(stem) = stem {
        stems.retain(|known, _| known == stem);
    }
    if stems.len() > 1 {
        let names: Vec<String> = stems.keys().map(|stem| Foreign::new(stem.clone()).to_string()).collect();
        let text = format!("logs of {} servers lie here: {}", stems.len(), names.join(", "));
        let advice = "add the name before the number to the path: /folder/NAME";
        return Err(Report::new(crate::report::Fault::Usage, "changes::several", text, advice));
    }
    let mut listing = Listing::default();
    let mut logs = stems.into_values().next().unwrap_or_default();
    // Of twins the one that is stored as it is comes first.
    logs.sort_by_key(|(name, object)| (name.sequence, base(object.key.raw_bytes()).len(), object.key.clone()));
    for (name, object) in logs {
        let (sequence, name) = (Some(name.sequence), Foreign::new(name.bare));
        match listing.logs.last_mut() {
            Some(last) if last.sequence == sequence => last.twins.push(object),
            _ => listing.logs.push(Found { object, name, sequence, twins: vec![] }),
        }
    }
    listing.gaps = missing(&listing.logs, index);
    Ok(listing)
}

fn edge(file: &Foreign) -> Option<Edge> {
    Some(Edge { file: file.clone(), position: BinlogPos(0), at: None })
}

/// Numbers without a file, and logs that the index names behind the last one.
fn missing(logs: &[Found], index: &[LogName]) -> Vec<Gap> {
    let mut gaps = vec![];
    for pair in logs.windows(2) {
        let (Some(first), Some(second)) = (pair[0].sequence, pair[1].sequence) else { continue };
        let count = second.saturating_sub(first).saturating_sub(1);
        if count > 0 {
            let files = if count == 1 { "1 file is".to_owned() } else { format!("{count} files are") };
            gaps.push(Gap {
                kind: GapKind::MissingFiles,
                after: edge(&pair[0].name),
                before: edge(&pair[1].name),
                words: format!("{files} missing between {} and {}", pair[0].name, pair[1].name),
            });
        }
    }
    let last = logs.last().and_then(|log| Some((log.sequence?, &log.name)));
    if let Some((sequence, name)) = last
        && let Some(next) = index.iter().find(|known| known.sequence > sequence)
    {
        gaps.push(Gap {
            kind: GapKind::MissingFiles,
            after: edge(name),
            before: None,
            words: format!(
                "the index goes on with {} behind {name}, which is not here",
                Foreign::new(next.bare.clone())
            ),
        });
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::Stamp;

    fn objects(keys: &[&str]) -> Vec<Object> {
        let object = |key: &&str| Object {
            key: Foreign::from(*key),
            stamp: Stamp { size: 9, ..Stamp::default() },
            history: History::Current,
            storage: Default::default(),
        };
        keys.iter().map(object).collect()
    }

    fn names(listing: &Listing) -> Vec<String> {
        listing.logs.iter().map(|log| log.object.key.to_string()).collect()
    }

    #[test]
    fn d30_logs_come_in_the_order_of_their_numbers_and_holes_are_named() {
        let listing =
            arranged(objects(&["b.000010", "b.000009.gz", "b.1000000", "b.000012", "ibdata1"]), None, &[]).unwrap();
        assert_eq!(names(&listing), ["b.000009.gz", "b.000010", "b.000012", "b.1000000"]);
        assert_eq!(listing.gaps.len(), 2);
        assert_eq!(listing.gaps[0].words, "1 file is missing between b.000010 and b.000012");
        let index = index_names(b"./b.1000000\n./b.1000001\n");
        let listing = arranged(objects(&["b.1000000"]), None, &index).unwrap();
        assert!(listing.gaps[0].words.starts_with("the index goes on with b.1000001"));
    }

    #[test]
    fn d31_a_log_that_is_there_twice_is_read_once() {
        let listing = arranged(objects(&["b.000001.gz", "b.000001", "b.000002"]), None, &[]).unwrap();
        assert_eq!(names(&listing), ["b.000001", "b.000002"]);
        assert_eq!(listing.logs[0].twins[0].key.to_string(), "b.000001.gz");
        assert!(listing.gaps.is_empty());
    }

    #[test]
    fn relay_logs_are_left_out_and_two_servers_are_asked_about() {
        let listing = arranged(objects(&["b.000001", "host-relay-bin.000007"]), None, &[]).unwrap();
        assert_eq!(names(&listing), ["b.000001"]);
        let two = arranged(objects(&["a.000001", "b.000001"]), None, &[]).unwrap_err();
        assert_eq!(two.code, "changes::several");
        let one = arranged(objects(&["a.000001", "b.000001"]), Some(b"b"), &[]).unwrap();
        assert_eq!(names(&one), ["b.000001"]);
    }
}
