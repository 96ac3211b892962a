//! What lies in each target that was listed as a whole, for the memory; and what of the memory lies there no more.

use std::collections::HashMap;

use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::seen::{SeenSeries, SeenTarget};
use crate::model::target::TargetName;
use crate::work::catalog::{Catalog, TargetState};
use crate::work::history::rows::is_one;

/// Databases of one series that are remembered.
const DATABASES: usize = 64;

/// What complete listings show.
pub(in crate::work) fn seen(catalog: &Catalog) -> Vec<SeenTarget> {
    let mut targets: HashMap<&TargetName, SeenTarget> = HashMap::new();
    for view in &catalog.targets {
        if let TargetState::Listed { objects } = view.state {
            let target = SeenTarget { url: view.url.clone(), objects: objects as u64, at: catalog.at, series: vec![] };
            targets.insert(&view.name, target);
        }
    }
    let mut places: HashMap<(&TargetName, &Foreign), usize> = HashMap::new();
    // Newest first.
    for backup in catalog.backups.iter().filter(|backup| is_one(backup)) {
        let Some(target) = targets.get_mut(&backup.target) else { continue };
        let at = *places.entry((&backup.target, &backup.series)).or_insert_with(|| {
            target.series.push(first(backup, catalog));
            target.series.len() - 1
        });
        target.series[at].backups += 1;
    }
    targets.into_values().collect()
}

fn first(backup: &Backup, catalog: &Catalog) -> SeenSeries {
    SeenSeries {
        name: backup.series.clone(),
        backups: 0,
        newest: backup.taken.at,
        key: backup.key.clone(),
        databases: backup.databases.iter().take(DATABASES).cloned().collect(),
        at: catalog.at,
        retired: None,
    }
}

/// The targets of a catalog that are listed as a whole, with what is remembered of each and how many objects it has.
pub(super) fn remembered<'a>(
    catalog: &'a Catalog,
    seen: &'a [SeenTarget],
) -> impl Iterator<Item = (&'a TargetName, usize, &'a SeenTarget)> {
    let listed = catalog.targets.iter().filter_map(|view| match view.state {
        TargetState::Listed { objects } => Some((view, objects)),
        _ => None,
    });
    listed.filter_map(|(view, objects)| {
        let known = seen.iter().find(|known| known.url == view.url)?;
        Some((&view.name, objects, known))
    })
}
