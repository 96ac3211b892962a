//! Sets of GTIDs, as both products write them: `uuid:1-5:8`, `uuid:tag:3`, `0-1-5`.

use crate::model::change::Gtid;

/// GTIDs to look for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GtidSet {
    mysql: Vec<Interval>,
    mariadb: Vec<(u32, u32, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Interval {
    server: [u8; 16],
    tag: Option<Box<str>>,
    from: u64,
    to: u64,
}

impl GtidSet {
    /// Reads a set; parts are separated by commas. `None` when a part is no GTID of either product.
    pub fn parse(text: &str) -> Option<Self> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once(':') {
                Some((uuid, rest)) => set.mysql_part(uuid, rest)?,
                None => {
                    let mut numbers = part.split('-');
                    let (domain, server, sequence) = (numbers.next()?, numbers.next()?, numbers.next()?);
                    if numbers.next().is_some() {
                        return None;
                    }
                    set.mariadb.push((domain.parse().ok()?, server.parse().ok()?, sequence.parse().ok()?));
                }
            }
        }
        Some(set)
    }

    fn mysql_part(&mut self, uuid: &str, rest: &str) -> Option<()> {
        let digits: String = uuid.chars().filter(|c| *c != '-').collect();
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()?;
        let server: [u8; 16] = bytes.try_into().ok()?;
        let (mut tag, mut any) = (None, false);
        for piece in rest.split(':').map(str::trim) {
            if !piece.starts_with(|c: char| c.is_ascii_digit()) {
                let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                if piece.is_empty() || !piece.chars().all(fits) {
                    return None;
                }
                tag = Some(Box::from(piece));
                continue;
            }
            let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
            let (from, to) = (from.parse().ok()?, to.parse().ok()?);
            if from > to {
                return None;
            }
            self.mysql.push(Interval { server, tag: tag.clone(), from, to });
            any = true;
        }
        any.then_some(())
    }

    /// Its parts, each from its first GTID to its last one.
    pub fn parts(&self) -> Vec<(Gtid, Gtid)> {
        let mysql = self.mysql.iter().map(|Interval { server, tag, from, to }| {
            let one = |number: u64| Gtid::MySql { server: *server, tag: tag.clone(), number };
            (one(*from), one(*to))
        });
        let one = |(domain, server, sequence)| Gtid::MariaDb { domain, server, sequence };
        mysql.chain(self.mariadb.iter().map(|part| (one(*part), one(*part)))).collect()
    }

    /// Whether it is one of them.
    pub fn has(&self, gtid: &Gtid) -> bool {
        match gtid {
            Gtid::MySql { server, tag, number } => self
                .mysql
                .iter()
                .any(|one| one.server == *server && one.tag == *tag && (one.from..=one.to).contains(number)),
            Gtid::MariaDb { domain, server, sequence } => self.mariadb.contains(&(*domain, *server, *sequence)),
        }
    }
}

impl std::fmt::Display for GtidSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut between = "";
        for Interval { server, tag, from, to } in &self.mysql {
            let first = Gtid::MySql { server: *server, tag: tag.clone(), number: *from };
            write!(f, "{between}{first}")?;
            if to > from {
                write!(f, "-{to}")?;
            }
            between = ",";
        }
        for (domain, server, sequence) in &self.mariadb {
            write!(f, "{between}{domain}-{server}-{sequence}")?;
            between = ",";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_both_products_are_read() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        let server = [0x3e, 0x11, 0xfa, 0x47, 0x71, 0xca, 0x11, 0xe1, 0x9e, 0x33, 0xc8, 0x0a, 0xa9, 0x42, 0x95, 0x62];
        let mysql = |tag: Option<&str>, number| Gtid::MySql { server, tag: tag.map(Box::from), number };
        let set = GtidSet::parse(&format!("{uuid}:1-5:8:audit:3, 0-1-7")).unwrap();
        assert!(set.has(&mysql(None, 5)) && set.has(&mysql(None, 8)) && !set.has(&mysql(None, 6)));
        assert!(set.has(&mysql(Some("audit"), 3)) && !set.has(&mysql(None, 3 + 6)));
        let mariadb = |sequence| Gtid::MariaDb { domain: 0, server: 1, sequence };
        assert!(set.has(&mariadb(7)) && !set.has(&mariadb(8)));
        for wrong in
            ["", "x", "0-1", "0-1-2-3", "3e11:1", &format!("{uuid}:"), &format!("{uuid}:5-1"), &format!("{uuid}:A:1")]
        {
            assert_eq!(GtidSet::parse(wrong), None, "{wrong}");
        }
    }
}
