//! Bars over time, some rows high.

use ratatui::layout::Rect;

use crate::tui::canvas::{Canvas, row};
use crate::tui::theme::Role;

/// One bar per column, scaled to the largest; columns without a value stay empty, and no value looks like none.
pub fn chart(values: &[Option<u64>], area: Rect, role: Role, canvas: &mut Canvas<'_>) {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    let steps = usize::from(area.height) * 8;
    let height = |value: u64| ((value as f64 / most as f64 * steps as f64).round() as usize).clamp(1, steps.max(1));
    for nth in 0..area.height {
        let floor = usize::from(area.height - 1 - nth) * 8;
        let cell = |value: &Option<u64>| match value.map(height).map(|height| height.saturating_sub(floor)) {
            None | Some(0) => ' ',
            Some(part) => canvas.glyphs.spark[part.min(8) - 1],
        };
        let line: String = values.iter().take(usize::from(area.width)).map(cell).collect();
        canvas.text(row(area, nth), role, line.trim_end());
    }
}
