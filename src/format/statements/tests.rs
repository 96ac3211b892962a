//! Statements that dumps hold, and statements that would reach beyond them.

use super::*;
use crate::sql::lexer::{LexError, Limits, Splitter, StatementSink};

struct Gather(Vec<Statement>);

impl StatementSink for Gather {
    fn part(&mut self, _bytes: &[u8]) {}

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        self.0.extend(read(end));
        Ok(())
    }
}

fn all(dump: &str) -> Vec<Statement> {
    let (mut splitter, mut gather) = (Splitter::new(Limits::default()), Gather(vec![]));
    splitter.feed(dump.as_bytes(), &mut gather).unwrap();
    splitter.finish(&mut gather).unwrap();
    gather.0
}

fn risks(statement: &str) -> Vec<(RiskKind, String)> {
    let found = all(&format!("DELIMITER ;;\n{statement};;\n"));
    assert_eq!(found.len(), 1, "{statement}");
    found[0].risks.iter().map(|risk| (risk.kind, risk.name.to_string())).collect()
}

#[test]
fn what_dump_programs_write_is_no_risk() {
    for statement in [
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
        "/*M!100616 SET @OLD_NOTE_VERBOSITY=@@NOTE_VERBOSITY, NOTE_VERBOSITY=0 */",
        "/*!50503 SET NAMES utf8mb4 */",
        "/*!50003 SET character_set_client  = utf8mb4 */ ",
        "/*!50106 SET @save_time_zone= @@TIME_ZONE */ ",
        "SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN",
        "LOCK TABLES `t` WRITE, `u` AS `v` READ",
        "/*!40000 ALTER TABLE `t` DISABLE KEYS */",
        "DROP TABLE IF EXISTS `t`",
        "CREATE TABLE `t` (`id` int COMMENT 'DATA DIRECTORY', UNIQUE KEY `k` (`id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        "CREATE TABLE `t` (`a` int GENERATED ALWAYS AS (`b` + 1) STORED, CONSTRAINT `c` FOREIGN KEY (`b`) REFERENCES `u` (`id`) ON DELETE CASCADE ON UPDATE SET NULL)",
        "INSERT INTO `t` VALUES (1,'a; DROP DATABASE x',NULL,0xFF,_binary 'x',-1.5e3),(2,'load_file(''/etc/passwd'')',DEFAULT,b'1','',.5)",
        "REPLACE INTO `t` (`a`, `b`) VALUES (1,2)",
        "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select `p`.`sku` AS `sku`,`o`.`n` AS `n` from (`products` `p` join `orders` `o` on((`p`.`id` = `o`.`id`))) */",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `u` FOR EACH ROW BEGIN SET NEW.a = OLD.b; INSERT INTO log VALUES (NEW.id); END */",
        "CREATE DEFINER=`a`@`b` PROCEDURE `p`(IN x INT) BEGIN DECLARE c CURSOR FOR SELECT id FROM t; SELECT t.id FROM t WHERE t.id = x; END",
        "CREATE PROCEDURE `p`() BEGIN SELECT * FROM t WHERE type = 'secret' AND engine = 'x' AND data = 1; END",
        "CREATE TABLE t (a int) ENGINE=MEMORY",
        "UNLOCK TABLES",
        "COMMIT",
        "SELECT SETVAL(`seq`, 1001, 0)",
        "/*!80002 ANALYZE TABLE `t` UPDATE HISTOGRAM ON `c` WITH 10 BUCKETS */",
        "CREATE SEQUENCE `s` start with 1 minvalue 1 maxvalue 9223372036854775806 increment by 1 cache 1000 nocycle ENGINE=InnoDB",
    ] {
        assert_eq!(risks(statement), [], "{statement}");
    }
}

