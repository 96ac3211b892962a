//! The past of every series: what ran, what it left, what became of it, and what that says.

mod checks;
mod door;
mod expected;
mod gone;
pub mod load;
mod past;
mod points;
mod removals;
pub mod rows;
#[cfg(test)]
pub(in crate::work) mod samples;
pub(in crate::work) mod seen;
mod split;
mod strays;
pub mod strip;
pub mod view;
pub mod waterfall;

pub use self::door::RunDetail;
pub use self::rows::fits;
pub use self::view::{Checked, HistoryView, Kept, MoreChecks, PRUNED, Point, SeriesKey, SeriesPast};
pub use crate::model::join::Certainty;
pub use crate::telemetry::signals::attempt::Outcome;
pub use crate::telemetry::signals::rhythm::Rhythm;
pub use crate::telemetry::signals::slots::{Fate, Slot};
