//! Private keys while they are loaded.
//!
//! A key rests as DER in locked pages and is parsed for each use, so that its numbers stand in
//! ordinary memory only while something is being unwrapped; the `rsa` crate wipes those on drop.

use std::sync::Arc;

use rsa::traits::{PaddingScheme, PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, Oaep, RsaPrivateKey};
use sha1::Sha1;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::certificate::Certificate;
use crate::seal::der::Der;
use crate::seal::error::{KeyError, UnsealError};
use crate::seal::key::Key;
use crate::seal::public::PublicKey;
use crate::seal::secret::{LockedBytes, Locking};

/// A loaded RSA private key, checked to be consistent. Clones share it; the last one wipes it.
#[derive(Clone)]
pub struct PrivateKey(Arc<Inner>);

struct Inner {
    /// PKCS#1 DER.
    der: LockedBytes,
    public: PublicKey,
    facts: KeyFacts,
    /// Those of its file that are its own.
    certificates: Vec<Certificate>,
}

impl PrivateKey {
    /// Checks the numbers of a PKCS#1 key and locks it away.
    ///
    /// `facts` may lack what only the numbers tell: algorithm, size and fingerprint are filled in.
    pub(super) fn from_pkcs1(der: &[u8], mut facts: KeyFacts, beside: &[Certificate]) -> Result<Self, KeyError> {
        let key = numbers(der)?;
        let public = public_half(&key)?;
        describe(&mut facts, &public);
        let own = |one: &&Certificate| &one.digest == public.digest();
        let certificates = beside.iter().filter(own).cloned().collect();
        Ok(Self(Arc::new(Inner { der: LockedBytes::copy_of(der), public, facts, certificates })))
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        self.0.public.fingerprint()
    }

    pub(super) fn facts_mut(&mut self) -> Option<&mut KeyFacts> {
        Arc::get_mut(&mut self.0).map(|inner| &mut inner.facts)
    }

    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    /// Public facts about it.
    pub fn facts(&self) -> &KeyFacts {
        &self.0.facts
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// Size of the modulus in bytes.
    pub fn modulus_bytes(&self) -> usize {
        self.0.public.modulus_bytes()
    }

    /// Whether its pages are locked.
    pub fn locking(&self) -> Locking {
        self.0.der.locking()
    }

    /// Unwraps a content key as DBacked wraps it: OAEP with SHA-1, MGF1-SHA-1, no label.
    ///
    /// # Errors
    ///
    /// [`UnsealError::WrongKey`] for every failure alike.
    pub fn unwrap_oaep_sha1(&self, wrapped: &[u8]) -> Result<ContentKey, UnsealError> {
        self.unwrap(Oaep::new::<Sha1>(), wrapped)
    }

    /// Unwraps a content key under a label: OAEP with SHA-256, MGF1-SHA-256.
    ///
    /// # Errors
    ///
    /// [`UnsealError::WrongKey`] for every failure alike.
    pub fn unwrap_oaep_sha256(&self, label: &str, wrapped: &[u8]) -> Result<ContentKey, UnsealError> {
        self.unwrap(Oaep::new_with_label::<Sha256, _>(label), wrapped)
    }

    fn unwrap(&self, padding: Oaep, wrapped: &[u8]) -> Result<ContentKey, UnsealError> {
        let plain = self.decrypt(padding, wrapped)?;
        let content: &[u8; 32] = plain.as_slice().try_into().map_err(|_| UnsealError::WrongKey)?;
        Ok(ContentKey::new(content))
    }

    /// Decrypts under any padding; every failure is [`UnsealError::WrongKey`].
    pub(super) fn decrypt(
        &self,
        padding: impl PaddingScheme,
        wrapped: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, UnsealError> {
        let key = numbers(self.0.der.expose()).expect("checked when it was loaded");
        key.decrypt(padding, wrapped).map(Zeroizing::new).map_err(|_| UnsealError::WrongKey)
    }
}

/// The 32 bytes that a backup is encrypted under. Clones share them; the last one wipes them.
#[derive(Clone)]
pub struct ContentKey(Arc<LockedBytes>);

impl ContentKey {
    /// Locks a copy away. The original is the caller's to wipe.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(LockedBytes::copy_of(bytes)))
    }

    /// The bytes. Never log, print or keep a copy of them.
    pub fn expose(&self) -> &[u8; 32] {
        self.0.expose().try_into().expect("made of 32 bytes")
    }
}

/// The loaded keys, in the order of loading.
#[derive(Default)]
pub struct KeyRing(Vec<Key>);

impl KeyRing {
    /// No key.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a key; the same key loaded before is replaced, so that its newer label shows.
    pub fn add(&mut self, key: impl Into<Key>) {
        let key = key.into();
        match self.0.iter_mut().find(|held| held.same(&key)) {
            Some(held) => *held = key,
            None => self.0.push(key),
        }
    }

