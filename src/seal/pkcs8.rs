//! Decrypting and encrypting private keys: PBES2 of PKCS#8, and the `Proc-Type` of old PEM.
//!
//! # Source
//!
//! RFC 8018 (PBES2, PBKDF2), RFC 7914 (scrypt), OpenSSL's `EVP_BytesToKey` with MD5 for `DEK-Info`.

use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipher, BlockDecryptMut, KeyInit, KeyIvInit};
use data_encoding::HEXLOWER_PERMISSIVE;
use md5::{Digest, Md5};
use pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, ScryptParams};
use rand::RngCore;
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use crate::seal::der::{self, Der, NULL, OCTET_STRING, OID, SEQUENCE};
use crate::seal::error::KeyError;

/// A hostile key file must not hang the console: seconds at most, not minutes.
const MAX_ROUNDS: u64 = 10_000_000;
/// scrypt: memory is 128 N r bytes, work N r p.
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_WORK: u64 = 1 << 22;
/// For keys made here: OWASP's figure of 2023 for PBKDF2-HMAC-SHA256.
const OUR_ROUNDS: u32 = 600_000;

const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SCRYPT: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const AES_CBC: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
const DES_EDE3_CBC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];

/// An encrypted PKCS#8 key, parsed and found bounded.
pub(super) struct Envelope<'a> {
    parameters: Parameters<'a>,
    data: &'a [u8],
}

impl<'a> Envelope<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, KeyError> {
        let mut outer = Der::whole_sequence(bytes).ok_or(KeyError::Malformed)?;
        let mut algorithm = outer.sequence().ok_or(KeyError::Malformed)?;
        let data = outer.take(OCTET_STRING).ok_or(KeyError::Malformed)?;
        if algorithm.take(OID).ok_or(KeyError::Malformed)? != PBES2 {
            return Err(KeyError::Unsupported { what: "not PBES2, but an older scheme" });
        }
        let mut both = algorithm.sequence().ok_or(KeyError::Malformed)?;
        let kdf = kdf(both.sequence().ok_or(KeyError::Malformed)?)?;
        let encryption = cipher(both.sequence().ok_or(KeyError::Malformed)?)?;
        Ok(Self { parameters: Parameters { kdf, encryption }, data })
    }

    /// `PBES2, PBKDF2-HMAC-SHA1, 2048 rounds, AES-128-CBC`.
    pub(super) fn words(&self) -> String {
        let kdf = match &self.parameters.kdf {
            Kdf::Pbkdf2(p) => format!("PBKDF2-HMAC-{}, {} rounds", prf_word(p.prf), p.iteration_count),
            Kdf::Scrypt(p) => format!("scrypt N={} r={} p={}", p.cost_parameter, p.block_size, p.parallelization),
            _ => "another derivation".to_owned(),
        };
        let cipher = match self.parameters.encryption {
            EncryptionScheme::Aes128Cbc { .. } => "AES-128-CBC",
            EncryptionScheme::Aes192Cbc { .. } => "AES-192-CBC",
            EncryptionScheme::Aes256Cbc { .. } => "AES-256-CBC",
            EncryptionScheme::DesEde3Cbc { .. } => "3DES-CBC",
            _ => "another cipher",
        };
        format!("PBES2, {kdf}, {cipher}")
    }

    /// The PKCS#8 key inside; whether it is one is for the caller to see.
    pub(super) fn open(&self, passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut buffer = Zeroizing::new(self.data.to_vec());
        let len = self.parameters.decrypt_in_place(passphrase, &mut buffer);
        let len = len.map_err(|_| KeyError::WrongPassphrase)?.len();
        buffer.truncate(len);
        Ok(buffer)
    }
}

