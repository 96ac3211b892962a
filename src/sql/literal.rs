//! String literals.

/// How a server reads backslashes in strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backslashes {
    /// They escape: the default.
    Escape,
    /// They are characters: `NO_BACKSLASH_ESCAPES`.
    Plain,
}

/// A string literal in single quotes, safe to put into a statement whatever it holds.
///
/// Only for sessions whose client character set is `utf8mb4` or single-byte.
pub fn quote(text: &[u8], backslashes: Backslashes) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'\'');
    for &byte in text {
        let escape = match (backslashes, byte) {
            (_, b'\'') => Some(b'\''),
            (Backslashes::Escape, b'\\') => Some(b'\\'),
            (Backslashes::Escape, 0) => Some(b'0'),
            (Backslashes::Escape, b'\n') => Some(b'n'),
            (Backslashes::Escape, b'\r') => Some(b'r'),
            (Backslashes::Escape, 0x1a) => Some(b'Z'),
            _ => None,
        };
        match escape {
            Some(b'\'') => quoted.extend_from_slice(b"''"),
            Some(letter) => quoted.extend_from_slice(&[b'\\', letter]),
            None => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// What a string literal stands for: quotes taken off, escapes undone.
pub fn unquote(token: &[u8], backslashes: Backslashes) -> Vec<u8> {
    let Some((&quote, inner)) = token.split_first() else { return vec![] };
    if !matches!(quote, b'\'' | b'"') {
        return token.to_vec();
    }
    let inner = inner.strip_suffix(&[quote]).unwrap_or(inner);
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte == quote {
            bytes.next();
            text.push(byte);
        } else if byte == b'\\' && backslashes == Backslashes::Escape {
            match bytes.next() {
                Some(letter @ (b'%' | b'_')) => text.extend_from_slice(&[b'\\', letter]),
                Some(letter) => text.push(unescaped(letter)),
                None => {}
            }
        } else {
            text.push(byte);
        }
    }
    text
}

fn unescaped(letter: u8) -> u8 {
    match letter {
        b'0' => 0,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'Z' => 0x1a,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            for backslashes in [Backslashes::Escape, Backslashes::Plain] {
                prop_assert_eq!(unquote(&quote(&text, backslashes), backslashes), text.clone());
            }
        }
    }
}
