//! A folder behind an SSH server as a target, through the system's `ssh`.
//!
//! One child per target, shared by all reads and listings, started at the first use and anew after a loss.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::future::try_join;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::model::foreign::Foreign;
use crate::model::sftp::{Places, SftpLocation};
use crate::model::target::{Object, TargetName};
use crate::target::answer::difference;
use crate::target::error::StoreError;
use crate::target::retry::Patience;
use crate::target::sftp::error::{lost, refused};
use crate::target::sftp::link::{Fate, Link};
use crate::target::sftp::ssh::Ssh;
use crate::target::sftp::wire::{Answer, Attrs, Entry, Kind, Request};
use crate::target::{Reading, Store};

pub mod desk;
pub mod error;
mod link;
mod list;
pub mod ssh;
mod wire;

/// Bytes of one request: the most that OpenSSH sends at once.
const CHUNK: u64 = 255 * 1024;
/// Requests in flight: with [`CHUNK`] 4 MiB, more than a line of 100 ms and 250 Mbit/s can hold.
const IN_FLIGHT: usize = 16;
/// Requests for entries in flight for one folder.
const FOLDER_IN_FLIGHT: usize = 4;
/// What keys start with that lie in the login folder of an `scp://` target.
pub(super) const LOGIN: &[u8] = b"~/";

/// A folder behind an SSH server.
pub struct SftpStore {
    remote: Arc<Remote>,
}

/// What streams hold on to.
struct Remote {
    target: TargetName,
    location: SftpLocation,
    ssh: Ssh,
    patience: Patience,
    connection: Mutex<Connection>,
}

/// The one connection of a target.
enum Connection {
    None,
    Up(Arc<Link>),
    /// A refusal that the next request would only meet again; forgotten when the target is listed anew.
    Refused(StoreError),
}

impl SftpStore {
    /// Connects to nothing yet.
    pub fn new(target: &TargetName, location: &SftpLocation, ssh: Ssh, patience: Patience) -> Self {
        let remote = Remote {
            target: target.clone(),
            location: location.clone(),
            ssh,
            patience,
            connection: Mutex::new(Connection::None),
        };
        Self { remote: Arc::new(remote) }
    }
}

#[async_trait]
impl Store for SftpStore {
    fn list(&self, cancel: CancellationToken) -> BoxStream<'static, Result<Vec<Object>, StoreError>> {
        let remote = self.remote.clone();
        let forgiven = async move {
            remote.forgive().await;
            list::list(remote, cancel)
        };
        stream::once(forgiven).flatten().boxed()
    }

    async fn stat(&self, key: &Foreign, version: Option<&str>) -> Result<Object, StoreError> {
        if version.is_some() {
            return Err(StoreError::NotFound { place: self.remote.place(key) });
        }
        let attrs = self.remote.patience.persist(|| self.remote.look(key)).await?;
        Ok(Object { key: key.clone(), stamp: attrs.stamp(), history: Default::default(), storage: Default::default() })
    }

    async fn head(&self, object: &Object, len: u64) -> Result<Bytes, StoreError> {
        let patience = &self.remote.patience;
        let whole = || async {
            let mut all = BytesMut::new();
            let mut pieces = self.open_range(object, 0, Some(len));
            while let Some(piece) = pieces.try_next().await? {
                all.extend_from_slice(&piece);
            }
            Ok(all.freeze())
        };
        patience.persist(whole).await
    }

    fn open_range(
        &self,
        object: &Object,
        from: u64,
        len: Option<u64>,
    ) -> BoxStream<'static, Result<Bytes, StoreError>> {
        let (remote, object) = (self.remote.clone(), object.clone());
        let end = len.map_or(object.stamp.size, |len| from.saturating_add(len).min(object.stamp.size));
        let start = async move {
            let file = Arc::new(remote.open(object).await?);
            Ok::<_, StoreError>(pieces(file, from, end))
        };
        stream::once(start).try_flatten().boxed()
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.remote.forgive().await;
        let path = self.remote.location.folder.wire_path().as_bytes();
        match self.remote.open_folder(path, &Foreign::new(path)).await {
            Ok(_) => Ok(()),
            Err(StoreError::NotFound { .. }) if self.remote.location.places == Places::UrlAndLogin => {
                self.remote.open_folder(b".", &Foreign::from("~")).await.map(drop)
            }
            Err(error) => Err(error),
        }
    }

    fn reading(&self) -> Reading {
        Reading { piece: u64::MAX, depth: 1, patience: self.remote.patience.clone() }
    }
}

