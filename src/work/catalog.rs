//! All backups of all targets, merged, newest first: from listed objects and looked-at heads to backups.

use std::collections::HashMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::format::names::{DatabackerName, Exactness, NameFacts, NamePattern};
use crate::format::{names, sidecar};
use crate::model::backup::{
    Backup, BackupId, Basis, Format, Metadata, MetadataFacts, Opens, Shape, Taken, TakenFrom, Zone,
};
use crate::model::foreign::Foreign;
use crate::model::seal::{Fingerprint, Recipient, RecipientSource};
use crate::model::target::{History, Location, Object, Stamp, Target, TargetName};
use crate::model::trust::{Finding, Proof, Weight};
use crate::model::units::Moment;
use crate::report::Report;
use crate::work::series;
use crate::work::series::SeriesView;

mod zones;

pub use zones::Ruled;

/// A snapshot: it does not change any more; a newer one replaces it.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// Newest first by true time.
    pub backups: Vec<Arc<Backup>>,
    /// In the order of the estate.
    pub targets: Vec<TargetView>,
    /// Over all targets, in the order of their newest backup.
    pub series: Vec<SeriesView>,
    /// When this snapshot was made.
    pub at: Moment,
    /// Heads that are still to be read.
    pub pending_heads: usize,
}

impl Catalog {
    /// The backup of that id.
    pub fn get(&self, id: &BackupId) -> Option<&Arc<Backup>> {
        self.backups.iter().find(|backup| backup.id == *id)
    }
}

/// A target and how its listing goes.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// Its name in the estate.
    pub name: TargetName,
    /// Without user, password or profile.
    pub url: String,
    /// How its listing goes.
    pub state: TargetState,
}

/// How a target's listing goes.
#[derive(Debug, Clone)]
pub enum TargetState {
    /// Not begun.
    Waiting,
    /// Pages arrive.
    Listing {
        /// Objects so far.
        objects: usize,
    },
    /// Complete.
    Listed {
        /// Objects in all.
        objects: usize,
    },
    /// It broke; what had arrived before stays listed.
    Failed(Report),
    /// This version cannot read it.
    NotYet(String),
}

/// What the first bytes of an object and its metadata said; kept per version of the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Format, compression, seal, all from bytes.
    pub shape: Shape,
    /// The metadata beside it.
    pub metadata: Metadata,
}

/// What a target has listed so far.
#[derive(Debug, Default)]
pub struct Listing {
    /// Everything that may be a backup.
    pub objects: Vec<Object>,
    /// Metadata objects by the key of the backup that they describe.
    pub metadata: HashMap<Foreign, Object>,
}

impl Listing {
    /// Sorts a page into backups and metadata.
    pub fn take(&mut self, page: Vec<Object>) {
        for object in page {
            match names::metadata_of(&object.key) {
                Some(described) if object.history == History::Current => {
                    self.metadata.insert(described, object);
                }
                Some(_) => {}
                None if sidecar::is_sidecar(&object.key) && object.stamp.size <= sidecar::MOST => {}
                None => self.objects.push(object),
            }
        }
    }

    /// The metadata object that speaks of this object: of the current version only.
    pub fn beside(&self, object: &Object) -> Option<&Object> {
        self.metadata.get(&object.key).filter(|_| object.history == History::Current)
    }

    /// How many objects were listed.
    pub fn len(&self) -> usize {
        self.objects.len() + self.metadata.len()
    }

    /// Whether nothing was listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What is known beside the listing.
pub struct Beside<'a> {
    /// The look at an object, if it was taken.
    pub look: &'a dyn Fn(&BackupId, &Stamp) -> Option<Look>,
    /// The verdict that stands for these bytes.
    pub proof: &'a dyn Fn(&BackupId, &Stamp) -> Option<Proof>,
    /// Fingerprints of loaded keys.
    pub keys: &'a [Fingerprint],
    /// When a proof is stale, in milliseconds.
    pub proof_max_age: i64,
    /// Now.
    pub now: Moment,
}

/// `id` as `product.md` defines it.
pub fn backup_id(canonical_url: &str, key: &Foreign, older_version: Option<&str>) -> BackupId {
    let mut hash = Sha256::new();
    hash.update(canonical_url);
    hash.update([0]);
    hash.update(key.raw_bytes());
    if let Some(version) = older_version {
        hash.update([0]);
        hash.update(version);
    }
    BackupId::from_digest(&hash.finalize().into())
}

