//! Dates that say which backups belong together and are not believed: day first or month first, nobody knows.

use super::{number, trim};

const DAYS: [&[u8]; 14] = [
    b"wednesday",
    b"saturday",
    b"thursday",
    b"tuesday",
    b"monday",
    b"friday",
    b"sunday",
    b"mon",
    b"tue",
    b"wed",
    b"thu",
    b"fri",
    b"sat",
    b"sun",
];
const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// What stands around such a date and the time behind it: `shop_22-11-2026_0300`, `shop-22112026`, `Nov-22-2026-shop`.
/// `None` without one.
pub(super) fn around(stem: &[u8]) -> Option<Vec<u8>> {
    let fresh = |at: usize| at == 0 || !stem[at - 1].is_ascii_alphanumeric();
    let (start, end) =
        (0..stem.len()).rev().filter(|at| fresh(*at)).find_map(|at| Some((at, at + date(&stem[at..])?)))?;
    let end = end + time(&stem[end..]);
    Some(naming(&stem[..start], &stem[end..]))
}

/// A name from what stands before and behind its date.
fn naming(before: &[u8], after: &[u8]) -> Vec<u8> {
    match without_day(trim(before), trim(after)) {
        (naming, b"") | (b"", naming) => naming.to_vec(),
        (before, after) => [before, b"-", after].concat(),
    }
}

/// The same two parts of a name without the day of the week beside the date. What is nothing else may be a database.
pub(super) fn without_day<'t>(before: &'t [u8], after: &'t [u8]) -> (&'t [u8], &'t [u8]) {
    let is_day = |text: &[u8]| DAYS.iter().any(|day| text.eq_ignore_ascii_case(day));
    match (before, after) {
        (before, day) if is_day(day) && !before.is_empty() => (before, b""),
        (day, after) if is_day(day) && !after.is_empty() => (b"", after),
        (before, after) => (before, behind_day(after)),
    }
}

/// Without a whole name of a day at its beginning: `Sunday.shop`.
fn behind_day(text: &[u8]) -> &[u8] {
    let begins = |day: &&&[u8]| text.get(..day.len()).is_some_and(|start| start.eq_ignore_ascii_case(day));
    let behind = DAYS.iter().filter(|day| day.len() > 3).find(begins).map(|day| &text[day.len()..]);
    behind.filter(|rest| rest.len() > 1 && b"-_. ".contains(&rest[0])).map_or(text, trim)
}

/// How many bytes are a day, a month and a year that no reader of dates knows the order of.
fn date(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| text.get(at..).map_or(0, |rest| rest.iter().take_while(|it| it.is_ascii_digit()).count());
    let parted = |at: usize| text.get(at).is_some_and(|byte| b"-_. ".contains(byte));
    let month = |at: usize| {
        let name = text.get(at..at + 3)?;
        let known = MONTHS.iter().any(|month| name.eq_ignore_ascii_case(month));
        (known && !text.get(at + 3).is_some_and(u8::is_ascii_alphabetic)).then_some(())
    };
    let day = |at: usize| number(text.get(at..at + 2)?).filter(|day| (1..=31).contains(day));
    let year = |at: usize| number(text.get(at..at + 4)?).filter(|year| (1995..2200).contains(year));
    match digits(0) {
        8 => (day(0)?.min(day(2)?) <= 12 && year(4).is_some()).then_some(8),
        2 if parted(2) && digits(3) == 2 && parted(5) && digits(6) == 4 => {
            (day(0)?.min(day(3)?) <= 12 && year(6).is_some()).then_some(10)
        }
        2 if parted(2) && month(3).is_some() && parted(6) && digits(7) == 4 => day(0).and(year(7)).map(|_| 11),
        0 if month(0).is_some() && parted(3) && digits(4) == 2 && parted(6) && digits(7) == 4 => {
            day(4).and(year(7)).map(|_| 11)
        }
        _ => None,
    }
}

/// How many bytes behind a date are a time: `_0300`, `-03.00`, `T03-00-07`.
fn time(text: &[u8]) -> usize {
    let [first, rest @ ..] = text else { return 0 };
    if !b"-_. T@".contains(first) {
        return 0;
    }
    let digits = |at: usize| rest.get(at..).map_or(0, |rest| rest.iter().take_while(|it| it.is_ascii_digit()).count());
    let parted = |at: usize| rest.get(at).is_some_and(|byte| b"-_.:h".contains(byte)) && digits(at + 1) == 2;
    match digits(0) {
        count @ (4 | 6) => 1 + count,
        2 if parted(2) && parted(5) => 9,
        2 if parted(2) => 6 + usize::from(rest.get(5) == Some(&b'm')),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_of_any_order_are_no_part_of_a_name() {
        for (stem, name) in [
            ("shop_22-11-2026", "shop"),
            ("shop_03.04.2026", "shop"),
            ("shop_22112026", "shop"),
            ("shop-22.11.2026_02.00", "shop"),
            ("shop_22-11-2026_02-00-07", "shop"),
            ("22-11-2026_0200_shop", "shop"),
            ("shop-Nov-22-2026", "shop"),
            ("22-nov-2026-shop_full", "shop_full"),
            ("daily_shop_22-11-2026_Sunday", "daily_shop"),
        ] {
            assert_eq!(
                around(stem.as_bytes()).map(|it| String::from_utf8(it).unwrap()).as_deref(),
                Some(name),
                "{stem}"
            );
        }
        for stem in
            ["shop", "shop1", "tenant_99999999", "shop_32-13-2026", "v1.2.2026", "shop-8.0.36", "x22-11-2026", ""]
        {
            assert_eq!(around(stem.as_bytes()), None, "{stem}");
        }
    }
}
