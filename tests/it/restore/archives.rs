//! Archives of databacker on real servers: databases chosen one by one, renamed, and never mixed up.

use std::fs;
use std::path::Path;
use std::process::Command;

use breakglass::model::foreign::Foreign;
use breakglass::model::job::RestoreOutcome;
use breakglass::model::plan::{Ask, ConfirmAnswer, RestorePlan, Stance};
use breakglass::model::sink::Sink;
use breakglass::work::parts::Rename;
use breakglass::work::plan::PlanRequest;
use tempfile::TempDir;

use super::console::{Console, approved, finding, over, sink, stops};
use crate::support;
use crate::support::databases::{Database, Product, Server, server, servers};

const DUMP: &str = include_str!("../vectors/sql/databacker-archive.sql");

/// The dump of a database of that name, as `mysql-backup` writes it.
fn dump_of(name: &str) -> String {
    DUMP.replace("@SHOP@", name)
}

/// An archive `backup.tgz` with a dump of each of these databases, made by `tar`, and a session over it.
async fn archive(databases: &[&str]) -> (TempDir, Console) {
    let (dumps, folder) = (support::scratch(), support::scratch());
    let names: Vec<String> = databases.iter().map(|name| format!("{name}_2026-10-05T01:00:00Z.sql")).collect();
    for (database, name) in databases.iter().zip(&names) {
        fs::write(dumps.path().join(name), dump_of(database)).unwrap();
    }
    tar(dumps.path(), &names, &folder.path().join("db_backup_2026-10-05T01:00:00Z.tgz"));
    let console = over(folder.path()).await;
    (folder, console)
}

fn tar(folder: &Path, names: &[String], archive: &Path) {
    let made =
        Command::new("tar").arg("-C").arg(folder).arg("--force-local").arg("-czf").arg(archive).args(names).status();
    assert!(made.unwrap().success());
}

const ARCHIVE: &str = "db_backup_2026-10-05T01:00:00Z.tgz";

fn server_sink(server: &Server) -> Sink {
    Sink::Databases(server.reference())
}

fn rename(from: &str, to: &Database) -> Rename {
    Rename { from: Foreign::from(from), to: to.foreign() }
}

/// What is in a database beside its rows.
fn shape(database: &Database) -> String {
    let of = |text: &str| text.replace("DATABASE()", &format!("'{}'", database.name));
    let shape = database.server.sql(&of(
        "SELECT TRIGGER_NAME, ACTION_TIMING, ACTION_STATEMENT FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();
         SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE();
         SELECT ROUTINE_NAME, ROUTINE_TYPE, ROUTINE_DEFINITION FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE() ORDER BY 1;
         SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE();
         SELECT REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL;",
    ));
    shape.replace(&database.name, "HERE")
}

