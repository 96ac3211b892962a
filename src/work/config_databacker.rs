//! A databacker `config.yaml` of kind local, as an estate.

use std::path::PathBuf;

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::disk::environment::Environment;
use crate::disk::estate::{ConfigFile, Estate, EstateId, EstateKey, Others, TargetHabits, Telemetry};
use crate::disk::explain::Origin;
use crate::disk::urls::bare_url;
use crate::format::names::NamePattern;
use crate::model::foreign::escape;
use crate::model::retention::Retention;
use crate::model::sink::{PasswordSource, Protection, ServerAddress, ServerRef, TlsMode};
use crate::work::config::{ConfigError, Configuration, HeldSecrets};
use crate::work::config_given::Given;
use crate::work::config_targets;
use crate::work::config_yaml::{self, Node};

/// The only version there is.
const VERSION: &str = "config.databack.io/v1";
/// What the server of such an estate is called, and its key.
pub const SERVER: &str = "database";
/// What its encryption key is called.
pub const KEY: &str = "encryption";

/// Algorithms whose configured key only seals: a certificate, a recipient.
const PUBLIC: [&str; 2] = ["smime-aes256-cbc", "age-chacha20-poly1305"];

/// Which settings stand where; `*` is any name. What is not in here that tool drops without a word.
const KNOWN: [(&str, &[&str]); 12] = [
    ("", &["version", "kind", "metadata", "spec"]),
    ("metadata", &["name", "description", "digest", "created"]),
    ("spec", &["logging", "database", "dump", "restore", "prune", "targets", "telemetry"]),
    ("spec.database", &["server", "port", "credentials"]),
    ("spec.database.credentials", &["username", "password"]),
    (
        "spec.dump",
        &[
            "include",
            "exclude",
            "safechars",
            "noDatabaseName",
            "skipExtendedInsert",
            "schedule",
            "compression",
            "compact",
            "triggers",
            "routines",
            "maxAllowedPacket",
            "filenamePattern",
            "encryption",
            "targets",
            "parallelism",
            "scripts",
        ],
    ),
    ("spec.dump.schedule", &["cron", "frequency", "begin", "once"]),
    ("spec.dump.encryption", &["algorithm", "key", "keyPath"]),
    ("spec.dump.scripts", &["preBackup", "postBackup"]),
    ("spec.restore", &["scripts", "preRestore", "postRestore"]),
    ("spec.prune", &["retention"]),
    ("spec.telemetry", &["url", "certificates", "credentials", "bufferSize"]),
];

/// Whether a text is a configuration of databacker, whatever may be wrong with it.
pub(super) fn is_it(text: &str) -> bool {
    let lines = || text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let versioned = lines().any(|line| {
        line.split("config.databack.io").next().filter(|before| before.len() < line.len()).is_some_and(|before| {
            let before = before.trim_end_matches(['"', '\'', ' ', '\t']);
            let key = before.strip_suffix(':').map(|key| key.trim_end_matches(['"', '\'', ' ']));
            key.is_some_and(|key| key.ends_with("version"))
        })
    });
    let starts = |word: &str| lines().any(|line| line.starts_with(word));
    versioned || (starts("kind:") && starts("spec:"))
}

/// Reads it.
pub(super) fn read(file: &ConfigFile, env: &Environment) -> Result<Configuration, ConfigError> {
    let name = escape(&file.path.display().to_string());
    let root = config_yaml::read(&file.text).map_err(|line| ConfigError::NotYaml { file: name.clone(), line })?;
    check(&root, &name)?;
    let mut given = Given::new(file, env, &root);
    let mut secrets = HeldSecrets::default();
    let mut estate = Estate::empty("databacker", EstateId::of_file(&file.path));
    estate.file = Some(file.path.clone());
    estate.name = given.text("metadata.name", &[])?.unwrap_or_else(|| "databacker".to_owned());
    given.default("read_only", "false");
    let habits = habits(&mut given)?;
    config_targets::read(&mut given, &mut estate, &mut secrets)?;
    pruned_targets(&given, &mut estate, &habits);
    estate.servers.extend(server(&mut given, &mut secrets)?);
    estate.keys.extend(key(&mut given, &mut secrets)?);
    estate.telemetry = telemetry(&mut given, &mut secrets)?;
    remark_on_file(&mut given);
    unknown(&root, "", &mut given);
    if estate.targets.is_empty() {
        given.remark("it names no target: there is nothing to list");
    }
    (estate.notes.settings, estate.notes.remarks) = given.finish();
    Ok(Configuration { estate, secrets, public_key: None })
}

