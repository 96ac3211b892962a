//! Everything before the encrypted content: who can open it, and the content's cipher.
//!
//! # Source
//!
//! RFC 5652 (EnvelopedData), RFC 3560 (RSAES-OAEP), RFC 5753 (elliptic curves), RFC 3565 (AES).

use crate::model::foreign::Foreign;
use crate::seal::cms::ber::{Ber, BerError, CONSTRUCTED, Element};
use crate::seal::cms::name;
use crate::seal::der::{INTEGER, OCTET_STRING, OID, SEQUENCE};

const SET: u8 = 0x31;
/// `[n]`, constructed.
const fn context(number: u8) -> u8 {
    0xa0 | number
}
/// `1.2.840.113549.1.7.3`
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x03];
/// `2.16.840.1.101.3.4.1`
const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
/// More recipients than anyone names.
const MAX_RECIPIENTS: usize = 64;

/// Why a header cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::seal) enum HeaderError {
    /// The bytes end inside it.
    Cut,
    /// It makes no sense.
    Malformed,
    /// It makes sense and is not for us, in our words.
    Unsupported(&'static str),
}

impl From<BerError> for HeaderError {
    fn from(error: BerError) -> Self {
        match error {
            BerError::Cut => Self::Cut,
            BerError::Malformed => Self::Malformed,
        }
    }
}

/// How a recipient is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::seal) enum Who {
    /// By the issuer and serial number of their certificate.
    Issued {
        /// The name, as DER.
        issuer: Vec<u8>,
        /// The content of the serial number.
        serial: Vec<u8>,
    },
    /// By what the certificate calls its key.
    KeyIdentifier(Vec<u8>),
}

/// How the content key is wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::seal) enum Wrapping {
    /// For an RSA key.
    Transport {
        /// The algorithm's identifier.
        oid: Vec<u8>,
        /// Its parameters, possibly empty.
        parameters: Vec<u8>,
    },
    /// By agreement with an EC key.
    Agreement {
        /// The scheme's identifier.
        oid: Vec<u8>,
        /// The key wrap's AlgorithmIdentifier, as it is written.
        wrap: Vec<u8>,
        /// The sender's point.
        point: Vec<u8>,
        /// What both sides mix into the derivation.
        ukm: Option<Vec<u8>>,
    },
}

/// One recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::seal) struct Recipient {
    pub(in crate::seal) who: Who,
    pub(in crate::seal) wrapping: Wrapping,
    /// The content key, wrapped.
    pub(in crate::seal) sealed: Vec<u8>,
}

impl Recipient {
    /// `CN=ops, serial 4d2f (RSA)`; safe to draw.
    pub(in crate::seal) fn words(&self) -> Foreign {
        let kind = match &self.wrapping {
            Wrapping::Transport { .. } => "RSA",
            Wrapping::Agreement { .. } => "EC",
        };
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&bytes[..bytes.len().min(20)]);
        Foreign::from(match &self.who {
            Who::Issued { issuer, serial } => {
                let serial = serial.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(serial);
                format!("{}, serial {} ({kind})", name::words(issuer), hex(serial))
            }
            Who::KeyIdentifier(id) => format!("key identifier {} ({kind})", hex(id)),
        })
    }
}

/// The header, and where the encrypted content begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::seal) struct Header {
    pub(in crate::seal) recipients: Vec<Recipient>,
    /// Bytes of the content's AES key: 16, 24 or 32.
    pub(in crate::seal) key_len: usize,
    pub(in crate::seal) iv: [u8; 16],
    /// Bytes before the element that holds the encrypted content.
    pub(in crate::seal) len: usize,
    /// Where each element around it ends, outermost first; `None` where an end mark closes it.
    pub(super) ends: Vec<Option<u64>>,
}

impl Header {
    /// Reads a header from the first bytes of a message.
    pub(in crate::seal) fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let (mut ber, mut ends) = (Ber::new(bytes), vec![]);
        enter(&mut ber, &mut ends, SEQUENCE)?;
        if ber.take(OID)?.body != ENVELOPED_DATA {
            return Err(HeaderError::Unsupported("a CMS message of another kind"));
        }
        enter(&mut ber, &mut ends, context(0))?;
        enter(&mut ber, &mut ends, SEQUENCE)?;
        ber.take(INTEGER)?;
        if ber.peek() == Some(context(0)) {
            ber.element()?; // certificates of the originator
        }
        let recipients = recipients(ber.take(SET)?.body)?;
        enter(&mut ber, &mut ends, SEQUENCE)?;
        ber.take(OID)?;
        let mut algorithm = ber.within(SEQUENCE)?;
        let key_len = match algorithm.take(OID)?.body.strip_prefix(AES) {
            Some([2]) => 16,
            Some([22]) => 24,
            Some([42]) => 32,
            _ => return Err(HeaderError::Unsupported("a content cipher other than AES-CBC")),
        };
        let iv = algorithm.take(OCTET_STRING)?.body.try_into().map_err(|_| HeaderError::Malformed)?;
        let len = ber.at();
        if ends.iter().flatten().any(|&end| end < len as u64) {
            return Err(HeaderError::Malformed);
        }
        match ber.peek() {
            Some(0x80 | 0xa0) => Ok(Self { recipients, key_len, iv, len, ends }),
            Some(_) => Err(HeaderError::Malformed),
            None => Err(HeaderError::Cut),
        }
    }

    /// `AES-256-CBC`.
    pub(in crate::seal) fn cipher_word(&self) -> &'static str {
        match self.key_len {
            16 => "AES-128-CBC",
            24 => "AES-192-CBC",
            _ => "AES-256-CBC",
        }
    }
}

