//! The recorded logs: each ends as it began, or is refused for its own reason.

use std::collections::BTreeMap;

use breakglass::change::frame::Limits;
use breakglass::change::transactions::{Item, Transactions};
use breakglass::model::units::Moment;

use breakglass::change::script::UNCHECK;

use crate::drill::{Ask, Undo, alone, apply, fixture_file, fixture_logs, product_name, run, undo};
use crate::support::databases::{Database, Product, Server};

/// Tables, and how many rows with which sum.
type Canon = BTreeMap<String, String>;

fn lines(text: &str) -> Canon {
    let rows = text.lines().filter_map(|line| line.split_once('\t'));
    rows.map(|(name, rest)| (name.to_owned(), rest.to_owned())).collect()
}

/// A recorded state, by database.
fn recorded(fixture: &str, name: &str) -> BTreeMap<String, Canon> {
    let text = String::from_utf8(fixture_file(fixture, name)).unwrap();
    let parts = text.split("# ").filter_map(|part| part.split_once('\n'));
    parts.map(|(schema, rest)| (schema.to_owned(), lines(rest))).collect()
}

fn now(server: &'static Server, schema: &str) -> Canon {
    let database = std::mem::ManuallyDrop::new(Database { server, name: schema.to_owned() });
    lines(&database.canon())
}

/// Loads what a log left.
fn load(server: &Server, data: &str) -> Vec<u8> {
    let after = fixture_file(data, "after.sql.gz");
    for schema in ["bg_fk", "bg_types", "bg_multi", "bg_noise", "bg_shop", "bg_pjson", "bg_ddl", "bg_seq"] {
        server.sql(&format!("DROP DATABASE IF EXISTS `{schema}`"));
    }
    let output = run(server, &["--default-character-set=utf8mb4"], &String::from_utf8(after.clone()).unwrap());
    assert!(output.status.success(), "{data}: {}", String::from_utf8_lossy(&output.stderr));
    after
}

fn undone(server: &Server, fixture: &str, data: &str, ask: &Ask<'_>) -> Undo {
    let after = load(server, data);
    let undo = undo(&fixture_logs(fixture), &after, ask);
    let undo = undo.unwrap_or_else(|stopped| panic!("{fixture}: {:?}", stopped.reasons()));
    apply(server, &undo.text).unwrap_or_else(|why| panic!("{fixture}: {why}"));
    undo
}

fn refused(server: &Server, fixture: &str, data: &str) -> Vec<String> {
    let fixture = format!("{}-{fixture}", product_name(server));
    let definitions = fixture_file(&format!("{}-{data}", product_name(server)), "after.sql.gz");
    let stopped = undo(&fixture_logs(&fixture), &definitions, &Ask::default());
    stopped.map(|undo| undo.text).expect_err(&fixture).reasons()
}

#[test]
fn d20_an_accident_alone_is_undone_and_no_good_work_behind_it_is_lost() {
    for server in alone().iter().copied() {
        let (fixture, between) = match server.product {
            Product::Mysql => ("mysql-storm", (1393, 441_411)),
            Product::Mariadb => ("mariadb-compressed-storm", (1312, 230_493)),
        };
        let ask = Ask { between: Some(between), ..Ask::default() };
        let undo = undone(server, fixture, fixture, &ask);
        assert!(undo.changes > 11_000, "{}", undo.changes);
        assert_eq!(now(server, "bg_shop"), recorded(fixture, "selective.canon")["bg_shop"], "{fixture}");
        // The rest is undone too, from the state that a dump of before would have: all of it, at once.
        undone(server, fixture, fixture, &Ask::default());
        assert_eq!(now(server, "bg_shop"), recorded(fixture, "before.canon")["bg_shop"], "{fixture}");
    }
}

