//! Digests of the stored bytes: what is recorded about a backup, recomputed while it streams by.
//!
//! A whole MD5 (metadata), the multipart ETag under DBacked's upload schedule, and BLAKE3 of every
//! MiB for the proofs kept here. MD5 is the slow one (some 600 MB/s), so a caller with cores to
//! spare feeds two [`Stored`] on two threads, each with its own [`Wanted`].

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use md5::{Digest, Md5};
use sha2::Sha256;

use crate::model::trust::Answer;
use crate::seal::md5pair::Lanes;

const MIB: u64 = 1 << 20;

/// Which MD5 sums are wanted. Both together cost hardly more than one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sums {
    /// None.
    None,
    /// Of all bytes, as the metadata records it: also the ETag of an object that was uploaded in one piece.
    Whole,
    /// Of all bytes, and of each part as DBacked uploads it, for the multipart ETag.
    WholeAndParts,
}

/// Whether each MiB is digested for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EachMib {
    /// BLAKE3 of each.
    Digested,
    /// Not wanted.
    Skipped,
}

/// Whether SHA-256 of all bytes is wanted: only where somebody recorded one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha256Sum {
    /// It is computed.
    Wanted,
    /// Not wanted.
    Skipped,
}

/// What to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// MD5 sums.
    pub sums: Sums,
    /// Digests for proofs.
    pub each_mib: EachMib,
    /// SHA-256 of all bytes.
    pub sha256: Sha256Sum,
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self { sums: Sums::WholeAndParts, each_mib: EachMib::Digested, sha256: Sha256Sum::Skipped };
    /// Only MD5 sums: the half for one thread.
    pub const SUMS: Self = Self { sums: Sums::WholeAndParts, each_mib: EachMib::Skipped, sha256: Sha256Sum::Skipped };
    /// Only digests for proofs: the half for another thread.
    pub const EACH_MIB: Self = Self { sums: Sums::None, each_mib: EachMib::Digested, sha256: Sha256Sum::Skipped };
}

/// Digests the stored bytes of one object in one pass.
pub struct Stored {
    sums: Md5Sums,
    mib: Option<EachMibDigest>,
    sha256: Option<Sha256>,
    bytes: u64,
}

enum Md5Sums {
    None,
    Whole(Lanes<1>),
    Parts(Parts),
}

/// What [`Stored`] found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoredDigests {
    /// MD5 of all bytes in hex, if wanted.
    pub md5: Option<String>,
    /// SHA-256 of all bytes in hex, if wanted.
    pub sha256: Option<String>,
    /// The ETag that S3 gives an object uploaded in DBacked's parts, if wanted.
    pub etag: Option<String>,
    /// Number of those parts; 0 if not wanted.
    pub parts: u32,
    /// BLAKE3 of every MiB, the last one shorter; empty if not wanted.
    pub mib: Vec<[u8; 32]>,
    /// Number of bytes fed.
    pub bytes: u64,
}

impl StoredDigests {
    /// Takes over what another pass over the same bytes computed and this one did not.
    #[must_use]
    pub fn merged(mut self, other: Self) -> Self {
        debug_assert_eq!(self.bytes, other.bytes, "both passes saw the same object");
        self.md5 = self.md5.or(other.md5);
        self.sha256 = self.sha256.or(other.sha256);
        self.etag = self.etag.or(other.etag);
        self.parts = self.parts.max(other.parts);
        if self.mib.is_empty() {
            self.mib = other.mib;
        }
        self
    }
}

impl Stored {
    /// Nothing fed yet.
    pub fn new(wanted: Wanted) -> Self {
        let sums = match wanted.sums {
            Sums::None => Md5Sums::None,
            Sums::Whole => Md5Sums::Whole(Lanes::new()),
            Sums::WholeAndParts => Md5Sums::Parts(Parts::new()),
        };
        let mib = (wanted.each_mib == EachMib::Digested).then(EachMibDigest::new);
        let sha256 = (wanted.sha256 == Sha256Sum::Wanted).then(Sha256::new);
        Self { sums, mib, sha256, bytes: 0 }
    }

