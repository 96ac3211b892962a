//! Our own sealed format: what comes back, and that nothing that was changed does.

use std::io::{Cursor, Read, Seek, SeekFrom, Write};
use std::process::Command;
use std::sync::OnceLock;

use breakglass::model::foreign::Foreign;
use breakglass::model::seal::Fingerprint;
use breakglass::seal::keyfile::load;
use breakglass::seal::keyring::{ContentKey, PrivateKey};
use breakglass::seal::public::PublicKey;
use breakglass::seal::sealed::{CHUNK, SealedHeader, Sealer, SeekUnsealer, Unsealer, reseal};
use breakglass::seal::{Damage, SealError, UnsealError};
use proptest::prelude::*;
use proptest::sample::Index;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::{drain, large, mutated, run, small, stranger};

use crate::support;

pub(super) fn seal(plain: &[u8], recipients: &[PublicKey]) -> Vec<u8> {
    let mut sealer = Sealer::new(vec![], recipients).unwrap();
    sealer.write_all(plain).unwrap();
    sealer.finish().unwrap()
}

pub(super) fn unseal(stored: &[u8], key: &PrivateKey) -> (Vec<u8>, Result<(), UnsealError>) {
    let mut source = stored;
    match SealedHeader::read(&mut source).and_then(|header| Ok((header.unwrap(key)?, header))) {
        Ok((payload, header)) => drain(Unsealer::new(source, &payload, header.len())),
        Err(error) => (vec![], Err(error)),
    }
}

/// One sealed file, opened once: its payload key serves every case that leaves the header alone.
struct Sample {
    stored: Vec<u8>,
    plain: Vec<u8>,
    payload: ContentKey,
    start: usize,
}

impl Sample {
    fn new(len: usize) -> Self {
        let plain: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let stored = seal(&plain, &[small().public().clone()]);
        let header = SealedHeader::read(&mut &stored[..]).unwrap();
        let payload = header.unwrap(small()).unwrap_or_else(|error| panic!("{error}"));
        Self { stored, plain, payload, start: header.len() as usize }
    }

    fn open(&self, stored: &[u8]) -> (Vec<u8>, Result<(), UnsealError>) {
        drain(Unsealer::new(&stored[self.start.min(stored.len())..], &self.payload, self.start as u64))
    }
}

fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| Sample::new(3 * CHUNK + 1000))
}

#[test]
fn each_recipient_opens_a_sealed_file_and_nobody_else() {
    let recipients = [small().public().clone(), large().public().clone(), small().public().clone()];
    let stored = seal(b"UPDATE", &recipients);
    let header = SealedHeader::read(&mut &stored[..]).unwrap();
    assert_eq!(header.recipients(), [small().fingerprint(), large().fingerprint()]);
    assert_eq!(header.len() as usize, 38 + 34 + 256 + 34 + 512 + 32);
    for key in [small(), large()] {
        let (plain, outcome) = unseal(&stored, key);
        assert!(outcome.is_ok() && plain == b"UPDATE");
    }
    assert!(matches!(unseal(&stored, stranger()).1, Err(UnsealError::WrongKey)));
    let sniffed = SealedHeader::sniff(&stored[..400]).unwrap();
    let known: Vec<Fingerprint> = sniffed.recipients.into_iter().map(|recipient| recipient.fingerprint).collect();
    assert_eq!(known, header.recipients());
}

#[test]
fn a_seal_needs_recipients_of_size_and_of_a_bounded_number() {
    assert!(matches!(Sealer::new(vec![], &[]), Err(SealError::NoRecipient)));
    let tiny = run(Command::new("openssl").args(["genrsa", "1024"]));
    let Ok(tiny) = load(&tiny, None, Foreign::default()) else { panic!("1,024 bits load") };
    let weak = Sealer::new(vec![], &[tiny.public().clone()]);
    assert!(matches!(weak, Err(SealError::WeakRecipient { bits: 1024 })));
}

#[test]
fn every_changed_byte_of_a_sealed_header_is_found() {
    let stored = seal(b"x", &[small().public().clone()]);
    for at in 0..stored.len() {
        let mut changed = stored.clone();
        changed[at] ^= 1 << (at % 8);
        let (plain, outcome) = unseal(&changed, small());
        assert!(outcome.is_err() && plain.is_empty(), "byte {at}");
    }
}

#[test]
fn a_sealed_file_cut_anywhere_is_never_whole() {
    let sample = sample();
    for cut in 0..sample.start + 64 {
        assert!(unseal_head(&sample.stored[..cut], &sample.payload).is_err(), "{cut}");
    }
    let near = |at: usize| at.saturating_sub(20)..at + 20;
    let sealed = CHUNK + 16;
    let ends = (1..4).flat_map(|chunk| near(sample.start + chunk * sealed));
    let last = sample.stored.len();
    for cut in ends.chain(last - 1020..last) {
        let (plain, outcome) = sample.open(&sample.stored[..cut]);
        assert!(outcome.is_err() && sample.plain.starts_with(&plain), "{cut}");
        let on_a_boundary = (cut - sample.start).is_multiple_of(sealed);
        assert!(!on_a_boundary || matches!(outcome, Err(UnsealError::Truncated { at_byte }) if at_byte == cut as u64));
    }
}

/// Reads a header that may be cut, and the chunks with a key that is known already.
fn unseal_head(stored: &[u8], payload: &ContentKey) -> Result<(), UnsealError> {
    let mut source = stored;
    let header = SealedHeader::read(&mut source)?;
    drain(Unsealer::new(source, payload, header.len())).1
}

