//! Secrets reach neither the store nor anything that is shown, whichever feed brings them and however they stand there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use breakglass::model::run::Feed;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use serde_json::json;

use super::payloads::{START, list, pair, request, run, text};
use super::{Client, Collector, JSON, PROTOBUF, all_bytes, keeping, runs};
use crate::cli::{Home, fixture};

/// What no output and no byte of the store may hold; each form has a number of its own behind it.
const MARK: &str = "ZqLeak";

/// Texts in which programs repeat a secret, which is written `@@` here.
const TEXTS: &[&str] = &[
    // URLs.
    "pruneTarget smb://corp;backup:@@@nas/x",
    "open smb://u:@@/x@host/p: no",
    "smb://u:123/@@@host/p",
    "parse \"smb://u:pa @@@host/p\": invalid userinfo",
    "mysql://u:LEA @@@h/x",
    "sftp://u:a%40@@@host:22/x",
    "url=smb%3A%2F%2Fu%3A@@%40host%2Fp",
    "smb:\\/\\/u:@@@nas\\/share",
    "smb:\\u002f\\u002fu:@@\\u0040nas\\u002fshare",
    "https://@@@host/x",
    "smb://nas/share?user=u&pass=@@",
    "get x%3Fuser%3Du%26pass%3D@@",
    "https://a/b?sv=1&sig=@@",
    "https://a/b?sv=1\\u0026sig=@@",
    "https://a/b?sv=1&amp;sig=@@&amp;se=2",
    "get x?X-Amz-Signature=@@&X-Amz-Security-Token=@@",
    "backup:@@@nas:/srv/x: permission denied",
    "dial root:@@@tcp(db:3306)/s",
    "root:@@@db1/shop",
    // Variables and settings.
    "DB_PASS=@@ mysql-backup dump",
    "SMB_PASS: @@, RESTIC_PASSPHRASE=@@",
    "error running dump: MYSQL_PWD=@@ mysqldump shop",
    "export DB_DUMP_ENCRYPTION_KEY='@@ and more @@'",
    "DB_HOST=x\\nDB_PASS=@@",
    "AWS_SECRET_ACCESS_KEY=@@ AWS_SESSION_TOKEN=@@",
    "password=)@@",
    "password=a,@@",
    "password=a;@@)@@",
    "password=it'@@",
    "password = \"@@ and @@\"",
    "passwd: '@@ and @@'",
    "password='it'\"'\"'s @@'",
    "password is @@",
    "invalid password \"@@ and @@\"",
    "passphrase: correct horse @@",
    "rootpass=@@",
    "dbPass: @@",
    "clientSecret=@@",
    "user=u;pwd=@@;server=h",
    "AccountName=a;AccountKey=@@==;x=y",
    "secret_key = @@",
    "private-key: @@",
    "password:\"@@",
    "<password>@@</password>",
    // JSON in a text, once and twice.
    "{\"password\":\"@@ \\\" @@\"}",
    "{\\\"password\\\":\\\"@@ and @@\\\"}",
    "{\\\\\\\"pass\\\\\\\":\\\\\\\"@@ and @@\\\\\\\"}",
    "{\"p\\u0061ssword\":\"@@\"}",
    "[{\"name\":\"DB_PASS\",\"value\":\"@@ and @@\"}]",
    "{\"auths\":{\"hub\":{\"identitytoken\":\"@@\"}}}",
    // Arguments of programs.
    "mysql-backup dump --server db --user root --pass @@ --smb-pass @@",
    "--encryption-key @@ --encryption-key=@@",
    "xtrabackup --encrypt-key=@@",
    "mysqldump --password=@@ shop",
    "mysqldump --password '@@ and @@' shop",
    "mysqldump -u root -p'LEA @@' x",
    "mysqldump -uroot -p@@ x",
    "[\"mysqldump\",\"--password\",\"@@\"]",
    "[mysql-backup --encryption-key @@]",
    "openssl enc -pass pass:@@ -k @@",
    "curl -u admin:@@ https://h/x",
    "smbclient -U backup%@@ //nas/x",
    "sshpass -p @@ sftp h",
    "curl -H 'X-Vault-Token: @@' -H \"PRIVATE-TOKEN: @@\" -H 'Cookie: s=@@; t=@@'",
    "Authorization: Digest username=\"u\", response=\"@@\"",
    "Authorization: Basic @@==",
    "got 401 for Bearer @@",
    // SQL, and what MySQL says.
    "CREATE USER a IDENTIFIED BY '@@'",
    "ALTER USER a IDENTIFIED WITH mysql_native_password BY '@@ @@'",
    "SET PASSWORD FOR 'u'@'h' = '@@'",
    "SET PASSWORD = PASSWORD('@@')",
    "CHANGE MASTER TO MASTER_USER='r', MASTER_PASSWORD='@@'",
    "Error 1062: Duplicate entry '@@' for key 'u'",
    "running INSERT INTO users VALUES (1,'@@'): no",
    "UPDATE users SET mail = '@@' WHERE id = 7",
    "SELECT * FROM users WHERE mail = '@@'",
    // Things that are secret by themselves.
    "-----BEGIN RSA PRIVATE KEY-----\n@@\n@@\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\\n@@\\n",
    "AGE-SECRET-KEY-1@@",
    "eyJhbGciOiJIUzI1NiJ9.eyJ@@.@@",
];

