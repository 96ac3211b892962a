//! What was proven about each backup, one file per backup id.
//!
//! `ID.json` holds the verdicts. The digests of every MiB, 32 KiB per GiB, stand beside it in
//! `ID.HASH.mib`, so that reading all verdicts at the start stays cheap; the JSON names their SHA-256.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::folder;
use crate::disk::state::{State, StateError};
use crate::model::backup::BackupId;
use crate::model::target::Stamp;
use crate::model::trust::{Proof, Rung, VerdictOutcome};

/// The largest file of verdicts that is read.
const VERDICTS: u64 = 16 << 20;

/// The largest file of digests that is read: those of 16 TiB.
const DIGESTS: u64 = 512 << 20;

/// The proofs of one estate.
#[derive(Debug, Clone)]
pub struct Proofs {
    dir: PathBuf,
}

/// What is remembered of one object: of these very bytes, told apart by their stamp.
///
/// A verdict that says less does not erase one that says more: `wrong_key` after `whole` keeps the
/// proof, and `inconclusive` after `damaged` keeps the damage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The object that all of these speak of.
    pub stamp: Stamp,
    /// The highest climb that ended well; good ones before others, newer ones before older.
    pub best: Option<Proof>,
    /// The newest verdict that speaks against the bytes.
    pub bad: Option<Proof>,
    /// The newest verdict of all, where it is neither of the two above.
    pub other: Option<Proof>,
}

impl Remembered {
    fn of(stamp: Stamp) -> Self {
        Self { stamp, best: None, bad: None, other: None }
    }

    /// The newest verdict, whatever it says.
    pub fn newest(&self) -> Option<&Proof> {
        [&self.best, &self.bad, &self.other].into_iter().flatten().max_by_key(|proof| proof.at)
    }

    /// The verdict that counts, to be shown in lists.
    ///
    /// Damage counts until the object changes or a newer *good* proof reads the same bytes whole;
    /// otherwise the highest climb counts, unless the newest verdict knows more.
    pub fn standing(&self) -> Option<&Proof> {
        match (&self.best, &self.bad) {
            (Some(best), Some(bad)) if best.is_good() && best.at > bad.at => Some(best),
            (_, Some(bad)) => Some(bad),
            (Some(best), None) => match &self.other {
                Some(other) if !best.is_good() && other.reached() >= best.reached() => Some(other),
                _ => Some(best),
            },
            (None, None) => self.other.as_ref(),
        }
    }

    /// The proof whose digests may release bytes to a sink: whole, all of it read, not contradicted since.
    pub fn releasing(&self) -> Option<&Proof> {
        let best = self.best.as_ref().filter(|best| best.reached() >= Rung::Whole && !best.mib_digests.is_empty())?;
        let contradicted = self.bad.as_ref().is_some_and(|bad| bad.at >= best.at);
        (!contradicted).then_some(best)
    }

    fn learn(&mut self, mut proof: Proof) {
        let slot = match proof.outcome {
            outcome if outcome.is_bad() => &mut self.bad,
            VerdictOutcome::Ok if self.best.as_ref().is_none_or(|best| weight(&proof) >= weight(best)) => {
                &mut self.best
            }
            _ => &mut self.other,
        };
        if slot.as_ref().is_none_or(|known| known.at <= proof.at) {
            if proof.outcome != VerdictOutcome::Ok {
                proof.mib_digests = vec![]; // they release nothing
            }
            *slot = Some(proof);
        }
        if self.other.as_ref().is_some_and(|other| self.newest() != Some(other)) {
            self.other = None;
        }
    }
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
struct Stored {
    known: Remembered,
    /// SHA-256 of the digests of `known.best`, in hex, where it has any.
    digests: Option<String>,
}

fn weight(proof: &Proof) -> (bool, Rung) {
    (proof.is_good(), proof.reached())
}

/// All proofs that could be read, and the files that could not.
#[derive(Debug, Default)]
pub struct AllProofs {
    /// By backup.
    pub proofs: Vec<(BackupId, Remembered)>,
    /// Files that were left aside, in words that are safe to draw.
    pub remarks: Vec<String>,
}

impl Proofs {
    /// Opens the proofs of an estate.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or is not ours alone.
    pub fn open(state: &State) -> Result<Self, StateError> {
        let dir = state.dir().join("proofs");
        folder::ensure_own_dir(&dir).map_err(StateError::io(&dir))?;
        Ok(Self { dir })
    }

