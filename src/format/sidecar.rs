//! Checksums that somebody wrote down beside a backup: `NAME.sha256`, `NAME.md5`, `SHA256SUMS`, `MD5SUMS`.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::format::names::base;
use crate::model::foreign::Foreign;

/// The most that such a file is read of, in bytes; a larger one is no list of checksums.
pub const MOST: u64 = 64 << 10;

/// Which checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 64 digits.
    Sha256,
    /// 32 digits.
    Md5,
}

impl Kind {
    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Md5 => 32,
        }
    }
}

/// A checksum in hex, in small letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Which.
    pub kind: Kind,
    /// Its digits.
    pub hex: String,
}

const BESIDE: [(&[u8], Kind); 2] = [(b".sha256", Kind::Sha256), (b".md5", Kind::Md5)];
const LISTS: [(&[u8], Kind); 2] = [(b"SHA256SUMS", Kind::Sha256), (b"MD5SUMS", Kind::Md5)];

/// The keys under which a backup's checksums may lie.
pub fn keys(backup: &Foreign) -> Vec<(Foreign, Kind)> {
    let key = backup.raw_bytes();
    let folder = &key[..key.len() - base(key).len()];
    let beside = BESIDE.iter().map(|(ending, kind)| (Foreign::new([key, *ending].concat()), *kind));
    let lists = LISTS.iter().map(|(name, kind)| (Foreign::new([folder, *name].concat()), *kind));
    beside.chain(lists).collect()
}

/// Whether an object is named as a file of checksums: no backup of its own.
pub fn is_sidecar(key: &Foreign) -> bool {
    let name = base(key.raw_bytes());
    BESIDE.iter().any(|(ending, _)| name.len() > ending.len() && name.ends_with(ending))
        || LISTS.iter().any(|(list, _)| name == *list)
}

/// What such a file says of a backup, in the format of `sha256sum` (`HEX  NAME`), of BSD (`SHA256 (NAME) = HEX`), or
/// one bare sum. A list that does not name the backup is `Ok(None)`.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn read(text: &[u8], file: &Foreign, kind: Kind, backup: &Foreign) -> Result<Option<Sum>, &'static str> {
    let is_list = LISTS.iter().any(|(list, _)| base(file.raw_bytes()) == *list);
    let text = std::str::from_utf8(text).map_err(|_| "it is no text")?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines: Vec<(&str, Option<&str>)> =
        lines.map(|line| split(line).ok_or("a line of it names no checksum")).collect::<Result<_, _>>()?;
    let wanted = base(backup.raw_bytes());
    let named = lines.iter().find(|(_, name)| name.is_some_and(|name| base(name.as_bytes()) == wanted));
    let line = match (&lines[..], named) {
        (_, Some(line)) => line,
        ([], _) => return Err("it is empty"),
        // Beside one backup the name may be the one that it had where it was made.
        ([only], None) if !is_list => only,
        _ if is_list => return Ok(None),
        _ => return Err("none of its lines names this backup"),
    };
    let hex = line.0.to_ascii_lowercase();
    let is_sum = hex.len() == kind.digits() && HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).is_ok();
    if is_sum { Ok(Some(Sum { kind, hex })) } else { Err("what it names is no such checksum") }
}

/// Digits and name of one line.
fn split(line: &str) -> Option<(&str, Option<&str>)> {
    if let Some((head, hex)) = line.rsplit_once(") = ") {
        return head.split_once(" (").map(|(_, name)| (hex, Some(name)));
    }
    match line.split_once(char::is_whitespace) {
        Some((hex, name)) => Some((hex.trim_start_matches('\\'), Some(name.trim_start().trim_start_matches('*')))),
        None => Some((line, None)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn of(text: &str, file: &str) -> Result<Option<String>, &'static str> {
        let sum = read(text.as_bytes(), &Foreign::from(file), Kind::Sha256, &Foreign::from("a/shop.sql"));
        sum.map(|sum| sum.map(|sum| sum.hex))
    }

    #[test]
    fn every_usual_form_is_read() {
        let hex = || Ok(Some(HEX.to_owned()));
        for text in [
            format!("{HEX}  shop.sql\n"),
            format!("{HEX} *shop.sql\r\n"),
            format!("{HEX}  /srv/other/name.sql\n"),
            format!("SHA256 (shop.sql) = {HEX}\n"),
            HEX.to_uppercase(),
            format!("{}  other\n{HEX}  ./shop.sql\n", "0".repeat(64)),
        ] {
            assert_eq!(of(&text, "a/shop.sql.sha256"), hex(), "{text}");
        }
        assert_eq!(of(&format!("{HEX}  crm.sql\n"), "a/SHA256SUMS"), Ok(None), "a list of others");
        for text in ["", "\n# nothing\n", "hello", &HEX[1..], &format!("{HEX}0  shop.sql"), "x  shop.sql"] {
            assert!(of(text, "a/shop.sql.sha256").is_err(), "{text:?}");
        }
    }

    #[test]
    fn they_lie_beside_the_backup_and_are_none() {
        let keys: Vec<String> = keys(&Foreign::from("a/b/c")).iter().map(|(key, _)| key.to_string()).collect();
        assert_eq!(keys, ["a/b/c.sha256", "a/b/c.md5", "a/b/SHA256SUMS", "a/b/MD5SUMS"]);
        assert!(["x.md5", "a/x.sha256", "MD5SUMS", "a/SHA256SUMS"].iter().all(|key| is_sidecar(&Foreign::from(*key))));
        assert!([".md5", "a/.sha256", "MD5SUMS.gz", "shop.sql"].iter().all(|key| !is_sidecar(&Foreign::from(*key))));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text: Vec<u8>, list: bool) {
            let file = Foreign::from(if list { "MD5SUMS" } else { "x.md5" });
            if let Ok(Some(sum)) = read(&text, &file, Kind::Md5, &Foreign::from("x")) {
                prop_assert_eq!(sum.hex.len(), 32);
            }
        }
    }
}
