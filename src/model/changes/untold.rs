//! Rows of which nobody can tell whether a filter means them.

use std::fmt;

use serde::Serialize;

use crate::model::changes::TableRef;
use crate::model::foreign::Foreign;
use crate::model::units::grouped;

/// Why it cannot be told whether a filter means a row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Untold {
    /// The names of its columns are not known.
    Unnamed,
    /// The log's images leave a column out.
    LeftOut(Foreign),
    /// A column's bytes are not what it holds.
    Unreadable(Foreign),
    /// A column's text is in a character set that is not read here.
    Charset(Foreign, &'static str),
    /// The labels of an enum or a set are not known.
    Labels(Foreign),
    /// The log does not name the connection that changed it.
    Thread,
    /// The log does not have the text of the statement that changed it.
    Statement,
    /// The log tells two times of its commit.
    Clock,
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unnamed => f.write_str("the names of its columns are not known; --schema tells them"),
            Self::LeftOut(column) => write!(f, "the log's images leave the column {column} out"),
            Self::Unreadable(column) => write!(f, "the value of column {column} cannot be read"),
            Self::Charset(column, charset) => {
                write!(f, "column {column} is in {charset}, which is not read here; x'..' compares bytes")
            }
            Self::Labels(column) => write!(f, "the labels of column {column} are not known; --schema tells them"),
            Self::Thread => f.write_str(
                "the log names no connection for its rows; ask for times, positions, GTIDs or tables instead",
            ),
            Self::Statement => f.write_str(
                "the log does not have the text of its statement; ask for times, positions, GTIDs or tables instead",
            ),
            Self::Clock => f.write_str(
                "a clock was set: the log has another time in front of it or behind; ask for positions, GTIDs or tables \
                 instead of times",
            ),
        }
    }
}

/// Rows that were passed over though they may be meant, by table and reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Untolds {
    /// How many there are.
    pub rows: u64,
    /// The first [`Self::KEPT`] tables and reasons.
    pub tables: Vec<UntoldTable>,
}

/// Rows of one table that cannot be told for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UntoldTable {
    /// The table.
    pub table: TableRef,
    /// How many.
    pub rows: u64,
    /// Why; safe to draw.
    #[serde(serialize_with = "in_words")]
    pub why: Untold,
}

fn in_words<S: serde::Serializer>(why: &Untold, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}

impl Untolds {
    /// The most tables and reasons that are told apart.
    pub const KEPT: usize = 64;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Some rows of a table.
    pub fn add(&mut self, (schema, table): (&Foreign, &Foreign), why: &Untold, rows: u64) {
        self.rows = self.rows.saturating_add(rows);
        let is_it =
            |one: &&mut UntoldTable| one.table.table == *table && one.table.schema == *schema && one.why == *why;
        let is_full = self.tables.len() >= Self::KEPT;
        match self.tables.iter_mut().find(is_it) {
            Some(known) => known.rows = known.rows.saturating_add(rows),
            None if !is_full => {
                let table = TableRef { schema: schema.clone(), table: table.clone() };
                self.tables.push(UntoldTable { table, rows, why: why.clone() });
            }
            None => {}
        }
    }

    /// All rows of another count.
    pub fn merge(&mut self, other: &Self) {
        let named: u64 = other.tables.iter().map(|one| one.rows).sum();
        for one in &other.tables {
            self.add((&one.table.schema, &one.table.table), &one.why, one.rows);
        }
        self.rows = self.rows.saturating_add(other.rows.saturating_sub(named));
    }

    /// One line for each table and reason, and one for those that are not kept; safe to draw.
    pub fn lines(&self) -> Vec<String> {
        let line = |one: &UntoldTable| {
            format!("{} of {}: whether the filter means them cannot be told: {}", rows(one.rows), one.table, one.why)
        };
        let mut lines: Vec<String> = self.tables.iter().map(line).collect();
        let named: u64 = self.tables.iter().map(|one| one.rows).sum();
        if self.rows > named {
            lines.push(format!("and {} of other tables", rows(self.rows - named)));
        }
        lines
    }
}

fn rows(count: u64) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_by_table_and_reason_and_none_is_lost_where_there_are_too_many() {
        let (shop, orders) = (Foreign::from("shop"), Foreign::from("orders"));
        let mut all = Untolds::default();
        all.add((&shop, &orders), &Untold::Unnamed, 2);
        all.add((&shop, &orders), &Untold::Unnamed, 1);
        all.add((&shop, &orders), &Untold::LeftOut("status".into()), 1);
        let mut sum = Untolds::default();
        sum.merge(&all);
        sum.merge(&all);
        assert_eq!((sum.rows, sum.tables.len(), sum.tables[0].rows), (8, 2, 6));
        for table in 0..100 {
            sum.add((&shop, &format!("t{table}").as_str().into()), &Untold::Unnamed, 1);
        }
        assert_eq!((sum.rows, sum.tables.len()), (108, Untolds::KEPT));
        let mut again = Untolds::default();
        again.merge(&sum);
        assert_eq!(again.rows, 108);
        assert!(again.lines().last().is_some_and(|line| line == "and 38 rows of other tables"), "{:?}", again.lines());
    }
}