/// The id of a listed object.
pub fn id_of(target: &Target, object: &Object) -> BackupId {
    id_at(&target.canonical_url(), object)
}

/// As [`id_of`], for many objects of one target.
pub fn id_at(canonical_url: &str, object: &Object) -> BackupId {
    let older = (object.history != History::Current).then_some(object.stamp.version.as_deref()).flatten();
    backup_id(canonical_url, &object.key, older)
}

/// Every backup of one target, unsorted and not yet judged.
pub fn assemble(target: &Target, listing: &Listing, known: &Beside<'_>) -> Vec<Backup> {
    assemble_named(target, listing, known, Names::default())
}

/// How the names of a target are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Names<'a> {
    /// By which pattern mysql-backup names there, where one is configured.
    pub pattern: Option<&'a NamePattern>,
    /// What the estate says of when its series are due, and in which zone.
    pub ruled: &'a [Ruled],
}

/// As [`assemble`], in a target of which the estate says how its names are read.
pub fn assemble_named(target: &Target, listing: &Listing, known: &Beside<'_>, names: Names<'_>) -> Vec<Backup> {
    let place = Place { target, url: target.canonical_url(), pattern: names.pattern };
    let mut backups = Vec::with_capacity(listing.objects.len());
    let (mut described, mut clocks) = (0, vec![]);
    for object in &listing.objects {
        let metadata = listing.beside(object);
        described += usize::from(metadata.is_some());
        let made = backup(&place, object, metadata, known);
        if made.taken.zone == Zone::Assumed {
            clocks.push(backups.len());
        }
        backups.push(made);
    }
    zones::settle(&mut backups, &mut clocks, names.ruled, known.now);
    // Looking for metadata without a backup costs as much as all the rest: only where there must be some.
    if described < listing.metadata.len() {
        let listed = listing.objects.iter().filter(|object| object.history == History::Current);
        let listed: std::collections::HashSet<&Foreign> = listed.map(|object| &object.key).collect();
        let orphans = listing.metadata.iter().filter(|(described, _)| !listed.contains(described));
        backups.extend(orphans.map(|(described, object)| orphan(&place, described, object, known)));
    }
    backups
}

/// A target, and its URL made only once.
struct Place<'a> {
    target: &'a Target,
    url: String,
    pattern: Option<&'a NamePattern>,
}

impl Place<'_> {
    /// What a name by the configured pattern, or else by the default one, tells.
    fn databacker(&self, key: &Foreign) -> Option<DatabackerName> {
        self.pattern.and_then(|pattern| pattern.name(key)).or_else(|| names::databacker_name(key))
    }

    /// What a name suggests before bytes have spoken.
    fn guess(&self, key: &Foreign) -> Shape {
        let shape = names::guess(key);
        match self.pattern.and_then(|pattern| pattern.name(key)) {
            Some(name) => {
                Shape { format: Format::Databacker, compression: name.compression, basis: Basis::Name, seal: None }
            }
            None => shape,
        }
    }

    /// One series for every folder, however the slashes of its keys were written.
    fn series(&self, name: &DatabackerName) -> Foreign {
        let slashed = match &self.target.location {
            Location::S3(s3) => s3.slashed_prefix(),
            _ => None,
        };
        let folder = name.folder.raw_bytes();
        let folder = slashed.and_then(|prefix| folder.strip_prefix(prefix.as_bytes())).unwrap_or(folder);
        databacker_series(folder, name)
    }
}

fn databacker_series(folder: &[u8], name: &DatabackerName) -> Foreign {
    let parts = folder.split(|byte| *byte == b'/').filter(|part| !part.is_empty());
    let mut path: Vec<&[u8]> = parts.collect();
    path.push(name.naming.raw_bytes());
    Foreign::new([b"databacker:".as_slice(), &path.join(&b'/')].concat())
}

/// The series, the databases by the name alone, the time, and why the time is not the name's.
struct Naming {
    series: Foreign,
    databases: Vec<Foreign>,
    taken: Taken,
    doubt: Option<&'static str>,
}

