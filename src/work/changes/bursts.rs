//! What stands out: many rows of one kind in one table within a short time.

use std::collections::BTreeMap;

use crate::model::change::ChangeKind;
use crate::model::changes::{Burst, Histogram};
use crate::model::units::{Moment, grouped};
use crate::work::changes::stats::Stats;

/// Fewer rows never are a burst.
const LEAST: u64 = 100;
/// How many times the usual rows of a bar a burst has.
const TIMES: u64 = 10;
/// How many are kept.
const MOST: usize = 20;
/// Large transactions that are remembered.
const LARGE: usize = 256;

/// A transaction with many rows of one kind in one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Large {
    pub table: u32,
    pub kind: ChangeKind,
    pub rows: u64,
    pub at: Moment,
    pub entry: u64,
}

/// The largest transactions, and no more of them than are worth it.
#[derive(Debug, Default)]
pub struct Largest {
    seen: Vec<Large>,
}

impl Largest {
    pub fn see(&mut self, one: Large) {
        if self.seen.len() == LARGE * 2 {
            self.seen.sort_by_key(|large| std::cmp::Reverse(large.rows));
            self.seen.truncate(LARGE);
        }
        let least = if self.seen.len() >= LARGE { self.seen[LARGE - 1].rows } else { 0 };
        if one.rows > least || self.seen.len() < LARGE {
            self.seen.push(one);
        }
    }

    fn within(&self, table: u32, kind: ChangeKind, (from, to): (Moment, Moment)) -> Option<Large> {
        let fits = |large: &&Large| large.table == table && large.kind == kind && large.at >= from && large.at < to;
        self.seen.iter().filter(fits).max_by_key(|large| large.rows).copied()
    }
}

struct Hot {
    from: i64,
    to: i64,
    rows: u64,
    transactions: u64,
}

/// A bar: when it begins, rows, transactions.
type Bar = (i64, u64, u64);

/// Finds them, the greatest first.
pub fn find(stats: &Stats) -> Vec<Burst> {
    let histogram: &Histogram = &stats.histogram;
    let width = histogram.width() * 1000;
    let mut series: BTreeMap<(u32, ChangeKind), Vec<Bar>> = BTreeMap::new();
    for (table, kind, at, rows, transactions) in histogram.raw() {
        series.entry((table, kind)).or_default().push((at.0, rows, transactions));
    }
    let mut found = vec![];
    for ((table, kind), bars) in series {
        for hot in hot(&bars, width) {
            let span = (Moment(hot.from), Moment(hot.to));
            let Some(largest) = stats.largest.within(table, kind, span) else { continue };
            let name = stats.name(table);
            let (rows, transactions) = (hot.rows, hot.transactions);
            let (second, verb) = (largest.at.second().split_off(11), verb(kind));
            let how = match transactions {
                1 => format!("at {second} in one transaction"),
                _ => {
                    let (from, to) = (span.0.second().split_off(11), span.1.second().split_off(11));
                    format!("from {from} to {to} in {} transactions", grouped(transactions))
                }
            };
            let words = format!("{name}: {} {verb} {how}", grouped(rows));
            found.push(Burst {
                table: name,
                kind,
                rows,
                from: span.0,
                to: span.1,
                transactions,
                entry: largest.entry,
                words,
            });
        }
    }
    found.sort_by_key(|burst| std::cmp::Reverse(burst.rows));
    found.truncate(MOST);
    found
}

fn verb(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Insert => "inserts",
        ChangeKind::Update => "updates",
        ChangeKind::Delete => "deletes",
    }
}

/// Bars far above the usual one, neighbours joined.
fn hot(bars: &[Bar], width: i64) -> Vec<Hot> {
    let mut rows: Vec<u64> = bars.iter().map(|(_, rows, _)| *rows).collect();
    rows.sort_unstable();
    let all: u64 = rows.iter().sum();
    let usual = rows[rows.len() / 2];
    let is_hot = |rows: u64| rows >= LEAST && (rows >= usual.saturating_mul(TIMES) || rows * 2 >= all);
    let mut found: Vec<Hot> = vec![];
    for (at, rows, transactions) in bars.iter().filter(|(_, rows, _)| is_hot(*rows)) {
        match found.last_mut() {
            Some(last) if *at <= last.to => {
                last.to = at + width;
                last.rows += rows;
                last.transactions += transactions;
            }
            _ => found.push(Hot { from: *at, to: at + width, rows: *rows, transactions: *transactions }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_far_above_the_usual_and_its_neighbours_belong_to_it() {
        let mut bars: Vec<Bar> = (0..60).map(|second| (second * 1000, 20, 1)).collect();
        bars[30].1 = 5_000;
        bars[31].1 = 700;
        let found = hot(&bars, 1000);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].from, found[0].to, found[0].rows), (30_000, 32_000, 5_700));
        assert!(hot(&[(0, 20, 1), (1000, 20, 1)], 1000).is_empty());
        assert_eq!(hot(&[(0, 500, 1)], 1000).len(), 1);
    }

    #[test]
    fn the_largest_transactions_are_kept_in_bounded_memory() {
        let mut largest = Largest::default();
        for entry in 0..10_000 {
            let rows = (entry * 7919) % 10_007;
            largest.see(Large { table: 0, kind: ChangeKind::Delete, rows, at: Moment(0), entry });
        }
        assert!(largest.seen.len() <= LARGE * 2);
        let most = (0..10_000_u64).map(|entry| (entry * 7919) % 10_007).max().unwrap();
        assert_eq!(largest.within(0, ChangeKind::Delete, (Moment(0), Moment(1))).unwrap().rows, most);
    }
}
