//! What stands around the tables of a script, as hazards: triggers, foreign keys, engines, missing tables.

use std::collections::BTreeSet;

use crate::model::changes::TableRef;
use crate::model::script::{ForeignKey, Offer, ScriptHazard, Surroundings, Trigger};
use crate::sql::compare::quoted;

/// Storage engines that take changes back.
const ROLLS_BACK: [&str; 5] = ["innodb", "rocksdb", "tokudb", "ndb", "ndbcluster"];

/// What a reviewer must know of the tables that a script touches.
pub fn hazards(around: &Surroundings, tables: &[TableRef]) -> Vec<ScriptHazard> {
    let mut found = of_tables(around, tables);
    let touched: BTreeSet<&TableRef> = tables.iter().collect();
    let keys = around.keys.iter().filter(|key| key.cascades() && touched.contains(&key.parent));
    found.extend(keys.map(of_key));
    found
}

/// The same without what foreign keys do to other tables.
pub(super) fn of_tables(around: &Surroundings, tables: &[TableRef]) -> Vec<ScriptHazard> {
    let mut found = vec![];
    for table in tables {
        let Some(now) = around.table(table) else {
            found.push(plain("no_table", format!("{table} is not there now: the script would stop")));
            continue;
        };
        if !now.engine.is_empty() && !ROLLS_BACK.contains(&now.engine.as_str()) {
            let text = format!("{table} is kept by {}: its changes stay even when the script rolls back", now.engine);
            found.push(plain("not_transactional", text));
        }
        if now.key.is_empty() {
            found.push(plain("no_key", format!("{table} has no key: of equal rows, any one is taken")));
        }
        found.extend(triggers(table, around));
    }
    found
}

/// The triggers of a table, as far as they are known.
pub(in crate::work) fn triggers(table: &TableRef, around: &Surroundings) -> Option<ScriptHazard> {
    let triggers: Vec<&Trigger> = around.triggers.iter().filter(|one| one.table == *table).collect();
    if triggers.is_empty() { None } else { Some(of_triggers(table, &triggers)) }
}

fn plain(code: &'static str, text: String) -> ScriptHazard {
    ScriptHazard { code, text, offers: vec![] }
}

/// Triggers fire on undo and write again; nothing here takes that decision from a person.
fn of_triggers(table: &TableRef, triggers: &[&Trigger]) -> ScriptHazard {
    let names: Vec<String> =
        triggers.iter().map(|one| format!("{} ({} {})", one.name, one.timing, one.event)).collect();
    let many = if triggers.len() == 1 { "1 trigger" } else { &format!("{} triggers", triggers.len()) };
    let text = format!("{many} would fire on {table}: {}", names.join(", "));
    let full = |one: &Trigger| Some(format!("{}.{}", quoted(&one.table.schema)?, quoted(&one.name)?));
    let drops = triggers.iter().filter_map(|one| Some(format!("DROP TRIGGER {};", full(one)?)));
    let makes = triggers.iter().filter_map(|one| {
        let create = one.create.as_ref()?.to_string();
        Some(format!("SET sql_mode='{}'; {create};", one.sql_mode))
    });
    let again = match triggers.iter().all(|one| one.create.is_some()) {
        true => "and behind it, under another DELIMITER",
        false => "and behind it, what SHOW CREATE TRIGGER says in front of it",
    };
    let offers = vec![
        Offer { what: "to let them fire: nothing; what they write is then written once more".to_owned(), sql: vec![] },
        Offer { what: "to keep them silent: before the script".to_owned(), sql: drops.collect() },
        Offer { what: again.to_owned(), sql: makes.collect() },
    ];
    ScriptHazard { code: "triggers", text, offers }
}

fn of_key(key: &ForeignKey) -> ScriptHazard {
    let columns: Vec<String> = key.columns.iter().map(ToString::to_string).collect();
    let ForeignKey { name, child, parent, on_delete, on_update, .. } = key;
    let text = format!(
        "{child} ({}) follows {parent} by {name} (on delete {on_delete}, on update {on_update}): most logs do not have \
         what it did to rows of {child}; find them in a backup from before the change",
        columns.join(", ")
    );
    plain("cascade", text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::script::TableNow;

    fn table(name: &str) -> TableRef {
        TableRef { schema: "shop".into(), table: name.into() }
    }

    #[test]
    fn d23_d24_d75_what_stands_around_is_said_with_statements_for_both_choices() {
        let now = |name: &str, engine: &str| TableNow {
            table: table(name),
            engine: engine.to_owned(),
            columns: vec![],
            key: vec!["id".into()],
            auto_increment: None,
        };
        let trigger = Trigger {
            table: table("orders"),
            name: "audit_ins".into(),
            event: "insert".to_owned(),
            timing: "after".to_owned(),
            create: Some("CREATE TRIGGER audit_ins AFTER INSERT ON orders FOR EACH ROW SET @a=1".into()),
            sql_mode: "STRICT_ALL_TABLES".into(),
        };
        let key = ForeignKey {
            name: "lines_fk".into(),
            child: table("lines"),
            columns: vec!["order_id".into()],
            parent: table("orders"),
            refers_to: vec!["id".into()],
            on_delete: "CASCADE".to_owned(),
            on_update: "RESTRICT".to_owned(),
        };
        let around = Surroundings {
            tables: vec![now("orders", "innodb"), now("log", "myisam")],
            triggers: vec![trigger],
            keys: vec![key],
        };
        let found = hazards(&around, &[table("orders"), table("log"), table("gone")]);
        let codes: Vec<_> = found.iter().map(|hazard| hazard.code).collect();
        assert_eq!(codes, ["triggers", "not_transactional", "no_table", "cascade"]);
        assert_eq!(found[0].offers[1].sql, ["DROP TRIGGER `shop`.`audit_ins`;"]);
        assert!(found[0].offers[2].sql[0].contains("CREATE TRIGGER"));
        assert!(hazards(&around, &[table("log")]).iter().all(|hazard| hazard.code != "cascade"));
    }
}