    /// Remembers a verdict, beside what is already known of the same object.
    ///
    /// Verdicts on another object under the same id (overwritten since) are forgotten, unless they
    /// are newer than this one. What is handed back holds digests only if this verdict brought them.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written; what was known before is then still known.
    pub fn put(&self, id: &BackupId, proof: &Proof) -> Result<Remembered, StateError> {
        let lock = self.dir.join(".lock");
        let _held = folder::lock(&lock).map_err(StateError::io(&lock))?;
        let before = self.read(id).ok().flatten();
        let old_digests = before.as_ref().and_then(|stored| stored.digests.clone());
        let mut stored = match before {
            Some(stored) if stored.known.stamp == proof.stamp => stored,
            Some(stored) if stored.known.newest().is_some_and(|newest| newest.at > proof.at) => return Ok(stored.known),
            _ => Stored { known: Remembered::of(proof.stamp.clone()), digests: None },
        };
        stored.known.learn(proof.clone());
        let path = self.path(id);
        self.write(id, proof, &mut stored).map_err(StateError::io(&path))?;
        if let Some(old) = old_digests.filter(|old| stored.digests.as_ref() != Some(old)) {
            // Left behind it would only take room.
            let _ = fs::remove_file(self.digests_path(id, &old));
        }
        Ok(stored.known)
    }

    /// Digests first: a verdict never names digests that are not there.
    fn write(&self, id: &BackupId, newest: &Proof, stored: &mut Stored) -> io::Result<()> {
        let replaced = stored.known.best.as_ref() == Some(newest);
        let digests = stored.known.best.as_mut().map(|best| std::mem::take(&mut best.mib_digests)).unwrap_or_default();
        if replaced {
            stored.digests = None;
            if !digests.is_empty() {
                let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(digests.as_flattened()));
                folder::replace(&self.digests_path(id, &hash), digests.as_flattened())?;
                stored.digests = Some(hash);
            }
        }
        folder::replace(&self.path(id), &serde_json::to_vec(stored)?)?;
        if let Some(best) = &mut stored.known.best {
            best.mib_digests = digests;
        }
        Ok(())
    }

    /// What is known of exactly this object, digests included. A file that cannot be understood counts
    /// as nothing, and digests that are missing or damaged as none.
    pub fn get(&self, id: &BackupId, stamp: &Stamp) -> Option<Remembered> {
        // Against a console that replaces the digests between our two reads.
        let _held = folder::lock(&self.dir.join(".lock"));
        let Stored { mut known, digests } =
            self.read(id).ok().flatten().filter(|stored| stored.known.stamp == *stamp)?;
        if let (Some(best), Some(hash)) = (&mut known.best, digests) {
            best.mib_digests = self.read_digests(id, &hash).unwrap_or_default();
        }
        Some(known)
    }

