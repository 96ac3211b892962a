//! Forged archives: whoever has the public key can make one. None of them reaches a database that was not approved,
//! and none reaches the one that its own was renamed from, whatever is chosen in the plan.

use std::fs;

use breakglass::model::plan::{RestorePlan, Stance};
use breakglass::model::sink::Sink;
use breakglass::work::parts::Rename;
use tempfile::TempDir;

use super::console::{Console, approved, over};
use crate::support;
use crate::support::databases::{Database, Product, servers};

const NAME: &str = "db_backup_2026-10-05T01:00:00Z.tar";

/// Statements that try to reach `@PROD@`, or `@SHOP@` where the dump is restored elsewhere.
const ATTACKS: &[&str] = &[
    "INSERT INTO /*!99999 `@PROD@` */ `@PROD@`.`users` VALUES (1);",
    "INSERT INTO /*!99999 x */ `@PROD@`.`users` VALUES (1);",
    "INSERT INTO /*@LONG@*/ `@PROD@`.`users` VALUES (1);",
    "INSERT INTO `@SHOP@`.`users` VALUES (1),;\n(2);",
    "CREATE TABLE `t` (`a` int);\nINSERT INTO `t` VALUES (1),;\n(2),((SELECT COUNT(*) FROM `@PROD@`.`users`));",
    "CREATE TABLE `t` (`a` int);\nDELIMITER ;;\nINSERT INTO `t` VALUES (1),;;\n(1); DROP TABLE `@PROD@`.`users`;;\nDELIMITER ;",
    "/*!99999 CREATE TABLE x (a int) */ USE `@SHOP@`;\nDROP TABLE `users`;",
    "DELIMITER ;;\nCREATE PROCEDURE p() BEGIN END; USE `@SHOP@`; DROP TABLE `users`;;\nDELIMITER ;",
    "DROP TABLE IF EXISTS `@SHOP@`.`x`, /*!99999 `@SHOP@` */ `@SHOP@`.`users`;",
    "DROP TABLE IF EXISTS `@SHOP@`.`x`, `@SHOP@`.`users`;",
    "CREATE INDEX `@PROD@` USING BTREE ON `@PROD@`.`users` (`id`);",
    "CREATE TABLE `@PROD@` (`id` int);\nALTER TABLE `@PROD@` RENAME AS `@PROD@`.`stolen`;",
    "CREATE TABLE `@PROD@` (`id` int);\nALTER TABLE `@PROD@` RENAME = `@PROD@`.`stolen`;",
    "CREATE TABLE `t` (`a` int);\nDELIMITER ;;\nCREATE TRIGGER `g` AFTER INSERT ON `t` FOR EACH ROW BEGIN DECLARE `@PROD@` INT; \
     INSERT HIGH_PRIORITY `@PROD@`.`users` VALUES (9); END ;;\nDELIMITER ;\nINSERT INTO `t` VALUES (1);",
    "CREATE TABLE `t` (`a` int);\nDELIMITER ;;\nCREATE TRIGGER `a1` AFTER INSERT ON `t` FOR EACH ROW SET @x = 1;;\n\
     CREATE TRIGGER `a2` AFTER INSERT ON `t` FOR EACH ROW FOLLOWS `a1` INSERT INTO `@PROD@`.`users` VALUES (9);;\nDELIMITER ;\n\
     INSERT INTO `t` VALUES (1);",
    "SET NAMES gbk;\nCREATE TABLE `t` (`a` varchar(99));\nINSERT INTO `t` VALUES ('\u{e9}');",
    "SET NAMES latin1, sql_mode='NO_BACKSLASH_ESCAPES';\nCREATE TABLE `t` (`a` varchar(99));\nINSERT INTO `t` VALUES ('\u{e9}\\');\
     \nINSERT INTO `t` VALUES ('; DROP TABLE `@PROD@`.`users`; -- ');",
    "CREATE VIEW `v` AS SELECT * FROM {OJ `@PROD@`.`users` AS u LEFT JOIN `t` ON 1};",
    "CREATE TABLE `c` LIKE `@PROD@`.`users`;\nRENAME TABLE `@PROD@`.`users` TO `c2`;",
    "UPDATE `@SHOP@`.`users` SET `id` = 9;",
    "ALTER DATABASE `@SHOP@` CHARACTER SET latin1;",
    "CREATE TABLE `t` (`a` int);\nDROP TABLE IF EXISTS `t`, `@PROD@`.`users`;",
];

