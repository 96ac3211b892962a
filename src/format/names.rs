//! What the name of an object suggests: a first guess, until its bytes have been read.

use crate::model::backup::{Basis, Compression, Format, Shape};
use crate::model::foreign::Foreign;
use crate::model::seal::{Seal, SealScheme};
use crate::model::units::Moment;

mod databacker;
mod loose;
mod pattern;

pub use databacker::{DatabackerName, Dated, NameTime, databacker_name, may_hold_all, member_schema, prune_time};
pub use pattern::NamePattern;

/// What stands behind a backup's key in the key of its metadata.
pub const METADATA_SUFFIX: &[u8] = b"_metadata";

/// Prefixes of DBacked, the second one that of a few days in 2018.
const PREFIXES: [&[u8]; 2] = [b"dbacked_", b"backup_"];

/// What a name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameFacts {
    /// The alias or database; may be empty.
    pub naming: Foreign,
    /// The time in it; as UTC where it names no zone; of a day the beginning.
    pub at: Moment,
    /// How exactly it tells the time.
    pub exact: Exactness,
}

/// How exactly a name tells when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// To the minute or better, in a zone that it names: so many minutes east of UTC.
    Time(i16),
    /// To the minute or better, by a clock whose zone it does not name.
    Clock,
    /// Only the day, by whatever clock and zone its writer had.
    Day,
}

/// How far from UTC the zones of the earth go, in milliseconds.
const ZONES: i64 = 14 * 3_600_000;
const DAY: i64 = 86_400_000;

impl NameFacts {
    /// Whether something written then may have been written on the day of this name, in whatever zone.
    pub fn may_be_of(&self, written: Moment) -> bool {
        let after = written.0.saturating_sub(self.at.0);
        self.exact == Exactness::Day && (-ZONES..DAY + ZONES).contains(&after)
    }
}

/// The part of a key behind its last slash.
pub fn base(key: &[u8]) -> &[u8] {
    memchr::memrchr(b'/', key).map_or(key, |at| &key[at + 1..])
}

/// The key of the backup that this metadata object would lie beside, if it is named like one.
pub fn metadata_of(key: &Foreign) -> Option<Foreign> {
    let backup = key.raw_bytes().strip_suffix(METADATA_SUFFIX)?;
    let named = PREFIXES.iter().any(|prefix| base(backup).starts_with(prefix));
    named.then(|| Foreign::new(backup))
}

/// Reads `dbacked_<naming>_<ddMMyyyyHHmm>` from the right: the naming may hold anything.
pub fn dbacked_name(key: &Foreign) -> Option<NameFacts> {
    let name = base(key.raw_bytes());
    let rest = PREFIXES.iter().find_map(|prefix| name.strip_prefix(*prefix))?;
    let (naming, digits) = rest.split_at_checked(rest.len().checked_sub(12)?)?;
    let naming = match naming {
        [] => naming,
        [naming @ .., b'_'] => naming,
        _ => return None,
    };
    let number = |at: usize, length: usize| number(&digits[at..at + length]);
    let (day, month, year) = (number(0, 2)?, number(2, 2)?, number(4, 4)?);
    let at = moment([year, month, day, number(8, 2)?, number(10, 2)?, 0])?;
    Some(NameFacts { naming: Foreign::new(naming), at, exact: Exactness::Time(0) })
}

/// Reads the name of a plain dump: `shop-2026-11-21.sql.gz`, `shop_20261121_0300.sql`, `2026-11-21-shop.sql`.
///
/// The last date in the name counts; what stands around it is the naming. Without a date: `None`.
pub fn dated_name(key: &Foreign) -> Option<NameFacts> {
    let (stem, _) = split_extensions(base(key.raw_bytes()));
    let digit = |at: usize| stem.get(at).is_some_and(u8::is_ascii_digit);
    let starts = || (0..stem.len()).rev().filter(|at| digit(*at) && (*at == 0 || !digit(at - 1)));
    let whole = starts().find_map(|at| Some((at, date(stem, at)?)));
    let short = || starts().find_map(|at| Some((at, short_date(stem, at).or_else(|| since_1970(stem, at))?)));
    // Behind a date of another order six digits are a time.
    let short = || loose::around(stem).map_or_else(short, |_| None);
    let (start, (fields, end, exact)) = whole.or_else(short)?;
    let (before, after) = loose::without_day(trim(&stem[..start]), trim(&stem[end..]));
    let naming = match (before, after) {
        (naming, b"") | (b"", naming) => naming.to_vec(),
        (before, after) => [before, b"-", after].concat(),
    };
    let east = match exact {
        Exactness::Time(east) => i64::from(east) * 60_000,
        Exactness::Clock | Exactness::Day => 0,
    };
    Some(NameFacts { naming: Foreign::new(naming), at: Moment(moment(fields)?.0 - east), exact })
}

