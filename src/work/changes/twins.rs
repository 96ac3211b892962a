//! Logs that are there twice: the copy that has most is read, as long as the others are its beginning.

use std::io;

use crate::change::index::ReadAt;
use crate::model::change::BinlogPos;
use crate::model::changes::Problem;
use crate::model::foreign::Foreign;
use crate::model::target::Object;
use crate::report::Report;
use crate::work::changes::fetch::{Fetching, Log};
use crate::work::changes::listing::Found;

/// The code of what is said of them.
pub const TWICE: &str = "changes::twice";
/// How much of two copies is compared at a time.
const PIECE: usize = 256 << 10;
/// The byte with the flag that the server clears when it closes a log, and that flag.
const IN_USE: (u64, u8) = (4 + 17, 1);

impl Fetching<'_> {
    /// Brings a log, the copy of it that has most; and what is to say of the other ones.
    ///
    /// # Errors
    ///
    /// As [`Self::bring`].
    pub async fn bring_whole(&self, found: &Found) -> Result<(Log, Vec<Problem>), Report> {
        let mut kept = (self.bring(found).await?, &found.object);
        let mut problems = vec![];
        for twin in &found.twins {
            let other = (self.bring(&Found { object: twin.clone(), ..found.clone() }).await?, twin);
            let differ = first_difference(&*kept.0.bytes, &*other.0.bytes);
            // One that could not be unpacked to its end, or is shorter, is left.
            let rank = |log: &Log| (log.bytes.len(), log.broken.is_none());
            let (more, less) = if rank(&other.0) > rank(&kept.0) { (other, kept) } else { (kept, other) };
            problems.push(twice(&found.name, (more.1, more.0.bytes.len()), (less.1, less.0.bytes.len()), differ));
            kept = more;
        }
        Ok((kept.0, problems))
    }
}

/// The first byte in which two logs differ, as far as both go.
fn first_difference(one: &dyn ReadAt, other: &dyn ReadAt) -> io::Result<Option<u64>> {
    let end = one.len().min(other.len());
    let (mut at, mut left, mut right) = (0, vec![0; PIECE], vec![0; PIECE]);
    while at < end {
        let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let n = one.read_at(at, &mut left[..most])?;
        let n = other.read_at(at, &mut right[..n])?.min(n);
        if n == 0 {
            return Ok(Some(at));
        }
        for piece in [&mut left, &mut right] {
            if let Some(byte) = IN_USE.0.checked_sub(at).and_then(|flag| piece.get_mut(usize::try_from(flag).ok()?)) {
                *byte &= !IN_USE.1;
            }
        }
        if let Some(differ) = (0..n).find(|nth| left[*nth] != right[*nth]) {
            return Ok(Some(at + differ as u64));
        }
        at += n as u64;
    }
    Ok(None)
}

fn twice(
    name: &Foreign,
    (read, size): (&Object, u64),
    (left, less): (&Object, u64),
    differ: io::Result<Option<u64>>,
) -> Problem {
    let (position, how) = match differ {
        Ok(None) if less == size => (0, "they are the same".to_owned()),
        Ok(None) => (0, format!("it ends at byte {less}, the other at {size}")),
        Ok(Some(at)) => (at, format!("they differ from byte {at} on, so one of them is not what happened")),
        Err(ref error) => (0, format!("they cannot be compared: {error}")),
    };
    Problem {
        file: name.clone(),
        position: BinlogPos(position),
        code: TWICE.to_owned(),
        words: format!("there twice: {} is read, {} is not: {how}", read.key, left.key),
        advice: "move one of them away, if it matters which is read".to_owned(),
        damage: !matches!(differ, Ok(None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d48_copies_are_compared_but_for_the_flag_that_a_log_is_in_use() {
        let whole: Vec<u8> = (0..PIECE + 100).map(|at| at as u8).collect();
        let mut short = whole[..PIECE + 50].to_vec();
        short[21] ^= 1;
        assert_eq!(first_difference(&whole, &short).unwrap(), None);
        short[21] ^= 2;
        assert_eq!(first_difference(&short, &whole).unwrap(), Some(21));
        short[21] ^= 2;
        short[PIECE + 20] ^= 1;
        assert_eq!(first_difference(&whole, &short).unwrap(), Some(PIECE as u64 + 20));
    }
}