fn check(root: &Node, file: &str) -> Result<(), ConfigError> {
    let at = |key: &'static str, what: &str| {
        let line = root.at(&[key]).map_or(1, |node| node.line);
        ConfigError::WrongValue { at: format!("{file}:{line}"), key: key.to_owned(), what: what.to_owned() }
    };
    let text = |key| root.at(&[key]).and_then(Node::text).map(|text| text.as_str());
    if text("version") != Some(VERSION) {
        return Err(at("version", &format!("is not {VERSION}, the only one there is")));
    }
    match text("kind") {
        Some("local") => Ok(()),
        Some(kind @ ("remote" | "encrypted")) => {
            Err(ConfigError::KindNotYet { file: file.to_owned(), kind: kind.to_owned() })
        }
        _ => Err(at("kind", "is none of local, remote, encrypted")),
    }
}

/// What holds for all targets alike.
fn habits(given: &mut Given<'_>) -> Result<TargetHabits, ConfigError> {
    let pattern = given.text("spec.dump.filenamePattern", &["DB_DUMP_FILENAME_PATTERN"])?;
    if let Some(pattern) = &pattern {
        match NamePattern::read(pattern) {
            Err(what) => given.remark(&format!("`filenamePattern` {what}: its backups go by the objects' own times")),
            Ok(read) if !read.has_time() => {
                given.remark("`filenamePattern` has no whole time in it: its backups go by the objects' own times");
            }
            Ok(_) => {}
        }
    }
    let variables = ["DB_DUMP_RETENTION", "DB_RESTORE_RETENTION"];
    let written = given.text("spec.prune.retention", &variables)?;
    let retention = written.as_deref().and_then(Retention::parse);
    if retention.is_none() && written.is_some() {
        given.remark("`retention` is none that its prune takes (such as 30d or 7c): nothing is ever deleted by it");
    }
    Ok(TargetHabits { retention, filename_pattern: pattern })
}

/// Only targets that are dumped to are pruned; where none is named, all are.
fn pruned_targets(given: &Given<'_>, estate: &mut Estate, habits: &TargetHabits) {
    let dumped: Vec<String> = given.texts("spec.dump.targets");
    for target in &estate.targets {
        let name = target.name();
        let pruned = dumped.is_empty() || dumped.iter().any(|dumped| config_targets::name_of(dumped) == name.as_str());
        let retention = habits.retention.clone().filter(|_| pruned);
        estate.habits.push((name.clone(), TargetHabits { retention, ..habits.clone() }));
    }
}

fn server(given: &mut Given<'_>, secrets: &mut HeldSecrets) -> Result<Option<ServerRef>, ConfigError> {
    let host = given.text("spec.database.server", &["DB_SERVER"])?;
    let port = given.text("spec.database.port", &["DB_PORT"])?;
    let user = given.text("spec.database.credentials.username", &["DB_USER"])?;
    let password = given.secret("spec.database.credentials.password", &["DB_PASS"])?;
    let Some(host) = host else { return Ok(None) };
    let parsed = port.as_deref().map(|port| port.parse::<u16>().ok().filter(|port| *port > 0));
    let address = if host.starts_with('/') {
        ServerAddress::Socket(PathBuf::from(host))
    } else {
        let named = match (&parsed, host.rsplit_once(':')) {
            (None, Some((host, port))) if !host.contains(':') => port.parse().ok().map(|port| (host.to_owned(), port)),
            _ => None,
        };
        if named.is_some() {
            given.remark(
                "`database.server` has a port in it, which that tool does not take apart: it was meant for `port`",
            );
        }
        let port = match parsed {
            Some(None) => return Err(given.wrong("spec.database.port", &["DB_PORT"], "is no port number")),
            Some(Some(port)) => port,
            None => 3306,
        };
        let (host, port) = named.unwrap_or((host, port));
        ServerAddress::Tcp { host, port }
    };
    let source = match password {
        Some(password) => {
            secrets.passwords.insert(SERVER.to_owned(), password);
            PasswordSource::Held(SERVER.to_owned())
        }
        None => PasswordSource::OptionFile,
    };
    Ok(Some(ServerRef {
        name: Some(SERVER.to_owned()),
        address,
        user,
        defaults_file: None,
        password: source,
        tls: TlsMode::Auto,
        ca_file: None,
        // The server that was backed up is the one that a slip would hurt most.
        protection: Protection::Protected,
        expect_uuid: None,
    }))
}

