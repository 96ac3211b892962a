//! Identifiers: quoting and reading them.

/// An identifier in backticks, safe to put into a statement whatever it holds.
///
/// Only for character sets whose characters hide no backtick: UTF-8 and single-byte ones.
pub fn quote(name: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(name.len() + 2);
    quoted.push(b'`');
    for &byte in name {
        quoted.push(byte);
        if byte == b'`' {
            quoted.push(b'`');
        }
    }
    quoted.push(b'`');
    quoted
}

/// The name that an identifier token stands for: quotes taken off, doubled quotes made one.
pub fn unquote(token: &[u8]) -> Vec<u8> {
    let Some((&quote, inner)) = token.split_first() else { return vec![] };
    if !matches!(quote, b'`' | b'"' | b'\'') || inner.last() != Some(&quote) {
        return token.to_vec();
    }
    let inner = &inner[..inner.len() - 1];
    let mut name = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        name.push(byte);
        if byte == quote {
            bytes.next();
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(unquote(&quote(&name)), name);
        }
    }

    #[test]
    fn a_backtick_cannot_leave_its_name() {
        assert_eq!(quote(b"a`; DROP TABLE b; -- "), b"`a``; DROP TABLE b; -- `");
        assert_eq!(unquote(b"plain"), b"plain");
    }
}
