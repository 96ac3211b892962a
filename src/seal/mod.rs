//! Seals: keys, ciphers and digests. Bytes to bytes over blocking `Read`; no paths, no network.
//!
//! Start at [`keyfile`] for keys, [`dbacked`] and [`sealed`] for the two seals, [`digest`] for
//! what is recomputed over the stored bytes.

pub mod databacker;
pub mod dbacked;
mod der;
pub mod digest;
pub mod error;
pub mod keyfile;
pub mod keyring;
mod md5pair;
mod pem;
mod pkcs8;
pub mod public;
pub mod sealed;
pub mod secret;

pub use self::error::{Damage, KeyError, SealError, UnsealError};
