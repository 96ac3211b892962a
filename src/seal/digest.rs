//! Digests of the stored bytes.
