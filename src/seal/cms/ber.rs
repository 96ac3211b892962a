//! BER as writers of CMS use it: definite and indefinite lengths, read from a slice, bounded in depth.

/// Deeper than any message is nested.
const DEPTH: u8 = 16;
/// `constructed` in an identifier.
pub(super) const CONSTRUCTED: u8 = 0x20;

/// Why bytes are not what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BerError {
    /// They end inside an element.
    Cut,
    /// They are something else.
    Malformed,
}

/// Identifier and length of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) tag: u8,
    /// Length of the content; `None` when an end mark closes it.
    pub(super) len: Option<u64>,
    /// Bytes that identifier and length take.
    pub(super) size: usize,
}

/// Reads an identifier and a length. Tags above 30 are not used by any message read here.
pub(super) fn head(bytes: &[u8]) -> Result<Head, BerError> {
    let &tag = bytes.first().ok_or(BerError::Cut)?;
    if tag & 0x1f == 0x1f {
        return Err(BerError::Malformed);
    }
    let &first = bytes.get(1).ok_or(BerError::Cut)?;
    if first < 0x80 {
        return Ok(Head { tag, len: Some(u64::from(first)), size: 2 });
    }
    if first == 0x80 {
        let constructed = tag & CONSTRUCTED != 0;
        return if constructed { Ok(Head { tag, len: None, size: 2 }) } else { Err(BerError::Malformed) };
    }
    let count = usize::from(first & 0x7f);
    if count > 8 {
        return Err(BerError::Malformed);
    }
    let digits = bytes.get(2..2 + count).ok_or(BerError::Cut)?;
    let len = digits.iter().fold(0, |len: u64, &digit| len << 8 | u64::from(digit));
    if len > 1 << 62 {
        return Err(BerError::Malformed);
    }
    Ok(Head { tag, len: Some(len), size: 2 + count })
}

/// One element of a slice.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Its content, without an end mark.
    pub(super) body: &'a [u8],
    /// All of it.
    pub(super) whole: &'a [u8],
}

/// Reads one element after another.
#[derive(Clone, Copy)]
pub(super) struct Ber<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Ber<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// Steps into an element of this tag: its head is read, its content comes next.
    pub(super) fn enter(&mut self, tag: u8) -> Result<Option<u64>, BerError> {
        let head = head(self.rest())?;
        if head.tag != tag {
            return Err(BerError::Malformed);
        }
        self.at += head.size;
        Ok(head.len)
    }

    /// Takes a whole element.
    pub(super) fn element(&mut self) -> Result<Element<'a>, BerError> {
        let start = self.at;
        let head = head(self.rest())?;
        let body_at = start + head.size;
        let (body_end, end) = match head.len {
            Some(len) => {
                let end = usize::try_from(len).ok().and_then(|len| body_at.checked_add(len)).ok_or(BerError::Cut)?;
                (end, end)
            }
            None => {
                let end = skip_to_end_mark(self.bytes, body_at, DEPTH)?;
                (end, end + 2)
            }
        };
        let body = self.bytes.get(body_at..body_end).ok_or(BerError::Cut)?;
        self.at = end;
        Ok(Element { tag: head.tag, body, whole: &self.bytes[start..end] })
    }

    /// Takes a whole element of this tag.
    pub(super) fn take(&mut self, tag: u8) -> Result<Element<'a>, BerError> {
        match self.peek() {
            None => Err(BerError::Cut),
            Some(found) if found == tag => self.element(),
            Some(_) => Err(BerError::Malformed),
        }
    }

    /// The content of a whole element of this tag.
    pub(super) fn within(&mut self, tag: u8) -> Result<Self, BerError> {
        self.take(tag).map(|element| Self::new(element.body))
    }
}

/// The offset of the end mark that closes the content at `at`.
fn skip_to_end_mark(bytes: &[u8], mut at: usize, depth: u8) -> Result<usize, BerError> {
    let depth = depth.checked_sub(1).ok_or(BerError::Malformed)?;
    loop {
        let rest = bytes.get(at..).ok_or(BerError::Cut)?;
        if rest.starts_with(&[0, 0]) {
            return Ok(at);
        }
        let head = head(rest)?;
        at += head.size;
        at = match head.len {
            Some(len) => usize::try_from(len).ok().and_then(|len| at.checked_add(len)).ok_or(BerError::Cut)?,
            None => skip_to_end_mark(bytes, at, depth)? + 2,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_indefinite_element_ends_at_its_own_mark() {
        let bytes = [0x30, 0x80, 0x30, 0x80, 2, 1, 5, 0, 0, 4, 2, 0, 0, 0, 0, 7];
        let mut ber = Ber::new(&bytes);
        let element = ber.element().unwrap();
        assert_eq!((element.body.len(), element.whole.len(), ber.peek()), (11, 15, Some(7)));
        assert!((0..15).all(|cut| Ber::new(&bytes[..cut]).element().err() == Some(BerError::Cut)));
    }

    #[test]
    fn nesting_without_end_is_refused_and_not_followed() {
        let deep = [0x30, 0x80].repeat(10_000);
        assert_eq!(Ber::new(&deep).element().err(), Some(BerError::Malformed));
    }
}
