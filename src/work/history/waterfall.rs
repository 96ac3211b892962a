//! The spans of one run as a waterfall: a tree in the order of time, whatever the telemetry claims.

use std::collections::{HashMap, HashSet};

use crate::model::run::{Feed, Span, SpanId};
use crate::model::units::Moment;

/// Deeper ones are drawn at this depth.
const DEEPEST: u16 = 24;

/// The spans of one run, in the order in which they are drawn.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Waterfall {
    /// The earliest beginning, in nanoseconds since 1970.
    pub from_ns: u64,
    /// The latest end.
    pub to_ns: u64,
    /// Parents before their children.
    pub rows: Vec<WaterRow>,
}

/// One span of a waterfall.
#[derive(Debug, Clone, PartialEq)]
pub struct WaterRow {
    /// How deep it stands.
    pub depth: u16,
    /// The span.
    pub span: Span,
}

impl Waterfall {
    /// Sorts spans into a tree. Cycles are cut, spans whose parent is not there stand at the top, and of two spans with
    /// one id the first counts; each span is drawn once.
    pub fn of(spans: Vec<Span>) -> Self {
        let mut seen = HashSet::new();
        let mut spans: Vec<Span> = spans.into_iter().filter(|span| seen.insert(span.id)).collect();
        spans.sort_by_key(|span| (span.start_ns == 0, span.start_ns, std::cmp::Reverse(span.end_ns)));
        let from_ns = spans.iter().map(|span| span.start_ns).filter(|at| *at > 0).min().unwrap_or(0);
        let to_ns = spans.iter().flat_map(|span| [span.start_ns, span.end_ns]).max().unwrap_or(0);
        let mut children: HashMap<SpanId, Vec<usize>> = HashMap::new();
        let mut tops = vec![];
        for (at, span) in spans.iter().enumerate() {
            match span.parent.filter(|parent| *parent != span.id && seen.contains(parent)) {
                Some(parent) => children.entry(parent).or_default().push(at),
                None => tops.push(at),
            }
        }
        let mut order = walk(&spans, &children, tops);
        // What hangs on a cycle has no top: its first span is taken for one.
        let drawn: HashSet<usize> = order.iter().map(|(at, _)| *at).collect();
        let mut left: Vec<usize> = (0..spans.len()).filter(|at| !drawn.contains(at)).collect();
        while let Some(first) = left.first().copied() {
            let cut = walk(&spans, &children, vec![first]);
            let drawn: HashSet<usize> = cut.iter().map(|(at, _)| *at).collect();
            left.retain(|at| !drawn.contains(at));
            order.extend(cut);
        }
        let mut spans: Vec<Option<Span>> = spans.into_iter().map(Some).collect();
        let rows = order.into_iter().filter_map(|(at, depth)| Some(WaterRow { depth, span: spans[at].take()? }));
        Self { from_ns, to_ns, rows: rows.collect() }
    }

    /// Where a span stands in `width` columns: the first one and how many, at least one.
    pub fn bar(&self, span: &Span, width: u16) -> (u16, u16) {
        let whole = self.to_ns.saturating_sub(self.from_ns).max(1) as f64;
        let start = span.start_ns.saturating_sub(self.from_ns).min(self.to_ns.saturating_sub(self.from_ns)) as f64;
        let took = span.took().map_or(0.0, |took| took.as_nanos() as f64);
        let width = width.max(1);
        let first = ((start / whole * f64::from(width)) as u16).min(width - 1);
        let length = ((took / whole * f64::from(width)).round() as u16).clamp(1, width - first);
        (first, length)
    }

    /// When it all began.
    pub fn began(&self) -> Option<Moment> {
        (self.from_ns > 0).then(|| Moment(i64::try_from(self.from_ns / 1_000_000).unwrap_or(i64::MAX)))
    }
}

