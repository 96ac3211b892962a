//! From a sealed backup into a real server, and everything that keeps it from getting there.

use std::fs;

use breakglass::model::foreign::Foreign;
use breakglass::model::job::RestoreOutcome;
use breakglass::model::plan::{Ask, ConfirmAnswer, SinkState};
use breakglass::model::sink::{Protection, ServerAddress, Sink};
use breakglass::model::units::ByteSize;
use breakglass::report::Fault;
use breakglass::work::session::{Access, Settings};
use breakglass::work::sink as sinks;

use super::console::{approved, finding, fixtures, open, over, sink, stops};
use super::{expected, vector};
use crate::support;
use crate::support::databases::{Product, server, servers};

/// An object, the dump inside, and the product that wrote it.
const OBJECTS: [(&str, &str, Product); 4] = [
    ("dbacked_shop_300820261040", "mysql97", Product::Mysql),
    ("dbacked_shop_small_key_020920261153", "mysql97-rsa2048", Product::Mysql),
    ("dbacked_shop_290820261040", "mysql97-with-gtid", Product::Mysql),
    ("dbacked_shop_maria_300820261140", "mariadb1011", Product::Mariadb),
];
const MYSQL: &str = OBJECTS[0].0;
const MARIADB: &str = OBJECTS[3].0;

