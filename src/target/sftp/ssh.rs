//! Starting the system's `ssh`, and the login until the server speaks SFTP.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::model::foreign::escape;
use crate::model::sftp::SftpLocation;
use crate::model::target::TargetName;
use crate::target::error::StoreError;
use crate::target::retry::Patience;
use crate::target::sftp::desk::{self, Asker, Desk};
use crate::target::sftp::error::{SshError, not_connected};
use crate::target::sftp::link::{Fate, Link, Pipes};
use crate::target::sftp::wire::Odd;

/// How `ssh` is run.
#[derive(Clone)]
pub struct Ssh {
    /// `ssh` from PATH, or what `BREAKGLASS_SSH` names.
    pub program: OsString,
    /// The program that `ssh` starts to ask: this one.
    pub askpass: PathBuf,
    /// Seconds between two signs of life on an idle line, and how many may be missing.
    pub alive: (u32, u32),
    /// Who answers questions; `None`: nobody ever.
    pub asker: Option<Arc<dyn Asker>>,
}

impl Default for Ssh {
    fn default() -> Self {
        let program = std::env::var_os("BREAKGLASS_SSH").filter(|program| !program.is_empty());
        Self {
            program: program.unwrap_or_else(|| "ssh".into()),
            askpass: std::env::current_exe().unwrap_or_else(|_| "breakglass".into()),
            alive: (5, 3),
            asker: None,
        }
    }
}

/// Needed whatever `~/.ssh/config` says: with some of them set there, a session would hang or hide why it failed;
/// the others are what `sftp` itself sets.
const ALWAYS: [&str; 10] = [
    "-oControlMaster=no",
    "-oRequestTTY=no",
    "-oRemoteCommand=none",
    "-oPermitLocalCommand=no",
    "-oClearAllForwardings=yes",
    "-oForwardAgent=no",
    "-oForwardX11=no",
    "-oForkAfterAuthentication=no",
    "-oStdinNull=no",
    "-oLogLevel=INFO",
];

impl Ssh {
    /// Logs in, asking the operator what `ssh` asks, until the server has said hello.
    ///
    /// # Errors
    ///
    /// Why not, in our own words.
    ///
    /// # Cancellation
    ///
    /// Dropping the future ends the child and takes the question back.
    pub async fn connect(
        &self,
        target: &TargetName,
        location: &SftpLocation,
        patience: &Patience,
    ) -> Result<Link, StoreError> {
        let place = target.to_string();
        let asker = self.asker.as_ref().filter(|asker| asker.is_there());
        let desk = match asker {
            Some(_) => Some(Desk::open().map_err(|error| StoreError::Io {
                place: place.clone(),
                cause: format!("no place for the socket at which ssh asks: {error}"),
            })?),
            None => None,
        };
        let mut pipes = self.spawn(location, patience, desk.as_ref()).map_err(|error| {
            let program = escape(&self.program.to_string_lossy());
            SshError::NoSsh { place: place.clone(), program, cause: error.to_string() }
        })?;
        let limit = patience.connect + patience.answer;
        let asked = desk.as_ref().map(Desk::asked).unwrap_or_default();
        let questions = async {
            match (&desk, asker) {
                (Some(desk), Some(asker)) => desk.serve(target, asker.as_ref()).await,
                _ => std::future::pending().await,
            }
        };
        let hello = tokio::select! {
            hello = attended(pipes.hello(), &asked, limit) => hello,
            what = questions => return Err(SshError::Declined { place, what }.into()),
        };
        match hello {
            Some(Ok(left)) => Ok(Link::new(pipes, left, patience.stall)),
            Some(Err(Some(Odd(what)))) => Err(not_connected(&place, &Fate::Odd(what))),
            Some(Err(None)) => Err(not_connected(&place, &pipes.fate().await)),
            None => Err(not_connected(&place, &Fate::Silent(limit))),
        }
    }

    fn spawn(&self, location: &SftpLocation, patience: &Patience, desk: Option<&Desk>) -> io::Result<Pipes> {
        let mut command = Command::new(&self.program);
        command.args(ALWAYS);
        command.arg(format!("-oConnectTimeout={}", patience.connect.as_secs().max(1)));
        let (interval, count) = self.alive;
        command.arg(format!("-oServerAliveInterval={interval}")).arg(format!("-oServerAliveCountMax={count}"));
        match desk {
            Some(desk) => {
                command.args(["-oBatchMode=no", "-oStrictHostKeyChecking=ask"]);
                command.env("SSH_ASKPASS", &self.askpass).env(desk::VARIABLE, desk.path());
            }
            None => {
                command.args(["-oBatchMode=yes", "-oStrictHostKeyChecking=yes"]);
                command.env("SSH_ASKPASS", "/bin/false").env_remove(desk::VARIABLE);
            }
        }
        // Jump hosts' ssh inherits both; before OpenSSH 8.4 it wants a display that it never looks at.
        command.env("SSH_ASKPASS_REQUIRE", "force").env("LC_ALL", "C");
        if std::env::var_os("DISPLAY").is_none() {
            command.env("DISPLAY", "none:0");
        }
        if let Some(port) = location.port {
            command.args(["-p", &port.to_string()]);
        }
        if let Some(user) = &location.user {
            command.args(["-l", user]);
        }
        command.args(["-s", "--", &location.host, "sftp"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // SAFETY: setsid is a bare system call: no allocation, no lock between fork and exec.
        unsafe {
            command.pre_exec(|| {
                // Without a terminal of its own it cannot ask there, nor hear a Ctrl-C that is meant for us.
                rustix::process::setsid()?;
                Ok(())
            });
        }
        let mut child = command.spawn()?;
        match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok(Pipes { child, stdin, stdout, stderr }),
            _ => Err(io::Error::from(io::ErrorKind::BrokenPipe)),
        }
    }
}

/// Waits for at most `limit` in which nobody was being asked; `None` when that is over.
async fn attended<T>(work: impl Future<Output = T>, asked: &AtomicU64, limit: Duration) -> Option<T> {
    let mut work = std::pin::pin!(work);
    let mut before = asked.load(Ordering::Relaxed);
    loop {
        match timeout(limit, &mut work).await {
            Ok(done) => return Some(done),
            Err(_) => {
                let now = asked.load(Ordering::Relaxed);
                let is_open = now % 2 == 1;
                if now == before && !is_open {
                    return None;
                }
                before = now;
            }
        }
    }
}