    fn read_digests(&self, id: &BackupId, hash: &str) -> Option<Vec<[u8; 32]>> {
        let bytes = folder::read_bounded(&self.digests_path(id, hash), DIGESTS).ok()?;
        let (digests, rest) = bytes.as_chunks::<32>();
        let same = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes)) == hash;
        (same && rest.is_empty()).then(|| digests.to_vec())
    }

    /// Everything that is known, without digests, and remarks on files that could not be understood.
    pub fn all(&self) -> AllProofs {
        let mut all = AllProofs::default();
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) => {
                all.remarks.push(format!("the proofs cannot be listed: {error}"));
                return all;
            }
        };
        for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
            let Some(id) = name.strip_suffix(".json").and_then(id_of) else { continue };
            match self.read(&id) {
                Ok(Some(stored)) => all.proofs.push((id, stored.known)),
                Ok(None) => {}
                Err(error) => all.remarks.push(format!("the proof of {id} is left aside: {error}")),
            }
        }
        all.proofs.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }

    fn read(&self, id: &BackupId) -> io::Result<Option<Stored>> {
        match folder::read_bounded(&self.path(id), VERDICTS) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self, id: &BackupId) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    fn digests_path(&self, id: &BackupId, hash: &str) -> PathBuf {
        // The hash comes out of a file: only its digits may become part of a path.
        let digits: String = hash.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        self.dir.join(format!("{id}.{digits}.mib"))
    }
}

/// Reads an id back from a file's name, and only what can be one: it becomes part of a path again.
fn id_of(text: &str) -> Option<BackupId> {
    let fits = text.len() == 10 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    fits.then(|| serde_json::from_value(text.into()).ok())?
}

#[cfg(test)]
mod tests {
    use crate::model::trust::{Answer, Voucher};
    use crate::model::units::Moment;

    use super::*;

    fn stamp(size: u64) -> Stamp {
        Stamp { size, etag: Some("abc".into()), ..Stamp::default() }
    }

    fn proof(at: i64, outcome: VerdictOutcome, reached: Rung, content: Voucher) -> Proof {
        let rungs = Rung::ALL.map(|rung| if rung <= reached { Answer::Yes } else { Answer::Unknown });
        let digests = if reached >= Rung::Whole { vec![[7; 32]; 3] } else { vec![] };
        // As an older version wrote it: what it did not know is absent.
        let json = serde_json::json!({
            "stamp": stamp(1), "at": Moment(at), "program": "0.1.0", "tried": "whole", "rungs": rungs,
            "content": content, "outcome": outcome, "checks": [], "findings": [],
            "bytes_in": 0, "bytes_out": 0, "millis": 0, "mib_digests": "",
        });
        Proof { mib_digests: digests, ..serde_json::from_value(json).unwrap() }
    }

    fn whole(at: i64) -> Proof {
        proof(at, VerdictOutcome::Ok, Rung::Whole, Voucher::Hash)
    }

    fn damaged(at: i64) -> Proof {
        proof(at, VerdictOutcome::Damaged, Rung::Listed, Voucher::None)
    }

    fn wrong_key(at: i64) -> Proof {
        proof(at, VerdictOutcome::WrongKey, Rung::Intact, Voucher::Hash)
    }

    struct Kept {
        _root: tempfile::TempDir,
        proofs: Proofs,
        id: BackupId,
    }

    fn kept() -> Kept {
        let root = tempfile::tempdir().unwrap();
        let proofs = Proofs::open(&State::open(root.path(), "e").unwrap()).unwrap();
        Kept { _root: root, proofs, id: BackupId::from_digest(&[9; 32]) }
    }

    impl Kept {
        fn after(&self, verdicts: &[Proof]) -> Remembered {
            for verdict in verdicts {
                self.proofs.put(&self.id, verdict).unwrap();
            }
            self.proofs.get(&self.id, &stamp(1)).unwrap()
        }
    }

    #[test]
    fn a_verdict_that_says_less_erases_nothing() {
        let known = kept().after(&[whole(1), wrong_key(2)]);
        assert_eq!(known.standing(), Some(&whole(1)));
        assert_eq!(known.newest(), Some(&wrong_key(2)));
        assert_eq!(known.releasing(), Some(&whole(1)));
        let inconclusive = proof(3, VerdictOutcome::Inconclusive, Rung::Opens, Voucher::None);
        let known = kept().after(&[damaged(2), inconclusive.clone()]);
        assert_eq!(known.standing(), Some(&damaged(2)));
        assert_eq!(known.newest(), Some(&inconclusive));
        assert_eq!(kept().after(&[wrong_key(1)]).standing(), Some(&wrong_key(1)));
    }

