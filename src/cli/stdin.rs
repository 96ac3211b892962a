//! Standard input that can be given up: a read that waits for a pipe must not outlive ctrl-c.

use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio_util::sync::CancellationToken;

/// How long one wait lasts before the cancellation is looked at again.
const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Standard input, unbuffered.
pub struct WatchedStdin {
    stdin: io::Stdin,
    cancel: CancellationToken,
}

impl WatchedStdin {
    /// Reads fail once the token is cancelled.
    pub fn new(cancel: CancellationToken) -> Self {
        Self { stdin: io::stdin(), cancel }
    }
}

impl Read for WatchedStdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.cancel.is_cancelled() {
                return Err(io::Error::other("stopped"));
            }
            let mut fds = [PollFd::new(&self.stdin, PollFlags::IN)];
            match poll(&mut fds, Some(&WAIT)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(rustix::io::read(self.stdin.as_fd(), buf)?),
                Err(error) => return Err(error.into()),
            }
        }
    }
}
