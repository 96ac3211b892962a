//! Databases: connecting, probing, loading, on real MySQL and MariaDB servers.
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::fs;
use std::path::{Path, PathBuf};

use breakglass::model::foreign::Foreign;
use breakglass::model::sink::{Flavor, PasswordSource, ServerAddress, ServerRef, TlsMode};
use breakglass::report::{Fault, Reportable};
use breakglass::server::{Connection, Killed, LoadError, Loaded, ServerError, connect};

use crate::support::databases::{Database, Product, Server, server, servers};

async fn open(server: &Server) -> Connection {
    connect(&server.reference(), None).await.unwrap()
}

/// A session inside a database of its own.
async fn inside(database: &Database) -> Connection {
    let mut connection = open(database.server).await;
    connection.enter_database(&database.foreign()).await.unwrap();
    connection
}

async fn refused(connection: &mut Connection, statement: &str) -> String {
    let error = connection.load(statement.as_bytes()).await.unwrap_err();
    let LoadError::Refused(reduced) = &error else { panic!("{statement}: {error}") };
    let all = format!("{error} {reduced:?} {:?} {}", error.report(), serde_json::to_string(&error.report()).unwrap());
    assert!(!all.contains("SECRET"), "{all}");
    reduced.to_string()
}

#[tokio::test]
async fn a_server_says_what_it_is() {
    for server in servers() {
        let mut connection = open(server).await;
        let facts = connection.probe().await.unwrap();
        let flavor = if server.product == Product::Mysql { Flavor::Mysql } else { Flavor::Mariadb };
        assert_eq!(facts.flavor, flavor);
        assert!(facts.version.to_string().contains('.'), "{facts:?}");
        assert_eq!(facts.account.to_string(), "root@127.0.0.1");
        assert_eq!(facts.max_allowed_packet, 256 << 20);
        assert_eq!(connection.longest_statement(), (256 << 20) - 2);
        assert!(facts.uuid.is_some_and(|uuid| !uuid.raw_bytes().is_empty()));
        assert!(facts.databases.contains(&Foreign::from("mysql")));
        assert!(facts.collations.contains(&"utf8mb4_general_ci".to_owned()));
        assert!(facts.engines.contains(&"innodb".to_owned()));
        assert!(facts.accounts.unwrap().contains(&Foreign::from("root@127.0.0.1")));
        assert!(facts.sessions.is_some());
        assert_eq!((facts.gtid_mode, facts.local_infile), (server.product == Product::Mysql, true));
        assert!(!facts.read_only);
    }
}

#[tokio::test]
async fn what_an_account_may_not_see_is_unknown_and_no_error() {
    for server in servers() {
        let user = format!("plain_{}", server.port);
        server.sql(&format!("CREATE USER {user}@'127.0.0.1' IDENTIFIED BY 'pass word'"));
        let mut reference = ServerRef { user: Some(user.clone()), ..server.reference() };
        reference.password = PasswordSource::Held("prompt".to_owned());
        let mut connection = connect(&reference, Some(b"pass word")).await.unwrap();
        let facts = connection.probe().await.unwrap();
        assert_eq!((facts.sessions, facts.accounts), (None, None));
        assert!(!facts.databases.contains(&Foreign::from("mysql")));
        let mysql = connection.database(&Foreign::from("mysql")).await;
        assert!(matches!(mysql, Err(ServerError::Query { .. })));

        let none = connect(&reference, None).await.err().unwrap();
        assert!(matches!(none, ServerError::NoPassword { .. }));
        let wrong = connect(&reference, Some(b"SECRET")).await.err().unwrap();
        assert!(matches!(wrong, ServerError::Denied { .. }), "{wrong}");
        assert!(!format!("{wrong:?} {:?}", wrong.report()).contains("SECRET"));
        server.sql(&format!("DROP USER {user}@'127.0.0.1'"));
    }
}

