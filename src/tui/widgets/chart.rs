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
}