/// Names under which everything is a secret.
const NAMES: &[&str] = &[
    "password",
    "pass",
    "pwd",
    "db.password",
    "DB_PASS",
    "MYSQL_PWD",
    "smbPass",
    "encryption-key",
    "db.dump.encryption_key",
    "private_key",
    "secretKey",
    "aws.secret_access_key",
    "http.request.header.authorization",
    "http.request.header.cookie",
    "x.token",
    "client_credentials",
    "passphrase",
    "sas",
    // Row values, and arguments that nobody has cleaned.
    "db.statement",
    "db.query.text",
    "db.query.parameter.0",
    "db.connection_string",
    "process.command_args",
    "process.command_line",
];

/// Values of such names, which no pattern would find.
const VALUES: &[&str] = &["@@", "@@ and @@", ")@@", "-@@", "\"@@", "YES @@"];

/// The texts with a secret of their own each.
pub fn texts() -> Vec<String> {
    TEXTS.iter().enumerate().map(|(nth, text)| text.replace("@@", &format!("{MARK}{nth:03}"))).collect()
}

/// Names and values, each with a secret of its own.
fn named() -> Vec<(String, String)> {
    let all = NAMES.iter().flat_map(|name| VALUES.iter().map(move |value| (*name, *value))).enumerate();
    all.map(|(nth, (name, value))| (name.to_owned(), value.replace("@@", &format!("{MARK}{:03}", 500 + nth)))).collect()
}

/// The forms whose secrets are in here.
fn found(bytes: &[u8]) -> BTreeSet<String> {
    let at = memchr::memmem::find_iter(bytes, MARK.as_bytes());
    at.map(|at| {
        let number = String::from_utf8_lossy(&bytes[at + MARK.len()..][..3]).into_owned();
        let form = number.parse().ok().and_then(|nth: usize| TEXTS.get(nth).copied()).unwrap_or("a name");
        format!("{number} {form}")
    })
    .collect()
}

fn kvlist(key: &str, values: Vec<KeyValue>) -> KeyValue {
    pair(key, Value::KvlistValue(KeyValueList { values }))
}

