//! Databases: connecting, asking what is there, loading statements.
//!
//! One [`Connection`] runs one statement at a time, in the bytes of the dump. Nothing here decides
//! *whether* a statement may run: that is the plan's and the census's work, done before.
//!
//! # Two promises of the driver that are not kept by it, and what stands in
//!
//! `mysql_async` always announces `CLIENT_MULTI_STATEMENTS` and `CLIENT_LOCAL_FILES`. The second is
//! harmless, because no handler is ever given: a server that asks for a local file ends the connection.
//! The first means that a server which sees *two* statements where our lexer saw one would run both.
//! The lexer stops where it cannot follow a dump's character set or `sql_mode`; beside that,
//! [`Connection::load`] counts the answers, and a second one is [`LoadError::SeveralStatements`].

mod agent;
pub mod compat;
mod connect;
mod error;
mod load;
mod login;
pub mod options;
mod password;
mod probe;
mod reduce;
mod tls;

pub use connect::{Connection, KillHandle, Killed, connect};
pub use error::ServerError;
pub use load::{LoadError, Loaded};
pub use password::{Password, password_of};
pub use reduce::Reduced;
