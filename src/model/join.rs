//! How surely a run and an object belong together.

use serde::{Deserialize, Serialize};

/// How surely a run and an object belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// By its time alone.
    Guess,
    /// By its name in another spelling of the target, or by its time and size.
    Likely,
    /// By target and name.
    Exact,
}

impl Certainty {
    /// The word in lists and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Guess => "guess",
            Self::Likely => "likely",
            Self::Exact => "exact",
        }
    }
}
