//! DBacked's traces: the metadata object beside each backup, two rows in the database, and two requests after each
//! success. It never reports a failure, and its `size` counts planned parts, so no run takes its bytes from there.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use super::budget;
use crate::model::backup::MetadataFacts;
use crate::model::foreign::Foreign;
use crate::model::run::{Feed, ObjectRef, Run, RunId, RunKind, RunState, Tool};
use crate::model::units::Moment;
use crate::telemetry::TelemetryError;

/// From 2015 to 2100, in milliseconds.
const PLAUSIBLE: std::ops::Range<i64> = 1_420_070_400_000..4_102_444_800_000;
/// The greatest request that is read.
const REQUEST: usize = 64 << 10;

/// How long the same request counts as sent once more, in milliseconds: an agent that gets no answer tries again.
const AGAIN: u64 = 180_000;
/// Requests that are remembered for it.
const REMEMBERED: usize = 4096;

/// The requests of the last minutes. They say nothing of when, so only what they say and when they first came tells
/// one that is sent again from the next run's. Who was started anew between them asks what is stored: see [`again`].
#[derive(Debug, Default)]
pub struct Retries {
    seen: VecDeque<(RunId, Moment)>,
}

impl Retries {
    /// When this request came first: `received`, unless the same one came some minutes before, or `stored` says so.
    pub fn first(&mut self, body: &[u8], received: Moment, stored: impl FnOnce() -> Option<Moment>) -> Moment {
        self.seen.retain(|(_, at)| at.0.abs_diff(received.0) < AGAIN);
        let id = RunId::of("request", &[body]);
        if let Some((_, at)) = self.seen.iter().find(|(known, _)| *known == id) {
            return *at;
        }
        let first = stored().unwrap_or(received);
        if self.seen.len() >= REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((id, first));
        first
    }
}

/// The times at which the run of a request that has come now may have come first, for the ids that it then has.
pub fn again(received: Moment) -> [Moment; 2] {
    [received, Moment(received.0.saturating_sub(AGAIN.cast_signed()))]
}

/// When a run of such an id came first, if a request that has come now may be that one sent again.
pub fn is_again(run: &Run, received: Moment) -> Option<Moment> {
    run.received.filter(|first| first.0.abs_diff(received.0) < AGAIN)
}

/// What makes the id of a request's run the same when the request is sent again: the piece of time that it came in.
/// What came in the piece before is looked for beside it.
fn piece(received: Moment) -> [u8; 8] {
    received.0.div_euclid(AGAIN.cast_signed()).to_le_bytes()
}

/// The object that metadata lies beside.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'a> {
    /// The target's URL without user and password.
    pub target: &'a str,
    /// The backup's key.
    pub key: &'a Foreign,
    /// The series that the catalog puts it into.
    pub series: &'a Foreign,
    /// Its bytes; `None` where only the metadata is left.
    pub bytes: Option<u64>,
    /// The object's own time, which is the end of its upload.
    pub stored: Option<Moment>,
}

/// The run that a metadata object tells of; `None` where it does not say when.
pub fn of_metadata(facts: &MetadataFacts, beside: Beside<'_>) -> Option<Run> {
    let started = facts.started?;
    let key = beside.key.raw_bytes();
    let id = RunId::of("dbacked_metadata", &[beside.target.as_bytes(), key, &started.0.to_le_bytes()]);
    let mut run = backup(id, Feed::DbackedMetadata, budget::name(beside.series.raw_bytes()));
    run.started = Some(started);
    // An object that is older than its own upload was copied or has a wrong clock.
    run.ended = beside.stored.filter(|stored| *stored >= started);
    run.bytes = beside.bytes;
    run.source.host = facts.agent.as_ref().map(|agent| budget::name(agent.raw_bytes()));
    run.databases = facts.db_name.as_ref().map(|name| vec![budget::name(name.raw_bytes())]);
    run.database_count = run.databases.as_ref().map(|names| names.len() as u64);
    run.objects = vec![ObjectRef {
        target: Some(Foreign::from(beside.target)),
        target_kind: None,
        name: Some(beside.key.clone()),
        bytes: beside.bytes,
        state: Some(RunState::Ok),
        error: None,
    }];
    Some(run)
}

fn backup(id: RunId, feed: Feed, series: Foreign) -> Run {
    let mut run = Run::new(id, RunKind::Backup, Tool::Dbacked, feed, series);
    run.state = RunState::Ok;
    run
}

/// The run that the table `dbacked` of a database tells of: the last one. `None` where there has been none.
pub fn of_table(rows: &[(Foreign, Foreign)], server: &str, database: &str) -> Option<Run> {
    let value = |key: &str| rows.iter().find(|(known, _)| known.raw_bytes() == key.as_bytes()).map(|(_, value)| value);
    let last = value("lastBackupDate")?.raw_str()?.trim().parse::<f64>().ok()?;
    let last = Moment(last as i64);
    if !PLAUSIBLE.contains(&last.0) {
        return None;
    }
    let id = RunId::of("dbacked_table", &[server.as_bytes(), database.as_bytes(), &last.0.to_le_bytes()]);
    let mut run = backup(id, Feed::DbackedTable, Foreign::from(database));
    run.ended = Some(last);
    run.source.identity = value("dbId").map(|id| budget::name(id.raw_bytes()));
    run.source.server = Some(budget::name(server.as_bytes()));
    run.databases = Some(vec![Foreign::from(database)]);
    run.database_count = Some(1);
    Some(run)
}

