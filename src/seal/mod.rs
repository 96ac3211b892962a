//! Seals: keys, ciphers and digests. Bytes to bytes over blocking `Read`; no paths, no network.
