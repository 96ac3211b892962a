//! One gzip member, strictly: the header field by field, then deflate, then CRC and length.

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use crate::format::unpack::{Engine, Step, Wrong};

/// The greatest length of a header field whose end is a zero byte.
const LONGEST_TEXT: usize = 64 << 10;

const HEAD_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const RESERVED: u8 = 0b1110_0000;

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Ten fixed bytes.
    Fixed,
    /// Two bytes: how long the extra field is.
    ExtraLength,
    /// The extra field.
    Extra(usize),
    /// A text that ends in a zero byte: a name, then a comment.
    Text(u8),
    /// CRC-16 of the header.
    HeadCrc,
    /// Deflate.
    Body,
    /// CRC-32 and length of what came out.
    Trailer,
}

/// Decompresses one member at a time; [`Engine::restart`] begins the next one.
///
/// # Source
///
/// RFC 1952. Reserved flag bits are refused, as the RFC demands.
pub struct Gzip {
    part: Part,
    flags: u8,
    /// Bytes of the part that is being read, never more than a few (texts are only counted).
    held: Vec<u8>,
    text: usize,
    head: Hasher,
    inflate: Decompress,
    plain: Hasher,
    made: u64,
}

impl Default for Gzip {
    fn default() -> Self {
        Self {
            part: Part::Fixed,
            flags: 0,
            held: Vec::with_capacity(16),
            text: 0,
            head: Hasher::new(),
            inflate: Decompress::new(false),
            plain: Hasher::new(),
            made: 0,
        }
    }
}

impl Engine for Gzip {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong> {
        match self.part {
            Part::Body => self.inflate(input, output),
            Part::Trailer => self.trailer(input),
            _ => self.header(input),
        }
    }

    fn restart(&mut self) {
        let mut inflate = std::mem::replace(&mut self.inflate, Decompress::new(false));
        inflate.reset(false);
        *self = Self { inflate, ..Self::default() };
    }
}

impl Gzip {
    /// Takes one part of the header, or as much of it as there is.
    fn header(&mut self, input: &[u8]) -> Result<Step, Wrong> {
        if let Part::Text(_) = self.part {
            return self.text(input);
        }
        let want = match self.part {
            Part::Fixed => 10,
            Part::Extra(length) => length,
            _ => 2,
        };
        let taken = self.hold(input, want);
        if self.part != Part::HeadCrc {
            self.head.update(&input[..taken]);
        }
        if self.held.len() == want {
            let held = std::mem::take(&mut self.held);
            self.part = self.after(&held)?;
        }
        Ok(Step { eaten: taken, ..Step::default() })
    }

    fn after(&mut self, held: &[u8]) -> Result<Part, Wrong> {
        match self.part {
            Part::Fixed => {
                if held[..2] != [0x1f, 0x8b] {
                    return Err(Wrong::new("no gzip member begins here"));
                }
                if held[2] != 8 {
                    return Err(Wrong::new("the gzip header names an unknown method"));
                }
                self.flags = held[3];
                if self.flags & RESERVED != 0 {
                    return Err(Wrong::new("the gzip header has reserved bits set"));
                }
                Ok(if self.flags & EXTRA != 0 { Part::ExtraLength } else { self.texts(NAME) })
            }
            Part::ExtraLength => match u16::from_le_bytes([held[0], held[1]]) {
                0 => Ok(self.texts(NAME)),
                length => Ok(Part::Extra(usize::from(length))),
            },
            Part::HeadCrc => {
                let kept = u16::from_le_bytes([held[0], held[1]]);
                let fits = u32::from(kept) == self.head.clone().finalize() & 0xffff;
                if fits { Ok(Part::Body) } else { Err(Wrong::new("the checksum of the gzip header does not match")) }
            }
            _ => Ok(self.texts(NAME)),
        }
    }

    /// The first part from `from` on that the flags announce.
    fn texts(&self, from: u8) -> Part {
        if from == NAME && self.flags & NAME != 0 {
            Part::Text(NAME)
        } else if from != HEAD_CRC && self.flags & COMMENT != 0 {
            Part::Text(COMMENT)
        } else if self.flags & HEAD_CRC != 0 {
            Part::HeadCrc
        } else {
            Part::Body
        }
    }

    fn text(&mut self, input: &[u8]) -> Result<Step, Wrong> {
        let end = memchr::memchr(0, input);
        let taken = end.map_or(input.len(), |at| at + 1);
        self.head.update(&input[..taken]);
        self.text += taken;
        if self.text > LONGEST_TEXT {
            return Err(Wrong::new("a name in the gzip header does not end"));
        }
        if end.is_some() {
            self.text = 0;
            self.part = self.texts(if self.part == Part::Text(NAME) { COMMENT } else { HEAD_CRC });
        }
        Ok(Step { eaten: taken, ..Step::default() })
    }

    fn inflate(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong> {
        let before = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, output, FlushDecompress::None);
        let eaten = (self.inflate.total_in() - before.0) as usize;
        let made = (self.inflate.total_out() - before.1) as usize;
        let wrong = || Wrong::after(eaten, "the compressed data is not valid deflate").having_made(made);
        let status = status.map_err(|_| wrong())?;
        self.plain.update(&output[..made]);
        self.made += made as u64;
        if status == Status::StreamEnd {
            self.part = Part::Trailer;
        }
        Ok(Step { eaten, made, ended: false })
    }

    fn trailer(&mut self, input: &[u8]) -> Result<Step, Wrong> {
        let taken = self.hold(input, 8);
        let ended = self.held.len() == 8;
        if ended {
            let number = |at: usize| self.held[at..at + 4].iter().rev().fold(0u32, |sum, b| sum << 8 | u32::from(*b));
            if number(0) != self.plain.clone().finalize() {
                return Err(Wrong::new("the gzip checksum (CRC-32) does not match"));
            }
            if number(4) != self.made as u32 {
                return Err(Wrong::new("the gzip length does not match"));
            }
        }
        Ok(Step { eaten: taken, made: 0, ended })
    }

    fn hold(&mut self, input: &[u8], want: usize) -> usize {
        let taken = input.len().min(want - self.held.len());
        self.held.extend_from_slice(&input[..taken]);
        taken
    }
}
