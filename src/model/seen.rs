//! What once lay in each target, so that what is wiped is missed.

use serde::{Deserialize, Serialize};

use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// A target as it was when all of it was listed and something lay in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenTarget {
    /// Its canonical URL: another name for the same place is no other place.
    pub url: String,
    /// Objects that lay in it, of whatever kind.
    pub objects: u64,
    /// When it was listed like that.
    pub at: Moment,
    /// Every series that has ever lain in it, as it was when it did.
    pub series: Vec<SeenSeries>,
}

/// A series as it was when it was last listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenSeries {
    /// What its backups are named for.
    pub name: Foreign,
    /// How many there were.
    pub backups: u64,
    /// When the newest of them was taken.
    pub newest: Moment,
    /// The key of that one.
    pub key: Foreign,
    /// Databases inside, as far as that was known.
    pub databases: Vec<Foreign>,
    /// When it was listed.
    pub at: Moment,
    /// Somebody said that no more of it are meant to come: when the newest of them was taken then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retired: Option<Moment>,
}