#[tokio::test]
async fn databases_are_asked_for_created_and_entered() {
    for server in servers() {
        let database = server.unused();
        let mut connection = open(server).await;
        assert_eq!(connection.database(&database.foreign()).await.unwrap(), None);
        connection.create_database(&database.foreign()).await.unwrap();
        assert!(matches!(connection.create_database(&database.foreign()).await, Err(ServerError::Query { .. })));
        assert!(connection.still_in(&database.foreign()).await.is_err());
        connection.ensure_database(&database.foreign()).await.unwrap();
        connection.still_in(&database.foreign()).await.unwrap();
        assert_eq!(connection.database(&database.foreign()).await.unwrap(), Some(vec![]));
        database.sql("CREATE TABLE `a``b\u{fc}` (x INT); CREATE VIEW v AS SELECT 1");
        let tables = connection.database(&database.foreign()).await.unwrap().unwrap();
        assert_eq!(tables, [Foreign::from("a`b\u{fc}"), Foreign::from("v")]);
        connection.load(b"USE mysql").await.unwrap();
        let left = connection.still_in(&database.foreign()).await.unwrap_err();
        assert!(matches!(left, ServerError::LeftDatabase { .. }));
        let nothing = connection.database(&Foreign::new([0xff])).await;
        assert!(matches!(nothing, Err(ServerError::BadName { .. })));
    }
}

#[tokio::test]
async fn a_name_full_of_quotes_is_only_a_name() {
    for server in servers() {
        let mut connection = open(server).await;
        let hostile = Foreign::from("x`; DROP DATABASE mysql; -- ");
        assert!(matches!(connection.database(&hostile).await, Err(ServerError::BadName { .. })));
        let hostile = Foreign::from("x`; DROP DATABASE mysql; --");
        assert_eq!(connection.database(&hostile).await.unwrap(), None);
        connection.create_database(&hostile).await.unwrap();
        connection.ensure_database(&hostile).await.unwrap();
        connection.still_in(&hostile).await.unwrap();
        server.sql("DROP DATABASE `x``; DROP DATABASE mysql; --`");
    }
}

#[tokio::test]
async fn rows_and_warnings_are_counted() {
    for server in servers() {
        let database = server.database();
        let mut connection = inside(&database).await;
        let loaded = connection.load(b"CREATE TABLE t (n INT PRIMARY KEY, s VARCHAR(3))").await.unwrap();
        assert_eq!(loaded, Loaded { rows: 0, warnings: 0 });
        let loaded = connection.load(b"INSERT INTO t VALUES (1,'a'),(2,'b'),(3,'c');").await.unwrap();
        assert_eq!(loaded.rows, 3);
        connection.load(b"SET sql_mode = ''").await.unwrap();
        let loaded = connection.load(b"INSERT INTO t VALUES (4,'SECRET')").await.unwrap();
        assert_eq!(loaded, Loaded { rows: 1, warnings: 1 });
        let warnings = connection.warnings().await.unwrap();
        assert_eq!(warnings[0].to_string(), "error 1265: Data truncated for column 's' at row 1");
        assert_eq!(connection.load(b"SELECT n FROM t ORDER BY n").await.unwrap().rows, 0);
        assert_eq!(connection.load(b"/* nothing */ DO 1").await.unwrap(), Loaded::default());
    }
}

#[tokio::test]
async fn bytes_of_any_character_set_arrive_as_they_are() {
    for server in servers() {
        let database = server.database();
        let mut connection = inside(&database).await;
        connection.load(b"CREATE TABLE t (s VARCHAR(9) CHARACTER SET gbk, b BLOB)").await.unwrap();
        connection.load(b"SET NAMES gbk").await.unwrap();
        connection.load(b"INSERT INTO t VALUES ('\xb0\x5c', _binary '\x01\xff\\0\x80')").await.unwrap();
        assert_eq!(database.sql("SELECT HEX(s), HEX(b) FROM t"), "B05C\t01FF0080\n");
        connection.still_in(&database.foreign()).await.unwrap();
    }
}

