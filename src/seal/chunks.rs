//! Sealing chunks of a file that only this process reads: each by itself, so that they can be opened in any order.

use aes_gcm::aead::AeadInPlace;
use aes_gcm::{Aes256Gcm, KeyInit, Nonce, Tag};
use rand::RngCore;
use rand::rngs::OsRng;

use crate::seal::secret::LockedBytes;

/// Bytes that a sealed chunk is longer than an open one.
pub const TAG: usize = 16;

/// A random key that lives as long as this value and never leaves locked memory.
pub struct ChunkKey(LockedBytes);

/// The chunk is not the one that was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Altered;

impl ChunkKey {
    /// A new key, out of the system's random numbers.
    pub fn random() -> Self {
        let mut key = LockedBytes::zeroed(32);
        OsRng.fill_bytes(key.expose_mut());
        Self(key)
    }

    /// Seals chunk number `number` in place and adds its tag. A number must never be used twice with one key.
    pub fn seal(&self, number: u64, chunk: &mut Vec<u8>) {
        let tag = self.cipher().encrypt_in_place_detached(&nonce(number), b"", chunk);
        let tag = tag.expect("chunks are far below the 64 GiB that one nonce is good for");
        chunk.extend_from_slice(&tag);
    }

    /// Opens chunk number `number` in place and takes its tag off.
    ///
    /// # Errors
    ///
    /// [`Altered`]; what is in `chunk` is then worthless.
    pub fn open(&self, number: u64, chunk: &mut Vec<u8>) -> Result<(), Altered> {
        let size = chunk.len().checked_sub(TAG).ok_or(Altered)?;
        let tag = *Tag::from_slice(&chunk[size..]);
        chunk.truncate(size);
        self.cipher().decrypt_in_place_detached(&nonce(number), b"", chunk, &tag).map_err(|_| Altered)
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new_from_slice(self.0.expose()).expect("the key has 32 bytes")
    }
}

fn nonce(number: u64) -> Nonce<aes_gcm::aead::consts::U12> {
    let mut nonce = Nonce::default();
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_chunk_opens_only_as_itself_and_in_its_place(plain in proptest::collection::vec(any::<u8>(), 0..300), at: proptest::sample::Index, bit in 0..8_u8) {
            let key = ChunkKey::random();
            let mut sealed = plain.clone();
            key.seal(7, &mut sealed);
            let mut opened = sealed.clone();
            prop_assert_eq!(key.open(7, &mut opened), Ok(()));
            prop_assert_eq!(&opened, &plain);
            prop_assert_eq!(key.open(8, &mut sealed.clone()), Err(Altered));
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert_eq!(key.open(7, &mut sealed), Err(Altered));
        }
    }
}
