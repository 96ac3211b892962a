//! Checks of the estate, the state, every target, key and server, each with what to do about a failure.

use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use crate::disk::estate::{EstateKey, EstateTarget};
use crate::model::seal::KeyFacts;
use crate::model::sink::{PasswordSource, Protection, ServerRef};
use crate::report::{Fault, Report, Reportable};
use crate::seal::secret::{Locking, Secret};
use crate::server;
use crate::work::keys::{self, KeySource, Opened};
use crate::work::session::Session;

/// No check takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Fine.
    Ok,
    /// Worth knowing.
    Warn,
    /// Broken.
    Fail,
}

/// One check. Every text is safe to draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was checked: `target offsite`, `key ops`, `server staging`.
    pub subject: String,
    /// How it went.
    pub outcome: Health,
    /// What was found.
    pub text: String,
    /// What to do; may be empty.
    pub advice: String,
}

impl Finding {
    fn new(subject: &str, outcome: Health, text: impl Into<String>, advice: &str) -> Self {
        Self { subject: subject.to_owned(), outcome, text: text.into(), advice: advice.to_owned() }
    }

    fn failed(subject: &str, report: &Report) -> Self {
        let text = match report.causes.last() {
            Some(cause) => format!("{} ({cause})", report.headline),
            None => report.headline.clone(),
        };
        Self::new(subject, Health::Fail, text, &report.advice)
    }
}

/// Checks everything that the session knows of; targets and servers side by side.
pub async fn examine(session: &Session) -> Vec<Finding> {
    let mut findings = here(session);
    let estate = session.estate();
    findings.extend(
        join_all(estate.targets.iter().map(|target| check_target(session, target))).await.into_iter().flatten(),
    );
    for key in &estate.keys {
        findings.extend(check_key(session, key).await);
    }
    findings.extend(join_all(estate.servers.iter().map(|one| check_server(session, one))).await.into_iter().flatten());
    findings
}

/// This machine: configuration, audit log, locked memory.
fn here(session: &Session) -> Vec<Finding> {
    let estate = session.estate();
    let file = estate.file.as_ref().map_or_else(|| "no file".to_owned(), |path| path.display().to_string());
    let mut findings = vec![Finding::new("estate", Health::Ok, format!("{} from {file}", estate.name), "")];
    findings.extend(estate.notes.remarks.iter().map(|remark| Finding::new("estate", Health::Warn, remark, "")));
    findings.push(match session.audit_state(None) {
        Err(report) => Finding::failed("audit log", &report),
        Ok(state) => match &state.broken {
            Some((at, why)) => {
                let advice = "keep the file as it is, and find out who wrote to it";
                Finding::new("audit log", Health::Fail, format!("broken at record {at}: {why}"), advice)
            }
            None => Finding::new("audit log", Health::Ok, format!("{} records, unbroken", state.records), ""),
        },
    });
    findings.push(match Secret::new(vec![0]).locking() {
        Locking::Locked => Finding::new("memory", Health::Ok, "secrets are kept out of the swap", ""),
        Locking::Refused => {
            let text = "the kernel refuses to lock memory: keys may be swapped to disk";
            Finding::new("memory", Health::Warn, text, "raise `ulimit -l`, or switch the swap off")
        }
    });
    findings
}

async fn check_target(session: &Session, target: &EstateTarget) -> Vec<Finding> {
    let subject = format!("target {}", target.name());
    let target = match target {
        EstateTarget::NotYet { why, .. } => return vec![Finding::new(&subject, Health::Warn, why, "")],
        EstateTarget::Ready(target) => target,
    };
    let Some(slot) = session.0.browser.slot(&target.name) else { return vec![] };
    let outcome = match &slot.store {
        Err(report) => Err(report.clone()),
        Ok(store) => in_time(async { store.probe().await.map_err(|error| error.report()) }).await,
    };
    vec![match outcome {
        Ok(()) => Finding::new(&subject, Health::Ok, format!("{} can be listed", target.canonical_url()), ""),
        Err(report) => Finding::failed(&subject, &report),
    }]
}

