//! How long to put up with failures that may pass.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::target::error::StoreError;

/// Time limits and retries of one target.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the first byte of an answer.
    pub answer: Duration,
    /// Between two pieces of a body; then the request is made again from there.
    pub stall: Duration,
    /// After this long without a byte, whoever watches is told what is being waited for.
    pub notice: Duration,
    /// Attempts without a byte of progress, the first one included.
    pub tries: u32,
    /// Before the second attempt; doubles each time.
    pub first_pause: Duration,
    /// Never more than this.
    pub longest_pause: Duration,
    /// Between 0 and 1: how much of the pause is taken, so that many clients do not knock at once.
    pub jitter: fn() -> f64,
}

impl Default for Patience {
    /// About two minutes without progress.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            notice: Duration::from_secs(3),
            tries: 8,
            first_pause: Duration::from_millis(300),
            longest_pause: Duration::from_secs(20),
            jitter: random_part,
        }
    }
}

impl Patience {
    /// The pause after `failures` failed attempts in a row; `None` when it is time to give up.
    ///
    /// Between half and all of `first_pause * 2^(failures - 1)`, at most `longest_pause`.
    pub fn pause(&self, failures: u32) -> Option<Duration> {
        if failures >= self.tries {
            return None;
        }
        let doubled = self.first_pause.saturating_mul(1u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        Some(doubled.min(self.longest_pause).mul_f64(0.5 + 0.5 * (self.jitter)().clamp(0.0, 1.0)))
    }

    /// Runs `attempt` until it succeeds, fails for good, or patience is over.
    pub async fn persist<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut failures = 0;
        loop {
            let error = match attempt().await {
                Err(error) if error.is_transient() => error,
                settled => return settled,
            };
            failures += 1;
            match self.pause(failures) {
                Some(pause) => {
                    tracing::debug!(failures, ?pause, %error, "trying again");
                    tokio::time::sleep(pause).await;
                }
                None => return Err(StoreError::GaveUp { tries: failures, last: Box::new(error) }),
            }
        }
    }
}

/// Not for secrets: the standard library's random hash seed.
fn random_part() -> f64 {
    RandomState::new().build_hasher().finish() as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady() -> Patience {
        Patience { jitter: || 1.0, ..Patience::default() }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_tries() {
        let pauses: Vec<_> = (1..9).map(|failures| steady().pause(failures).map(|pause| pause.as_millis())).collect();
        let expected = [300, 600, 1200, 2400, 4800, 9600, 19_200].map(Some);
        assert_eq!(pauses[..7], expected);
        assert_eq!(pauses[7], None);
        let patient = Patience { tries: 1000, ..steady() };
        assert_eq!(patient.pause(999), Some(patient.longest_pause));
    }

    #[test]
    fn jitter_never_leaves_half_the_pause() {
        for _ in 0..200 {
            let pause = Patience::default().pause(2).unwrap().as_millis();
            assert!((300..=600).contains(&pause), "{pause}");
        }
    }

    #[tokio::test]
    async fn only_what_may_pass_is_tried_again() {
        let hasty = Patience { first_pause: Duration::ZERO, tries: 3, ..steady() };
        let busy = StoreError::Busy { place: "t".into(), answer: "503".into() };
        let mut calls = 0;
        let given_up: Result<(), _> = hasty
            .persist(|| {
                calls += 1;
                std::future::ready(Err(busy.clone()))
            })
            .await;
        assert_eq!(given_up, Err(StoreError::GaveUp { tries: 3, last: Box::new(busy) }));
        let gone = StoreError::NotFound { place: "t".into() };
        let settled: Result<(), _> = hasty
            .persist(|| {
                calls += 10;
                std::future::ready(Err(gone.clone()))
            })
            .await;
        assert_eq!((settled, calls), (Err(gone), 13));
    }
}
