//! What the tests stand on: servers, fixtures, a scratch folder.

pub mod databases;
