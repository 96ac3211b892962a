//! Column facts: what tables were called and made of, and from which place of the log on that is true.
//!
//! A definition that was true at a place holds back to the last change of that table's definition before the place,
//! and is moved along by the changes behind it. A dump says its place (`CHANGE MASTER TO`, `CHANGE REPLICATION SOURCE
//! TO`), `--schema FILE@binlog.000412:1234` gives one; `FILE@end`, and what a server says, is true at the end of the
//! log. Of anything else nothing tells when it was true: it is used for tables whose definitions the log never changes.

use std::collections::HashMap;

use crate::change::query::TableName;
use crate::change::schema::{TableFacts, Timeline};
use crate::model::change::{BinlogPos, Place};
use crate::model::changes::{FactsSource, PositionBound};
use crate::model::foreign::Foreign;
use crate::work::changes::names::bare;

/// Where definitions were true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    /// At that place.
    At(Place),
    /// At the end, or later.
    End,
    /// Nothing tells where: of tables that the logs change, nothing is taken from it.
    Untold,
    /// In a log that is not read: what changed between there and here is unknown, so nothing is taken from it.
    Unread,
}

/// Definitions that were true together.
#[derive(Debug, Clone)]
pub struct DefinitionSet {
    /// The tables.
    pub tables: Vec<TableFacts>,
    /// Where they were true.
    pub valid: Valid,
}

/// All definitions that were given; what was learned is taken out.
#[derive(Debug, Default)]
pub struct Definitions {
    sets: Vec<DefinitionSet>,
}

impl Definitions {
    /// Adds a set; later ones win.
    pub fn add(&mut self, set: DefinitionSet) {
        if set.valid != Valid::Unread {
            self.sets.push(set);
        }
    }

    /// Definitions that name no database wait until it is known in which ones the log has such tables.
    pub fn settle_homeless(&mut self, settle: impl Fn(&mut DefinitionSet)) {
        self.sets.iter_mut().for_each(settle);
    }

    /// What was true before a change of definitions, which then moves it along.
    pub fn learn_before(&mut self, timeline: &mut Timeline, wall: Place, last: &HashMap<TableName, Place>) {
        self.learn(timeline, last, |valid| matches!(valid, Valid::At(place) if place < wall));
    }

    /// Everything else.
    pub fn learn_rest(&mut self, timeline: &mut Timeline, last: &HashMap<TableName, Place>) {
        self.learn(timeline, last, |_| true);
    }

    fn learn(&mut self, timeline: &mut Timeline, last: &HashMap<TableName, Place>, now: impl Fn(Valid) -> bool) {
        if self.sets.is_empty() {
            return;
        }
        let (ready, mut rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.sets).into_iter().partition(|set| now(set.valid));
        // Nothing says whose changes would move those without a database along.
        let is_homeless = |facts: &TableFacts| facts.name.schema.is_empty();
        let homeless: Vec<_> =
            ready.iter().flat_map(|set| &set.tables).filter(|facts| is_homeless(facts)).cloned().collect();
        if !homeless.is_empty() && !now(Valid::End) {
            rest.insert(0, DefinitionSet { tables: homeless, valid: Valid::Untold });
        }
        self.sets = rest;
        for DefinitionSet { tables, valid, .. } in ready {
            for facts in tables.into_iter().filter(|facts| !is_homeless(facts)) {
                match last_wall(last, &facts.name) {
                    Some(_) if valid == Valid::Untold => timeline.doubt(facts.name),
                    from => timeline.learn(facts, from.unwrap_or_default()),
                }
            }
        }
    }
}

/// The last statement that may have changed a table's definition: its own, its database's, or one that may have
/// changed all.
fn last_wall(last: &HashMap<TableName, Place>, name: &TableName) -> Option<Place> {
    let is_of = |wall: &TableName| {
        let database = TableName { table: wall.table.clone(), ..name.clone() };
        wall.is_like(name) || wall.table.is_empty() && (wall.schema.is_empty() || wall.is_like(&database))
    };
    last.iter().filter(|(wall, _)| is_of(wall)).map(|(_, place)| *place).max()
}

/// Where a definition was true, as whoever gave it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Nothing is said.
    Nothing,
    /// At that position.
    At(PositionBound),
    /// At the end of the log.
    End,
}

/// The place of a position in the files of a source.
pub fn valid_at(bound: Option<&PositionBound>, files: &[Foreign]) -> Valid {
    let Some(bound) = bound else { return Valid::Untold };
    let Some(wanted) = &bound.file else { return Valid::Untold };
    let wanted = bare(wanted.raw_bytes());
    if let Some(at) = files.iter().position(|file| file.raw_bytes() == wanted) {
        let file = u32::try_from(at).unwrap_or(u32::MAX);
        return Valid::At(Place { file, position: bound.position, inner: 0 });
    }
    Valid::Unread
}