/// Why no span of a run is known, by what told of it.
pub fn no_spans(feed: Feed) -> &'static str {
    match feed {
        Feed::Otlp | Feed::CollectorFile | Feed::TraceStderr => "none of its spans is kept",
        Feed::Logrus => "log lines told of it, and they hold none",
        Feed::DbackedMetadata => "DBacked's metadata object told of it, and holds none",
        Feed::DbackedTable => "DBacked's table in the database told of it, and holds none",
        Feed::Beacon => "DBacked's check request told of it, and holds none",
        Feed::Analytics => "DBacked's analytics request told of it, and holds none",
        Feed::Verification => "it is a verification of our own, of which the result alone is kept",
    }
}

/// Depth first; no span twice, also where parents run in a circle.
fn walk(spans: &[Span], children: &HashMap<SpanId, Vec<usize>>, tops: Vec<usize>) -> Vec<(usize, u16)> {
    let mut order = vec![];
    let mut seen = HashSet::new();
    let mut ahead: Vec<(usize, u16)> = tops.into_iter().rev().map(|at| (at, 0)).collect();
    while let Some((at, depth)) = ahead.pop() {
        if !seen.insert(at) {
            continue;
        }
        order.push((at, depth));
        let below = children.get(&spans[at].id).map_or(&[][..], Vec::as_slice);
        ahead.extend(below.iter().rev().map(|child| (*child, (depth + 1).min(DEEPEST))));
    }
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::foreign::Foreign;
    use crate::model::run::{SpanStatus, TraceId};

    fn span(id: u8, parent: u8, start_ns: u64, end_ns: u64) -> Span {
        let named = |id: u8| SpanId::of(&[id; 8]);
        Span {
            trace: TraceId([1; 16]),
            id: named(id).unwrap_or(SpanId([9; 8])),
            parent: named(parent),
            name: Foreign::from(format!("span {id}")),
            scope: Foreign::from(""),
            service: Foreign::from(""),
            host: Foreign::from(""),
            start_ns,
            end_ns,
            status: SpanStatus::Unset,
            message: Foreign::from(""),
            attributes: vec![],
            events: vec![],
            dropped: 0,
        }
    }

    fn shape(fall: &Waterfall) -> Vec<(String, u16)> {
        fall.rows.iter().map(|row| (row.span.name.to_string(), row.depth)).collect()
    }

    fn named(shape: &[(u8, u16)]) -> Vec<(String, u16)> {
        shape.iter().map(|(id, depth)| (format!("span {id}"), *depth)).collect()
    }

    #[test]
    fn children_stand_below_their_parents_in_the_order_of_time() {
        let fall = Waterfall::of(vec![span(3, 1, 60, 90), span(1, 0, 10, 110), span(2, 1, 20, 50), span(4, 3, 70, 80)]);
        assert_eq!(shape(&fall), named(&[(1, 0), (2, 1), (3, 1), (4, 2)]));
        assert_eq!((fall.from_ns, fall.to_ns), (10, 110));
        assert_eq!(fall.bar(&fall.rows[0].span, 50), (0, 50));
        assert_eq!(fall.bar(&fall.rows[2].span, 50), (25, 15));
    }

    #[test]
    fn circles_lost_parents_and_doubled_ids_lose_no_span() {
        let circle = Waterfall::of(vec![span(1, 2, 10, 20), span(2, 1, 30, 40), span(3, 3, 5, 6), span(4, 8, 1, 2)]);
        assert_eq!(shape(&circle), named(&[(4, 0), (3, 0), (1, 0), (2, 1)]));
        let doubled = Waterfall::of(vec![span(1, 0, 10, 20), span(1, 0, 10, 20)]);
        assert_eq!(doubled.rows.len(), 1);
    }

    proptest! {
        #[test]
        fn every_span_is_drawn_once_whatever_they_claim(
            spans in proptest::collection::vec((1_u8..20, 0_u8..20, any::<u64>(), any::<u64>()), 0..60),
            width in any::<u16>(),
        ) {
            let ids: HashSet<u8> = spans.iter().map(|span| span.0).collect();
            let fall = Waterfall::of(spans.into_iter().map(|(id, parent, from, to)| span(id, parent, from, to)).collect());
            prop_assert_eq!(fall.rows.len(), ids.len());
            for row in &fall.rows {
                let (first, length) = fall.bar(&row.span, width);
                prop_assert!(first + length <= width.max(1) && length > 0);
            }
        }
    }
}
