//! What is inside an opened backup: recognising, unpacking, counting, finding what may not run unasked.

pub mod census;
pub mod databacker;
pub mod gzip;
pub mod metadata;
pub mod mongo;
pub mod names;
pub mod payload;
pub mod pgdump;
pub mod rewrite;
pub mod sidecar;
pub mod sniff;
pub mod statements;
pub mod tar;
pub mod unpack;
