//! Whether each server can be logged in to and restored into.

use futures_util::future::join_all;

use crate::model::sink::{PasswordSource, ServerAddress, ServerFacts, ServerRef};
use crate::model::units::ByteSize;
use crate::report::Reportable;
use crate::server;
use crate::server::{Connection, ServerError};
use crate::work::doctor::{Finding, broken, ok, warn};
use crate::work::session::Session;

/// Below it, the statements that dump programs write by default may not fit.
const PACKET: u64 = 32 << 20;
/// What the statements of a dump need; `DEFINER` clauses of other accounts need more, which the plan says.
const RIGHTS: [&str; 13] = [
    "SELECT",
    "INSERT",
    "CREATE",
    "DROP",
    "ALTER",
    "INDEX",
    "LOCK TABLES",
    "REFERENCES",
    "TRIGGER",
    "CREATE VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
];

pub async fn examine(session: &Session) -> Vec<Finding> {
    join_all(session.estate().servers.iter().map(|server| one(session, server))).await.concat()
}

async fn one(session: &Session, server: &ServerRef) -> Vec<Finding> {
    let subject = format!("server {}", server.label());
    let password = match &server.password {
        PasswordSource::Held(name) => session.0.held.get(name).cloned(),
        _ => None,
    };
    let password = password.as_ref().map(|secret| secret.expose());
    let mut connection = match server::connect(server, password).await {
        Ok(connection) => connection,
        Err(error) => return vec![broken(&subject, &error.report())],
    };
    let mut findings: Vec<Finding> = vec![];
    for remark in connection.remarks() {
        findings.push(warn(&subject, remark.clone(), ""));
    }
    match asked(&mut connection).await {
        Ok((facts, rights)) => {
            findings.extend(settings(&subject, server, &facts));
            findings.extend(missing(&subject, &rights));
            findings.push(ok(&subject, in_words(server, &facts)));
        }
        Err(error) => findings.push(broken(&subject, &error.report())),
    }
    connection.close().await;
    findings
}

async fn asked(connection: &mut Connection) -> Result<(ServerFacts, Vec<String>), ServerError> {
    Ok((connection.probe().await?, connection.rights().await?))
}

fn in_words(server: &ServerRef, facts: &ServerFacts) -> String {
    let guarded = match (&server.address, facts.tls_cipher.as_str()) {
        (ServerAddress::Socket(_), _) => "by its socket".to_owned(),
        (_, "") => "without TLS".to_owned(),
        (_, cipher) => format!("TLS with {cipher}"),
    };
    let identity = match (&facts.uuid, &server.expect_uuid) {
        (Some(uuid), Some(_)) => format!(", {uuid} as expected"),
        (Some(uuid), None) => format!(", {uuid}"),
        (None, _) => String::new(),
    };
    let (account, version, host) = (&facts.account, &facts.version, &facts.hostname);
    format!("logged in as {account}, {} {version} on {host}{identity}, {guarded}", facts.flavor.word())
}

fn settings(subject: &str, server: &ServerRef, facts: &ServerFacts) -> Vec<Finding> {
    let mut findings = vec![];
    if facts.read_only {
        let advice = "restore into the primary, or into a server of its own; it may be a replica on purpose";
        findings.push(warn(subject, "it is read-only: nothing can be restored into it", advice));
    }
    if facts.max_allowed_packet < PACKET {
        let text = format!("max_allowed_packet is {}", ByteSize(facts.max_allowed_packet));
        let advice = "SET GLOBAL max_allowed_packet = 67108864 before a restore; the plan names the longest statement";
        findings.push(warn(subject, text, advice));
    }
    if let (ServerAddress::Tcp { host, .. }, "") = (&server.address, facts.tls_cipher.as_str())
        && !matches!(host.as_str(), "localhost" | "127.0.0.1" | "::1")
    {
        let advice = "remove `tls = \"disabled\"` or `\"preferred\"` from the estate, or give the server a certificate";
        findings.push(warn(subject, "the connection is not encrypted", advice));
    }
    if server.expect_uuid.is_none()
        && let Some(uuid) = &facts.uuid
    {
        let text = "the estate does not say which server this must be";
        findings.push(warn(
            subject,
            text,
            &format!("add `expect = {{ server_uuid = \"{uuid}\" }}`, so that a moved address cannot mislead"),
        ));
    }
    findings
}

fn missing(subject: &str, rights: &[String]) -> Option<Finding> {
    let has = |right: &str| rights.iter().any(|granted| granted == right || granted == "ALL PRIVILEGES");
    let missing: Vec<&str> = RIGHTS.into_iter().filter(|right| !has(right)).collect();
    (!missing.is_empty()).then(|| {
        let text = format!("the account has nowhere the right to {}", missing.join(", "));
        warn(subject, text, "GRANT them on the databases that are restored into (SHOW GRANTS lists what there is)")
    })
}