fn naming(place: &Place<'_>, object: &Object, facts: Option<&MetadataFacts>) -> Naming {
    let written = object.stamp.modified;
    let dbacked = names::dbacked_name(&object.key);
    if let Some(name) = place.databacker(&object.key).filter(|_| dbacked.is_none()) {
        let (taken, doubt) = match name.time.beside(written) {
            Ok(dated) => {
                let zone = if dated.offset.is_some() { Zone::Written } else { Zone::Assumed };
                (Taken { at: dated.at, from: TakenFrom::Name, offset: dated.offset, zone }, None)
            }
            Err(why) => (by_object(written), Some(why)),
        };
        return Naming { series: place.series(&name), databases: vec![], taken, doubt };
    }
    let name = dbacked.or_else(|| names::dated_name(&object.key));
    let taken = taken(object, facts, name.as_ref());
    let naming = name.map(|name| name.naming).filter(|naming| !naming.raw_bytes().is_empty());
    Naming {
        series: naming.clone().unwrap_or_else(|| names::stem(&object.key)),
        databases: naming.into_iter().collect(),
        taken,
        doubt: None,
    }
}

fn backup(place: &Place<'_>, object: &Object, metadata: Option<&Object>, known: &Beside<'_>) -> Backup {
    let target = place.target;
    let id = id_at(&place.url, object);
    let look = (known.look)(&id, &object.stamp);
    let (shape, seen) = match look {
        Some(look) => (look.shape, look.metadata),
        None => (place.guess(&object.key), Metadata::NotApplicable),
    };
    let metadata = match (seen, metadata) {
        // Not looked at yet, or looked at before the page with the metadata had come.
        (Metadata::NotApplicable | Metadata::Missing, Some(_)) => Metadata::Pending,
        (Metadata::NotApplicable, None) if shape.format == Format::Dbacked => Metadata::Missing,
        (seen, _) => seen,
    };
    let facts = match &metadata {
        Metadata::Read(facts) => Some(facts.as_ref()),
        _ => None,
    };
    let Naming { series, databases, taken, doubt } = naming(place, object, facts);
    let proof = (known.proof)(&id, &object.stamp).map(Box::new);
    let mut made = Backup {
        id,
        target: target.name.clone(),
        key: object.key.clone(),
        stamp: object.stamp.clone(),
        history: object.history,
        storage: object.storage.clone(),
        taken,
        series,
        databases,
        databases_known: false,
        shape,
        metadata,
        stale: proof.as_ref().is_some_and(|proof| known.now.0.saturating_sub(proof.at.0) > known.proof_max_age),
        proof,
        opens: Opens::Unknown,
        prune: None,
        findings: doubt.map(|why| Finding::new(Weight::Note, "name_time", why)).into_iter().collect(),
    };
    join(&mut made, target, known);
    made
}

/// Joins what metadata, proof and keys say.
fn join(made: &mut Backup, target: &Target, known: &Beside<'_>) {
    if let (Metadata::Read(facts), Some(seal)) = (&made.metadata, &mut made.shape.seal)
        && let Some(fingerprint) = &facts.fingerprint
        && seal.recipients.is_empty()
    {
        seal.recipients.push(Recipient { fingerprint: fingerprint.clone(), source: RecipientSource::Metadata });
    }
    if let Some(inside) = made.proof.as_ref().and_then(|proof| proof.inside.as_ref())
        && !inside.databases.is_empty()
    {
        made.databases = inside.databases.clone();
        made.databases_known = true;
    }
    if let Some(expected) = &target.expect_key
        && made.recipients().next().is_some()
        && !made.recipients().any(|recipient| recipient.matches(expected))
    {
        let text = "sealed for another key than the estate expects";
        made.findings.push(Finding::new(Weight::Warning, "other_key", text));
    }
    made.opens = opens(made, known.keys);
}

/// Whether a loaded key opens a backup, as far as fingerprints tell.
pub fn opens(backup: &Backup, keys: &[Fingerprint]) -> Opens {
    let Some(seal) = &backup.shape.seal else {
        return if backup.shape.basis == Basis::Bytes { Opens::Yes } else { Opens::Unknown };
    };
    if seal.recipients.iter().any(|recipient| keys.contains(&recipient.fingerprint)) {
        return Opens::Yes;
    }
    if seal.recipients.is_empty() || keys.is_empty() { Opens::Unknown } else { Opens::No }
}

fn orphan(place: &Place<'_>, described: &Foreign, object: &Object, known: &Beside<'_>) -> Backup {
    let stand_in =
        Object { key: described.clone(), stamp: Stamp { size: 0, ..object.stamp.clone() }, ..object.clone() };
    let mut made = backup(place, &stand_in, Some(object), known);
    made.proof = None;
    made.shape = names::guess(described);
    let text = "metadata only: the backup itself is gone or was never there";
    made.findings.push(Finding::new(Weight::Fatal, "metadata_only", text));
    made
}

