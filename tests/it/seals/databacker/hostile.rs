//! Cut, changed and made up.

use std::io::Cursor;

use breakglass::model::seal::SealScheme;
use breakglass::seal::databacker::{Content, UnlockError, describe, unlock};
use breakglass::seal::key::Key;
use breakglass::seal::{Damage, UnsealError};
use proptest::prelude::*;
use proptest::sample::Index;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{decompressed, drain, found, is_head, key, manifest, plain, refusal, scheme, unlocked, vector};
use crate::seals::mutated;
use crate::support;

/// A sealed tar of the fixtures and what opens it.
pub(super) struct Sample {
    pub(super) word: &'static str,
    pub(super) sealed: Vec<u8>,
    pub(super) tar: Vec<u8>,
    pub(super) content: Content,
    pub(super) key: Key,
}

pub(super) fn samples() -> Vec<Sample> {
    let of = |word: &'static str, name: &str, key_name: &str| {
        let sealed = vector(&format!("objects/db_backup_2026-10-05T{name}"));
        let key = key(key_name);
        let content = unlocked(scheme(word), &sealed, std::slice::from_ref(&key))
            .unwrap_or_else(|error| panic!("{error}"))
            .content;
        let (tar, outcome) = plain(&content, &sealed);
        outcome.unwrap();
        Sample { word, sealed, tar, content, key }
    };
    vec![
        of("aes256-cbc", "11-00-00Z.tar", "aes256.key"),
        of("pbkdf2-aes256-cbc", "12-00-00Z.tar", "pbkdf2.pass"),
        of("chacha20-poly1305", "14-00-00Z.tar", "chacha20.key"),
        of("smime-aes256-cbc", "10-00-00Z.tar", "smime-key.pem"),
        of("age-chacha20-poly1305", "13-00-00Z.tar", "age-identity.txt"),
    ]
}

/// What unlocking and reading come to, with the plaintext that left.
fn verdict(sample: &Sample, sealed: &[u8]) -> (Vec<u8>, Result<(), String>) {
    match unlocked(scheme(sample.word), sealed, std::slice::from_ref(&sample.key)) {
        Ok(unlocked) => {
            let (bytes, outcome) = plain(&unlocked.content, sealed);
            (bytes, outcome.map_err(|error| error.to_string()))
        }
        Err(error) => (vec![], Err(error.to_string())),
    }
}

#[test]
fn every_hostile_twin_is_what_its_manifest_says() {
    let samples = samples();
    let mut seen = 0;
    for entry in manifest("damaged/manifest.json").as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let Some(sample) = samples.iter().find(|sample| name.starts_with(&format!("{}-", sample.word))) else {
            continue;
        };
        let compression = if name.ends_with(".tgz") { "gzip" } else { "none" };
        let sealed = decompressed(&vector(&format!("damaged/{name}")), compression);
        let (bytes, outcome) = verdict(sample, &sealed);
        // No seal but AEAD and padding can tell; what else may be wrong shows in the tar.
        let silent = entry["expect"].as_str().unwrap().starts_with("not authenticated");
        let changed = bytes != sample.tar;
        assert!(outcome.is_err() || (silent && changed), "{name}");
        seen += 1;
    }
    assert_eq!(seen, 27);
}

#[test]
fn every_cut_says_where_the_bytes_end() {
    for sample in samples() {
        let len = sample.sealed.len();
        for cut in (0..2048).chain(len - 2048..len) {
            let sealed = &sample.sealed[..cut];
            // Unlocking takes RSA or 10,000 rounds: a part of the cuts has to do.
            if cut < 40 || cut % 61 == 0 {
                assert!(verdict(&sample, sealed).1.is_err(), "{} cut to {cut}", sample.word);
            }
            let (bytes, outcome) = plain(&sample.content, sealed);
            let so_far = bytes.len().saturating_sub(16);
            assert!(sample.tar.starts_with(&bytes[..so_far]), "{} cut to {cut}", sample.word);
            match outcome.unwrap_err() {
                // The offset is where the bytes end; a seal cut inside its header may say 0.
                UnsealError::Truncated { at_byte } => {
                    assert!(at_byte == cut as u64 || at_byte == 0, "{} cut to {cut}: {at_byte}", sample.word);
                }
                UnsealError::Damaged { at_byte, what } => {
                    assert!(at_byte < cut as u64, "{} cut to {cut}", sample.word);
                    let fits = match found(sample.word) {
                        SealScheme::ChaCha20Poly1305 => what == Damage::Tag,
                        SealScheme::Age => matches!(what, Damage::LastChunk | Damage::Chunk),
                        _ => what == Damage::Padding,
                    };
                    assert!(fits, "{} cut to {cut}: {what}", sample.word);
                }
                other => panic!("{} cut to {cut}: {other}", sample.word),
            }
        }
    }
}

#[test]
fn no_flip_goes_unseen_where_a_tag_covers_it() {
    let mut random = StdRng::seed_from_u64(11);
    for sample in samples() {
        let authenticated = matches!(found(sample.word), SealScheme::ChaCha20Poly1305 | SealScheme::Age);
        for round in 0..120 {
            let reach = if round % 2 == 0 { 400 } else { sample.sealed.len() };
            let (at, bit) = (random.gen_range(0..reach), random.gen_range(0..8));
            let mut changed = sample.sealed.clone();
            changed[at] ^= 1 << bit;
            let (bytes, outcome) = verdict(&sample, &changed);
            assert!(outcome.is_err() || !authenticated, "{}: bit {bit} of byte {at}", sample.word);
            assert_eq!(bytes.len().max(sample.tar.len() + 16), sample.tar.len() + 16, "more came out than went in");
        }
    }
}