fn key(given: &mut Given<'_>, secrets: &mut HeldSecrets) -> Result<Option<EstateKey>, ConfigError> {
    let algorithm = given.text("spec.dump.encryption.algorithm", &["DB_DUMP_ENCRYPTION"])?;
    let text = given.secret("spec.dump.encryption.key", &["DB_DUMP_ENCRYPTION_KEY"])?;
    let path = given.text("spec.dump.encryption.keyPath", &["DB_DUMP_ENCRYPTION_KEY_PATH"])?;
    if let Some(algorithm) =
        algorithm.filter(|name| PUBLIC.contains(&name.as_str()) && (text.is_some() || path.is_some()))
    {
        given.remark(&format!(
            "its `{algorithm}` key is the public half, which opens nothing: give the private one with --key"
        ));
        return Ok(None);
    }
    let named = |file, held| EstateKey { name: KEY.to_owned(), file, fingerprint: None, held };
    Ok(match (text, path) {
        (Some(text), path) => {
            if path.is_some() {
                given.remark("both `key` and `keyPath` are given: `key` is used, as that tool does");
            }
            match BASE64.decode(text.expose().as_bytes()) {
                Ok(bytes) => {
                    secrets.keys.insert(KEY.to_owned(), Zeroizing::new(bytes));
                    Some(named(None, true))
                }
                Err(_) => {
                    given.remark("`dump.encryption.key` is not base64, which that tool refuses as well; not used");
                    None
                }
            }
        }
        (None, Some(path)) => Some(named(Some(given.beside(&path)), false)),
        (None, None) => None,
    })
}

fn telemetry(given: &mut Given<'_>, secrets: &mut HeldSecrets) -> Result<Option<Telemetry>, ConfigError> {
    let credentials = given.secret("spec.telemetry.credentials", &[])?;
    let Some(url) = given.text("spec.telemetry.url", &[])? else { return Ok(None) };
    let certificates = given.texts("spec.telemetry.certificates");
    if !certificates.is_empty() {
        given.note("spec.telemetry.certificates", &certificates.join(", "));
    }
    let buffer_size = given.text("spec.telemetry.bufferSize", &[])?.and_then(|size| size.parse().ok());
    let held = credentials.map(|secret| {
        secrets.tokens.insert("telemetry".to_owned(), secret);
        "telemetry".to_owned()
    });
    let url = bare_url(&url);
    Ok(Some(Telemetry { url, certificates, credentials: held, buffer_size }))
}

fn remark_on_file(given: &mut Given<'_>) {
    let path = escape(&given.file.path.display().to_string());
    if given.file.access.read == Others::May && given.has_secrets() {
        given.remark(&format!(
            "{path} holds secrets and may be read by others: `chmod 0600` it, and change those secrets"
        ));
    }
    if given.file.access.write == Others::May {
        given.remark(&format!("{path} may be changed by others: `chmod go-w` it and own it"));
    }
}

/// Every setting that the tool would drop without a word.
fn unknown(node: &Node, path: &str, given: &mut Given<'_>) {
    let inside_targets = path.starts_with("spec.targets");
    let known = KNOWN.iter().find(|(place, _)| *place == path).map(|(_, keys)| *keys);
    for entry in node.entries() {
        let here = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
        let dropped = match known {
            Some(keys) => !keys.contains(&entry.key.as_str()),
            None => inside_targets && config_targets::is_unknown(path, &entry.key),
        };
        if dropped {
            let text = format!("line {}: `{}` is no setting of databacker; ignored", entry.line, escape(&here));
            given.remark(&text);
        } else {
            unknown(&entry.node, &here, given);
        }
    }
}

/// Where a value of the configuration came from, for `config explain`.
pub(super) fn origin(file: &ConfigFile, line: usize) -> Origin {
    Origin::File { path: file.path.clone(), line }
}

#[cfg(test)]
mod tests;
