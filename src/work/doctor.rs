//! Checks of every target, server and key.

use crate::work::session::Session;

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Fine.
    Ok,
    /// Worth knowing.
    Warn,
    /// Broken.
    Fail,
}

/// One check.
pub struct Finding {
    /// What was checked.
    pub subject: String,
    /// How it went.
    pub outcome: Health,
    /// In words.
    pub text: String,
    /// What to do.
    pub advice: String,
}

/// Checks everything.
pub async fn examine(_: &Session) -> Vec<Finding> {
    vec![]
}
