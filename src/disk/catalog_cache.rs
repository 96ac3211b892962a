//! What was learnt about each object from its bytes, so that the next listing need not read them again.
//!
//! One append-only file, `catalog.cache`: a heading, then one line per object: 32 hex digits that stand
//! for the object (target, key, stamps), a blank, and what is known as JSON. A later line for the same
//! object replaces the earlier one. Lines are understood when they are asked for, not when the file is
//! read. It holds nothing that cannot be learnt again: a line that makes no sense is skipped, and a file
//! that is not ours at all is dropped.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::folder;
use crate::disk::seen::SeenBook;
use crate::disk::state::{State, StateError};
use crate::model::backup::{Metadata, Shape};
use crate::model::foreign::Foreign;
use crate::model::target::{Object, Stamp};

/// The first line: another one means another version, whose lines are not read.
const HEADING: &[u8] = b"breakglass catalog 1\n";

/// Objects that are remembered; the oldest go first.
const MOST: usize = 250_000;

/// The largest file that is read.
const LIMIT: u64 = 512 << 20;

/// Lines beyond the living ones before the file is written anew.
const SLACK: usize = 20_000;

/// Length of the digits that stand for an object.
const NAME: usize = 32;

/// What is remembered of one version of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Format, compression, seal, from its first bytes.
    pub shape: Shape,
    /// The metadata object beside it.
    pub metadata: Metadata,
}

/// Which object: where it is, and what pins it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheKey {
    /// The target's canonical URL.
    pub target: String,
    /// Relative to the target.
    pub key: Foreign,
    /// What pins it; what differs is another object.
    pub stamp: Stamp,
    /// What pins the metadata object beside it, where there is one.
    pub metadata: Option<Stamp>,
}

impl CacheKey {
    /// Of an object in the target of that URL, with the metadata object beside it.
    pub fn of(url: &str, object: &Object, beside: Option<&Object>) -> Self {
        Self {
            target: url.to_owned(),
            key: object.key.clone(),
            stamp: object.stamp.clone(),
            metadata: beside.map(|beside| beside.stamp.clone()),
        }
    }

    fn name(&self) -> [u8; NAME] {
        let json = serde_json::to_vec(self).expect("text and numbers can always be written as JSON");
        let digest = Sha256::digest(json);
        let mut name = [0; NAME];
        data_encoding::HEXLOWER.encode_mut(&digest[..NAME / 2], &mut name);
        name
    }
}

/// The catalog cache of one estate. Not shared between threads: one task of the catalog owns it.
pub struct CatalogCache {
    path: PathBuf,
    lock: PathBuf,
    /// All lines, those of the file first.
    text: Vec<u8>,
    /// How much of `text` is in the file.
    saved: usize,
    /// Where in `text` an object's newest JSON is.
    known: HashMap<[u8; NAME], Range<usize>>,
    lines: usize,
    remark: Option<String>,
    seen: SeenBook,
}