const BEYOND: &[(&str, RiskKind, &str)] = &[
    ("USE prod", RiskKind::Use, "prod"),
    ("/*!50000 USE `prod` */", RiskKind::Use, "prod"),
    (
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `prod` /*!40100 DEFAULT CHARACTER SET utf8mb4 */",
        RiskKind::CreateDatabase,
        "prod",
    ),
    ("/*!40000 DROP DATABASE IF EXISTS `prod`*/", RiskKind::DropDatabase, "prod"),
    ("ALTER DATABASE `prod` CHARACTER SET utf8mb4", RiskKind::AlterDatabase, "prod"),
    ("INSERT INTO prod.users VALUES (1)", RiskKind::Qualified, "prod"),
    ("INSERT INTO /*!50000 prod. */ users VALUES (1)", RiskKind::Qualified, "prod"),
    ("DROP TABLE a, `prod`.`users`", RiskKind::Qualified, "prod"),
    ("LOCK TABLES a WRITE, prod.b WRITE", RiskKind::Qualified, "prod"),
    ("CREATE TABLE t (a int, FOREIGN KEY (a) REFERENCES prod.u (id))", RiskKind::Qualified, "prod"),
    ("CREATE TABLE t LIKE prod.u", RiskKind::Qualified, "prod"),
    ("ALTER TABLE t RENAME TO prod.t", RiskKind::Qualified, "prod"),
    ("CREATE VIEW v AS SELECT 1 AS mysql FROM a mysql, mysql.user", RiskKind::Qualified, "mysql"),
    ("CREATE VIEW v AS SELECT 1 FROM a AS b, mysql.user mysql", RiskKind::Qualified, "mysql"),
    ("CREATE VIEW v AS SELECT 1 FROM a value, (mysql.user mysql)", RiskKind::Qualified, "mysql"),
    ("CREATE VIEW v AS SELECT 1 FROM a JOIN b ON (a.x = b.x), mysql.user mysql", RiskKind::Qualified, "mysql"),
    ("CREATE TABLE t (a int DEFAULT nextval(`prod`.`s`))", RiskKind::Qualified, "prod"),
    ("CREATE VIEW v AS SELECT 1 AS prod, NEXT VALUE FOR prod.s", RiskKind::Qualified, "prod"),
    ("CREATE VIEW v AS SELECT prod.f(1)", RiskKind::Qualified, "prod"),
    ("CREATE VIEW v AS SELECT mysql.user.host FROM t mysql", RiskKind::Qualified, "mysql"),
    ("CREATE TRIGGER t AFTER INSERT ON prod.u FOR EACH ROW SELECT 1 AS prod", RiskKind::Qualified, "prod"),
    ("CREATE TRIGGER t AFTER INSERT ON u FOR EACH ROW DELETE FROM mysql.user", RiskKind::Qualified, "mysql"),
    ("SET GLOBAL general_log = 1", RiskKind::SetGlobal, "general_log"),
    ("/*!50000 SET @@GLOBAL.general_log_file = '/tmp/x' */", RiskKind::SetGlobal, "general_log_file"),
    ("SET PERSIST max_connections = 1", RiskKind::SetGlobal, "max_connections"),
    ("SET a = 1, @@persist.max_connections = 1", RiskKind::SetGlobal, "max_connections"),
    ("SET @x = (SELECT 1 FROM mysql.user)", RiskKind::Unknown, "@x"),
    ("SET secure_auth = 0", RiskKind::SetUnknown, "secure_auth"),
    ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '2377-e5ee:1-6707'", RiskKind::GtidPurged, "gtid_purged"),
    ("SET @@SESSION.SQL_LOG_BIN= 0", RiskKind::BinaryLog, "sql_log_bin"),
    ("SET PASSWORD = 'x'", RiskKind::Accounts, "PASSWORD"),
    ("GRANT ALL ON *.* TO x", RiskKind::Accounts, "GRANT"),
    ("/*!50000 GRANT ALL ON *.* TO x */", RiskKind::Accounts, "GRANT"),
    ("CREATE USER x", RiskKind::Accounts, "USER"),
    ("INSTALL PLUGIN x SONAME 'x.so'", RiskKind::Plugin, "INSTALL"),
    ("CREATE FUNCTION f RETURNS STRING SONAME 'x.so'", RiskKind::Plugin, "SONAME"),
    ("LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t", RiskKind::InFile, "LOAD"),
    ("/*!50000 LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t */", RiskKind::InFile, "LOAD"),
    ("CREATE TABLE t AS SELECT load_file('/etc/passwd')", RiskKind::InFile, "LOAD_FILE"),
    ("CREATE TABLE t (a int) DATA DIRECTORY='/tmp'", RiskKind::Files, "DATA"),
    ("CREATE TABLE t (a int) ENGINE=FEDERATED CONNECTION='mysql://x'", RiskKind::Engine, "FEDERATED"),
    ("CREATE PROCEDURE p() BEGIN CREATE TABLE t (a int) ENGINE=FEDERATED; END", RiskKind::Engine, "FEDERATED"),
    ("CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')", RiskKind::Link, "SERVER"),
    ("CHANGE MASTER TO MASTER_HOST='x'", RiskKind::Replication, "CHANGE"),
    ("START REPLICA", RiskKind::Replication, "START"),
    ("KILL 1", RiskKind::Server, "KILL"),
    ("SHUTDOWN", RiskKind::Server, "SHUTDOWN"),
    ("BINLOG 'x'", RiskKind::Replication, "BINLOG"),
    ("PREPARE s FROM 'DROP TABLE t'", RiskKind::DynamicSql, "PREPARE"),
    ("CREATE PROCEDURE p() BEGIN GRANT ALL ON *.* TO x; END", RiskKind::Accounts, "GRANT"),
    ("CREATE PROCEDURE p() BEGIN IF 1 THEN SET GLOBAL a = (SELECT 1); END IF; END", RiskKind::SetGlobal, "a"),
    ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DROP DATABASE prod", RiskKind::DropDatabase, "prod"),
    ("INSERT INTO t VALUES (load_file('/etc/passwd'))", RiskKind::Expression, ""),
    ("INSERT INTO t VALUES (1,(SELECT 1))", RiskKind::Expression, ""),
    ("INSERT INTO t SELECT 1 INTO OUTFILE '/tmp/x'", RiskKind::Expression, ""),
    ("INSERT INTO t VALUES (1),/*!50000 (sleep(9)) */", RiskKind::Expression, ""),
    ("INSERT INTO t VALUES (@@version)", RiskKind::Expression, ""),
    ("source /etc/passwd", RiskKind::ClientCommand, "SOURCE"),
    ("SELECT 1", RiskKind::Unknown, "SELECT"),
    ("CALL p()", RiskKind::Unknown, "CALL"),
    ("HANDLER t OPEN", RiskKind::Unknown, "HANDLER"),
    ("(SELECT 1)", RiskKind::Unknown, ""),
];

