//! A bar that fills.

use crate::tui::canvas::{Line, span};
use crate::tui::glyphs::Glyphs;
use crate::tui::theme::Role;

/// A bar of `width` columns; `None`: how much there is to do is not known.
pub fn gauge(glyphs: &Glyphs, width: u16, fraction: Option<f64>) -> Line {
    let inner = usize::from(width.saturating_sub(2));
    let full = fraction.map_or(0, |part| ((part.clamp(0.0, 1.0) * inner as f64) as usize).min(inner));
    let repeat = |glyph: char, count: usize| glyph.to_string().repeat(count);
    vec![
        span(Role::Rule, glyphs.ends[0]),
        span(Role::Gauge, repeat(glyphs.full, full)),
        span(Role::Rule, repeat(glyphs.empty, inner - full)),
        span(Role::Rule, glyphs.ends[1]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::glyphs::ASCII;

    #[test]
    fn a_gauge_is_full_only_at_the_end() {
        let shown = |part| gauge(&ASCII, 12, part).into_iter().map(|span| span.text).collect::<String>();
        assert_eq!(shown(Some(0.5)), "[#####.....]");
        assert_eq!(shown(Some(0.999)), "[#########.]");
        assert_eq!(shown(Some(7.0)), "[##########]");
        assert_eq!(shown(Some(f64::NAN)), "[..........]");
        assert_eq!(shown(None), "[..........]");
    }
}
