//! Reusable parts of screens.

pub mod body;
pub mod chart;
pub mod checklist;
pub mod density;
pub mod gauge;
pub mod input;
pub mod pages;
pub mod scroll;
pub mod secret_field;
pub mod spark;
pub mod strip;
pub mod table;
pub mod waterfall;
