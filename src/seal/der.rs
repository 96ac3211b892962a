//! The little DER that keys need: a bounded reader that cannot panic, and a writer.

use rsa::BigUint;
use zeroize::Zeroizing;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;

/// `1.2.840.113549.1.1.1`, rsaEncryption.
pub(super) const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// `1.2.840.10045.2.1`, ecPublicKey.
pub(super) const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// Reads one element after another; `None` wherever the bytes are not what was asked for.
#[derive(Clone, Copy)]
pub(super) struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The content of the one sequence that fills `bytes` from end to end.
    pub(super) fn whole_sequence(bytes: &'a [u8]) -> Option<Self> {
        let mut outer = Self::new(bytes);
        let inner = outer.sequence()?;
        outer.end().then_some(inner)
    }

    pub(super) fn end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(super) fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&found, rest) = self.rest.split_first()?;
        if found != tag {
            return None;
        }
        let (&first, mut rest) = rest.split_first()?;
        let len = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=3).contains(&count) {
                return None;
            }
            let digits = rest.get(..count)?;
            rest = &rest[count..];
            digits.iter().fold(0, |len, &digit| len << 8 | usize::from(digit))
        };
        let content = rest.get(..len)?;
        self.rest = &rest[len..];
        Some(content)
    }

    /// Steps over one element, whatever it is; its tag.
    pub(super) fn skip(&mut self) -> Option<u8> {
        let tag = self.peek()?;
        self.take(tag).map(|_| tag)
    }

    /// One element with its tag and length, whatever it is.
    pub(super) fn whole(&mut self) -> Option<&'a [u8]> {
        let before = self.rest;
        self.skip()?;
        Some(&before[..before.len() - self.rest.len()])
    }

    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.take(SEQUENCE).map(Self::new)
    }

    /// A number that is not negative and fits into `limit` bytes, without leading zeros.
    pub(super) fn unsigned(&mut self, limit: usize) -> Option<&'a [u8]> {
        let bytes = self.take(INTEGER)?;
        if bytes.first()? & 0x80 != 0 {
            return None;
        }
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Some(&bytes[zeros..]).filter(|digits| digits.len() <= limit)
    }

    pub(super) fn small(&mut self) -> Option<u64> {
        Some(self.unsigned(8)?.iter().fold(0, |number, &digit| number << 8 | u64::from(digit)))
    }

    /// A number of up to 1,024 bytes, wiped when dropped.
    pub(super) fn number(&mut self) -> Option<Zeroizing<BigUint>> {
        self.unsigned(1024).map(|digits| Zeroizing::new(BigUint::from_bytes_be(digits)))
    }
}

/// One element: tag, length and the parts of its content.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(len + 6);
    bytes.push(tag);
    let digits = len.to_be_bytes();
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    if len < 0x80 {
        bytes.push(len as u8);
    } else {
        bytes.push(0x80 | (digits.len() - zeros) as u8);
        bytes.extend_from_slice(&digits[zeros..]);
    }
    parts.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// A number that is not negative, from its digits in base 256, greatest first.
pub(super) fn number(digits: &[u8]) -> Vec<u8> {
    let zeros = digits.iter().take_while(|&&digit| digit == 0).count();
    let digits = &digits[zeros..];
    let sign: &[u8] = if digits.first().is_none_or(|digit| digit & 0x80 != 0) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits])
}

/// `AlgorithmIdentifier { rsaEncryption, NULL }`.
pub(super) fn rsa_algorithm() -> Vec<u8> {
    element(SEQUENCE, &[&element(OID, &[RSA_OID]), &element(NULL, &[])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_at_every_length() {
        for len in [0, 1, 127, 128, 255, 256, 65_535, 65_536] {
            let content = vec![7; len];
            let bytes = element(OCTET_STRING, &[&content]);
            let mut der = Der::new(&bytes);
            assert_eq!(der.take(OCTET_STRING), Some(&content[..]));
            assert!(der.end());
            assert!((0..bytes.len()).all(|cut| Der::new(&bytes[..cut]).take(OCTET_STRING).is_none()));
        }
    }

    #[test]
    fn numbers_keep_their_sign_and_lose_their_zeros() {
        assert_eq!(number(&[]), [2, 1, 0]);
        assert_eq!(number(&[0, 0, 5]), [2, 1, 5]);
        assert_eq!(number(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(Der::new(&[2, 1, 0x80]).small(), None); // negative
        assert_eq!(Der::new(&[2, 2, 0, 0x80]).small(), Some(128));
    }
}