#[test]
fn bytes_behind_the_end_are_refused() {
    for sample in samples() {
        for tail in [&b"\0"[..], b"sixteen more ...", &[0; 512]] {
            let longer = [&sample.sealed[..], tail].concat();
            let (bytes, outcome) = verdict(&sample, &longer);
            assert!(outcome.is_err() || bytes != sample.tar, "{} and {} bytes", sample.word, tail.len());
        }
    }
}

#[test]
fn what_can_be_read_of_a_cut_seal_is_salvaged_and_the_rest_is_named() {
    for sample in samples() {
        for cut in [20_000, 65_536 + 400, sample.sealed.len() - 1, sample.sealed.len() - 16] {
            let sealed = sample.sealed[..cut].to_vec();
            let (reader, missed) = sample.content.salvage(Cursor::new(sealed)).unwrap();
            assert!(missed.what().is_none());
            let (bytes, outcome) = drain(reader);
            outcome.unwrap();
            assert!(missed.what().is_some(), "{} cut to {cut}", sample.word);
            let whole = bytes.len().saturating_sub(16).min(sample.tar.len());
            assert!(sample.tar.starts_with(&bytes[..whole]), "{} cut to {cut}", sample.word);
            let least = if found(sample.word) == SealScheme::Age { 65_536 * (cut / 66_000) } else { cut - 600 };
            assert!(bytes.len() >= least, "{} cut to {cut}: {}", sample.word, bytes.len());
        }
        let (reader, missed) = sample.content.salvage(Cursor::new(sample.sealed.clone())).unwrap();
        let (bytes, outcome) = drain(reader);
        outcome.unwrap();
        assert!(missed.what().is_none() && bytes == sample.tar, "{}", sample.word);
    }
}

#[test]
fn a_header_that_changed_between_two_reads_is_noticed() {
    for sample in
        samples().into_iter().filter(|sample| sample.word != "aes256-cbc" && sample.word != "chacha20-poly1305")
    {
        let mut changed = sample.sealed.clone();
        changed[12] ^= 1;
        let error = sample.content.open(Cursor::new(changed)).err().unwrap();
        assert!(error.to_string().contains("changed"), "{}", sample.word);
    }
}

#[test]
fn a_header_longer_than_any_is_not_called_cut() {
    let mut endless = b"age-encryption.org/v1\n".to_vec();
    while endless.len() < 70_000 {
        endless.extend_from_slice(b"-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n");
        endless.extend_from_slice(b"EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U\n");
    }
    let error = refusal(unlock(SealScheme::Age, &endless[..64 << 10], &[], &is_head));
    assert!(matches!(error, UnlockError::Header(UnsealError::DamagedHeader { .. })), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_chacha_message_of_any_length_comes_back_and_no_change_of_it_does(
        len in prop_oneof![0..700_usize, (256 << 10) - 40..(256 << 10) + 40_usize, 500_000..530_000_usize],
        at: Index,
        bit in 0..8_u8,
    ) {
        let tar: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let sealed = chacha(&tar);
        let content = unlock(SealScheme::ChaCha20Poly1305, &sealed[..sealed.len().min(64 << 10)], &[key("chacha20.key")], &|_| true);
        let content = content.map_err(|error| TestCaseError::fail(error.to_string()))?.content;
        let (bytes, outcome) = plain(&content, &sealed);
        prop_assert!(outcome.is_ok() && bytes == tar);
        let mut changed = sealed.clone();
        changed[at.index(sealed.len())] ^= 1 << bit;
        let outcome = plain(&content, &changed).1;
        let is_tag = matches!(outcome, Err(UnsealError::Damaged { what: Damage::Tag, .. }));
        prop_assert!(is_tag);
    }
}

fn chacha(tar: &[u8]) -> Vec<u8> {
    use chacha20poly1305::aead::{Aead, KeyInit};
    let key: [u8; 32] = vector("keys/chacha20.key").try_into().unwrap();
    let cipher = chacha20poly1305::ChaCha20Poly1305::new(&key.into());
    [&[9; 12][..], &cipher.encrypt(&[9; 12].into(), tar).unwrap()].concat()
}

#[test]
fn fuzz_databacker_heads() {
    let samples = samples();
    let heads: Vec<(SealScheme, Vec<u8>)> = samples
        .iter()
        .filter(|sample| matches!(sample.word, "smime-aes256-cbc" | "age-chacha20-poly1305"))
        .map(|sample| (scheme(sample.word), sample.sealed[..1200].to_vec()))
        .collect();
    let mut random = StdRng::seed_from_u64(12);
    for round in 0..support::mutations() {
        let (scheme, valid) = &heads[round % heads.len()];
        let bytes = mutated(&valid[..random.gen_range(100..valid.len())], &mut random);
        let _ = describe(*scheme, &bytes);
        let _ = unlock(*scheme, &bytes, &[], &is_head);
    }
}

#[test]
fn fuzz_databacker_bodies() {
    let samples = samples();
    let mut random = StdRng::seed_from_u64(13);
    for round in 0..support::mutations() / 20 {
        let sample = &samples[round % samples.len()];
        // Behind the header: the key is unwrapped once for all of them.
        let (head, rest) = sample.sealed.split_at(600.min(sample.sealed.len()));
        let changed = [head, &mutated(&rest[..random.gen_range(0..4000)], &mut random)].concat();
        let _ = plain(&sample.content, &changed);
        let (reader, _) = sample.content.salvage(Cursor::new(changed)).unwrap();
        drain(reader).1.unwrap();
    }
}
