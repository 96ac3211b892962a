//! Rows as they are now, on real servers.

use breakglass::model::changes::TableRef;
use breakglass::model::foreign::Foreign;
use breakglass::model::script::Surroundings;
use breakglass::report::Fault;
use breakglass::report::Reportable;
use breakglass::server::rows_now::{Answer, Question, RowsNow};
use breakglass::sql::compare::{Comparison, Term, View};

use crate::support::databases::{Database, Product, Server, servers};

async fn open(server: &Server) -> RowsNow {
    RowsNow::open(&server.reference(), None).await.unwrap()
}

fn table(database: &Database, name: &str) -> TableRef {
    TableRef { schema: database.foreign(), table: name.into() }
}

fn equals(column: &str, term: Term<'_>) -> Comparison {
    Comparison::equals(&Foreign::from(column), &term).unwrap()
}

#[tokio::test]
async fn rows_are_found_by_their_keys_and_compared_in_batches() {
    for server in servers() {
        let database = server.database();
        database.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) CHARACTER SET latin1, b BLOB, v INT) ENGINE=InnoDB",
        );
        let rows: Vec<String> = (0..450).map(|id| format!("({id},'r{id}',X'00FF',{})", id % 2)).collect();
        database.sql(&format!("INSERT INTO t VALUES {}; UPDATE t SET s=NULL WHERE id=7", rows.join(",")));
        let mut now = open(server).await;
        let id = |id: u32| id.to_string();
        let ids: Vec<String> = (0..500).map(id).collect();
        let questions: Vec<Question> = ids
            .iter()
            .map(|id| Question {
                find: vec![equals("id", Term::Number(id))],
                ask: vec![
                    equals("v", Term::Number("1")),
                    Comparison::seen(&"b".into(), View::Bytes, &Term::Bytes(&[0, 0xff])).unwrap(),
                ],
            })
            .collect();
        let answers = now.rows(&table(&database, "t"), &questions).await.unwrap();
        for (id, answer) in answers.iter().enumerate() {
            let wanted = if id < 450 { Answer { rows: 1, holds: vec![id % 2 == 1, true] } } else { Answer::default() };
            assert_eq!(*answer, wanted, "{id}");
        }
        let several = Question { find: vec![equals("v", Term::Number("1"))], ask: vec![] };
        let nothing = Question { find: vec![], ask: vec![] };
        let answers = now.rows(&table(&database, "t"), &[several, nothing]).await.unwrap();
        assert_eq!(answers.iter().map(|answer| answer.rows).collect::<Vec<_>>(), [2, 0]);

        let around = now.surroundings(&[table(&database, "t"), table(&database, "none")]).await.unwrap();
        let facts = around.table(&table(&database, "t")).unwrap();
        let columns = ["s", "b", "v"].map(Foreign::from);
        let values = now.values(facts, &[equals("id", Term::Number("7"))], &columns).await.unwrap().unwrap();
        assert_eq!(values, [None, Some("x'00FF'".into()), Some("1".into())]);
        now.close().await;
    }
}

#[tokio::test]
async fn the_server_itself_keeps_the_session_from_writing() {
    for server in servers() {
        let database = server.database();
        database.sql("CREATE TABLE t (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO t VALUES (1)");
        // A function that writes: the only way in which a comparison could, if one could name it.
        database.sql(
            "DELIMITER $$\nCREATE FUNCTION f() RETURNS INT NO SQL BEGIN DELETE FROM t; RETURN 1; END$$\nDELIMITER ;",
        );
        let mut now = open(server).await;
        let all = Question { find: vec![equals("id", Term::Number("1"))], ask: vec![] };
        // A view that calls it is asked as if it were a table.
        database.sql("CREATE VIEW w AS SELECT id, f() AS g FROM t");
        let asked = Question { find: all.find.clone(), ask: vec![equals("g", Term::Number("1"))] };
        let error = now.rows(&table(&database, "w"), &[asked]).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Failed, "{error}");
        assert_eq!(database.sql("SELECT COUNT(*) FROM t"), "1\n");
    }
}

#[tokio::test]
async fn d22_d23_d24_what_stands_around_a_table_is_told() {
    for server in servers() {
        let database = server.database();
        database.sql(
            "CREATE TABLE parent (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, f FLOAT, j JSON, \
                g INT GENERATED ALWAYS AS (LENGTH(j)) VIRTUAL, c TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP) ENGINE=InnoDB;
             CREATE TABLE child (id INT NOT NULL, of_parent INT UNSIGNED, UNIQUE KEY u (id), \
                CONSTRAINT follows FOREIGN KEY (of_parent) REFERENCES parent (id) ON DELETE CASCADE) ENGINE=InnoDB;
             CREATE TABLE log (what VARCHAR(20)) ENGINE=MyISAM;
             CREATE TRIGGER noted AFTER INSERT ON parent FOR EACH ROW INSERT INTO log VALUES ('it''s in');",
        );
        let mut now = open(server).await;
        let tables = ["parent", "child", "log", "gone"].map(|name| table(&database, name));
        let around = now.surroundings(&tables).await.unwrap();
        let Surroundings { tables: found, triggers, keys } = &around;
        assert_eq!(found.iter().map(|one| one.engine.as_str()).collect::<Vec<_>>(), ["innodb", "innodb", "myisam"]);
        let keys_of: Vec<Vec<Foreign>> = found.iter().map(|one| one.key.clone()).collect();
        assert_eq!(keys_of, [vec!["id".into()], vec!["id".into()], vec![]]);
        let parent = &found[0];
        assert!(parent.columns[0].full.contains("unsigned") && parent.columns[1].is_float());
        let generated: Vec<bool> = parent.columns.iter().map(|column| column.generated).collect();
        assert_eq!(generated, [false, false, false, true, false], "{:?}", server.product);
        assert!(found[2].columns[0].charset.is_some());
        assert_eq!(triggers.len(), 1);
        let trigger = &triggers[0];
        assert_eq!((trigger.event.as_str(), trigger.timing.as_str()), ("insert", "after"));
        assert!(trigger.create.as_ref().unwrap().to_string().contains("TRIGGER"), "{trigger:?}");
        assert_eq!(keys.len(), 1);
        assert!(keys[0].cascades() && keys[0].child == tables[1] && keys[0].parent == tables[0]);
        if server.product == Product::Mysql {
            assert_eq!(parent.columns[2].kind, "json");
        }
    }
}
