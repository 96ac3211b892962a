//! The little of a certificate that finds a recipient: issuer, serial number, key identifier.

use sha2::{Digest, Sha256};

use crate::seal::der::{Der, INTEGER, OCTET_STRING, OID, SEQUENCE};

/// `2.5.29.14`, subjectKeyIdentifier.
const KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 0x0e];
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const TRUE: u8 = 0x01;

/// A certificate that lies beside a private key. Public.
#[derive(Clone)]
pub(super) struct Certificate {
    /// The issuer's name, as DER.
    pub(super) issuer: Vec<u8>,
    /// The content of the serial number.
    pub(super) serial: Vec<u8>,
    /// What the certificate calls its key.
    pub(super) key_identifier: Option<Vec<u8>>,
    /// SHA-256 of its SubjectPublicKeyInfo.
    pub(super) digest: [u8; 32],
}

impl Certificate {
    pub(super) fn parse(der: &[u8]) -> Option<Self> {
        let mut fields = Der::whole_sequence(der)?.sequence()?;
        if fields.peek() == Some(VERSION) {
            fields.skip()?;
        }
        let serial = fields.take(INTEGER)?.to_vec();
        fields.take(SEQUENCE)?;
        let issuer = fields.whole()?.to_vec();
        fields.take(SEQUENCE)?; // validity
        fields.take(SEQUENCE)?; // subject
        let digest = Sha256::digest(fields.whole()?).into();
        Some(Self { issuer, serial, key_identifier: key_identifier(fields), digest })
    }
}

fn key_identifier(mut fields: Der<'_>) -> Option<Vec<u8>> {
    while fields.peek()? != EXTENSIONS {
        fields.skip()?;
    }
    let mut extensions = Der::new(fields.take(EXTENSIONS)?).sequence()?;
    while let Some(mut extension) = extensions.sequence() {
        if extension.take(OID)? != KEY_IDENTIFIER {
            continue;
        }
        if extension.peek() == Some(TRUE) {
            extension.skip()?;
        }
        return Der::new(extension.take(OCTET_STRING)?).take(OCTET_STRING).map(<[u8]>::to_vec);
    }
    None
}