    /// Forgets one key, by its fingerprint or handle; whether it was there.
    pub fn forget(&mut self, fingerprint: &Fingerprint) -> bool {
        let before = self.0.len();
        self.0.retain(|key| !key.handle().matches(fingerprint));
        self.0.len() < before
    }

    /// Forgets all of them. Their pages are wiped when no job holds a clone any more.
    pub fn forget_all(&mut self) {
        self.0.clear();
    }

    /// The key with this fingerprint or handle, which may be abbreviated.
    pub fn find(&self, fingerprint: &Fingerprint) -> Option<&Key> {
        self.0.iter().find(|key| key.handle().matches(fingerprint))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter()
    }

    /// Public facts about each.
    pub fn facts(&self) -> Vec<KeyFacts> {
        self.0.iter().map(|key| key.facts().clone()).collect()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// [`Locking::Refused`] as soon as one key's pages are not locked.
    pub fn locking(&self) -> Locking {
        let refused = self.0.iter().any(|key| key.locking() == Locking::Refused);
        if refused { Locking::Refused } else { Locking::Locked }
    }
}

pub(super) fn describe(facts: &mut KeyFacts, public: &PublicKey) {
    facts.algorithm = "RSA".to_owned();
    facts.bits = Some(public.bits());
    facts.fingerprint = Some(public.fingerprint());
    if public.bits() < 2048 {
        facts.remarks.push(format!("{} bits are too few today", public.bits()));
    }
}

pub(super) fn public_half(key: &RsaPrivateKey) -> Result<PublicKey, KeyError> {
    PublicKey::from_numbers(key.n(), key.e())
}

/// Parses PKCS#1 and checks everything that the numbers say of each other: n = p q, e d = 1, and
/// the three that only speed things up, because a flipped bit in those is damage as well.
pub(super) fn numbers(der: &[u8]) -> Result<RsaPrivateKey, KeyError> {
    let mut outer = Der::whole_sequence(der).ok_or(KeyError::Malformed)?;
    if outer.small().ok_or(KeyError::Malformed)? != 0 {
        return Err(KeyError::NotRsa { kind: "multi-prime RSA" });
    }
    let mut next = || outer.number().ok_or(KeyError::Malformed);
    let (n, e, mut d, mut p, mut q) = (next()?, next()?, next()?, next()?, next()?);
    let (dp, dq, qinv) = (next()?, next()?, next()?);
    if !outer.end() {
        return Err(KeyError::Malformed);
    }
    PublicKey::from_numbers(&n, &e)?;
    let primes = vec![take(&mut p), take(&mut q)];
    let key = RsaPrivateKey::from_components((*n).clone(), (*e).clone(), take(&mut d), primes);
    let key = key.map_err(|_| KeyError::InconsistentNumbers)?;
    let agrees = key.dp() == Some(&*dp) && key.dq() == Some(&*dq) && key.crt_coefficient().as_ref() == Some(&*qinv);
    if agrees { Ok(key) } else { Err(KeyError::InconsistentNumbers) }
}

/// Moves a number out without leaving a copy behind.
fn take(number: &mut Zeroizing<BigUint>) -> BigUint {
    let taken = std::mem::take(&mut **number);
    number.zeroize();
    taken
}