#[test]
fn d23_cascades_that_the_log_has_come_back_and_those_that_it_has_not_are_missing_and_nothing_else() {
    for server in alone().iter().copied() {
        let (with, without): (&[&str], &str) = match server.product {
            Product::Mysql => (&["mysql-fk-cascade"], "mysql-fk-native"),
            Product::Mariadb => (&[], "mariadb-fk-cascade"),
        };
        for fixture in with {
            let undo = undone(server, fixture, fixture, &Ask::default());
            assert!(undo.text.contains(UNCHECK), "rows of cascades are undone one by one");
            assert_eq!(now(server, "bg_fk"), recorded(fixture, "before.canon")["bg_fk"], "{fixture}");
        }
        // Children that a cascade took are in no log before MySQL 9.6: rows that the script wants to find are gone.
        let after = load(server, without);
        let left = now(server, "bg_fk");
        let undo = undo(&fixture_logs(without), &after, &Ask::default()).unwrap();
        assert!(!undo.text.contains(UNCHECK), "{without}");
        let why = apply(server, &undo.text).expect_err(without);
        assert!(why.contains("1242"), "{without}: {why}");
        assert_eq!(now(server, "bg_fk"), left, "{without}: nothing was applied");
    }
}

#[test]
fn d24_rows_of_triggers_are_in_the_log_so_without_the_triggers_the_state_before_comes_back() {
    for server in alone().iter().copied() {
        let fixture = format!("{}-fk-triggers", product_name(server));
        let after = load(server, &fixture);
        let left = now(server, "bg_fk");
        let undo = undo(&fixture_logs(&fixture), &after, &Ask::default()).unwrap();
        for trigger in ["p_bu", "p_ai", "p_au", "p_bd"] {
            server.sql(&format!("DROP TRIGGER bg_fk.{trigger}"));
        }
        match (server.product, apply(server, &undo.text)) {
            (Product::Mysql, applied) => {
                applied.unwrap_or_else(|why| panic!("{fixture}: {why}"));
                assert_eq!(now(server, "bg_fk"), recorded(&fixture, "before.canon")["bg_fk"], "{fixture}");
            }
            // Its cascades are not in the log.
            (Product::Mariadb, applied) => {
                assert!(applied.expect_err(&fixture).contains("1242"));
                assert_eq!(now(server, "bg_fk"), left, "{fixture}: nothing was applied");
            }
        }
    }
}

#[test]
fn d41_partial_documents_are_put_together_and_undone_and_where_the_image_lacks_them_refused() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mysql) {
        let fixture = "mysql-partial-json";
        undone(server, fixture, fixture, &Ask::default());
        assert_eq!(now(server, "bg_pjson"), recorded(fixture, "before.canon")["bg_pjson"]);
        let reasons = refused(server, "partial-json-image-minimal", "partial-json-image-minimal");
        assert!(reasons.iter().all(|why| why.contains("does not have the column")), "{reasons:?}");
    }
}

/// Where the first rows lie that were changed at that second or later.
fn rows_since(fixture: &str, second: i64) -> u64 {
    let bytes = fixture_logs(fixture).remove(0);
    let mut log = Transactions::new(&bytes[..], 0, Limits::default());
    while let Some(item) = log.next().unwrap() {
        match item {
            Item::Rows(rows) if rows.stated_at >= Moment::from_seconds(second) => return rows.place.position.0,
            _ => {}
        }
    }
    panic!("{fixture} has no rows since {second}");
}

#[test]
fn d22_d45_changes_behind_the_last_wall_are_undone_and_changes_across_it_refused() {
    for server in alone().iter().copied() {
        for fixture in ["ddl", "ddl-minmeta"] {
            let data = format!("{}-ddl", product_name(server));
            let reasons = refused(server, fixture, "ddl");
            assert!(reasons.iter().any(|why| why.contains("a definition changed")), "{reasons:?}");
            let fixture = format!("{}-{fixture}", product_name(server));
            let ask = Ask { between: Some((rows_since(&fixture, 1_790_000_780), u64::MAX)), ..Ask::default() };
            undone(server, &fixture, &data, &ask);
            assert_eq!(now(server, "bg_ddl"), recorded(&data, "mid-4-after-last-ddl.canon")["bg_ddl"], "{fixture}");
        }
    }
}

