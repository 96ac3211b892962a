//! Spans as a tree, and the part of a run's time that each took.

use std::collections::{HashMap, HashSet};

use crate::model::run::{Span, SpanId};
use crate::tui::glyphs::Glyphs;

/// A span in the order in which a person reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Which of the spans.
    pub at: usize,
    /// How many spans it is inside of.
    pub depth: usize,
}

/// Spans as a tree: every one of them exactly once, each below its parent, brothers in the order of their beginning.
/// Whoever has no parent here, or is its own ancestor, stands at the top.
pub fn tree(spans: &[Span]) -> Vec<Node> {
    let known: HashMap<SpanId, usize> = spans.iter().enumerate().map(|(at, span)| (span.id, at)).collect();
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|at| (spans[*at].start_ns, spans[*at].id));
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut roots = vec![];
    for at in &order {
        match spans[*at].parent.and_then(|parent| known.get(&parent)) {
            Some(parent) if parent != at => children.entry(*parent).or_default().push(*at),
            _ => roots.push(*at),
        }
    }
    let (mut nodes, mut seen) = (Vec::with_capacity(spans.len()), HashSet::new());
    // Behind the roots whoever is left: spans that are each other's ancestors.
    for root in roots.into_iter().chain(order) {
        let mut open = vec![Node { at: root, depth: 0 }];
        while let Some(node) = open.pop() {
            if seen.insert(node.at) {
                nodes.push(node);
                let inside = children.get(&node.at).map_or(&[][..], Vec::as_slice);
                open.extend(inside.iter().rev().map(|at| Node { at: *at, depth: node.depth + 1 }));
            }
        }
    }
    nodes
}

/// From when to when all of it went, in nanoseconds; of spans without a beginning nothing is known.
pub fn extent(spans: &[Span]) -> Option<(u64, u64)> {
    let timed = || spans.iter().filter(|span| span.start_ns != 0);
    let from = timed().map(|span| span.start_ns).min()?;
    let to = timed().map(|span| span.start_ns.max(span.end_ns)).max()?;
    Some((from, to.max(from.saturating_add(1))))
}

/// The bar of a span among `width` columns that stand for `extent`: at least one column of it is full. A span whose
/// end is not known is open to the right; of one without a beginning nothing is drawn.
pub fn bar(glyphs: &Glyphs, span: &Span, (from, to): (u64, u64), width: usize) -> String {
    if width == 0 || span.start_ns == 0 || span.start_ns < from || to <= from {
        return String::new();
    }
    let column = |at: u64| ((at - from) as f64 / (to - from) as f64 * width as f64) as usize;
    let first = column(span.start_ns.min(to)).min(width - 1);
    if span.end_ns < span.start_ns {
        return format!("{}{}{}", " ".repeat(first), glyphs.full, glyphs.ellipsis);
    }
    let last = column(span.end_ns.min(to)).clamp(first + 1, width);
    format!("{}{}", " ".repeat(first), glyphs.full.to_string().repeat(last - first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::foreign::Foreign;
    use crate::model::run::{SpanStatus, TraceId};
    use crate::tui::glyphs::ASCII;

    fn span(id: u8, parent: u8, start_ns: u64, end_ns: u64) -> Span {
        let nothing = || Foreign::from("");
        Span {
            trace: TraceId([1; 16]),
            id: SpanId([id; 8]),
            parent: SpanId::of(&[parent; 8]),
            name: Foreign::from("dump"),
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

    fn read(spans: &[Span]) -> Vec<(u8, usize)> {
        tree(spans).into_iter().map(|node| (spans[node.at].id.0[0], node.depth)).collect()
    }

    #[test]
    fn children_stand_below_their_parents_in_the_order_of_their_beginning() {
        let spans = [span(3, 1, 30, 40), span(4, 2, 12, 15), span(1, 0, 10, 50), span(2, 1, 11, 20)];
        assert_eq!(read(&spans), [(1, 0), (2, 1), (4, 2), (3, 1)]);
        let lost = [span(2, 9, 11, 20), span(1, 0, 10, 50)];
        assert_eq!(read(&lost), [(1, 0), (2, 0)], "a parent that was never seen");
        let circle = [span(1, 2, 10, 20), span(2, 1, 11, 20), span(3, 3, 12, 13)];
        assert_eq!(read(&circle), [(3, 0), (1, 0), (2, 1)]);
    }

    #[test]
    fn bars_stand_where_their_time_is() {
        let spans = [span(1, 0, 100, 200), span(2, 1, 150, 175), span(3, 1, 199, 199), span(4, 1, 150, 0)];
        let all = extent(&spans).unwrap();
        let drawn: Vec<String> = spans.iter().map(|span| bar(&ASCII, span, all, 8)).collect();
        assert_eq!(drawn, ["########", "    ##", "       #", "    #~"]);
        assert_eq!(bar(&ASCII, &span(5, 1, 0, 9), all, 8), "");
        assert_eq!(extent(&[span(1, 0, 0, 9)]), None);
    }

    proptest! {
        #[test]
        fn every_span_stands_once_and_no_bar_leaves_its_place(
            made in proptest::collection::vec((1_u8..9, 0_u8..9, any::<u64>(), any::<u64>()), 0..24),
            width in 0_usize..40
        ) {
            let mut spans: Vec<Span> = made.into_iter().map(|(id, parent, from, to)| span(id, parent, from, to)).collect();
            spans.sort_by_key(|span| span.id);
            spans.dedup_by_key(|span| span.id);
            let nodes = tree(&spans);
            let once: HashSet<usize> = nodes.iter().map(|node| node.at).collect();
            prop_assert_eq!((nodes.len(), once.len()), (spans.len(), spans.len()));
            if let Some(all) = extent(&spans) {
                for span in &spans {
                    prop_assert!(bar(&ASCII, span, all, width).chars().count() <= width + 1);
                }
            }
        }
    }
}
