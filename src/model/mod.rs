//! The nouns of the product. No I/O, no clock, no async; everything here is plain data.

pub mod audit;
pub mod backup;
pub mod change;
pub mod changes;
pub mod dump;
pub mod foreign;
pub mod job;
pub mod join;
pub mod judgement;
pub mod plan;
pub mod question;
pub mod retention;
pub mod run;
pub mod salvage;
pub mod script;
pub mod seal;
pub mod seen;
pub mod sftp;
pub mod sink;
pub mod span;
pub mod target;
pub mod trust;
pub mod units;
