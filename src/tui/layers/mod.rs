//! What lies on top of a screen: plans, questions, help.

pub mod arm;
pub mod ask;
pub mod confirm;
pub mod databases;
pub mod detail;
pub mod diff;
pub mod exclude_tables;
pub mod failure;
pub mod filter;
pub mod help;
pub mod key_source;
pub mod one_statement;
pub mod only_tables;
pub mod palette;
pub mod paper;
pub mod passphrase;
pub mod plan;
pub mod question;
pub mod quit;
pub mod row_list;
pub mod salvage;
pub mod sink;
pub mod tables;
pub mod undo;
pub mod wall;
pub mod write_script;
