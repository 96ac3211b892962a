//! Seals: keys, ciphers and digests. Bytes to bytes over blocking `Read`; no paths, no network.
//!
//! Start at [`keyfile`] for keys, [`dbacked`], [`databacker`] and [`sealed`] for the seals, [`digest`]
//! for what is recomputed over the stored bytes.

pub mod age;
mod agekey;
mod cbc;
mod certificate;
mod chacha;
pub mod chunks;
mod cms;
pub mod databacker;
pub mod dbacked;
mod der;
pub mod digest;
mod ec;
pub mod error;
pub mod key;
pub mod keyfile;
pub mod keyring;
mod md5pair;
mod pem;
mod pkcs8;
pub mod public;
mod rawkey;
pub mod sealed;
pub mod secret;

pub use self::error::{Damage, KeyError, SealError, UnsealError};
