//! Columns that align and give way by priority.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::tui::canvas::{Canvas, Line};
use crate::tui::theme::Role;

/// On which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Names.
    Left,
    /// Numbers.
    Right,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// It is dropped rather than made narrower.
    pub least: u16,
    /// It is never wider.
    pub most: u16,
    /// Where cells stand.
    pub side: Side,
    /// Lower is kept longer; 0 is never dropped.
    pub rank: u8,
}

/// Columns between two others.
const GAP: u16 = 2;

/// Where each column stands, from left to right; those that were dropped are `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    places: Vec<Option<(u16, u16)>>,
}

impl Layout {
    /// Fits columns into `width`: the least widths first, dropping the highest ranks until they fit, then
    /// what is left goes to the columns that take more, lowest rank first.
    pub fn fit(columns: &[Column], width: u16) -> Self {
        let mut kept: Vec<bool> = vec![true; columns.len()];
        let needed = |kept: &[bool]| -> u16 {
            let widths = columns.iter().zip(kept).filter(|(_, kept)| **kept).map(|(column, _)| column.least + GAP);
            widths.sum::<u16>().saturating_sub(GAP)
        };
        while needed(&kept) > width {
            let worst =
                (0..columns.len()).filter(|at| kept[*at] && columns[*at].rank > 0).max_by_key(|at| columns[*at].rank);
            let Some(worst) = worst else { break };
            kept[worst] = false;
        }
        let mut spare = width.saturating_sub(needed(&kept));
        let mut order: Vec<usize> = (0..columns.len()).filter(|at| kept[*at]).collect();
        order.sort_by_key(|at| columns[*at].rank);
        let mut more = vec![0; columns.len()];
        for at in order {
            more[at] = spare.min(columns[at].most.saturating_sub(columns[at].least));
            spare -= more[at];
        }
        let mut x = 0;
        let mut places = vec![];
        for ((column, kept), more) in columns.iter().zip(kept).zip(more) {
            if !kept {
                places.push(None);
                continue;
            }
            let room = (column.least + more).min(width.saturating_sub(x));
            places.push(Some((x, room)));
            x = (x + room + GAP).min(width);
        }
        Self { places }
    }

    /// Draws the heads.
    pub fn heads(&self, columns: &[Column], area: Rect, canvas: &mut Canvas<'_>) {
        for (column, place) in columns.iter().zip(&self.places) {
            let cell = vec![crate::tui::canvas::span(Role::Head, column.title)];
            draw(column, *place, &cell, area, canvas);
        }
    }

    /// Draws one row of cells.
    pub fn row(&self, columns: &[Column], cells: &[Line], area: Rect, canvas: &mut Canvas<'_>) {
        for ((column, place), cell) in columns.iter().zip(&self.places).zip(cells) {
            draw(column, *place, cell, area, canvas);
        }
    }

    /// Where a column stands: its first column and its width; `None` where it was dropped.
    pub fn place(&self, nth: usize) -> Option<(u16, u16)> {
        self.places.get(nth).copied().flatten()
    }

    /// How wide a column is; 0 where it was dropped.
    pub fn width(&self, nth: usize) -> u16 {
        self.places.get(nth).copied().flatten().map_or(0, |(_, width)| width)
    }
}

fn draw(column: &Column, place: Option<(u16, u16)>, cell: &Line, area: Rect, canvas: &mut Canvas<'_>) {
    let Some((x, width)) = place else { return };
    let used: usize = cell.iter().map(|span| span.text.width()).sum();
    let shift = match column.side {
        Side::Left => 0,
        Side::Right => width.saturating_sub(used as u16),
    };
    let x = (area.x + x + shift).min(area.right());
    canvas.spans(Rect { x, width: (width - shift).min(area.right() - x), height: area.height.min(1), y: area.y }, cell);
}

/// The first visible row, so that `row` stands in a window of `height`, moving as little as possible.
pub fn scrolled(top: usize, row: usize, height: usize) -> usize {
    top.clamp(row.saturating_sub(height.max(1) - 1), row)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "A", least: 5, most: 5, side: Side::Left, rank: 0 },
        Column { title: "B", least: 4, most: 9, side: Side::Right, rank: 2 },
        Column { title: "C", least: 6, most: 99, side: Side::Left, rank: 1 },
    ];

    #[test]
    fn columns_grow_to_their_most_and_drop_by_rank() {
        let places = |width| Layout::fit(&COLUMNS, width).places;
        assert_eq!(places(40), [Some((0, 5)), Some((7, 4)), Some((13, 27))]);
        assert_eq!(places(19), [Some((0, 5)), Some((7, 4)), Some((13, 6))]);
        assert_eq!(places(21), [Some((0, 5)), Some((7, 4)), Some((13, 8))]);
        assert_eq!(places(18), [Some((0, 5)), None, Some((7, 11))]);
        assert_eq!(places(12), [Some((0, 5)), None, None]);
        assert_eq!(places(3), [Some((0, 3)), None, None]);
    }

    #[test]
    fn scrolling_moves_as_little_as_possible() {
        assert_eq!(scrolled(0, 9, 10), 0);
        assert_eq!(scrolled(0, 10, 10), 1);
        assert_eq!(scrolled(5, 3, 10), 3);
        assert_eq!(scrolled(5, 3, 0), 3);
    }
}
