//! Values of accidents: what comes back is what was there, byte for byte.

use crate::drill::run;
use crate::drill::scene::{SCENE, Scene, each};
use crate::support::databases::Product;

#[test]
fn d01_d02_texts_that_look_like_something_else_and_bytes_come_back_as_they_were() {
    each(|server| {
        let stage = r#"CREATE TABLE t (id INT PRIMARY KEY, s TEXT NOT NULL, b BLOB, l LONGTEXT);
            INSERT INTO t VALUES (1,'true','true','hello'), (2,'null',NULL,'null'), (3,'1.0',X'00FF','1.0'),
            (4,'{"b":1, "a":9007199254740993}','aGVsbG8=','{"b":1,"a":1.0}'), (5,'',X'','[1,  2]'), (6,' x ','x','0');"#;
        let scene = Scene::new(server, stage, "UPDATE t SET s='x', b='y', l=CONCAT(l,' '); DELETE FROM t;");
        let undo = scene.restore();
        assert!(
            !undo.text.contains("base64") && undo.text.contains("_utf8mb4'true'") | undo.text.contains("_latin1'true'")
        );
    });
}

#[test]
fn d03_defaults_that_are_computed_and_times_that_set_themselves_come_back() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, v INT, e VARCHAR(40) DEFAULT (CONCAT('made ', 'here')), \
            created_at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), \
            updated_at DATETIME(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), \
            w INT GENERATED ALWAYS AS (v + 1) VIRTUAL, \
            s INT GENERATED ALWAYS AS (v * 2) STORED COMMENT 'NOT NULL ON UPDATE, GENERATED AS (x)', \
            n INT DEFAULT 5 COMMENT 'GENERATED ALWAYS AS (v) STORED'); \
            SET TIMESTAMP=1000000000.123456; INSERT INTO t (id,v) VALUES (1,1),(2,2),(3,3); \
            UPDATE t SET e='own', updated_at='1999-09-09 09:09:09.999' WHERE id=2;";
        let scene = Scene::new(server, stage, "UPDATE t SET v=v+1 WHERE id<3; DELETE FROM t WHERE id>1;");
        let undo = scene.restore();
        assert!(undo.text.contains("`created_at`") && undo.text.contains("`updated_at`=") && undo.text.contains("`n`"));
        assert!(!undo.text.contains("`w`=") && !undo.text.contains(",`s`,"));
    });
}

#[test]
fn d04_d05_numbers_above_the_sign_bit_and_above_what_a_float_holds_come_back() {
    each(|server| {
        for metadata in ["MINIMAL", "FULL"] {
            server.sql(&format!("SET GLOBAL binlog_row_metadata={metadata}"));
            let stage = "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY, y YEAR, t TINYINT UNSIGNED, m MEDIUMINT UNSIGNED, \
                s BIGINT, z INT(8) UNSIGNED ZEROFILL); \
                INSERT INTO t VALUES (18446744073709551615,2155,255,16777215,9223372036854775807,4294967295), \
                (9223372036854775808,0,128,8388608,-9223372036854775808,2147483648), \
                (9007199254740993,1901,1,1,9007199254740993,7);";
            let scene = Scene::new(server, stage, "UPDATE t SET t=t-1, m=m-1, s=s/2; DELETE FROM t;");
            scene.restore();
        }
    });
}

#[test]
fn d06_d15_bytes_and_texts_of_other_character_sets_come_back_in_full_width() {
    each(|server| {
        let stage = "CREATE TABLE t (id BINARY(6) PRIMARY KEY, v VARBINARY(8), g VARCHAR(9) CHARACTER SET gbk, \
            s VARCHAR(9) CHARACTER SET sjis, l CHAR(9) CHARACTER SET latin1); \
            INSERT INTO t VALUES (X'610000000000',X'6100',_gbk X'BF5C',_sjis X'955C',_latin1 X'E9FF'), \
            (X'000000000000',X'61',_gbk X'815C27',_sjis X'835CB1',_latin1 X'5C'), (X'616200000001',X'','a','b','c');";
        // A longer value whose end is zeros is another one: only the row that was changed may be found again.
        let scene = Scene::new(server, stage, "UPDATE t SET v=CONCAT(v,X'00'), g='x'; DELETE FROM t WHERE s<>'b';");
        let undo = scene.restore();
        assert!(undo.text.contains("X'610000000000'"));
    });
}

