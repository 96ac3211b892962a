//! zstd for many small pieces: a context per thread, since making one costs more than using it.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

/// The largest piece that is unpacked; what is kept of one trace or run is far below.
const LARGEST: usize = 64 << 20;

thread_local! {
    static CONTEXTS: RefCell<Option<(Compressor<'static>, Decompressor<'static>)>> = const { RefCell::new(None) };
}

fn with<T>(
    work: impl FnOnce(&mut Compressor<'static>, &mut Decompressor<'static>) -> std::io::Result<T>,
) -> std::io::Result<T> {
    CONTEXTS.with_borrow_mut(|contexts| {
        if contexts.is_none() {
            *contexts = Some((Compressor::new(1)?, Decompressor::new()?));
        }
        match contexts {
            Some((compressor, decompressor)) => work(compressor, decompressor),
            None => Err(std::io::ErrorKind::OutOfMemory.into()),
        }
    })
}

/// Packs a piece.
///
/// # Errors
///
/// When there is no memory for it.
pub(super) fn squeeze(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    with(|compressor, _| compressor.compress(plain))
}

/// Unpacks one; `None` for bytes that are none of ours.
pub(super) fn unsqueeze(packed: &[u8]) -> Option<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten()?;
    let room = usize::try_from(size).ok().filter(|size| *size <= LARGEST)?;
    with(|_, decompressor| decompressor.decompress(packed, room)).ok()
}