    /// The next bytes, in pieces of any size.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        match &mut self.sums {
            Md5Sums::None => {}
            Md5Sums::Whole(lanes) => lanes.feed(bytes),
            Md5Sums::Parts(parts) => parts.feed(bytes),
        }
        if let Some(mib) = &mut self.mib {
            mib.feed(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
    }

    /// The digests of everything fed.
    pub fn finish(self) -> StoredDigests {
        let mib = self.mib.map_or_else(Vec::new, EachMibDigest::finish);
        let sha256 = self.sha256.map(|sha256| HEXLOWER.encode(&sha256.finalize()));
        let mut digests = StoredDigests { mib, sha256, bytes: self.bytes, ..StoredDigests::default() };
        match self.sums {
            Md5Sums::None => {}
            Md5Sums::Whole(lanes) => digests.md5 = Some(HEXLOWER.encode(&lanes.sum(0))),
            Md5Sums::Parts(parts) => parts.finish(&mut digests),
        }
        digests
    }
}

/// Lane 0 is the whole file, lane 1 the part that is being read.
struct Parts {
    lanes: Lanes<2>,
    part: u32,
    /// Bytes until the part ends: whole MiBs, so the lanes stay in step.
    missing: u64,
    sums: Md5,
}

impl Parts {
    fn new() -> Self {
        Self { lanes: Lanes::new(), part: 1, missing: part_size(1), sums: Md5::new() }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A full part is closed by the byte after it: the last part may be full as well.
            if self.missing == 0 {
                self.sums.update(self.lanes.sum(1));
                self.lanes.restart(1);
                self.part += 1;
                self.missing = part_size(self.part);
            }
            let len = usize::try_from(self.missing).unwrap_or(usize::MAX).min(bytes.len());
            self.lanes.feed(&bytes[..len]);
            self.missing -= len as u64;
            bytes = &bytes[len..];
        }
    }

    fn finish(self, digests: &mut StoredDigests) {
        let sums = self.sums.chain_update(self.lanes.sum(1)).finalize();
        digests.md5 = Some(HEXLOWER.encode(&self.lanes.sum(0)));
        digests.etag = Some(format!("{}-{}", HEXLOWER.encode(&sums), self.part));
        digests.parts = self.part;
    }
}

/// Bytes of DBacked's part `number`, counted from 1; only the last part of an object is shorter.
fn part_size(number: u32) -> u64 {
    MIB * match number {
        ..=5 => 5,
        6..=25 => 50,
        26..=50 => 100,
        51.. => 200,
    }
}

/// In how many parts DBacked uploads an object of `len` bytes.
pub fn expected_parts(len: u64) -> u32 {
    let (mut number, mut covered) = (1, part_size(1));
    while covered < len {
        number += 1;
        covered = covered.saturating_add(part_size(number));
    }
    number
}

struct EachMibDigest {
    current: blake3::Hasher,
    missing: u64,
    done: Vec<[u8; 32]>,
}

impl EachMibDigest {
    fn new() -> Self {
        Self { current: blake3::Hasher::new(), missing: MIB, done: vec![] }
    }

    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let len = bytes.len().min(self.missing as usize);
            self.current.update(&bytes[..len]);
            self.missing -= len as u64;
            bytes = &bytes[len..];
            if self.missing == 0 {
                self.close();
            }
        }
    }

    fn close(&mut self) {
        self.done.push(self.current.finalize().into());
        self.current.reset();
        self.missing = MIB;
    }

    fn finish(mut self) -> Vec<[u8; 32]> {
        if self.missing < MIB {
            self.close();
        }
        self.done
    }
}

/// What a recorded ETag says about the stored bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtagAnswer {
    /// `Yes` when it is the sum of these bytes; `Unknown` when it cannot be compared. Never `No`: an
    /// ETag is also something else under KMS, and after a copy or a replication.
    pub answer: Answer,
    /// In words, safe to draw.
    pub words: String,
}

