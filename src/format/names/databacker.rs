//! Names that databacker's mysql-backup gives: `db_backup_<time>.<compression>`, and those inside its archives.

use crate::format::names::{base, moment, number};
use crate::model::backup::Compression;
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// How every object is named unless a pattern is configured.
const PREFIX: &[u8] = b"db_backup_";

/// Endings that it has written over the years; the first three are those of its current version.
pub(super) const ENDINGS: [(&[u8], Compression); 5] = [
    (b"tgz", Compression::Gzip),
    (b"tbz2", Compression::Bzip2),
    (b"tar", Compression::None),
    (b"gz", Compression::Gzip),
    (b"bz2", Compression::Bzip2),
];

/// Version 0.5 wrote minutes where the month belongs: how near the object's own time a doubtful name must be.
const NEAR: i64 = 2 * 86_400_000;

/// What the name of a databacker backup tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabackerName {
    /// What stands around the time: `db_backup`, or the fixed words of a configured pattern.
    pub naming: Foreign,
    /// The folder below the target, with its slash at the end; may be empty.
    pub folder: Foreign,
    /// The time in it.
    pub time: NameTime,
    /// What its ending says.
    pub compression: Compression,
}

/// A time in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameTime {
    /// It can be read.
    Known(Dated),
    /// Month and minute are the same two digits: version 0.5 may have written minutes for the month.
    Doubtful(Dated),
    /// There is none that can be read.
    Unknown(&'static str),
}

/// A point in time, and the offset from UTC that it was written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// As UTC.
    pub at: Moment,
    /// Minutes east of UTC; `None`: the name carries no offset, and its clock is taken as UTC.
    pub offset: Option<i16>,
}

/// Why the time of a name is not used.
pub(super) const NO_TIME: &str = "its name carries no whole time: the object's own time is used";
const NO_MONTH: &str = "its name has minutes where the month belongs (mysql-backup 0.5): the object's own time is used";

impl NameTime {
    /// The time to go by, next to the time at which the object was written.
    ///
    /// # Errors
    ///
    /// Why the name's own time cannot be used, as a sentence.
    pub fn beside(self, written: Option<Moment>) -> Result<Dated, &'static str> {
        match (self, written) {
            (Self::Known(dated), _) | (Self::Doubtful(dated), None) => Ok(dated),
            (Self::Doubtful(dated), Some(at)) if at.0.abs_diff(dated.at.0) <= NEAR as u64 => Ok(dated),
            (Self::Doubtful(_), Some(_)) => Err(NO_MONTH),
            (Self::Unknown(why), _) => Err(why),
        }
    }
}

/// Reads `db_backup_<time>.<ending>`: RFC 3339 with colons or dashes, or 14 digits.
pub fn databacker_name(key: &Foreign) -> Option<DatabackerName> {
    let (folder, rest) = split_folder(key.raw_bytes());
    let rest = rest.strip_prefix(PREFIX)?;
    let dot = rest.iter().position(|byte| *byte == b'.')?;
    let ending = &rest[dot + 1..];
    let (_, compression) = ENDINGS.iter().find(|(known, _)| *known == ending)?;
    let time = match clock(&rest[..dot])? {
        // Only the oldest versions wrote one bare stream, and only they wrote minutes for months.
        Clock::Digits(fields) if ending == b"gz" => old_digits(fields),
        Clock::Digits(fields) => NameTime::Known(Dated { at: moment(fields)?, offset: None }),
        Clock::Rfc(fields, offset) => NameTime::Known(dated(fields, Some(offset))?),
    };
    let naming = Foreign::new(PREFIX.strip_suffix(b"_").unwrap_or(PREFIX));
    Some(DatabackerName { naming, folder: Foreign::new(folder), time, compression: *compression })
}

/// The database that a member of an archive holds, by its name: `<schema>_<time>.sql`, read from the right.
///
/// `None` for any other name. For `backup_<time>.sql` see [`may_hold_all`].
pub fn member_schema(name: &[u8]) -> Option<Foreign> {
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let stem = name.strip_suffix(b".sql")?;
    if stem.contains(&b'/') {
        return None;
    }
    // 14 digits, RFC 3339 with `Z`, RFC 3339 with an offset: no two of them end alike.
    let schema = [14, 20, 25].iter().find_map(|length| {
        let (schema, time) = stem.split_at_checked(stem.len().checked_sub(*length)?)?;
        clock(time)?;
        schema.strip_suffix(b"_")
    })?;
    (!schema.is_empty()).then(|| Foreign::new(schema))
}

/// Whether a member is named as version 0.10 names the one that holds all databases; a later version names
/// the database `backup` alike.
pub fn may_hold_all(name: &[u8]) -> bool {
    member_schema(name).is_some_and(|schema| schema.raw_bytes() == b"backup")
}

