//! A row of small bars.

use crate::tui::glyphs::Glyphs;

/// One bar per value, scaled to the largest; at most the last `width` of them.
pub fn spark(glyphs: &Glyphs, values: &[u64], width: usize) -> String {
    let values = &values[values.len().saturating_sub(width)..];
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let height = |value: u64| ((value as f64 / most as f64 * 7.0).round() as usize).min(7);
    values.iter().map(|value| glyphs.spark[height(*value)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::UNICODE;

    #[test]
    fn the_newest_values_are_kept() {
        assert_eq!(spark(&UNICODE, &[9, 1, 50, 100], 3), "▁▅█");
        assert_eq!(spark(&UNICODE, &[0, 0], 5), "▁▁");
        assert_eq!(spark(&UNICODE, &[], 5), "");
    }
}