/// A span that holds these texts wherever a span can hold one.
fn telling(number: u64, texts: &[String], named: &[(String, String)]) -> Vec<Span> {
    let mut spans = run(number, START + number * 86_400);
    let root = spans.last().unwrap().clone();
    for (nth, told) in texts.iter().enumerate() {
        let many = [told.as_str(), "x"];
        spans.push(Span {
            span_id: (0xaaaa_0000 + number * 1000 + nth as u64).to_be_bytes().to_vec(),
            parent_span_id: root.span_id.clone(),
            name: told.clone(),
            trace_state: told.clone(),
            status: Some(Status { code: 2, message: told.clone() }),
            attributes: vec![
                text("note", told),
                text(told, "x"),
                list("args", &many),
                kvlist("map", vec![text("note", told), kvlist("in", vec![list("args", &many)])]),
            ],
            events: vec![Event {
                name: told.clone(),
                attributes: vec![text("exception.message", told), text("exception.stacktrace", told)],
                ..Event::default()
            }],
            ..root.clone()
        });
    }
    for (nth, (name, value)) in named.iter().enumerate() {
        let words: Vec<&str> = value.split(' ').collect();
        let flag = format!("--{}", name.to_lowercase().replace(['.', '_'], "-"));
        let assigned = format!("{name}={}", words[0]);
        let secret_by_flag = !name.starts_with("db.") && !name.starts_with("process.") && !value.starts_with('-');
        let mut attributes = vec![
            text(name, value),
            list(name, &words),
            kvlist("map", vec![text(name, value), kvlist(name, vec![text("in", value)])]),
            kvlist("variable", vec![text("name", name), text("value", value)]),
        ];
        if secret_by_flag {
            attributes.push(list("args", &["mysql-backup", &flag, value, &assigned]));
        }
        if name.starts_with("db.") || name.starts_with("process.") {
            attributes.truncate(3);
        }
        spans.push(Span {
            span_id: (0xbbbb_0000 + number * 1000 + nth as u64).to_be_bytes().to_vec(),
            parent_span_id: root.span_id.clone(),
            name: "pull file".to_owned(),
            attributes,
            ..root.clone()
        });
    }
    spans
}

fn any_json(value: &AnyValue) -> serde_json::Value {
    match value.value.as_ref().unwrap() {
        Value::StringValue(text) => json!({ "stringValue": text }),
        Value::IntValue(number) => json!({ "intValue": number.to_string() }),
        Value::ArrayValue(list) => {
            json!({ "arrayValue": { "values": list.values.iter().map(any_json).collect::<Vec<_>>() } })
        }
        Value::KvlistValue(list) => json!({ "kvlistValue": { "values": pairs_json(&list.values) } }),
        other => panic!("{other:?}"),
    }
}

fn pairs_json(pairs: &[KeyValue]) -> serde_json::Value {
    pairs.iter().map(|pair| json!({ "key": pair.key, "value": any_json(pair.value.as_ref().unwrap()) })).collect()
}

/// The same as a Collector writes it and JSON exporters send it.
fn in_json(spans: &[Span], resource: &[KeyValue]) -> String {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let spans = spans.iter().map(|span| {
        let events = span.events.iter().map(
            |event| json!({ "timeUnixNano": "1", "name": event.name, "attributes": pairs_json(&event.attributes) }),
        );
        let status = span.status.as_ref().unwrap();
        json!({
            "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
            "name": span.name, "traceState": span.trace_state, "attributes": pairs_json(&span.attributes),
            "startTimeUnixNano": span.start_time_unix_nano.to_string(),
            "endTimeUnixNano": span.end_time_unix_nano.to_string(),
            "events": events.collect::<Vec<_>>(), "status": { "code": status.code, "message": status.message },
        })
    });
    let scopes = json!([{ "scope": { "name": "mysql-backup/dump" }, "spans": spans.collect::<Vec<_>>() }]);
    json!({ "resourceSpans": [{ "resource": { "attributes": pairs_json(resource) }, "scopeSpans": scopes }] })
        .to_string()
}

