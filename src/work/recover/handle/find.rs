//! Statements are searched one window of the logs after another, so that none of them is out of reach.

use std::ops::Range;

use crate::model::changes::Direction;
use crate::model::script::ScriptStatement;
use crate::report::{Report, Reportable};
use crate::work::recover::handle::pages::statement;
use crate::work::recover::handle::{RecoveryHandle, aside};
use crate::work::recover::made::{Made, Wish};

/// Statements that are looked at before a search tells how far it is.
const STEP: u64 = 50_000;

/// How far a search came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The statement of that number fits.
    At(u64),
    /// None of those that were looked at does. These are left; nothing: it has looked at all.
    NotYet(Range<u64>),
}

impl RecoveryHandle {
    /// Looks for a statement that fits: of those `among` which it is to be, the first one, or, backward, the last one.
    /// It answers after a while at the latest, however many there are.
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or not yet.
    pub async fn find(
        &self,
        among: Range<u64>,
        direction: Direction,
        fits: impl Fn(&ScriptStatement) -> bool + Send + 'static,
    ) -> Result<Found, Report> {
        let (made, handle) = (self.ready()?, self.clone());
        aside(move || handle.look(&made, among, direction, &fits)).await
    }

    /// Makes statements known that were on no page of late, so that something can be chosen for them.
    ///
    /// # Errors
    ///
    /// When the logs cannot be read any more, or not yet.
    pub async fn see(&self, mut numbers: Vec<u64>) -> Result<(), Report> {
        let (made, handle) = (self.ready()?, self.clone());
        numbers.sort_unstable();
        aside(move || {
            let wish = handle.wish(&made);
            let windows = made.windows().map_err(|error| error.report())?;
            let mut known: Option<Range<u64>> = None;
            for number in &numbers {
                if known.as_ref().is_some_and(|known| known.contains(number)) {
                    continue;
                }
                let (at, window) = holding(windows, *number);
                if at == windows.len() {
                    continue; // whoever decides says that there is no such statement
                }
                let rows = made.window(&wish, at).map_err(|error| error.report())?;
                let rows = (window.start..).zip(rows).filter(|(number, _)| numbers.binary_search(number).is_ok());
                handle.state().serve(&rows.collect::<Vec<_>>());
                known = Some(window);
            }
            Ok(())
        })
        .await
    }

    /// Whether all these statements were on a page of late, or were [seen](Self::see).
    pub fn has_seen(&self, numbers: &[u64]) -> bool {
        let state = self.state();
        numbers.iter().all(|number| state.has_seen(*number))
    }

    fn look(
        &self,
        made: &Made,
        among: Range<u64>,
        direction: Direction,
        fits: &dyn Fn(&ScriptStatement) -> bool,
    ) -> Result<Found, Report> {
        let wish = self.wish(made);
        let windows = made.windows().map_err(|error| error.report())?;
        let all = windows.iter().sum();
        let (mut left, mut looked) = (among.start..among.end.min(all), 0);
        while !left.is_empty() && looked < STEP {
            let next = if direction == Direction::Forward { left.start } else { left.end - 1 };
            let (at, window) = holding(windows, next);
            if let Some(number) = self.look_at(made, &wish, (at, window.start), &left, direction, fits)? {
                return Ok(Found::At(number));
            }
            let before = left.end - left.start;
            match direction {
                Direction::Forward => left.start = window.end.min(left.end),
                Direction::Backward => left.end = window.start.max(left.start),
            }
            looked += before - (left.end - left.start);
        }
        Ok(Found::NotYet(left))
    }

    /// Looks at the statements of one window that are `left`; `first` is the number of its first one.
    fn look_at(
        &self,
        made: &Made,
        wish: &Wish<'_>,
        (at, first): (usize, u64),
        left: &Range<u64>,
        direction: Direction,
        fits: &dyn Fn(&ScriptStatement) -> bool,
    ) -> Result<Option<u64>, Report> {
        let rows = made.window(wish, at).map_err(|error| error.report())?;
        let state = self.state();
        let numbered = (first..).zip(rows).filter(|(number, _)| left.contains(number));
        let mut fitting = numbered.map(|(number, row)| statement(&state, number, row)).filter(|one| fits(one));
        let found = if direction == Direction::Forward { fitting.next() } else { fitting.last() };
        Ok(found.map(|statement| statement.number))
    }
}

/// The window that holds a statement, and the numbers of its statements.
fn holding(windows: &[u64], number: u64) -> (usize, Range<u64>) {
    let mut first = 0;
    for (at, changes) in windows.iter().enumerate() {
        if number < first + changes {
            return (at, first..first + changes);
        }
        first += changes;
    }
    (windows.len(), first..u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_lies_in_the_window_that_counts_it() {
        let windows = [3, 0, 2];
        for (number, wanted) in [(0, (0, 0..3)), (2, (0, 0..3)), (3, (2, 3..5)), (4, (2, 3..5))] {
            assert_eq!(holding(&windows, number), wanted);
        }
    }
}
