//! The GTIDs of what is undone: neighbours are one span, whatever order they came in.

use std::fmt;

use crate::model::change::Gtid;

/// Spans that are told apart; of a log with more, how many others there were.
const SPANS: usize = 1000;

/// GTIDs of transactions.
#[derive(Debug, Clone, Default)]
pub struct Gtids {
    spans: Vec<Span>,
    more: u64,
    /// Transactions that have none.
    pub without: u64,
}

/// The transactions of one server, from one to another, all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    first: Gtid,
    last: Gtid,
}

impl Gtids {
    /// One more transaction.
    pub(super) fn add(&mut self, gtid: Option<&Gtid>) {
        let Some(gtid) = gtid else {
            self.without += 1;
            return;
        };
        // Logs are nearly in order: the neighbour is one of the last.
        let at = self.spans.iter().rposition(|span| span.has(gtid) || is_next(&span.last, gtid));
        let Some(at) = at else { return self.push(gtid) };
        if is_next(&self.spans[at].last, gtid) {
            self.spans[at].last = gtid.clone();
            let next = self.spans.iter().position(|span| is_next(gtid, &span.first));
            if let Some(next) = next.filter(|next| *next != at) {
                self.spans[at].last = self.spans[next].last.clone();
                self.spans.remove(next);
            }
        }
    }

    fn push(&mut self, gtid: &Gtid) {
        if let Some(span) = self.spans.iter_mut().rev().find(|span| is_next(gtid, &span.first)) {
            span.first = gtid.clone();
        } else if self.spans.len() < SPANS {
            self.spans.push(Span { first: gtid.clone(), last: gtid.clone() });
        } else {
            self.more += 1;
        }
    }

    /// Whether any from `first` to `last` may be among them: of very many not all are kept.
    pub fn may_have(&self, first: &Gtid, last: &Gtid) -> bool {
        let ((of, from), (_, to)) = (parts(first), parts(last));
        let meets = |span: &Span| {
            let ((mine, first), (_, last)) = (parts(&span.first), parts(&span.last));
            mine == of && first <= to && from <= last
        };
        self.more > 0 || self.spans.iter().any(meets)
    }

    /// The spans in their order, and how many transactions are in none of them.
    pub fn spans(&self) -> (Vec<&Span>, u64) {
        let mut spans: Vec<_> = self.spans.iter().collect();
        spans.sort_by(|one, other| one.first.cmp(&other.first));
        (spans, self.more)
    }
}

impl Span {
    fn has(&self, gtid: &Gtid) -> bool {
        let (first, last, of) = (parts(&self.first), parts(&self.last), parts(gtid));
        of.0 == first.0 && (first.1..=last.1).contains(&of.1)
    }
}

/// Who counts.
#[derive(PartialEq)]
enum Counter<'g> {
    MySql([u8; 16], Option<&'g str>),
    MariaDb { domain: u32, server: u32 },
}

/// Whose it is, and its number there.
fn parts(gtid: &Gtid) -> (Counter<'_>, u64) {
    match gtid {
        Gtid::MySql { server, tag, number } => (Counter::MySql(*server, tag.as_deref()), *number),
        Gtid::MariaDb { domain, server, sequence } => {
            (Counter::MariaDb { domain: *domain, server: *server }, *sequence)
        }
    }
}

fn is_next(one: &Gtid, other: &Gtid) -> bool {
    let (one, other) = (parts(one), parts(other));
    one.0 == other.0 && one.1.checked_add(1) == Some(other.1)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.last {
            last if *last == self.first => write!(f, "{last}"),
            Gtid::MySql { number, .. } => write!(f, "{}-{number}", self.first),
            last => write!(f, "{} to {last}", self.first), // MariaDB has no way to write a span
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mysql(server: u8, number: u64) -> Gtid {
        Gtid::MySql { server: [server; 16], tag: None, number }
    }

    fn words(gtids: &Gtids) -> Vec<String> {
        gtids.spans().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn neighbours_are_one_span_and_strangers_are_not() {
        let mut gtids = Gtids::default();
        let maria = |server, sequence| Gtid::MariaDb { domain: 0, server, sequence };
        let tagged = Gtid::MySql { server: [1; 16], tag: Some("audit".into()), number: 4 };
        for gtid in [mysql(1, 3), mysql(1, 5), mysql(1, 4), mysql(2, 6), mysql(1, 2), tagged, maria(1, 7), maria(1, 8)]
        {
            gtids.add(Some(&gtid));
        }
        gtids.add(Some(&maria(2, 9)));
        gtids.add(None);
        let uuid = |byte: &str| {
            let four = byte.repeat(4);
            let two = byte.repeat(2);
            format!("{four}-{two}-{two}-{two}-{}", byte.repeat(6))
        };
        let (one, two) = (uuid("01"), uuid("02"));
        assert_eq!(
            words(&gtids),
            [
                format!("{one}:2-5"),
                format!("{one}:audit:4"),
                format!("{two}:6"),
                "0-1-7 to 0-1-8".to_owned(),
                "0-2-9".to_owned()
            ]
        );
        assert_eq!(gtids.without, 1);
    }

    proptest! {
        #[test]
        fn every_gtid_is_in_exactly_one_span(numbers in proptest::collection::vec(1..60_u64, 0..80)) {
            let mut gtids = Gtids::default();
            numbers.iter().for_each(|number| gtids.add(Some(&mysql(1, *number))));
            let (spans, more) = gtids.spans();
            for number in 0..62 {
                let holding = spans.iter().filter(|span| span.has(&mysql(1, number))).count();
                prop_assert_eq!(holding, usize::from(numbers.contains(&number)));
            }
            prop_assert_eq!(more, 0);
            // No two of them touch.
            prop_assert!(spans.windows(2).all(|pair| !is_next(&pair[0].last, &pair[1].first)));
        }
    }
}
