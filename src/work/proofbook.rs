//! All proofs at hand: the catalog asks for thousands of them at a time.

use std::collections::HashMap;
use std::sync::Mutex;

use crate::disk::proofs::Proofs;
use crate::disk::state::StateError;
use crate::model::backup::BackupId;
use crate::model::target::Stamp;
use crate::model::trust::Proof;

/// Proofs in memory, without their digests, over those in the state folder.
pub struct ProofBook {
    disk: Proofs,
    known: Mutex<HashMap<BackupId, (Stamp, Proof)>>,
}

impl ProofBook {
    /// Reads all proofs once.
    pub fn open(disk: Proofs) -> Self {
        let book = Self { disk, known: Mutex::default() };
        book.reload();
        book
    }

    /// Reads all proofs again: another console may have made some.
    pub fn reload(&self) {
        let all = self.disk.all();
        for remark in &all.remarks {
            tracing::warn!("{remark}");
        }
        let fresh = all.proofs.into_iter().filter_map(|(id, known)| {
            let standing = known.standing()?.clone();
            Some((id, (known.stamp, without_digests(standing))))
        });
        let fresh = fresh.collect();
        if let Ok(mut known) = self.known.lock() {
            *known = fresh;
        }
    }

    /// The verdict that stands for exactly these bytes, without its digests.
    pub fn standing(&self, id: &BackupId, stamp: &Stamp) -> Option<Proof> {
        let known = self.known.lock().ok()?;
        known.get(id).filter(|(proven, _)| proven == stamp).map(|(_, proof)| proof.clone())
    }

    /// Whether the newest verdict on what lay there, whatever has become of it, was good.
    pub fn was_good(&self, id: &BackupId) -> bool {
        self.known.lock().is_ok_and(|known| known.get(id).is_some_and(|(_, proof)| proof.is_good()))
    }

    /// The newest proof of exactly these bytes that may release them, digests included.
    pub fn releasing(&self, id: &BackupId, stamp: &Stamp) -> Option<Proof> {
        self.disk.get(id, stamp)?.releasing().cloned()
    }

    /// Remembers a verdict.
    ///
    /// # Errors
    ///
    /// When the state folder cannot be written.
    pub fn put(&self, id: &BackupId, proof: &Proof) -> Result<(), StateError> {
        let known = self.disk.put(id, proof)?;
        if let (Some(standing), Ok(mut book)) = (known.standing().cloned(), self.known.lock()) {
            book.insert(id.clone(), (known.stamp, without_digests(standing)));
        }
        Ok(())
    }
}

fn without_digests(mut proof: Proof) -> Proof {
    proof.mib_digests = vec![];
    proof
}
