//! Finished recovery scripts, looked at: what they would do, what is wrong with them, the rows as they are now.
//!
//! Scripts are read here and never run. The only session on a server is one that cannot write.

mod around;
mod chains;
mod check;
mod now;
mod script;
mod server;

pub use crate::work::review::around::hazards as surrounding_hazards;
pub use crate::work::review::script::{ReviewRequest, Reviewed, RowLine, review};
pub use crate::work::review::server::{Look, look};
