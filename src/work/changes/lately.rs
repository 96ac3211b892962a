//! Whether a server's definitions may be of another time than the end of the logs.

use crate::model::changes::{Edge, TableRef};
use crate::model::units::Moment;
use crate::work::changes::survey::Surveyed;

/// How much later than its statement began a server may date a table, in milliseconds. Both have whole seconds.
const SLACK: i64 = 2_000;

/// What the logs tell of when tables got the definitions that they have where the logs end.
#[derive(Debug, Default)]
pub struct LogsEnd {
    to: Option<Moment>,
    /// When statements changed definitions; without tables: perhaps any.
    walls: Vec<(Vec<TableRef>, Moment)>,
}

impl LogsEnd {
    /// By what was read.
    pub fn of(surveyed: &Surveyed) -> Self {
        let to = surveyed.coverage.to.as_ref().and_then(|Edge { at, .. }| *at);
        Self { to, walls: surveyed.walls.iter().map(|wall| (wall.tables.clone(), wall.at)).collect() }
    }

    /// Whether a table that the server dates so got its definition behind the logs: nothing in them is known to have
    /// given it. A change within the very second in which they end cannot be told from one before it.
    pub fn lies_before(&self, table: &TableRef, created: Moment) -> bool {
        let Some(to) = self.to else { return false };
        let is_of = |named: &[TableRef]| {
            let is_it = |one: &TableRef| one == table || one.table.raw_bytes().is_empty() && one.schema == table.schema;
            named.is_empty() || named.iter().any(is_it)
        };
        let dated = |at: Moment| (at.0..=at.0 + SLACK).contains(&created.0);
        created.0 >= to.0.div_euclid(1000) * 1000 + 1000
            && !self.walls.iter().any(|(named, at)| is_of(named) && dated(*at))
    }
}

/// What to say of tables that were changed behind the logs.
pub fn words(late: &[String]) -> String {
    const NAMED: usize = 10;
    let mut names = late.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if late.len() > NAMED {
        names.push_str(&format!(" and {} more", late.len() - NAMED));
    }
    format!(
        "{names}: made or changed on the server behind the end of these logs, so not used: read the logs up to now, or \
         say with FILE@end that a definition was true where they end"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d22_a_table_that_is_newer_than_the_logs_and_that_they_did_not_make_is_of_another_time() {
        let table = |name: &str| TableRef { schema: "shop".into(), table: name.into() };
        let at = |seconds: i64| Moment(seconds * 1000);
        let walls = vec![(vec![table("orders")], Moment(99_500)), (vec![table("old")], at(20))];
        let end = LogsEnd { to: Some(at(100)), walls };
        assert!(end.lies_before(&table("stock"), at(101)));
        assert!(!end.lies_before(&table("stock"), at(100)));
        assert!(!end.lies_before(&table("stock"), at(50)));
        assert!(!end.lies_before(&table("orders"), at(101)));
        assert!(end.lies_before(&table("orders"), at(103)));
        assert!(end.lies_before(&table("old"), at(101)));
        let all = LogsEnd { to: Some(at(100)), walls: vec![(vec![], at(100))] };
        assert!(!all.lies_before(&table("stock"), at(101)));
        assert!(!LogsEnd::default().lies_before(&table("stock"), at(101)));
    }
}
