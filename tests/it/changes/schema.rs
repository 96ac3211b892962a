//! Column facts from definitions: they fit the log, and move along with what the log does to them.

use std::collections::BTreeMap;

use breakglass::change::frame::Limits;
use breakglass::change::query::TableName;
use breakglass::change::schema::{Misfit, Timeline, Unknown};
use breakglass::change::transactions::{Item, Transactions};
use breakglass::model::change::{Charset, Place};

use crate::changes::{log, unpacked, vectors};

fn timeline(fixture: &str, schema: &str) -> Timeline {
    let mut timeline = Timeline::default();
    let text = unpacked(vectors().join(fixture).join("schema.sql.gz"));
    assert!(timeline.read(&text, schema.as_bytes(), Place::default()).unwrap() >= 3, "{fixture}");
    timeline
}

/// Names of the columns of each rows event, by what the log says and by what the definitions say.
fn names(fixture: &str, timeline: &mut Timeline) -> Vec<(String, Vec<String>, Option<Unknown>)> {
    let bytes = log(fixture);
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    let mut all = vec![];
    while let Some(item) = log.next().unwrap() {
        match item {
            Item::Wall(ddl, statement) => {
                let query = statement.query;
                let text = query.text.to_vec();
                let query = breakglass::change::query::Query { text: &text, ..query };
                timeline.follow(&ddl, &query, Place { position: statement.facts.start, ..Place::default() });
            }
            Item::Rows(rows) => {
                let described = timeline.describe(rows.event.table, rows.place);
                let columns = described.shown.columns.iter().map(|column| column.name.to_string()).collect();
                all.push((described.shown.name.to_string(), columns, described.unknown));
            }
            _ => {}
        }
    }
    all
}

#[test]
fn definitions_follow_the_ddl_of_a_log_and_give_the_names_that_full_metadata_gives() {
    for product in ["mysql", "mariadb"] {
        let mut known = timeline(&format!("{product}-ddl-minmeta"), "bg_ddl");
        let followed = names(&format!("{product}-ddl-minmeta"), &mut known);
        let told = names(&format!("{product}-ddl"), &mut Timeline::default());
        assert_eq!(followed.len(), told.len(), "{product}");
        for (followed, told) in followed.iter().zip(&told) {
            assert_eq!((&followed.0, &followed.1, followed.2), (&told.0, &told.1, None), "{product}");
        }
    }
}

#[test]
fn definitions_of_all_types_fit_both_products() {
    for fixture in ["mysql-alltypes", "mariadb-alltypes", "mysql-multi", "mariadb-multi"] {
        let mut known = timeline(fixture, "");
        for (table, columns, unknown) in names(fixture, &mut known) {
            assert_eq!(unknown, None, "{fixture}, {table}");
            assert!(columns.iter().all(|name| !name.starts_with('@')), "{fixture}, {table}: {columns:?}");
        }
    }
}

#[test]
fn definitions_say_what_full_metadata_says_of_signs_character_sets_labels_and_keys() {
    for product in ["mysql", "mariadb"] {
        let known = timeline(&format!("{product}-alltypes"), "");
        let (bare, full) = (log(&format!("{product}-alltypes")), log(&format!("{product}-alltypes-fullmeta")));
        let mut tables = BTreeMap::new();
        let mut log = Transactions::new(&full[..], 0, Limits::default());
        while let Some(item) = log.next().unwrap() {
            if let Item::Rows(rows) = item {
                tables.insert(rows.event.table.name.clone(), rows.event.table.clone());
            }
        }
        let mut log = Transactions::new(&bare[..], 0, Limits::default());
        let mut compared = 0;
        while let Some(item) = log.next().unwrap() {
            let Item::Rows(rows) = item else { continue };
            let described = known.describe(rows.event.table, rows.place);
            let full = &tables[&rows.event.table.name];
            let pairs = described.log.columns.iter().zip(&full.columns).zip(&described.shown.columns);
            for (((ours, theirs), shown), text) in pairs.zip(0..) {
                let what = format!("{product} {} column {text}", full.name);
                assert_eq!(ours.name, theirs.name, "{what}");
                if theirs.unsigned.is_some() {
                    assert_eq!(ours.unsigned, theirs.unsigned, "{what}");
                }
                if theirs.charset != Charset::Unknown {
                    assert_eq!(ours.charset, theirs.charset, "{what}");
                }
                assert_eq!(shown.key_part, theirs.key_part, "{what}");
                if theirs.charset == Charset::Named("utf8mb4") {
                    assert_eq!(ours.labels, theirs.labels, "{what}");
                }
                compared += 1;
            }
        }
        assert!(compared > 1000, "{product}: {compared}");
    }
}