/// The true time: metadata, then name, then the object's own. Of a name that carries only a day the object's own says
/// when on that day it was, unless it is of another: that of a copy.
///
/// Metadata that lies is not believed: a time before 2000, or more than a day after the object was
/// written, cannot be when its upload started.
fn taken(object: &Object, facts: Option<&MetadataFacts>, name: Option<&NameFacts>) -> Taken {
    const YEAR_2000: Moment = Moment(946_684_800_000);
    const DAY: i64 = 86_400_000;
    let written = object.stamp.modified;
    let plausible =
        |at: &Moment| *at >= YEAR_2000 && written.is_none_or(|written| at.0.saturating_sub(written.0) <= DAY);
    if let Some(at) = facts.and_then(|facts| facts.started).filter(plausible) {
        return Taken { at, from: TakenFrom::Metadata, offset: None, zone: Zone::Written };
    }
    match name {
        Some(name) if !written.is_some_and(|written| name.may_be_of(written)) => {
            let (offset, zone) = match name.exact {
                Exactness::Time(east) => (Some(east).filter(|east| *east != 0), Zone::Written),
                Exactness::Clock => (None, Zone::Assumed),
                Exactness::Day => (None, Zone::Written),
            };
            Taken { at: name.at, from: TakenFrom::Name, offset, zone }
        }
        _ => by_object(written),
    }
}

fn by_object(written: Option<Moment>) -> Taken {
    Taken { at: written.unwrap_or_default(), from: TakenFrom::Object, offset: None, zone: Zone::Written }
}

/// The series that a key belongs to by its name alone, in a target without a configured pattern.
pub fn series_of(key: &Foreign) -> Foreign {
    let dbacked = names::dbacked_name(key);
    if let Some(name) = names::databacker_name(key).filter(|_| dbacked.is_none()) {
        return databacker_series(name.folder.raw_bytes(), &name);
    }
    let naming = dbacked.or_else(|| names::dated_name(key)).map(|name| name.naming);
    naming.filter(|naming| !naming.raw_bytes().is_empty()).unwrap_or_else(|| names::stem(key))
}

/// The end of the day that a backup is of, where that is all that is known of when it was taken: some minutes before
/// midnight, so that it is not what was due at the next one.
pub fn end_of_day(backup: &Backup) -> Option<Moment> {
    const ALMOST_A_DAY: i64 = 86_400_000 - 600_000;
    let midnight = backup.taken.at.0.rem_euclid(86_400_000) == 0;
    let by_name = midnight && backup.taken.from == TakenFrom::Name && names::databacker_name(&backup.key).is_none();
    let name = by_name.then(|| names::dated_name(&backup.key)).flatten()?;
    let day = name.exact == Exactness::Day && name.at == backup.taken.at;
    day.then(|| Moment(name.at.0.saturating_add(ALMOST_A_DAY)))
}

/// The minute that a DBacked name carries.
pub fn name_minute(backup: &Backup) -> Option<Moment> {
    names::dbacked_name(&backup.key).map(|name| name.at)
}

/// Sorts, judges and shares: the last step to a snapshot.
pub fn publish(mut backups: Vec<Backup>, targets: Vec<TargetView>, now: Moment, pending_heads: usize) -> Catalog {
    sort(&mut backups);
    series::judge(&mut backups);
    let backups: Vec<Arc<Backup>> = backups.into_iter().map(Arc::new).collect();
    let series = series::overview(&backups, now);
    Catalog { backups, targets, series, at: now, pending_heads }
}

/// Newest first, then by id. Sorts small keys and moves each backup, which is large, only a few times.
fn sort(backups: &mut [Backup]) {
    let mut order: Vec<(Moment, usize)> = backups.iter().enumerate().map(|(at, made)| (made.taken.at, at)).collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| backups[a.1].id.cmp(&backups[b.1].id)));
    let mut from: Vec<usize> = order.into_iter().map(|(_, at)| at).collect();
    for start in 0..from.len() {
        let mut hole = start;
        loop {
            let next = std::mem::replace(&mut from[hole], hole);
            if next == start || next == hole {
                break;
            }
            backups.swap(hole, next);
            hole = next;
        }
    }
}

#[cfg(test)]
mod tests;