#[tokio::test]
async fn a_session_reads_strings_as_dumps_mean_them_whatever_the_server_prefers() {
    for server in servers() {
        let before = server.sql("SELECT @@global.sql_mode").trim().to_owned();
        server.sql("SET GLOBAL sql_mode = 'ANSI,STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES'");
        let connected = connect(&server.reference(), None).await;
        server.sql(&format!("SET GLOBAL sql_mode = '{before}'"));
        let mut connection = connected.unwrap();
        let database = server.database();
        connection.enter_database(&database.foreign()).await.unwrap();
        let mode = connection.probe().await.unwrap().sql_mode.to_string();
        assert!(mode.contains("STRICT_ALL_TABLES") && !mode.contains("ANSI") && !mode.contains("BACKSLASH"), "{mode}");
        assert!(connection.remarks()[0].contains("sql_mode"));
        connection.load(b"CREATE TABLE t (s VARCHAR(9))").await.unwrap();
        connection.load(br#"INSERT INTO t VALUES ("a\'b"), ('a\'b')"#).await.unwrap();
        assert_eq!(database.sql("SELECT DISTINCT HEX(s) FROM t"), "612762\n");
    }
}

#[tokio::test]
async fn errors_name_table_key_and_column_but_no_value() {
    for server in servers() {
        let database = server.database();
        let mut connection = inside(&database).await;
        let table = "CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL, s VARCHAR(3), d DATE, u VARCHAR(9) UNIQUE)";
        connection.load(table.as_bytes()).await.unwrap();
        connection.load(b"INSERT INTO t VALUES (1, 1, 'a', NULL, 'SECRET')").await.unwrap();
        let duplicate = refused(&mut connection, "INSERT INTO t VALUES (2, 1, 'a', NULL, 'SECRET')").await;
        assert!(duplicate.starts_with("error 1062 (23000): Duplicate entry '...' for key '"), "{duplicate}");
        assert!(duplicate.ends_with("u'"), "{duplicate}");
        let long = refused(&mut connection, "INSERT INTO t VALUES (3, 1, 'SECRET', NULL, NULL)").await;
        assert_eq!(long, "error 1406 (22001): Data too long for column 's' at row 1");
        let number = refused(&mut connection, "INSERT INTO t VALUES (3, 'SECRET', '', NULL, NULL)").await;
        assert!(number.starts_with("error 1366 ") && number.contains("n") && number.ends_with("at row 1"), "{number}");
        let date = refused(&mut connection, "INSERT INTO t VALUES (3, 1, '', 'SECRET', NULL)").await;
        assert!(date.starts_with("error 1292 (22007): Incorrect date value: '...' for column "), "{date}");
        let syntax = refused(&mut connection, "INSERT INTO t VALUES (3, 1, '',\n 'SECRET' 'x' 'SECRET)").await;
        assert!(syntax.starts_with("error 1064 ") && syntax.contains("near '...' at line "), "{syntax}");
        let signal =
            "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'SECRET'";
        connection.load(signal.as_bytes()).await.unwrap();
        let own_words = refused(&mut connection, "INSERT INTO t VALUES (4, 1, '', NULL, NULL)").await;
        assert_eq!(own_words, "error 1644 (45000)");
        assert_eq!(connection.load(b"DELETE FROM t").await.unwrap().rows, 1); // it goes on after refusals
    }
}

#[tokio::test]
async fn a_second_statement_behind_the_first_is_noticed() {
    for server in servers() {
        let database = server.database();
        let mut connection = inside(&database).await;
        let several = connection.load(b"CREATE TABLE a (x INT); CREATE TABLE b (x INT)").await.unwrap_err();
        assert_eq!(several, LoadError::SeveralStatements);
        assert_eq!(several.report().fault, Fault::Refused);
        assert!(matches!(connection.load(b"DO 1").await, Err(LoadError::Lost(_))));
        let mut connection = inside(&database).await;
        assert_eq!(connection.load(b"SELECT 1; DO 1").await, Err(LoadError::SeveralStatements));
        let mut connection = inside(&database).await;
        assert_eq!(connection.load(b"DO 1; SELECT 1").await, Err(LoadError::SeveralStatements));
        let mut connection = inside(&database).await;
        assert_eq!(connection.load(b"DO 1; BLABLA").await, Err(LoadError::SeveralStatements));
    }
}

#[tokio::test]
async fn no_file_of_this_machine_is_ever_sent() {
    for server in servers() {
        let database = server.database();
        database.sql("CREATE TABLE t (x TEXT)");
        let mut connection = inside(&database).await;
        let error = connection.load(b"LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t").await.unwrap_err();
        assert_eq!(error, LoadError::LocalFile);
        let error = connection.load(b"DO 1").await.unwrap_err();
        assert!(matches!(error, LoadError::Lost(_)));
        assert_eq!(database.sql("SELECT COUNT(*) FROM t"), "0\n");
    }
}

#[tokio::test]
async fn a_statement_longer_than_the_server_takes_is_not_sent() {
    for server in servers() {
        let before = server.sql("SELECT @@global.max_allowed_packet").trim().to_owned();
        let reference = server.reference();
        server.sql("SET GLOBAL max_allowed_packet = 1048576");
        let connected = connect(&reference, None).await;
        server.sql(&format!("SET GLOBAL max_allowed_packet = {before}"));
        let mut connection = connected.unwrap();
        let mut statement = b"DO /*".to_vec();
        statement.resize((1 << 20) - 5, b'x');
        statement.extend(b"*/ 1");
        let error = connection.load(&statement).await.unwrap_err();
        assert_eq!(error, LoadError::TooLong { bytes: (1 << 20) - 1, limit: (1 << 20) - 2 });
        statement.remove(9);
        connection.load(&statement).await.unwrap(); // the longest that is let through does arrive
    }
}

#[tokio::test]
async fn a_running_statement_is_stopped_from_outside() {
    for server in servers() {
        let mut connection = open(server).await;
        let handle = connection.kill_handle();
        let thread = connection.thread_id();
        let sessions = format!("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = {thread}");
        let busy = format!("{sessions} AND INFO LIKE 'UPDATE%'");
        let database = server.database();
        database.sql("CREATE TABLE t (n INT); INSERT INTO t VALUES (1)");
        connection.enter_database(&database.foreign()).await.unwrap();
        let killer = async {
            until(server, busy, "1\n").await;
            handle.kill_query().await.unwrap()
        };
        let (outcome, killed) = tokio::join!(connection.load(b"UPDATE t SET n = 2 WHERE SLEEP(600) = 0"), killer);
        assert_eq!((outcome, killed), (Err(LoadError::Stopped), Killed::Told));
        connection.load(b"DO 1").await.unwrap(); // the session itself goes on
        connection.close().await;
        until(server, sessions, "0\n").await;
        assert_eq!(handle.kill_query().await.unwrap(), Killed::Gone);
    }
}

/// Asks until the answer is the one that is waited for.
async fn until(server: &'static Server, question: String, answer: &'static str) {
    let asking = tokio::task::spawn_blocking(move || while server.sql(&question) != answer {});
    asking.await.unwrap();
}

#[tokio::test]
async fn a_session_that_the_server_ends_is_lost_and_says_so() {
    for server in servers() {
        let mut connection = open(server).await;
        server.sql(&format!("KILL {}", connection.thread_id()));
        let error = connection.load(b"DO 1").await.unwrap_err();
        assert!(matches!(error, LoadError::Lost(_)), "{error}");
        assert_eq!(error.report().fault, Fault::Unreachable);
        let mut connection = open(server).await;
        drop(tokio::time::timeout(std::time::Duration::from_millis(50), connection.load(b"DO SLEEP(5)")).await);
        assert!(matches!(connection.load(b"DO 1").await, Err(LoadError::Lost(_)))); // dropped half-way
    }
}

#[tokio::test]
async fn the_expected_server_is_the_only_one_that_is_used() {
    for server in servers() {
        let mut reference = server.reference();
        let uuid = open(server).await.probe().await.unwrap().uuid.unwrap();
        reference.expect_uuid = uuid.raw_str().map(str::to_owned);
        connect(&reference, None).await.unwrap();
        reference.expect_uuid = Some("somebody-else".to_owned());
        let error = connect(&reference, None).await.err().unwrap();
        assert!(matches!(error, ServerError::OtherServer { .. }));
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let Some(server) = server(Product::Mariadb) else { return };
    let mut reference = server.reference();
    reference.address = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: 1 };
    let error = connect(&reference, None).await.err().unwrap();
    assert_eq!(error.report().fault, Fault::Unreachable);
    reference.address = ServerAddress::Socket("/nowhere/mysqld.sock".into());
    let error = connect(&reference, None).await.err().unwrap();
    assert!(matches!(error, ServerError::Unreachable { .. }));
}

/// The cipher in use with this mode and authority, or what stands against it.
async fn cipher(server: &Server, host: &str, tls: TlsMode, ca: Option<PathBuf>) -> Result<String, String> {
    let mut reference = ServerRef { tls, ca_file: ca, ..server.reference() };
    reference.address = ServerAddress::Tcp { host: host.to_owned(), port: server.port };
    match connect(&reference, None).await {
        Ok(mut connection) => Ok(connection.probe().await.unwrap().tls_cipher),
        Err(error @ ServerError::Tls { .. }) => Err(error.to_string()),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn tls_is_as_strict_as_its_mode() {
    for server in servers() {
        let (signer, other) = (|| Some(server.authority()), || Some(server.other_authority()));
        for mode in [TlsMode::Preferred, TlsMode::Required] {
            assert!(cipher(server, "127.0.0.1", mode, None).await.unwrap().contains("TLS_"));
        }
        for mode in [TlsMode::Disabled, TlsMode::Auto] {
            assert_eq!(cipher(server, "127.0.0.1", mode, signer()).await, Ok(String::new())); // loopback is exempt
        }
        // The signer is right; the name does not matter, and is wrong here.
        assert!(cipher(server, "127.0.0.1", TlsMode::VerifyCa, signer()).await.unwrap().contains("TLS_"));
        for mode in [TlsMode::VerifyCa, TlsMode::VerifyIdentity] {
            cipher(server, "localhost", mode, other()).await.unwrap_err();
            cipher(server, "localhost", mode, None).await.unwrap_err();
        }
        let named = cipher(server, "localhost", TlsMode::VerifyIdentity, signer()).await;
        match server.product {
            Product::Mysql => assert!(named.unwrap_err().contains("certificate not valid for name")),
            Product::Mariadb => assert!(named.unwrap().contains("TLS_")),
        }
        let wrong = cipher(server, "127.0.0.1", TlsMode::VerifyIdentity, signer()).await.unwrap_err();
        assert!(wrong.contains("certificate not valid for name"), "{wrong}");
    }
}

#[tokio::test]
async fn option_files_and_sockets_are_honoured() {
    for server in servers() {
        let user = format!("filed_{}", server.port);
        server.sql(&format!("CREATE USER {user}@localhost IDENTIFIED BY 'it''s#1'"));
        let file = server.folder.join("client.cnf");
        let socket = server.socket();
        write(&file, &format!("[client]\nuser={user}\npassword=\"it's#1\"\nsocket={}\n", socket.display()));
        let mut reference = server.reference();
        reference.user = None;
        reference.defaults_file = Some(file.clone());
        reference.address = ServerAddress::Tcp { host: String::new(), port: 0 };
        let mut connection = connect(&reference, None).await.unwrap();
        assert_eq!(connection.label(), format!("socket {}", socket.display()));
        assert_eq!(connection.probe().await.unwrap().account.to_string(), format!("{user}@localhost"));
        assert!(connection.remarks().is_empty());

        let password = server.folder.join("password");
        write(&password, "it's#1\n");
        reference.password = PasswordSource::File(password);
        connect(&reference, None).await.unwrap();
        reference.password = PasswordSource::Command("echo \"it's#1\"".to_owned());
        connect(&reference, None).await.unwrap();
        reference.password = PasswordSource::Env("BREAKGLASS_TEST_NOT_SET".to_owned());
        assert!(matches!(connect(&reference, None).await, Err(ServerError::NoPassword { .. })));
        server.sql(&format!("DROP USER {user}@localhost"));
    }
}

fn write(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
