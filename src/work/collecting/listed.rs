//! What the catalog already knows of runs: metadata objects of DBacked, and verifications of our own.

use super::sources::Imported;
use super::store::put;
use crate::disk::runs::{Intake, Store};
use crate::model::backup::{Backup, Format, Metadata};
use crate::model::run::{Feed, Run};
use crate::model::target::History;
use crate::model::trust::Proof;
use crate::report::{Report, Reportable};
use crate::telemetry::dbacked;
use crate::telemetry::dbacked::Beside;
use crate::telemetry::verified;
use crate::work::catalog::Catalog;
use crate::work::news::Changed;
use crate::work::series::is_orphan;
use crate::work::session::{Session, now};

/// Runs that are stored together.
const TOGETHER: usize = 1024;

/// Stores what a catalog tells. Blocking.
pub(super) fn import(session: &Session, store: &Store, catalog: &Catalog) -> Result<Imported, Report> {
    let mut imported = Imported::default();
    let runs: Vec<Run> = catalog.backups.iter().flat_map(|backup| told(session, backup)).collect();
    for piece in runs.chunks(TOGETHER) {
        let by_feed = |feed| {
            let runs = piece.iter().filter(|run| run.feed == feed).cloned().collect();
            Intake { feed, arrived: now(), spans: vec![], runs }
        };
        let intakes = [by_feed(Feed::DbackedMetadata), by_feed(Feed::Verification)];
        imported.stored(put(store, &intakes).map_err(|error| error.report())?);
    }
    imported.read = runs.len() as u64;
    Ok(imported)
}

impl Session {
    /// Stores a verification of our own as soon as it has ended, and tells of it. Blocks.
    ///
    /// # Errors
    ///
    /// When the history cannot be opened or written.
    pub(in crate::work) fn note_verification(&self, backup: &Backup, proof: &Proof) -> Result<(), Report> {
        let Some(slot) = self.0.browser.slot(&backup.target) else { return Ok(()) };
        let run = verified::of_proof(backup, proof, &slot.target.canonical_url());
        let intake = Intake { feed: Feed::Verification, arrived: now(), spans: vec![], runs: vec![run] };
        put(&*self.runs()?, &[intake]).map_err(|error| error.report())?;
        self.0.news.tell(Changed::RUNS);
        Ok(())
    }
}

fn told(session: &Session, backup: &Backup) -> Vec<Run> {
    let Some(slot) = session.0.browser.slot(&backup.target) else { return vec![] };
    let target = slot.target.canonical_url();
    let verified = backup.proof.as_ref().map(|proof| verified::of_proof(backup, proof, &target));
    verified.into_iter().chain(of_metadata(backup, &target)).collect()
}

fn of_metadata(backup: &Backup, target: &str) -> Option<Run> {
    let Metadata::Read(facts) = &backup.metadata else { return None };
    if backup.shape.format != Format::Dbacked || backup.history == History::Deleted {
        return None;
    }
    let there = !is_orphan(backup);
    dbacked::of_metadata(
        facts,
        Beside {
            target,
            key: &backup.key,
            series: &backup.series,
            bytes: there.then_some(backup.stamp.size),
            stored: backup.stamp.modified.filter(|_| there),
        },
    )
}