#[test]
fn what_reaches_beyond_the_sink_is_named() {
    for &(statement, kind, name) in BEYOND {
        let found = risks(statement);
        assert!(found.iter().any(|risk| risk.0 == kind && risk.1 == name), "{statement}: {found:?}");
    }
}

#[test]
fn an_outfile_in_a_select_is_found_wherever_it_stands() {
    for statement in [
        "SELECT 'x' INTO OUTFILE '/tmp/x'",
        "CREATE PROCEDURE p() SELECT * FROM t INTO DUMPFILE '/tmp/x'",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1 INTO /* x */ OUTFILE '/tmp/x'",
    ] {
        assert!(risks(statement).iter().any(|risk| risk.0 == RiskKind::OutFile), "{statement}");
    }
}

#[test]
fn names_and_definers_are_read_without_their_quotes() {
    let found = all("CREATE DEFINER=`a``b`@`%` VIEW `my``view` AS SELECT 1;INSERT IGNORE INTO `db`.`t.x` VALUES (1);");
    assert_eq!(found[0].definer.as_ref().unwrap().to_string(), "a`b@%");
    assert_eq!(found[0].name.as_ref().unwrap().name, Foreign::from("my`view"));
    let name = found[1].name.as_ref().unwrap();
    assert_eq!((name.database.clone().unwrap(), name.name.clone()), (Foreign::from("db"), Foreign::from("t.x")));
}

#[test]
fn several_statements_behind_another_delimiter_are_a_risk() {
    for statement in [
        "CREATE TABLE a (x int); DROP DATABASE prod",
        "SET @a = 1; DROP DATABASE prod",
        "INSERT INTO t VALUES (1); DROP DATABASE prod",
        "USE x; DROP TABLE t",
        "DROP TABLE IF EXISTS a; SELECT 1",
        "CREATE VIEW v AS SELECT 1; DROP TABLE t",
        "UNLOCK TABLES; SHUTDOWN",
        "CREATE PROCEDURE p() BEGIN END; USE prod; DROP TABLE t",
        "CREATE PROCEDURE p() SELECT (1) begin; USE prod; DROP TABLE t",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SET @a = 1; SET STATEMENT max_statement_time=1 FOR DROP DATABASE prod",
        "CREATE TRIGGER t BEFORE INSERT ON u FOR EACH ROW SET @a = 1; SET GLOBAL max_connections = 7",
    ] {
        assert_ne!(risks(statement), [], "{statement}");
    }
}

#[test]
fn a_comment_that_some_servers_skip_hides_nothing() {
    for statement in [
        "/*!99999 CREATE TABLE t SELECT */ SHUTDOWN",
        "/*!99999 CREATE TABLE t SELECT */ /*!80000 SHUTDOWN */",
        "/*M! CREATE TABLE t SELECT */ /*!80000 SHUTDOWN */",
        "/*!80000 CREATE TABLE t SELECT */ /*M!100000 SHUTDOWN */",
        "/*!99999 INSERT INTO t VALUES (1) */ DROP DATABASE prod",
        "/*!99999 SET @a = */ SHUTDOWN",
        "/*!99999 CREATE PROCEDURE p() SELECT */ SHUTDOWN",
    ] {
        assert_ne!(risks(statement), [], "{statement}");
    }
}
