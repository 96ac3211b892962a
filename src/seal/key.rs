//! What can open a seal, whatever its kind.

use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::agekey::AgeKey;
use crate::seal::ec::EcKey;
use crate::seal::keyring::PrivateKey;
use crate::seal::rawkey::RawKey;
use crate::seal::secret::Locking;

/// A loaded key of any kind. Clones share it; the last one wipes it.
#[derive(Clone)]
pub enum Key {
    /// For DBacked, our own seal and CMS.
    Rsa(PrivateKey),
    /// For CMS.
    Ec(EcKey),
    /// For age.
    Age(AgeKey),
    /// A raw key or a passphrase, for databacker's ciphers and age.
    Raw(RawKey),
}

impl Key {
    /// Public facts about it.
    pub fn facts(&self) -> &KeyFacts {
        match self {
            Self::Rsa(key) => key.facts(),
            Self::Ec(key) => key.facts(),
            Self::Age(key) => key.facts(),
            Self::Raw(key) => key.facts(),
        }
    }

    /// Its fingerprint; `None` for a passphrase, which could be guessed from one.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.facts().fingerprint.clone()
    }

    /// Names it while it is loaded: its fingerprint, or something random.
    pub fn handle(&self) -> Fingerprint {
        match self {
            Self::Rsa(key) => key.fingerprint(),
            Self::Ec(key) => key.fingerprint(),
            Self::Age(key) => key.fingerprint(),
            Self::Raw(key) => key.handle(),
        }
    }

    /// The RSA key, if it is one.
    pub fn rsa(&self) -> Option<&PrivateKey> {
        match self {
            Self::Rsa(key) => Some(key),
            Self::Ec(_) | Self::Age(_) | Self::Raw(_) => None,
        }
    }

    /// The same key with one more thing to know about where it came from.
    #[must_use]
    pub fn remarked(mut self, remark: &str) -> Self {
        let facts = match &mut self {
            Self::Rsa(key) => key.facts_mut(),
            Self::Ec(key) => key.facts_mut(),
            Self::Age(key) => key.facts_mut(),
            Self::Raw(key) => key.facts_mut(),
        };
        if let Some(facts) = facts {
            facts.remarks.push(remark.to_owned());
        }
        self
    }

    /// Whether its pages are locked.
    pub fn locking(&self) -> Locking {
        match self {
            Self::Rsa(key) => key.locking(),
            Self::Ec(key) => key.locking(),
            Self::Age(key) => key.locking(),
            Self::Raw(key) => key.locking(),
        }
    }

    /// Whether both are the same key, however each was loaded.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw(one), Self::Raw(other)) => one.same(other),
            (one, other) => one.handle() == other.handle(),
        }
    }
}

impl From<PrivateKey> for Key {
    fn from(key: PrivateKey) -> Self {
        Self::Rsa(key)
    }
}