#[test]
fn chunks_cannot_be_reordered_dropped_repeated_or_appended() {
    let sample = sample();
    let (header, chunks) = sample.stored.split_at(sample.start);
    let chunks: Vec<&[u8]> = chunks.chunks(CHUNK + 16).collect();
    assert_eq!(chunks.len(), 4);
    for order in [&[1, 0, 2, 3][..], &[0, 2, 3], &[0, 1, 1, 2, 3], &[0, 1, 2, 2, 3], &[3], &[0, 3], &[0, 1, 2, 3, 3]] {
        let mixed = [header, &order.iter().map(|&at| chunks[at]).collect::<Vec<_>>().concat()].concat();
        let (plain, outcome) = sample.open(&mixed);
        assert!(outcome.is_err() && sample.plain.starts_with(&plain), "{order:?}");
    }
    let full = Sample::new(CHUNK);
    let longer = [&full.stored[..], b"!"].concat();
    let (_, outcome) = full.open(&longer);
    let end = full.stored.len() as u64;
    assert!(matches!(outcome, Err(UnsealError::Damaged { at_byte, what: Damage::TrailingBytes }) if at_byte == end));
}

#[test]
fn a_sealer_that_is_dropped_leaves_nothing_that_looks_whole() {
    for len in [0, 1, CHUNK, CHUNK + 1, 2 * CHUNK] {
        let mut out = vec![];
        let mut sealer = Sealer::new(&mut out, &[small().public().clone()]).unwrap();
        sealer.write_all(&vec![1; len]).unwrap();
        drop(sealer);
        let (_, outcome) = unseal(&out, small());
        assert!(matches!(outcome, Err(UnsealError::Truncated { .. })), "{len}");
    }
}

#[test]
fn seeking_reads_the_same_bytes_and_refuses_a_missing_end_at_once() {
    for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 5] {
        let sample = Sample::new(len);
        let start = sample.start as u64;
        let mut file = SeekUnsealer::new(Cursor::new(&sample.stored), &sample.payload, start).unwrap();
        assert_eq!(file.len(), len as u64);
        let mut all = vec![];
        file.read_to_end(&mut all).unwrap();
        assert!(all == sample.plain);
        for from in [0, len / 2, len.saturating_sub(3), len + 9] {
            file.seek(SeekFrom::Start(from as u64)).unwrap();
            let mut some = vec![];
            file.by_ref().take(70_000).read_to_end(&mut some).unwrap();
            assert!(sample.plain.get(from..).unwrap_or(&[]).starts_with(&some) && (from >= len || !some.is_empty()));
        }
        let cut = &sample.stored[..sample.stored.len() - 1];
        assert!(SeekUnsealer::new(Cursor::new(cut), &sample.payload, start).is_err());
    }
    let sample = sample();
    let boundary = &sample.stored[..sample.start + 2 * (CHUNK + 16)];
    let cut = SeekUnsealer::new(Cursor::new(boundary), &sample.payload, sample.start as u64);
    assert!(matches!(cut, Err(UnsealError::Truncated { at_byte }) if at_byte == boundary.len() as u64));
}

#[test]
fn resealing_changes_who_can_open_it_and_nothing_else() {
    let sample = sample();
    let mut stored = vec![];
    let length = reseal(&sample.stored[..], small(), &[large().public().clone()], &mut stored).unwrap();
    assert_eq!(length, sample.plain.len() as u64);
    let (plain, outcome) = unseal(&stored, large());
    assert!(outcome.is_ok() && plain == sample.plain);
    assert!(matches!(unseal(&stored, small()).1, Err(UnsealError::WrongKey)));

    let mut changed = sample.stored.clone();
    changed[sample.start + CHUNK] ^= 1;
    let mut stored = vec![];
    let outcome = reseal(&changed[..], small(), &[large().public().clone()], &mut stored);
    assert!(matches!(outcome, Err(SealError::Unseal(UnsealError::Damaged { .. }))));
    assert!(unseal(&stored, large()).1.is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_sealed_comes_back(len in 0..3 * CHUNK + 2, piece in 1..100_000usize) {
        let plain: Vec<u8> = (0..len).map(|i| (i % 249) as u8).collect();
        let mut sealer = Sealer::new(vec![], &[small().public().clone()]).unwrap();
        for piece in plain.chunks(piece) {
            sealer.write_all(piece).unwrap();
        }
        let (opened, outcome) = unseal(&sealer.finish().unwrap(), small());
        prop_assert!(outcome.is_ok());
        prop_assert!(opened == plain);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_flipped_bit_never_yields_a_wrong_byte(at: Index, bit in 0..8u8) {
        let sample = sample();
        let mut changed = sample.stored[sample.start..].to_vec();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        let (plain, outcome) = drain(Unsealer::new(&changed[..], &sample.payload, sample.start as u64));
        let chunk = at / (CHUNK + 16);
        prop_assert!(sample.plain.starts_with(&plain) && plain.len() == chunk * CHUNK);
        let Err(UnsealError::Damaged { at_byte, .. }) = outcome else { panic!("{outcome:?}") };
        prop_assert_eq!(at_byte, (sample.start + chunk * (CHUNK + 16)) as u64);
    }
}

#[test]
fn fuzz_sealed_files() {
    let sample = Sample::new(200);
    let mut random = StdRng::seed_from_u64(2);
    for _ in 0..support::mutations() {
        let bytes = mutated(&sample.stored, &mut random);
        let _ = SealedHeader::sniff(&bytes);
        let mut source = &bytes[..];
        if let Ok(header) = SealedHeader::read(&mut source) {
            let (plain, outcome) = drain(Unsealer::new(source, &sample.payload, header.len()));
            assert!(outcome.is_err() && plain.is_empty() || plain == sample.plain);
            let _ = SeekUnsealer::new(Cursor::new(&bytes), &sample.payload, header.len());
        }
    }
}
