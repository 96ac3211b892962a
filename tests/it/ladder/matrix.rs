//! Every header byte flipped, every cut up to 2 KiB, random flips beyond: what may pass, and with which voucher.

use std::io::Write;

use breakglass::model::foreign::Foreign;
use breakglass::model::trust::{Proof, Rung, VerdictOutcome, Voucher};
use breakglass::seal::dbacked::{Header, seal_to};
use breakglass::seal::keyfile;
use breakglass::seal::keyring::PrivateKey;
use breakglass::seal::sealed::{SealedHeader, Sealer};
use breakglass::work::opening::Layers;
use breakglass::work::unlock::Unlocked;
use breakglass::work::verify::Opener;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::Sha256;

use super::memory::Memory;
use super::vectors;

const NAME: &str = "dbacked_shop_290820261040";
const RANDOM_FLIPS: usize = 500;
const CUTS: usize = 2 << 10;

fn key() -> PrivateKey {
    let text = std::fs::read(vectors().join("keys/rsa2048-pkcs8-plain.pem")).unwrap();
    keyfile::load(&text, None, Foreign::from("test")).unwrap_or_else(|error| panic!("{error}"))
}

/// A dump whose rows hardly compress, with `more` bytes of comment to steer the length.
fn dump(more: usize) -> Vec<u8> {
    let mut random = StdRng::seed_from_u64(7);
    let mut text =
        "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n\nCREATE TABLE `t` (`a` text);\n".to_owned();
    for _ in 0..60 {
        let row: String = (0..100).map(|_| char::from(random.gen_range(b'a'..=b'z'))).collect();
        text.push_str(&format!("INSERT INTO `t` VALUES ('{row}');\n"));
    }
    text.push_str(&format!("-- {}\n-- Dump completed on 2026-08-29 10:40:00\n", "x".repeat(more)));
    text.into_bytes()
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(plain).unwrap();
    gzip.finish().unwrap()
}

/// A dump whose gzip is a multiple of 16 bytes long, or is not.
fn gzipped(whole_blocks: impl Fn(usize) -> bool) -> (Vec<u8>, Vec<u8>) {
    let pairs = (0..).map(|more| (dump(more), gzip(&dump(more))));
    pairs.take(4000).find(|(_, gzip)| whole_blocks(gzip.len() % 16)).unwrap()
}

/// One sealed object, its opened header, and what must come out of it.
struct Case {
    stored: Vec<u8>,
    header: Header,
    key: PrivateKey,
    sha256: String,
    metadata: Option<Vec<u8>>,
}