async fn planned(console: &Console, request: PlanRequest) -> RestorePlan {
    console.session.plan(request).await.unwrap_or_else(|report| panic!("{report:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_database_is_the_source_and_what_it_came_from_is_never_touched() {
    for server in servers() {
        // The source lives on: what is restored beside it must not reach it.
        let (source, other) = (server.unused(), server.unused());
        server.sql(&dump_of(&source.name));
        server.sql(&dump_of(&other.name));
        let (first, second) = (server.unused(), server.unused());
        let before = [(source.canon(), shape(&source)), (other.canon(), shape(&other))];
        source.sql("DELETE FROM `lines`; UPDATE orders SET who = 'alive' WHERE id = 1;");
        let alive = (source.canon(), shape(&source));

        let (_folder, console) = archive(&[&source.name, &other.name]).await;
        let mut request = console.request(ARCHIVE, server_sink(server));
        request.renames = vec![rename(&source.name, &first), rename(&other.name, &second)];
        let plan = planned(&console, request).await;
        assert_eq!(stops(&plan), Vec::<&str>::new(), "{:?}", plan.findings);
        assert!(plan.will_not.iter().any(|text| text.contains(&source.name)), "{:?}", plan.will_not);
        shows_what_changes(&plan, &source, &first);
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(report.databases, [first.name.clone(), second.name.clone()]);

        for (restored, before) in [&first, &second].into_iter().zip(before) {
            assert_eq!((restored.canon(), shape(restored)), before);
            assert_eq!(restored.sql("SELECT orders_of('x'); SELECT COUNT(*) FROM big_orders;"), "0\n2\n");
        }
        // Views, routines and triggers of the new one work on the new one.
        first.sql("CALL clear_lines(); INSERT INTO `lines` VALUES (2, 9);");
        assert_eq!(first.sql("SELECT total FROM orders WHERE id = 2"), "1.00\n");
        assert_eq!((source.canon(), shape(&source)), alive);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_database_of_several_goes_where_it_is_told_and_the_others_stay_out() {
    for server in servers() {
        let (absent, other) = (server.unused(), server.unused());
        let (_folder, console) = archive(&[&absent.name, &other.name]).await;
        let into = server.unused();
        let several = planned(&console, console.request(ARCHIVE, sink(&into))).await;
        assert_eq!(stops(&several), ["choose_database"]);
        let mut request = console.request(ARCHIVE, sink(&into));
        request.databases = Some(vec![absent.foreign()]);
        let plan = planned(&console, request).await;
        assert_eq!(plan.ask(), Ask::YesNo);
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(into.sql("SELECT COUNT(*) FROM orders"), "3\n");
        let there = server.sql("SHOW DATABASES");
        assert!(!there.contains(&format!("{}\n", absent.name)) && !there.contains(&format!("{}\n", other.name)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_database_keeps_its_own_name_where_none_is_given() {
    for server in servers() {
        let (first, second) = (server.unused(), server.database());
        second.sql("CREATE TABLE orders (id INT); CREATE TABLE mine (id INT);");
        let (_folder, console) = archive(&[&first.name, &second.name]).await;
        let plan = planned(&console, console.request(ARCHIVE, server_sink(server))).await;
        // One of them exists: its name is what has to be typed.
        assert_eq!(plan.ask(), Ask::TypeName(second.foreign()));
        let plan = plan.confirm(&ConfirmAnswer::Yes).unwrap_err();
        let report = console.run(*plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(second.sql("SHOW TABLES"), "big_orders\nlines\nmine\norders\n");
        assert_eq!(second.sql("SELECT COUNT(*) FROM orders"), "3\n");
        assert_eq!(first.sql("SELECT COUNT(*) FROM big_orders"), "2\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_said_before_anything_is_written() {
    let Some(server) = server(Product::Mariadb) else { return };
    let (first, second) = (server.unused(), server.unused());
    let (_folder, console) = archive(&[&first.name, &second.name]).await;
    let ask = |change: fn(&mut PlanRequest, &Database, &Database)| {
        let mut request = console.request(ARCHIVE, server_sink(server));
        change(&mut request, &first, &second);
        planned(&console, request)
    };
    let plan = ask(|request, first, second| request.renames = vec![rename(&first.name, second)]).await;
    assert_eq!(stops(&plan), ["same_database"]);
    let plan = ask(|request, _, _| request.databases = Some(vec!["nosuch".into()])).await;
    assert_eq!(finding(&plan, "no_such_database").stance, Stance::Stops);
    let plan = ask(|request, _, second| request.renames = vec![rename("nosuch", second)]).await;
    assert_eq!(stops(&plan), ["no_such_database"]);
    assert!(!server.sql("SHOW DATABASES").contains(&format!("{}\n", first.name)));
}

#[tokio::test(flavor = "multi_thread")]
async fn single_tables_are_taken_from_the_database_that_they_name() {
    let Some(server) = server(Product::Mariadb) else { return };
    let (first, second) = (server.unused(), server.unused());
    let (_folder, console) = archive(&[&first.name, &second.name]).await;
    let mut request = console.request(ARCHIVE, server_sink(server));
    request.tables = Some(vec![Foreign::from(format!("{}.orders", first.name)), "lines".into()]);
    let plan = planned(&console, request).await;
    assert_eq!(stops(&plan), Vec::<&str>::new(), "{:?}", plan.findings);
    let report = console.run(plan).await.unwrap();
    assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
    let mut again = console.request(ARCHIVE, server_sink(server));
    again.tables = Some(vec![Foreign::from(format!("{}.orders", first.name))]);
    let steps: Vec<String> = planned(&console, again).await.will.into_iter().map(|step| step.text).collect();
    let replaced = steps.iter().filter(|text| text.starts_with("drop, replace or fill")).collect::<Vec<_>>();
    assert_eq!(replaced, ["drop, replace or fill 1 table: orders"], "{steps:?}");
    assert_eq!(
        (first.sql("SHOW TABLES"), second.sql("SHOW TABLES")),
        ("lines\norders\n".to_owned(), "lines\n".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tools_own_archive_comes_back_as_it_was_and_a_server_that_cannot_take_it_says_so_first() {
    let objects = support::root().join("tests/it/vectors/databacker/objects");
    for server in servers() {
        let console = over(&objects).await;
        let (bakery, crm) = (server.unused(), server.unused());
        let mut request = console.request(ARCHIVE, server_sink(server));
        request.renames = vec![rename("bakery", &bakery), rename("crm", &crm)];
        let plan = planned(&console, request).await;
        if server.product == Product::Mariadb {
            assert_eq!(stops(&plan), ["unknown_collation"]);
            continue;
        }
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        for (database, name) in [(&bakery, "bakery"), (&crm, "crm")] {
            let expected = support::root().join(format!("tests/it/vectors/databacker/expected/{name}.canon"));
            assert_eq!(database.canon(), fs::read_to_string(expected).unwrap());
        }
        assert!(!server.sql("SHOW DATABASES").contains("crm\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_approved_is_what_runs_for_every_database() {
    let Some(server) = server(Product::Mariadb) else { return };
    let (first, second) = (server.unused(), server.unused());
    let (_folder, console) = archive(&[&first.name, &second.name]).await;
    let plan = planned(&console, console.request(ARCHIVE, server_sink(server))).await;
    let agreed = approved(plan);
    // Somebody makes the second one meanwhile.
    server.sql(&format!("CREATE DATABASE `{}`; CREATE TABLE `{0}`.theirs (x INT)", second.name));
    let job = console.session.start_restore(agreed).unwrap();
    let report = console.report(job).await.unwrap_err();
    assert_eq!(report.code, "restore::plan_void", "{report:?}");
    assert!(!server.sql("SHOW DATABASES").contains(&format!("{}\n", first.name)));
    assert_eq!(second.sql("SHOW TABLES"), "theirs\n");
}

/// The plan shows each statement that does not run as it stands, before and after.
fn shows_what_changes(plan: &RestorePlan, source: &Database, into: &Database) {
    let of = |start: &str| {
        let found = plan.rewrites.iter().find(|rewrite| rewrite.before.concat().contains(start));
        found.unwrap_or_else(|| panic!("{start}: {:?}", plan.rewrites)).clone()
    };
    assert_eq!(of(&format!("USE `{}`", source.name)).after, None);
    assert_eq!(of("CREATE DATABASE").after, None);
    for start in ["VIEW `big_orders` AS select `", "TRIGGER `count_lines`", "FUNCTION `orders_of`"] {
        let rewrite = of(start);
        let (before, after) = (rewrite.before.join("\n"), rewrite.after.unwrap().join("\n"));
        assert_eq!(after, before.replace(&format!("`{}`", source.name), &format!("`{}`", into.name)));
        assert!(
            rewrite.place.contains(&format!("{}_2026-10-05T01:00:00Z.sql: statement ", source.name)),
            "{}",
            rewrite.place
        );
    }
    let rows = plan.rewrites.iter().any(|rewrite| rewrite.before.concat().contains("INSERT INTO `orders`"));
    assert!(!rows, "rows stay out of it");
}

/// An archive with one dump, whatever it says.
async fn one_dump(text: &str) -> (TempDir, Console) {
    let (dumps, folder) = (support::scratch(), support::scratch());
    let name = "shop_2026-10-05T01:00:00Z.sql".to_owned();
    fs::write(dumps.path().join(&name), text).unwrap();
    tar(dumps.path(), &[name], &folder.path().join(ARCHIVE));
    let console = over(folder.path()).await;
    (folder, console)
}

/// Complaint 17, upstream 118 ("No database selected"), and the USE that its views carry all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_without_its_database_goes_where_it_is_told() {
    for server in servers() {
        let from = server.unused();
        let text = dump_of(&from.name);
        let start = text.find("--\n-- Current Database").unwrap();
        let end = text.find("--\n-- Table structure").unwrap();
        let (_folder, console) = one_dump(&format!("{}{}", &text[..start], &text[end..])).await;
        let into = server.unused();
        let plan = planned(&console, console.request(ARCHIVE, sink(&into))).await;
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(into.sql("SELECT COUNT(*) FROM big_orders"), "2\n");
        assert!(!server.sql("SHOW DATABASES").contains(&format!("{}\n", from.name)));
    }
}

/// Complaints 9 and 10, upstream 469 ("token too long") and 503 ("packet too large").
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_many_megabytes_is_loaded_and_one_too_long_for_the_server_is_said_before() {
    let row = |value: &str| format!("('{value}')");
    let insert = |rows: usize| {
        let value = "x".repeat(1 << 20);
        format!("INSERT INTO `t` (`a`) VALUES {};", vec![row(&value); rows].join(","))
    };
    for server in servers() {
        let dump = |rows| {
            let head = "-- Go SQL Dump 0.6.0\n-- Host: db    Database: shop\nCREATE TABLE `t` (`a` longtext);\n";
            format!("{head}{}\n-- Dump completed on 2026-10-05 01:00:00", insert(rows))
        };
        let (_folder, console) = one_dump(&dump(12)).await;
        let into = server.unused();
        let plan = planned(&console, console.request(ARCHIVE, sink(&into))).await;
        let report = console.run(plan).await.unwrap();
        assert_eq!(report.outcome, RestoreOutcome::Done, "{:?}", report.failures);
        assert_eq!(into.sql("SELECT COUNT(*), SUM(LENGTH(a)) FROM t"), format!("12\t{}\n", 12 << 20));

        let limit = server.sql("SELECT @@global.max_allowed_packet").trim().parse::<usize>().unwrap();
        let (_folder, console) = one_dump(&dump((limit >> 20) + 1)).await;
        let into = server.unused();
        let mut request = console.request(ARCHIVE, sink(&into));
        request.statement_limit = breakglass::model::units::ByteSize(1 << 30);
        let plan = planned(&console, request).await;
        assert_eq!(stops(&plan), ["statement_too_long"], "{:?}", plan.findings);
        assert!(finding(&plan, "statement_too_long").text.contains("max_allowed_packet"));
    }
}
