use std::io::{self, Read, Write};

use flate2::{Compression as Level, Crc, GzBuilder};

use super::*;

/// A source that gives its bytes in pieces and then fails, or ends.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    at_end: Option<io::ErrorKind>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.size.min(self.bytes.len()).min(buf.len());
        if n == 0 {
            return self.at_end.map_or(Ok(0), |kind| Err(kind.into()));
        }
        buf[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        Ok(n)
    }
}

fn text() -> Vec<u8> {
    (0..3000).flat_map(|n| format!("INSERT INTO `t` VALUES ({n},'row {}');\n", n * 7919 % 1013).into_bytes()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzBuilder::new().write(vec![], Level::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn packed(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => gzip(bytes),
        Compression::Zstd => {
            let mut out = zstd::Encoder::new(vec![], 3).unwrap();
            out.include_checksum(true).unwrap();
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Bzip2 => {
            let mut out = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        Compression::Xz => {
            let mut out = liblzma::write::XzEncoder::new(vec![], 1);
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
    }
}

fn unpack(compression: Compression, strictness: Strictness, source: impl Read) -> Result<Vec<u8>, io::Error> {
    let mut out = vec![];
    let limits = Limits::default();
    Unpacker::new(compression, source, strictness, limits).read_to_end(&mut out).map(|_| out)
}

fn verdict(compression: Compression, strictness: Strictness, bytes: &[u8]) -> Result<Vec<u8>, UnpackError> {
    unpack(compression, strictness, bytes).map_err(|error| UnpackError::from_io(&error).unwrap().clone())
}

const PACKED: [Compression; 4] = [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz];

#[test]
fn everything_comes_back_whatever_the_size_of_the_pieces() {
    let text = text();
    for compression in PACKED.into_iter().chain([Compression::None]) {
        let packed = packed(compression, &text);
        for size in [1, 7, 4096, usize::MAX] {
            let source = Pieces { bytes: &packed, size, at_end: None };
            assert_eq!(unpack(compression, Strictness::OneMember, source).unwrap(), text);
        }
    }
}

#[test]
fn every_cut_is_called_truncated_at_its_byte() {
    let text = &text()[..3000];
    for compression in PACKED {
        let packed = packed(compression, text);
        for cut in 0..packed.len() {
            let error = verdict(compression, Strictness::OneMember, &packed[..cut]).unwrap_err();
            assert_eq!(error, UnpackError::Truncated { at: cut as u64 }, "{compression:?} cut at {cut}");
        }
    }
}

#[test]
fn a_flipped_bit_is_never_taken_for_another_text() {
    let text = &text()[..2000];
    for compression in PACKED {
        let packed = packed(compression, text);
        for bit in 0..packed.len() * 8 {
            let mut flipped = packed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(out) = verdict(compression, Strictness::OneMember, &flipped) {
                assert_eq!(out, text, "{compression:?} bit {bit}");
            }
        }
    }
}

#[test]
fn one_member_means_one_and_nothing_behind_it() {
    let one = gzip(b"one");
    let at = one.len() as u64;
    for more in [&b"\0"[..], b"x", &gzip(b"two")] {
        let joined = [&one[..], more].concat();
        assert_eq!(verdict(Compression::Gzip, Strictness::OneMember, &joined), Err(UnpackError::TrailingData { at }));
    }
}

#[test]
fn plain_files_may_hold_members_in_a_row_and_zeros_at_the_end() {
    for compression in PACKED {
        let two = [packed(compression, b"one, "), packed(compression, b"two")].concat();
        let padded = [&two[..], &[0; 512]].concat();
        assert_eq!(verdict(compression, Strictness::Lenient, &two).unwrap(), b"one, two");
        assert_eq!(verdict(compression, Strictness::Lenient, &padded).unwrap(), b"one, two");
        let joined = [&two[..], b"garbage"].concat();
        let at = two.len() as u64;
        assert_eq!(verdict(compression, Strictness::Lenient, &joined), Err(UnpackError::TrailingData { at }));
        let joined = [&padded[..], b"x"].concat();
        let at = padded.len() as u64;
        assert_eq!(verdict(compression, Strictness::Lenient, &joined), Err(UnpackError::TrailingData { at }));
    }
}

#[test]
fn errors_of_the_source_pass_through_even_behind_the_trailer() {
    let packed = gzip(&text());
    for cut in [0, 5, 100, packed.len()] {
        let at_end = Some(io::ErrorKind::ConnectionReset);
        let source = Pieces { bytes: &packed[..cut], size: 1000, at_end };
        let error = unpack(Compression::Gzip, Strictness::OneMember, source).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(UnpackError::from_io(&error), None);
    }
}

#[test]
fn a_failure_is_repeated() {
    let packed = gzip(b"text");
    let mut unpacker = Unpacker::new(Compression::Gzip, &packed[..9], Strictness::Lenient, Limits::default());
    for _ in 0..3 {
        let error = unpacker.read(&mut [0; 10]).unwrap_err();
        assert_eq!(UnpackError::from_io(&error), Some(&UnpackError::Truncated { at: 9 }));
    }
}

#[test]
fn every_field_of_a_gzip_header_is_read() {
    let build = || GzBuilder::new().filename("dump.sql").comment("nightly").extra(vec![7; 300]).mtime(1);
    let mut out = build().write(vec![], Level::best());
    out.write_all(b"text").unwrap();
    let whole = out.finish().unwrap();
    assert_eq!(verdict(Compression::Gzip, Strictness::OneMember, &whole).unwrap(), b"text");

    let body = gzip(b"text").split_off(10);
    let mut head = vec![0x1f, 0x8b, 8, 2, 0, 0, 0, 0, 0, 255];
    let mut crc = Crc::new();
    crc.update(&head);
    head.extend_from_slice(&(crc.sum() as u16).to_le_bytes());
    assert_eq!(verdict(Compression::Gzip, Strictness::OneMember, &[&head[..], &body].concat()).unwrap(), b"text");
    head[4] ^= 1;
    let error = verdict(Compression::Gzip, Strictness::OneMember, &[&head[..], &body].concat()).unwrap_err();
    assert!(matches!(error, UnpackError::Damaged { what: "the checksum of the gzip header does not match", .. }));

    let reserved = [&[0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 255], &body[..]].concat();
    let error = verdict(Compression::Gzip, Strictness::OneMember, &reserved).unwrap_err();
    assert!(matches!(error, UnpackError::Damaged { what: "the gzip header has reserved bits set", .. }));
    let endless = [&[0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 255], &[b'n'; 100_000][..]].concat();
    let error = verdict(Compression::Gzip, Strictness::OneMember, &endless).unwrap_err();
    assert!(matches!(error, UnpackError::Damaged { what: "a name in the gzip header does not end", .. }));
}

#[test]
fn bombs_stop_at_the_limit_that_is_named() {
    let bomb = packed(Compression::Zstd, &vec![0; 8 << 20]);
    let run = |limits: Limits| {
        let mut unpacker = Unpacker::new(Compression::Zstd, &bomb[..], Strictness::Lenient, limits);
        let error = io::copy(&mut unpacker, &mut io::sink()).unwrap_err();
        UnpackError::from_io(&error).unwrap().clone()
    };
    let by_size = run(Limits { most: 1 << 20, ..Limits::default() });
    assert!(matches!(by_size, UnpackError::TooBig { limit: "size", .. }));
    let by_ratio = run(Limits { free: 1 << 20, ratio: 1000, ..Limits::default() });
    assert!(matches!(by_ratio, UnpackError::TooBig { limit: "ratio", .. }));
    let by_memory = run(Limits { memory: 64 << 10, ..Limits::default() });
    assert_eq!(by_memory, UnpackError::TooBig { made: 0, limit: "memory" });
}

/// Everything that comes out before the error, and the error.
fn until_it_fails(compression: Compression, strictness: Strictness, bytes: &[u8]) -> (Vec<u8>, Option<UnpackError>) {
    let mut unpacker = Unpacker::new(compression, bytes, strictness, Limits::default());
    let (mut out, mut buffer) = (vec![], vec![0; 256 << 10]);
    loop {
        match unpacker.read(&mut buffer) {
            Ok(0) => return (out, None),
            Ok(n) => out.extend_from_slice(&buffer[..n]),
            Err(error) => return (out, UnpackError::from_io(&error).cloned()),
        }
    }
}

#[test]
fn a_salvage_is_handed_what_came_out_before_something_was_found_wrong() {
    let text = text();
    for compression in [Compression::Gzip, Compression::Zstd, Compression::Bzip2, Compression::Xz] {
        let whole = packed(compression, &text);
        for at in [whole.len() / 2, whole.len() - 5] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            let (strict, failed) = until_it_fails(compression, Strictness::Lenient, &bytes);
            let (salvaged, same) = until_it_fails(compression, Strictness::Salvage, &bytes);
            assert_eq!(failed, same, "{compression:?} {at}");
            assert!(failed.is_some() && salvaged.starts_with(&strict), "{compression:?} {at}");
        }
        let cut = until_it_fails(compression, Strictness::Salvage, &whole[..whole.len() - 3]);
        assert!(text.starts_with(&cut.0) && matches!(cut.1, Some(UnpackError::Truncated { .. })), "{compression:?}");
    }
    // Where deflate itself stops making sense, a strict reader loses all of the call in which it does.
    let gains = (1..20).filter(|part| {
        let mut bytes = packed(Compression::Gzip, &text);
        let at = bytes.len() * part / 20;
        bytes[at..at + 16].fill(0xff);
        let made = |strictness| until_it_fails(Compression::Gzip, strictness, &bytes).0.len();
        made(Strictness::Salvage) > made(Strictness::Lenient)
    });
    assert!(gains.count() > 0);
}
