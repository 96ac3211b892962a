//! Comparing what a store answers with what was listed and asked for.

use crate::model::target::Stamp;

/// What differs between the pinned object and the one at hand, in words; `None` if nothing does.
///
/// What either side does not know is not compared.
pub(super) fn difference(pinned: &Stamp, now: &Stamp) -> Option<String> {
    if pinned.size != now.size {
        return Some(format!("it has {} bytes, not {}", now.size, pinned.size));
    }
    if differs(&pinned.etag, &now.etag) {
        return Some("its ETag is another".to_owned());
    }
    if differs(&pinned.version, &now.version) {
        return Some("its version is another".to_owned());
    }
    // S3 lists milliseconds and answers in whole seconds: times are only compared where nothing better is known.
    if pinned.etag.is_none() && differs(&pinned.modified, &now.modified) {
        return Some("it was written again".to_owned());
    }
    if differs(&pinned.inode, &now.inode) {
        return Some("the file was replaced or altered".to_owned());
    }
    None
}

fn differs<T: PartialEq>(pinned: &Option<T>, now: &Option<T>) -> bool {
    matches!((pinned, now), (Some(pinned), Some(now)) if pinned != now)
}

/// The `a`, `b` and total of `Content-Range: bytes a-b/total`.
pub(super) fn content_range(header: &str) -> Option<(u64, u64, u64)> {
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

/// An ETag without its quotes and without the mark of a weak one.
pub(super) fn bare_etag(header: &str) -> String {
    header.strip_prefix("W/").unwrap_or(header).trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_sides_know_is_compared() {
        let pinned = Stamp { size: 3, etag: Some("a".into()), ..Stamp::default() };
        assert_eq!(difference(&pinned, &Stamp { size: 3, ..Stamp::default() }), None);
        assert!(difference(&pinned, &Stamp { size: 4, ..pinned.clone() }).is_some());
        assert!(difference(&pinned, &Stamp { etag: Some("b".into()), ..pinned.clone() }).is_some());
        let file = Stamp { size: 3, inode: Some((1, 2, 3)), ..Stamp::default() };
        assert!(difference(&file, &Stamp { inode: Some((1, 2, 4)), ..file.clone() }).is_some());
    }

    #[test]
    fn a_content_range_is_read_exactly_or_not_at_all() {
        assert_eq!(content_range("bytes 0-9/10"), Some((0, 9, 10)));
        for odd in ["bytes 0-9/*", "bytes */10", "0-9/10", "bytes -9/10", "bytes 0-9/10 "] {
            assert_eq!(content_range(odd), None, "{odd}");
        }
        assert_eq!((bare_etag("\"a-3\""), bare_etag("W/\"a\"")), ("a-3".to_owned(), "a".to_owned()));
    }
}
