//! Savepoints of a transaction, by names that the server compares in its own way.

/// Points to go back to. The server compares their names as its utf8_general_ci does: of plain ASCII that is known here,
/// of everything else only that the same bytes are the same name.
#[derive(Debug, Clone)]
pub struct Savepoints<T>(Vec<(Vec<u8>, T)>);

/// Where a transaction went back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Back<T> {
    /// To that point.
    To(T),
    /// To that point or one behind it; `None`: nobody can tell.
    Perhaps(Option<T>),
}

impl<T> Default for Savepoints<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T: Clone> Savepoints<T> {
    /// Sets a point; a name used again moves its point.
    pub fn set(&mut self, name: Vec<u8>, point: T) {
        self.0.retain(|(other, _)| is_same(other, &name) != Some(true));
        self.0.push((name, point));
    }

    /// Goes back. Where it went for certain, the points behind it are gone.
    pub fn back_to(&mut self, name: &[u8]) -> Back<T> {
        let point = |at: usize| self.0[at].1.clone();
        let sure = self.0.iter().rposition(|(other, _)| is_same(other, name) == Some(true));
        let from = sure.map_or(0, |at| at + 1);
        let perhaps = self.0[from..].iter().position(|(other, _)| is_same(other, name).is_none());
        match (sure, perhaps) {
            (Some(at), None) => {
                let point = point(at);
                self.0.truncate(at + 1);
                Back::To(point)
            }
            (Some(at), Some(_)) => Back::Perhaps(Some(point(at))),
            (None, first) => Back::Perhaps(first.map(point)),
        }
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// Whether two names are the same to the server; `None`: they may be. Not every server counts spaces at the end.
fn is_same(one: &[u8], other: &[u8]) -> Option<bool> {
    let is_plain = one.is_ascii() && other.is_ascii();
    match one.eq_ignore_ascii_case(other) {
        true if is_plain || one == other => Some(true),
        false if is_plain && !trimmed(one).eq_ignore_ascii_case(trimmed(other)) => Some(false),
        _ => None,
    }
}

fn trimmed(name: &[u8]) -> &[u8] {
    let len = name.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    &name[..len]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(names: &[&str]) -> Savepoints<usize> {
        let mut points = Savepoints::default();
        names.iter().enumerate().for_each(|(at, name)| points.set(name.as_bytes().to_vec(), at));
        points
    }

    #[test]
    fn d44_plain_names_are_known_and_of_others_only_the_same_bytes_are() {
        assert_eq!(points(&["a", "b", "c"]).back_to(b"B"), Back::To(1));
        assert_eq!(points(&["a", "b ", "c"]).back_to(b"B"), Back::Perhaps(Some(1)));
        assert_eq!(points(&["a", "b", "A"]).back_to(b"a"), Back::To(2));
        assert_eq!(points(&["\u{e9}", "b"]).back_to("\u{e9}".as_bytes()), Back::Perhaps(Some(0)));
        assert_eq!(points(&["b", "\u{e9}"]).back_to(b"b"), Back::Perhaps(Some(0)));
        assert_eq!(points(&["\u{e9}", "b"]).back_to(b"b"), Back::To(1));
        assert_eq!(points(&["b", "\u{e9}", "c"]).back_to("\u{c9}".as_bytes()), Back::Perhaps(Some(0)));
        assert_eq!(points(&["b"]).back_to(b"c"), Back::Perhaps(None));
        // What was behind the point is gone; what was perhaps behind it is not.
        let mut known = points(&["a", "b"]);
        assert_eq!((known.back_to(b"a"), known.back_to(b"b")), (Back::To(0), Back::Perhaps(None)));
    }
}
