//! A configured `filenamePattern`, turned into something that recognises the names it makes.
//!
//! The pattern is a Go text template over a few words: `{{ .now }}`, `{{ .year }}` and so on. Only fields
//! can be turned around; a pattern with functions or conditions is refused, and its backups go by the
//! object's own time.

use regex::bytes::{Captures, Regex, RegexBuilder};

use crate::format::names::databacker::{DatabackerName, Dated, ENDINGS, NO_TIME, NameTime, dated, offset};
use crate::format::names::{number, strip_end, trim};
use crate::model::backup::Compression;
use crate::model::foreign::Foreign;

/// The longest pattern that is taken, in bytes; file names end at 255.
const LONGEST: usize = 1024;

/// What one field of the template becomes.
const NOW: &str = "([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2})[:-]([0-9]{2})[:-]([0-9]{2})(Z|[+-][0-9]{2}[:-][0-9]{2})";
const PARTS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];

/// Recognises the names that one configured pattern makes.
#[derive(Debug, Clone)]
pub struct NamePattern {
    names: Regex,
    naming: Foreign,
    time: TimeIn,
    compression: Option<usize>,
}

/// Where the time stands: numbers of groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TimeIn {
    Now(usize),
    Parts([usize; 6]),
    Nowhere,
}

impl NamePattern {
    /// Turns a pattern around.
    ///
    /// # Errors
    ///
    /// What cannot be turned around, as the end of a sentence.
    pub fn read(pattern: &str) -> Result<Self, &'static str> {
        if pattern.len() > LONGEST {
            return Err("is longer than any name");
        }
        let mut made = Builder::default();
        for piece in pieces(pattern)? {
            made.add(&piece);
        }
        made.finish()
    }

    /// Whether its names carry a whole time.
    pub fn has_time(&self) -> bool {
        self.time != TimeIn::Nowhere
    }

    /// What a key tells, if this pattern made it.
    pub fn name(&self, key: &Foreign) -> Option<DatabackerName> {
        let found = self.names.captures(key.raw_bytes())?;
        let time = match self.time {
            TimeIn::Nowhere => NameTime::Unknown(NO_TIME),
            TimeIn::Now(first) => {
                let east = offset(found.get(first + 6)?.as_bytes())?;
                NameTime::Known(self.dated(&found, std::array::from_fn(|nth| first + nth), Some(east))?)
            }
            TimeIn::Parts(groups) => NameTime::Known(self.dated(&found, groups, None)?),
        };
        let folder = found.get(1).map_or(&b""[..], |folder| folder.as_bytes());
        let ending = self.compression.and_then(|group| found.get(group)).map(|ending| ending.as_bytes());
        let compression = match ending {
            Some(ending) => ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind),
            None => ENDINGS.iter().find(|(known, _)| ends_in(key.raw_bytes(), known)).map(|(_, kind)| *kind),
        };
        Some(DatabackerName {
            naming: self.naming.clone(),
            folder: Foreign::new(folder),
            time,
            compression: compression.unwrap_or(Compression::None),
        })
    }

    fn dated(&self, found: &Captures<'_>, groups: [usize; 6], east: Option<i16>) -> Option<Dated> {
        let mut fields = [0; 6];
        for (field, group) in fields.iter_mut().zip(groups) {
            *field = number(found.get(group)?.as_bytes())?;
        }
        dated(fields, east)
    }
}

fn ends_in(name: &[u8], ending: &[u8]) -> bool {
    strip_end(name, ending).is_some_and(|stem| stem.ends_with(b"."))
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(String),
}

/// The template's pieces; trim marks are carried out.
fn pieces(pattern: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = vec![];
    let (mut rest, mut trim_next) = (pattern, false);
    loop {
        let Some((before, behind)) = rest.split_once("{{") else {
            let text = if trim_next { rest.trim_start() } else { rest };
            pieces.push(Piece::Text(text.to_owned()));
            return Ok(pieces);
        };
        let (action, after) = behind.split_once("}}").ok_or("has an action without an end")?;
        let mut text = if trim_next { before.trim_start() } else { before };
        let mut inner = action;
        // As in Go, a trim mark is a dash with a blank beside it.
        if let Some(kept) = inner.strip_prefix('-').filter(|kept| kept.starts_with(char::is_whitespace)) {
            (inner, text) = (kept, text.trim_end());
        }
        trim_next = false;
        if let Some(kept) = inner.strip_suffix('-').filter(|kept| kept.ends_with(char::is_whitespace)) {
            (inner, trim_next) = (kept, true);
        }
        let field = inner.trim().strip_prefix('.').ok_or("has an action that is no plain field")?;
        if field.is_empty() || !field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err("has an action that is no plain field");
        }
        pieces.push(Piece::Text(text.to_owned()));
        pieces.push(Piece::Field(field.to_owned()));
        rest = after;
    }
}

#[derive(Default)]
struct Builder {
    expression: String,
    /// Groups so far beside the folder's.
    groups: usize,
    words: Vec<String>,
    now: Option<usize>,
    parts: [Option<usize>; 6],
    compression: Option<usize>,
}

impl Builder {
    fn add(&mut self, piece: &Piece) {
        match piece {
            Piece::Text(text) => self.text(text),
            Piece::Field(field) if field == "now" => {
                self.now.get_or_insert(self.groups + 2);
                self.groups += 7;
                self.expression.push_str(NOW);
            }
            Piece::Field(field) if field == "compression" => {
                self.compression.get_or_insert(self.groups + 2);
                self.groups += 1;
                self.expression.push_str("(tgz|tbz2|tar|gz|bz2)");
            }
            Piece::Field(field) => match PARTS.iter().position(|part| part == field) {
                Some(nth) => {
                    self.parts[nth].get_or_insert(self.groups + 2);
                    self.groups += 1;
                    self.expression.push_str(if nth == 0 { "([0-9]{4})" } else { "([0-9]{2})" });
                }
                // Go renders what the map does not hold like this.
                None => self.text("<no value>"),
            },
        }
    }

