//! Reusable parts of screens.

pub mod chart;
pub mod checklist;
pub mod gauge;
pub mod input;
pub mod secret_field;
pub mod spark;
pub mod strip;
pub mod table;
pub mod waterfall;