/// The run that `PUT /backupChecks` tells of. The address of its owner is not kept.
///
/// # Errors
///
/// [`TelemetryError::Malformed`] for what is no such body.
pub fn of_beacon(body: &[u8], received: Moment) -> Result<Run, TelemetryError> {
    let fields = object(body)?;
    let id = text(&fields, "dbId").ok_or(TelemetryError::Malformed { what: "there is no dbId", at: 0 })?;
    let cron = text(&fields, "cron");
    let said = cron.as_ref().map_or(&b""[..], Foreign::raw_bytes);
    let run_id = RunId::of("beacon", &[id.raw_bytes(), said, &piece(received)]);
    let series = id.raw_str().map_or_else(|| Foreign::from("dbacked"), |id| Foreign::from(format!("dbacked:{id}")));
    let mut run = backup(run_id, Feed::Beacon, series);
    run.ended = Some(received);
    run.received = Some(received);
    run.source.identity = Some(id);
    run.source.cron = cron;
    Ok(run)
}

/// The run that `PUT /backupAnalytics` tells of; it cannot be tied to a database.
///
/// # Errors
///
/// [`TelemetryError::Malformed`] for what is no such body.
pub fn of_analytics(body: &[u8], received: Moment) -> Result<Run, TelemetryError> {
    let fields = object(body)?;
    let kind = text(&fields, "dbType").ok_or(TelemetryError::Malformed { what: "there is no dbType", at: 0 })?;
    let id = RunId::of("analytics", &[body, &piece(received)]);
    let kind = kind.raw_str().unwrap_or("unknown").to_owned();
    let mut run = backup(id, Feed::Analytics, Foreign::from(format!("dbacked: some {kind} database")));
    let millis = fields.get("time").and_then(Value::as_f64).filter(|millis| (0.0..1e12).contains(millis));
    run.started = millis.map(|millis| Moment(received.0.saturating_sub(millis as i64)));
    run.ended = Some(received);
    run.received = Some(received);
    run.source.cron = text(&fields, "cron");
    Ok(run)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, TelemetryError> {
    let odd = |what, at| TelemetryError::Malformed { what, at };
    if body.len() > REQUEST {
        return Err(odd("the request is larger than 64 KiB", REQUEST));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(odd("it is no JSON object", 0)),
        Err(error) => Err(odd("it is not JSON", error.column())),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<Foreign> {
    fields.get(name)?.as_str().filter(|text| !text.is_empty()).map(|text| budget::name(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_230_000_000);

    #[test]
    fn the_table_tells_of_the_last_run_as_text_and_as_a_number() {
        let row = |key: &str, value: &str| (Foreign::from(key), Foreign::from(value));
        let rows = [row("dbId", "b1a2"), row("lastBackupDate", "1795230000000")];
        let run = of_table(&rows, "db1:3306", "shop").unwrap();
        assert_eq!((run.ended, run.state, run.started), (Some(NOW), RunState::Ok, None));
        assert_eq!(of_table(&[row("lastBackupDate", "1.79523e12")], "db1", "shop").unwrap().ended, Some(NOW));
        for nonsense in ["", "never", "0", "-5", "1e300", "NaN"] {
            assert_eq!(of_table(&[row("lastBackupDate", nonsense)], "db1", "shop"), None, "{nonsense}");
        }
    }

    #[test]
    fn a_beacon_says_which_database_and_its_owner_is_not_kept() {
        let body = br#"{"dbId":"b1a2","email":"ann@example.com","version":"0.5.0","cron":"0 3 * * *"}"#;
        let run = of_beacon(body, NOW).unwrap();
        assert_eq!(run.series.to_string(), "dbacked:b1a2");
        assert!(!serde_json::to_string(&run).unwrap().contains("ann@"));
        assert!(of_beacon(br#"{"dbId":7}"#, NOW).is_err());
        assert!(of_beacon(b"[]", NOW).is_err());
    }

    #[test]
    fn analytics_tell_how_long_it_took_and_not_how_large_it_is() {
        let body = br#"{"dbType":"mysql","version":"0.5.0","cron":"0 3 * * *","subscriptionType":"free","size":5242880,"time":41000}"#;
        let run = of_analytics(body, NOW).unwrap();
        assert_eq!((run.took(), run.bytes), (Some(std::time::Duration::from_secs(41)), None));
        assert_eq!(of_analytics(br#"{"dbType":"pg","time":-1e99}"#, NOW).unwrap().started, None);
    }

    #[test]
    fn a_request_that_is_sent_again_is_the_same_run_and_the_next_one_is_not() {
        let body = br#"{"dbId":"b1a2","cron":"0 3 * * *"}"#;
        let mut retries = Retries::default();
        let mut id = |body: &[u8], after| {
            let first = retries.first(body, Moment(NOW.0 + after), || None);
            of_beacon(body, first).unwrap()
        };
        let run = id(body, 0);
        assert_eq!(id(body, 59_999), run);
        assert_eq!(id(body, 179_000), run);
        assert_ne!(id(br#"{"dbId":"c1a2","cron":"0 3 * * *"}"#, 1000).id, run.id);
        assert_ne!(id(body, 300_000).id, run.id);
    }

    #[test]
    fn the_id_of_a_request_leads_back_to_the_run_that_it_was_before() {
        let body = br#"{"dbId":"b1a2","cron":"0 3 * * *"}"#;
        let ids = |received| again(received).map(|at| of_beacon(body, at).unwrap().id);
        for start in [NOW, Moment(NOW.0 + 170_000), Moment(NOW.0 + 179_999)] {
            let run = of_beacon(body, start).unwrap();
            for later in [1, 100_000, 179_999] {
                let received = Moment(start.0 + later);
                assert!(ids(received).contains(&run.id), "{later} after {start:?}");
                assert_eq!(is_again(&run, received), Some(start));
            }
            assert_eq!(is_again(&run, Moment(start.0 + 180_000)), None);
            assert_ne!(of_beacon(body, Moment(start.0 + 180_000)).unwrap().id, run.id);
        }
    }
}