/// The time that this tool's prune reads out of a key, which ignores the offset; `None`: it never deletes that.
///
/// Its expression on the last part of the key: `^db_backup_DATE[T]HH[:-]MM[:-]SS(Z|offset)\.\w+$`.
pub fn prune_time(key: &Foreign) -> Option<Moment> {
    let rest = base(key.raw_bytes()).strip_prefix(PREFIX)?;
    let dot = rest.iter().position(|byte| *byte == b'.')?;
    let ending = &rest[dot + 1..];
    let word = !ending.is_empty() && ending.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    match clock(&rest[..dot])? {
        Clock::Rfc(fields, _) if word => moment(fields),
        _ => None,
    }
}

pub(super) fn split_folder(key: &[u8]) -> (&[u8], &[u8]) {
    key.split_at(memchr::memrchr(b'/', key).map_or(0, |slash| slash + 1))
}

/// Year to second as written, and minutes east of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    Digits([u16; 6]),
    Rfc([u16; 6], i16),
}

/// A time that fills all of `text`.
pub(super) fn clock(text: &[u8]) -> Option<Clock> {
    let pick = |at: usize, length: usize| number(text.get(at..at + length)?);
    if text.len() == 14 {
        let fields = [pick(0, 4)?, pick(4, 2)?, pick(6, 2)?, pick(8, 2)?, pick(10, 2)?, pick(12, 2)?];
        return Some(Clock::Digits(fields));
    }
    let between = |at: usize, allowed: &[u8]| text.get(at).is_some_and(|byte| allowed.contains(byte));
    let parted = between(4, b"-") && between(7, b"-") && between(10, b"T") && between(13, b":-") && between(16, b":-");
    let fields = [pick(0, 4)?, pick(5, 2)?, pick(8, 2)?, pick(11, 2)?, pick(14, 2)?, pick(17, 2)?];
    parted.then_some(Clock::Rfc(fields, offset(text.get(19..)?)?))
}

/// `Z`, `+02:00` or `-02-00`, in minutes east of UTC.
pub(super) fn offset(text: &[u8]) -> Option<i16> {
    match text {
        b"Z" => Some(0),
        [sign @ (b'+' | b'-'), hours @ .., b':' | b'-', tens, ones] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[*tens, *ones])?);
            let east = i16::try_from(hours * 60 + minutes).ok()?;
            (hours <= 23 && minutes <= 59).then_some(if *sign == b'+' { east } else { -east })
        }
        _ => None,
    }
}

/// A wall clock and its offset as one point in time.
pub(super) fn dated(fields: [u16; 6], offset: Option<i16>) -> Option<Dated> {
    let east = i64::from(offset.unwrap_or(0)) * 60_000;
    Some(Dated { at: Moment(moment(fields)?.0 - east), offset })
}