/// Whether a name is one that databacker gives, in any of its generations.
pub fn databacker_like(key: &Foreign) -> bool {
    let name = base(key.raw_bytes());
    let packed =
        [&b".tgz"[..], b".tbz2", b".tar", b".tar.gz", b".tar.bz2"].iter().any(|end| strip_end(name, end).is_some());
    packed || databacker_name(key).is_some()
}

/// The naming of a plain dump without a date that can be read: its name without extensions, and without what looks like
/// a date with the day or the month first.
pub fn stem(key: &Foreign) -> Foreign {
    let (stem, _) = split_extensions(base(key.raw_bytes()));
    let named = loose::around(stem).filter(|naming| !naming.is_empty());
    named.map_or_else(|| Foreign::new(trim(stem)), Foreign::new)
}

/// The format that a name suggests; shown with `?` until bytes have spoken.
pub fn guess(key: &Foreign) -> Shape {
    if let Some(DatabackerName { compression, .. }) = databacker_name(key) {
        return Shape { format: Format::Databacker, compression, basis: Basis::Name, seal: None };
    }
    let name = base(key.raw_bytes());
    let seal = |scheme| Some(Seal::new(scheme));
    let (_, (compression, sql)) = split_extensions(name);
    let (format, seal) = if PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !sql {
        (Format::Dbacked, seal(SealScheme::Dbacked))
    } else if name.ends_with(b".sealed") {
        (Format::Sealed, seal(SealScheme::Sealed))
    } else {
        (if sql { Format::Mysqldump } else { Format::Unknown }, None)
    };
    let compression = if format == Format::Dbacked { Compression::None } else { compression };
    Shape { format, compression, basis: Basis::Name, seal }
}

/// The name without what says how it is written, and what that is: compression, whether it is SQL.
fn split_extensions(name: &[u8]) -> (&[u8], (Compression, bool)) {
    const PACKED: [(&[u8], Compression); 10] = [
        (b".tgz", Compression::Gzip),
        (b".tbz2", Compression::Bzip2),
        (b".tbz", Compression::Bzip2),
        (b".tar", Compression::None),
        (b".gz", Compression::Gzip),
        (b".zst", Compression::Zstd),
        (b".zstd", Compression::Zstd),
        (b".bz2", Compression::Bzip2),
        (b".xz", Compression::Xz),
        (b".sealed", Compression::None),
    ];
    let (mut stem, mut compression) = (name, Compression::None);
    while let Some((rest, kind)) = PACKED.iter().find_map(|(end, kind)| Some((strip_end(stem, end)?, *kind))) {
        stem = rest;
        compression = if compression == Compression::None { kind } else { compression };
    }
    let sql = [&b".sql"[..], b".dump", b".mysql", b".mysqldump"].iter().find_map(|end| strip_end(stem, end));
    (sql.unwrap_or(stem), (compression, sql.is_some()))
}

fn strip_end<'a>(name: &'a [u8], end: &[u8]) -> Option<&'a [u8]> {
    let (stem, tail) = name.split_at_checked(name.len().checked_sub(end.len())?)?;
    tail.eq_ignore_ascii_case(end).then_some(stem)
}

