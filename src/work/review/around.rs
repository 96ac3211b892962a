//! What stands around the tables of a script, as hazards: triggers, foreign keys, engines, missing tables.

use std::collections::BTreeSet;

use crate::model::changes::TableRef;
use crate::model::script::{ForeignKey, ScriptHazard, Surroundings};
use crate::work::recover::around::triggers;

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

fn plain(code: &'static str, text: String) -> ScriptHazard {
    ScriptHazard { code, text, offers: vec![] }
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
    use crate::model::script::{TableNow, Trigger};

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