impl Case {
    fn new(plain: &[u8], inside: &[u8], version: (u8, u8, u8)) -> Self {
        let key = key();
        let mut stored = vec![];
        seal_to(key.public(), inside, &mut stored, version).unwrap();
        let header = Header::read(&mut &stored[..]).unwrap();
        let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(plain));
        Self { stored, header, key, sha256, metadata: None }
    }

    fn hashed(mut self) -> Self {
        let hash = data_encoding::HEXLOWER.encode(&Md5::digest(&self.stored));
        let public = std::fs::read_to_string(vectors().join("keys/rsa2048-public.pem")).unwrap();
        let json = serde_json::json!({
            "filename": NAME, "hash": hash, "publicKey": public, "agentId": "a", "timestamp": 1_788_000_000_000_i64,
            "dbType": "mysql", "dbName": "shop", "size": 5_242_880,
        });
        self.metadata = Some(serde_json::to_vec(&json).unwrap());
        self
    }

    async fn judge(&self, stored: &[u8], opener: Opener) -> Proof {
        let store = Memory::with(&[(NAME, stored)]);
        if let Some(metadata) = &self.metadata {
            store.put(&format!("{NAME}_metadata"), metadata);
        }
        store.verdict(NAME, opener).await
    }

    /// Tries the private key again: the header may have changed.
    async fn judge_anew(&self, stored: &[u8]) -> Proof {
        self.judge(stored, Opener::Keys(vec![self.key.clone().into()])).await
    }

    /// With the content key at hand, where the header is as it was.
    async fn judge_body(&self, stored: &[u8]) -> Proof {
        let key = self.header.unwrap_key(&self.key).unwrap_or_else(|error| panic!("{error}"));
        let layers = Layers::Dbacked { header: Box::new(self.header.clone()), key };
        let key = Some(self.key.fingerprint());
        self.judge(stored, Opener::Tried(Unlocked::Open { layers, key, remarks: vec![] })).await
    }

    fn start(&self) -> usize {
        self.header.len() as usize
    }

    /// Every bit of what is not the wrapped key, one bit of each byte of it.
    fn header_flips(&self) -> Vec<(usize, u8)> {
        let wrapped = 14..self.start() - 16;
        let bits = |at: usize| if wrapped.contains(&at) { at % 8..at % 8 + 1 } else { 0..8 };
        (0..self.start()).flat_map(|at| bits(at).map(move |bit| (at, 1 << bit))).collect()
    }

    fn flipped(&self, (at, mask): (usize, u8)) -> Vec<u8> {
        let mut stored = self.stored.clone();
        stored[at] ^= mask;
        stored
    }

    /// Runs the whole matrix; `allowed` judges what passed as whole.
    async fn matrix(&self, allowed: impl Fn(Option<(usize, u8)>, &Proof) -> bool) -> usize {
        let sound = self.judge_anew(&self.stored).await;
        assert_eq!((sound.reached(), sound.outcome), (Rung::Whole, VerdictOutcome::Ok), "{sound:?}");
        assert_eq!(sound.sha256_out.as_deref(), Some(&*self.sha256));
        let mut passed = 0;
        let mut check = |what: String, flip: Option<(usize, u8)>, proof: Proof| {
            let is_whole = proof.reached() >= Rung::Whole;
            assert_eq!(is_whole, proof.outcome == VerdictOutcome::Ok, "{what}: {proof:?}");
            assert!(!is_whole || allowed(flip, &proof), "{what} passed: {proof:?}");
            passed += usize::from(is_whole);
        };
        for flip in self.header_flips() {
            check(format!("flip {flip:?}"), Some(flip), self.judge_anew(&self.flipped(flip)).await);
        }
        let mut random = StdRng::seed_from_u64(20_260_829);
        for _ in 0..RANDOM_FLIPS {
            let flip = (random.gen_range(self.start()..self.stored.len()), 1 << random.gen_range(0..8));
            check(format!("flip {flip:?}"), Some(flip), self.judge_body(&self.flipped(flip)).await);
        }
        for len in 0..=CUTS.min(self.stored.len() - 1) {
            let cut = &self.stored[..len];
            let proof = if len < self.start() { self.judge_anew(cut).await } else { self.judge_body(cut).await };
            check(format!("cut to {len}"), None, proof);
        }
        for missing in 1..=CUTS.min(self.stored.len() - self.start()) {
            let cut = &self.stored[..self.stored.len() - missing];
            check(format!("{missing} bytes missing"), None, self.judge_body(cut).await);
        }
        passed
    }

    /// Without a hash, a gzipped payload: only the version, and through the IV the gzip header's FTEXT, MTIME, XFL, OS.
    async fn only_what_the_format_cannot_reveal_passes(&self) {
        let iv = self.start() - 16;
        let hidden = |(at, mask): (usize, u8)| match at {
            7..=9 => true,
            at if at == iv + 3 => mask == 1,
            at => (iv + 4..=iv + 9).contains(&at),
        };
        let expected = self.header_flips().into_iter().filter(|flip| hidden(*flip)).count();
        let passed = self
            .matrix(|flip, proof| {
                let same = proof.sha256_out.as_deref() == Some(&*self.sha256) && proof.content == Voucher::Crc;
                same && flip.is_some_and(hidden)
            })
            .await;
        assert_eq!(passed, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hash_a_change_passes_only_where_the_dump_stays_the_same() {
    let (plain, inside) = gzipped(|rest| rest != 0);
    Case::new(&plain, &inside, (0, 5, 0)).only_what_the_format_cannot_reveal_passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_where_the_gzip_ends_at_a_block_boundary() {
    let (plain, inside) = gzipped(|rest| rest == 0);
    Case::new(&plain, &inside, (0, 5, 0)).only_what_the_format_cannot_reveal_passes().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_hash_of_the_metadata_no_change_passes() {
    let (plain, inside) = gzipped(|rest| rest == 0);
    assert_eq!(Case::new(&plain, &inside, (0, 5, 0)).hashed().matrix(|_, _| false).await, 0);
    let plain = dump(3);
    assert_eq!(Case::new(&plain, &plain, (0, 0, 1)).hashed().matrix(|_, _| false).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_without_gzip_and_hash_is_vouched_for_by_nothing() {
    let plain = dump(3);
    let case = Case::new(&plain, &plain, (0, 0, 1));
    let passed = case.matrix(|flip, proof| flip.is_some() && proof.content == Voucher::None && !proof.is_good()).await;
    assert!(passed > 24, "some flips inside of rows cannot be seen: {passed}");
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    let mut sealer = Sealer::new(vec![], &[key().public().clone()]).unwrap();
    sealer.write_all(plain).unwrap();
    sealer.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_backup_is_whole_and_authenticated_or_it_is_not_whole() {
    let (plain, inside) = gzipped(|rest| rest != 0);
    for content in [&plain, &inside] {
        let stored = sealed(content);
        let judge = async |stored: &[u8], key: PrivateKey| {
            Memory::with(&[("shop.sealed", stored)]).verdict("shop.sealed", Opener::Keys(vec![key.into()])).await
        };
        let proof = judge(&stored, key()).await;
        assert_eq!((proof.reached(), proof.content), (Rung::Whole, Voucher::Authenticated), "{proof:?}");
        assert!(proof.is_good());
        let text = std::fs::read(vectors().join("keys/wrong-rsa2048.pem")).unwrap();
        let stranger = keyfile::load(&text, None, Foreign::from("test")).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(judge(&stored, stranger).await.outcome, VerdictOutcome::WrongKey);

        let header = SealedHeader::read(&mut &stored[..]).unwrap();
        let start = header.len() as usize;
        let content_key = header.unwrap(&key()).unwrap_or_else(|error| panic!("{error}"));
        for at in (0..start).step_by(7).chain(start..start + 40).chain(stored.len() - 40..stored.len()) {
            let mut flipped = stored.clone();
            flipped[at] ^= 1 << (at % 8);
            let proof = judge(&flipped, key()).await;
            assert_ne!(proof.outcome, VerdictOutcome::Ok, "flip at {at}: {proof:?}");
            assert!(proof.reached() < Rung::Whole && proof.content == Voucher::None, "flip at {at}: {proof:?}");
        }
        for len in (1..start).step_by(5).chain(start..stored.len()).step_by(3) {
            let cut = &stored[..len];
            let layers = Layers::Sealed { header: Box::new(header.clone()), key: content_key.clone() };
            let opener = match len >= start {
                true => Opener::Tried(Unlocked::Open { layers, key: None, remarks: vec![] }),
                false => Opener::Keys(vec![key().into()]),
            };
            let proof = Memory::with(&[("shop.sealed", cut)]).verdict("shop.sealed", opener).await;
            assert!(proof.outcome.is_bad() && proof.reached() < Rung::Whole, "cut to {len}: {proof:?}");
        }
    }
}
