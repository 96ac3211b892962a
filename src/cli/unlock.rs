//! Which keys a verb loads: those that were given, else the one that a backup was made for.

use std::path::Path;
use std::sync::Arc;

use crate::cli::door::Door;
use crate::cli::passphrase::Passphrases;
use crate::cli::stdin::WatchedStdin;
use crate::model::backup::Backup;
use crate::model::foreign::escape;
use crate::model::seal::Fingerprint;
use crate::report::{Fault, Report};
use crate::work::keys::{self, KeySource, Loaded, Secret};
use crate::work::session::Session;

/// How often a passphrase may be mistyped.
const ATTEMPTS: usize = 3;
/// DBacked's own variable for the key's text.
const VARIABLE: &str = "DBACKED_PRIVATE_KEY";

/// A key that is to be loaded, in a form that can be tried more than once.
enum Wanted<'a> {
    File(&'a Path),
    Stdin(Secret),
    Env,
    Estate(String),
}

impl Wanted<'_> {
    fn source(&self) -> KeySource {
        match self {
            Self::File(path) => KeySource::File(path.to_path_buf()),
            Self::Stdin(pem) => {
                KeySource::Text { label: "standard input".to_owned(), pem: Secret::new(pem.expose().to_vec()) }
            }
            Self::Env => KeySource::Env(VARIABLE.to_owned()),
            Self::Estate(name) => KeySource::Estate(name.clone()),
        }
    }

    fn label(&self) -> String {
        match self {
            Self::File(path) => escape(&path.to_string_lossy()),
            Self::Stdin(_) => "the key on standard input".to_owned(),
            Self::Env => VARIABLE.to_owned(),
            Self::Estate(name) => format!("the estate's key {name}"),
        }
    }
}

/// Loads what `--key` and the environment name, for lists: an encrypted key in the environment is passed over
/// when no flag has its passphrase, since a list needs no key.
///
/// # Errors
///
/// When a key that was given cannot be loaded.
pub async fn given(door: &Door, session: &Session) -> Result<(), Report> {
    let passphrases = passphrases(door).await?;
    for key in named(door).await? {
        match key {
            Wanted::Env if !passphrases.given() => {
                // It lies in the surroundings, nobody asked for it here: a broken one must not stop a list.
                if let Err(report) = session.load_key(key.source(), None).await {
                    door.printer().say(&format!("{} ({})", report.headline, report.code));
                }
            }
            key => load(door, session, (&passphrases, &key)).await?,
        }
    }
    Ok(())
}

/// Loads what was given, or else what the backups need of the estate's keys.
///
/// # Errors
///
/// When a key that is needed cannot be loaded.
pub async fn needed(door: &Door, session: &Session, backups: &[Arc<Backup>]) -> Result<(), Report> {
    let passphrases = passphrases(door).await?;
    let mut wanted = named(door).await?;
    if wanted.is_empty() {
        wanted = of_estate(session, backups).into_iter().map(Wanted::Estate).collect();
    }
    load_all(door, session, (passphrases, wanted)).await
}

/// Loads what was given, or else the estate's key for one of these recipients; where nobody knows them
/// (standard input), the estate's only key.
///
/// # Errors
///
/// When a key that is needed cannot be loaded.
pub async fn needed_for(door: &Door, session: &Session, recipients: Option<&[Fingerprint]>) -> Result<(), Report> {
    let passphrases = passphrases(door).await?;
    let mut wanted = named(door).await?;
    if wanted.is_empty() {
        let keys = &session.estate().keys;
        let fits = |fingerprint: &Option<Fingerprint>| match (recipients, fingerprint) {
            (Some(recipients), Some(fingerprint)) => recipients.iter().any(|one| one.matches(fingerprint)),
            _ => keys.len() == 1,
        };
        let fitting = keys.iter().filter(|key| key.is_at_hand() && fits(&key.fingerprint));
        wanted = fitting.map(|key| Wanted::Estate(key.name.clone())).collect();
    }
    load_all(door, session, (passphrases, wanted)).await
}

async fn passphrases(door: &Door) -> Result<Arc<Passphrases>, Report> {
    let flags = door.keys.clone();
    Ok(Arc::new(door.aside(move || Passphrases::from_flags(&flags)).await?))
}

async fn load_all(
    door: &Door,
    session: &Session,
    (passphrases, wanted): (Arc<Passphrases>, Vec<Wanted<'_>>),
) -> Result<(), Report> {
    for key in wanted {
        load(door, session, (&passphrases, &key)).await?;
    }
    Ok(())
}

async fn named(door: &Door) -> Result<Vec<Wanted<'_>>, Report> {
    let mut wanted = vec![];
    for file in &door.keys.files {
        if file.as_os_str() != "-" {
            wanted.push(Wanted::File(file));
            continue;
        }
        let input = WatchedStdin::new(door.cancel.clone());
        wanted.push(Wanted::Stdin(door.aside(move || keys::read(input, "standard input")).await?));
    }
    if wanted.is_empty() && std::env::var_os(VARIABLE).is_some_and(|text| !text.is_empty()) {
        wanted.push(Wanted::Env);
    }
    Ok(wanted)
}

/// The estate's keys that open one of the backups; a single key is tried where nothing says who the recipients are.
fn of_estate(session: &Session, backups: &[Arc<Backup>]) -> Vec<String> {
    let sealed: Vec<_> = backups.iter().filter(|backup| backup.shape.seal.is_some()).collect();
    let known = &session.estate().keys;
    let fits = |fingerprint| sealed.iter().any(|backup| backup.recipients().any(|one| one.matches(fingerprint)));
    let unnamed = sealed.iter().any(|backup| backup.recipients().next().is_none());
    let only = known.len() == 1 && unnamed;
    known
        .iter()
        .filter(|key| key.is_at_hand())
        .filter(|key| match &key.fingerprint {
            Some(fingerprint) => fits(fingerprint) || only,
            None => known.len() == 1 && !sealed.is_empty(),
        })
        .map(|key| key.name.clone())
        .collect()
}

async fn load(
    door: &Door,
    session: &Session,
    (passphrases, key): (&Arc<Passphrases>, &Wanted<'_>),
) -> Result<(), Report> {
    let Loaded::NeedsPassphrase(_) = session.load_key(key.source(), None).await? else { return Ok(()) };
    for attempt in 1.. {
        let (asking, label) = (Arc::clone(passphrases), key.label());
        let passphrase = door.aside(move || asking.of(&label)).await?;
        match session.load_key(key.source(), Some(passphrase)).await {
            Err(report) if report.fault == Fault::NoKey && !passphrases.given() && attempt < ATTEMPTS => {
                eprintln!("{}", report.headline);
            }
            Err(report) => return Err(report),
            Ok(_) => return Ok(()),
        }
    }
    Ok(())
}
