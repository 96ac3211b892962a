//! What lies on top of a screen: plans, questions, help.

pub mod arm;
pub mod checks;
pub mod confirm;
pub mod databases;
pub mod detail;
pub mod diff;
pub mod failure;
pub mod filter;
pub mod help;
pub mod key_source;
pub mod palette;
pub mod passphrase;
pub mod plan;
pub mod question;
pub mod quit;
pub mod run;
pub mod run_lines;
pub mod runs;
pub mod salvage;
pub mod sink;
pub mod span_sheet;
pub mod tables;
