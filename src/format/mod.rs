//! What is inside an opened backup: recognising, unpacking, counting, finding what may not run unasked.

pub mod census;
pub mod statements;
