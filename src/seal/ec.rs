//! EC private keys, for the key agreement of CMS.

use std::sync::Arc;

use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::{FromEncodedPoint, ModulusSize, ToEncodedPoint};
use p256::elliptic_curve::{AffinePoint, CurveArithmetic, FieldBytesSize, PublicKey, SecretKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::model::seal::{Fingerprint, KeyFacts};
use crate::seal::certificate::Certificate;
use crate::seal::der::{self, BIT_STRING, Der, OCTET_STRING, OID, SEQUENCE};
use crate::seal::error::KeyError;
use crate::seal::secret::{LockedBytes, Locking};

/// `ECPrivateKey.parameters`.
const PARAMETERS: u8 = 0xa0;

/// A curve that a key agreement may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// secp256r1, prime256v1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    pub(super) fn of_oid(oid: &[u8]) -> Option<Self> {
        [Self::P256, Self::P384, Self::P521].into_iter().find(|curve| curve.oid() == oid)
    }

    fn oid(self) -> &'static [u8] {
        match self {
            Self::P256 => &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
            Self::P384 => &[0x2b, 0x81, 0x04, 0x00, 0x22],
            Self::P521 => &[0x2b, 0x81, 0x04, 0x00, 0x23],
        }
    }

    /// Its name as NIST writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn bits(self) -> u32 {
        match self {
            Self::P256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }
}

/// A loaded EC private key. Clones share it; the last one wipes it.
#[derive(Clone)]
pub struct EcKey(Arc<Inner>);

struct Inner {
    curve: Curve,
    /// As many bytes as the curve's numbers have.
    scalar: LockedBytes,
    digest: [u8; 32],
    facts: KeyFacts,
    certificates: Vec<Certificate>,
}

impl EcKey {
    /// Reads an `ECPrivateKey` of SEC 1; `curve` where its container names it.
    pub(super) fn from_sec1(
        bytes: &[u8],
        curve: Option<Curve>,
        mut facts: KeyFacts,
        certificates: &[Certificate],
    ) -> Result<Self, KeyError> {
        let (curve, scalar) = sec1(bytes, curve)?;
        let point = curve_point(curve, scalar.expose()).ok_or(KeyError::InconsistentNumbers)?;
        let digest: [u8; 32] = Sha256::digest(spki(curve, &point)).into();
        describe(&mut facts, curve, &digest);
        let own = |one: &&Certificate| one.digest == digest;
        let certificates = certificates.iter().filter(own).cloned().collect();
        Ok(Self(Arc::new(Inner { curve, scalar, digest, facts, certificates })))
    }

    /// SHA-256 of its SubjectPublicKeyInfo.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::from_digest(&self.0.digest)
    }

    /// Public facts about it.
    pub fn facts(&self) -> &KeyFacts {
        &self.0.facts
    }

    /// Which curve it is on.
    pub fn curve(&self) -> Curve {
        self.0.curve
    }

    pub(super) fn facts_mut(&mut self) -> Option<&mut KeyFacts> {
        Arc::get_mut(&mut self.0).map(|inner| &mut inner.facts)
    }

    pub(super) fn certificates(&self) -> &[Certificate] {
        &self.0.certificates
    }

    pub(super) fn locking(&self) -> Locking {
        self.0.scalar.locking()
    }

    /// The x coordinate of the point that both sides can compute; `None` when `point` is not on the curve.
    pub(super) fn agree(&self, point: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let scalar = self.0.scalar.expose();
        match self.0.curve {
            Curve::P256 => agree::<p256::NistP256>(scalar, point),
            Curve::P384 => agree::<p384::NistP384>(scalar, point),
            Curve::P521 => agree::<p521::NistP521>(scalar, point),
        }
    }
}

pub(super) fn describe(facts: &mut KeyFacts, curve: Curve, digest: &[u8; 32]) {
    facts.algorithm = format!("EC {}", curve.word());
    facts.bits = Some(curve.bits());
    facts.fingerprint = Some(Fingerprint::from_digest(digest));
}

fn sec1(bytes: &[u8], named: Option<Curve>) -> Result<(Curve, LockedBytes), KeyError> {
    let mut fields = Der::whole_sequence(bytes).ok_or(KeyError::Malformed)?;
    if fields.small() != Some(1) {
        return Err(KeyError::Malformed);
    }
    let digits = fields.take(OCTET_STRING).ok_or(KeyError::Malformed)?;
    let inside = match fields.peek() {
        Some(PARAMETERS) => Der::new(fields.take(PARAMETERS).ok_or(KeyError::Malformed)?).take(OID),
        _ => None,
    };
    let curve = match (named, inside) {
        (Some(curve), _) => curve,
        (None, Some(oid)) => Curve::of_oid(oid).ok_or(KeyError::NotRsa { kind: "EC on another curve" })?,
        (None, None) => return Err(KeyError::NotRsa { kind: "EC without the name of its curve" }),
    };
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let digits = &digits[zeros..];
    let mut scalar = LockedBytes::zeroed(curve.bytes());
    let start = curve.bytes().checked_sub(digits.len()).ok_or(KeyError::Malformed)?;
    scalar.expose_mut()[start..].copy_from_slice(digits);
    Ok((curve, scalar))
}

fn curve_point(curve: Curve, scalar: &[u8]) -> Option<Vec<u8>> {
    match curve {
        Curve::P256 => point::<p256::NistP256>(scalar),
        Curve::P384 => point::<p384::NistP384>(scalar),
        Curve::P521 => point::<p521::NistP521>(scalar),
    }
}

fn point<C>(scalar: &[u8]) -> Option<Vec<u8>>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    let secret = SecretKey::<C>::from_slice(scalar).ok()?;
    Some(secret.public_key().to_encoded_point(false).as_bytes().to_vec())
}

fn agree<C>(scalar: &[u8], point: &[u8]) -> Option<Zeroizing<Vec<u8>>>
where
    C: CurveArithmetic,
    FieldBytesSize<C>: ModulusSize,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
{
    let secret = SecretKey::<C>::from_slice(scalar).ok()?;
    let public = PublicKey::<C>::from_sec1_bytes(point).ok()?;
    let shared = diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
    Some(Zeroizing::new(shared.raw_secret_bytes().to_vec()))
}

fn spki(curve: Curve, point: &[u8]) -> Vec<u8> {
    let algorithm = [&der::element(OID, &[der::EC_OID])[..], &der::element(OID, &[curve.oid()])];
    der::element(SEQUENCE, &[&der::element(SEQUENCE, &algorithm), &der::element(BIT_STRING, &[&[0], point])])
}