fn trim(mut text: &[u8]) -> &[u8] {
    const SEPARATORS: &[u8] = b"-_. @+";
    while let [first, rest @ ..] = text
        && SEPARATORS.contains(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && SEPARATORS.contains(last)
    {
        text = rest;
    }
    text
}

/// A date and perhaps a time that begin at `at`, and where they end: year first.
fn date(stem: &[u8], at: usize) -> Option<([u16; 6], usize, Exactness)> {
    let run = stem[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let pick = |from: usize, length: usize| number(stem.get(from..from + length)?);
    let (day, end) = match run {
        8 | 12 | 14 => ([pick(at, 4)?, pick(at + 4, 2)?, pick(at + 6, 2)?], at + 8),
        4 if separated(stem, at + 4, 2) && separated(stem, at + 7, 2) => {
            ([pick(at, 4)?, pick(at + 5, 2)?, pick(at + 8, 2)?], at + 10)
        }
        _ => return None,
    };
    let fields = [day[0], day[1], day[2], 0, 0, 0];
    moment(fields).filter(|_| (1995..2200).contains(&day[0]))?;
    let time = if run > 8 { clock(stem, end) } else { behind(stem, end).and_then(|at| clock(stem, at)) };
    if let Some(([hour, minute, second], after)) = time {
        let with_time = [day[0], day[1], day[2], hour, minute, second];
        if moment(with_time).is_some() {
            let (exact, after) = match zone(&stem[after..]) {
                Some((east, length)) => (Exactness::Time(east), after + length),
                None => (Exactness::Clock, after),
            };
            return Some((with_time, after, exact));
        }
    }
    Some((fields, end, Exactness::Day))
}

/// `261122`, for what has no whole date: a year from 2015 to 2040, a month, a day, perhaps a time.
fn short_date(stem: &[u8], at: usize) -> Option<([u16; 6], usize, Exactness)> {
    let run = stem[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let apart = |at: usize| stem.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let stands_alone = run == 6 && (at == 0 || apart(at - 1)) && apart(at + 6);
    let year = number(stem.get(at..at + 2)?).filter(|year| stands_alone && (15..=40).contains(year))?;
    let long = [b"20", &stem[at..]].concat();
    let (fields, end, exact) = date(&long, 0)?;
    (fields[0] == 2000 + year).then_some((fields, at + end - 2, exact))
}

/// `1795353421`: seconds since 1970, from 2015 to 2036.
fn since_1970(stem: &[u8], at: usize) -> Option<([u16; 6], usize, Exactness)> {
    let digits = stem[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let apart = at == 0 || !stem[at - 1].is_ascii_alphanumeric();
    let text = stem.get(at..at + 10).filter(|_| digits == 10 && apart)?;
    let seconds = text.iter().fold(0_i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let shown = Moment((1_420_070_400..2_100_000_000).contains(&seconds).then_some(seconds)? * 1000).second();
    let pick = |from: usize, length: usize| number(shown.as_bytes().get(from..from + length)?);
    let fields = [pick(0, 4)?, pick(5, 2)?, pick(8, 2)?, pick(11, 2)?, pick(14, 2)?, pick(17, 2)?];
    Some((fields, at + 10, Exactness::Time(0)))
}

/// Two digits behind a separator, and no third digit.
fn separated(stem: &[u8], at: usize, length: usize) -> bool {
    let digit = |at: usize| stem.get(at).is_some_and(u8::is_ascii_digit);
    let parted = stem.get(at).is_some_and(|byte| b"-_.:".contains(byte));
    parted && (1..=length).all(|step| digit(at + step)) && !digit(at + length + 1)
}

/// Where a time may begin behind a date.
fn behind(stem: &[u8], end: usize) -> Option<usize> {
    let parted = stem.get(end).is_some_and(|byte| b"-_.T t@".contains(byte));
    parted.then_some(end + 1)
}

/// `0300`, `030007`, `03-00`, `03:00:07`.
fn clock(stem: &[u8], at: usize) -> Option<([u16; 3], usize)> {
    let run = stem.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let pick = |from: usize| number(stem.get(from..from + 2)?);
    let (time, end) = match run {
        4 => ([pick(at)?, pick(at + 2)?, 0], at + 4),
        6 => ([pick(at)?, pick(at + 2)?, pick(at + 4)?], at + 6),
        2 if hour_and_minute(stem, at + 2) => ([pick(at)?, pick(at + 3)?, 0], at + 6),
        2 if separated(stem, at + 2, 2) => {
            let more = separated(stem, at + 5, 2);
            let second = if more { pick(at + 6)? } else { 0 };
            let end = at + if more { 8 } else { 5 };
            ([pick(at)?, pick(at + 3)?, second], end + if more { fraction(stem, end) } else { 0 })
        }
        _ => return None,
    };
    Some((time, end))
}

/// A zone behind a time, in minutes east of UTC, and its length: `Z`, `_UTC`, `+0530`, `+05:30`, `-08:00`. What a dash begins
/// without a colon may be anything.
fn zone(text: &[u8]) -> Option<(i16, usize)> {
    let (east, length) = match text {
        [b'Z' | b'z', ..] => (0, 1),
        [b'-' | b'_' | b' ' | b'.', name @ ..] if is_utc(name) => (0, 4),
        [sign @ (b'+' | b'-'), a, b, b':', c, d, ..] | [sign @ b'+', a, b, b'-', c, d, ..] => {
            (databacker::offset(&[*sign, *a, *b, b':', *c, *d])?, 6)
        }
        [sign @ b'+', a, b, c, d, ..] => (databacker::offset(&[*sign, *a, *b, b':', *c, *d])?, 5),
        _ => return None,
    };
    let ends = text.get(length).is_none_or(|byte| !byte.is_ascii_digit());
    (ends && i64::from(east).abs() * 60_000 <= ZONES).then_some((east, length))
}

fn is_utc(text: &[u8]) -> bool {
    let (name, after) = text.split_at(text.len().min(3));
    let named = name.eq_ignore_ascii_case(b"UTC") || name.eq_ignore_ascii_case(b"GMT");
    named && after.first().is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

fn number(digits: &[u8]) -> Option<u16> {
    digits.iter().try_fold(0u16, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// `h07m` behind the hour.
fn hour_and_minute(stem: &[u8], at: usize) -> bool {
    matches!(stem.get(at..at + 4), Some([b'h', a, b, b'm']) if a.is_ascii_digit() && b.is_ascii_digit())
}

/// How many bytes behind the seconds are a part of one: `.123`, `.123456`.
fn fraction(stem: &[u8], end: usize) -> usize {
    let digits = stem.get(end + 1..).map_or(0, |rest| rest.iter().take_while(|it| it.is_ascii_digit()).count());
    if stem.get(end) == Some(&b'.') && (3..=9).contains(&digits) { digits + 1 } else { 0 }
}

/// Year, month, day, hour, minute, second as UTC.
fn moment([year, month, day, hour, minute, second]: [u16; 6]) -> Option<Moment> {
    let text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
    let in_range = month <= 12 && day <= 31 && hour <= 23 && minute <= 59 && second <= 59;
    in_range.then(|| Moment::parse(&text)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dbacked(key: &str) -> Option<(String, String)> {
        dbacked_name(&Foreign::from(key)).map(|facts| (facts.naming.to_string(), facts.at.minute()))
    }

    fn plain(key: &str) -> Option<(String, String)> {
        dated_name(&Foreign::from(key)).map(|facts| (facts.naming.to_string(), facts.at.second()))
    }

    fn pair(naming: &str, at: &str) -> Option<(String, String)> {
        Some((naming.to_owned(), at.to_owned()))
    }

    #[test]
    fn names_of_dbacked_are_read_from_the_right() {
        assert_eq!(dbacked("dbacked_shop_010920261053"), pair("shop", "2026-09-01 10:53"));
        assert_eq!(dbacked("mysql/dbacked_shop_maria_300820261140"), pair("shop_maria", "2026-08-30 11:40"));
        assert_eq!(dbacked("dbacked_a_010120200000_311220252359"), pair("a_010120200000", "2025-12-31 23:59"));
        assert_eq!(dbacked("dbacked__290220241200"), pair("", "2024-02-29 12:00"));
        assert_eq!(dbacked("dbacked_290220241200"), pair("", "2024-02-29 12:00"));
        assert_eq!(dbacked("backup_shop_160820180300"), pair("shop", "2018-08-16 03:00"));
        for wrong in [
            "dbacked_",
            "dbacked_shop_notadate",
            "dbacked_x_290220231200",
            "dbacked_x_010120262400",
            "shop",
            "dbacked_shop1010920261053",
            "dbacked_shop_010920261053_metadata",
        ] {
            assert_eq!(dbacked(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn metadata_belongs_to_the_backup_of_its_name() {
        let of = |key: &str| metadata_of(&Foreign::from(key));
        assert_eq!(of("p/dbacked_x_010920261053_metadata"), Some(Foreign::from("p/dbacked_x_010920261053")));
        assert_eq!(of("dbacked_x_010920261053"), None);
        assert_eq!(of("my_metadata"), None);
    }

    #[test]
    fn names_of_plain_dumps_give_their_last_date() {
        assert_eq!(plain("shop-2026-11-21.sql.gz"), pair("shop", "2026-11-21 00:00:00"));
        assert_eq!(plain("shop_20261121_0300.sql"), pair("shop", "2026-11-21 03:00:00"));
        assert_eq!(plain("a/b/shop-20261121T030000Z.sql.zst"), pair("shop", "2026-11-21 03:00:00"));
        assert_eq!(plain("2026-11-21-shop.SQL.GZ"), pair("shop", "2026-11-21 00:00:00"));
        assert_eq!(plain("shop_2026-11-21_03-00-07_full.sql.xz"), pair("shop-full", "2026-11-21 03:00:07"));
        assert_eq!(plain("db1-20261121030059.sql.bz2"), pair("db1", "2026-11-21 03:00:59"));
        assert_eq!(plain("crm.202611210300.dump"), pair("crm", "2026-11-21 03:00:00"));
        assert_eq!(plain("all 2026-11-21 03:00.sql"), pair("all", "2026-11-21 03:00:00"));
        assert_eq!(plain("x-2026-11-21-9999.sql"), pair("x-9999", "2026-11-21 00:00:00"));
        assert_eq!(plain("mybackup-20261005_160000.tar.gz"), pair("mybackup", "2026-10-05 16:00:00"));
        assert_eq!(plain("daily_shop_2026-11-22_06h25m_Sunday.sql.gz"), pair("daily_shop", "2026-11-22 06:25:00"));
        assert_eq!(plain("2026-11-22_06h25m.Sunday.shop.sql.gz"), pair("shop", "2026-11-22 06:25:00"));
        assert_eq!(plain("sun-2026-11-22.sql"), pair("sun", "2026-11-22 00:00:00"));
        assert_eq!(plain("shop_2026-11-22_12-37-41.123456.sql"), pair("shop", "2026-11-22 12:37:41"));
        for (key, naming) in
            [("a/shop_22-11-2026.sql.gz", "shop"), ("shop.sql", "shop"), ("22-11-2026.sql", "22-11-2026")]
        {
            assert_eq!(stem(&Foreign::from(key)).to_string(), naming, "{key}");
        }
        assert_eq!(plain("shop_261121.sql.gz"), pair("shop", "2026-11-21 00:00:00"));
        assert_eq!(plain("261121_0300-shop.sql.gz"), pair("shop", "2026-11-21 03:00:00"));
        assert_eq!(plain("shop_20261121_201105.sql.gz"), pair("shop", "2026-11-21 20:11:05"), "no second date");
        for wrong in ["shop_261321.sql", "shop_990101.sql", "v261121.sql", "shop-5795230000.sql", "shop_261121a.sql"] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
        for wrong in ["shop.sql", "shop-2026-13-21.sql", "shop-99999999.sql", "", "123456789.sql", "v2026-1-2.sql"] {
            assert_eq!(plain(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_says_how_exactly_it_tells_the_time() {
        let facts = |key: &str| dated_name(&Foreign::from(key)).unwrap();
        for day in ["shop-2026-11-21.sql.gz", "20261121-shop.sql", "x-2026-11-21-9999.sql", "shop_2026-11-21_full.sql"]
        {
            assert_eq!(facts(day).exact, Exactness::Day, "{day}");
        }
        for time in
            ["shop_20261121_0000.sql", "shop-202611210300.sql", "all 2026-11-21 03:00-0800.sql", "a_202611210300+9"]
        {
            assert_eq!(facts(time).exact, Exactness::Clock, "{time}");
        }
        for (name, east) in [
            ("shop_20261121T030000Z.sql", 0),
            ("shop_2026-11-21_03-00_UTC.sql.gz", 0),
            ("shop-1795230000.sql.gz", 0),
            ("shop_2026-11-21T03:00:00+05:30.sql.gz", 330),
            ("shop_2026-11-21T03-00-00+05-30.sql.gz", 330),
            ("shop-20261121T0300+0100.sql", 60),
            ("shop_2026-11-21_03:00:00-08:00.sql", -480),
        ] {
            let told = facts(name);
            let at = facts("shop_20261121_0300.sql").at.0 - east * 60_000;
            assert_eq!((told.exact, told.at.0), (Exactness::Time(east as i16), at), "{name}");
            assert_eq!(told.naming, Foreign::from("shop"), "{name}");
        }
        let shop = facts("shop-2026-11-21.sql.gz");
        let hours = |hours: i64| shop.may_be_of(Moment(shop.at.0 + hours * 3_600_000));
        assert_eq!([-15, -14, 0, 23, 37, 38].map(hours), [false, true, true, true, true, false]);
        assert!(!facts("shop_20261121_0300.sql").may_be_of(shop.at));
    }

    #[test]
    fn a_guess_names_format_and_compression() {
        let word = |key: &str| {
            let shape = guess(&Foreign::from(key));
            format!("{}{}", shape.format.word(), shape.compression.extension())
        };
        assert_eq!(word("dbacked_shop_010920261053"), "dbacked");
        assert_eq!(word("shop.sql.zstd"), "mysqldump.zst");
        assert_eq!(word("backup_shop.sql.gz"), "mysqldump.gz");
        assert_eq!(word("shop.sql.gz.sealed"), "sealed.gz");
        assert_eq!(word("readme.txt"), "unknown");
        assert_eq!(word("db_backup_2026-10-05T01:00:00Z.tbz2"), "databacker.bz2");
        assert_eq!(word("db_backup_20160504030510.gz"), "databacker.gz");
        assert_eq!(word("mybackup-20261005_160000.tar.gz"), "unknown.gz");
    }
}