fn one(create: &str) -> Timeline {
    let mut timeline = Timeline::default();
    assert_eq!(timeline.read(create.as_bytes(), b"d", Place::default()).unwrap(), 1, "{create}");
    timeline
}

#[test]
fn computed_columns_and_those_that_update_themselves_are_known() {
    let known = one("CREATE TABLE `t` (`id` int NOT NULL AUTO_INCREMENT, `a` int DEFAULT (1 + (2)), \
         `v` int GENERATED ALWAYS AS (`a` + 1) VIRTUAL, `at` timestamp(6) NULL DEFAULT CURRENT_TIMESTAMP(6) \
         ON UPDATE CURRENT_TIMESTAMP(6), `u` varchar(20) CHARACTER SET latin1 COLLATE latin1_bin NOT NULL COMMENT 'GENERATED, ON UPDATE', \
         PRIMARY KEY (`id`,`u`(3)), UNIQUE KEY `uk` (`u`,`a`), KEY `f` ((upper(`u`)))) ENGINE=InnoDB CHARSET=utf8mb4");
    let name = TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
    let facts = known.at(&name, Place::default()).unwrap();
    let generated: Vec<_> = facts.columns.iter().map(|column| (column.generated, column.updates_itself)).collect();
    assert_eq!(generated, [(false, false), (false, false), (true, false), (false, true), (false, false)]);
    assert_eq!(facts.primary, [b"id".to_vec(), b"u".to_vec()]);
    assert_eq!(facts.unique.len(), 1);
    assert_eq!(facts.columns[4].charset, Charset::Named("latin1"));
    assert_eq!((facts.charset, facts.engine.as_str()), (Charset::Named("utf8mb4"), "innodb"));
}

#[test]
fn a_change_that_cannot_be_followed_ends_what_is_known() {
    use breakglass::change::query::{Meaning, Query, meaning};
    let cases = [
        ("ALTER TABLE t ADD c INT FIRST, DROP b", Ok("c a")),
        ("ALTER TABLE t CHANGE a z BIGINT AFTER b", Ok("b z")),
        ("ALTER TABLE d.t MODIFY COLUMN b TEXT, ALGORITHM=INPLACE", Ok("a b")),
        ("ALTER TABLE t ADD UNIQUE KEY k (b), ALTER COLUMN a SET DEFAULT 3", Ok("a b")),
        ("CREATE UNIQUE INDEX i ON t (a)", Ok("a b")),
        ("ALTER TABLE t CONVERT TO CHARACTER SET latin1", Err(Unknown::Lost)),
        ("ALTER TABLE t ADD SYSTEM VERSIONING", Err(Unknown::Lost)),
        ("ALTER TABLE t RENAME TO t2", Err(Unknown::Gone)),
        ("DROP TABLE IF EXISTS `d`.`t`, x", Err(Unknown::Gone)),
        ("DROP DATABASE d", Err(Unknown::Gone)),
        ("TRUNCATE t", Ok("a b")),
        ("CREATE OR REPLACE TABLE t SELECT 1 AS q", Err(Unknown::Lost)),
    ];
    for (text, expected) in cases {
        let mut known = one("CREATE TABLE t (a int primary key, b varchar(3))");
        let query = Query { thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
        let Meaning::Ddl(ddl) = meaning(&query) else { panic!("{text}") };
        let place = Place { file: 1, ..Place::default() };
        known.follow(&ddl, &query, place);
        let name = TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
        let columns = known.at(&name, place).map(|facts| {
            let names = facts.columns.iter().map(|column| String::from_utf8_lossy(&column.name).into_owned());
            names.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(columns, expected.map(str::to_owned), "{text}");
        // Before the statement it was as it was.
        assert_eq!(known.at(&name, Place::default()).map(|facts| facts.columns.len()), Ok(2), "{text}");
    }
}

#[test]
fn a_definition_of_another_time_is_not_used() {
    let known = one("CREATE TABLE bg_fk.parent (id bigint, other int)");
    let bytes = log("mysql-fk-cascade");
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    let mut misfits = 0;
    while let Some(item) = log.next().unwrap() {
        let Item::Rows(rows) = item else { continue };
        let unknown = known.describe(rows.event.table, rows.place).unknown;
        assert!(matches!(unknown, Some(Unknown::Never | Unknown::Misfit(_))));
        misfits +=
            usize::from(matches!(unknown, Some(Unknown::Misfit(Misfit::Count | Misfit::Type(_) | Misfit::Name(_)))));
    }
    assert!(misfits > 0);
}
