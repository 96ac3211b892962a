//! Work on several threads whose results come in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How far ahead of what was taken each thread may be.
const AHEAD: usize = 2;

/// What the threads and the taker agree on.
struct Line<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The next one to be made.
    next: usize,
    /// How many were taken.
    taken: usize,
    made: BTreeMap<usize, T>,
    stopped: bool,
}

/// Makes `count` things on `threads` threads and hands them to `take` in order; each thread has a desk of its own.
/// What is made does not wait for more than a few others.
///
/// # Errors
///
/// The first that `take` returns; then nothing more is made.
pub(in crate::change) fn ordered<D, T: Send, E>(
    (count, threads): (usize, usize),
    desk: impl Fn() -> D + Sync,
    make: impl Fn(&mut D, usize) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let threads = threads.clamp(1, count.max(1));
    let state = State { next: 0, taken: 0, made: BTreeMap::new(), stopped: false };
    let line = Line { state: Mutex::new(state), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // A thread that panics must not leave the others waiting for it.
                let _stop = StopOnPanic(&line);
                let mut desk = desk();
                while let Some(number) = line.next(count, threads * AHEAD) {
                    let made = make(&mut desk, number);
                    line.put(number, made);
                }
            });
        }
        let result = (0..count).map_while(|number| line.take(number)).try_for_each(&mut take);
        line.stop();
        result
    })
}

struct StopOnPanic<'l, T>(&'l Line<T>);

impl<T> Drop for StopOnPanic<'_, T> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

impl<T> Line<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'l>(&'l self, state: MutexGuard<'l, State<T>>) -> MutexGuard<'l, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number to be made, as soon as it is not too far ahead.
    fn next(&self, count: usize, ahead: usize) -> Option<usize> {
        let mut state = self.state();
        loop {
            if state.stopped || state.next >= count {
                return None;
            }
            if state.next < state.taken + ahead {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.wait(state);
        }
    }

    fn put(&self, number: usize, made: T) {
        self.state().made.insert(number, made);
        self.changed.notify_all();
    }

    fn take(&self, number: usize) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(made) = state.made.remove(&number) {
                state.taken = number + 1;
                self.changed.notify_all();
                return Some(made);
            }
            if state.stopped {
                return None;
            }
            state = self.wait(state);
        }
    }

    fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_threads_do() {
        for threads in [1, 2, 7] {
            let mut seen = vec![];
            let made = ordered(
                (100, threads),
                || (),
                |(), number| number * number,
                |made| {
                    seen.push(made);
                    Ok::<_, ()>(())
                },
            );
            assert_eq!(made, Ok(()));
            assert_eq!(seen, (0..100).map(|number| number * number).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_goes_on_behind_an_error() {
        let stopped = ordered((1000, 3), || (), |(), number| number, |made| if made == 5 { Err(made) } else { Ok(()) });
        assert_eq!(stopped, Err(5));
        assert_eq!(ordered((0, 3), || (), |(), number| number, Err), Ok(()));
    }
}