    fn text(&mut self, text: &str) {
        // Where the name was made safe, every colon of it became a dash.
        let safe: Vec<String> = text.split(':').map(regex::escape).collect();
        self.expression.push_str(&safe.join("[:-]"));
        self.words.push(text.to_owned());
    }

    fn finish(self) -> Result<NamePattern, &'static str> {
        // The tool joins paths: a leading slash goes, several become one.
        let mut expression = self.expression.trim_start_matches('/').to_owned();
        while expression.contains("//") {
            expression = expression.replace("//", "/");
        }
        if expression.is_empty() {
            return Err("is empty");
        }
        let names =
            RegexBuilder::new(&format!("^(.*/)?{expression}$")).unicode(false).dot_matches_new_line(true).build();
        let time = match (self.now, self.parts) {
            (Some(first), _) => TimeIn::Now(first),
            (None, [Some(y), Some(mo), Some(d), Some(h), Some(mi), Some(s)]) => TimeIn::Parts([y, mo, d, h, mi, s]),
            _ => TimeIn::Nowhere,
        };
        Ok(NamePattern {
            names: names.map_err(|_| "cannot be turned into a search")?,
            naming: naming(&self.words),
            time,
            compression: self.compression,
        })
    }
}

/// The fixed words of a pattern, without its ending: `db_backup`.
fn naming(words: &[String]) -> Foreign {
    let all = words.len();
    let kept = words.iter().enumerate().filter_map(|(nth, word)| {
        let mut word = word.as_bytes();
        while nth + 1 == all
            && let Some(stem) = ENDINGS.iter().find_map(|(end, _)| strip_end(word, end)?.strip_suffix(b"."))
        {
            word = stem;
        }
        while let [b'/' | b':', rest @ ..] | [rest @ .., b'/' | b':'] = word {
            word = rest;
        }
        let word = trim(word);
        (!word.is_empty()).then_some(word)
    });
    let joined = kept.collect::<Vec<_>>().join(&b'-');
    Foreign::new(if joined.is_empty() { b"backup".to_vec() } else { joined })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pattern: &str, key: &str) -> Option<String> {
        let name = NamePattern::read(pattern).unwrap().name(&Foreign::from(key))?;
        let time = name.time.beside(None).map(|dated| format!("{} {:?}", dated.at.second(), dated.offset));
        Some(format!(
            "{}|{}|{}|{}",
            name.folder,
            name.naming,
            time.unwrap_or("no time".into()),
            name.compression.extension()
        ))
    }

    fn is(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn the_default_pattern_reads_default_names() {
        let pattern = "db_backup_{{ .now }}.{{ .compression }}";
        let east = "|db_backup|2026-01-01 23:04:05 Some(120)|.gz";
        assert_eq!(read(pattern, "db_backup_2026-01-02T01:04:05+02:00.tgz"), is(east));
        assert_eq!(read(pattern, "db_backup_2026-01-02T01-04-05+02-00.tgz"), is(east));
        assert_eq!(
            read(pattern, "x/db_backup_2026-01-01T23:04:05Z.tar"),
            is("x/|db_backup|2026-01-01 23:04:05 Some(0)|")
        );
        assert_eq!(read(pattern, "my_db_backup_2026-01-01T23:04:05Z.tar"), None);
        assert_eq!(read(pattern, "db_backup_2026-01-01T23:04:05Z.tar.bak"), None);
    }

    #[test]
    fn parts_folders_and_fixed_endings_are_read() {
        let pattern = "mybackup-{{.year}}{{.month}}{{.day}}_{{.hour}}{{.minute}}{{.second}}.tar.gz";
        assert_eq!(read(pattern, "mybackup-20261005_160000.tar.gz"), is("|mybackup|2026-10-05 16:00:00 None|.gz"));
        assert_eq!(read(pattern, "mybackup-20261305_160000.tar.gz"), None, "no such month");
        let folders = "/sql//{{ .year }}/{{ .month }}-{{.day}}/prod:{{- .now -}} .{{ .compression }}";
        let key = "host/sql/2026/10-05/prod-2026-10-05T16-00-00Z.tbz2";
        assert_eq!(read(folders, key), is("host/|sql-prod|2026-10-05 16:00:00 Some(0)|.bz2"));
    }

    #[test]
    fn a_pattern_without_a_whole_time_recognises_and_says_so() {
        let pattern = "{{ .now2 }}dump-{{ .year }}.{{.compression}}";
        assert!(!NamePattern::read(pattern).unwrap().has_time());
        assert_eq!(read(pattern, "<no value>dump-2026.tgz"), is("|<no value>-dump|no time|.gz"));
        assert_eq!(read("latest.tgz", "latest.tgz"), is("|latest|no time|.gz"));
    }

    #[test]
    fn what_cannot_be_turned_around_is_refused() {
        for bad in ["{{ if .now }}x{{ end }}", "{{ .now | printf }}", "{{ .now", "{{}}", "", "/", "{{ printf \"x\" }}"]
        {
            assert!(NamePattern::read(bad).is_err(), "{bad}");
        }
        assert!(NamePattern::read(&"x".repeat(2000)).is_err());
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_name_make_it_panic(pattern in ".{0,40}|([a-z:/]|\\{\\{ ?-? ?\\.(now|year|x) ?-?\\}\\}){0,8}", key: Vec<u8>) {
            if let Ok(pattern) = NamePattern::read(&pattern) {
                let _ = pattern.name(&Foreign::new(key));
            }
        }
    }
}