/// The bytes from `from` to `end`: several requests in flight, the object looked at before the first byte is
/// handed on and after the last one came.
fn pieces(file: Arc<Opened>, from: u64, end: u64) -> BoxStream<'static, Result<Bytes, StoreError>> {
    let starts = (from..end.max(from)).step_by(CHUNK as usize);
    let first = file.clone();
    let before = async move { first.check_open(from).await.map(|()| Bytes::new()) }.boxed_piece();
    let reads = starts.map({
        let file = file.clone();
        move |start| {
            let file = file.clone();
            async move { file.piece(start, (end - start).min(CHUNK)).await }.boxed_piece()
        }
    });
    let all = stream::iter(std::iter::once(before).chain(reads)).buffered(IN_FLIGHT);
    let after = stream::once(async move { file.check_all(end).await.map(|()| Bytes::new()) });
    all.chain(after)
        .try_filter(|piece| std::future::ready(!piece.is_empty()))
        .scan(false, |failed, piece| {
            let goes_on = !std::mem::replace(failed, piece.is_err());
            std::future::ready(goes_on.then_some(piece))
        })
        .boxed()
}

type Piece = std::pin::Pin<Box<dyn Future<Output = Result<Bytes, StoreError>> + Send>>;

trait BoxedPiece {
    fn boxed_piece(self) -> Piece;
}

impl<F: Future<Output = Result<Bytes, StoreError>> + Send + 'static> BoxedPiece for F {
    fn boxed_piece(self) -> Piece {
        Box::pin(self)
    }
}

impl Remote {
    fn location(&self) -> &SftpLocation {
        &self.location
    }

    /// `target:key`, escaped.
    fn place(&self, key: &Foreign) -> String {
        format!("{}:{key}", self.target)
    }

    /// Lets the next request try again, and ask again, after a refusal.
    async fn forgive(&self) {
        let mut connection = self.connection.lock().await;
        if matches!(*connection, Connection::Refused(_)) {
            *connection = Connection::None;
        }
    }

    /// The connection, made if there is none. Whoever comes meanwhile waits for it: nothing is asked twice.
    async fn link(&self) -> Result<Arc<Link>, StoreError> {
        let mut connection = self.connection.lock().await;
        match &*connection {
            Connection::Up(link) if link.is_up() => return Ok(link.clone()),
            Connection::Refused(error) => return Err(error.clone()),
            _ => *connection = Connection::None, // the lost one ends, should it still hang
        }
        let made = self.ssh.connect(&self.target, &self.location, &self.patience).await;
        match made {
            Ok(link) => {
                let link = Arc::new(link);
                *connection = Connection::Up(link.clone());
                Ok(link)
            }
            Err(error) => {
                if !error.is_transient() {
                    *connection = Connection::Refused(error.clone());
                }
                Err(error)
            }
        }
    }

    /// The path behind a key, as SFTP takes it. Names stay the bytes that they are.
    fn path(&self, key: &Foreign) -> Result<Vec<u8>, StoreError> {
        let key_bytes = key.raw_bytes();
        let odd = |part: &[u8]| part.is_empty() || part.contains(&0) || matches!(part, b"." | b"..");
        if key_bytes.split(|byte| *byte == b'/').any(odd) {
            return Err(StoreError::NotFound { place: self.place(key) });
        }
        if self.location.places == Places::UrlAndLogin
            && let Some(name) = key_bytes.strip_prefix(LOGIN)
        {
            return Ok([b"./", name].concat());
        }
        let folder = self.location.folder.wire_path().trim_end_matches('/').as_bytes();
        Ok([folder, b"/", key_bytes].concat())
    }