fn enter(ber: &mut Ber<'_>, ends: &mut Vec<Option<u64>>, tag: u8) -> Result<(), HeaderError> {
    let len = ber.enter(tag)?;
    let end = len.map(|len| ber.at() as u64 + len);
    // What stands inside must end inside.
    let around = ends.iter().flatten().next_back();
    if matches!((end, around), (Some(end), Some(&around)) if end > around) {
        return Err(HeaderError::Malformed);
    }
    ends.push(end);
    Ok(())
}

fn recipients(set: &[u8]) -> Result<Vec<Recipient>, HeaderError> {
    let (mut ber, mut found) = (Ber::new(set), vec![]);
    let mut seen = 0;
    while !ber.rest().is_empty() {
        let element = within(ber.element())?;
        seen += 1;
        if seen > MAX_RECIPIENTS || found.len() > MAX_RECIPIENTS {
            return Err(HeaderError::Unsupported("more than 64 recipients"));
        }
        match element.tag {
            SEQUENCE => found.push(within(transport(element))?),
            tag if tag == context(1) => found.extend(within(agreement(element))?),
            _ => {} // a shared key, a password: nothing that a backup tool writes
        }
    }
    Ok(found)
}

/// Inside an element that is whole, an end that comes too early is no cut.
fn within<T>(outcome: Result<T, BerError>) -> Result<T, HeaderError> {
    outcome.map_err(|_| HeaderError::Malformed)
}

fn transport(element: Element<'_>) -> Result<Recipient, BerError> {
    let mut fields = Ber::new(element.body);
    fields.take(INTEGER)?;
    let who = who(&mut fields, 0x80)?;
    let mut algorithm = fields.within(SEQUENCE)?;
    let oid = algorithm.take(OID)?.body.to_vec();
    let parameters = algorithm.rest().to_vec();
    let sealed = octets(fields.element()?)?;
    Ok(Recipient { who, wrapping: Wrapping::Transport { oid, parameters }, sealed })
}

fn who(fields: &mut Ber<'_>, identifier: u8) -> Result<Who, BerError> {
    let element = fields.element()?;
    match element.tag {
        SEQUENCE => {
            let mut issued = Ber::new(element.body);
            let issuer = issued.take(SEQUENCE)?.whole.to_vec();
            Ok(Who::Issued { issuer, serial: issued.take(INTEGER)?.body.to_vec() })
        }
        tag if tag == identifier => Ok(Who::KeyIdentifier(element.body.to_vec())),
        // RecipientKeyIdentifier: [0] IMPLICIT SEQUENCE whose first field is the identifier
        tag if tag == identifier | CONSTRUCTED => {
            Ok(Who::KeyIdentifier(Ber::new(element.body).take(OCTET_STRING)?.body.to_vec()))
        }
        _ => Err(BerError::Malformed),
    }
}

fn agreement(element: Element<'_>) -> Result<Vec<Recipient>, BerError> {
    let mut fields = Ber::new(element.body);
    fields.take(INTEGER)?;
    let mut originator = fields.within(context(0))?;
    let point = match originator.peek() {
        Some(tag) if tag == context(1) => {
            let mut key = originator.within(context(1))?;
            key.take(SEQUENCE)?;
            key.take(0x03)?.body.strip_prefix(&[0]).ok_or(BerError::Malformed)?.to_vec()
        }
        _ => return Ok(vec![]), // a sender named by a certificate: static keys on both sides, which nobody writes
    };
    let ukm = match fields.peek() {
        Some(tag) if tag == context(1) => Some(octets(fields.within(context(1))?.element()?)?),
        _ => None,
    };
    let mut algorithm = fields.within(SEQUENCE)?;
    let oid = algorithm.take(OID)?.body.to_vec();
    let wrap = algorithm.take(SEQUENCE)?.whole.to_vec();
    let (mut keys, mut found) = (fields.within(SEQUENCE)?, vec![]);
    while !keys.rest().is_empty() && found.len() <= MAX_RECIPIENTS {
        let mut one = keys.within(SEQUENCE)?;
        let who = who(&mut one, 0x80)?;
        let sealed = octets(one.element()?)?;
        let wrapping =
            Wrapping::Agreement { oid: oid.clone(), wrap: wrap.clone(), point: point.clone(), ukm: ukm.clone() };
        found.push(Recipient { who, wrapping, sealed });
    }
    Ok(found)
}

/// An octet string, in one piece or in several.
fn octets(element: Element<'_>) -> Result<Vec<u8>, BerError> {
    if element.tag == OCTET_STRING {
        return Ok(element.body.to_vec());
    }
    if element.tag != OCTET_STRING | CONSTRUCTED {
        return Err(BerError::Malformed);
    }
    let (mut pieces, mut joined) = (Ber::new(element.body), vec![]);
    while !pieces.rest().is_empty() {
        joined.extend_from_slice(pieces.take(OCTET_STRING)?.body);
    }
    Ok(joined)
}
