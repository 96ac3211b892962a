//! Files of a Collector's file exporter with `format: proto` or `compression: zstd`: each message behind its length,
//! four bytes with the greatest first.

use std::io::{self, Read};

use super::{Batch, read_json, read_protobuf};

/// The greatest message that is read, packed or not.
const MESSAGE: usize = 32 << 20;
/// The largest window that is given to unpacking one, as a power of two: as much as the greatest message.
const WINDOW: u32 = MESSAGE.ilog2();
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Whether a file that begins so holds messages behind their lengths.
pub(super) fn is_framed(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<4>() else { return false };
    let length = u32::from_be_bytes(*length) as usize;
    // A message of protobuf begins with the tag of `resource_spans`.
    (1..=MESSAGE).contains(&length) && (rest.starts_with(&ZSTD) || rest.first() == Some(&0x0a) && length > 1)
}

/// Hands out each message's spans. `false` where the file ends inside a message or goes on as something else.
pub(super) fn read(source: &mut dyn Read, mut each: impl FnMut(Option<Batch>)) -> io::Result<bool> {
    let mut message = vec![];
    loop {
        let mut length = [0; 4];
        match fill(source, &mut length)? {
            0 => return Ok(true),
            4 => {}
            _ => return Ok(false),
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > MESSAGE {
            return Ok(false);
        }
        message.clear();
        if source.take(length as u64).read_to_end(&mut message)? < length {
            return Ok(false);
        }
        each(spans(&message));
    }
}

fn fill(source: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match source.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The spans of one message; `None` where it cannot be read.
fn spans(message: &[u8]) -> Option<Batch> {
    if !message.starts_with(&ZSTD) {
        return plain(message);
    }
    let mut unpacked = vec![];
    let mut packed = zstd::stream::read::Decoder::with_buffer(message).ok()?;
    packed.window_log_max(WINDOW).ok()?;
    packed.take(MESSAGE as u64 + 1).read_to_end(&mut unpacked).ok()?;
    if unpacked.len() > MESSAGE { None } else { plain(&unpacked) }
}

fn plain(message: &[u8]) -> Option<Batch> {
    if message.first() == Some(&b'{') { read_json(message).ok() } else { read_protobuf(message).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zstd frame of one uncompressed block that asks for a window of two to the power of `log` bytes.
    fn frame(log: u8, text: &[u8]) -> Vec<u8> {
        let block = (text.len() as u32) << 3 | 1;
        [&ZSTD[..], &[0, (log - 10) << 3], &block.to_le_bytes()[..3], text].concat()
    }

    #[test]
    fn a_message_gets_no_window_that_is_larger_than_a_message() {
        let empty = br#"{"resourceSpans":[]}"#;
        assert!(spans(&frame(25, empty)).is_some());
        assert!(spans(&frame(27, empty)).is_none());
    }
}