fn kdf(mut der: Der<'_>) -> Result<Kdf<'_>, KeyError> {
    match der.take(OID).ok_or(KeyError::Malformed)? {
        PBKDF2 => pbkdf2(der),
        SCRYPT => scrypt(der).ok_or(KeyError::Malformed)?,
        _ => Err(KeyError::Unsupported { what: "neither PBKDF2 nor scrypt" }),
    }
}

fn pbkdf2(mut der: Der<'_>) -> Result<Kdf<'_>, KeyError> {
    let mut parameters = der.sequence().ok_or(KeyError::Malformed)?;
    let salt = parameters.take(OCTET_STRING).ok_or(KeyError::Malformed)?;
    let rounds = parameters.small().ok_or(KeyError::Malformed)?;
    if rounds == 0 {
        return Err(KeyError::Malformed);
    }
    if rounds > MAX_ROUNDS {
        return Err(KeyError::Unsupported { what: "PBKDF2 with more than 10,000,000 rounds" });
    }
    let key_length = length(&mut parameters)?;
    let prf = if parameters.end() { Some(Pbkdf2Prf::HmacWithSha1) } else { prf(parameters) };
    let prf = prf.ok_or(KeyError::Unsupported { what: "an unknown function in PBKDF2" })?;
    Ok(Kdf::Pbkdf2(Pbkdf2Params { salt, iteration_count: rounds as u32, key_length, prf }))
}

fn prf(mut parameters: Der<'_>) -> Option<Pbkdf2Prf> {
    match parameters.sequence()?.take(OID)?.strip_prefix(HMAC)? {
        [7] => Some(Pbkdf2Prf::HmacWithSha1),
        [8] => Some(Pbkdf2Prf::HmacWithSha224),
        [9] => Some(Pbkdf2Prf::HmacWithSha256),
        [10] => Some(Pbkdf2Prf::HmacWithSha384),
        [11] => Some(Pbkdf2Prf::HmacWithSha512),
        _ => None,
    }
}

fn prf_word(prf: Pbkdf2Prf) -> &'static str {
    match prf {
        Pbkdf2Prf::HmacWithSha1 => "SHA1",
        Pbkdf2Prf::HmacWithSha224 => "SHA224",
        Pbkdf2Prf::HmacWithSha256 => "SHA256",
        Pbkdf2Prf::HmacWithSha384 => "SHA384",
        Pbkdf2Prf::HmacWithSha512 => "SHA512",
        _ => "?",
    }
}

/// `None` when the structure is broken, an inner error when the costs are absurd.
fn scrypt(mut der: Der<'_>) -> Option<Result<Kdf<'_>, KeyError>> {
    let mut parameters = der.sequence()?;
    let salt = parameters.take(OCTET_STRING)?;
    let cost_parameter = parameters.small()?;
    let block_size = u16::try_from(parameters.small()?).ok().filter(|&r| r > 0)?;
    let parallelization = u16::try_from(parameters.small()?).ok().filter(|&p| p > 0)?;
    if cost_parameter < 2 || !cost_parameter.is_power_of_two() {
        return None;
    }
    let once = cost_parameter.saturating_mul(u64::from(block_size));
    let too_dear = once.saturating_mul(128) > MAX_SCRYPT_MEMORY
        || once.saturating_mul(u64::from(parallelization)) > MAX_SCRYPT_WORK;
    if too_dear {
        return Some(Err(KeyError::Unsupported { what: "scrypt with more than 256 MiB or seconds of work" }));
    }
    let key_length = length(&mut parameters).ok()?;
    Some(Ok(Kdf::Scrypt(ScryptParams { salt, cost_parameter, block_size, parallelization, key_length })))
}

fn length(parameters: &mut Der<'_>) -> Result<Option<u16>, KeyError> {
    if parameters.peek() != Some(der::INTEGER) {
        return Ok(None);
    }
    let length = parameters.small().and_then(|length| u16::try_from(length).ok());
    length.map(Some).ok_or(KeyError::Malformed)
}

fn cipher(mut der: Der<'_>) -> Result<EncryptionScheme<'_>, KeyError> {
    let oid = der.take(OID).ok_or(KeyError::Malformed)?;
    let iv = der.take(OCTET_STRING).ok_or(KeyError::Malformed)?;
    if oid == DES_EDE3_CBC {
        return Ok(EncryptionScheme::DesEde3Cbc { iv: iv.try_into().map_err(|_| KeyError::Malformed)? });
    }
    let unsupported = KeyError::Unsupported { what: "a cipher other than AES-CBC and 3DES-CBC" };
    let size = oid.strip_prefix(AES_CBC).ok_or_else(|| unsupported.clone())?;
    let iv = iv.try_into().map_err(|_| KeyError::Malformed)?;
    match size {
        [2] => Ok(EncryptionScheme::Aes128Cbc { iv }),
        [22] => Ok(EncryptionScheme::Aes192Cbc { iv }),
        [42] => Ok(EncryptionScheme::Aes256Cbc { iv }),
        _ => Err(unsupported),
    }
}

/// Encrypts a PKCS#8 key under PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC, which every
/// OpenSSL since 1.0 and node-forge open.
pub(super) fn seal(key: &[u8], passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    OsRng.fill_bytes(&mut salt);
    OsRng.fill_bytes(&mut iv);
    let parameters = Parameters::pbkdf2_sha256_aes256cbc(OUR_ROUNDS, &salt, &iv).map_err(|_| KeyError::Malformed)?;
    let mut buffer = Zeroizing::new(vec![0; key.len() + 16]);
    buffer[..key.len()].copy_from_slice(key);
    let data = parameters.encrypt_in_place(passphrase, &mut buffer, key.len()).map_err(|_| KeyError::Malformed)?;

    let prf = der::element(SEQUENCE, &[&der::element(OID, &[HMAC, &[9]]), &der::element(NULL, &[])]);
    let costs = [&der::element(OCTET_STRING, &[&salt])[..], &der::number(&OUR_ROUNDS.to_be_bytes()), &prf];
    let kdf = der::element(SEQUENCE, &[&der::element(OID, &[PBKDF2]), &der::element(SEQUENCE, &costs)]);
    let aes = [&der::element(OID, &[AES_CBC, &[42]])[..], &der::element(OCTET_STRING, &[&iv])];
    let both = der::element(SEQUENCE, &[&kdf, &der::element(SEQUENCE, &aes)]);
    let algorithm = der::element(SEQUENCE, &[&der::element(OID, &[PBES2]), &both]);
    Ok(der::element(SEQUENCE, &[&algorithm, &der::element(OCTET_STRING, &[data])]))
}

/// The cipher and IV of a `DEK-Info` header.
pub(super) struct DekInfo {
    name: &'static str,
    key_len: usize,
    iv: Vec<u8>,
}

impl DekInfo {
    pub(super) fn parse(text: &str) -> Result<Self, KeyError> {
        let (name, iv) = text.split_once(',').ok_or(KeyError::Malformed)?;
        let (name, key_len, iv_len) = match name.trim().to_ascii_uppercase().as_str() {
            "AES-128-CBC" => ("AES-128-CBC", 16, 16),
            "AES-192-CBC" => ("AES-192-CBC", 24, 16),
            "AES-256-CBC" => ("AES-256-CBC", 32, 16),
            "DES-EDE3-CBC" => ("DES-EDE3-CBC", 24, 8),
            _ => return Err(KeyError::Unsupported { what: "an old cipher in DEK-Info" }),
        };
        let iv = HEXLOWER_PERMISSIVE.decode(iv.trim().as_bytes()).map_err(|_| KeyError::Malformed)?;
        if iv.len() == iv_len { Ok(Self { name, key_len, iv }) } else { Err(KeyError::Malformed) }
    }

    pub(super) fn words(&self) -> String {
        format!("Proc-Type 4, MD5, {}", self.name)
    }

    pub(super) fn open(&self, passphrase: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut key = Zeroizing::new([0u8; 48]);
        let mut previous: &[u8] = &[];
        let mut round;
        for part in 0..self.key_len.div_ceil(16) {
            let hash = Md5::new().chain_update(previous).chain_update(passphrase).chain_update(&self.iv[..8]);
            round = Zeroizing::new(<[u8; 16]>::from(hash.finalize()));
            key[part * 16..][..16].copy_from_slice(&*round);
            previous = &round[..];
        }
        let key = &key[..self.key_len];
        match self.name {
            "AES-128-CBC" => cbc_open::<aes::Aes128Dec>(key, &self.iv, data),
            "AES-192-CBC" => cbc_open::<aes::Aes192Dec>(key, &self.iv, data),
            "AES-256-CBC" => cbc_open::<aes::Aes256Dec>(key, &self.iv, data),
            _ => cbc_open::<des::TdesEde3>(key, &self.iv, data),
        }
    }
}

fn cbc_open<C>(key: &[u8], iv: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError>
where
    C: BlockCipher + BlockDecryptMut + KeyInit,
{
    let mut buffer = Zeroizing::new(data.to_vec());
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).map_err(|_| KeyError::Malformed)?;
    let len = cipher.decrypt_padded_mut::<Pkcs7>(&mut buffer).map_err(|_| KeyError::WrongPassphrase)?.len();
    buffer.truncate(len);
    Ok(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(kdf: &[&[u8]], cipher: &[&[u8]]) -> Vec<u8> {
        let both = der::element(SEQUENCE, &[&der::element(SEQUENCE, kdf), &der::element(SEQUENCE, cipher)]);
        let algorithm = der::element(SEQUENCE, &[&der::element(OID, &[PBES2]), &both]);
        der::element(SEQUENCE, &[&algorithm, &der::element(OCTET_STRING, &[&[0; 32]])])
    }

    fn words(kdf: &[u8], costs: &[u64], iv: &[u8]) -> Result<String, KeyError> {
        let salt = der::element(OCTET_STRING, &[b"salt"]);
        let costs: Vec<Vec<u8>> = costs.iter().map(|cost| der::number(&cost.to_be_bytes())).collect();
        let parts: Vec<&[u8]> = [&salt[..]].into_iter().chain(costs.iter().map(Vec::as_slice)).collect();
        let kdf = [&der::element(OID, &[kdf])[..], &der::element(SEQUENCE, &parts)];
        let oid = if iv.len() < 16 { der::element(OID, &[DES_EDE3_CBC]) } else { der::element(OID, &[AES_CBC, &[2]]) };
        Envelope::parse(&envelope(&kdf, &[&oid, &der::element(OCTET_STRING, &[iv])])).map(|envelope| envelope.words())
    }

    #[test]
    fn costs_are_bounded_before_anything_is_derived() {
        let unsupported = |outcome| matches!(outcome, Err(KeyError::Unsupported { .. }));
        assert!(words(PBKDF2, &[MAX_ROUNDS], &[0; 16]).is_ok());
        assert!(unsupported(words(PBKDF2, &[MAX_ROUNDS + 1], &[0; 16])));
        assert!(unsupported(words(PBKDF2, &[u64::MAX], &[0; 16])));
        assert!(words(SCRYPT, &[1 << 17, 8, 4], &[0; 16]).is_ok());
        for dear in [[1 << 17, 8, 5], [1 << 18, 9, 1], [1 << 40, 1, 1], [2, 65_535, 65_535]] {
            assert!(unsupported(words(SCRYPT, &dear, &[0; 16])), "{dear:?}");
        }
    }

    #[test]
    fn nonsense_is_malformed_and_never_a_panic() {
        for costs in [[0, 8, 1], [1, 8, 1], [3, 8, 1], [1 << 14, 0, 1], [1 << 14, 8, 0]] {
            assert_eq!(words(SCRYPT, &costs, &[0; 16]), Err(KeyError::Malformed), "{costs:?}");
        }
        assert_eq!(words(PBKDF2, &[0], &[0; 16]), Err(KeyError::Malformed));
        assert_eq!(words(PBKDF2, &[1], &[0; 7]), Err(KeyError::Malformed)); // pkcs5 itself would panic here
        assert!(words(PBKDF2, &[1], &[0; 8]).is_ok());
        assert_eq!(words(PBKDF2, &[1], &[0; 17]), Err(KeyError::Malformed));
        assert!(DekInfo::parse("AES-128-CBC,00").is_err() && DekInfo::parse("").is_err());
    }
}
