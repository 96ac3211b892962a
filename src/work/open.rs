//! Opening a session: estate, state folder, targets, audit log.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::disk::actor;
use crate::disk::audit_log::{AuditLog, SyslogCopy};
use crate::disk::catalog_cache::CatalogCache;
use crate::disk::environment::Environment;
use crate::disk::estate;
use crate::disk::estate::{Estate, EstateTarget};
use crate::disk::paths::Paths;
use crate::disk::proofs::Proofs;
use crate::disk::state::State;
use crate::model::foreign::Foreign;
use crate::model::sftp::Places;
use crate::model::target::{Location, S3Location, Target, TargetName};
use crate::report::{Fault, Report, Reportable};
use crate::seal::keyring::KeyRing;
use crate::seal::public;
use crate::seal::secret::Secret;
use crate::target;
use crate::target::{Credentials, Patience, Ssh, parse_backup};
use crate::work::browse::{Browser, Slot};
use crate::work::catalog::{TargetState, TargetView};
use crate::work::changes::Handles;
use crate::work::config;
use crate::work::config::{Configuration, HeldSecret, HeldSecrets};
use crate::work::news::News;
use crate::work::proofbook::ProofBook;
use crate::work::questions::Board;
use crate::work::retention::TargetRules;
use crate::work::session::{Inner, Session, Settings};
use crate::work::single;
use crate::work::single::Single;
use crate::work::spans::Spans;

impl Session {
    /// Opens a session. Nothing is listed yet: call [`refresh`](Self::refresh).
    ///
    /// # Errors
    ///
    /// When there is no usable estate, or the state folder cannot be used.
    pub async fn open(settings: Settings) -> Result<Self, Report> {
        let env = Environment::Process;
        let paths = Paths::find(settings.state_dir.as_deref(), &env).map_err(|error| error.report())?;
        let (configuration, ad_hoc) = configuration(&settings, &paths, &env)?;
        let Configuration { mut estate, secrets, public_key } = configuration;
        expect_public_key(&mut estate, public_key.as_deref());
        let state = State::open(&paths.state, estate.id.as_str()).map_err(|error| error.report())?;
        let proofs = Proofs::open(&state).map_err(|error| error.report())?;
        let proofs = Arc::new(ProofBook::open(proofs));
        let copy = if estate.policy.audit_syslog { SyslogCopy::On } else { SyslogCopy::Off };
        let audit = AuditLog::open(&state, actor(&env), copy).map_err(|error| error.report())?;
        let questions = Board::default();
        let (mut slots, not_yet) = slots(&estate, &secrets, &questions);
        if let Some(key) = &ad_hoc {
            only(&mut slots, key);
        }
        let news = News::default();
        let cancel = CancellationToken::new();
        let cache = CatalogCache::open(&state);
        let age = estate.policy.proof_max_age;
        let browser = Browser::new(slots, not_yet, cache, proofs.clone(), age, news.clone(), cancel.clone());
        let session = Self(Arc::new(Inner {
            held: secrets_of(&secrets.passwords),
            held_keys: keys_of(&secrets),
            estate,
            paths,
            access: settings.access,
            browser,
            proofs,
            audit,
            runs: Mutex::default(),
            runs_read: Mutex::default(),
            news,
            ring: Mutex::new(KeyRing::new()),
            jobs: Mutex::default(),
            next_job: AtomicU64::new(1),
            armed: Mutex::default(),
            questions,
            ad_hoc,
            touched: Mutex::new(Instant::now()),
            spans: Spans::open(&env),
            handles: Handles::default(),
            cancel,
        }));
        tokio::spawn(session.clone().watch_idle());
        Ok(session)
    }
}

/// The estate, or an estate of the one target that an argument names, with the key in it.
fn configuration(
    settings: &Settings,
    paths: &Paths,
    env: &Environment,
) -> Result<(Configuration, Option<Foreign>), Report> {
    let bare = |estate| Configuration { estate, secrets: HeldSecrets::default(), public_key: None };
    if let Some(argument) = &settings.ad_hoc {
        let here = std::env::current_dir().unwrap_or_default();
        let address = parse_backup(argument, &here).map_err(|error| {
            let advice = "a path starts with ./ or /, a URL with file://, s3:// or sftp://";
            Report::new(Fault::Usage, "target::address", error, advice)
        })?;
        let name = TargetName::new("here").ok_or_else(|| Report::new(Fault::Failed, "bug", "a bad name", ""))?;
        let target = Target { name, location: address.location, expect_key: None };
        return Ok((bare(Estate::ad_hoc(target)), address.key));
    }
    let path = estate::find(settings.estate.as_deref(), paths, env).map_err(|error| error.report())?;
    config::load(&path, env).map(|configuration| (configuration, None)).map_err(|error| error.report())
}

