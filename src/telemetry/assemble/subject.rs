//! What a run did, who did it, and of what.

use serde_json::Value;

use super::files;
use super::groups::Group;
use super::tree::Tree;
use crate::model::foreign::Foreign;
use crate::model::run::{AttributeValue, Run, RunKind, Span, Tool};

/// Databases that are kept of one run.
const DATABASES: usize = 4096;

pub(super) fn kind(tree: &Tree<'_>, group: &Group) -> RunKind {
    let of_name = |name: &[u8]| match name {
        b"run" | b"dump" | b"database_dump" | b"output_tar" | b"upload" => Some(RunKind::Backup),
        b"restore" | b"pull file" | b"input_tar" | b"database_restore" | b"pre-restore" => Some(RunKind::Restore),
        _ if name.starts_with(b"prune") => Some(RunKind::Prune),
        b"verify" | b"rehearse" => Some(RunKind::Verification),
        _ => None,
    };
    if let Some(root) = group.root {
        return of_name(tree.spans[root].name.raw_bytes()).unwrap_or(RunKind::Unknown);
    }
    let parts = group.members.iter().filter_map(|&at| of_name(tree.spans[at].name.raw_bytes()));
    parts.min().unwrap_or(RunKind::Unknown)
}

pub(super) fn tool(tree: &Tree<'_>, group: &Group) -> Tool {
    let spans = || group.members.iter().map(|&at| &tree.spans[at]);
    let has = |text: &Foreign, word: &[u8]| text.raw_bytes().windows(word.len()).any(|part| part == word);
    if spans().any(|span| has(&span.scope, b"breakglass")) {
        return Tool::Breakglass;
    }
    let known = |span: &Span| has(&span.scope, b"mysql-backup") || has(&span.service, b"mysql-backup");
    let typical =
        |span: &Span| span.attributes.iter().any(|attribute| attribute.key.raw_bytes().starts_with(b"backup."));
    if spans().any(|span| known(span) || typical(span)) { Tool::Databacker } else { Tool::Unknown }
}

pub(super) fn fill(run: &mut Run, tree: &Tree<'_>, group: &Group) {
    let spans: Vec<&Span> = group.members.iter().map(|&at| &tree.spans[at]).collect();
    let text = |key: &str| spans.iter().find_map(|span| span.text(key)).cloned();
    run.run_id = text("backup.run_id");
    let source = &mut run.source;
    source.identity = text("backup.protected_target.identity");
    source.selection = text("backup.protected_target.selection_mode");
    source.server = text("server.address");
    source.server_uuid = text("db.server.native_id");
    let port = spans.iter().find_map(|span| span.attribute("server.port")?.int());
    source.port = port.and_then(|port| u16::try_from(port).ok());
    source.host = spans.iter().map(|span| &span.host).find(|host| !host.raw_bytes().is_empty()).cloned();
    databases(run, &spans);
    run.series = series(run, text("backup.protected_target.configured_databases").as_ref());
}

/// What was in it: what the dump says it found, else what the target was said to be.
fn databases(run: &mut Run, spans: &[&Span]) {
    let listed = |key: &str| spans.iter().find_map(|span| names(span.attribute(key)?));
    let found = listed("actual-schemas").or_else(|| listed("backup.protected_target.databases"));
    let count = spans.iter().find_map(|span| span.attribute("backup.protected_target.database_count")?.int());
    run.database_count =
        count.and_then(|count| u64::try_from(count).ok()).or(found.as_ref().map(|all| all.len() as u64));
    run.databases = found.map(|mut all| {
        all.truncate(DATABASES);
        all
    });
}

/// Names as a list, or as a list in JSON in a text.
fn names(value: &AttributeValue) -> Option<Vec<Foreign>> {
    match value {
        AttributeValue::List(values) => Some(values.iter().filter_map(|value| value.text().cloned()).collect()),
        AttributeValue::Text(text) => match serde_json::from_str(text.raw_str()?).ok()? {
            Value::Array(all) => Some(all.iter().filter_map(|name| Some(Foreign::from(name.as_str()?))).collect()),
            _ => None,
        },
        _ => None,
    }
}

/// What groups the runs of one protected thing.
fn series(run: &Run, configured: Option<&Foreign>) -> Foreign {
    let plain = |text: &Foreign| text.raw_str().unwrap_or_default().to_owned();
    let server = run.source.server.as_ref().map(|server| match run.source.port {
        Some(port) if port != 3306 => format!("{}:{port}", plain(server)),
        _ => plain(server),
    });
    if let Some(identity) = &run.source.identity {
        let identity = plain(identity);
        // `mysql:all:` of a server that does not tell its uuid is that of every such server.
        let lacks_server = identity.split(':').nth(2).is_none_or(str::is_empty);
        return Foreign::from(match server.filter(|_| lacks_server) {
            Some(server) => format!("{identity}@{server}"),
            None => identity,
        });
    }
    if let Some(server) = server {
        let chosen = configured.map(plain).and_then(|json| serde_json::from_str::<Vec<String>>(&json).ok());
        let chosen = chosen.unwrap_or_default().join(",");
        return Foreign::from(format!("{server}/{chosen}").trim_end_matches('/').to_owned());
    }
    of_files(run).unwrap_or_else(|| match &run.source.host {
        Some(host) => host.clone(),
        None => Foreign::from(run.tool.word()),
    })
}

/// By where its files go and how they are named, which is all that older versions tell.
fn of_files(run: &Run) -> Option<Foreign> {
    let named = |object: &&crate::model::run::ObjectRef| object.target.is_some() || object.name.is_some();
    if let Some(object) = run.objects.iter().find(named) {
        let text =
            |text: &Option<Foreign>| text.as_ref().and_then(|text| text.raw_str()).unwrap_or_default().to_owned();
        return Some(files::series(&text(&object.target), &text(&object.name)));
    }
    run.pruned.iter().find_map(|pruned| pruned.target.clone())
}
