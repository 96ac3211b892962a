//! Writing a file back to the disk while more of it is made, so that its end has little left to wait for.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

/// Bytes between two requests; a smaller file needs no thread.
const STEP: u64 = 32 << 20;

/// A thread that makes durable what was written so far, whenever it is asked.
///
/// It shares the open file, and with it the kernel's one-time notice of a failed write: its errors are kept for
/// [`finish`](Self::finish), because the last `fsync` would not repeat them.
#[derive(Default)]
pub(super) struct Behind {
    worker: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
    asked: u64,
}

impl Behind {
    /// Says how much has been written. Never waits.
    pub(super) fn reached(&mut self, file: &File, written: u64) {
        if written.saturating_sub(self.asked) < STEP {
            return;
        }
        self.asked = written;
        if self.worker.is_none() {
            self.worker = start(file).ok(); // without it the last `fsync` does it all
        }
        if let Some((ask, _)) = &self.worker {
            let _ = ask.try_send(()); // busy: it will be asked again; ended: `finish` says why
        }
    }

    /// Waits for the thread.
    ///
    /// # Errors
    ///
    /// What the operating system said when bytes could not be written back.
    pub(super) fn finish(self) -> io::Result<()> {
        let Some((ask, worker)) = self.worker else { return Ok(()) };
        drop(ask);
        worker.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes to the disk died")))
    }
}

fn start(file: &File) -> io::Result<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let file = file.try_clone()?;
    let (ask, asked) = sync_channel::<()>(1);
    let worker = Builder::new().name("write back".to_owned()).spawn(move || {
        while asked.recv().is_ok() {
            file.sync_data()?;
        }
        Ok(())
    })?;
    Ok((ask, worker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_large_file_gets_a_thread_and_its_end_is_waited_for() {
        let file = tempfile::tempfile().unwrap();
        let mut behind = Behind::default();
        behind.reached(&file, STEP - 1);
        assert!(behind.worker.is_none());
        behind.reached(&file, STEP);
        assert!(behind.worker.is_some());
        behind.reached(&file, 3 * STEP);
        behind.finish().unwrap();
    }

    #[test]
    fn an_error_on_the_way_is_the_error_at_the_end() {
        let (ask, asked) = sync_channel(1);
        let failing = move || asked.recv().map_or(Ok(()), |()| Err(io::ErrorKind::StorageFull.into()));
        ask.send(()).unwrap();
        let behind = Behind { worker: Some((ask, std::thread::spawn(failing))), asked: 0 };
        assert_eq!(behind.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