/// The same as `--trace-stderr` prints it.
fn printed(spans: &[Span]) -> String {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let value = |any: &AnyValue| match any.value.as_ref().unwrap() {
        Value::ArrayValue(list) => {
            let text = |any: &AnyValue| match any.value.as_ref().unwrap() {
                Value::StringValue(text) => text.clone(),
                other => panic!("{other:?}"),
            };
            json!({ "Type": "STRINGSLICE", "Value": list.values.iter().map(text).collect::<Vec<_>>() })
        }
        Value::StringValue(text) => json!({ "Type": "STRING", "Value": text }),
        Value::IntValue(number) => json!({ "Type": "INT64", "Value": number }),
        other => json!({ "Type": "OTHER", "Value": format!("{other:?}") }),
    };
    let flat = |pairs: &[KeyValue]| {
        let pairs = pairs
            .iter()
            .filter(|pair| !matches!(pair.value.as_ref().unwrap().value.as_ref().unwrap(), Value::KvlistValue(_)));
        pairs.map(|pair| json!({ "Key": pair.key, "Value": value(pair.value.as_ref().unwrap()) })).collect::<Vec<_>>()
    };
    let one = |span: &Span| {
        let status = span.status.as_ref().unwrap();
        let code = ["Unset", "Ok", "Error"][status.code as usize];
        let context =
            json!({ "TraceID": hex(&span.trace_id), "SpanID": hex(&span.span_id), "TraceState": span.trace_state });
        let parent = if span.parent_span_id.is_empty() { "0".repeat(16) } else { hex(&span.parent_span_id) };
        let events = span.events.iter().map(|event| {
            json!({ "Name": event.name, "Attributes": flat(&event.attributes), "Time": "2026-11-21T03:00:00Z" })
        });
        json!({
            "Name": span.name, "SpanContext": context, "Parent": { "SpanID": parent },
            "StartTime": "2026-11-21T03:00:00Z", "EndTime": "2026-11-21T03:01:00Z",
            "Attributes": flat(&span.attributes), "Events": events.collect::<Vec<_>>(),
            "Status": { "Code": code, "Description": status.message },
            "Resource": [{ "Key": "service.name", "Value": { "Type": "STRING", "Value": "mysql-backup" } }],
            "InstrumentationScope": { "Name": "mysql-backup/dump" },
        })
    };
    spans.iter().map(|span| format!("{:#}\n", one(span))).collect()
}

/// Log lines of runs that each end with one of the texts, as logrus writes them in its two forms.
fn log_lines(texts: &[String]) -> (String, String) {
    let (mut plain, mut json_lines) = (String::new(), String::new());
    for (nth, told) in texts.iter().enumerate() {
        let at = format!("2026-11-21T{:02}:{:02}:00Z", nth / 60, nth % 60);
        let quoted = serde_json::to_string(told).unwrap();
        plain.push_str(&format!("time=\"{at}\" level=info msg=\"beginning dump {nth}\" run=p{nth}\n"));
        plain.push_str(&format!(
            "time=\"{at}\" level=debug msg=\"uploading via protocol smb from /tmp/a to smb://u:{MARK}900@nas/s/a.tgz\" run=p{nth}\n"
        ));
        plain.push_str(&format!("time=\"{at}\" level=fatal msg={quoted} error={quoted} run=p{nth}\n"));
        let begin =
            json!({ "run": format!("j{nth}"), "timestamp": at, "level": "info", "message": "beginning dump 1" });
        let end = json!({ "run": format!("j{nth}"), "timestamp": at, "level": "fatal", "message": told, "error": told, "fields": { "error": told } });
        json_lines.push_str(&format!("{begin}\n{end}\n"));
    }
    (plain, json_lines)
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Everything in the tables, unpacked.
fn in_the_tables(home: &Home) -> Vec<u8> {
    let file = files(&home.path("state")).into_iter().find(|path| path.ends_with("history.sqlite")).unwrap();
    let database = rusqlite::Connection::open(file).unwrap();
    let mut all = vec![];
    for table in ["traces", "series", "runs", "days", "sources"] {
        let mut statement = database.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for column in 0..columns {
                match row.get_ref(column).unwrap() {
                    rusqlite::types::ValueRef::Text(text) => all.extend(text),
                    rusqlite::types::ValueRef::Blob(blob) if blob.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) => {
                        all.extend(zstd::decode_all(blob).unwrap());
                    }
                    rusqlite::types::ValueRef::Blob(blob) => all.extend(blob),
                    _ => {}
                }
                all.push(b'\n');
            }
        }
    }
    all
}

