//! Names of binary logs: `binlog.000412`, `mysql-bin.000001.gz`, and the index that lists them.

/// Endings of compressions that are taken off a name; what a file is, its bytes decide.
const PACKED: [&[u8]; 6] = [b".gz", b".zst", b".zstd", b".bz2", b".xz", b".gzip"];

/// The name of a log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogName {
    /// What stands before the number, without the dot.
    pub stem: Vec<u8>,
    /// The number.
    pub sequence: u64,
    /// The name that the server knows: without folder and without the ending of a compression.
    pub bare: Vec<u8>,
}

/// The last part of a key.
pub fn base(key: &[u8]) -> &[u8] {
    key.rsplit(|byte| *byte == b'/').next().unwrap_or(key)
}

/// A key's last part, without the ending of a compression.
pub fn bare(key: &[u8]) -> &[u8] {
    let name = base(key);
    PACKED.iter().find_map(|ending| name.strip_suffix(*ending)).filter(|rest| !rest.is_empty()).unwrap_or(name)
}

/// Reads the name of a log; `None` for everything else that lies in such folders.
pub fn log_name(key: &[u8]) -> Option<LogName> {
    let bare = bare(key);
    let dot = bare.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)?;
    let digits = std::str::from_utf8(&bare[dot + 1..]).ok()?;
    let fits = (6..=10).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let sequence = digits.parse().ok().filter(|_| fits)?;
    Some(LogName { stem: bare[..dot].to_vec(), sequence, bare: bare.to_vec() })
}

/// Whether it is the list of a server's logs.
pub fn is_index(key: &[u8]) -> bool {
    bare(key).strip_suffix(b".index").is_some_and(|stem| !stem.is_empty())
}

/// The logs that an index names, in its order. MariaDB and MySQL write one path a line.
pub fn index_names(text: &[u8]) -> Vec<LogName> {
    text.split(|byte| *byte == b'\n').map(|line| line.trim_ascii()).filter_map(log_name).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn logs_are_known_by_their_names_whatever_their_ending() {
        let name =
            |key: &str| log_name(key.as_bytes()).map(|name| (String::from_utf8(name.stem).unwrap(), name.sequence));
        assert_eq!(name("binlog.000412"), Some(("binlog".to_owned(), 412)));
        assert_eq!(name("a/b/mysql-bin.000001.gz"), Some(("mysql-bin".to_owned(), 1)));
        assert_eq!(name("db1.prod-bin.1000000.zst"), Some(("db1.prod-bin".to_owned(), 1_000_000)));
        for other in
            ["binlog.index", "ibdata1", "binlog.0412", ".000412", "dump.sql.gz", "x.000412.sql", "binlog.00041a", ""]
        {
            assert_eq!(name(other), None, "{other}");
        }
        assert_eq!(bare(b"x/binlog.000412.gz"), b"binlog.000412");
        assert!(is_index(b"a/binlog.index") && !is_index(b".index"));
    }

    #[test]
    fn an_index_names_logs_one_a_line() {
        let names = index_names(b"./binlog.000001\r\n/var/lib/mysql/binlog.000002\n\nnoise\n");
        assert_eq!(names.iter().map(|name| name.sequence).collect::<Vec<_>>(), [1, 2]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_names_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(name) = log_name(&bytes) {
                prop_assert!(bytes.windows(name.bare.len()).any(|part| part == name.bare));
            }
            for name in index_names(&bytes) {
                prop_assert!(!name.stem.is_empty());
            }
        }
    }
}
