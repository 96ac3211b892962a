//! Telemetry of our own jobs: what ended is told to the endpoint that the environment names.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use rand::RngCore;
use rand::rngs::OsRng;

use crate::disk::environment::Environment;
use crate::emit::{Emitter, Settings, decoded};
use crate::model::backup::Backup;
use crate::model::job::{Ending, Phase, RestoreOutcome};
use crate::model::trust::{Proof, VerdictOutcome};
use crate::report::Reportable;
use crate::telemetry::own;
use crate::telemetry::own::{OwnSpan, OwnTrace, OwnValue};
use crate::work::jobs::{JobCtx, JobView};
use crate::work::session::held;

/// The way out for spans; does nothing unless the environment asks for it.
#[derive(Debug, Default)]
pub struct Spans {
    emitter: Mutex<Option<Emitter>>,
    /// Who sends them.
    resource: Vec<(String, String)>,
}

impl Spans {
    /// Reads the `OTEL_*` variables. What is wrong with them is said in the log: no job depends on it.
    pub fn open(env: &Environment) -> Self {
        let emitter =
            Settings::read(|name| env.text(name)).and_then(|settings| settings.map(Emitter::start).transpose());
        let emitter = emitter.unwrap_or_else(|error| {
            let report = error.report();
            tracing::warn!(code = report.code, "{}: {}", report.headline, report.advice);
            None
        });
        let resource = if emitter.is_some() { resource(env) } else { vec![] };
        Self { emitter: Mutex::new(emitter), resource }
    }

    /// Tells of a job that has ended.
    pub fn ended(&self, job: &JobCtx, ending: &Ending, backup: Option<&Backup>, url: Option<String>) {
        if let Some(emitter) = &*held(&self.emitter) {
            emitter.offer(own::request(&self.resource, trace((&job.view(), ending), &job.phases(), backup, url)));
        }
    }

    /// Sends what is left, no longer than `patience`.
    pub async fn close(&self, patience: Duration) {
        let emitter = held(&self.emitter).take();
        if let Some(emitter) = emitter {
            emitter.flush(patience).await;
        }
    }
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, with what is always said.
fn resource(env: &Environment) -> Vec<(String, String)> {
    let text = env.text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let value = |text: &str| String::from_utf8_lossy(&decoded(text.trim())).into_owned();
    let mut all: Vec<_> = text
        .split(',')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, text)| (key.trim().to_owned(), value(text)))
        .collect();
    let mut set = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            all.retain(|(known, _)| known != key);
            all.push((key.to_owned(), value));
        }
    };
    let named = env.text("OTEL_SERVICE_NAME");
    let known = text.contains("service.name=");
    set("service.name", named.or_else(|| (!known).then(|| "breakglass".to_owned())));
    set("service.version", Some(env!("CARGO_PKG_VERSION").to_owned()));
    set("telemetry.sdk.language", Some("rust".to_owned()));
    set("telemetry.sdk.name", Some("breakglass".to_owned()));
    all
}

fn trace(
    (job, ending): (&JobView, &Ending),
    phases: &[(Phase, SystemTime)],
    backup: Option<&Backup>,
    url: Option<String>,
) -> OwnTrace {
    let mut trace = [0; 16];
    OsRng.fill_bytes(&mut trace);
    let end = SystemTime::now();
    let start = phases.first().map_or(end, |(_, at)| *at);
    let (result, mut attributes) = outcome(ending);
    attributes.push(("breakglass.job", OwnValue::Int(i64::try_from(job.id.0).unwrap_or(i64::MAX))));
    attributes.extend(job.spec.backup().map(|id| ("breakglass.backup.id", OwnValue::Text(id.to_string()))));
    if let Some(backup) = backup {
        attributes.push(("backup.target.name", OwnValue::Text(backup.target.to_string())));
        attributes.push(("target-filename", OwnValue::Text(backup.key.to_string())));
        attributes.push(("breakglass.format", OwnValue::Text(backup.shape.format.word().to_owned())));
    }
    attributes.extend(url.map(|url| ("backup.target.url", OwnValue::Text(url))));
    let root = OwnSpan {
        name: job.spec.verb(),
        start_ns: nanos(start),
        end_ns: nanos(end),
        attributes,
        result: result.clone(),
    };
    let ends = phases.iter().skip(1).map(|(_, at)| *at).chain([end]);
    let last = phases.len().saturating_sub(1);
    let parts = phases.iter().zip(ends).enumerate().map(|(at, ((phase, start), end))| OwnSpan {
        name: name(*phase),
        start_ns: nanos(*start),
        end_ns: nanos(end),
        attributes: vec![("breakglass.phase", OwnValue::Text(phase.word().to_owned()))],
        result: if at == last { result.clone() } else { Ok(()) },
    });
    OwnTrace { trace, root: (root, id()), parts: parts.map(|part| (part, id())).collect() }
}

/// Under which name mysql-backup tells of the same, or ours where it does no such thing.
fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Verifying => "pull file",
        Phase::Restoring => "database_restore",
        phase => phase.word(),
    }
}

/// How the job ended: the status, and the attributes that say it.
fn outcome(ending: &Ending) -> (Result<(), String>, Vec<(&'static str, OwnValue)>) {
    let mut attributes = vec![];
    let mut say = |key, value: &str| attributes.push((key, OwnValue::Text(value.to_owned())));
    let (word, result) = match ending {
        Ending::Verified(proof) => {
            say("breakglass.trust", proof.reached().word());
            (proof.outcome.word(), verified(proof))
        }
        Ending::Restored(report) => match report.outcome {
            RestoreOutcome::Done => ("done", Ok(())),
            RestoreOutcome::Partly => ("partly", Err("a part could not be restored".to_owned())),
            RestoreOutcome::Failed => ("failed", Err("nothing usable was restored".to_owned())),
            RestoreOutcome::Cancelled => ("cancelled", Err("stopped".to_owned())),
        },
        Ending::Salvaged(_) => ("partly", Ok(())),
        Ending::Surveyed { gaps: 0, problems: 0, .. } => ("done", Ok(())),
        Ending::Surveyed { .. } => ("partly", Ok(())),
        Ending::Failed(Some(report)) => {
            say("breakglass.error", &report.code);
            ("failed", Err(report.headline.clone()))
        }
        Ending::Failed(None) => ("failed", Err("it failed".to_owned())),
        Ending::Cancelled => ("cancelled", Err("stopped".to_owned())),
    };
    say("breakglass.outcome", word);
    say("backup.status", if result.is_ok() { "ok" } else { "error" });
    (result, attributes)
}

fn verified(proof: &Proof) -> Result<(), String> {
    if proof.outcome == VerdictOutcome::Ok { Ok(()) } else { Err(proof.outcome.word().to_owned()) }
}

fn id() -> [u8; 8] {
    let mut id = [0; 8];
    OsRng.fill_bytes(&mut id);
    id
}

fn nanos(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
