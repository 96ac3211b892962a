//! One connection: `ssh` as a child, requests in flight, and what became of it.

use std::collections::HashMap;
use std::io;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::target::sftp::wire::{self, Answer, Odd, Request};

/// Requests that may wait for the pipe.
const QUEUE: usize = 64;
/// How much of what `ssh` says is kept: its end.
const STDERR: usize = 16 * 1024;
/// How long a child whose pipe is closed may take to say why.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What became of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The child ended or closed its pipe; what it said, and how it ended.
    Ended { said: String, code: Option<i32> },
    /// Something came that is not SFTP.
    Odd(&'static str),
    /// Nothing came for so long.
    Silent(Duration),
}

/// A connection. Its child ends when the last clone of its `Arc` goes.
pub struct Link {
    shared: Arc<Shared>,
    fate: watch::Receiver<Option<Fate>>,
    limit: Duration,
    _tasks: JoinSet<()>,
}

struct Shared {
    waiting: Mutex<HashMap<u32, oneshot::Sender<Answer>>>,
    next: AtomicU32,
    out: mpsc::Sender<Bytes>,
    fate: watch::Sender<Option<Fate>>,
    began: Instant,
    /// Milliseconds after `began` at which the last byte came.
    heard: AtomicU64,
}

/// A child with its pipes.
pub struct Pipes {
    pub child: Child,
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
}

impl Pipes {
    /// What became of a child that will not be spoken to any more.
    pub async fn fate(mut self) -> Fate {
        drop((self.stdin, self.stdout));
        let said = Mutex::new(vec![]);
        let _ = timeout(LAST_WORDS, drain(self.stderr, &said)).await;
        ended(&mut self.child, &said).await
    }

    /// Says hello and waits for the answer: then the login is through and the server speaks SFTP.
    ///
    /// # Errors
    ///
    /// The pipes closed, or what came is no answer.
    pub async fn hello(&mut self) -> Result<BytesMut, Option<Odd>> {
        let broken = |_: io::Error| None;
        self.stdin.write_all(wire::HELLO).await.map_err(broken)?;
        self.stdin.flush().await.map_err(broken)?;
        let mut buffer = BytesMut::new();
        loop {
            if let Some(frame) = wire::next_frame(&mut buffer).map_err(Some)? {
                let is_answer = frame.first() == Some(&wire::VERSION);
                return if is_answer { Ok(buffer) } else { Err(Some(Odd("no answer to our greeting"))) };
            }
            if self.stdout.read_buf(&mut buffer).await.map_err(broken)? == 0 {
                return Err(None);
            }
        }
    }
}

impl Link {
    /// Takes over a child that has said hello. `left` is what came behind it; `limit`: how long silence is borne.
    pub fn new(pipes: Pipes, left: BytesMut, limit: Duration) -> Self {
        let Pipes { child, stdin, stdout, stderr } = pipes;
        let (out, requests) = mpsc::channel(QUEUE);
        let (sender, fate) = watch::channel(None);
        let shared = Arc::new(Shared {
            waiting: Mutex::default(),
            next: AtomicU32::new(0),
            out,
            fate: sender,
            began: Instant::now(),
            heard: AtomicU64::new(0),
        });
        let said = Arc::new(Mutex::new(vec![]));
        let mut tasks = JoinSet::new();
        tasks.spawn(write(stdin, requests));
        let (drained, done) = oneshot::channel();
        let ear = said.clone();
        tasks.spawn(async move {
            drain(stderr, &ear).await;
            let _ = drained.send(());
        });
        tasks.spawn(Reader { shared: shared.clone(), child, stdout, said, done }.run(left));
        Self { shared, fate, limit, _tasks: tasks }
    }

    /// Whether it still answers, as far as is known.
    pub fn is_up(&self) -> bool {
        self.fate.borrow().is_none()
    }