fn own(product: Product) -> &'static str {
    if product == Product::Mysql { MYSQL } else { MARIADB }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_product_restores_its_own_backups_into_a_new_database() {
    let console = fixtures().await;
    for (object, dump, product) in OBJECTS {
        let Some(server) = server(product) else { continue };
        let database = server.unused();
        let plan = console.plan(object, sink(&database)).await.unwrap();
        assert_eq!((stops(&plan), plan.there.clone()), (vec![], SinkState::New), "{dump}: {:?}", plan.findings);
        assert_eq!(plan.ask(), Ask::YesNo);
        let again = console.plan(object, sink(&database)).await.unwrap();
        assert_eq!(plan.digest(), again.digest(), "{dump}: {plan:#?} {again:#?}");
        if dump == "mysql97-with-gtid" {
            assert_eq!(finding(&plan, "gtid_purged").chosen, "drop");
        }
        let report = console.run(plan).await.unwrap();
        assert_eq!((report.outcome, report.failures), (RestoreOutcome::Done, vec![]), "{dump}");
        assert_eq!(database.canon(), expected(dump), "{dump}");
        let rows: u64 =
            expected(dump).lines().map(|line| line.split('\t').nth(1).unwrap().parse::<u64>().unwrap()).sum();
        assert_eq!(report.rows, rows, "{dump}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_one_product_from_taking_the_others_dump_is_in_the_plan() {
    let console = fixtures().await;
    let cases = [
        (MYSQL, Product::Mariadb, vec!["unknown_collation"]),
        (MARIADB, Product::Mysql, vec!["unknown_sql_mode", "generated_columns"]),
    ];
    for (object, product, wanted) in cases {
        let Some(server) = server(product) else { continue };
        let database = server.unused();
        let plan = console.plan(object, sink(&database)).await.unwrap();
        assert_eq!(stops(&plan), wanted, "{object}");
        let digest = plan.digest();
        assert!(plan.confirm(&ConfirmAnswer::Digest(digest)).is_err());
        assert_eq!(server.sql(&format!("SHOW DATABASES LIKE '{}'", database.name)), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_void_when_the_database_or_the_server_is_another_one() {
    let console = fixtures().await;
    for server in servers() {
        let database = server.unused();
        let plan = console.plan(own(server.product), sink(&database)).await.unwrap();
        server.sql(&format!("CREATE DATABASE {}; CREATE TABLE {}.mine (a INT)", database.name, database.name));
        let report = console.run(plan).await.unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (Fault::Refused, "restore::plan_void"));
        assert_eq!(database.sql("SHOW TABLES"), "mine\n");
    }
    if let [one, other] = servers()[..] {
        let (here, there) = (one.unused(), other.unused());
        let mut plan = console.plan(own(one.product), sink(&here)).await.unwrap();
        plan.into = sink(&there);
        let report = console.run(plan).await.unwrap_err();
        assert_eq!(report.code, "restore::plan_void");
        assert_eq!(other.sql(&format!("SHOW DATABASES LIKE '{}'", there.name)), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_existing_database_needs_its_name_and_only_what_was_named_is_replaced() {
    let console = fixtures().await;
    for server in servers() {
        let database = server.database();
        database.sql("CREATE TABLE mine (a INT); INSERT INTO mine VALUES (7); CREATE TABLE documents (x INT)");
        let plan = console.plan(own(server.product), sink(&database)).await.unwrap();
        assert_eq!(plan.ask(), Ask::TypeName(database.foreign()));
        let overwrites: Vec<_> = plan.will.iter().filter(|step| step.text.contains("replace or fill")).collect();
        assert!(overwrites[0].text.ends_with("1 table: documents"), "{:?}", plan.will);
        let plan = *plan.confirm(&ConfirmAnswer::Yes).unwrap_err();
        let plan = *plan.confirm(&ConfirmAnswer::Name(Foreign::from("other"))).unwrap_err();
        let confirmed = plan.confirm(&ConfirmAnswer::Name(database.foreign())).unwrap();
        let job = console.session.start_restore(confirmed).unwrap();
        let report = console.report(job).await.unwrap();
        assert_eq!((report.outcome, report.failures), (RestoreOutcome::Done, vec![]));
        assert_eq!(database.sql("SELECT a FROM mine; SELECT COUNT(*) FROM documents"), "7\n16\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_server_is_armed_first_and_a_read_only_session_writes_nowhere() {
    let Some(server) = servers().into_iter().next() else { return };
    let folder = support::scratch();
    let estate = folder.path().join("estate.toml");
    let file = server.folder.join("protected.cnf");
    fs::write(&file, "").unwrap();
    let (objects, port, file) = (vector("objects"), server.port, file.display());
    let text = format!(
        "name = 'test'\n[targets.here]\nurl = 'file://{}/'\n[servers.prod]\nurl = 'mysql://root@127.0.0.1:{port}/'\n\
         defaults_file = '{file}'\nprotected = true\n",
        objects.display()
    );
    fs::write(&estate, text).unwrap();
    let database = server.unused();
    for access in [Access::AsEstate, Access::ReadOnly] {
        let console = open(Settings { estate: Some(estate.clone()), access, ..Settings::default() }).await;
        console.load_keys().await;
        let into = sinks::parse(&format!("server:prod/{}", database.name), console.session.estate()).unwrap();
        let plan = console.plan(own(server.product), into).await.unwrap();
        assert_eq!(plan.ask(), Ask::TypeName(database.foreign()), "new, but protected");
        let refused = console.session.start_restore(approved(plan.clone())).unwrap_err();
        if access == Access::ReadOnly {
            assert_eq!((refused.fault, refused.code.as_str()), (Fault::Refused, "restore::read_only"));
            continue;
        }
        assert_eq!((refused.fault, refused.code.as_str()), (Fault::Refused, "restore::not_armed"));
        assert!(console.session.arm("prod", " ").is_err(), "arming needs a reason");
        console.session.arm("prod", "a test").unwrap();
        assert_eq!(console.run(plan).await.unwrap().outcome, RestoreOutcome::Done);
        server.sql(&format!("DROP DATABASE {}", database.name));
    }
    assert_eq!(server.sql(&format!("SHOW DATABASES LIKE '{}'", database.name)), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_reaches_a_database_from_a_backup_that_is_not_whole() {
    let console = over(&vector("damaged")).await;
    console.load_keys().await;
    let Some(server) = servers().into_iter().next() else { return };
    let database = server.database();
    database.sql("CREATE TABLE users (x INT); INSERT INTO users VALUES (7)");
    for name in [
        "bitflip-mid.bin",
        "bitflip-last-block.bin",
        "truncated-aligned.bin",
        "truncated-last-byte.bin",
        "blocks-swapped.bin",
    ] {
        let report = console.plan(name, sink(&database)).await.unwrap_err();
        assert_eq!((report.fault, report.code.as_str()), (Fault::Integrity, "restore::not_whole"), "{name}");
        let report = console.plan(name, sink(&database)).await.unwrap_err();
        assert_eq!(report.code, "restore::not_whole", "{name}: also from memory");
    }
    assert_eq!(database.sql("SELECT * FROM users"), "7\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_chosen_with_their_triggers_and_the_agents_own_one_can_be_skipped() {
    let console = fixtures().await;
    for server in servers() {
        let object = own(server.product);
        let database = server.unused();
        let mut request = console.request(object, sink(&database));
        request.choices.insert("dbacked_table".to_owned(), "skip".to_owned());
        request.choices.insert("definer_missing".to_owned(), "me".to_owned());
        let plan = console.session.plan(request.clone()).await.unwrap();
        assert_eq!(finding(&plan, "dbacked_table").chosen, "skip");
        assert_eq!(console.run(plan).await.unwrap().failures, Vec::<String>::new());
        assert_eq!(database.sql("SHOW TABLES LIKE 'dbacked'"), "");
        let definers = format!(
            "SELECT DISTINCT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{}'",
            database.name
        );
        let current = server.sql("SELECT CURRENT_USER()");
        let triggers = database.sql("SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1");
        let with = triggers.lines().next().and_then(|line| line.split('\t').nth(1)).unwrap_or("orders").to_owned();
        assert!(triggers.is_empty() || server.sql(&definers) == current, "{}", server.sql(&definers));

        let database = server.unused();
        request.into = sink(&database);
        request.choices.clear();
        request.tables = Some(vec![Foreign::from(with.as_str())]);
        let plan = console.session.plan(request.clone()).await.unwrap();
        assert_eq!(console.run(plan).await.unwrap().failures, Vec::<String>::new());
        assert_eq!(database.sql("SHOW TABLES"), format!("{with}\n"));
        let wanted = triggers.lines().filter(|line| line.ends_with(&format!("\t{with}"))).count();
        let count = "SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()";
        assert_eq!(database.sql(count), format!("{wanted}\n"));

        request.tables = Some(vec![Foreign::from("nowhere")]);
        assert_eq!(stops(&console.session.plan(request).await.unwrap()), ["no_such_table"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_or_refuses_the_account_is_named() {
    let console = fixtures().await;
    let Some(server) = servers().into_iter().next() else { return };
    let Sink::Mysql(mut into) = sink(&server.unused()) else { unreachable!() };
    into.server.address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: support::free_port() };
    let report = console.plan(MYSQL, Sink::Mysql(into.clone())).await.unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (Fault::Unreachable, "server::unreachable"));
    into.server.address = server.reference().address;
    into.server.user = Some("nobody_of_that_name".to_owned());
    let report = console.plan(MYSQL, Sink::Mysql(into)).await.unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (Fault::Unreachable, "server::denied"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mysql_dump_or_does_not_fit_into_memory_stops_the_plan() {
    let console = fixtures().await;
    let Some(server) = servers().into_iter().next() else { return };
    let database = server.unused();
    for object in ["dbacked_shop_pg_310820261040", "dbacked_shop_010920261053"] {
        assert_eq!(stops(&console.plan(object, sink(&database)).await.unwrap()), ["not_mysql"], "{object}");
    }
    let mut request = console.request(own(server.product), sink(&database));
    request.statement_limit = ByteSize(100);
    assert_eq!(stops(&console.session.plan(request).await.unwrap()), ["statement_limit"]);
    let mut reference = sink(&database);
    if let Sink::Mysql(into) = &mut reference {
        into.server.protection = Protection::Open;
        into.server.expect_uuid = Some("another".to_owned());
    }
    let report = console.plan(own(server.product), reference).await.unwrap_err();
    assert_eq!((report.fault, report.code.as_str()), (Fault::Refused, "server::other_server"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_the_sinks_own_database_are_harmless_and_others_are_not() {
    const BODY: &str = "CREATE TABLE `bg_own`.`t` (x INT);\nINSERT INTO t VALUES (1);\n\
        CREATE VIEW v AS SELECT x FROM `bg_own`.`t`;\n";
    for server in servers() {
        let folder = support::scratch();
        let text = |body: &str| format!("-- MySQL dump 10.13  Distrib 9.7.4\n{body}-- Dump completed on 2026-11-21\n");
        fs::write(folder.path().join("own.sql"), text(BODY)).unwrap();
        let both = format!("{BODY}CREATE VIEW w AS SELECT user FROM mysql.user;\n");
        fs::write(folder.path().join("both.sql"), text(&both)).unwrap();
        let console = over(folder.path()).await;

        let elsewhere = server.unused();
        let plan = console.plan("own.sql", sink(&elsewhere)).await.unwrap();
        assert_eq!(stops(&plan), ["qualified_name"], "under another name they reach back to the old one");

        let database = crate::support::databases::Database { server, name: "bg_own".to_owned() };
        let plan = console.plan("both.sql", sink(&database)).await.unwrap();
        assert_eq!(stops(&plan), ["qualified_name"]);
        let text = &finding(&plan, "qualified_name").text;
        assert!(text.contains("mysql") && !text.contains("bg_own"), "{text}");
        let plan = console.plan_dropping("both.sql", &plan).await.unwrap();
        let report = console.run(plan).await.unwrap();
        assert_eq!((report.outcome, report.failures), (RestoreOutcome::Done, vec![]));
        assert_eq!(database.sql("SHOW TABLES; SELECT x FROM v"), "t\nv\n1\n", "only the foreign view was left out");
        server.sql("DROP DATABASE bg_own");

        let plan = console.plan("own.sql", sink(&database)).await.unwrap();
        assert_eq!(stops(&plan), [""; 0]);
        assert_eq!(console.run(plan).await.unwrap().outcome, RestoreOutcome::Done);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definers_that_the_account_may_not_look_up_are_a_finding_with_the_same_choices() {
    let console = fixtures().await;
    for server in servers() {
        let database = server.unused();
        server.sql(&format!(
            "CREATE USER IF NOT EXISTS bg_limited@'%'; GRANT ALL ON `{}`.* TO bg_limited@'%'; FLUSH PRIVILEGES",
            database.name
        ));
        let Sink::Mysql(mut into) = sink(&database) else { unreachable!() };
        into.server.user = Some("bg_limited".to_owned());
        let plan = console.plan(own(server.product), Sink::Mysql(into.clone())).await.unwrap();
        let found = finding(&plan, "definer_missing");
        assert!(found.text.contains("could not be looked up"), "{}", found.text);
        assert_eq!((found.choices.len(), found.chosen.as_str()), (3, "keep"));

        let mut request = console.request(own(server.product), Sink::Mysql(into));
        request.choices.insert("definer_missing".to_owned(), "me".to_owned());
        let plan = console.session.plan(request).await.unwrap();
        assert_eq!(finding(&plan, "definer_missing").chosen, "me");
    }
}
