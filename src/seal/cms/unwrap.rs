//! Getting the content key out of a recipient's part, with an RSA or an EC key.

use aes_kw::{KekAes128, KekAes192, KekAes256};
use rsa::{Oaep, Pkcs1v15Encrypt};
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::seal::cms::header::{Recipient, Wrapping};
use crate::seal::der::{self, Der, OCTET_STRING, OID, SEQUENCE};
use crate::seal::ec::EcKey;
use crate::seal::keyring::PrivateKey;

/// `1.2.840.113549.1.1`
const PKCS1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const SHA_1: &[u8] = &[0x2b, 0x0e, 0x03, 0x02, 0x1a];
/// `2.16.840.1.101.3.4.2`
const SHA_2: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
/// `2.16.840.1.101.3.4.1`
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
/// dhSinglePass-stdDH-sha1kdf-scheme
const STD_DH_SHA1: &[u8] = &[0x2b, 0x81, 0x05, 0x10, 0x86, 0x48, 0x3f, 0x00, 0x02];
/// dhSinglePass-stdDH-sha2xxkdf-scheme: `1.3.132.1.11`
const STD_DH_SHA2: &[u8] = &[0x2b, 0x81, 0x04, 0x01, 0x0b];

type Bytes = Zeroizing<Vec<u8>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn of_oid(oid: &[u8]) -> Option<Self> {
        if oid == SHA_1 {
            return Some(Self::Sha1);
        }
        Some(match oid.strip_prefix(SHA_2)? {
            [1] => Self::Sha256,
            [2] => Self::Sha384,
            [3] => Self::Sha512,
            [4] => Self::Sha224,
            _ => return None,
        })
    }
}

/// With an RSA key; `None` when it does not fit, whatever the reason.
pub(in crate::seal) fn with_rsa(recipient: &Recipient, key: &PrivateKey) -> Option<Bytes> {
    let Wrapping::Transport { oid, parameters } = &recipient.wrapping else { return None };
    if key.modulus_bytes() != recipient.sealed.len() {
        return None;
    }
    match oid.strip_prefix(PKCS1)? {
        // The parameters are NULL, or missing, as Go's go_S-MIME writes them.
        [1] => key.decrypt(Pkcs1v15Encrypt, &recipient.sealed).ok(),
        [7] => key.decrypt(oaep(parameters)?, &recipient.sealed).ok(),
        _ => None,
    }
}

/// `RSAES-OAEP-params`: hash, mask generation, label; each has a default.
fn oaep(parameters: &[u8]) -> Option<Oaep> {
    let (mut hash, mut mask) = (Hash::Sha1, Hash::Sha1);
    let mut fields = if parameters.is_empty() { Der::new(&[]) } else { Der::whole_sequence(parameters)? };
    if fields.peek() == Some(0xa0) {
        hash = Hash::of_oid(Der::new(fields.take(0xa0)?).sequence()?.take(OID)?)?;
    }
    if fields.peek() == Some(0xa1) {
        let mut generation = Der::new(fields.take(0xa1)?).sequence()?;
        if generation.take(OID)?.strip_prefix(PKCS1)? != [8] {
            return None;
        }
        mask = Hash::of_oid(generation.sequence()?.take(OID)?)?;
    }
    let mut label = String::new();
    if fields.peek() == Some(0xa2) {
        let mut source = Der::new(fields.take(0xa2)?).sequence()?;
        source.take(OID)?;
        label = String::from_utf8(source.take(OCTET_STRING)?.to_vec()).ok()?;
    }
    let mut padding = match hash {
        Hash::Sha1 => with_mask::<Sha1>(mask),
        Hash::Sha224 => with_mask::<Sha224>(mask),
        Hash::Sha256 => with_mask::<Sha256>(mask),
        Hash::Sha384 => with_mask::<Sha384>(mask),
        Hash::Sha512 => with_mask::<Sha512>(mask),
    };
    padding.label = (!label.is_empty()).then_some(label);
    Some(padding)
}

fn with_mask<H: 'static + Digest + rsa::sha2::digest::DynDigest + Send + Sync>(mask: Hash) -> Oaep {
    match mask {
        Hash::Sha1 => Oaep::new_with_mgf_hash::<H, Sha1>(),
        Hash::Sha224 => Oaep::new_with_mgf_hash::<H, Sha224>(),
        Hash::Sha256 => Oaep::new_with_mgf_hash::<H, Sha256>(),
        Hash::Sha384 => Oaep::new_with_mgf_hash::<H, Sha384>(),
        Hash::Sha512 => Oaep::new_with_mgf_hash::<H, Sha512>(),
    }
}

/// With an EC key; `None` when it does not fit, whatever the reason.
pub(in crate::seal) fn with_ec(recipient: &Recipient, key: &EcKey) -> Option<Bytes> {
    let Wrapping::Agreement { oid, wrap, point, ukm } = &recipient.wrapping else { return None };
    let hash = match oid.strip_prefix(STD_DH_SHA2) {
        Some([0]) => Hash::Sha224,
        Some([1]) => Hash::Sha256,
        Some([2]) => Hash::Sha384,
        Some([3]) => Hash::Sha512,
        None if oid == STD_DH_SHA1 => Hash::Sha1,
        _ => return None,
    };
    let kek_len = match Der::whole_sequence(wrap)?.take(OID)?.strip_prefix(AES)? {
        [5] => 16,
        [25] => 24,
        [45] => 32,
        _ => return None,
    };
    let info = shared_info(wrap, ukm.as_deref(), kek_len);
    let secret = key.agree(point)?;
    // RFC 5753 keeps the zeros in front; go_S-MIME lost them, in one file out of 256.
    let zeros = secret.iter().take_while(|&&byte| byte == 0).count();
    let spellings = [0, zeros].into_iter().take(if zeros > 0 { 2 } else { 1 });
    spellings.map(|from| derived(hash, &secret[from..], &info, kek_len)).find_map(|kek| opened(&kek, &recipient.sealed))
}

