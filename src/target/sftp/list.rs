//! Walking folders: several at a time, each of them whole or not at all, no link followed.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, FuturesUnordered, StreamExt};
use tokio_util::sync::CancellationToken;

use crate::model::foreign::Foreign;
use crate::model::sftp::{Places, RemoteFolder};
use crate::model::target::Object;
use crate::target::error::StoreError;
use crate::target::sftp::wire::{Attrs, Entry, Kind};
use crate::target::sftp::{LOGIN, Remote};

/// Entries of one page of a listing.
const PAGE: usize = 1000;
/// Folders that are read at a time: a distant server answers many as fast as one.
const AT_ONCE: usize = 8;
/// A tree deeper than that is a mistake or a trap.
const DEEPEST: usize = 64;
/// A folder with more entries than that is no place for backups.
const MOST: usize = 1_000_000;

type Page = Result<Vec<Object>, StoreError>;

/// Everything below the target's folder, and where the URL asks for it, in the login folder.
pub fn list(remote: Arc<Remote>, cancel: CancellationToken) -> BoxStream<'static, Page> {
    let start = async move {
        let top =
            Found { key: vec![], path: remote.location().folder.wire_path().into(), depth: 0, scope: Scope::Tree };
        let mut walk =
            Walk { remote, running: FuturesUnordered::new(), next: vec![top], ready: VecDeque::new(), complaint: None };
        walk.begin();
        stream::unfold(Some(walk), move |walk| next_page(walk, cancel.clone()))
    };
    stream::once(start).flatten().boxed()
}

async fn next_page(walk: Option<Walk>, cancel: CancellationToken) -> Option<(Page, Option<Walk>)> {
    let mut walk = walk?;
    match cancel.run_until_cancelled(walk.next_page()).await {
        Some(page) => page.map(|(page, is_end)| (page, (!is_end).then_some(walk))),
        None => Some((Err(StoreError::Cancelled), None)),
    }
}

/// How much of a folder counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Everything below it.
    Tree,
    /// The plain files in it that are not hidden: a login folder holds much else.
    Flat,
}

/// A folder that is to be read.
struct Found {
    /// What its entries' keys start with.
    key: Vec<u8>,
    path: Vec<u8>,
    depth: usize,
    scope: Scope,
}

/// A folder that was read, or could not be.
struct Seen {
    found: Found,
    entries: Result<Vec<Entry>, StoreError>,
}

struct Walk {
    remote: Arc<Remote>,
    running: FuturesUnordered<BoxFuture<'static, Seen>>,
    next: Vec<Found>,
    ready: VecDeque<Object>,
    /// To be said once what is ready has been given.
    complaint: Option<Complaint>,
}

/// Something that could not be listed.
enum Complaint {
    /// The rest follows.
    Part(StoreError),
    /// Nothing follows.
    End(StoreError),
}

impl Walk {
    fn begin(&mut self) {
        while self.running.len() < AT_ONCE {
            let Some(found) = self.next.pop() else { return };
            let remote = self.remote.clone();
            self.running.push(
                async move {
                    let key = found.key.strip_suffix(b"/").unwrap_or(&found.path);
                    let entries = remote.entries(&found.path, &Foreign::new(key)).await;
                    Seen { found, entries }
                }
                .boxed(),
            );
        }
    }

    /// The next page or complaint, and whether it is the last item.
    async fn next_page(&mut self) -> Option<(Page, bool)> {
        loop {
            let is_due = self.complaint.is_some() && !self.ready.is_empty();
            if self.ready.len() >= PAGE || is_due {
                let page = self.ready.drain(..self.ready.len().min(PAGE)).collect();
                return Some((Ok(page), false));
            }
            match self.complaint.take() {
                Some(Complaint::Part(error)) => return Some((Err(error), false)),
                Some(Complaint::End(error)) => return Some((Err(error), true)),
                None => {}
            }
            let Some(Seen { found, entries }) = self.running.next().await else { break };
            match entries {
                Ok(entries) => {
                    self.complaint = self.take(&found, entries).err().map(Complaint::Part);
                    if found.depth == 0 && found.scope == Scope::Tree {
                        self.also_login().await;
                    }
                }
                Err(error) => self.complaint = self.failed(&found, error).await,
            }
            self.begin();
        }
        let rest: Vec<Object> = self.ready.drain(..).collect();
        (!rest.is_empty()).then_some((Ok(rest), false))
    }