#[test]
fn d07_times_are_the_same_whatever_zone_the_session_and_the_server_are_in() {
    each(|server| {
        let stage = "CREATE TABLE t (id TIMESTAMP(3) NOT NULL DEFAULT '2001-01-01 00:00:00' PRIMARY KEY, v TIMESTAMP NULL, \
            d DATETIME); SET time_zone='+00:00'; INSERT INTO t VALUES ('2026-03-29 01:30:00.125','1970-01-01 00:00:01', \
            '2026-03-29 02:30:00'),('2038-01-19 03:14:07','2026-10-25 01:30:00','2026-10-25 02:30:00');";
        let scene =
            Scene::new(server, stage, "SET time_zone='+05:45'; UPDATE t SET v='2030-01-01 00:00:00'; DELETE FROM t;");
        server.sql("SET GLOBAL time_zone='-08:00'");
        scene.restore();
        server.sql("SET GLOBAL time_zone='SYSTEM'");
    });
}

#[test]
fn d08_d10_floats_doubles_and_nulls_are_found_again_where_there_is_no_key() {
    each(|server| {
        let stage = "CREATE TABLE t (f FLOAT, d DOUBLE, n INT, s VARCHAR(9)); \
            INSERT INTO t VALUES (0.1,0.1,NULL,NULL),(1e10,1e300,1,'a'),(3.40282e38,1e-80,NULL,''),(NULL,NULL,NULL,NULL), \
            (16777217,9007199254740993,2,NULL),(-1.17550e-38,-1e81,3,'b');";
        let scene =
            Scene::new(server, stage, "UPDATE t SET n=IFNULL(n,0)+5; UPDATE t SET f=f/3, d=d/3; DELETE FROM t;");
        scene.restore();
    });
}

#[test]
fn d09_documents_are_compared_as_documents_and_text_as_text() {
    each(|server| {
        let stage = r#"CREATE TABLE t (id INT PRIMARY KEY, j JSON); CREATE TABLE n (j JSON);
            INSERT INTO t VALUES (1,'{"b": 1, "a": [1.5, true, null]}'),(2,'[]'),(3,NULL),(4,'{"b":1,"a":1}'),
            (5,'18446744073709551615'),(6,'"text"'),(7,'1e300');
            INSERT INTO n SELECT j FROM t;"#;
        let damage = r#"UPDATE t SET j='{"new": "document"}' WHERE id<>3; UPDATE n SET j='{"x": 1}'; DELETE FROM t; DELETE FROM n;"#;
        Scene::new(server, stage, damage).restore();
    });
}

#[test]
fn d12_days_that_are_none_come_back_although_the_session_forbids_them() {
    each(|server| {
        let stage = "CREATE TABLE t (id DATE PRIMARY KEY, d DATETIME(2), ts TIMESTAMP NULL); \
            INSERT INTO t VALUES ('0000-00-00','0000-00-00 00:00:00','0000-00-00 00:00:00'), \
            ('2021-00-00','2021-02-31 10:00:00.25',NULL),('0000-00-01','0000-01-00 00:00:00','2001-01-01 00:00:00');";
        let scene = Scene::new(server, stage, "UPDATE t SET d='2020-01-01 00:00:00'; DELETE FROM t;");
        let undo = scene.script();
        let strict = "SET sql_mode='STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO';\n";
        let output = run(server, &["-N", "-B"], &format!("{strict}{}", undo.text));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        scene.assert_restored();
    });
}

#[test]
fn d13_geometries_come_back_with_their_axes_in_their_order() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, g GEOMETRY, p POINT NOT NULL); \
            INSERT INTO t VALUES (1,ST_GeomFromText('POINT(10 20)',4326),ST_GeomFromText('POINT(1 2)')), \
            (2,NULL,ST_GeomFromText('POINT(-30 40)',4326)),(3,ST_GeomFromText('LINESTRING(0 0,1 2,3 4)'),POINT(5,6));";
        let damage = "UPDATE t SET g=POINT(0,0); UPDATE t SET p=POINT(9,9); DELETE FROM t;";
        let undo = Scene::new(server, stage, damage).restore();
        assert!(!undo.text.contains("ST_Geom"));
    });
}

#[test]
fn d14_labels_are_written_and_the_error_value_is_refused() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, e ENUM('b','a','','1') CHARACTER SET latin1, \
            s SET('x','y','2','it''s') CHARACTER SET utf8mb4); \
            INSERT INTO t VALUES (1,'a','x,y'),(2,'',''),(3,'1','2'),(4,NULL,NULL),(5,'b','it''s,x');";
        let scene = Scene::new(server, stage, "UPDATE t SET e='b', s='y' WHERE id<5; DELETE FROM t;");
        scene.restore();
        let damage = "SET sql_mode=''; UPDATE t SET e='no such label' WHERE id=1; UPDATE t SET e='a' WHERE id=1;";
        let reasons = Scene::new(server, stage, damage).reasons();
        assert!(reasons.len() == 1 && reasons[0].contains("the enum's error value"), "{reasons:?}");
    });
}

