//! What must be known of a table, and what images, transactions and definitions tell of it.

use breakglass::change::frame::Limits;
use breakglass::change::schema::Timeline;
use breakglass::change::transactions::{Item, Transactions};

use crate::drill::meanings::TABLE;
use crate::drill::scene::{Scene, each};
use crate::drill::{Ask, undo};

#[test]
fn d43_what_an_image_leaves_out_is_refused_and_never_taken_for_null() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, v INT, b BLOB); INSERT INTO t VALUES (1,1,'x'),(2,2,'y'),(3,NULL,NULL);";
        for (image, damage) in [
            ("MINIMAL", "UPDATE t SET v=9 WHERE id=1;"),
            ("MINIMAL", "DELETE FROM t WHERE id=2;"),
            ("NOBLOB", "DELETE FROM t WHERE id=2;"),
        ] {
            let scene = Scene::new(server, stage, &format!("SET binlog_row_image={image}; {damage}"));
            let reasons = scene.reasons();
            assert!(
                reasons.len() == 1 && reasons[0].contains("does not have the column"),
                "{image} {damage}: {reasons:?}"
            );
        }
        // What an image has of all that is needed is undone.
        Scene::new(server, stage, "SET binlog_row_image=NOBLOB; UPDATE t SET v=9;").restore();
        Scene::new(server, stage, "SET binlog_row_image=MINIMAL; INSERT INTO t VALUES (5,5,'z');").restore();
    });
}

#[test]
fn d44_what_was_prepared_counts_by_how_it_ended() {
    each(|server| {
        let stage = format!("{TABLE} INSERT INTO t VALUES (1,1,'a'),(2,2,'b');");
        let branch = |name: &str, work: &str, end: &str| {
            format!("XA START '{name}'; {work} XA END '{name}'; XA PREPARE '{name}'; {end} ")
        };
        let kept = branch("kept", "UPDATE t SET v=10 WHERE id=1;", "XA COMMIT 'kept';");
        let lost = branch("lost", "DELETE FROM t;", "XA ROLLBACK 'lost';");
        let damage = format!("{lost}{kept}UPDATE t SET v=v+1; {lost}");
        let undo = Scene::new(server, &stage, &damage).restore();
        assert_eq!(undo.changes, 3);
        // Without its end nobody knows.
        let scene = Scene::new(server, &stage, &branch("open", "UPDATE t SET v=10 WHERE id=1;", ""));
        let reasons = scene.reasons();
        server.sql("XA ROLLBACK 'open'");
        assert!(reasons.len() == 1 && reasons[0].contains("the end of its transaction"), "{reasons:?}");
    });
}

#[test]
fn d45_definitions_that_do_not_fit_the_log_make_no_script() {
    each(|server| {
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(20), b INT); INSERT INTO t VALUES (1,'x',5);";
        let scene = Scene::new(server, stage, "UPDATE t SET a='y', b=6; DELETE FROM t;");
        for (wrong, fits) in [
            ("CREATE TABLE scene.t (id INT PRIMARY KEY, b INT, a VARCHAR(20))", false),
            ("CREATE TABLE scene.t (id INT PRIMARY KEY, a VARCHAR(20))", false),
            ("CREATE TABLE scene.t (id INT PRIMARY KEY, a VARCHAR(20), b BIGINT)", false),
            ("CREATE TABLE scene.t (id INT PRIMARY KEY, a VARCHAR(20), b INT)", true),
        ] {
            let made = undo(&scene.logs, wrong.as_bytes(), &Ask::default());
            assert_eq!(made.is_ok(), fits, "{wrong}");
            if let Err(stopped) = made {
                assert!(stopped.reasons()[0].contains("does not fit"), "{:?}", stopped.reasons());
            }
        }
    });
}

#[test]
fn d46_tables_that_nothing_defines_are_refused_by_number_and_those_without_a_key_are_not() {
    each(|server| {
        server.sql("SET GLOBAL binlog_row_metadata=MINIMAL");
        let stage = "CREATE TABLE t (a INT, b INT); INSERT INTO t VALUES (1,1),(2,2);";
        let scene = Scene::new(server, stage, "DELETE FROM t WHERE a=1; UPDATE t SET b=3;");
        let made = undo(&scene.logs, b"", &Ask::default()).map(|undo| undo.text);
        let reasons = made.expect_err("no definitions").reasons();
        assert!(reasons.len() == 2 && reasons.iter().all(|why| why.contains("names of its columns")), "{reasons:?}");
        scene.restore();
        let bare = Timeline::default();
        let mut log = Transactions::new(&scene.logs[0][..], 0, Limits::default());
        while let Some(item) = log.next().unwrap() {
            if let Item::Rows(rows) = item {
                let shown = bare.describe(rows.event.table, rows.place).shown;
                let names: Vec<_> = shown.columns.iter().map(|column| column.name.to_string()).collect();
                assert_eq!(names, ["@1", "@2"]);
            }
        }
    });
}
