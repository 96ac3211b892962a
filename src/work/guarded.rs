//! Protected servers, recognised whatever address they are reached by.

use crate::model::plan::{PlanFinding, Stance};
use crate::model::sink::{Protection, ServerAddress, ServerFacts, ServerRef};
use crate::work::plan::fact;

/// The server as the estate's protected server that answers there, and the finding that says so; `None` when it is
/// none, or is protected by its own name or address already.
pub fn recognised(estate: &[ServerRef], server: &ServerRef, facts: &ServerFacts) -> Option<(ServerRef, PlanFinding)> {
    if server.protection == Protection::Protected {
        return None;
    }
    let protected = estate.iter().filter(|known| known.protection == Protection::Protected);
    let known = protected.into_iter().find(|known| is_same(known, server, facts))?;
    let protected = ServerRef {
        name: Some(known.label()),
        protection: Protection::Protected,
        expect_uuid: known.expect_uuid.clone().or_else(|| server.expect_uuid.clone()),
        ..server.clone()
    };
    let text = format!("{} is the protected server {}, by another address", server.label(), known.label());
    Some((protected, fact("protected_server", Stance::Warns, text)))
}

/// By the UUID where the estate records one; else by the name that the server gives itself, and the port.
fn is_same(known: &ServerRef, server: &ServerRef, facts: &ServerFacts) -> bool {
    if let Some(expected) = &known.expect_uuid {
        return facts.uuid.as_ref().is_some_and(|uuid| uuid.to_string() == *expected);
    }
    let ServerAddress::Tcp { host, port } = &known.address else { return false };
    let same_port = match &server.address {
        ServerAddress::Tcp { port: used, .. } => used == port,
        ServerAddress::Socket(_) => true,
    };
    let is_address = host.parse::<std::net::IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost");
    same_port && !is_address && short(host).eq_ignore_ascii_case(short(&facts.hostname.to_string()))
}

/// A machine's name without its domain.
fn short(host: &str) -> &str {
    host.split('.').next().unwrap_or(host)
}
