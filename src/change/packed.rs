//! What MariaDB compresses: statements, rows and column values.

use flate2::{Decompress, FlushDecompress, Status};

use crate::change::bytes::Bytes;
use crate::change::error::Broken;

const DAMAGED: Broken = Broken("its compressed bytes are damaged");

/// Unpacks a statement or the rows of an event: a byte of method and length size, the length, a zlib stream.
pub(super) fn event(bytes: &[u8], limit: u64, into: &mut Vec<u8>) -> Result<(), Broken> {
    let mut rest = Bytes::new(bytes);
    let head = rest.u8()?;
    let size = usize::from(head & 0x07);
    if head & 0x80 == 0 || head >> 4 & 0x07 != 0 || !(1..=4).contains(&size) {
        return Err(Broken("its bytes are compressed by an unknown method"));
    }
    let len = rest.big(size)?;
    inflate(rest.rest(), len, limit, true, into)
}

/// Unpacks a value of a compressed column: a byte of method, then the bytes as they are or length and deflate.
pub(super) fn value(bytes: &[u8], limit: u64, into: &mut Vec<u8>) -> Result<(), Broken> {
    let mut rest = Bytes::new(bytes);
    let head = rest.u8()?;
    let size = usize::from(head & 0x07);
    match head >> 4 {
        0 => {
            into.clear();
            into.extend_from_slice(rest.rest());
            Ok(())
        }
        8 => {
            let len = rest.big(size)?;
            inflate(rest.rest(), len, limit, head & 0x08 == 0, into)
        }
        _ => Err(Broken("a value is compressed by an unknown method")),
    }
}

/// Inflates exactly `len` bytes; the buffer grows only with what comes out.
fn inflate(mut packed: &[u8], len: u64, limit: u64, zlib: bool, into: &mut Vec<u8>) -> Result<(), Broken> {
    into.clear();
    if len > limit {
        return Err(Broken("it would unpack to more than is allowed"));
    }
    // Deflate makes at most 1032 bytes out of one: a length that is out of reach is a lie.
    if len > (packed.len() as u64 + 16).saturating_mul(1032) {
        return Err(DAMAGED);
    }
    into.resize(len as usize, 0);
    let mut inflate = Decompress::new(zlib);
    let mut at = 0;
    loop {
        let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
        // One byte of room more would show a stream that is too long; the end mark shows it as well.
        let status = inflate.decompress(packed, &mut into[at..], FlushDecompress::Finish).map_err(|_| DAMAGED)?;
        packed = &packed[(inflate.total_in() - before_in) as usize..];
        at += (inflate.total_out() - before_out) as usize;
        match status {
            Status::StreamEnd if at == into.len() => return Ok(()),
            Status::StreamEnd => return Err(DAMAGED),
            _ if inflate.total_in() == before_in && inflate.total_out() == before_out => return Err(DAMAGED),
            _ => {}
        }
    }
}