struct Field {
    prod: Database,
    shop: Database,
    into: Database,
}

fn text_of(attack: &str, field: &Field) -> String {
    let attack = attack.replace("@PROD@", &field.prod.name).replace("@SHOP@", &field.shop.name);
    let attack = attack.replace("@LONG@", &" ".repeat(3 << 20));
    let shop = &field.shop.name;
    format!(
        "-- Go SQL Dump 0.6.0\n-- Host: db    Database: {shop}\n/*!50503 SET NAMES utf8mb4 */;\nUSE `{shop}`;\n{attack}\n\
         -- Dump completed on 2026-10-05 01:00:00"
    )
}

async fn archive(text: &str) -> (TempDir, Console) {
    let folder = support::scratch();
    let mut builder = tar::Builder::new(fs::File::create(folder.path().join(NAME)).unwrap());
    let mut header = tar::Header::new_ustar();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "shop_2026-10-05T01:00:00Z.sql", text.as_bytes()).unwrap();
    builder.finish().unwrap();
    let console = over(folder.path()).await;
    (folder, console)
}

/// Every choice that lets a plan go on.
async fn let_through(console: &Console, field: &Field, into: &Sink) -> Option<RestorePlan> {
    let mut request = console.request(NAME, into.clone());
    request.renames = vec![Rename { from: field.shop.foreign(), to: field.into.foreign() }];
    for _ in 0..4 {
        let plan = console.session.plan(request.clone()).await.ok()?;
        let open = plan.findings.iter().filter(|finding| !finding.choices.is_empty());
        let last = open.map(|finding| (finding.code.clone(), finding.choices.last().unwrap().clone())).collect();
        if request.choices == last {
            let stopped = plan.findings.iter().any(|finding| finding.stance == Stance::Stops);
            return (!stopped).then_some(plan);
        }
        request.choices = last;
    }
    None
}

/// What stands against the attacks: a dump that means no harm goes through the same gate.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_that_means_no_harm_goes_through_the_same_gate() {
    let body = "CREATE TABLE `t` (`a` int);\nINSERT INTO `@SHOP@`.`t` VALUES (1),;\n(2);\n\
        CREATE VIEW `v` AS select `t`.`a` AS `a` from `@SHOP@`.`t` where `@SHOP@`.`t`.`a` > 1;";
    for server in servers() {
        let field = Field { prod: server.database(), shop: server.database(), into: server.unused() };
        let (_folder, console) = archive(&text_of(body, &field)).await;
        let plan = let_through(&console, &field, &Sink::Databases(server.reference())).await.unwrap();
        let job = console.session.start_restore(approved(plan)).unwrap();
        let report = console.report(job).await.unwrap();
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        assert_eq!(field.into.sql("SELECT a FROM t ORDER BY a; SELECT a FROM v;"), "1\n2\n2\n");
        assert_eq!(field.shop.sql("SHOW TABLES"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_dump_reaches_beyond_its_sink_whatever_is_chosen() {
    for server in servers() {
        for attack in ATTACKS {
            let field = Field { prod: server.database(), shop: server.database(), into: server.unused() };
            for database in [&field.prod, &field.shop] {
                database.sql("CREATE TABLE users (id INT); INSERT INTO users VALUES (7);");
            }
            let before = state(&field);
            let (_folder, console) = archive(&text_of(attack, &field)).await;
            if let Some(plan) = let_through(&console, &field, &Sink::Databases(server.reference())).await {
                let job = console.session.start_restore(approved(plan)).unwrap();
                let _ = console.report(job).await;
                // What it made may do its work only when it is used.
                if server.sql("SHOW DATABASES").contains(&format!("{}\n", field.into.name)) {
                    let _ = field.into.load_by_client(b"INSERT INTO t VALUES (1);");
                }
            }
            assert_eq!(state(&field), before, "{:?}: {attack}", server.product);
        }
    }
}

/// Everything that is in the two databases that must stay as they are.
fn state(field: &Field) -> String {
    let of = |database: &Database| {
        let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE(); \
             SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE(); \
             SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = DATABASE();";
        let analyze = if database.server.product == Product::Mysql {
            "SET SESSION information_schema_stats_expiry = 0;"
        } else {
            ""
        };
        format!("{}{}", database.canon(), database.sql(&format!("{analyze}{sql}")))
    };
    of(&field.prod) + &of(&field.shop)
}