/// From where on a set is taken to be true, in words.
pub fn valid_words(valid: Valid, files: &[Foreign]) -> String {
    match valid {
        Valid::At(place) => {
            let file = files.get(place.file as usize).map_or_else(String::new, Foreign::to_string);
            format!(
                "at {file}:{}, back to the last change of a definition before it, and moved along behind it",
                place.position
            )
        }
        Valid::Unread => "in a log that is not read here: its definitions are not used".to_owned(),
        Valid::Untold => "nothing says where: used for tables whose definitions the log does not change".to_owned(),
        Valid::End => "at the end of the log, and back to each table's last change of its definition".to_owned(),
    }
}

/// Splits `FILE@binlog.000412:1234` and `FILE@end`; what stands behind the last `@` must be a position, or `end`.
pub fn with_position(text: &str) -> (&str, Said) {
    match text.rsplit_once('@') {
        Some((front, "end")) if !front.is_empty() => (front, Said::End),
        Some((front, position)) if position.contains(':') && !position.contains('/') => {
            match PositionBound::parse(position) {
                Some(bound) if !front.is_empty() => (front, Said::At(bound)),
                _ => (text, Said::Nothing),
            }
        }
        _ => (text, Said::Nothing),
    }
}

/// The position that a dump names in its head, in a comment or not.
pub fn position_in(head: &[u8]) -> Option<PositionBound> {
    let upper = head.to_ascii_uppercase();
    let end =
        [&b"\nCREATE TABLE"[..], b"\nINSERT INTO"].iter().filter_map(|mark| memchr::memmem::find(&upper, mark)).min();
    let (head, upper) = (&head[..end.unwrap_or(head.len())], &upper[..end.unwrap_or(upper.len())]);
    let file_at = memchr::memmem::find(upper, b"_LOG_FILE=")? + b"_LOG_FILE=".len();
    let quote = *head.get(file_at).filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let name = head[file_at + 1..].split(|byte| *byte == quote).next()?;
    let rest = file_at + 1 + name.len();
    let position_at = rest + memchr::memmem::find(&upper[rest..], b"_LOG_POS=")? + b"_LOG_POS=".len();
    let line_ends = memchr::memchr(b'\n', &head[rest..]).map_or(head.len(), |at| rest + at);
    if position_at > line_ends || name.is_empty() || name.len() > 255 {
        return None;
    }
    let digits = head[position_at..].iter().take(20).take_while(|byte| byte.is_ascii_digit()).count();
    let digits = std::str::from_utf8(&head[position_at..position_at + digits]).ok()?;
    Some(PositionBound { file: Some(Foreign::new(name)), position: BinlogPos(digits.parse().ok()?) })
}

/// What is told of a source of facts.
pub fn told(from: &str, tables: usize, valid: String) -> FactsSource {
    FactsSource { from: crate::model::foreign::escape(from), tables, valid, problem: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn d22_a_dump_says_at_which_position_it_was_true() {
        let at =
            |text: &str| position_in(text.as_bytes()).map(|bound| (bound.file.unwrap().to_string(), bound.position.0));
        let master = "-- MySQL dump\n\n-- CHANGE MASTER TO MASTER_LOG_FILE='binlog.000412', MASTER_LOG_POS=1234;\nCREATE TABLE t (a int);";
        assert_eq!(at(master), Some(("binlog.000412".to_owned(), 1234)));
        let source = "CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='b.000001', SOURCE_LOG_POS=157;\n";
        assert_eq!(at(source), Some(("b.000001".to_owned(), 157)));
        let later =
            "-- dump\nCREATE TABLE t (a text);\nINSERT INTO t VALUES (\"\nMASTER_LOG_FILE='x', MASTER_LOG_POS=4\");\n";
        assert_eq!(at(later), None);
        assert_eq!(at("MASTER_LOG_FILE='x'\n, MASTER_LOG_POS=4"), None);
    }

    #[test]
    fn a_position_may_stand_behind_the_file() {
        assert_eq!(with_position("./dump.sql").1, Said::Nothing);
        assert_eq!(with_position("mysql://user@host:3306/"), ("mysql://user@host:3306/", Said::Nothing));
        let bound = PositionBound::parse("binlog.000412:1234").unwrap();
        assert_eq!(with_position("./d@y.sql@binlog.000412:1234"), ("./d@y.sql", Said::At(bound)));
        assert_eq!(with_position("./d@y.sql@end"), ("./d@y.sql", Said::End));
        assert_eq!(with_position("./d@y.sql"), ("./d@y.sql", Said::Nothing));
    }

    #[test]
    fn d22_a_position_in_a_log_that_is_not_read_says_nothing() {
        let files = [Foreign::from("b.000010"), Foreign::from("b.000011")];
        let valid = |text: &str| valid_at(PositionBound::parse(text).as_ref(), &files);
        assert_eq!(valid("b.000009:4"), Valid::Unread);
        assert_eq!(valid("b.000012:4"), Valid::Unread);
        assert_eq!(valid("b.000011:77"), Valid::At(Place { file: 1, position: BinlogPos(77), inner: 0 }));
        assert_eq!(valid("77"), Valid::Untold);
    }

    proptest! {
        #[test]
        fn heads_of_any_bytes_are_read(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0..200_usize) {
            let at = at.min(bytes.len());
            bytes.splice(at..at, b"MASTER_LOG_FILE='a', MASTER_LOG_POS=".iter().copied());
            let _ = position_in(&bytes);
        }
    }
}
