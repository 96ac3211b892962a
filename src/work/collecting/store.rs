//! The store of runs as this floor uses it: spans become runs on their way in.

use crate::disk::runs::{HistoryError, Intake, Store, Stored, Traced};
use crate::disk::state::State;
use crate::model::run::Run;
use crate::report::{Report, Reportable};
use crate::telemetry::assemble;
use crate::telemetry::assemble::Arrival;
use crate::work::session::Session;

/// Stores what has arrived; spans of one trace become its runs, together with those that are known.
pub(super) fn put(store: &Store, intakes: &[Intake]) -> Result<Stored, HistoryError> {
    store.put(intakes, &runs_of)
}

/// The same, and how many spans of each are beyond what is kept of their traces.
pub(super) fn put_each(store: &Store, intakes: &[Intake]) -> Result<(Stored, Vec<u64>), HistoryError> {
    store.put_each(intakes, &runs_of)
}

fn runs_of(traced: Traced<'_>) -> Vec<Run> {
    let arrival = Arrival { feed: traced.feed, received: traced.received };
    assemble::runs(traced.trace, traced.spans, arrival)
}

impl Session {
    /// A store of its own for whoever writes much: the console's is not held up by it.
    pub(super) fn writing_store(&self) -> Result<Store, Report> {
        let state = State::open(&self.0.paths.state, self.0.estate.id.as_str()).map_err(|error| error.report())?;
        Store::open(&state, self.0.estate.history).map_err(|error| error.report())
    }
}
