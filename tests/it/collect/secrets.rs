//! Passwords inside URLs, names and attributes never reach the store.

use breakglass::model::run::Feed;
use prost::Message;

use super::payloads::{START, request, run, text};
use super::{Collector, PROTOBUF, all_bytes, runs, store};
use crate::cli::Home;

const SECRETS: [&str; 7] = ["Zq1Secret", "Zq2p%40ss", "Zq3Slash", "Zq4Dsn", "Zq5Flag", "Zq6Attribute", "Zq7Row"];

#[test]
fn no_secret_of_any_feed_is_in_the_store_its_log_or_what_is_read_back() {
    let home = Home::new();
    let collector = Collector::start(&home, &[]);
    let mut spans = run(1, START);
    spans[0].name = "pruneTarget smb://corp;backup:Zq1Secret@nas/x".to_owned();
    spans[1].attributes.push(text("backup.target.url", "sftp://u:Zq2p%40ss@host:22/x"));
    spans[2].status.as_mut().unwrap().message =
        "open smb://u:Zq3Slash/x@host/p: dial root:Zq4Dsn@tcp(db:3306)/s".to_owned();
    spans[3].attributes.push(text("process.command", "mysqldump --password=Zq5Flag shop"));
    spans[4].attributes.push(text("db.password", "Zq6Attribute"));
    spans[5].status.as_mut().unwrap().message = "Error 1062: Duplicate entry 'Zq7Row' for key 'u'".to_owned();
    let answer = collector.client().post(PROTOBUF, &request(spans).encode_to_vec());
    assert_eq!(answer.status, 200);
    let log = r#"{"run":"r","timestamp":"2026-11-21T03:00:00Z","level":"info","message":"beginning dump 1"}
{"run":"r","timestamp":"2026-11-21T03:00:01Z","level":"debug","message":"uploading via protocol smb from /tmp/a to smb://u:Zq1Secret@nas/s/a.tgz"}
{"run":"r","timestamp":"2026-11-21T03:00:02Z","level":"fatal","message":"error: smb://u:Zq1Secret@nas/s: no"}"#;
    collector.client().send("POST /engines/telemetry/i/log", &[("content-type", super::JSON)], log.as_bytes()).unwrap();
    // The file and its write-ahead log, while the collector still has them open.
    let on_disk = all_bytes(&home.path("state"));
    collector.stop();
    let all = runs(&home);
    assert!(all.iter().any(|run| run.feed == Feed::Logrus) && all.iter().any(|run| run.feed == Feed::Otlp));
    let store = store(&home);
    let told: Vec<String> = all.iter().map(|run| format!("{run:?} {:?}", store.spans(&run.id).unwrap())).collect();
    let told = told.join("\n");
    assert!(told.contains("nas/x") && told.contains("host:22/x"), "{told}");
    for secret in SECRETS {
        assert!(!told.contains(secret), "{secret} is read back");
        for disk in [&on_disk, &all_bytes(&home.path("state"))] {
            assert_eq!(memchr::memmem::find(disk, secret.as_bytes()), None, "{secret} is on disk");
        }
    }
}