/// `ECC-CMS-SharedInfo`.
fn shared_info(wrap: &[u8], ukm: Option<&[u8]>, kek_len: usize) -> Vec<u8> {
    let ukm = ukm.map(|ukm| der::element(0xa0, &[&der::element(OCTET_STRING, &[ukm])])).unwrap_or_default();
    let bits = (8 * kek_len as u32).to_be_bytes();
    let length = der::element(0xa2, &[&der::element(OCTET_STRING, &[&bits])]);
    der::element(SEQUENCE, &[wrap, &ukm, &length])
}

/// The key derivation of ANSI X9.63.
fn derived(hash: Hash, secret: &[u8], info: &[u8], len: usize) -> Bytes {
    match hash {
        Hash::Sha1 => x963::<Sha1>(secret, info, len),
        Hash::Sha224 => x963::<Sha224>(secret, info, len),
        Hash::Sha256 => x963::<Sha256>(secret, info, len),
        Hash::Sha384 => x963::<Sha384>(secret, info, len),
        Hash::Sha512 => x963::<Sha512>(secret, info, len),
    }
}

fn x963<D: Digest>(secret: &[u8], info: &[u8], len: usize) -> Bytes {
    let mut key = Zeroizing::new(Vec::with_capacity(len + 64));
    for counter in 1_u32.. {
        if key.len() >= len {
            break;
        }
        let block = D::new().chain_update(secret).chain_update(counter.to_be_bytes()).chain_update(info).finalize();
        key.extend_from_slice(&block);
    }
    key.truncate(len);
    key
}

/// AES key wrap (RFC 3394), which proves what it opens.
fn opened(kek: &[u8], sealed: &[u8]) -> Option<Bytes> {
    let len = sealed.len().checked_sub(8).filter(|len| (16..=64).contains(len))?;
    let mut plain = Zeroizing::new(vec![0; len]);
    match kek.len() {
        16 => KekAes128::try_from(kek).ok()?.unwrap(sealed, &mut plain),
        24 => KekAes192::try_from(kek).ok()?.unwrap(sealed, &mut plain),
        _ => KekAes256::try_from(kek).ok()?.unwrap(sealed, &mut plain),
    }
    .ok()?;
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::seal::KeyFacts;
    use crate::seal::cms::header::Who;

    fn key(scalar: [u8; 32]) -> EcKey {
        let curve = der::element(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]]);
        let fields = [&der::number(&[1])[..], &der::element(OCTET_STRING, &[&scalar]), &der::element(0xa0, &[&curve])];
        let facts = KeyFacts {
            label: "test".into(),
            algorithm: String::new(),
            bits: None,
            fingerprint: None,
            container: String::new(),
            encrypted: false,
            private: true,
            remarks: vec![],
        };
        EcKey::from_sec1(&der::element(SEQUENCE, &fields), None, facts, &[]).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The sender's point and the secret, for a sender whose secret begins with a zero.
    fn short_secret(key: &EcKey) -> (Vec<u8>, Bytes) {
        for sender in 1_u32.. {
            let mut scalar = [0; 32];
            scalar[28..].copy_from_slice(&sender.to_be_bytes());
            let secret = p256::SecretKey::from_slice(&scalar).unwrap();
            let point = secret.public_key().to_sec1_bytes().to_vec();
            let shared = key.agree(&point).unwrap();
            if shared[0] == 0 {
                return (point, shared);
            }
        }
        unreachable!("one point in 256 has such a coordinate")
    }

    #[test]
    fn a_secret_that_lost_its_zeros_opens_like_one_that_kept_them() {
        let key = key([7; 32]);
        let (point, secret) = short_secret(&key);
        let wrap = der::element(SEQUENCE, &[&der::element(OID, &[AES, &[5]])]);
        let info = shared_info(&wrap, Some(b"8 bytes."), 16);
        for from in [0, 1] {
            let kek = KekAes128::try_from(&derived(Hash::Sha256, &secret[from..], &info, 16)[..]).unwrap();
            let mut sealed = vec![0; 24];
            kek.wrap(b"sixteen bytes...", &mut sealed).unwrap();
            let wrapping = Wrapping::Agreement {
                oid: [STD_DH_SHA2, &[1]].concat(),
                wrap: wrap.clone(),
                point: point.clone(),
                ukm: Some(b"8 bytes.".to_vec()),
            };
            let mut recipient = Recipient { who: Who::KeyIdentifier(vec![]), wrapping, sealed };
            assert_eq!(with_ec(&recipient, &key).unwrap().as_slice(), b"sixteen bytes...");
            recipient.sealed[3] ^= 1;
            assert!(with_ec(&recipient, &key).is_none());
        }
    }
}
