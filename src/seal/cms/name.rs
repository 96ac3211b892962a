//! A distinguished name in words.

use crate::model::foreign::escape;
use crate::seal::der::{Der, OID};

const SET: u8 = 0x31;
/// Longer than anything worth reading on a line.
const LONGEST: usize = 120;

/// `CN=ops, O=Acme`: what can be read of it, escaped.
pub(super) fn words(der: &[u8]) -> String {
    let mut parts = vec![];
    let mut relative = Der::new(der).sequence();
    while let Some(set) = relative.as_mut().and_then(|names| names.take(SET)) {
        let mut attributes = Der::new(set);
        while let Some(mut attribute) = attributes.sequence() {
            parts.extend(part(&mut attribute));
        }
    }
    // The most telling attribute, the common name, is written last.
    parts.reverse();
    let text: String = parts.join(", ").chars().take(LONGEST).collect();
    if text.is_empty() { "a certificate without a name".to_owned() } else { text }
}

fn part(attribute: &mut Der<'_>) -> Option<String> {
    let label = match attribute.take(OID)? {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "email",
        _ => return None,
    };
    let value = attribute.take(attribute.peek()?)?;
    Some(format!("{label}={}", escape(&String::from_utf8_lossy(value))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::der::{SEQUENCE, element};

    #[test]
    fn a_name_is_read_from_the_common_name_outwards_and_escaped() {
        let attribute = |oid: &[u8], text: &str| {
            let pair = element(SEQUENCE, &[&element(OID, &[oid]), &element(0x0c, &[text.as_bytes()])]);
            element(SET, &[&pair])
        };
        let name = element(SEQUENCE, &[&attribute(&[0x55, 4, 10], "Acme"), &attribute(&[0x55, 4, 3], "o\u{1b}ps")]);
        let words = words(&name);
        assert!(words.starts_with("CN=o") && words.ends_with(", O=Acme") && !words.contains('\u{1b}'), "{words}");
        assert_eq!(super::words(b"\x30\x84"), "a certificate without a name");
    }
}
