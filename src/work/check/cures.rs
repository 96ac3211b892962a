//! What would end an alarm for good, where that may be a misunderstanding.
//!
//! Names like `shop-Mon` to `shop-Sun` or `shop.1` to `shop.6` may be places in a rotation, and dates that nobody reads;
//! whether they are that or databases only whoever gave them knows: `shop1` and `shop2` may be two. So they stay alarms,
//! and say what is to be written down.

use std::collections::BTreeMap;

use crate::model::target::TargetName;
use crate::work::check::{State, Subject};
use crate::work::history::view::{HistoryView, SeriesPast};

const HOUR: i64 = 3_600_000;
/// Fewer are not taken for a rotation.
const LEAST: usize = 3;
/// Words that a rotation counts by, the longest first.
const WORDS: [&str; 38] = [
    "wednesday",
    "september",
    "saturday",
    "thursday",
    "february",
    "november",
    "december",
    "tuesday",
    "january",
    "october",
    "monday",
    "friday",
    "sunday",
    "august",
    "march",
    "april",
    "june",
    "july",
    "sept",
    "mon",
    "tue",
    "wed",
    "thu",
    "fri",
    "sat",
    "sun",
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
];

/// Says of what is not fine, and is named like others that lie there once each, how they would be one.
pub(super) fn explain(databases: &mut [Subject], history: &HistoryView) {
    let mut alike: BTreeMap<(&TargetName, String), Vec<&SeriesPast>> = BTreeMap::new();
    for series in history.series.iter().map(AsRef::as_ref) {
        let listed = series.points.iter().filter(|point| point.kept.is_listed()).count();
        let plain = listed == 1 && series.points.len() == 1 && series.databases.len() <= 1;
        if let (Some(target), true) = (&series.key.target, plain) {
            alike.entry((target, shape(&series.key.name.to_string()))).or_default().push(series);
        }
    }
    for ((target, shape), places) in alike.iter().filter(|(_, places)| are_apart(places)) {
        let pattern = shape.replace(PLACE, "*");
        let cure = format!(
            "{} named like it lie there once each: if they are of one database, [series.NAME] with match = \"{target}:{pattern}\" says so",
            places.len()
        );
        let is_one = |name: &str| places.iter().any(|series| series.label == name);
        let alarmed = databases.iter_mut().filter(|it| it.state > State::Ok && is_one(&it.name));
        // Once is enough: with the first of the gravest, which stands first in the line.
        if let Some(first) = alarmed.reduce(|first, it| if it.state > first.state { it } else { first }) {
            first.reasons.push(cure);
        }
    }
}

/// Stands for what tells the places of a rotation apart.
const PLACE: char = '\u{0}';

/// The name without its number, its day, its month.
fn shape(name: &str) -> String {
    let (mut shape, mut rest) = (String::new(), name);
    while let Some(first) = rest.chars().next() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let begins = !shape.ends_with(|c: char| c.is_alphabetic());
        let word = WORDS.iter().find(|word| {
            let part = rest.get(..word.len()).is_some_and(|part| part.eq_ignore_ascii_case(word));
            part && begins && !rest[word.len()..].starts_with(|c: char| c.is_alphabetic())
        });
        let place = word.map_or(digits, |word| word.len());
        if place > 0 {
            shape.push(PLACE);
            rest = &rest[place..];
        } else {
            shape.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shape
}

/// Whether they were written one after the other, as the places of a rotation are: what is dumped together is not.
fn are_apart(places: &[&SeriesPast]) -> bool {
    let mut times: Vec<i64> = places.iter().filter_map(|series| Some(series.points.first()?.at.0)).collect();
    times.sort_unstable();
    places.len() >= LEAST && times.windows(2).all(|two| two[1] - two[0] >= HOUR / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_their_place_alone() {
        for (a, b) in [
            ("shop-Mon", "shop-Sunday"),
            ("shop.1", "shop.12"),
            ("shop_22-11-2026", "shop_03-12-2026"),
            ("Friday-shop", "Monday-shop"),
            ("shop-1795353421", "shop-1795439821"),
        ] {
            assert_eq!(shape(a), shape(b), "{a}");
        }
        for (a, b) in [("shop1", "crm1"), ("shop-money", "shop-Mon"), ("summon", "sum"), ("shop", "shop.1")] {
            assert_ne!(shape(a), shape(b), "{a}");
        }
    }
}
