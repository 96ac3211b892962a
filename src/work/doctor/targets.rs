//! Whether each target can be listed and read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::disk::estate::EstateTarget;
use crate::model::sftp::Places;
use crate::model::target::{Access, History, Location, Object, Target};
use crate::model::units::short_span;
use crate::report::Reportable;
use crate::target::{Store, StoreError};
use crate::work::browse::Slot;
use crate::work::doctor::{Finding, broken, fail, ok, warn};
use crate::work::session;
use crate::work::session::Session;

/// How long one question to a target may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How far in the future an object may have been written before two clocks must differ.
const SKEW: i64 = 5 * 60_000;
/// Enough to see that bytes may be read, and what kind they are.
const HEAD: u64 = 16;

pub async fn examine(session: &Session) -> Vec<Finding> {
    let ready = join_all(session.0.browser.slots().iter().map(one)).await.concat();
    let later = session.estate().targets.iter().filter_map(|target| match target {
        EstateTarget::NotYet { name, why, .. } => Some(warn(&format!("target {name}"), why, "the others are usable")),
        EstateTarget::Ready(_) => None,
    });
    ready.into_iter().chain(later).collect()
}

async fn one(slot: &Slot) -> Vec<Finding> {
    let subject = format!("target {}", slot.target.name);
    let store = match &slot.store {
        Ok(store) => store,
        Err(report) => return vec![broken(&subject, report)],
    };
    match timeout(PATIENCE, store.probe()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return vec![broken(&subject, &error.report())],
        Err(_) => return vec![slow(&subject)],
    }
    match timeout(PATIENCE, first_page(store)).await {
        Ok(Ok(page)) => {
            let found = listed(&subject, store, &page).await;
            places(&subject, &slot.target, &page).into_iter().chain(found).collect()
        }
        Ok(Err(error)) => vec![broken(&subject, &error.report())],
        Err(_) => vec![slow(&subject)],
    }
}

/// Where the backups of an `scp://` target lie: its writer ignores the URL's folder.
fn places(subject: &str, target: &Target, page: &[Object]) -> Option<Finding> {
    let Location::Sftp(sftp) = &target.location else { return None };
    let in_login = page.iter().filter(|object| object.key.raw_bytes().starts_with(b"~/")).count();
    let in_url = page.len() - in_login;
    (sftp.places == Places::UrlAndLogin && in_login > 0).then(|| {
        let text = format!("{in_login} of its files lie in the login folder (~/), {in_url} in the folder of its URL");
        warn(subject, text, "the tool that writes to scp:// URLs ignores their folder: both are listed")
    })
}

fn slow(subject: &str) -> Finding {
    let text = format!("no answer within {} seconds", PATIENCE.as_secs());
    fail(
        subject,
        text,
        "check the network, the VPN, the endpoint or host; for S3 HTTPS_PROXY and NO_PROXY are honoured",
    )
}

async fn first_page(store: &Arc<dyn Store>) -> Result<Vec<Object>, StoreError> {
    let stop = CancellationToken::new();
    let page = store.list(stop.clone()).next().await;
    stop.cancel();
    page.unwrap_or(Ok(vec![]))
}

async fn listed(subject: &str, store: &Arc<dyn Store>, page: &[Object]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = skew(subject, page).into_iter().collect();
    let readable = |object: &&Object| {
        object.stamp.size > 0 && object.history == History::Current && !matches!(object.storage.access, Access::Frozen)
    };
    let Some(object) = page.iter().find(readable) else {
        let advice = "is the path or the prefix right? `breakglass config explain` shows it";
        let text =
            if page.is_empty() { "can be listed and is empty" } else { "can be listed; nothing in it is readable now" };
        findings.push(warn(subject, text, advice));
        return findings;
    };
    findings.push(match timeout(PATIENCE, store.head(object, HEAD)).await {
        Ok(Ok(_)) => ok(subject, "can be listed and read"),
        Ok(Err(error)) => {
            let mut found = broken(subject, &error.report());
            found.text = format!("can be listed but not read: {}", found.text);
            found
        }
        Err(_) => slow(subject),
    });
    findings
}

/// An object from the future: proofs age by this clock, and S3 refuses signatures by its own.
fn skew(subject: &str, page: &[Object]) -> Option<Finding> {
    let newest = page.iter().filter_map(|object| object.stamp.modified).max()?;
    let ahead = newest.0 - session::now().0;
    (ahead > SKEW).then(|| {
        let span = short_span(Duration::from_millis(ahead.unsigned_abs()));
        let text = format!("something in it was written {span} from now: its clock and this machine's differ");
        warn(subject, text, "set the clock (timedatectl); S3 refuses requests beyond 15 minutes of difference")
    })
}