/// Nothing in the files of the state folder, in the tables, or in anything that is said.
fn assert_no_secret(home: &Home, feed: Feed) {
    let kept = runs(home);
    assert!(kept.iter().any(|run| run.feed == feed), "{feed:?} told nothing");
    let mut leaks = found(&all_bytes(&home.path("state")));
    let tables = in_the_tables(home);
    assert!(memchr::memmem::find(&tables, b"backup").is_some());
    leaks.extend(found(&tables));
    let mut say = |args: &[&str]| {
        let said = home.run(args);
        leaks.extend(found(said.out.as_bytes()));
        leaks.extend(found(said.err.as_bytes()));
    };
    for words in [&["history"][..], &["history", "--runs"], &["history", "--judgements"], &["check"]] {
        say(words);
        say(&[words, &["--json"]].concat());
    }
    // Of runs without spans a few will do: their texts have been seen in the tables.
    for run in kept.iter().filter(|run| run.spans > 0).chain(kept.iter().take(5)) {
        say(&["history", "--run", run.id.as_str()]);
        say(&["history", "--run", run.id.as_str(), "--json"]);
    }
    assert!(leaks.is_empty(), "{feed:?}, {} forms:\n{}", leaks.len(), Vec::from_iter(leaks).join("\n"));
}

fn resource(texts: &[String]) -> Vec<KeyValue> {
    let mut all = vec![text("service.name", &format!("mysql-backup {}", texts[0])), text("host.name", &texts[1])];
    all.extend(texts.iter().map(|told| text("process.command_line", told)));
    all
}

#[test]
fn no_secret_of_spans_that_are_received_is_kept_or_shown() {
    for coding in [PROTOBUF, JSON] {
        let home = keeping();
        let collector = Collector::start(&home, &[]);
        let texts = texts();
        let spans = telling(1, &texts, &named());
        let body = match coding {
            PROTOBUF => {
                let mut body = request(spans);
                let told = &mut body.resource_spans[0];
                told.resource = Some(Resource { attributes: resource(&texts), ..Resource::default() });
                told.scope_spans[0].scope.as_mut().unwrap().name = format!("mysql-backup/dump {}", texts[0]);
                body.encode_to_vec()
            }
            _ => in_json(&spans, &resource(&texts)).into_bytes(),
        };
        let answer = collector.client().post(coding, &body);
        assert_eq!(answer.status, 200);
        // The write-ahead log, while the collector still has it open.
        let open = found(&all_bytes(&home.path("state")));
        collector.stop();
        assert!(open.is_empty(), "{coding}: {open:?}");
        assert_no_secret(&home, Feed::Otlp);
    }
}

#[test]
fn no_secret_of_files_of_telemetry_is_kept_or_shown() {
    let spans = telling(1, &texts(), &named());
    let (plain, json_lines) = log_lines(&texts());
    for (name, text, feed) in [
        ("lines", in_json(&spans, &resource(&texts())) + "\n", Feed::CollectorFile),
        ("printed", printed(&spans), Feed::TraceStderr),
        ("logrus", plain, Feed::Logrus),
        ("logrus.json", json_lines, Feed::Logrus),
    ] {
        let home = keeping();
        fs::write(home.path(name), text).unwrap();
        let read = home.run(&["collect", name, "--json"]);
        assert_eq!((read.code, read.lines()[0]["broken"].as_u64()), (0, Some(0)), "{name}: {}{}", read.out, read.err);
        assert_no_secret(&home, feed);
    }
}

