//! What a file says of itself beside its rows: its times, its GTIDs, and those of the files before it.

use std::collections::BTreeMap;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::frame::Event;
use crate::change::gtid;
use crate::change::kind;
use crate::model::change::Gtid;

/// Server and tag of a series of MySQL's numbers.
type Series = ([u8; 16], Option<Box<str>>);
/// The most intervals that a list may have: no server comes near it.
const INTERVALS: u64 = 1 << 20;

/// Times and GTIDs of one file.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Seconds since 1970 of the first event that has a time.
    pub first: Option<u32>,
    /// And of the last one.
    pub last: Option<u32>,
    /// GTIDs that are in the file.
    pub here: Known,
    /// GTIDs that were there before it, as it says itself.
    pub before: Option<Known>,
    /// The server that began it.
    pub server: Option<u32>,
}

/// GTIDs that are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// MySQL's, as intervals with both ends in them, in order.
    mysql: BTreeMap<Series, Vec<(u64, u64)>>,
    /// MariaDB's: the highest number of each domain and server.
    mariadb: BTreeMap<(u32, u32), u64>,
}

impl Trace {
    /// Why the file does not go on where another one ends, of which this is the trace; `known` are the GTIDs up to there.
    pub fn is_not_behind(&self, last: &Self, known: &Known) -> Option<String> {
        let said = self.before.as_ref();
        if let Some(gtid) = said.and_then(|said| known.unknown_to(said)) {
            return Some(format!("it does not know of {gtid}, which is there before it"));
        }
        // GTIDs that fit each other tell more than clocks, which sessions and replicas set, and numbers of servers.
        if !known.is_empty() && said.is_some_and(|said| !said.is_empty()) {
            return None;
        }
        if let (Some(first), Some(before)) = (self.first, last.first)
            && first < before
        {
            return Some("it was begun before that one".to_owned());
        }
        let (one, other) = (last.server?, self.server?);
        (one != other).then(|| format!("server {other} wrote it, and server {one} the one before"))
    }

    #[inline]
    pub(super) fn see(&mut self, event: &Event<'_>) -> Result<(), Broken> {
        self.server.get_or_insert(event.header.server_id);
        if event.header.timestamp != 0 && event.header.flags & kind::FLAG_ARTIFICIAL == 0 {
            self.first.get_or_insert(event.header.timestamp);
            self.last = Some(event.header.timestamp);
        }
        let announced = match event.header.kind {
            kind::PREVIOUS_GTIDS => {
                self.before = Some(Known::previous(event.body)?);
                return Ok(());
            }
            kind::GTID_LIST => {
                self.before = Some(Known::list(event.body)?);
                return Ok(());
            }
            kind::GTID => gtid::mysql(event.body, false)?,
            kind::GTID_TAGGED => gtid::tagged(event.body)?,
            kind::MARIADB_GTID => gtid::mariadb(event.body, event.header.server_id)?,
            _ => return Ok(()),
        };
        announced.gtid.iter().for_each(|gtid| self.here.add(gtid));
        Ok(())
    }
}

impl Known {
    /// Adds one.
    pub fn add(&mut self, gtid: &Gtid) {
        match gtid {
            Gtid::MySql { server, tag, number } => {
                insert(self.mysql.entry((*server, tag.clone())).or_default(), (*number, *number));
            }
            Gtid::MariaDb { domain, server, sequence } => {
                let highest = self.mariadb.entry((*domain, *server)).or_default();
                *highest = (*highest).max(*sequence);
            }
        }
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        for (series, intervals) in &other.mysql {
            let mine = self.mysql.entry(series.clone()).or_default();
            intervals.iter().for_each(|interval| insert(mine, *interval));
        }
        for (key, sequence) in &other.mariadb {
            let highest = self.mariadb.entry(*key).or_default();
            *highest = (*highest).max(*sequence);
        }
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.mysql.is_empty() && self.mariadb.is_empty()
    }

    /// One that is not among the others, as people write it; `None` when all are.
    pub fn beyond(&self, others: &Self) -> Option<String> {
        let mysql = self.mysql.iter().find_map(|(series, intervals)| {
            let theirs = others.mysql.get(series).map(Vec::as_slice).unwrap_or_default();
            let missing = intervals.iter().find_map(|interval| uncovered(*interval, theirs))?;
            Some(Gtid::MySql { server: series.0, tag: series.1.clone(), number: missing }.to_string())
        });
        mysql.or_else(|| {
            let key = self.mariadb.iter().find(|(key, highest)| others.mariadb.get(key) < Some(*highest))?;
            let ((domain, server), sequence) = key;
            Some(Gtid::MariaDb { domain: *domain, server: *server, sequence: *sequence }.to_string())
        })
    }

    /// One that a file does not know of by what it says of those before it. A domain of which it names nothing may have
    /// been taken off MariaDB's list.
    fn unknown_to(&self, said: &Self) -> Option<String> {
        let is_listed = |domain: u32| said.mariadb.is_empty() || said.mariadb.keys().any(|(other, _)| *other == domain);
        let listed = self.mariadb.iter().filter(|((domain, _), _)| is_listed(*domain));
        Self { mysql: self.mysql.clone(), mariadb: listed.map(|(key, highest)| (*key, *highest)).collect() }
            .beyond(said)
    }