/// A DBacked configuration names its public key: a backup sealed for another one is a finding.
fn expect_public_key(estate: &mut Estate, pem: Option<&str>) {
    let Some(fingerprint) = pem.and_then(|pem| public::fingerprint_of_pem(pem).ok()) else { return };
    for target in &mut estate.targets {
        if let EstateTarget::Ready(target) = target {
            target.expect_key.get_or_insert_with(|| fingerprint.clone());
        }
    }
}

fn slots(estate: &Estate, secrets: &HeldSecrets, questions: &Board) -> (Vec<Slot>, Vec<TargetView>) {
    let mut slots = vec![];
    let mut not_yet = vec![];
    for target in &estate.targets {
        match target {
            EstateTarget::Ready(target) => {
                let credentials = credentials(target, secrets);
                let asking = Ssh { asker: Some(Arc::new(questions.clone())), ..Ssh::default() };
                let store = target::open_asking(target, credentials.as_ref(), (Patience::default(), asking));
                let store = store.map_err(|error| error.report());
                let rules = TargetRules::of(estate.habits_of(&target.name), &estate.series);
                let as_pruned = rules.as_pruned(target);
                let as_pruned = as_pruned.and_then(|target| target::open(&target, credentials.as_ref()).ok());
                slots.push(Slot { target: target.clone(), store, rules, as_pruned });
            }
            EstateTarget::NotYet { name, url, why } => {
                let state = TargetState::NotYet(why.clone());
                not_yet.push(TargetView { name: name.clone(), url: url.clone(), state });
            }
        }
    }
    (slots, not_yet)
}

/// Lists only the backup that was named.
fn only(slots: &mut [Slot], key: &Foreign) {
    for slot in slots {
        if let Ok(store) = &slot.store {
            let twin = twin(&slot.target).and_then(|twin| target::open(&twin, None).ok());
            let keys = match &slot.target.location {
                // The tool that writes to such URLs ignores their folder.
                Location::Sftp(sftp) if sftp.places == Places::UrlAndLogin => {
                    vec![key.clone(), single::in_login_folder(key)]
                }
                _ => vec![key.clone()],
            };
            slot.store = Ok(Arc::new(Single::new(store.clone(), twin, keys)));
        }
    }
}

/// The same prefix of a bucket, with its leading slash the other way.
fn twin(target: &Target) -> Option<Target> {
    let Location::S3(s3) = &target.location else { return None };
    let prefix = match s3.prefix.trim_start_matches('/') {
        bare if bare.len() < s3.prefix.len() => bare.to_owned(),
        bare => format!("/{bare}"),
    };
    let location = Location::S3(Box::new(S3Location { prefix, ..S3Location::clone(s3) }));
    Some(Target { location, ..target.clone() })
}

fn credentials(target: &Target, secrets: &HeldSecrets) -> Option<Credentials> {
    let Location::S3(s3) = &target.location else { return None };
    let key = secrets.access_keys.get(s3.credentials.as_deref()?)?;
    Some(Credentials {
        access_key: key.id.expose().to_owned(),
        secret: Zeroizing::new(key.secret.expose().to_owned()),
        session_token: None,
    })
}

fn keys_of(secrets: &HeldSecrets) -> BTreeMap<String, Arc<Secret>> {
    secrets.keys.iter().map(|(name, bytes)| (name.clone(), Arc::new(Secret::new(bytes.to_vec())))).collect()
}

fn secrets_of(held: &BTreeMap<String, HeldSecret>) -> BTreeMap<String, Arc<Secret>> {
    let locked = |text: &str| Arc::new(Secret::new(text.as_bytes().to_vec()));
    held.iter().map(|(name, secret)| (name.clone(), locked(secret.expose()))).collect()
}