/// Compares an object's ETag, quoted or not, with what was recomputed.
pub fn compare_etag(etag: &str, digests: &StoredDigests) -> EtagAnswer {
    let bare = etag.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
    let (sum, parts) = bare.split_once('-').map_or((bare.as_str(), None), |(sum, parts)| (sum, Some(parts)));
    let is_sum = HEXLOWER_PERMISSIVE.decode(sum.as_bytes()).is_ok_and(|sum| sum.len() == 16);
    let unknown = |words: String| EtagAnswer { answer: Answer::Unknown, words };
    let yes = |words: &str| EtagAnswer { answer: Answer::Yes, words: words.to_owned() };
    if !is_sum {
        return unknown("not comparable: the ETag is no MD5 sum".to_owned());
    }
    let Some(parts) = parts else {
        return match &digests.md5 {
            Some(md5) if *md5 == bare => yes("MD5 of the object"),
            Some(_) => unknown("not comparable: not the MD5 of these bytes (KMS, or changed)".to_owned()),
            None => unknown("not computed".to_owned()),
        };
    };
    match (parts.parse::<u32>(), &digests.etag) {
        (_, None) => unknown("not computed".to_owned()),
        (Ok(_), Some(own)) if *own == bare => yes("multipart MD5 of the object"),
        (Ok(parts), Some(_)) if parts != digests.parts => unknown(format!(
            "not comparable: uploaded in {parts} parts where DBacked makes {} (copied or replicated)",
            digests.parts
        )),
        (Ok(_), Some(_)) => unknown("not comparable: other sums of the parts (KMS, copied, or changed)".to_owned()),
        (Err(_), Some(_)) => unknown("not comparable: the ETag is no MD5 sum".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_follow_the_schedule() {
        let mib = |n: u64| n * MIB;
        let expected = [(0, 1), (1, 1), (mib(5), 1), (mib(5) + 1, 2), (mib(25), 5), (mib(25) + 1, 6), (mib(75) + 1, 7)];
        let later = [(mib(1025), 25), (mib(1025) + 1, 26), (mib(3525), 50), (mib(3525) + 1, 51), (mib(3725) + 1, 52)];
        for (len, parts) in expected.into_iter().chain(later) {
            assert_eq!(expected_parts(len), parts, "{len}");
        }
    }

    #[test]
    fn an_etag_is_the_sum_of_the_sums_of_the_parts() {
        let bytes: Vec<u8> = (0..11 * MIB as u32 + 7).map(|i| (i % 253) as u8).collect();
        for (len, piece) in [(bytes.len(), 100_001), (10 << 20, 1 << 18), (5 << 20, 4096), (100, 7), (0, 1)] {
            let bytes = &bytes[..len];
            let mut stored = Stored::new(Wanted::ALL);
            bytes.chunks(piece).for_each(|piece| stored.feed(piece));
            let digests = stored.finish();
            let mut sums = Md5::new();
            bytes.chunks(5 << 20).for_each(|part| sums.update(Md5::digest(part)));
            if bytes.is_empty() {
                sums.update(Md5::digest(b""));
            }
            let parts = bytes.len().div_ceil(5 << 20).max(1) as u32;
            assert_eq!(digests.etag, Some(format!("{}-{parts}", HEXLOWER.encode(&sums.finalize()))));
            assert_eq!((digests.parts, parts), (expected_parts(len as u64), parts));
            assert_eq!(digests.md5, Some(HEXLOWER.encode(&Md5::digest(bytes))));
            let mib: Vec<[u8; 32]> = bytes.chunks(1 << 20).map(|mib| blake3::hash(mib).into()).collect();
            assert_eq!(digests.mib, mib);
        }
    }

    #[test]
    fn an_etag_confirms_or_cannot_be_compared() {
        let mut stored = Stored::new(Wanted::SUMS);
        stored.feed(b"abc");
        let digests = stored.finish();
        let multipart = format!("\"{}\"", digests.etag.clone().unwrap());
        assert_eq!(compare_etag(&multipart, &digests).answer, Answer::Yes);
        assert_eq!(compare_etag("900150983cd24fb0d6963f7d28e17f72", &digests).answer, Answer::Yes);
        for other in ["", "x", "900150983cd24fb0d6963f7d28e17f72-2", "900150983cd24fb0d6963f7d28e17f73-1", "-", "a-b"] {
            assert_eq!(compare_etag(other, &digests).answer, Answer::Unknown, "{other}");
        }
    }
}
