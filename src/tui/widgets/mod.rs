//! Reusable parts of screens.

pub mod body;
pub mod checklist;
pub mod density;
pub mod gauge;
pub mod input;
pub mod pages;
pub mod secret_field;
pub mod spark;
pub mod table;
