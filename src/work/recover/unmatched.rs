//! Parts of a filter that nothing in the logs has: a name that is mistyped undoes nothing.

use crate::model::changes::ChangeFilter;
use crate::model::script::ScriptHazard;
use crate::work::recover::made::Made;

/// The most parts that are named.
const NAMED: usize = 10;

/// A hazard for tables, databases, GTIDs and connections that are asked for and are nowhere.
pub fn told(made: &Made, filter: &ChangeFilter) -> Option<ScriptHazard> {
    let logged = || made.view.tables.iter().map(|table| &table.table);
    let mut missing = vec![];
    for schema in filter.schemas.iter().filter(|schema| !logged().any(|table| table.schema == **schema)) {
        missing.push(format!("--schema-name {schema}"));
    }
    for table in filter.tables.iter().filter(|table| !logged().any(|one| table.takes(&one.schema, &one.table))) {
        let schema = table.schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."));
        missing.push(format!("--table {schema}{}", table.table));
    }
    for (first, last) in filter.gtids.iter().flat_map(|gtids| gtids.parts()) {
        if !made.index.gtids.may_have(&first, &last) {
            missing.push(format!("--gtid {first}"));
        }
    }
    for thread in filter.threads.iter().filter(|thread| !made.index.threads.may_have(**thread)) {
        missing.push(format!("--thread {thread}"));
    }
    if missing.is_empty() {
        return None;
    }
    let more = missing.len().saturating_sub(NAMED);
    missing.truncate(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let text = format!(
        "nothing that is undone is of {}{more}: names count letter for letter, and what is mistyped undoes nothing",
        missing.join(", ")
    );
    Some(ScriptHazard { code: "unmatched", text, offers: vec![] })
}
