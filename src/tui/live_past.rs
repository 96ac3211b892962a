//! Reading the past beside the loop, one reading at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};

use crate::tui::msg::Msg;
use crate::work::session::Session;

/// The least time between two readings while listings go on.
const PAUSE: Duration = Duration::from_millis(500);

/// Reads the past when it is asked for, and again when it has changed since. Cheap to clone.
#[derive(Clone)]
pub struct PastReader(Arc<Inner>);

#[derive(Default)]
struct Inner {
    wanted: AtomicBool,
    bell: Notify,
}

impl PastReader {
    /// Starts the task; it reads nothing yet.
    pub fn start(session: Session, sender: mpsc::Sender<Msg>) -> Self {
        let reader = Self(Arc::default());
        let inner = reader.0.clone();
        tokio::spawn(async move {
            loop {
                inner.bell.notified().await;
                let read = session.history().await.map_err(Box::new);
                if sender.send(Msg::Past(read)).await.is_err() {
                    return; // the loop has ended
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        reader
    }

    /// Reads it now; from now on it is kept up to date.
    pub fn read(&self) {
        self.0.wanted.store(true, Ordering::Release);
        self.0.bell.notify_one();
    }

    /// It has changed: reads it again if anybody looks at it.
    pub fn read_again(&self) {
        if self.0.wanted.load(Ordering::Acquire) {
            self.0.bell.notify_one();
        }
    }
}
