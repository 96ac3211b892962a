//! What was learnt about each object from its bytes, so that the next listing need not read them again.
//!
//! One append-only file, `catalog.cache`: a heading, then one line per object: 32 hex digits that stand
//! for the object (id and stamp), a blank, and what is known as JSON. A later line for the same
//! object replaces the earlier one. Lines are understood when they are asked for, not when the file is
//! read. It holds nothing that cannot be learnt again: a line that makes no sense is skipped, and a file
//! that is not ours at all is dropped.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::disk::folder;
use crate::disk::state::State;
use crate::model::backup::{BackupId, Metadata, Shape};
use crate::model::target::Stamp;

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

/// One line's JSON: what is remembered of one version of one object.
#[derive(Serialize, Deserialize)]
struct Known<'a> {
    shape: Cow<'a, Shape>,
    metadata: Cow<'a, Metadata>,
}

/// What stands for an object: its id says where it is, its stamp which version of it.
fn name_of(id: &BackupId, stamp: &Stamp) -> [u8; NAME] {
    let json = serde_json::to_vec(&(id, stamp)).expect("text and numbers can always be written as JSON");
    let digest = Sha256::digest(json);
    let mut name = [0; NAME];
    data_encoding::HEXLOWER.encode_mut(&digest[..NAME / 2], &mut name);
    name
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
}

impl CatalogCache {
    /// Reads what is there. Whatever is wrong with the file, the cache is merely empty then.
    pub fn open(state: &State) -> Self {
        let (path, lock) = (state.dir().join("catalog.cache"), state.dir().join("catalog.lock"));
        let mut cache = Self { path, lock, text: vec![], saved: 0, known: HashMap::new(), lines: 0, remark: None };
        match folder::read_bounded(&cache.path, LIMIT) {
            Ok(text) if text.starts_with(HEADING) => cache.learn(text),
            Ok(_) => cache.drop_file("it is not a cache of this version"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => cache.drop_file(""),
            Err(error) => cache.drop_file(&error.to_string()),
        }
        cache
    }

    /// What is known of an object, if it is still the same one.
    pub fn get(&self, id: &BackupId, stamp: &Stamp) -> Option<(Shape, Metadata)> {
        let json = self.text.get(self.known.get(&name_of(id, stamp))?.clone())?;
        let known: Known<'_> = serde_json::from_slice(json).ok()?;
        Some((known.shape.into_owned(), known.metadata.into_owned()))
    }

    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Why the file was dropped or cannot be written, if so; safe to draw.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Remembers an object; written by the next [`save`](Self::save).
    ///
    /// Where its metadata is missing nothing is remembered: it may be uploaded yet.
    pub fn put(&mut self, id: &BackupId, stamp: &Stamp, shape: &Shape, metadata: &Metadata) {
        if matches!(metadata, Metadata::Missing | Metadata::Pending) {
            return;
        }
        let known = Known { shape: Cow::Borrowed(shape), metadata: Cow::Borrowed(metadata) };
        let json = serde_json::to_vec(&known).expect("text and numbers can always be written as JSON");
        self.push(name_of(id, stamp), &json);
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
    /// A cache that cannot be written is only slower next time: the log and [`remark`](Self::remark) say so.
    pub fn save(&mut self) {
        if self.saved == self.text.len() {
            return;
        }
        match self.write() {
            Ok(()) => self.saved = self.text.len(),
            Err(error) => {
                tracing::warn!("the catalog cache cannot be written: {error}");
                self.remark = Some(format!("the catalog cache cannot be written: {error}"));
            }
        }
    }

    fn write(&mut self) -> io::Result<()> {
        let _held = folder::lock(&self.lock)?;
        let crowded = self.lines > self.known.len() * 2 + SLACK || self.known.len() > MOST;
        if crowded || !self.path.exists() { self.compact() } else { self.append() }
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

    fn id(number: usize) -> BackupId {
        let mut digest = [0; 32];
        digest[..4].copy_from_slice(&(number as u32).to_le_bytes());
        BackupId::from_digest(&digest)
    }

    fn stamp(number: usize) -> Stamp {
        let etag = Some(format!("{number:032x}-3"));
        Stamp { size: number as u64, modified: Some(Moment(number as i64)), etag, ..Stamp::default() }
    }

    fn known(number: usize) -> (Shape, Metadata) {
        let fingerprint = Fingerprint::from_digest(&[number as u8; 32]);
        let recipient = Recipient { fingerprint: fingerprint.clone(), source: RecipientSource::Metadata };
        let scheme = SealScheme::Dbacked;
        let seal = Seal { scheme, recipients: vec![recipient], modulus_bytes: Some(512), version: Some((0, 1, 0)) };
        let (format, compression, basis) = (Format::Dbacked, Compression::None, Basis::Bytes);
        let facts = MetadataFacts { md5: Some("0".repeat(32)), fingerprint: Some(fingerprint), ..Default::default() };
        (Shape { format, compression, basis, seal: Some(seal) }, Metadata::Read(Box::new(facts)))
    }

    fn put(cache: &mut CatalogCache, number: usize, what: usize) {
        let (shape, metadata) = known(what);
        cache.put(&id(number), &stamp(number), &shape, &metadata);
    }

    fn get(cache: &CatalogCache, number: usize) -> Option<(Shape, Metadata)> {
        cache.get(&id(number), &stamp(number))
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
        put(&mut cache, 1, 1);
        cache.save();
        put(&mut cache, 2, 2);
        put(&mut cache, 1, 3);
        cache.save();
        let cache = CatalogCache::open(&state);
        assert_eq!((cache.len(), get(&cache, 1), get(&cache, 2)), (2, Some(known(3)), Some(known(2))));
        assert_eq!(cache.get(&id(1), &stamp(2)), None);
        let mut cache = cache;
        cache.put(&id(3), &stamp(3), &known(3).0, &Metadata::Missing);
        assert_eq!(get(&cache, 3), None, "its metadata may be uploaded yet");
    }

    #[test]
    fn a_corrupt_cache_is_dropped_and_a_cut_line_is_skipped() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        put(&mut cache, 1, 1);
        put(&mut cache, 2, 2);
        cache.save();
        let bytes = fs::read(&cache.path).unwrap();
        fs::write(&cache.path, &bytes[..bytes.len() - 30]).unwrap();
        let mut cut = CatalogCache::open(&state);
        assert_eq!((cut.len(), cut.remark()), (1, None));
        put(&mut cut, 3, 3);
        cut.save();
        let healed = CatalogCache::open(&state);
        assert!(get(&healed, 1).is_some() && get(&healed, 3).is_some());
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
                put(&mut cache, 1, 1);
            }
            cache.save();
        }
        let lines = fs::read(&cache.path).unwrap().split(|byte| *byte == b'\n').count();
        assert!(lines <= SLACK + 10 && CatalogCache::open(&state).len() == 1, "{lines}");
    }

    #[test]
    fn a_hundred_thousand_objects_are_read_at_once() {
        let (_root, state) = state();
        let mut cache = CatalogCache::open(&state);
        (0..100_000).for_each(|number| put(&mut cache, number, number));
        cache.save();
        let started = Instant::now();
        let cache = CatalogCache::open(&state);
        let taken = started.elapsed();
        println!("100,000 cached objects ({} MiB) read in {taken:?}", fs::metadata(&cache.path).unwrap().len() >> 20);
        assert_eq!(cache.len(), 100_000);
        assert!(taken.as_millis() < 2_000, "two busy cores may need ten times the usual: {taken:?}");
    }
}
