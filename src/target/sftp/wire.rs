//! Frames of SFTP version 3: requests out, answers in. Names and handles stay bytes.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::model::foreign::Foreign;
use crate::model::target::Stamp;
use crate::model::units::Moment;

/// The longest frame that is taken, in bytes. Servers send at most 256 KiB of a file at once.
pub const LONGEST: usize = 1 << 20;

/// `FXP_INIT` with the version that every server speaks.
pub const HELLO: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
/// The first byte of the answer to it.
pub const VERSION: u8 = 2;

/// The end of a file or a folder.
pub const EOF: u32 = 1;
/// Nothing of that name.
pub const NO_SUCH_FILE: u32 = 2;
/// The login user may not.
pub const PERMISSION_DENIED: u32 = 3;

/// A request, without its number.
#[derive(Debug, Clone, Copy)]
pub enum Request<'a> {
    /// Opens a file for reading.
    Open(&'a [u8]),
    /// Opens a folder for listing.
    OpenFolder(&'a [u8]),
    /// Closes either.
    Close(&'a [u8]),
    /// Bytes of an open file: handle, first byte, how many.
    Read(&'a [u8], u64, u32),
    /// The next entries of an open folder.
    ReadFolder(&'a [u8]),
    /// What a name is, without following a link.
    Look(&'a [u8]),
    /// What an open file is.
    LookAt(&'a [u8]),
    /// The absolute form of a path.
    Resolve(&'a [u8]),
}

impl Request<'_> {
    /// The whole frame.
    pub fn frame(self, id: u32) -> Bytes {
        let (kind, subject) = match self {
            Self::Open(path) => (3, path),
            Self::Close(handle) => (4, handle),
            Self::Read(handle, ..) => (5, handle),
            Self::Look(path) => (7, path),
            Self::LookAt(handle) => (8, handle),
            Self::OpenFolder(path) => (11, path),
            Self::ReadFolder(handle) => (12, handle),
            Self::Resolve(path) => (16, path),
        };
        let mut frame = BytesMut::with_capacity(subject.len() + 32);
        frame.put_u32(0);
        frame.put_u8(kind);
        frame.put_u32(id);
        frame.put_u32(subject.len() as u32);
        frame.put_slice(subject);
        match self {
            Self::Open(_) => frame.put_slice(&[0, 0, 0, 1, 0, 0, 0, 0]), // for reading, no attributes
            Self::Read(_, from, len) => {
                frame.put_u64(from);
                frame.put_u32(len);
            }
            _ => {}
        }
        let len = frame.len() as u32 - 4;
        frame[..4].copy_from_slice(&len.to_be_bytes());
        frame.freeze()
    }
}

/// An answer, without its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// How it went: a code, and the server's words.
    Status(u32, Foreign),
    /// An open file or folder.
    Handle(Bytes),
    /// Bytes of a file.
    Data(Bytes),
    /// Entries of a folder, or a resolved path.
    Names(Vec<Entry>),
    /// What a name is.
    Attrs(Attrs),
}

/// One entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it came.
    pub name: Foreign,
    /// Links are not followed.
    pub attrs: Attrs,
}

/// What a name is, as far as the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attrs {
    /// Bytes.
    pub size: Option<u64>,
    /// Kind and permissions, as Unix writes them.
    pub mode: Option<u32>,
    /// Seconds since 1970.
    pub modified: Option<u32>,
}

/// What kind of thing a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// Links, pipes, devices, sockets.
    Other,
    /// The server does not say.
    Unknown,
}

impl Attrs {
    /// What kind of thing it is.
    pub fn kind(&self) -> Kind {
        match self.mode.map(|mode| mode & 0o170_000) {
            Some(0o100_000) => Kind::File,
            Some(0o040_000) => Kind::Folder,
            Some(0) | None => Kind::Unknown,
            Some(_) => Kind::Other,
        }
    }

    /// What pins it: the size, and the time in whole seconds, which is all that SFTP tells.
    pub fn stamp(&self) -> Stamp {
        let modified = self.modified.map(|seconds| Moment(i64::from(seconds) * 1000));
        Stamp { size: self.size.unwrap_or(0), modified, ..Stamp::default() }
    }
}

/// Why a frame cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odd(pub &'static str);

/// Takes the first whole frame off `buffer`, without its length.
///
/// # Errors
///
/// When its length is beyond all reason: what speaks there is not SFTP.
pub fn next_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, Odd> {
    let Some(head) = buffer.first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*head) as usize;
    if !(5..=LONGEST).contains(&len) {
        return Err(Odd("a frame of impossible length"));
    }
    if buffer.len() < 4 + len {
        buffer.reserve(4 + len - buffer.len());
        return Ok(None);
    }
    buffer.advance(4);
    Ok(Some(buffer.split_to(len).freeze()))
}

/// Reads an answer and the number of its request.
///
/// # Errors
///
/// When it is cut, has something left over, or is of no kind that answers a request of ours.
pub fn answer(frame: Bytes) -> Result<(u32, Answer), Odd> {
    let mut rest = Fields(frame);
    let kind = rest.u8()?;
    let id = rest.u32()?;
    let answer = match kind {
        101 => {
            let code = rest.u32()?;
            // Servers of the first hour send neither words nor language.
            let words = if rest.0.is_empty() { Bytes::new() } else { rest.text()? };
            Answer::Status(code, Foreign::new(words.to_vec()))
        }
        102 => Answer::Handle(rest.text()?),
        103 => Answer::Data(rest.text()?),
        104 => Answer::Names(names(&mut rest)?),
        105 => Answer::Attrs(rest.attrs()?),
        _ => return Err(Odd("an answer of an unknown kind")),
    };
    Ok((id, answer))
}

fn names(rest: &mut Fields) -> Result<Vec<Entry>, Odd> {
    let count = rest.u32()?;
    let mut entries = vec![];
    for _ in 0..count {
        let name = Foreign::new(rest.text()?.to_vec());
        let as_ls_shows_it = rest.text()?;
        let mut attrs = rest.attrs()?;
        attrs.mode = attrs.mode.or_else(|| mode_of(&as_ls_shows_it));
        entries.push(Entry { name, attrs });
    }
    Ok(entries)
}

/// The kind of a file by the line of `ls`, for servers that send no modes.
fn mode_of(line: &[u8]) -> Option<u32> {
    match line.first()? {
        b'-' => Some(0o100_000),
        b'd' => Some(0o040_000),
        b'l' | b'p' | b's' | b'b' | b'c' => Some(0o120_000),
        _ => None,
    }
}

struct Fields(Bytes);

impl Fields {
    fn enough(&self, len: usize) -> Result<(), Odd> {
        if self.0.len() < len { Err(Odd("an answer that ends too early")) } else { Ok(()) }
    }

    fn u8(&mut self) -> Result<u8, Odd> {
        self.enough(1)?;
        Ok(self.0.get_u8())
    }

    fn u32(&mut self) -> Result<u32, Odd> {
        self.enough(4)?;
        Ok(self.0.get_u32())
    }

    fn u64(&mut self) -> Result<u64, Odd> {
        self.enough(8)?;
        Ok(self.0.get_u64())
    }

    fn text(&mut self) -> Result<Bytes, Odd> {
        let len = self.u32()? as usize;
        self.enough(len)?;
        Ok(self.0.split_to(len))
    }

    fn attrs(&mut self) -> Result<Attrs, Odd> {
        let flags = self.u32()?;
        let mut attrs = Attrs::default();
        if flags & 1 != 0 {
            attrs.size = Some(self.u64()?);
        }
        if flags & 2 != 0 {
            self.u64()?; // user and group
        }
        if flags & 4 != 0 {
            attrs.mode = Some(self.u32()?);
        }
        if flags & 8 != 0 {
            self.u32()?; // last access
            attrs.modified = Some(self.u32()?);
        }
        if flags & 0x8000_0000 != 0 {
            for _ in 0..self.u32()? {
                self.text()?;
                self.text()?;
            }
        }
        Ok(attrs)
    }
}

/// Feeds bytes to everything here that reads what a server sends.
#[cfg(test)]
pub fn fuzz(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Some(frame)) = next_frame(&mut buffer) {
        let _ = answer(frame);
    }
    let _ = answer(Bytes::copy_from_slice(bytes));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(frame: &mut Vec<u8>, text: &[u8]) {
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text);
    }

    fn listing() -> Vec<u8> {
        let mut frame = vec![104, 0, 0, 0, 7, 0, 0, 0, 2];
        for name in [&b"caf\xe9\x1b.sql"[..], b"sub"] {
            text(&mut frame, name);
            text(&mut frame, b"-rw-r--r-- 1 root");
            frame.extend([0x80, 0, 0, 15]);
            frame.extend(12u64.to_be_bytes());
            frame.extend([0; 8]);
            frame.extend(0o100_644u32.to_be_bytes());
            frame.extend([0, 0, 0, 1, 0, 0, 0, 9]);
            frame.extend([0, 0, 0, 1]);
            text(&mut frame, b"key");
            text(&mut frame, b"value");
        }
        frame
    }

    #[test]
    fn names_that_are_no_text_stay_as_they_are() {
        let (id, answer) = answer(Bytes::from(listing())).unwrap();
        let Answer::Names(entries) = answer else { panic!() };
        assert_eq!((id, entries.len()), (7, 2));
        assert_eq!(entries[0].name.raw_bytes(), b"caf\xe9\x1b.sql");
        let Attrs { size, mode, modified } = entries[0].attrs;
        assert_eq!((size, mode, modified), (Some(12), Some(0o100_644), Some(9)));
        assert_eq!(entries[0].attrs.kind(), Kind::File);
    }

    #[test]
    fn an_answer_that_is_cut_anywhere_is_an_error() {
        let whole = listing();
        for end in 0..whole.len() {
            assert!(answer(Bytes::copy_from_slice(&whole[..end])).is_err(), "{end}");
        }
        assert!(answer(Bytes::from_static(&[200, 0, 0, 0, 1])).is_err());
    }

    #[test]
    fn a_frame_longer_than_a_megabyte_is_refused_before_memory_is_taken() {
        let mut words = BytesMut::from(&b"Last login: Mon"[..]);
        assert!(next_frame(&mut words).is_err());
        let mut cut = BytesMut::from(&[0, 0, 0, 9, 103][..]);
        assert_eq!(next_frame(&mut cut), Ok(None));
    }

    #[test]
    fn a_request_says_its_own_length() {
        let frame = Request::Read(b"handle", 1 << 33, 255 * 1024).frame(9);
        assert_eq!(frame.len(), 4 + u32::from_be_bytes(*frame.first_chunk().unwrap()) as usize);
        assert_eq!(&Request::Open(b"/x").frame(1)[..], b"\0\0\0\x13\x03\0\0\0\x01\0\0\0\x02/x\0\0\0\x01\0\0\0\0");
    }

    /// 20,000 mutations, or as many as `BREAKGLASS_FUZZ` says.
    #[test]
    fn no_altered_answer_makes_it_panic() {
        let rounds = std::env::var("BREAKGLASS_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000);
        let (whole, mut state) = (listing(), 0x9e37_79b9_u32);
        let mut random = |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        for _ in 0..rounds {
            let mut frame = whole.clone();
            frame[0] = 101 + random(5) as u8;
            for _ in 0..=random(4) {
                let at = random(frame.len());
                frame[at] = random(256) as u8;
            }
            frame.truncate(1 + random(whole.len()));
            let mut stream = (frame.len() as u32).to_be_bytes().to_vec();
            stream.extend(&frame);
            fuzz(&frame);
            fuzz(&stream);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_of_a_server_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            fuzz(&bytes);
        }
    }
}