    /// MySQL's event at the front of a file. Tagged sets begin with a byte that says so.
    fn previous(body: &[u8]) -> Result<Self, Broken> {
        let mut rest = Bytes::new(body);
        let head = rest.u64()?;
        // The highest byte is 1 where sets have tags; then the number of sets has only six bytes, one further.
        let tagged = head >> 56 == 1;
        let sets = if tagged { head >> 8 & 0xffff_ffff_ffff } else { head };
        let mut known = Self::default();
        let mut total = 0_u64;
        for _ in 0..sets {
            let server: [u8; 16] = rest.array()?;
            let tag = if tagged { gtid::set_tag(&mut rest)? } else { None };
            let count = rest.u64()?;
            total = total.saturating_add(count);
            if total > INTERVALS {
                return Err(Broken("a list of GTIDs that no server writes"));
            }
            let intervals = known.mysql.entry((server, tag)).or_default();
            for _ in 0..count {
                let (from, beyond) = (rest.u64()?, rest.u64()?);
                if from == 0 || beyond <= from {
                    return Err(Broken("an interval of GTIDs that ends before it begins"));
                }
                insert(intervals, (from, beyond - 1));
            }
        }
        Ok(known)
    }

    /// MariaDB's event at the front of a file.
    fn list(body: &[u8]) -> Result<Self, Broken> {
        let mut rest = Bytes::new(body);
        let count = rest.u32()? & 0x0fff_ffff; // four bits of flags on top
        let mut known = Self::default();
        for _ in 0..count {
            let (domain, server, sequence) = (rest.u32()?, rest.u32()?, rest.u64()?);
            known.add(&Gtid::MariaDb { domain, server, sequence });
        }
        Ok(known)
    }
}

/// Adds an interval to sorted ones that do not touch each other.
fn insert(intervals: &mut Vec<(u64, u64)>, (mut from, mut to): (u64, u64)) {
    if let Some(last) = intervals.last_mut()
        && from >= last.0
        && from <= last.1.saturating_add(1)
    {
        last.1 = last.1.max(to); // numbers come in order, nearly always
        return;
    }
    let first = intervals.partition_point(|interval| interval.1.saturating_add(1) < from);
    let behind = intervals.partition_point(|interval| interval.0 <= to.saturating_add(1));
    if first < behind {
        from = from.min(intervals[first].0);
        to = to.max(intervals[behind - 1].1);
    }
    intervals.splice(first..behind, [(from, to)]);
}

/// The first number of an interval that no other interval has.
fn uncovered((from, to): (u64, u64), others: &[(u64, u64)]) -> Option<u64> {
    let mut next = from;
    for (first, last) in others {
        if *first > next {
            break;
        }
        next = next.max(last.saturating_add(1));
    }
    (next <= to).then_some(next)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mysql(number: u64) -> Gtid {
        Gtid::MySql { server: [7; 16], tag: None, number }
    }

    #[test]
    fn d48_a_file_that_does_not_know_what_came_before_it_is_of_another_life() {
        let known = |numbers: &[u64]| {
            let mut known = Known::default();
            numbers.iter().for_each(|number| known.add(&mysql(*number)));
            known
        };
        let trace = |first, before: Option<Known>, server| Trace {
            first: Some(first),
            before,
            server: Some(server),
            ..Trace::default()
        };
        let last = trace(100, None, 1);
        let why = |next: Trace, so_far: &Known| next.is_not_behind(&last, so_far);
        assert!(why(trace(100, Some(known(&[1, 2])), 1), &known(&[1, 2])).is_none());
        assert!(why(trace(101, Some(known(&[1])), 1), &known(&[1, 2])).unwrap().contains(":2,"));
        assert!(why(trace(101, Some(known(&[])), 1), &known(&[1])).is_some());
        // Without GTIDs only clocks and servers tell.
        assert!(why(trace(99, None, 1), &known(&[])).unwrap().contains("begun before"));
        assert!(why(trace(101, None, 2), &known(&[])).unwrap().contains("server 2"));
        assert!(why(trace(101, None, 1), &known(&[])).is_none());
        assert!(why(trace(99, Some(known(&[1])), 2), &known(&[1])).is_none());
    }

    #[test]
    fn d48_a_domain_that_mariadb_forgot_is_no_hole() {
        let known = |of: &[(u32, u64)]| {
            let mut known = Known::default();
            of.iter().for_each(|(domain, sequence)| {
                known.add(&Gtid::MariaDb { domain: *domain, server: 1, sequence: *sequence });
            });
            known
        };
        let so_far = known(&[(0, 5), (7, 3)]);
        assert!(so_far.unknown_to(&known(&[(0, 5)])).is_none());
        assert_eq!(so_far.unknown_to(&known(&[(0, 4)])).unwrap(), "0-1-5");
        assert!(so_far.unknown_to(&known(&[])).is_some());
    }

    proptest! {
        #[test]
        fn intervals_hold_exactly_the_numbers_that_were_added(numbers in proptest::collection::vec(1..60_u64, 0..80)) {
            let mut known = Known::default();
            numbers.iter().for_each(|number| known.add(&mysql(*number)));
            for number in 1..60 {
                let mut one = Known::default();
                one.add(&mysql(number));
                prop_assert_eq!(one.beyond(&known).is_none(), numbers.contains(&number));
            }
            let intervals: Vec<_> = known.mysql.values().flatten().copied().collect();
            prop_assert!(intervals.windows(2).all(|pair| pair[0].1 + 1 < pair[1].0));
        }

        #[test]
        fn lists_of_any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Known::previous(&bytes);
            let _ = Known::list(&bytes);
        }
    }
}
