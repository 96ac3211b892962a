use proptest::prelude::*;

use super::*;

#[derive(Default, Debug, PartialEq)]
struct Members(Vec<(String, Vec<u8>, bool)>);

impl TarSink for Members {
    type Error = std::convert::Infallible;

    fn begin(&mut self, name: &Foreign, _size: u64) -> Result<(), Self::Error> {
        self.0.push((name.to_string(), vec![], false));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.last_mut().unwrap().1.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Self::Error> {
        self.0.last_mut().unwrap().2 = true;
        Ok(())
    }
}

fn walk(archive: &[u8], step: usize) -> (Members, Result<u64, TarError>) {
    let mut walk = TarWalk::default();
    let mut members = Members::default();
    for piece in archive.chunks(step) {
        match walk.feed(piece, &mut members) {
            Ok(()) => {}
            Err(Stopped::Archive(error)) => return (members, Err(error)),
        }
    }
    let end = walk.finish();
    (members, end)
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(vec![]);
    for (name, bytes) in files {
        let mut header = Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn one(kind: EntryType, name: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_cksum();
    [header.as_bytes().as_slice(), &[0; 1024]].concat()
}

#[test]
fn members_come_out_whole_whatever_the_pieces() {
    let long = format!("{}.sql", "ünï".repeat(60));
    let big = vec![7; 70_000];
    let archive = archive(&[("./a.sql", b"SELECT 1;"), ("b/c.sql", b""), (&long, &big)]);
    for step in [1, 511, 512, 513, 100_000] {
        let (members, end) = walk(&archive, step);
        assert_eq!(end, Ok(0), "{step}");
        let names: Vec<&str> = members.0.iter().map(|member| member.0.as_str()).collect();
        assert_eq!(names, ["a.sql", "b/c.sql", long.as_str()]);
        assert!(members.0.iter().all(|member| member.2));
        assert_eq!(members.0[2].1, big);
    }
}

#[test]
fn a_cut_archive_never_passes_for_a_whole_one() {
    let archive = archive(&[("a.sql", &[b'x'; 700]), ("b.sql", b"y")]);
    let end = archive.len();
    for cut in 0..end {
        let (_, outcome) = walk(&archive[..cut], 4096);
        // The archiver may have padded beyond its two blocks of zeros.
        assert_eq!(outcome.is_ok(), cut >= 512 * 7, "{cut}");
    }
    let (members, outcome) = walk(&archive[..512 * 5], 4096);
    assert_eq!(members.0.len(), 2);
    assert!(outcome.unwrap_err().to_string().contains("every member is complete"));
}

#[test]
fn what_could_reach_out_of_a_folder_is_refused_by_name() {
    let why = |archive: &[u8]| walk(archive, 512).1.unwrap_err().to_string();
    assert!(why(&one(EntryType::Regular, b"../x")).contains("member ../x is refused: its path leads out"));
    assert!(why(&one(EntryType::Regular, b"a/../../x")).contains("leads out"));
    assert!(why(&one(EntryType::Regular, b"/etc/x")).contains("absolute"));
    assert!(why(&one(EntryType::Symlink, b"x")).contains("it is a link"));
    assert!(why(&one(EntryType::Link, b"x")).contains("it is a link"));
    assert!(why(&one(EntryType::Char, b"x")).contains("device"));
    assert!(why(&one(EntryType::GNUSparse, b"x")).contains("sparse"));
    assert!(why(&one(EntryType::Regular, b"")).contains("it has no name"));
    assert!(why(&archive(&[("x", b"1"), ("./x", b"2")])).contains("it is there twice"));
    assert_eq!(walk(&one(EntryType::Directory, b"./"), 512).1, Ok(0));
}

#[test]
fn a_header_that_was_changed_is_damage() {
    let mut archive = archive(&[("a.sql", b"x")]);
    archive[3] ^= 1;
    assert_eq!(walk(&archive, 512).1, Err(TarError::Damaged { at: 0, what: "a header's checksum is wrong" }));
}

#[test]
fn bytes_behind_the_end_are_counted() {
    let mut archive = archive(&[("a.sql", b"x")]);
    archive.extend(b"more");
    assert_eq!(walk(&archive, 512).1, Ok(4));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096), step in 1usize..700) {
        let _ = walk(&bytes, step);
    }

    #[test]
    fn a_changed_archive_is_judged_or_comes_out_with_the_same_members(at in 0usize..3584, bit in 0u8..8) {
        let mut archive = archive(&[("a.sql", &[b'x'; 700]), ("b.sql", b"y")]);
        archive[at] ^= 1 << bit;
        let (members, end) = walk(&archive, 512);
        if end.is_ok() {
            prop_assert_eq!(members.0.len(), 2);
        }
    }
}
