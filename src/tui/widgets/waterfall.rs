//! The part of a run's time that each of its spans took.

use crate::model::run::Span;
use crate::tui::glyphs::Glyphs;
use crate::work::history::waterfall::Waterfall;

/// The bar of a span among `width` columns. A span whose end is not known is open to the right; of one without a
/// beginning nothing is drawn.
pub fn bar(glyphs: &Glyphs, fall: &Waterfall, span: &Span, width: u16) -> String {
    if span.start_ns == 0 || width == 0 {
        return String::new();
    }
    let (first, length) = fall.bar(span, width);
    let full = glyphs.full.to_string().repeat(usize::from(length));
    let open = if span.end_ns < span.start_ns { glyphs.ellipsis } else { "" };
    format!("{}{full}{open}", " ".repeat(usize::from(first)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::foreign::Foreign;
    use crate::model::run::{SpanId, SpanStatus, TraceId};
    use crate::tui::glyphs::ASCII;

    fn span(id: u8, start_ns: u64, end_ns: u64) -> Span {
        let nothing = || Foreign::from("");
        Span {
            trace: TraceId([1; 16]),
            id: SpanId([id; 8]),
            parent: None,
            name: nothing(),
            scope: nothing(),
            service: nothing(),
            host: nothing(),
            start_ns,
            end_ns,
            status: SpanStatus::Unset,
            message: nothing(),
            attributes: vec![],
            events: vec![],
            dropped: 0,
        }
    }

    #[test]
    fn bars_stand_where_their_time_is() {
        let spans = vec![span(1, 100, 200), span(2, 150, 175), span(3, 199, 199), span(4, 150, 0), span(5, 0, 9)];
        let fall = Waterfall::of(spans.clone());
        let drawn: Vec<String> = spans.iter().map(|span| bar(&ASCII, &fall, span, 8)).collect();
        assert_eq!(drawn, ["########", "    ##", "       #", "    #~", ""]);
        assert_eq!(bar(&ASCII, &fall, &spans[0], 0), "");
    }
}
