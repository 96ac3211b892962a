//! The decompressors of other crates as [`Engine`]s: no buffers of their own, ends seen exactly.

use bzip2::Decompress;
use liblzma::stream::{Action, Error, Status, Stream};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

use crate::format::unpack::{Engine, Step, Wrong};

/// Zstandard: one frame after the other, skippable ones included.
pub struct Zstd {
    /// `None` when libzstd could not allocate its state.
    decoder: Option<Decoder<'static>>,
    head: Head<5>,
    unchecked: bool,
}

/// The first bytes of a member, which may come one by one.
struct Head<const N: usize> {
    bytes: [u8; N],
    have: usize,
}

impl<const N: usize> Head<N> {
    fn new() -> Self {
        Self { bytes: [0; N], have: 0 }
    }

    /// Takes what was eaten; the bytes, once, when they are complete.
    fn take(&mut self, eaten: &[u8]) -> Option<[u8; N]> {
        let missing = N - self.have;
        if missing == 0 {
            return None;
        }
        let n = missing.min(eaten.len());
        self.bytes[self.have..self.have + n].copy_from_slice(&eaten[..n]);
        self.have += n;
        (self.have == N).then_some(self.bytes)
    }
}

impl Zstd {
    /// `memory` caps the window in bytes; frames that ask for more are refused.
    pub fn new(memory: u64) -> Self {
        let log = memory.max(1 << 10).ilog2().min(31);
        let decoder = Decoder::new().ok().map(|mut decoder| {
            // A refused parameter leaves libzstd's own cap of 128 MiB in force.
            let _ = decoder.set_parameter(DParameter::WindowLogMax(log));
            decoder
        });
        Self { decoder, head: Head::new(), unchecked: false }
    }
}

impl Engine for Zstd {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong> {
        let decoder = self.decoder.as_mut().ok_or(Wrong::memory(0))?;
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = decoder.run(&mut from, &mut to);
        let (eaten, made) = (from.pos(), to.pos());
        if let Some([0x28, 0xb5, 0x2f, 0xfd, descriptor]) = self.head.take(&input[..eaten]) {
            self.unchecked |= descriptor & 0x04 == 0; // Content_Checksum_flag, RFC 8878 section 3.1.1.1.1
        }
        match hint {
            // libzstd says 0 again when it is asked with nothing at all after a frame: only a call that moved counts.
            Ok(hint) => Ok(Step { eaten, made, ended: hint == 0 && eaten + made > 0 }),
            Err(error) if error.to_string().contains("too much memory") => Err(Wrong::memory(eaten).having_made(made)),
            Err(error) if error.to_string().contains("checksum") => {
                Err(Wrong::after(eaten, "the zstd checksum does not match").having_made(made))
            }
            Err(_) => Err(Wrong::after(eaten, "the compressed data is not valid zstd").having_made(made)),
        }
    }

    fn restart(&mut self) {
        if self.decoder.as_mut().is_some_and(|decoder| decoder.reinit().is_err()) {
            self.decoder = None;
        }
        self.head = Head::new();
    }

    fn is_checked(&self) -> bool {
        !self.unchecked
    }
}

/// bzip2: one stream after the other; block and stream checksums are compared by the library.
pub struct Bzip2(Decompress);

impl Default for Bzip2 {
    fn default() -> Self {
        Self(Decompress::new(false))
    }
}

impl Engine for Bzip2 {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong> {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output);
        let eaten = (self.0.total_in() - before.0) as usize;
        let made = (self.0.total_out() - before.1) as usize;
        match status {
            Ok(status) => Ok(Step { eaten, made, ended: status == bzip2::Status::StreamEnd }),
            Err(_) => Err(Wrong::after(eaten, "the compressed data is not valid bzip2").having_made(made)),
        }
    }

    fn restart(&mut self) {
        self.0 = Decompress::new(false);
    }
}

/// xz: one stream after the other; the stream's own check is compared by the library.
pub struct Xz {
    memory: u64,
    /// `None` when liblzma could not allocate its state.
    stream: Option<Stream>,
    head: Head<8>,
    unchecked: bool,
}

impl Xz {
    /// `memory` caps what decoding may take, in bytes.
    pub fn new(memory: u64) -> Self {
        Self { memory, stream: Stream::new_stream_decoder(memory, 0).ok(), head: Head::new(), unchecked: false }
    }
}

impl Engine for Xz {
    fn run(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Wrong> {
        let stream = self.stream.as_mut().ok_or(Wrong::memory(0))?;
        let before = (stream.total_in(), stream.total_out());
        let status = stream.process(input, output, Action::Run);
        let eaten = (stream.total_in() - before.0) as usize;
        let made = (stream.total_out() - before.1) as usize;
        if let Some([.., check]) = self.head.take(&input[..eaten]) {
            self.unchecked |= check & 0x0f == 0; // the stream flags: `xz --check=none`
        }
        match status {
            Ok(status) => Ok(Step { eaten, made, ended: status == Status::StreamEnd }),
            Err(Error::Mem | Error::MemLimit) => Err(Wrong::memory(eaten).having_made(made)),
            Err(_) => Err(Wrong::after(eaten, "the compressed data is not valid xz").having_made(made)),
        }
    }

    fn restart(&mut self) {
        *self = Self { unchecked: self.unchecked, ..Self::new(self.memory) };
    }

    fn is_checked(&self) -> bool {
        !self.unchecked
    }
}
