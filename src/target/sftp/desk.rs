//! Where `ssh` asks: this program again, as its askpass helper, at a private socket of the first one.

use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as Blocking;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use zeroize::Zeroizing;

use crate::model::foreign::{Foreign, escape};
use crate::model::question::{Asks, Question};
use crate::model::target::TargetName;

/// Set for `ssh`: the socket to which this program, started as askpass, carries the question.
pub const VARIABLE: &str = "BREAKGLASS_ASKPASS";

/// Longest prompt and longest answer in bytes.
const PROMPT: usize = 16 * 1024;
const ANSWER: usize = 4 * 1024;
/// The longest path that a Unix socket takes, its zero byte aside.
const SOCKET_PATH: usize = 107;

/// Whoever can ask the operator.
#[async_trait]
pub trait Asker: Send + Sync {
    /// Whether somebody is there to answer. If not, `ssh` is told to ask nothing.
    fn is_there(&self) -> bool;

    /// Asks, and waits for the answer; `None`: declined. For a host key any answer is a yes.
    ///
    /// # Cancellation
    ///
    /// Dropping the future takes the question back.
    async fn ask(&self, question: Question) -> Option<Zeroizing<Vec<u8>>>;
}

/// A private socket at which the helpers of one `ssh` ask.
pub struct Desk {
    listener: UnixListener,
    path: PathBuf,
    /// How often questions were put; a login that waits for an answer is not slow.
    asked: Arc<AtomicU64>,
    _folder: TempDir,
}

impl Desk {
    /// Makes folder (0700) and socket (0600); both go with it.
    pub fn open() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
        let places = runtime.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]);
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for place in places {
            match Self::open_in(&place) {
                Ok(desk) => return Ok(desk),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn open_in(place: &Path) -> io::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("breakglass-ask-")
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir_in(place)?;
        let path = folder.path().join("desk");
        if path.as_os_str().len() > SOCKET_PATH {
            return Err(io::Error::from(io::ErrorKind::InvalidFilename));
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path, asked: Arc::default(), _folder: folder })
    }

    /// Where the helpers find it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts questions and their answers: as long as it changes or is odd, somebody is being asked.
    pub fn asked(&self) -> Arc<AtomicU64> {
        self.asked.clone()
    }

    /// Answers one question after the other until one is declined; says which.
    pub async fn serve(&self, target: &TargetName, asker: &dyn Asker) -> String {
        let mut before: Option<Asks> = None;
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else { continue };
            let ours = stream.peer_cred().is_ok_and(|peer| peer.uid() == rustix::process::getuid().as_raw());
            if !ours {
                continue;
            }
            let Some(asks) = question(&mut stream).await else { continue };
            let again = before.as_ref() == Some(&asks);
            before = Some(asks.clone());
            self.asked.fetch_add(1, Ordering::Relaxed);
            let question = Question { target: target.clone(), asks: asks.clone(), again };
            let answer = tokio::select! {
                answer = asker.ask(question) => Some(answer),
                _ = stream.read_u8() => None, // the helper is gone: nobody waits any more
            };
            self.asked.fetch_add(1, Ordering::Relaxed);
            match answer {
                None => {}
                Some(None) => return subject(&asks),
                Some(Some(answer)) => reply(stream, &asks, &answer).await,
            }
        }
    }
}

/// What was declined, in words that are safe to draw.
fn subject(asks: &Asks) -> String {
    match asks {
        Asks::HostKey { fingerprint, .. } => format!("the host key {}", escape(fingerprint)),
        Asks::Secret { prompt } => format!("the question \"{prompt}\""),
        Asks::Touch { text } => format!("\"{text}\""),
    }
}

async fn question(stream: &mut UnixStream) -> Option<Asks> {
    let kind = stream.read_u8().await.ok()?;
    let len = usize::try_from(stream.read_u32().await.ok()?).ok().filter(|len| *len <= PROMPT)?;
    let mut prompt = vec![0; len];
    stream.read_exact(&mut prompt).await.ok()?;
    match kind {
        TOUCH => Some(Asks::Touch { text: Foreign::new(prompt) }),
        _ => Some(Asks::of_prompt(&prompt)),
    }
}

async fn reply(mut stream: UnixStream, asks: &Asks, answer: &[u8]) {
    // The fingerprint itself, never `yes`: ssh then accepts the key that was shown and no other.
    let text = match asks {
        Asks::HostKey { fingerprint, .. } => fingerprint.as_bytes(),
        _ => answer,
    };
    let mut whole = Zeroizing::new(Vec::with_capacity(text.len() + 1));
    whole.push(ANSWERED);
    whole.extend_from_slice(text);
    let _ = stream.write_all(&whole).await; // a helper that is gone needs no answer
}

const TOUCH: u8 = b't';
const ASKS: u8 = b'q';
const ANSWERED: u8 = b'+';

/// Being the helper: carries the prompt to the socket and prints the answer. Not answered: exit code 1.
pub fn helper(socket: &OsStr) -> ExitCode {
    let prompt = std::env::args_os().nth(1).unwrap_or_default();
    let touch = std::env::var_os("SSH_ASKPASS_PROMPT").is_some_and(|hint| hint == "none");
    match carry(socket, prompt.as_bytes(), if touch { TOUCH } else { ASKS }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn carry(socket: &OsStr, prompt: &[u8], kind: u8) -> io::Result<()> {
    let prompt = &prompt[..prompt.len().min(PROMPT)];
    let mut stream = Blocking::connect(Path::new(socket))?;
    let mut question = vec![kind];
    question.extend((prompt.len() as u32).to_be_bytes());
    question.extend(prompt);
    stream.write_all(&question)?;
    let mut answer = Zeroizing::new([0_u8; ANSWER]);
    let mut len = 0;
    while len < ANSWER {
        match stream.read(&mut answer[len..])? {
            0 => break,
            more => len += more,
        }
    }
    if answer[0] != ANSWERED || len == 0 {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied));
    }
    let end = len.min(ANSWER - 1);
    answer[end] = b'\n';
    let mut rest = &answer[1..=end];
    while !rest.is_empty() {
        // Not through the standard library's buffer, which would keep a copy.
        let written = rustix::io::write(io::stdout().as_fd(), rest)?;
        rest = &rest[written..];
    }
    Ok(())
}