    #[test]
    fn a_lower_climb_does_not_replace_a_higher_one() {
        let opens = proof(2, VerdictOutcome::Ok, Rung::Opens, Voucher::Hash);
        let unchecked = proof(3, VerdictOutcome::Ok, Rung::Whole, Voucher::None);
        let known = kept().after(&[whole(1), opens, unchecked]);
        assert_eq!((known.standing(), known.releasing()), (Some(&whole(1)), Some(&whole(1))));
        assert_eq!(
            kept().after(&[whole(1), whole(5)]).standing(),
            Some(&whole(5)),
            "a newer one of the same height does"
        );
    }

    #[test]
    fn damage_counts_until_a_good_proof_or_another_object() {
        let known = kept().after(&[whole(1), damaged(2)]);
        assert_eq!((known.standing(), known.releasing()), (Some(&damaged(2)), None));
        let unchecked = proof(3, VerdictOutcome::Ok, Rung::Whole, Voucher::None);
        assert_eq!(kept().after(&[damaged(2), unchecked]).standing(), Some(&damaged(2)));
        let known = kept().after(&[damaged(2), whole(3)]);
        assert_eq!((known.standing(), known.bad.as_ref()), (Some(&whole(3)), Some(&damaged(2))));
        let kept = kept();
        kept.after(&[damaged(2)]);
        let other = Proof { stamp: stamp(2), ..whole(3) };
        kept.proofs.put(&kept.id, &other).unwrap();
        assert_eq!(kept.proofs.get(&kept.id, &stamp(1)), None);
        assert_eq!(kept.proofs.get(&kept.id, &stamp(2)).unwrap().bad, None);
        kept.proofs.put(&kept.id, &damaged(1)).unwrap();
        assert!(kept.proofs.get(&kept.id, &stamp(2)).is_some(), "a late verdict on the old object changes nothing");
    }

    #[test]
    fn digests_stand_aside_follow_the_best_proof_and_are_checked() {
        let kept = kept();
        let beside = || {
            let names = fs::read_dir(&kept.proofs.dir).unwrap().map(|entry| entry.unwrap().path());
            names.filter(|path| path.extension().is_some_and(|end| end == "mib")).collect::<Vec<_>>()
        };
        kept.after(&[whole(1), wrong_key(2)]);
        assert_eq!(beside().len(), 1);
        let all = kept.proofs.all();
        assert!(all.proofs[0].1.best.as_ref().unwrap().mib_digests.is_empty(), "not read with all");
        let newer = Proof { mib_digests: vec![[8; 32]; 2], ..whole(3) };
        let known = kept.after(std::slice::from_ref(&newer));
        assert_eq!((known.releasing(), beside().len()), (Some(&newer), 1));
        fs::write(&beside()[0], [9; 64]).unwrap();
        assert_eq!(kept.proofs.get(&kept.id, &stamp(1)).unwrap().releasing(), None, "damaged digests release nothing");
        kept.proofs.put(&kept.id, &Proof { stamp: stamp(2), ..damaged(4) }).unwrap();
        assert!(beside().is_empty());
    }

    #[test]
    fn a_corrupt_file_is_left_aside_and_the_next_verdict_replaces_it() {
        let kept = kept();
        kept.after(&[whole(1)]);
        fs::write(kept.proofs.path(&kept.id), b"{\"stamp\":").unwrap();
        fs::write(kept.proofs.dir.join("..%2fevil.json"), b"").unwrap();
        let all = kept.proofs.all();
        assert!(all.proofs.is_empty() && all.remarks.len() == 1, "{all:?}");
        assert_eq!(kept.proofs.get(&kept.id, &stamp(1)), None);
        kept.after(&[whole(2)]);
        assert_eq!(kept.proofs.all().proofs.len(), 1);
    }
}