async fn check_key(session: &Session, key: &EstateKey) -> Vec<Finding> {
    let subject = format!("key {}", key.name);
    if key.file.is_none() {
        return vec![Finding::new(&subject, Health::Ok, "only its fingerprint is known; the file is elsewhere", "")];
    }
    let (estate, name) = (session.estate().clone(), key.name.clone());
    let opened = tokio::task::spawn_blocking(move || keys::open(&estate, KeySource::Estate(name), None)).await;
    let facts = match opened {
        Err(_) => return vec![Finding::new(&subject, Health::Fail, "reading it died", "this is a bug")],
        Ok(Err(report)) => return vec![Finding::failed(&subject, &report)],
        Ok(Ok(Opened::NeedsPassphrase(facts))) => facts,
        Ok(Ok(Opened::Key(key))) => key.facts().clone(),
    };
    judge_key(&subject, key, &facts)
}

fn judge_key(subject: &str, key: &EstateKey, facts: &KeyFacts) -> Vec<Finding> {
    let mut findings = vec![Finding::new(subject, Health::Ok, facts.container.clone(), "")];
    if !facts.encrypted {
        let advice = "encrypt it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW";
        findings.push(Finding::new(subject, Health::Warn, "it has no passphrase", advice));
    }
    findings.extend(facts.remarks.iter().map(|remark| Finding::new(subject, Health::Warn, remark, "")));
    if let (Some(expected), Some(found)) = (&key.fingerprint, &facts.fingerprint)
        && !expected.matches(found)
    {
        let text = format!("the estate expects {}, the file holds {}", expected.short(), found.short());
        findings.push(Finding::new(subject, Health::Fail, text, "correct the fingerprint, or find the right file"));
    }
    findings
}

async fn check_server(session: &Session, server: &ServerRef) -> Vec<Finding> {
    let subject = format!("server {}", server.label());
    let held = match &server.password {
        PasswordSource::Held(name) => session.0.held.get(name).cloned(),
        _ => None,
    };
    let asked = in_time(async {
        let password = held.as_deref().map(Secret::expose);
        let mut connection = server::connect(server, password).await.map_err(|error| error.report())?;
        let facts = connection.probe().await.map_err(|error| error.report())?;
        let remarks = connection.remarks().to_vec();
        connection.close().await;
        Ok((facts, remarks))
    });
    let (facts, remarks) = match asked.await {
        Err(report) => return vec![Finding::failed(&subject, &report)],
        Ok(answer) => answer,
    };
    let tls = if facts.tls_cipher.is_empty() { "no TLS" } else { "TLS" };
    let text = format!("{} {}, {tls}, as {}", facts.flavor.word(), facts.version, facts.account);
    let mut findings = vec![Finding::new(&subject, Health::Ok, text, "")];
    findings.extend(remarks.iter().map(|remark| Finding::new(&subject, Health::Warn, remark, "")));
    if facts.read_only {
        findings.push(Finding::new(&subject, Health::Warn, "it is read-only: nothing can be restored there", ""));
    }
    if server.expect_uuid.is_none() && server.protection == Protection::Protected {
        let advice = "add expect = { server_uuid = \"...\" } to its section";
        let text = "it is protected, but any server that answers there is taken for it";
        findings.push(Finding::new(&subject, Health::Warn, text, advice));
    }
    findings
}

async fn in_time<T>(check: impl Future<Output = Result<T, Report>>) -> Result<T, Report> {
    let late = |_| {
        let text = format!("no answer within {} seconds", PATIENCE.as_secs());
        Report::new(Fault::Unreachable, "doctor::no_answer", text, "look at routes, firewalls and proxies in between")
    };
    timeout(PATIENCE, check).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::foreign::Foreign;
    use crate::model::seal::Fingerprint;

    #[test]
    fn a_key_that_is_not_the_expected_one_is_a_failure() {
        let key = EstateKey { name: "ops".to_owned(), file: None, fingerprint: Fingerprint::parse("9f1c22ab") };
        let mut facts = KeyFacts {
            label: Foreign::from("ops"),
            algorithm: "RSA".to_owned(),
            bits: Some(4096),
            fingerprint: Some(Fingerprint::from_digest(&[0x9f; 32])),
            container: "PKCS#8".to_owned(),
            encrypted: false,
            private: true,
            remarks: vec![],
        };
        let healths =
            |facts: &KeyFacts| judge_key("key ops", &key, facts).iter().map(|f| f.outcome).collect::<Vec<_>>();
        assert_eq!(healths(&facts), [Health::Ok, Health::Warn, Health::Fail]);
        facts.fingerprint = None;
        facts.encrypted = true;
        assert_eq!(healths(&facts), [Health::Ok]);
    }
}