impl CatalogCache {
    /// Reads what is there. Whatever is wrong with the file, the cache is merely empty then.
    pub fn open(state: &State) -> Self {
        let (path, lock) = (state.dir().join("catalog.cache"), state.dir().join("catalog.lock"));
        let seen = SeenBook::of(state);
        let mut cache =
            Self { path, lock, text: vec![], saved: 0, known: HashMap::new(), lines: 0, remark: None, seen };
        match folder::read_bounded(&cache.path, LIMIT) {
            Ok(text) if text.starts_with(HEADING) => cache.learn(text),
            Ok(_) => cache.drop_file("it is not a cache of this version"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => cache.drop_file(""),
            Err(error) => cache.drop_file(&error.to_string()),
        }
        cache
    }

    /// What is known of an object, if it is still the same one.
    pub fn get(&self, key: &CacheKey) -> Option<Known> {
        let json = self.text.get(self.known.get(&key.name())?.clone())?;
        serde_json::from_slice(json).ok()
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Why the file was dropped, if it was; safe to draw.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// What once lay in each target: a memory of its own, which is never dropped.
    pub fn seen(&self) -> &SeenBook {
        &self.seen
    }

    /// Remembers an object; written by the next [`save`](Self::save).
    pub fn put(&mut self, key: &CacheKey, known: &Known) {
        let json = serde_json::to_vec(known).expect("text and numbers can always be written as JSON");
        self.push(key.name(), &json);
    }

    fn push(&mut self, name: [u8; NAME], json: &[u8]) {
        self.text.extend_from_slice(&name);
        self.text.push(b' ');
        let start = self.text.len();
        self.text.extend_from_slice(json);
        self.known.insert(name, start..self.text.len());
        self.text.push(b'\n');
        self.lines += 1;
    }

    /// Appends what is new to the file, or writes it anew when too much of it is out of date.
    ///
    /// # Errors
    ///
    /// Where it cannot be written; everything is still known in memory.
    pub fn save(&mut self) -> Result<(), StateError> {
        if self.saved == self.text.len() {
            return Ok(());
        }
        let _held = folder::lock(&self.lock).map_err(StateError::io(&self.lock))?;
        let crowded = self.lines > self.known.len() * 2 + SLACK || self.known.len() > MOST;
        let saved = if crowded || !self.path.exists() { self.compact() } else { self.append() };
        saved.map_err(StateError::io(&self.path))?;
        self.saved = self.text.len();
        Ok(())
    }

    fn append(&self) -> io::Result<()> {
        // Never fsynced: all of it can be learnt again, and a cut line is skipped.
        folder::append_own_file(&self.path)?.write_all(&self.text[self.saved..])
    }

    fn compact(&mut self) -> io::Result<()> {
        let mut living: Vec<_> = std::mem::take(&mut self.known).into_iter().collect();
        living.sort_unstable_by_key(|(_, place)| place.start);
        let spare = if living.len() > MOST { living.len() - MOST * 9 / 10 } else { 0 };
        let old = std::mem::replace(&mut self.text, HEADING.to_vec());
        self.lines = 0;
        for (name, place) in living.drain(..).skip(spare) {
            self.push(name, &old[place]);
        }
        folder::replace(&self.path, &self.text)
    }

    fn learn(&mut self, text: Vec<u8>) {
        let mut start = HEADING.len();
        for end in memchr::memchr_iter(b'\n', &text).skip(1) {
            let line = &text[start..end];
            if let Some((name, rest)) = line.split_first_chunk::<NAME>().filter(|(_, rest)| rest.first() == Some(&b' '))
            {
                self.known.insert(*name, end + 1 - rest.len()..end);
            }
            self.lines += 1;
            start = end + 1;
        }
        (self.saved, self.text) = (text.len(), text);
        if self.text.last() != Some(&b'\n') {
            self.text.push(b'\n'); // what a killed process left half written ends here
        }
    }

    fn drop_file(&mut self, why: &str) {
        self.text = HEADING.to_vec();
        self.saved = HEADING.len();
        if !why.is_empty() {
            self.remark = Some(format!("the catalog cache was dropped: {why}"));
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use crate::model::backup::{Basis, Compression, Format, MetadataFacts};
    use crate::model::seal::{Fingerprint, Recipient, RecipientSource, Seal, SealScheme};
    use crate::model::units::Moment;

    use super::*;

    fn key(number: usize) -> CacheKey {
        let stamp = Stamp {
            size: number as u64,
            modified: Some(Moment(number as i64)),
            etag: Some(format!("{number:032x}-3")),
            ..Stamp::default()
        };
        CacheKey {
            target: "s3://acme-bak/mysql/".into(),
            key: Foreign::from(format!("dbacked_shop_{number}")),
            stamp,
            metadata: None,
        }
    }

    fn known(number: usize) -> Known {
        let fingerprint = Fingerprint::from_digest(&[number as u8; 32]);
        let recipient = Recipient { fingerprint: fingerprint.clone(), source: RecipientSource::Metadata };
        let recipients = vec![recipient];
        let (modulus_bytes, version) = (Some(512), Some((0, 1, 0)));
        let seal = Seal { recipients, modulus_bytes, version, ..Seal::new(SealScheme::Dbacked) };
        let shape =
            Shape { format: Format::Dbacked, compression: Compression::None, basis: Basis::Bytes, seal: Some(seal) };
        let facts =
            MetadataFacts { md5: Some("0".repeat(32)), fingerprint: Some(fingerprint), ..MetadataFacts::default() };
        Known { shape, metadata: Metadata::Read(Box::new(facts)) }
    }

    fn state() -> (tempfile::TempDir, State) {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(root.path(), "e").unwrap();
        (root, state)
    }

    #[test]
    fn what_was_learnt_is_known_until_the_object_changes() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        cache.put(&key(1), &known(1));
        cache.save().unwrap();
        cache.put(&key(2), &known(2));
        cache.put(&key(1), &known(3));
        cache.save().unwrap();
        let cache = CatalogCache::open(&state);
        assert_eq!((cache.len(), cache.get(&key(1)), cache.get(&key(2))), (2, Some(known(3)), Some(known(2))));
        let changed = CacheKey { stamp: Stamp { size: 9, ..key(1).stamp }, ..key(1) };
        assert_eq!(cache.get(&changed), None);
        let other_metadata = CacheKey { metadata: Some(Stamp::default()), ..key(1) };
        assert_eq!(cache.get(&other_metadata), None);
    }

    #[test]
    fn a_corrupt_cache_is_dropped_and_a_cut_line_is_skipped() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        cache.put(&key(1), &known(1));
        cache.put(&key(2), &known(2));
        cache.save().unwrap();
        let bytes = fs::read(&cache.path).unwrap();
        fs::write(&cache.path, &bytes[..bytes.len() - 30]).unwrap();
        let mut cut = CatalogCache::open(&state);
        assert_eq!((cut.len(), cut.remark()), (1, None));
        cut.put(&key(3), &known(3));
        cut.save().unwrap();
        let healed = CatalogCache::open(&state);
        assert!(healed.get(&key(1)).is_some() && healed.get(&key(3)).is_some());
        fs::write(&cache.path, b"\0\0\xff").unwrap();
        let dropped = CatalogCache::open(&state);
        assert!(dropped.is_empty() && dropped.remark().unwrap().contains("dropped") && !cache.path.exists());
    }

    #[test]
    fn lines_that_are_out_of_date_do_not_pile_up() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        for _ in 0..3 {
            for _ in 0..SLACK {
                cache.put(&key(1), &known(1));
            }
            cache.save().unwrap();
        }
        let lines = fs::read(&cache.path).unwrap().split(|byte| *byte == b'\n').count();
        assert!(lines <= SLACK + 10 && CatalogCache::open(&state).len() == 1, "{lines}");
    }

    #[test]
    fn a_hundred_thousand_objects_are_read_at_once() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        (0..100_000).for_each(|number| cache.put(&key(number), &known(number)));
        cache.save().unwrap();
        let started = Instant::now();
        let cache = CatalogCache::open(&state);
        let taken = started.elapsed();
        println!("100,000 cached objects ({} MiB) read in {taken:?}", fs::metadata(&cache.path).unwrap().len() >> 20);
        assert_eq!(cache.len(), 100_000);
        assert!(taken.as_millis() < 2_000, "two busy cores may need ten times the usual: {taken:?}");
    }
}
