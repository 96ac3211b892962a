//! When transactions were committed, where their own events tell another time: XA transactions are committed long after
//! their rows were logged, statements that waited are dated by their beginning, and sessions may set their clock.
//!
//! A log is in the order of its commits. So no transaction was committed before the latest time in front of it, unless a
//! clock was set: what lies too far behind that may have been committed at either time.

use std::collections::BTreeMap;

use crate::change::gtid::Xid;
use crate::model::change::{Gtid, Place, TransactionFacts};
use crate::model::units::Moment;

/// The longest time, in milliseconds, that a statement is thought to run or to wait: behind that, a clock was set.
const PATIENCE: i64 = 3_600_000;

/// What a first pass found of the times of transactions, by where they begin.
#[derive(Debug, Default)]
pub struct Clocks {
    /// Stretches of the log with times before the latest one in front of them: to where, and that time.
    behind: BTreeMap<Place, (Place, Moment)>,
    /// Transactions with a time that others far behind contradict, and the earliest time behind them.
    ahead: BTreeMap<Place, Moment>,
    /// Prepared transactions and their commits.
    decided: BTreeMap<Place, (Moment, Option<Gtid>)>,
}

impl Clocks {
    /// What is known of a transaction that begins there.
    pub(super) fn correct(&self, file: u32, facts: &mut TransactionFacts) {
        let place = Place { file, position: facts.start, inner: 0 };
        if let Some((at, gtid)) = self.decided.get(&place) {
            facts.committed_at = *at;
            facts.decided_by.clone_from(gtid);
            return;
        }
        facts.or_at = self.ahead.get(&place).copied();
        let behind = self.behind.range(..=place).next_back().filter(|(_, (last, _))| place <= *last);
        let Some((_, (_, latest))) = behind else { return };
        match latest.0 - facts.committed_at.0 {
            ..=0 => {}
            1..=PATIENCE => facts.committed_at = *latest,
            _ => facts.or_at = Some(*latest),
        }
    }
}

/// Finds them. Memory grows with what stands out of order and with XA transactions, not with the log.
#[derive(Debug, Default)]
pub struct ClockSurvey {
    clocks: Clocks,
    /// The latest time so far, and where.
    latest: Option<(Place, Moment)>,
    /// Where the stretch that is behind it begins.
    behind: Option<Place>,
    open: Option<Place>,
    prepared: BTreeMap<Xid, Place>,
}

impl ClockSurvey {
    /// A transaction begins, or a statement stands alone.
    pub fn begin(&mut self, file: u32, facts: &TransactionFacts) {
        let place = Place { file, position: facts.start, inner: 0 };
        self.open = Some(place);
        let at = facts.committed_at;
        match self.latest {
            Some((peak, latest)) if at < latest => {
                let first = *self.behind.get_or_insert(place);
                self.clocks.behind.insert(first, (place, latest));
                if latest.0 - at.0 > PATIENCE {
                    let earliest = self.clocks.ahead.entry(peak).or_insert(at);
                    *earliest = at.min(*earliest);
                }
            }
            Some((_, latest)) if at == latest => {}
            _ => (self.latest, self.behind) = (Some((place, at)), None),
        }
    }

    /// The transaction that began last is prepared.
    pub fn prepare(&mut self, xid: Xid) {
        if let Some(place) = self.open.take() {
            self.prepared.insert(xid, place);
        }
    }

    /// A prepared transaction is committed or rolled back; with what is known of that.
    pub fn decide(&mut self, file: u32, (xid, stays): (&Xid, bool), facts: &TransactionFacts) {
        self.begin(file, facts);
        if let Some(place) = self.prepared.remove(xid).filter(|_| stays) {
            let at = match self.latest {
                Some((_, latest)) if latest.0 - facts.committed_at.0 <= PATIENCE => latest,
                _ => facts.committed_at,
            };
            self.clocks.decided.insert(place, (at, facts.gtid.clone()));
        }
    }

    /// What was found.
    pub fn finish(self) -> Clocks {
        self.clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::change::BinlogPos;

    fn facts(start: u64, minutes: i64) -> TransactionFacts {
        TransactionFacts { start: BinlogPos(start), committed_at: Moment(minutes * 60_000), ..Default::default() }
    }

    /// What becomes of transactions with these times, in minutes.
    fn corrected(times: &[i64]) -> Vec<(i64, Option<i64>)> {
        let all: Vec<_> = (1..).zip(times).map(|(start, at)| facts(start, *at)).collect();
        let mut survey = ClockSurvey::default();
        all.iter().for_each(|facts| survey.begin(0, facts));
        let clocks = survey.finish();
        let minutes = |at: Moment| at.0 / 60_000;
        let correct = |mut facts: TransactionFacts| {
            clocks.correct(0, &mut facts);
            (minutes(facts.committed_at), facts.or_at.map(minutes))
        };
        all.into_iter().map(correct).collect()
    }

    #[test]
    fn d49_no_transaction_is_committed_before_one_in_front_of_it() {
        let plain = |times: &[i64]| times.iter().map(|at| (*at, None)).collect::<Vec<_>>();
        assert_eq!(corrected(&[1, 2, 2, 3]), plain(&[1, 2, 2, 3]));
        assert_eq!(corrected(&[1, 9, 5, 9, 6, 12, 11, 13]), plain(&[1, 9, 9, 9, 9, 12, 12, 13]));
    }

    #[test]
    fn d49_of_a_clock_that_was_set_both_times_are_kept() {
        // Back, and ahead: who is wrong cannot be told.
        assert_eq!(corrected(&[500, 1, 501]), [(500, Some(1)), (1, Some(500)), (501, None)]);
        let ahead = corrected(&[500, 900, 501, 502]);
        assert_eq!(ahead, [(500, None), (900, Some(501)), (501, Some(900)), (502, Some(900))]);
    }

    #[test]
    fn d49_a_prepared_transaction_has_the_time_of_its_commit() {
        let xid = Xid { format: 1, global: vec![7], branch: vec![] };
        let mut survey = ClockSurvey::default();
        let (prepare, between, commit) = (facts(1, 10), facts(2, 20), facts(3, 30));
        survey.begin(0, &prepare);
        survey.prepare(xid.clone());
        survey.begin(0, &between);
        survey.decide(0, (&xid, true), &commit);
        let (clocks, mut of) = (survey.finish(), prepare);
        clocks.correct(0, &mut of);
        assert_eq!(of.committed_at, commit.committed_at);
    }
}