    /// Asks, and waits for the answer for as long as anything arrives at all.
    ///
    /// # Errors
    ///
    /// What became of the connection.
    pub async fn ask(&self, request: Request<'_>) -> Result<Answer, Fate> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (sender, mut answer) = oneshot::channel();
        if !self.is_up() {
            return Err(self.became().await);
        }
        self.shared.waiting().insert(id, sender);
        let sent = async {
            self.shared.out.send(request.frame(id)).await.map_err(drop)?;
            (&mut answer).await.map_err(drop)
        };
        let mut sent = std::pin::pin!(sent);
        loop {
            match timeout(self.limit, &mut sent).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(())) => return Err(self.became().await),
                Err(_) if self.shared.silence() >= self.limit => {
                    self.shared.fail(Fate::Silent(self.limit));
                    return Err(Fate::Silent(self.limit));
                }
                Err(_) => {} // others are being answered: the line is slow, not dead
            }
        }
    }

    /// Closes a handle without waiting.
    pub fn close(&self, handle: &[u8]) {
        self.shared.close(handle);
    }

    /// Gives the connection up, so that the next request makes a new one.
    pub fn condemn(&self, fate: Fate) {
        self.shared.fail(fate);
    }

    async fn became(&self) -> Fate {
        let mut fate = self.fate.clone();
        let known = timeout(2 * LAST_WORDS, fate.wait_for(Option::is_some)).await;
        let known = known.ok().and_then(Result::ok).and_then(|fate| fate.clone());
        known.unwrap_or(Fate::Ended { said: String::new(), code: None })
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, HashMap<u32, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.heard.load(Ordering::Relaxed)))
    }

    fn hear(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard.store(now, Ordering::Relaxed);
    }

    /// Hands an answer to whoever asked. A handle that nobody waits for any more is closed again.
    fn take(&self, frame: Bytes) -> Result<(), Odd> {
        let (id, answer) = wire::answer(frame)?;
        let Some(asked) = self.waiting().remove(&id) else { return Ok(()) };
        if let Err(Answer::Handle(handle)) = asked.send(answer) {
            self.close(&handle);
        }
        Ok(())
    }

    fn close(&self, handle: &[u8]) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let _ = self.out.try_send(Request::Close(handle).frame(id));
    }

    /// The first fate stays. Everybody who waits learns of it.
    fn fail(&self, fate: Fate) {
        self.fate.send_if_modified(|known| known.is_none() && known.replace(fate).is_none());
        self.waiting().clear();
    }
}

/// Reads answers until the connection ends.
struct Reader {
    shared: Arc<Shared>,
    child: Child,
    stdout: ChildStdout,
    said: Arc<Mutex<Vec<u8>>>,
    /// Told when everything that the child says has been heard.
    done: oneshot::Receiver<()>,
}

impl Reader {
    async fn run(mut self, mut buffer: BytesMut) {
        let fate = match self.answers(&mut buffer).await {
            Err(Odd(what)) => Fate::Odd(what),
            Ok(()) => {
                let _ = timeout(LAST_WORDS, &mut self.done).await;
                ended(&mut self.child, &self.said).await
            }
        };
        self.shared.fail(fate);
    }

    async fn answers(&mut self, buffer: &mut BytesMut) -> Result<(), Odd> {
        loop {
            while let Some(frame) = wire::next_frame(buffer)? {
                self.shared.take(frame)?;
            }
            if buffer.capacity() - buffer.len() < 16 * 1024 {
                buffer.reserve(512 * 1024);
            }
            match self.stdout.read_buf(buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => self.shared.hear(),
            }
        }
    }
}

async fn write(mut stdin: ChildStdin, mut requests: mpsc::Receiver<Bytes>) {
    while let Some(frame) = requests.recv().await {
        if stdin.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Keeps the end of what the child says, and never lets it wait for us.
async fn drain(mut stderr: ChildStderr, said: &Mutex<Vec<u8>>) {
    let mut piece = [0; 4096];
    while let Ok(len @ 1..) = stderr.read(&mut piece).await {
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.extend_from_slice(&piece[..len]);
        let over = said.len().saturating_sub(STDERR);
        said.drain(..over);
    }
}

async fn ended(child: &mut Child, said: &Mutex<Vec<u8>>) -> Fate {
    let status: Option<ExitStatus> = timeout(LAST_WORDS, child.wait()).await.ok().and_then(Result::ok);
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    Fate::Ended { said: String::from_utf8_lossy(&said).into_owned(), code: status.and_then(|status| status.code()) }
}