    /// What a key is now: a regular file, or an error.
    async fn look(&self, key: &Foreign) -> Result<Attrs, StoreError> {
        let (link, path) = (self.link().await?, self.path(key)?);
        self.look_on(&link, key, &path, 0).await
    }

    async fn look_on(&self, link: &Link, key: &Foreign, path: &[u8], at: u64) -> Result<Attrs, StoreError> {
        let attrs = match self.reply(link, Request::Look(path), (key, at)).await? {
            Answer::Attrs(attrs) => attrs,
            other => return Err(self.odd(link, key, &other)),
        };
        match attrs.kind() {
            Kind::File => Ok(attrs),
            Kind::Unknown if attrs.size.is_some() => Ok(attrs),
            _ => Err(StoreError::NotAFile { place: self.place(key) }),
        }
    }

    /// Opens the file that `object` pins, and no other.
    async fn open(self: Arc<Self>, object: Object) -> Result<Opened, StoreError> {
        let link = self.link().await?;
        let path = self.path(&object.key)?;
        let key = &object.key;
        let (attrs, handle) =
            try_join(self.look_on(&link, key, &path, 0), self.handle(&link, key, Request::Open(&path))).await?;
        changed(&self.place(key), &object, &attrs)?;
        Ok(Opened { remote: self, handle, path, object })
    }

    async fn handle(&self, link: &Arc<Link>, key: &Foreign, request: Request<'_>) -> Result<Handle, StoreError> {
        match self.reply(link, request, (key, 0)).await? {
            Answer::Handle(raw) => Ok(Handle { link: link.clone(), raw }),
            other => Err(self.odd(link, key, &other)),
        }
    }

    /// Opens a folder for listing; `shown` names it in errors.
    async fn open_folder(&self, path: &[u8], shown: &Foreign) -> Result<Handle, StoreError> {
        let link = self.link().await?;
        match self.handle(&link, shown, Request::OpenFolder(path)).await {
            Err(StoreError::NotFound { .. } | StoreError::Refused { .. }) if self.is_file(&link, path).await => {
                let what = format!("{} is a file, not a folder", Foreign::new(path));
                Err(StoreError::Settings { place: self.target.to_string(), what })
            }
            opened => opened,
        }
    }

    async fn is_file(&self, link: &Link, path: &[u8]) -> bool {
        let looked = link.ask(Request::Look(path)).await;
        matches!(looked, Ok(Answer::Attrs(attrs)) if attrs.kind() == Kind::File)
    }

    /// All entries of a folder; after a loss from its start, so that each comes once.
    async fn entries(&self, path: &[u8], shown: &Foreign) -> Result<Vec<Entry>, StoreError> {
        self.patience.persist(|| self.entries_once(path, shown)).await
    }

    async fn entries_once(&self, path: &[u8], shown: &Foreign) -> Result<Vec<Entry>, StoreError> {
        let folder = self.open_folder(path, shown).await?;
        let ask = || self.reply(&folder.link, Request::ReadFolder(&folder.raw), (shown, 0));
        let mut answers = stream::iter(std::iter::repeat_with(ask)).buffered(FOLDER_IN_FLIGHT);
        let mut all = vec![];
        while let Some(answer) = answers.next().await {
            match answer? {
                Answer::Names(entries) if !entries.is_empty() => all.extend(entries),
                Answer::Status(wire::EOF, _) => break,
                other => return Err(self.odd(&folder.link, shown, &other)),
            }
            list::bounded(&self.place(shown), all.len())?;
        }
        Ok(all)
    }

