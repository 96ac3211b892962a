//! Public keys: their fingerprints, and wrapping keys for them.

use rand::rngs::OsRng;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::model::seal::Fingerprint;
use crate::seal::der::{self, BIT_STRING, Der, OID, SEQUENCE};
use crate::seal::error::{KeyError, SealError};
use crate::seal::pem::{self, Kind};

/// An RSA public key of 1,024 to 8,192 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    key: RsaPublicKey,
    digest: [u8; 32],
}

impl PublicKey {
    /// Reads PEM or DER as tools leave it: `PUBLIC KEY` or `RSA PUBLIC KEY`, CR LF or not.
    ///
    /// # Errors
    ///
    /// [`KeyError::PrivateKey`] for a private key: its public half is not taken silently.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let block = pem::read(text)?;
        match block.kind {
            Kind::Spki => Self::from_spki(&block.der),
            Kind::Pkcs1Public => Self::from_pkcs1(&block.der),
            Kind::Pkcs1 | Kind::Pkcs8 | Kind::EncryptedPkcs8 | Kind::Sec1 | Kind::OtherPrivate(_) => {
                Err(KeyError::PrivateKey)
            }
            Kind::Certificate => Err(KeyError::Certificate),
        }
    }

    pub(super) fn from_spki(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut outer = Der::whole_sequence(bytes).ok_or(KeyError::Malformed)?;
        let mut algorithm = outer.sequence().ok_or(KeyError::Malformed)?;
        match algorithm.take(OID).ok_or(KeyError::Malformed)? {
            der::RSA_OID => {}
            der::EC_OID => return Err(KeyError::NotRsa { kind: "EC" }),
            _ => return Err(KeyError::NotRsa { kind: "another algorithm" }),
        }
        let bits = outer.take(BIT_STRING).ok_or(KeyError::Malformed)?;
        Self::from_pkcs1(bits.strip_prefix(&[0]).ok_or(KeyError::Malformed)?)
    }

    fn from_pkcs1(bytes: &[u8]) -> Result<Self, KeyError> {
        let mut numbers = Der::whole_sequence(bytes).ok_or(KeyError::Malformed)?;
        let n = numbers.number().ok_or(KeyError::Malformed)?;
        let e = numbers.number().ok_or(KeyError::Malformed)?;
        Self::from_numbers(&n, &e)
    }

    pub(super) fn from_numbers(n: &BigUint, e: &BigUint) -> Result<Self, KeyError> {
        let bits = n.bits() as u32;
        match bits {
            0..1024 => return Err(KeyError::TooSmall { bits }),
            8193.. => return Err(KeyError::TooLarge { bits }),
            _ => {}
        }
        let key = RsaPublicKey::new_with_max_size(n.clone(), e.clone(), 8192);
        let key = key.map_err(|_| KeyError::InconsistentNumbers)?;
        let digest = Sha256::digest(spki(&key)).into();
        Ok(Self { key, digest })
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_digest(&self.digest)
    }

    /// The fingerprint's 32 bytes.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Size of the modulus in bytes: of every key wrapped for it.
    pub fn modulus_bytes(&self) -> usize {
        self.key.size()
    }

    /// Size of the modulus in bits.
    pub fn bits(&self) -> u32 {
        self.key.n().bits() as u32
    }

    /// `-----BEGIN PUBLIC KEY-----` with LF line ends.
    pub fn to_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &spki(&self.key)).to_string()
    }

    /// Wraps 32 bytes as DBacked does: OAEP with SHA-1, MGF1-SHA-1, no label.
    pub fn wrap_oaep_sha1(&self, content_key: &[u8; 32]) -> Result<Vec<u8>, SealError> {
        self.wrap(Oaep::new::<Sha1>(), content_key)
    }

    /// Wraps 32 bytes under a label: OAEP with SHA-256, MGF1-SHA-256.
    pub fn wrap_oaep_sha256(&self, label: &str, content_key: &[u8; 32]) -> Result<Vec<u8>, SealError> {
        self.wrap(Oaep::new_with_label::<Sha256, _>(label), content_key)
    }

    /// Wraps a key as CMS and databacker do: PKCS#1 v1.5.
    pub(super) fn wrap_pkcs1(&self, content_key: &[u8]) -> Result<Vec<u8>, SealError> {
        let sealed = self.key.encrypt(&mut OsRng, Pkcs1v15Encrypt, content_key);
        sealed.map_err(|_| SealError::WeakRecipient { bits: self.bits() })
    }

    fn wrap(&self, padding: Oaep, content_key: &[u8; 32]) -> Result<Vec<u8>, SealError> {
        self.key.encrypt(&mut OsRng, padding, content_key).map_err(|_| SealError::WeakRecipient { bits: self.bits() })
    }
}

/// Fingerprint of a public key in PEM: how a backup's metadata names its recipient.
pub fn fingerprint_of_pem(text: &str) -> Result<Fingerprint, KeyError> {
    PublicKey::from_pem(text.as_bytes()).map(|key| key.fingerprint())
}

fn spki(key: &RsaPublicKey) -> Vec<u8> {
    let numbers = [&der::number(&key.n().to_bytes_be())[..], &der::number(&key.e().to_bytes_be())];
    let pkcs1 = der::element(SEQUENCE, &numbers);
    der::element(SEQUENCE, &[&der::rsa_algorithm(), &der::element(BIT_STRING, &[&[0], &pkcs1])])
}
