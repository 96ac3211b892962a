//! The parts that a verification is made of, each alone on one core: digests, decryption, our own seal,
//! decompression.
//!
//! `cargo bench --bench parts`. Best of five, in MB of input (for decompression: of output) per second,
//! beside the `md-5` crate's single sum as a yardstick.

use std::io::{Read, Write};
use std::time::Instant;

use breakglass::format::unpack::{Limits, Strictness, Unpacker};
use breakglass::model::backup::Compression;
use breakglass::model::foreign::Foreign;
use breakglass::model::seal::SealScheme;
use breakglass::seal::databacker::unlock;
use breakglass::seal::dbacked::Decrypter;
use breakglass::seal::digest::{Stored, Wanted};
use breakglass::seal::keyfile;
use breakglass::seal::keyring::ContentKey;
use chacha20poly1305::{AeadInPlace, ChaCha20Poly1305, KeyInit};
use md5::Digest;
use rand::{RngCore, SeedableRng};

fn main() {
    let mut bytes = vec![0; 64 << 20];
    rand::rngs::StdRng::seed_from_u64(3).fill_bytes(&mut bytes);
    for (name, wanted) in [("all digests", Wanted::ALL), ("two MD5 sums", Wanted::SUMS), ("BLAKE3", Wanted::EACH_MIB)] {
        measure(name, bytes.len(), || {
            let mut stored = Stored::new(wanted);
            bytes.chunks(256 << 10).for_each(|piece| stored.feed(piece));
            assert_eq!(stored.finish().bytes, bytes.len() as u64);
        });
    }
    measure("one MD5 of the md-5 crate", bytes.len(), || {
        let mut sum = md5::Md5::new();
        bytes.chunks(256 << 10).for_each(|piece| sum.update(piece));
        std::hint::black_box(sum.finalize());
    });
    let content = ContentKey::new(&[7; 32]);
    measure("DBacked decryption", bytes.len(), || {
        drain(Decrypter::new(&bytes[..], &content, &[7; 16], 0));
    });
    let bytes: &'static [u8] = Box::leak(bytes.into_boxed_slice());
    let key = [keyfile::raw(&[0xa7; 32], Foreign::from("bench")).expect("it is a raw key")];
    for (name, scheme) in [
        ("databacker's AES-CBC", SealScheme::Aes256Cbc),
        ("databacker's ChaCha20-Poly1305", SealScheme::ChaCha20Poly1305),
    ] {
        let unlocked = unlock(scheme, &bytes[..1 << 16], &key, &|_| true).unwrap_or_else(|error| panic!("{error}"));
        measure(name, bytes.len(), || drain(unlocked.content.open(bytes).expect("it is not cut")));
    }
    let mut whole = bytes.to_vec();
    measure("ChaCha20-Poly1305 of the crate", bytes.len(), || {
        let cipher = ChaCha20Poly1305::new(&[0xa7; 32].into());
        let _ = std::hint::black_box(cipher.encrypt_in_place_detached(&[9; 12].into(), b"", &mut whole));
    });
    drop(whole);
    let text: Vec<u8> = (0..2_000_000u64).flat_map(row).collect();
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    gzip.write_all(&text).expect("a Vec takes everything");
    let packed = gzip.finish().expect("a Vec takes everything");
    measure("gzip, checksum included", text.len(), || {
        drain(Unpacker::new(Compression::Gzip, &packed[..], Strictness::OneMember, Limits::default()));
    });
}

fn row(n: u64) -> Vec<u8> {
    let hash = n.wrapping_mul(6_364_136_223_846_793_005).rotate_left(17);
    format!("({n},'customer{}@example.com','{hash:x}',{}.{:02}),", hash % 50_000, hash % 900, n % 100).into_bytes()
}

fn drain(mut source: impl Read) {
    let mut buffer = vec![0; 256 << 10];
    while source.read(&mut buffer).is_ok_and(|len| len > 0) {}
}

fn measure(name: &str, bytes: usize, mut work: impl FnMut()) {
    let times = (0..5).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    });
    println!("{name:<32} {:>7.0} MB/s", bytes as f64 / 1e6 / times.fold(f64::MAX, f64::min));
}
