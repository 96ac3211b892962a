//! The session's private keys: loaded, counted, forgotten.

use std::time::Instant;

use crate::model::seal::KeyFacts;
use crate::report::{Fault, Report};
use crate::seal::key::Key;
use crate::seal::secret::{Locking, Secret};
use crate::work::keys;
use crate::work::keys::{KeySource, Loaded};
use crate::work::news::Changed;
use crate::work::session::{LockHow, Session, held};

impl Session {
    /// Loads a private key.
    ///
    /// # Errors
    ///
    /// What is wrong with it, each case in its own words.
    pub async fn load_key(&self, source: KeySource, passphrase: Option<Secret>) -> Result<Loaded, Report> {
        let estate = self.0.estate.clone();
        let source = self.held_key(source);
        let opened = tokio::task::spawn_blocking(move || keys::open(&estate, source, passphrase.as_ref())).await;
        let opened = opened.map_err(|_| Report::new(Fault::Failed, "keys::died", "loading the key died", ""))?;
        match opened {
            Ok(keys::Opened::Key(key)) => {
                let facts = key.facts().clone();
                self.add_key(*key, &facts)?;
                Ok(Loaded::Key(facts))
            }
            Ok(keys::Opened::NeedsPassphrase(facts)) => Ok(Loaded::NeedsPassphrase(facts)),
            Err(report) => {
                let _ = self.event("key.load", "", "failed", &report.code);
                Err(report)
            }
        }
    }

    /// A key whose text came with the configuration is taken from there.
    fn held_key(&self, source: KeySource) -> KeySource {
        match source {
            KeySource::Estate(name) => match self.0.held_keys.get(&name) {
                Some(text) => KeySource::Text { label: name, pem: Secret::new(text.expose().to_vec()) },
                None => KeySource::Estate(name),
            },
            source => source,
        }
    }

    fn add_key(&self, key: Key, facts: &KeyFacts) -> Result<(), Report> {
        self.record("key.load", &facts.label.to_string(), "ok", &facts.container, facts.fingerprint.clone())?;
        held(&self.0.ring).add(key);
        self.touch();
        self.keys_changed();
        Ok(())
    }

    fn keys_changed(&self) {
        let fingerprints = held(&self.0.ring).iter().filter_map(Key::fingerprint).collect();
        self.0.browser.keys_changed(fingerprints);
        self.0.news.tell(Changed::KEYS);
    }

    /// Loaded keys, public facts only.
    pub fn keys(&self) -> Vec<KeyFacts> {
        held(&self.0.ring).facts()
    }

    /// Whether the keys' memory could be locked against swapping.
    pub fn keys_locking(&self) -> Locking {
        held(&self.0.ring).locking()
    }

    pub(in crate::work) fn private_keys(&self) -> Vec<Key> {
        held(&self.0.ring).iter().cloned().collect()
    }

    /// Forgets all keys.
    pub fn lock_keys(&self, how: LockHow) {
        let had = {
            let mut ring = held(&self.0.ring);
            let had = !ring.is_empty();
            ring.forget_all();
            had
        };
        if how == LockHow::Now {
            for job in held(&self.0.jobs).values().filter(|job| !job.has_ended()) {
                job.cancel.cancel();
            }
        }
        if had {
            let why = if how == LockHow::Idle { "idle" } else { "asked" };
            let _ = self.event("key.lock", "all keys", "ok", why);
        }
        self.keys_changed();
    }

    /// Somebody is there: the idle clock starts again.
    pub fn touch(&self) {
        *held(&self.0.touched) = Instant::now();
    }

    /// Locks the keys when nobody has been there for as long as the estate says.
    pub(in crate::work) async fn watch_idle(self) {
        let limit = self.0.estate.policy.idle_lock;
        if limit.is_zero() {
            return;
        }
        loop {
            let idle = held(&self.0.touched).elapsed();
            if idle >= limit {
                if !held(&self.0.ring).is_empty() {
                    self.lock_keys(LockHow::Idle);
                }
                self.touch();
                continue;
            }
            tokio::select! {
                () = self.0.cancel.cancelled() => return,
                () = tokio::time::sleep(limit - idle) => {}
            }
        }
    }
}