fn old_digits(fields: [u16; 6]) -> NameTime {
    let [_, month, _, _, minute, _] = fields;
    match moment(fields) {
        None => NameTime::Unknown(NO_MONTH),
        Some(at) if month == minute => NameTime::Doubtful(Dated { at, offset: None }),
        Some(at) => NameTime::Known(Dated { at, offset: None }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(key: &str) -> Option<(String, String, Option<i16>)> {
        let name = databacker_name(&Foreign::from(key))?;
        let dated = name.time.beside(None).ok()?;
        Some((format!("{}{}", name.folder, name.naming), dated.at.second(), dated.offset))
    }

    fn found(naming: &str, at: &str, offset: Option<i16>) -> Option<(String, String, Option<i16>)> {
        Some((naming.to_owned(), at.to_owned(), offset))
    }

    #[test]
    fn default_names_keep_their_offset_in_every_spelling() {
        let utc = found("db_backup", "2026-10-05 01:00:00", Some(0));
        assert_eq!(read("db_backup_2026-10-05T01:00:00Z.tgz"), utc);
        assert_eq!(read("db_backup_2026-10-05T01-00-00Z.tbz2"), utc);
        let east = found("node1/db_backup", "2026-01-01 23:04:05", Some(120));
        assert_eq!(read("node1/db_backup_2026-01-02T01:04:05+02:00.tar"), east);
        assert_eq!(read("node1/db_backup_2026-01-02T01-04-05+02-00.tar"), east);
        let west = found("db_backup", "2026-01-02 06:34:05", Some(-330));
        assert_eq!(read("db_backup_2026-01-02T01-04-05-05-30.tgz"), west);
        assert_eq!(read("db_backup_20180102030405.tgz"), found("db_backup", "2018-01-02 03:04:05", None));
    }

    #[test]
    fn other_names_are_left_to_others() {
        for other in [
            "db_backup_2026-10-05T01:00:00Z.sql",
            "db_backup_2026-10-05T01:00:00Z",
            "db_backup_2026-10-05T01:00:00.tgz",
            "db_backup_2026-13-05T01:00:00Z.tgz",
            "db_backup_2026-10-05T01:00:00+24:00.tgz",
            "db_backup_2026-10-05 01:00:00Z.tgz",
            "my_db_backup_2026-10-05T01:00:00Z.tgz",
            "db_backup_.tgz",
            "db_backup_2018010203040.gz",
        ] {
            assert_eq!(databacker_name(&Foreign::from(other)), None, "{other}");
        }
    }

    #[test]
    fn names_of_version_0_5_have_minutes_for_the_month_and_are_not_believed() {
        let time = |key: &str| databacker_name(&Foreign::from(key)).unwrap().time;
        let day = |text: &str| Moment::parse(text);
        // %Y%M%d%H%M%S at 2016-07-04 03:45:10: there is no month 45.
        assert_eq!(time("db_backup_20164504034510.gz").beside(day("2016-07-04")), Err(NO_MONTH));
        // At 03:05 the minutes pass for May; the object's time tells.
        let may = time("db_backup_20160504030510.gz");
        assert!(matches!(may, NameTime::Doubtful(_)), "{may:?}");
        assert_eq!(may.beside(day("2016-07-04")), Err(NO_MONTH));
        assert!(may.beside(day("2016-05-04 03:06")).is_ok() && may.beside(None).is_ok());
        // Month and minute differ: not version 0.5, however old the copy is.
        assert!(time("db_backup_20180504030710.gz").beside(day("2026-01-01")).is_ok());
        assert!(matches!(time("db_backup_20180504030510.tgz"), NameTime::Known(_)), "0.10 had it right");
    }

    #[test]
    fn members_are_read_from_the_right() {
        let schema = |name: &str| member_schema(name.as_bytes()).map(|schema| schema.to_string());
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(schema("shop_2026-10-05T01:00:00Z.sql"), is("shop"));
        assert_eq!(schema("my_shop_2026-10-05T01-00-00+02-00.sql"), is("my_shop"));
        assert_eq!(schema("./a_20180102030405_20200101000000.sql"), is("a_20180102030405"));
        assert_eq!(schema("_x__20200101000000.sql"), is("_x_"));
        for other in
            ["shop.sql", "shop_2026.sql", "_20200101000000.sql", "d/shop_20200101000000.sql", "x_20200101000000"]
        {
            assert_eq!(schema(other), None, "{other}");
        }
        assert!(may_hold_all(b"./backup_20200101000000.sql") && !may_hold_all(b"my_backup_20200101000000.sql"));
    }

    #[test]
    fn prune_reads_the_wall_clock_and_only_its_own_names() {
        let reads = |key: &str| prune_time(&Foreign::from(key)).map(Moment::second);
        let local = Some("2026-01-02 01:04:05".to_owned());
        assert_eq!(reads("a/b/db_backup_2026-01-02T01:04:05+02:00.tgz"), local, "the offset is thrown away");
        assert_eq!(reads("db_backup_2026-01-02T01-04-05Z.anything_1"), local);
        for other in ["db_backup_20260102010405.tgz", "db_backup_2026-01-02T01:04:05Z.tar.gz", "x.tgz"] {
            assert_eq!(reads(other), None, "{other}");
        }
        assert_eq!(reads("db_backup_2026-02-30T01:04:05Z.tgz"), None, "no such day");
    }

    proptest! {
        #[test]
        fn a_name_that_was_written_is_read_back(seconds in 0_i64..4_000_000_000, east in -1439_i16..1440, safe: bool) {
            let local = Moment(seconds * 1000 + i64::from(east) * 60_000).second();
            let sign = if east < 0 { '-' } else { '+' };
            let (hours, minutes) = (east.abs() / 60, east.abs() % 60);
            let mut text = format!("{}{sign}{hours:02}:{minutes:02}", local.replace(' ', "T"));
            if safe {
                text = text.replace(':', "-");
            }
            let name = databacker_name(&Foreign::from(format!("db_backup_{text}.tgz"))).unwrap();
            let dated = Dated { at: Moment(seconds * 1000), offset: Some(east) };
            prop_assert_eq!(name.time, NameTime::Known(dated));
            prop_assert_eq!(member_schema(format!("s_{text}.sql").as_bytes()), Some(Foreign::from("s")));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>, tail in "[0-9TZ:+.-]{0,30}") {
            for name in [bytes.clone(), [b"db_backup_".as_slice(), &bytes, tail.as_bytes()].concat()] {
                let key = Foreign::new(name.clone());
                let _ = (databacker_name(&key), prune_time(&key), member_schema(&name), may_hold_all(&name));
            }
        }
    }
}
