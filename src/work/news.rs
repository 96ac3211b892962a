//! Telling whoever shows the session that something changed. Bounded, and nothing gets lost: the
//! news says only *what* to look at again, and looking shows the newest state.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::sync::Notify;

/// What changed since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed(u16);

impl Changed {
    /// The catalog or a target's state.
    pub const CATALOG: Self = Self(1);
    /// Keys were loaded or locked.
    pub const KEYS: Self = Self(2);
    /// A job began, ended, or wrote a line.
    pub const JOBS: Self = Self(4);
    /// A job's progress.
    pub const PROGRESS: Self = Self(8);
    /// The audit log has a new record.
    pub const AUDIT: Self = Self(16);
    /// A server was armed or its arming ended.
    pub const ARMED: Self = Self(32);
    /// A change source: its view has grown or is complete.
    pub const CHANGES: Self = Self(64);
    /// A recovery: its view has grown, or rows were looked at.
    pub const RECOVERY: Self = Self(128);
    /// Runs were told of.
    pub const RUNS: Self = Self(256);

    /// Whether this includes that.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// The board on which changes are noted. Cheap to clone.
#[derive(Clone, Default)]
pub struct News(Arc<Inner>);

#[derive(Default)]
struct Inner {
    flags: AtomicU16,
    bell: Notify,
}

impl News {
    /// Notes a change and wakes the reader.
    pub fn tell(&self, what: Changed) {
        self.0.flags.fetch_or(what.0, Ordering::AcqRel);
        self.0.bell.notify_one();
    }

    /// Waits until something changed, and takes the notes. One reader.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost when the future is dropped.
    pub async fn changed(&self) -> Changed {
        loop {
            let flags = self.0.flags.swap(0, Ordering::AcqRel);
            if flags != 0 {
                return Changed(flags);
            }
            self.0.bell.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn news_told_while_nobody_waits_is_not_lost() {
        let news = News::default();
        news.tell(Changed::KEYS);
        news.tell(Changed::JOBS);
        let changed = news.changed().await;
        assert!(changed.has(Changed::KEYS) && changed.has(Changed::JOBS) && !changed.has(Changed::CATALOG));
    }
}
