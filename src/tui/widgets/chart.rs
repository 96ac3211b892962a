//! Bars over several lines: how large, how long.

use crate::tui::glyphs::Glyphs;

/// One bar per value, `height` lines high, the top line first; at most the last `width` of them. The largest fills
/// all lines, and what is not zero is never nothing; `None` leaves a gap.
pub fn chart(glyphs: &Glyphs, values: &[Option<u64>], width: usize, height: u16) -> Vec<String> {
    const STEPS: u64 = 8;
    let values = &values[values.len().saturating_sub(width)..];
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let all = u64::from(height.max(1)) * STEPS;
    let tall = |value: u64| {
        let scaled = (value as f64 / most as f64 * all as f64).round() as u64;
        if value == 0 { 0 } else { scaled.clamp(1, all) }
    };
    let cell = |value: Option<u64>, below: u64| match value.map_or(0, tall).saturating_sub(below) {
        0 => ' ',
        part => glyphs.spark[part.min(STEPS) as usize - 1],
    };
    let line = |below| values.iter().map(|value| cell(*value, below)).collect::<String>();
    (0..u64::from(height.max(1))).rev().map(|nth| line(nth * STEPS)).collect()
}

/// Which of several values stands for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The least: where small is what is worth a look.
    Least,
    /// The largest.
    Most,
}

/// Several values become one, so that a year fits into a line.
pub fn folded(values: &[Option<u64>], width: usize, keep: Keep) -> Vec<Option<u64>> {
    let each = values.len().div_ceil(width.max(1)).max(1);
    // From the newest on, so that the last column is always as full as the others.
    let one = |chunk: &[Option<u64>]| match keep {
        Keep::Least => chunk.iter().flatten().copied().min(),
        Keep::Most => chunk.iter().flatten().copied().max(),
    };
    let mut columns: Vec<_> = values.rchunks(each).map(one).collect();
    columns.reverse();
    columns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::{ASCII, UNICODE};

    #[test]
    fn a_gap_is_no_bar_and_a_small_value_is_one() {
        assert_eq!(chart(&UNICODE, &[Some(16), None, Some(1), Some(8)], 9, 2), ["█   ", "█ ▁█"]);
        assert_eq!(chart(&ASCII, &[Some(0), Some(9)], 9, 1), [" #"]);
        assert_eq!(chart(&UNICODE, &[], 9, 1), [""]);
        assert_eq!(chart(&UNICODE, &[Some(1), Some(2), Some(4)], 2, 1), ["▄█"]);
    }

    #[test]
    fn many_values_fold_to_the_one_that_is_worth_a_look() {
        let values: Vec<_> = (1..=7).map(Some).collect();
        assert_eq!(folded(&values, 3, Keep::Most), [Some(1), Some(4), Some(7)]);
        assert_eq!(folded(&values, 9, Keep::Least), values);
        assert_eq!(folded(&[None, Some(4), Some(3)], 1, Keep::Least), [Some(3)]);
        assert_eq!(folded(&[], 0, Keep::Most), [None; 0]);
    }
}