#[test]
fn a_sequence_is_no_table_so_it_is_refused_by_that_name_and_left_out_the_rest_is_undone() {
    for server in alone().iter().copied().filter(|server| server.product == Product::Mariadb) {
        let fixture = "mariadb-sequence";
        let reasons = refused(server, "sequence", "sequence");
        assert!(reasons.iter().all(|why| why.contains("sequence")) && !reasons.is_empty(), "{reasons:?}");
        undone(server, fixture, fixture, &Ask { without: &["s"], ..Ask::default() });
        assert_eq!(now(server, "bg_seq")["t"], recorded(fixture, "before.canon")["bg_seq"]["t"]);
    }
}

#[test]
fn d42_statements_and_d53_encrypted_and_empty_logs_are_what_they_are() {
    for server in alone().iter().copied() {
        let reasons = refused(server, "statement", "statement");
        assert!(reasons.iter().any(|why| why.contains("logged as a statement")), "{reasons:?}");
        let product = product_name(server);
        let encrypted = fixture_logs(&format!("{product}-encrypted"));
        let stopped = undo(&encrypted, b"", &Ask::default()).expect_err("encrypted");
        assert!(stopped.reasons()[0].contains("encrypted"), "{:?}", stopped.reasons());
        // Definitions alone are walls and no rows.
        let reasons = undo(&fixture_logs(&format!("{product}-empty")), b"", &Ask::default());
        let reasons = reasons.map_or_else(|stopped| stopped.reasons(), |undo| vec![undo.changes.to_string()]);
        assert!(reasons == ["0"] || reasons.iter().all(|why| why.contains("a definition changed")), "{reasons:?}");
    }
}

#[test]
fn d53_damaged_logs_make_no_script_and_say_where_they_are_damaged() {
    for product in ["mysql", "mariadb"] {
        let definitions = fixture_file(&format!("{product}-multi"), "after.sql.gz");
        let ask = Ask { without: &["my_isam"], ..Ask::default() };
        // What stands behind the end of a log may say anything of itself.
        let garbage = if product == "mysql" { "at 3748 claims" } else { "damaged at 3790" };
        for (name, says) in [
            ("truncated-in-rows-event", Some("is cut: the event at")),
            ("truncated-in-event-header", Some("is cut: the event at")),
            ("truncated-last-byte", Some("is cut: the event at")),
            ("truncated-in-fde", Some("is cut: the event at 4 ")),
            ("bitflip-row-data", Some("CRC32 does not match")),
            ("bitflip-crc", Some("CRC32 does not match")),
            ("bitflip-table-map", Some("CRC32 does not match")),
            ("bitflip-event-type", Some("CRC32 does not match")),
            ("event-size-zero", Some("is damaged at")),
            ("event-size-huge", Some("claims")),
            ("event-size-18", Some("is damaged at")),
            ("bad-magic", Some("not a binary log")),
            ("zero-length", Some("is cut: the event at 0 ")),
            ("zero-tail", Some("zeros where an event should begin")),
            ("magic-only", Some("is cut: the event at 4 ")),
            ("garbage-tail", Some(garbage)),
            ("hole-of-zeros", Some("zeros where an event should begin")),
            ("truncated-after-table-map", None),
        ] {
            let log = fixture_file(&format!("{product}-corrupt"), &format!("{name}.bin.gz"));
            let stopped = undo(&[log], &definitions, &ask);
            let reasons = match (stopped, says) {
                (Err(stopped), _) => stopped.reasons(),
                (Ok(_), None) => continue,
                (Ok(undo), Some(_)) => panic!("{product} {name}: {} changes", undo.changes),
            };
            assert!(reasons.iter().any(|why| why.contains(says.unwrap_or_default())), "{product} {name}: {reasons:?}");
        }
    }
}
