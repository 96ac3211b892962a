//! Ninety days of telemetry, as a file of an OpenTelemetry Collector: what mysql-backup told of its runs.
//!
//! Two servers: one whose archives lie in `vault`, as far as its prune has left them, and one that writes every hour
//! into a bucket of somebody else, and fell silent this night.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::model::units::Moment;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Nights that the telemetry goes back.
pub const NIGHTS: i64 = 90;
/// Up to this night a third database was there.
const LEGACY: i64 = 34;
/// Hours that the other server told of, and for how many it has been silent.
const HOURS: (i64, i64) = (168, 8);

/// An archive that a run left, as it is listed.
#[derive(Debug, Clone)]
pub struct Listed {
    /// When its run began.
    pub at: Moment,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
}

/// What became of a night.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    /// The server could not be reached.
    Refused,
    /// The target was full.
    Full,
    /// It took five times as long as others.
    Slow,
    /// The machine was off: nothing ran.
    Silent,
}

fn fate(ago: i64) -> Fate {
    match ago {
        61 | 60 => Fate::Refused,
        47 => Fate::Full,
        25 => Fate::Slow,
        20 => Fate::Silent,
        _ => Fate::Fine,
    }
}

/// The file: one line per run. `vault` is the URL of the target; `listed` are its archives, newest first.
pub fn lines(vault: &str, listed: &[Listed], now: Moment) -> String {
    let mut text = String::new();
    let Some(newest) = listed.first() else { return text };
    for ago in (0..NIGHTS).rev() {
        if fate(ago) != Fate::Silent {
            let at = Moment(newest.at.0 - ago * DAY);
            text.push_str(&format!("{}\n", night(vault, listed, ago, at)));
        }
    }
    let last = now.0.div_euclid(HOUR) * HOUR + 5 * MINUTE - HOURS.1 * HOUR;
    for ago in (0..HOURS.0).rev() {
        text.push_str(&format!("{}\n", hour(Moment(last - ago * HOUR), ago)));
    }
    text
}

/// A made-up number below `below` that is always the same for the same night.
fn noise(of: &str, nth: i64, below: i64) -> i64 {
    let digest = Sha256::digest(format!("{of} {nth}"));
    i64::from(u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]])) % below
}

fn archive_of(listed: &[Listed], ago: i64, at: Moment) -> (String, u64) {
    let known = usize::try_from(ago).ok().and_then(|ago| listed.get(ago)).filter(|known| known.at == at);
    if let Some(known) = known {
        return (known.name.clone(), known.size);
    }
    let oldest = listed.last().map_or(1 << 20, |oldest| oldest.size);
    let shrunk = oldest as i64 * (1000 - 2 * ago) / 1000;
    let third = if ago >= LEGACY { shrunk / 9 } else { 0 };
    let size = shrunk + third + noise("size", ago, shrunk.max(50) / 50);
    let time = at.second().replace(' ', "T");
    (format!("db_backup_{time}Z.tbz2"), size.max(1).unsigned_abs())
}

/// One run with its spans, in the making.
struct Told {
    seed: String,
    spans: Vec<Value>,
}

/// How a span ended.
enum End<'a> {
    Unset,
    Ok,
    Error(&'a str),
}

impl Told {
    fn new(seed: String) -> Self {
        Self { seed, spans: vec![] }
    }

    fn hex(&self, what: &str, bytes: usize) -> String {
        let digest = Sha256::digest(format!("{} {what}", self.seed));
        data_encoding::HEXLOWER.encode(&digest[..bytes])
    }

    fn uuid(&self) -> String {
        let hex = self.hex("run", 16);
        format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    }

    /// Adds a span and returns its id.
    fn span(
        &mut self,
        name: &str,
        parent: &str,
        (from, to): (i64, i64),
        attributes: Vec<Value>,
        end: End<'_>,
    ) -> String {
        let id = self.hex(&format!("{name} {}", self.spans.len()), 8);
        let nanos = |millis: i64| format!("{millis}000000");
        let status = match end {
            End::Unset => json!({}),
            End::Ok => json!({ "code": 1 }),
            End::Error(message) => json!({ "code": 2, "message": message }),
        };
        self.spans.push(json!({
            "traceId": self.hex("trace", 16), "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
            "startTimeUnixNano": nanos(from), "endTimeUnixNano": nanos(to), "attributes": attributes, "status": status,
        }));
        id
    }

    fn line(self, host: &str) -> Value {
        let resource = json!({ "attributes": [
            text("service.name", "unknown_service:mysql-backup"), text("host.name", host),
            text("telemetry.sdk.language", "go"), text("telemetry.sdk.version", "1.43.0"),
        ]});
        let scope = json!({ "scope": { "name": "mysql-backup/dump" }, "spans": self.spans });
        json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [scope] }] })
    }
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: i64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

fn texts(key: &str, values: &[&str]) -> Value {
    let values: Vec<Value> = values.iter().map(|value| json!({ "stringValue": value })).collect();
    json!({ "key": key, "value": { "arrayValue": { "values": values } } })
}

/// Whose databases a run backs up.
struct Server {
    host: &'static str,
    uuid: &'static str,
    databases: &'static [&'static str],
}

