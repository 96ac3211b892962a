//! Everything that the past of one series says, to be read.

use std::sync::Arc;

use crate::tui::layers::paper::Paper;
use crate::tui::layers::runs::quoted;
use crate::tui::screens::history::draw::{judged, placed};
use crate::tui::theme::Role;
use crate::tui::widgets::body::Paragraph;
use crate::work::history::SeriesPast;

/// What stands against it, and what is over, with all their words.
pub fn sayings(series: &Arc<SeriesPast>) -> Paper {
    let twin = format!("breakglass history --judgements --series {}", quoted(&series.key));
    let series = series.clone();
    let make = move |width: u16| {
        let head = format!("{}{}, {}", series.label, placed(&series), series.rhythm.words());
        let lines = judged(&series, usize::from(width), usize::MAX).0.into_iter().map(Paragraph::Line);
        [Paragraph::Text(Role::Title, head), Paragraph::Blank].into_iter().chain(lines).collect()
    };
    Paper::sized("Said", make, Some(twin))
}