    /// The absolute form of a path.
    async fn resolved(&self, path: &[u8]) -> Result<Foreign, StoreError> {
        let (link, shown) = (self.link().await?, Foreign::new(path));
        match self.reply(&link, Request::Resolve(path), (&shown, 0)).await? {
            Answer::Names(mut names) if names.len() == 1 => Ok(names.remove(0).name),
            other => Err(self.odd(&link, &shown, &other)),
        }
    }

    /// Whatever the server answers; `about`: the key, and the byte that is being read.
    async fn reply(&self, link: &Link, request: Request<'_>, about: (&Foreign, u64)) -> Result<Answer, StoreError> {
        let ((key, at), (interval, count)) = (about, self.ssh.alive);
        let alive = u64::from(interval) * u64::from(count);
        link.ask(request).await.map_err(|fate| lost(&self.place(key), at, &fate, alive))
    }

    /// An answer to another question: nothing on this connection can be trusted any more.
    fn odd(&self, link: &Link, key: &Foreign, answer: &Answer) -> StoreError {
        let what = match answer {
            Answer::Status(code, words) => return refused(self.place(key), *code, words),
            Answer::Handle(_) => "a handle came",
            Answer::Data(_) => "bytes came",
            Answer::Names(_) => "names came",
            Answer::Attrs(_) => "attributes came",
        };
        link.condemn(Fate::Odd(what));
        StoreError::WrongAnswer { place: self.place(key), what: format!("{what} where something else was asked for") }
    }
}

/// Refuses an object that is not the one that was listed.
fn changed(place: &str, pinned: &Object, now: &Attrs) -> Result<(), StoreError> {
    match difference(&pinned.stamp, &now.stamp()) {
        None => Ok(()),
        Some(what) => Err(StoreError::Changed { place: place.to_owned(), what }),
    }
}

/// An open file or folder of the server; closed when dropped.
struct Handle {
    link: Arc<Link>,
    raw: Bytes,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.link.close(&self.raw);
    }
}

/// An open file that was the pinned one when it was looked at.
struct Opened {
    remote: Arc<Remote>,
    handle: Handle,
    path: Vec<u8>,
    object: Object,
}

impl Opened {
    fn place(&self) -> String {
        self.remote.place(&self.object.key)
    }

    async fn reply(&self, request: Request<'_>, at: u64) -> Result<Answer, StoreError> {
        self.remote.reply(&self.handle.link, request, (&self.object.key, at)).await
    }

    /// What was opened must be what was listed, too: between the look and the opening it may have been replaced.
    async fn check_open(&self, at: u64) -> Result<(), StoreError> {
        match self.reply(Request::LookAt(&self.handle.raw), at).await? {
            Answer::Attrs(attrs) => changed(&self.place(), &self.object, &attrs),
            other => Err(self.remote.odd(&self.handle.link, &self.object.key, &other)),
        }
    }

    /// Neither the open file nor what bears its name has changed while it was read.
    async fn check_all(&self, at: u64) -> Result<(), StoreError> {
        let named = self.remote.look_on(&self.handle.link, &self.object.key, &self.path, at);
        let ((), attrs) = try_join(self.check_open(at), named).await?;
        changed(&self.place(), &self.object, &attrs)
    }

    /// Exactly `len` bytes from `from` on, in as many answers as the server likes.
    async fn piece(&self, from: u64, len: u64) -> Result<Bytes, StoreError> {
        let mut all = BytesMut::new();
        while (all.len() as u64) < len {
            let (at, rest) = (from + all.len() as u64, len - all.len() as u64);
            match self.reply(Request::Read(&self.handle.raw, at, rest as u32), at).await? {
                Answer::Data(data) if data.len() as u64 == len => return Ok(data),
                Answer::Data(data) if !data.is_empty() && data.len() as u64 <= rest => all.extend_from_slice(&data),
                Answer::Status(wire::EOF, _) => {
                    let what = "it became shorter while it was read".to_owned();
                    return Err(StoreError::Changed { place: self.place(), what });
                }
                other => return Err(self.remote.odd(&self.handle.link, &self.object.key, &other)),
            }
        }
        Ok(all.freeze())
    }
}
