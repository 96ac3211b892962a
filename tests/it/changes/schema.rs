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
        let query = Query { server: 1, thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
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

/// What a definition is behind a statement, and whether the statement may have done nothing.
fn followed(known: &mut Timeline, text: &str, file: u32) -> bool {
    use breakglass::change::query::{Meaning, Query, meaning};
    let query = Query { server: 1, thread: 1, schema: b"d", text: text.as_bytes(), dialect: Default::default() };
    let Meaning::Ddl(ddl) = meaning(&query) else { panic!("{text}") };
    let place = Place { file, ..Place::default() };
    known.follow(&ddl, &query, place);
    known.is_moot(&ddl, place)
}

fn columns(known: &Timeline, table: &str, file: u32) -> Result<String, Unknown> {
    let name = TableName { schema: b"d".to_vec(), table: table.as_bytes().to_vec() };
    known.at(&name, Place { file, ..Place::default() }).map(|facts| {
        let names = facts.columns.iter().map(|column| String::from_utf8_lossy(&column.name).into_owned());
        let keys = facts.primary.iter().map(|name| format!("*{}", String::from_utf8_lossy(name)));
        names.chain(keys).collect::<Vec<_>>().join(" ")
    })
}

#[test]
fn d22_the_actions_of_one_change_mean_the_columns_as_they_were_before_it() {
    let cases = [
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a", Ok("b a c *b")),
        ("CHANGE a b INT, CHANGE b a INT", Ok("b a c *b")),
        ("RENAME COLUMN a TO b, DROP b", Ok("b c *b")),
        ("DROP b, RENAME COLUMN a TO b", Ok("b c *b")),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO c, RENAME COLUMN c TO a", Ok("b c a *b")),
        ("DROP c, ADD c TEXT FIRST", Ok("c a b *a")),
        ("ADD d INT AFTER a, ADD e INT AFTER d", Ok("a d e b c *a")),
        ("RENAME COLUMN a TO z, ADD a INT", Ok("z b c a *z")),
        ("RENAME COLUMN a TO z, DROP PRIMARY KEY, ADD PRIMARY KEY (b)", Ok("z b c *b")),
        ("RENAME COLUMN a TO b, RENAME COLUMN b TO a, ADD d INT AFTER a", Err(Unknown::Lost)),
        ("RENAME COLUMN a TO b", Err(Unknown::Lost)),
    ];
    for (actions, expected) in cases {
        let mut known = one("CREATE TABLE t (a int primary key, b int, c int)");
        followed(&mut known, &format!("ALTER TABLE t {actions}"), 1);
        assert_eq!(columns(&known, "t", 1), expected.map(str::to_owned), "{actions}");
    }
}

#[test]
fn a_column_may_be_called_first() {
    let mut known = one("CREATE TABLE t (a int primary key, first int, z int)");
    followed(&mut known, "ALTER TABLE t ADD c INT AFTER first", 1);
    assert_eq!(columns(&known, "t", 1).unwrap(), "a first c z *a");
    followed(&mut known, "ALTER TABLE t ADD d INT FIRST", 2);
    assert_eq!(columns(&known, "t", 2).unwrap(), "d a first c z *a");
}

#[test]
fn d22_a_table_that_is_created_only_if_it_is_not_there_stays_what_it_was() {
    let create = "CREATE TABLE IF NOT EXISTS t (b int, a int)";
    let mut known = one("CREATE TABLE t (a int primary key, b int)");
    assert!(followed(&mut known, create, 1));
    assert_eq!(columns(&known, "t", 1).unwrap(), "a b *a");
    // Nothing is known of it: neither whether it was there.
    let mut unknown = Timeline::default();
    assert!(followed(&mut unknown, create, 1));
    assert_eq!(columns(&unknown, "t", 1), Err(Unknown::Never));
    // It was gone, so it came to be.
    assert!(!followed(&mut known, "DROP TABLE t", 2));
    assert!(!followed(&mut known, create, 3));
    assert_eq!(columns(&known, "t", 3).unwrap(), "b a");
    assert!(!followed(&mut known, "CREATE OR REPLACE TABLE t (q int)", 4));
    assert_eq!(columns(&known, "t", 4).unwrap(), "q");
}

#[test]
fn d22_a_name_that_differs_only_by_its_case_may_be_the_same_table() {
    let all = ["ALTER TABLE T DROP b", "RENAME TABLE T TO u", "DROP TABLE T", "CREATE OR REPLACE TABLE T (b int)"];
    for text in all {
        let mut known = one("CREATE TABLE t (a int primary key, b int)");
        followed(&mut known, text, 1);
        assert_eq!(columns(&known, "t", 1), Err(Unknown::Lost), "{text}");
        assert_eq!(columns(&known, "t", 0).unwrap(), "a b *a", "{text}");
        // The same for a definition that is true where the logs end.
        let mut late = Timeline::default();
        late.read_last(b"CREATE TABLE t (a int primary key)", b"d").unwrap();
        followed(&mut late, text, 1);
        late.settle();
        assert_eq!(columns(&late, "t", 0), Err(Unknown::Never), "{text}");
        assert_eq!(columns(&late, "t", 1).unwrap(), "a *a", "{text}");
    }
    let mut known = one("CREATE TABLE t (a int primary key, b int)");
    followed(&mut known, "DROP DATABASE D", 1);
    assert_eq!(columns(&known, "t", 1), Err(Unknown::Lost));
}

#[test]
fn d17_what_follows_a_reference_is_not_said_of_the_column() {
    let known = one("CREATE TABLE t (a int REFERENCES p(id) ON UPDATE CASCADE ON DELETE SET NULL, \
         at datetime DEFAULT NULL ON UPDATE NOW())");
    let name = TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
    let facts = known.at(&name, Place::default()).unwrap();
    let told: Vec<_> = facts.columns.iter().map(|column| (column.updates_itself, column.charset)).collect();
    assert_eq!(told, [(false, Charset::Unknown), (true, Charset::Unknown)]);
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

/// Each column's name with its character set, and `?` where it may be NULL.
fn texts(known: &Timeline, file: u32) -> Result<String, Unknown> {
    let name = TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
    known.at(&name, Place { file, ..Place::default() }).map(|facts| {
        let of = |column: &breakglass::change::schema::ColumnDef| {
            let charset = if column.own_charset { column.charset } else { facts.charset };
            let charset = match charset {
                Charset::Named(name) => name,
                Charset::Binary => "binary",
                Charset::Unknown => "-",
            };
            let null = if column.nullable { "?" } else { "" };
            format!("{}{null}:{charset}", String::from_utf8_lossy(&column.name))
        };
        facts.columns.iter().map(of).collect::<Vec<_>>().join(" ")
    })
}

#[test]
fn d14_a_column_keeps_its_character_set_when_its_table_gets_another_default() {
    let all = [
        ("ALTER TABLE t DEFAULT CHARSET=latin1", "a:utf8mb4 b?:utf8mb4"),
        ("ALTER TABLE t ADD c TEXT, CHARSET=latin1", "a:utf8mb4 b?:utf8mb4 c?:latin1"),
        ("ALTER TABLE t MODIFY b TEXT, COLLATE latin1_bin", "a:utf8mb4 b?:latin1"),
        (
            "ALTER TABLE t DEFAULT CHARACTER SET latin1 COLLATE uca1400_ai_ci, ADD c TEXT",
            "a:utf8mb4 b?:utf8mb4 c?:latin1",
        ),
        ("ALTER TABLE t ADD c TEXT PARTITION BY KEY(a)", "a:utf8mb4 b?:utf8mb4 c?:utf8mb4"),
        ("ALTER TABLE t WAIT 5 ADD c TEXT AFTER a PARTITION BY HASH(a)", "a:utf8mb4 c?:utf8mb4 b?:utf8mb4"),
        ("ALTER TABLE t NOWAIT DROP b", "a:utf8mb4"),
        ("ALTER TABLE t ADD COLUMN c TEXT, REMOVE PARTITIONING", "a:utf8mb4 b?:utf8mb4 c?:utf8mb4"),
        ("ALTER TABLE t ADD PARTITION (PARTITION p1 VALUES LESS THAN (9))", "a:utf8mb4 b?:utf8mb4"),
        ("ALTER TABLE t DROP PARTITION p1, p2", "a:utf8mb4 b?:utf8mb4"),
        ("ALTER TABLE t /*M!100100 ADD c TEXT, */ COMMENT 'x'", "-"),
        ("ALTER TABLE t /*!50100 ADD c TEXT, */ COMMENT 'x'", "a:utf8mb4 b?:utf8mb4 c?:utf8mb4"),
        ("ALTER TABLE t ADD PRIMARY KEY (b)", "a:utf8mb4 b:utf8mb4"),
        ("ALTER TABLE t ADD PERIOD FOR p (a, b)", "a:utf8mb4 b:utf8mb4"),
    ];
    for (text, expected) in all {
        let mut known = one("CREATE TABLE t (a VARCHAR(9) NOT NULL, b VARCHAR(9)) DEFAULT CHARSET=utf8mb4");
        followed(&mut known, text, 1);
        let is_lost = expected == "-";
        assert_eq!(texts(&known, 1), if is_lost { Err(Unknown::Lost) } else { Ok(expected.to_owned()) }, "{text}");
    }
    let known = one(
        "CREATE TABLE t (a NATIONAL CHAR VARYING(9), b CHAR(9) ASCII, c TEXT UNICODE NOT NULL, d VARCHAR(9) BYTE, \
        e NCHAR VARCHAR(9), f LONG CHARACTER SET latin1, g TEXT COLLATE uca1400_ai_ci, h CHAR(3) DEFAULT charset('x') COLLATE ucs2_bin, \
        i TEXT COLLATE something_new, j SERIAL, k INT, PERIOD FOR p (k, b)) CHARSET=ucs2 COLLATE=uca1400_ai_ci",
    );
    let expected = "a?:utf8mb3 b:latin1 c:ucs2 d?:binary e?:utf8mb3 f?:latin1 g?:ucs2 h?:ucs2 i?:- j:ucs2 k:ucs2";
    assert_eq!(texts(&known, 0).unwrap(), expected);
}

#[test]
fn d22_behind_a_statement_that_is_not_understood_nothing_is_known() {
    let mut known = one("CREATE TABLE t (a int primary key, b int)");
    let mut late = Timeline::default();
    late.read_last(b"CREATE TABLE t (a int primary key)", b"d").unwrap();
    for timeline in [&mut known, &mut late] {
        followed(timeline, "EXECUTE IMMEDIATE 'x'", 1);
    }
    assert_eq!(columns(&known, "t", 0).unwrap(), "a b *a");
    assert_eq!(columns(&known, "t", 1), Err(Unknown::Lost));
    late.settle();
    assert_eq!(columns(&late, "t", 0), Err(Unknown::Never));
    assert_eq!(columns(&late, "t", 1).unwrap(), "a *a");
}

#[test]
fn d22_a_definition_that_contradicts_the_log_is_not_used() {
    let bytes = log("mysql-fk-cascade");
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    let table = loop {
        if let Some(Item::Rows(rows)) = log.next().unwrap() {
            break rows.event.table.clone();
        }
    };
    let mut table = (*table).clone();
    let base = table.columns[0].clone();
    use breakglass::change::table::{Column, Layout};
    let column = |layout, width| Column {
        layout,
        width,
        nullable: true,
        unsigned: None,
        charset: Charset::Unknown,
        name: None,
        labels: vec![],
        key_part: None,
        ..base.clone()
    };
    let cases = [
        ("s VARCHAR(20) CHARACTER SET latin1", column(Layout::VarChar(1), 20), None),
        ("s VARCHAR(20) CHARACTER SET latin1", column(Layout::VarChar(1), 80), Some(Misfit::Type(0))),
        ("s VARCHAR(20)", column(Layout::VarChar(1), 80), None),
        ("s VARCHAR(20)", column(Layout::VarChar(1), 70), Some(Misfit::Type(0))),
        ("s CHAR(9) CHARACTER SET ucs2", column(Layout::Char(1), 18), None),
        ("s CHAR(9) BYTE", column(Layout::Char(1), 36), Some(Misfit::Type(0))),
        ("s TEXT CHARACTER SET latin1", column(Layout::Blob(3), 0), Some(Misfit::Type(0))),
        ("s TEXT(100) CHARACTER SET utf8mb4", column(Layout::Blob(2), 0), None),
        ("s TEXT(60)", column(Layout::Blob(1), 0), None),
        ("s INT NOT NULL", column(Layout::Integer(4), 0), Some(Misfit::Null(0))),
        ("s TIMESTAMP", Column { nullable: false, ..column(Layout::Timestamp(0), 0) }, None),
        ("s TIMESTAMP NULL", Column { nullable: false, ..column(Layout::Timestamp(0), 0) }, Some(Misfit::Null(0))),
        ("s INT UNSIGNED", Column { unsigned: Some(false), ..column(Layout::Integer(4), 0) }, Some(Misfit::Sign(0))),
        ("s YEAR", Column { unsigned: Some(true), ..column(Layout::Year, 0) }, None),
        (
            "s VARCHAR(5) CHARACTER SET latin1",
            Column { charset: Charset::Named("latin2"), ..column(Layout::VarChar(1), 5) },
            Some(Misfit::Charset(0)),
        ),
        (
            "s ENUM('a','b')",
            Column { labels: vec!["a".into(), "c".into()], ..column(Layout::Enum(1), 0) },
            Some(Misfit::Labels(0)),
        ),
        ("s ENUM('a','b')", Column { labels: vec!["a".into(), "b".into()], ..column(Layout::Enum(1), 0) }, None),
        ("s DATETIME(6)", column(Layout::OldDateTime, 0), Some(Misfit::Type(0))),
        ("s DATETIME", column(Layout::OldDateTime, 0), None),
        ("s FLOAT(30)", column(Layout::Double, 0), None),
        ("s FLOAT", column(Layout::Double, 0), Some(Misfit::Type(0))),
    ];
    for (definition, column, expected) in cases {
        let create = format!("CREATE TABLE `{}`.`{}` ({definition})", table.schema, table.name);
        table.columns = vec![column];
        let unknown = one(&create).describe(&std::sync::Arc::new(table.clone()), Place::default()).unknown;
        assert_eq!(unknown, expected.map(Unknown::Misfit), "{definition}: {:?}", table.columns);
    }
}

#[test]
fn d32_a_key_without_a_name_is_called_after_its_first_column() {
    let create = "CREATE TABLE t (a int not null, b int not null, UNIQUE (a), UNIQUE (a, b), CONSTRAINT UNIQUE (b))";
    let mut known = one(create);
    let name = TableName { schema: b"d".to_vec(), table: b"t".to_vec() };
    followed(&mut known, "DROP INDEX a ON t", 1);
    followed(&mut known, "ALTER TABLE t DROP KEY b", 2);
    let key = |file| {
        let facts = known.at(&name, Place { file, ..Place::default() }).unwrap();
        (facts.row_key().join(&b' '), facts.unique.len())
    };
    // Keys that are not unique count in a server's names and are not followed: both that may be called so are gone.
    assert_eq!([key(0), key(1), key(2)], [(b"a".to_vec(), 3), (b"b".to_vec(), 1), (vec![], 0)]);
}