impl Server {
    fn protected(&self) -> Vec<Value> {
        let names = json!(self.databases).to_string();
        vec![
            text("backup.protected_target.selection_mode", "include"),
            // What was asked for: it stays the same when a database is dropped.
            text("backup.protected_target.identity", &format!("mysql:include:{}", self.uuid)),
            text("backup.protected_target.databases", &names),
            number("backup.protected_target.database_count", self.databases.len() as i64),
            text("db.server.native_id", self.uuid),
        ]
    }

    fn root(&self, told: &Told, failed: bool, bytes: u64) -> Vec<Value> {
        let mut attributes = self.protected();
        attributes.extend([
            text("backup.run_id", &told.uuid()),
            text("db.system", "mysql"),
            text("server.address", self.host),
            number("server.port", 3306),
            text("backup.status", if failed { "error" } else { "ok" }),
            number("backup.exit_code", i64::from(failed)),
        ]);
        if !failed {
            attributes.push(number("backup.bytes", i64::try_from(bytes).unwrap_or(i64::MAX)));
        }
        attributes
    }
}

const REFUSED: &str = "failed to connect to database: dial tcp 10.0.3.7:3306: connect: connection refused";
const FULL: &str = "failed to push file: write db_backup.tbz2: no space left on device";

/// A night of the server whose archives lie in `vault`.
fn night(vault: &str, listed: &[Listed], ago: i64, at: Moment) -> Value {
    let fate = fate(ago);
    let databases: &[&str] = if ago >= LEGACY { &["crm", "legacy", "shop"] } else { &["crm", "shop"] };
    let server = Server { host: "db-2", uuid: "8f7a1c02-55d1-11ee-9a3c-02420a000307", databases };
    let (name, size) = archive_of(listed, ago, at);
    let mut told = Told::new(format!("vault {}", at.0));
    let slow = if fate == Fate::Slow { 5 } else { 1 };
    let dumped = at.0 + (70_000 - 300 * ago + noise("dump", ago, 6_000)) * slow;
    let packed = dumped + 21_000 + noise("pack", ago, 3_000);
    let stored = packed + 9_000 + noise("upload", ago, 2_000);
    let failed = matches!(fate, Fate::Refused | Fate::Full);
    let end = match fate {
        Fate::Refused => at.0 + 30_200,
        Fate::Full => packed + 4_100,
        _ => stored + 600,
    };
    let why = if fate == Fate::Refused { REFUSED } else { FULL };
    let said = format!("error running dump: {why}");
    let attributes = server.root(&told, failed, size);
    let run = told.span("run", "", (at.0, end), attributes, if failed { End::Error(&said) } else { End::Ok });
    let mut attributes = server.protected();
    attributes.extend([text("target-filename", &name), texts("actual-schemas", databases)]);
    let dump = told.span("dump", &run, (at.0 + 12, end - 400), attributes, End::Unset);
    let read = if fate == Fate::Refused { End::Error(REFUSED) } else { End::Ok };
    told.span("database_dump", &dump, (at.0 + 30, dumped.min(end - 500)), server.protected(), read);
    if fate != Fate::Refused {
        let bytes = vec![number("backup.bytes", i64::try_from(size).unwrap_or(i64::MAX))];
        told.span("output_tar", &dump, (dumped, packed), bytes, End::Ok);
        let to = if fate == Fate::Full { end - 500 } else { stored };
        let ended = || if fate == Fate::Full { End::Error(FULL) } else { End::Ok };
        let uploads = told.span("upload", &dump, (packed, to), vec![], ended());
        let target = vec![text("backup.target.type", "file"), text("backup.target.url", vault)];
        told.span("upload", &uploads, (packed + 3, to), target, ended());
    }
    if !failed {
        let (old, _) = archive_of(listed, ago + 10, Moment(at.0 - 10 * DAY));
        let candidates =
            if ago + 10 < NIGHTS && self::fate(ago + 10) == Fate::Fine { vec![old.as_str()] } else { vec![] };
        let prune = told.span("prune", &run, (stored + 50, end - 20), vec![], End::Unset);
        let lists = vec![texts("candidates", &candidates), texts("ignored", &[]), texts("invalidDate", &[])];
        told.span(&format!("pruneTarget {vault}"), &prune, (stored + 60, end - 30), lists, End::Ok);
    }
    told.line(server.host)
}

/// An hour of the server that writes elsewhere.
fn hour(at: Moment, ago: i64) -> Value {
    let server = Server { host: "db-3", uuid: "c2d07d5e-61b4-11ee-8d1c-02420a000309", databases: &["wiki"] };
    let mut told = Told::new(format!("wiki {}", at.0));
    let size = 24_000_000 - 9_000 * ago + noise("wiki", ago, 60_000);
    let end = at.0 + 11_000 + noise("took", ago, 2_500);
    let attributes = server.root(&told, false, size.unsigned_abs());
    let run = told.span("run", "", (at.0, end), attributes, End::Ok);
    let name = format!("db_backup_{}Z.tgz", at.second().replace(' ', "T"));
    let mut attributes = server.protected();
    attributes.extend([text("target-filename", &name), texts("actual-schemas", server.databases)]);
    let dump = told.span("dump", &run, (at.0 + 9, end - 40), attributes, End::Unset);
    let uploads = told.span("upload", &dump, (at.0 + 7_000, end - 50), vec![], End::Ok);
    let target = vec![text("backup.target.type", "s3"), text("backup.target.url", "s3://acme-dr/hourly")];
    told.span("upload", &uploads, (at.0 + 7_002, end - 52), target, End::Ok);
    told.line(server.host)
}