#[test]
fn no_secret_of_log_requests_and_beacons_is_kept_or_shown() {
    let home = keeping();
    let collector = Collector::start(&home, &["--beacons", "127.0.0.1:0", "--rate", "100000"]);
    let (_, json_lines) = log_lines(&texts());
    let head = [("content-type", JSON)];
    let logged = collector.client().send("POST /engines/telemetry/i/log", &head, json_lines.as_bytes()).unwrap();
    assert_eq!(logged.status, 201);
    let mut agent = Client::new(&collector.addresses[1]);
    for told in texts() {
        let check = json!({ "dbId": told, "email": told, "version": told, "cron": told, "more": told }).to_string();
        assert_eq!(agent.send("PUT /backupChecks", &head, check.as_bytes()).unwrap().status, 200);
        let usage = json!({ "dbType": told, "version": told, "cron": told, "time": 41000, "more": told }).to_string();
        assert_eq!(agent.send("PUT /backupAnalytics", &head, usage.as_bytes()).unwrap().status, 200);
    }
    collector.stop();
    assert_no_secret(&home, Feed::Beacon);
}

#[test]
fn no_secret_of_metadata_objects_is_kept() {
    let home = keeping();
    fs::create_dir(home.path("bucket")).unwrap();
    let known = fs::read(fixture("objects/dbacked_shop_290820261040_metadata")).unwrap();
    let mut metadata: serde_json::Value = serde_json::from_slice(&known).unwrap();
    for (nth, told) in texts().into_iter().enumerate() {
        let name = format!("dbacked_shop_29082026{:02}{:02}", nth / 60, nth % 60);
        let object = metadata.as_object_mut().unwrap();
        for field in ["agentId", "dbName", "more"] {
            object.insert(field.to_owned(), json!(told));
        }
        fs::write(home.path("bucket").join(format!("{name}_metadata")), metadata.to_string()).unwrap();
        fs::copy(fixture("objects/dbacked_shop_290820261040"), home.path("bucket").join(name)).unwrap();
    }
    let folder = home.path("bucket");
    home.estate(&format!(
        "name = \"test\"\n[history]\nkeep = \"36500d\"\n[targets.bucket]\nurl = \"file://{}/\"\n",
        folder.display()
    ));
    let read = home.run(&["collect", "--feeds"]);
    assert!(matches!(read.code, 0 | 7), "{read:?}");
    let told = runs(&home).into_iter().filter(|run| run.feed == Feed::DbackedMetadata && run.databases.is_some());
    assert_eq!(told.count(), TEXTS.len());
    let mut leaks = found(&in_the_tables(&home));
    let history = files(&home.path("state")).into_iter().filter(|path| path.to_string_lossy().contains("history"));
    history.for_each(|path| leaks.extend(found(&fs::read(path).unwrap())));
    assert!(leaks.is_empty(), "{leaks:?}");
}

/// A text that is cleaned must still tell what happened.
#[test]
fn what_is_no_secret_is_kept() {
    let home = keeping();
    let collector = Collector::start(&home, &[]);
    let mut spans = run(1, START);
    let whole = [
        "error running dump: exit status 2: mysqldump: Got error: 2002: Can't connect to server on 'db1' (115)",
        "Access denied for user 'backup'@'10.0.0.7' (using password: YES)",
        "failed to push file: write tcp 10.0.0.7:445->10.0.0.9:51000: no space left on device",
        "s3://acme-bak/mysql/db_backup_2026-11-21T03:00:00Z.tgz: AccessDenied, status code: 403, request id: 4442587FB7D0A2F9",
    ];
    for (nth, told) in whole.iter().enumerate() {
        spans[nth].status = Some(Status { code: 2, message: (*told).to_owned() });
    }
    assert_eq!(collector.client().post(PROTOBUF, &request(spans).encode_to_vec()).status, 200);
    collector.stop();
    let tables = in_the_tables(&home);
    for told in whole {
        assert!(memchr::memmem::find(&tables, told.as_bytes()).is_some(), "{told}");
    }
}
