//! Which keys a verb loads: those that were given, else the one that a backup was made for.

use std::path::Path;
use std::sync::Arc;

use crate::cli::door::Door;
use crate::cli::passphrase::Passphrases;
use crate::cli::stdin::WatchedStdin;
use crate::model::backup::Backup;
use crate::model::foreign::escape;
use crate::model::seal::{Fingerprint, SealScheme};
use crate::report::{Fault, Report};
use crate::work::keys::{self, KeySource, Loaded, Secret};
use crate::work::session::Session;

/// How often a passphrase may be mistyped.
const ATTEMPTS: usize = 3;
/// DBacked's own variable for the key's text.
const VARIABLE: &str = keys::DBACKED_VARIABLE;

/// A key that is to be loaded, in a form that can be tried more than once.
enum Wanted<'a> {
    File(&'a Path),
    Stdin(Secret),
    Env,
    Estate(String),
    /// One of several that may fit: not worth a question.
    Perhaps(String),
    /// What opens a backup that was sealed under a passphrase.
    Passphrase(Secret),
}

impl Wanted<'_> {
    fn source(&self) -> KeySource {
        match self {
            Self::File(path) => KeySource::File(path.to_path_buf()),
            Self::Stdin(pem) => {
                KeySource::Given { label: "standard input".to_owned(), text: Secret::new(pem.expose().to_vec()) }
            }
            Self::Env => KeySource::Env(VARIABLE.to_owned()),
            Self::Estate(name) | Self::Perhaps(name) => KeySource::Estate(name.clone()),
            Self::Passphrase(bytes) => {
                KeySource::Raw { label: "the passphrase".to_owned(), bytes: Secret::new(bytes.expose().to_vec()) }
            }
        }
    }

    fn label(&self) -> String {
        match self {
            Self::File(path) => escape(&path.to_string_lossy()),
            Self::Stdin(_) => "the key on standard input".to_owned(),
            Self::Env => VARIABLE.to_owned(),
            Self::Estate(name) | Self::Perhaps(name) => format!("the estate's key {name}"),
            Self::Passphrase(_) => "the passphrase".to_owned(),
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
    if wanted.is_empty() {
        wanted = perhaps(session, backups).map(Wanted::Perhaps).collect();
        if wanted.is_empty() || passphrases.given() {
            wanted.extend(of_backup(door, &passphrases, backups).await.map(Wanted::Passphrase));
        }
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

/// The estate's keys, where a backup names nobody by a fingerprint: raw keys, age and CMS do not.
fn perhaps(session: &Session, backups: &[Arc<Backup>]) -> impl Iterator<Item = String> {
    let any = backups.iter().any(|backup| backup.shape.seal.as_ref().is_some_and(|seal| names_nobody(seal.scheme)));
    let keys = session.estate().keys.iter().filter(move |key| any && key.file.is_some());
    keys.map(|key| key.name.clone()).collect::<Vec<_>>().into_iter()
}

fn names_nobody(scheme: SealScheme) -> bool {
    match scheme {
        SealScheme::Dbacked | SealScheme::Sealed => false,
        SealScheme::RawKey
        | SealScheme::Aes256Cbc
        | SealScheme::ChaCha20Poly1305
        | SealScheme::Pbkdf2Cbc
        | SealScheme::Cms
        | SealScheme::Age => true,
    }
}

/// The passphrase of a backup that was sealed under one: from a flag, or asked for where somebody is there.
async fn of_backup(door: &Door, passphrases: &Arc<Passphrases>, backups: &[Arc<Backup>]) -> Option<Secret> {
    let under_one = |backup: &&Arc<Backup>| {
        backup.shape.seal.as_ref().is_some_and(|seal| match seal.scheme {
            SealScheme::Pbkdf2Cbc => true,
            SealScheme::Age => seal.named.iter().any(|one| one.to_string().contains("passphrase")),
            _ => false,
        })
    };
    let label = backups.iter().find(under_one)?.key.to_string();
    let asking = Arc::clone(passphrases);
    door.aside(move || asking.of(&label)).await.ok()
}

async fn load(
    door: &Door,
    session: &Session,
    (passphrases, key): (&Arc<Passphrases>, &Wanted<'_>),
) -> Result<(), Report> {
    let loaded = match (session.load_key(key.source(), None).await, key) {
        (Err(_), Wanted::Perhaps(_)) => return Ok(()), // it may not be the one, and the log has it
        (loaded, _) => loaded?,
    };
    let Loaded::NeedsPassphrase(_) = loaded else { return Ok(()) };
    if matches!(key, Wanted::Perhaps(_)) && !passphrases.given() {
        return Ok(());
    }
    for attempt in 1.. {
        let (asking, label) = (Arc::clone(passphrases), key.label());
        let passphrase = door.aside(move || asking.of(&label)).await?;
        match session.load_key(key.source(), Some(passphrase)).await {
            Err(report) if report.fault == Fault::NoKey && !passphrases.given() && attempt < ATTEMPTS => {
                eprintln!("{}", report.headline);
            }
            Err(_) if matches!(key, Wanted::Perhaps(_)) => return Ok(()),
            Err(report) => return Err(report),
            Ok(_) => return Ok(()),
        }
    }
    Ok(())
}
