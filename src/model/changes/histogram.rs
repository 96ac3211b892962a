//! Rows over time in bounded memory: bars of a base width that can only be folded, never split.

use std::collections::BTreeMap;

use crate::model::change::ChangeKind;
use crate::model::changes::Rows;
use crate::model::units::Moment;

/// The most bars of all tables together; more are folded to twice the width.
const BARS: usize = 64 << 10;

/// Rows per table, kind and span of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Seconds of one bar: a power of two.
    width: i64,
    /// By table's index and the bar's number since 1970.
    bars: BTreeMap<(u32, i64), Cell>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Cell {
    rows: Rows,
    /// Transactions with rows of a kind.
    transactions: Rows,
}

impl Cell {
    fn merge(&mut self, other: Self) {
        self.rows.merge(other.rows);
        self.transactions.merge(other.transactions);
    }
}

const KINDS: [ChangeKind; 3] = [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete];

impl Default for Histogram {
    fn default() -> Self {
        Self { width: 1, bars: BTreeMap::new() }
    }
}

/// One bar of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Where it begins.
    pub from: Moment,
    /// Where the next one begins.
    pub to: Moment,
    /// Rows in it.
    pub rows: Rows,
}

impl Histogram {
    /// Seconds of the narrowest bar that can be told.
    pub fn width(&self) -> i64 {
        self.width
    }

    /// Counts a transaction's rows of a table that were committed at a time.
    pub fn add(&mut self, table: u32, at: Moment, rows: Rows) {
        let number = at.0.div_euclid(1000).div_euclid(self.width);
        let mut cell = Cell { rows, ..Cell::default() };
        KINDS.into_iter().filter(|kind| rows.of(*kind) > 0).for_each(|kind| cell.transactions.add(kind, 1));
        self.bars.entry((table, number)).or_default().merge(cell);
        while self.bars.len() > BARS {
            self.fold();
        }
    }

    fn fold(&mut self) {
        let bars = std::mem::take(&mut self.bars);
        self.width = self.width.saturating_mul(2);
        for ((table, number), cell) in bars {
            self.bars.entry((table, number.div_euclid(2))).or_default().merge(cell);
        }
    }

    /// Gives tables other indexes: `order[old]` is the new one.
    #[must_use]
    pub fn renumbered(&self, order: &[u32]) -> Self {
        let new = |old: u32| order.get(old as usize).copied().unwrap_or(old);
        let bars = self.bars.iter().map(|((table, number), cell)| ((new(*table), *number), *cell)).collect();
        Self { width: self.width, bars }
    }

    /// `count` bars of equal width over a span of time; the span grows to whole seconds, and its bars are never
    /// narrower than [`Self::width`]. Rows of the tables that `of` takes.
    pub fn bars(&self, from: Moment, to: Moment, count: usize, of: impl Fn(u32) -> bool) -> Vec<Bar> {
        let first = from.0.div_euclid(1000).div_euclid(self.width);
        let last = to.0.div_euclid(1000).div_euclid(self.width).max(first);
        let count = i64::try_from(count.max(1)).unwrap_or(i64::MAX);
        let each = ((last - first + 1) + count - 1) / count;
        let moment = |number: i64| Moment::from_seconds((first + number * each).saturating_mul(self.width));
        let used = (last - first) / each + 1;
        let mut bars: Vec<Bar> =
            (0..used).map(|at| Bar { from: moment(at), to: moment(at + 1), rows: Rows::default() }).collect();
        for ((table, number), cell) in &self.bars {
            if (first..=last).contains(number) && of(*table) {
                bars[((number - first) / each) as usize].rows.merge(cell.rows);
            }
        }
        bars
    }

    /// Every bar as it is kept: table, kind, when it begins, rows, and of how many transactions.
    pub fn raw(&self) -> impl Iterator<Item = (u32, ChangeKind, Moment, u64, u64)> + '_ {
        self.bars.iter().flat_map(move |((table, number), cell)| {
            let at = Moment::from_seconds(number.saturating_mul(self.width));
            let bar = move |kind| (*table, kind, at, cell.rows.of(kind), cell.transactions.of(kind));
            KINDS.into_iter().map(bar).filter(|(_, _, _, rows, _)| *rows > 0)
        })
    }

    /// The first and the last time at which rows were counted.
    pub fn span(&self) -> Option<(Moment, Moment)> {
        let first = self.bars.keys().map(|(_, number)| *number).min()?;
        let last = self.bars.keys().map(|(_, number)| *number).max()?;
        let at = |number: i64| Moment::from_seconds(number.saturating_mul(self.width));
        Some((at(first), at(last)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_row_is_lost_however_much_is_folded(times in proptest::collection::vec((0..3_u32, 0..10_000_000_i64), 1..400), count in 1..200_usize) {
            let mut histogram = Histogram::default();
            for (table, second) in &times {
                histogram.add(*table, Moment::from_seconds(*second), Rows { deletes: 1, ..Rows::default() });
            }
            let (from, to) = histogram.span().unwrap();
            for _ in 0..3 {
                let bars = histogram.bars(from, to, count, |_| true);
                prop_assert!(bars.len() <= count);
                prop_assert_eq!(bars.iter().map(|bar| bar.rows.deletes).sum::<u64>(), times.len() as u64);
                prop_assert!(bars.windows(2).all(|pair| pair[0].to == pair[1].from));
                histogram.fold();
            }
        }
    }

    #[test]
    fn memory_is_bounded_by_the_number_of_bars() {
        let mut histogram = Histogram::default();
        for second in 0..(BARS as i64 * 3) {
            histogram.add(0, Moment::from_seconds(second), Rows { inserts: 1, ..Rows::default() });
        }
        assert!(histogram.bars.len() <= BARS && histogram.width() == 4);
    }
}