#[test]
fn d16_d78_nothing_in_a_value_or_a_name_is_a_command_of_a_client() {
    each(|server| {
        let stage = r"CREATE TABLE `source` (id INT PRIMARY KEY, s VARCHAR(60), `delimiter //` TEXT);
            INSERT INTO `source` VALUES (1, CONCAT(CHAR(10),'DELIMITER //',CHAR(10)), 'DELIMITER ;;'),
            (2, CONCAT(CHAR(92),'! touch x'), CONCAT(CHAR(10),'source x',CHAR(10))), (3, CONCAT(CHAR(92),'g ',CHAR(92),'q'), CHAR(0)),
            (4, CONCAT(CHAR(27),'[2J',CHAR(7),CHAR(26)), CONCAT(CHAR(13),CHAR(10),'-- x'));";
        let scene = Scene::new(server, stage, "UPDATE source SET s='x'; DELETE FROM source;");
        let undo = scene.script();
        assert!(!undo.text.contains('\\'));
        let words = ["delimiter", "source", "system", "tee", "use ", "pager"];
        let is_command = |line: &str| words.iter().any(|word| line.to_ascii_lowercase().starts_with(word));
        assert!(!undo.text.lines().any(is_command));
        // MySQL's client obeys commands in what it is fed only where that is asked for.
        let commands: &[&str] =
            if server.product == Product::Mysql { &["-N", "-B", "--commands"] } else { &["-N", "-B"] };
        let output = run(server, commands, &undo.text);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        scene.assert_restored();
    });
}

#[test]
fn d27_a_name_cannot_end_a_comment_and_begin_a_statement() {
    each(|server| {
        let name = "x\nDROP DATABASE scene; -- \u{2028}é*/";
        let stage = format!(
            "CREATE TABLE `{name}` (`a``b\n;` INT PRIMARY KEY, v INT); INSERT INTO `{name}` VALUES (1,1),(2,2); \
            CREATE TABLE keep (id INT PRIMARY KEY);"
        );
        let scene = Scene::new(server, &stage, &format!("UPDATE `{name}` SET v=v+1; DELETE FROM `{name}`;"));
        let undo = scene.restore();
        assert!(!undo.text.lines().any(|line| line.starts_with("DROP")));
        assert_eq!(server.sql(&format!("SELECT COUNT(*) FROM `{SCENE}`.keep")), "0\n");
    });
}

#[test]
fn d16_of_a_table_with_names_that_are_not_ascii_only_the_statements_that_use_one_are_hidden() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, v INT, `größe` INT); INSERT INTO t VALUES (1,1,1),(2,2,2);";
        let undo = Scene::new(server, stage, "UPDATE t SET v=v+1; UPDATE t SET `größe`=5; DELETE FROM t;").restore();
        assert_eq!(undo.text.lines().filter(|line| line.starts_with("EXECUTE bg_run")).count(), 3);
        assert_eq!(undo.text.lines().filter(|line| line.starts_with("UPDATE ")).count(), 2);
    });
}

#[test]
fn d01_long_bytes_and_texts_come_back_whole_beside_short_ones() {
    each(|server| {
        let stage = "CREATE TABLE t (id INT PRIMARY KEY, b LONGBLOB, s LONGTEXT CHARACTER SET utf8mb4, l LONGTEXT CHARACTER SET latin1); \
            CREATE TABLE `wéird` (id INT PRIMARY KEY, b LONGBLOB); \
            INSERT INTO t VALUES (1,'short','short','short'),(2,REPEAT('b',65535),REPEAT('s',65535),REPEAT(_latin1 X'E9',65535)), \
            (3,REPEAT('c',65536),REPEAT('t',65536),'x'),(4,NULL,NULL,NULL),(5,REPEAT('d',300000),REPEAT(_utf8mb4 X'F09F9880',70000),''), \
            (6,'','',''),(7,REPEAT(X'00',4000),REPEAT('u',4000),''); INSERT INTO `wéird` SELECT id, b FROM t;";
        let scene = Scene::new(
            server,
            stage,
            "UPDATE t SET b=REVERSE(b), s='x' WHERE id<>4; DELETE FROM t; DELETE FROM `wéird`;",
        );
        scene.restore();
    });
}