    /// A folder that cannot be read: said, unless it went meanwhile; the end if it is the target itself.
    async fn failed(&mut self, found: &Found, error: StoreError) -> Option<Complaint> {
        let is_top = found.depth == 0 && found.scope == Scope::Tree;
        let is_gone = matches!(error, StoreError::NotFound { .. });
        if is_top && is_gone && self.remote.location().places == Places::UrlAndLogin {
            // The writer of such targets ignores the URL's folder, so that it need not be there.
            self.also_login().await;
            return self.next.is_empty().then_some(Complaint::End(error));
        }
        match error {
            StoreError::NotFound { .. } if !is_top => None,
            StoreError::Denied { .. } | StoreError::Refused { .. } if !is_top => Some(Complaint::Part(error)),
            error => Some(Complaint::End(error)),
        }
    }

    /// Looks at the login folder as well, unless it is the one that was just read.
    async fn also_login(&mut self) {
        let location = self.remote.location();
        if location.places == Places::Url || location.folder == RemoteFolder::Login(String::new()) {
            return;
        }
        let here = self.remote.resolved(location.folder.wire_path().as_bytes()).await;
        let login = self.remote.resolved(b".").await;
        match (here, login) {
            (Ok(here), Ok(login)) if here == login => {}
            _ => self.next.push(Found { key: LOGIN.to_vec(), path: b".".to_vec(), depth: 0, scope: Scope::Flat }),
        }
    }

    fn take(&mut self, found: &Found, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut complaint = Ok(());
        for Entry { name, attrs } in entries {
            let name = name.raw_bytes();
            // A server that sends paths instead of names must not lead us elsewhere.
            if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0) {
                continue;
            }
            let key = [&found.key[..], name].concat();
            match (attrs.kind(), found.scope) {
                (Kind::File, Scope::Tree) => self.ready.push_back(object(key, &attrs)),
                (Kind::File, Scope::Flat) if !name.starts_with(b".") => self.ready.push_back(object(key, &attrs)),
                (Kind::Folder, Scope::Tree) if self.is_like_login(&key) => complaint = Err(self.unclear(key)),
                (Kind::Folder, Scope::Tree) if found.depth + 1 < DEEPEST => {
                    let path = [&found.path[..], b"/", name].concat();
                    let key = [&key[..], b"/"].concat();
                    self.next.push(Found { key, path, depth: found.depth + 1, scope: Scope::Tree });
                }
                (Kind::Folder, Scope::Tree) => complaint = Err(self.too_deep(key)),
                _ => {}
            }
        }
        complaint
    }

    /// Whether keys below it would read as if they lay in the login folder.
    fn is_like_login(&self, key: &[u8]) -> bool {
        self.remote.location().places == Places::UrlAndLogin && key == b"~"
    }

    fn unclear(&self, key: Vec<u8>) -> StoreError {
        let place = self.remote.place(&Foreign::new(key));
        let cause = "a folder of that name cannot be told from the login folder; not listed: use sftp://".to_owned();
        StoreError::Io { place, cause }
    }

    fn too_deep(&self, key: Vec<u8>) -> StoreError {
        let place = self.remote.place(&Foreign::new(key));
        StoreError::Io { place, cause: format!("nested more than {DEEPEST} folders deep; not listed") }
    }
}

fn object(key: Vec<u8>, attrs: &Attrs) -> Object {
    Object { key: Foreign::new(key), stamp: attrs.stamp(), history: Default::default(), storage: Default::default() }
}

/// Refuses a folder that has more entries than can be meant.
pub fn bounded(place: &str, entries: usize) -> Result<(), StoreError> {
    if entries <= MOST {
        return Ok(());
    }
    Err(StoreError::Io {
        place: place.to_owned(),
        cause: format!("more than {MOST} entries in one folder; not listed"),
    })
}
