//! Passwords: from a file, the environment, a command; wiped after use.

use std::env;
use std::io::{Read, Take};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use crate::model::sink::{PasswordSource, ServerRef};
use crate::server::error::ServerError;
use crate::server::options;

/// The longest password, in bytes.
const LONGEST: u64 = 4096;
/// How long a password command may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A password in memory of ours: wiped on drop, never shown.
pub struct Password(Zeroizing<Vec<u8>>);

impl Password {
    /// Takes the bytes over; an empty one is a password too.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes. Never draw, log or store them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// What a server's [`PasswordSource`] gives, or `None` where it names none.
///
/// `Held` gives `None` here: that one is in the caller's hands. Blocks on files and on the command
/// (30 seconds at most), so call it where blocking is allowed. What a person should know about the
/// source goes to `remarks`.
///
/// # Errors
///
/// [`ServerError::NoPassword`] when the source is empty or fails, [`ServerError::WritableByOthers`]
/// and [`ServerError::Unreadable`] for files.
pub fn password_of(server: &ServerRef, remarks: &mut Vec<String>) -> Result<Option<Password>, ServerError> {
    let missing = |what| ServerError::NoPassword { server: server.label(), what };
    match &server.password {
        PasswordSource::OptionFile | PasswordSource::Held(_) => Ok(None),
        PasswordSource::File(path) => read_file(path, remarks).map(first_line).map(Some),
        PasswordSource::Env(name) => match env::var_os(name) {
            Some(value) => Ok(Some(Password::new(value.into_encoded_bytes()))),
            None => Err(missing("the environment variable is not set")),
        },
        PasswordSource::Command(line) => run(line, PATIENCE).map(Some).map_err(missing),
    }
}

fn read_file(path: &Path, remarks: &mut Vec<String>) -> Result<Zeroizing<Vec<u8>>, ServerError> {
    let unreadable = |source| ServerError::Unreadable { path: path.to_owned(), source };
    let file = options::open_trusted(path)?;
    let facts = file.metadata().map_err(unreadable)?;
    if facts.is_file() && facts.mode() & 0o044 != 0 {
        remarks.push(format!("{} holds a password and can be read by others", path.display()));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    file.take(LONGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

fn first_line(bytes: Zeroizing<Vec<u8>>) -> Password {
    let line = bytes.split(|&b| b == b'\n').next().unwrap_or_default();
    Password::new(line.strip_suffix(b"\r").unwrap_or(line).to_vec())
}

/// Runs `sh -c LINE` in a process group of its own, without a terminal on its input.
fn run(line: &str, patience: Duration) -> Result<Password, &'static str> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|_| "the password command cannot be started")?;
    let deadline = Instant::now() + patience;
    let output = collect(&mut child, deadline);
    if output.is_err() {
        end(&mut child);
        return output.map(first_line);
    }
    // The output has ended, so the command is about to: what outlives the deadline is ended.
    let success = match child.try_wait() {
        Ok(Some(status)) => status.success(),
        _ if Instant::now() < deadline => child.wait().is_ok_and(|status| status.success()),
        _ => false,
    };
    end(&mut child);
    if success { output.map(first_line) } else { Err("the password command failed") }
}

fn collect(child: &mut Child, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let stdout = child.stdout.take().expect("the output was asked to be a pipe");
    let mut pipe: Take<_> = stdout.take(LONGEST + 1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST as usize + 1));
    let mut piece = Zeroizing::new([0; 512]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(pipe.get_ref(), PollFlags::IN)], Some(&wait)) {
            Ok(0) => return Err("the password command takes too long"),
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Err("the password command cannot be read"),
            Ok(_) => {}
        }
        match pipe.read(&mut *piece) {
            Ok(0) if bytes.len() as u64 > LONGEST => return Err("the password command says too much"),
            Ok(0) if bytes.is_empty() => return Err("the password command says nothing"),
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(&piece[..n]),
            Err(_) => return Err("the password command cannot be read"),
        }
    }
}

fn end(child: &mut Child) {
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Result<Vec<u8>, &'static str> {
        run(line, Duration::from_millis(300)).map(|password| password.expose().to_vec())
    }

    #[test]
    fn a_command_gives_its_first_line() {
        assert_eq!(said("printf 'se cret\\r\\nmore'"), Ok(b"se cret".to_vec()));
        assert_eq!(said("exit 3"), Err("the password command says nothing"));
        assert_eq!(said("echo x; exit 3"), Err("the password command failed"));
    }

    #[test]
    fn a_command_that_hangs_or_babbles_is_ended() {
        assert_eq!(said("sleep 60"), Err("the password command takes too long"));
        assert_eq!(said("yes"), Err("the password command says too much"));
        assert_eq!(said("(sleep 60 &) ; echo x"), Err("the password command takes too long"));
    }
}
