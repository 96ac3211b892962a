//! Which backup an argument means.

use std::sync::Arc;

use crate::model::backup::Backup;
use crate::model::foreign::{Foreign, escape};
use crate::model::target::History;
use crate::report::{Fault, Report};
use crate::work::catalog::{Catalog, TargetState};
use crate::work::config::target_name;
use crate::work::single::in_login_folder;

/// Finds a backup by id, unique prefix of one, `target:name` or `config://target/name`; `ad_hoc` is the key that a path or URL named.
///
/// # Errors
///
/// When nothing or more than one thing fits.
pub fn find(catalog: &Catalog, argument: &str, ad_hoc: Option<&Foreign>) -> Result<Arc<Backup>, Report> {
    let current = |backup: &&Arc<Backup>| backup.history == History::Current;
    if let Some(key) = ad_hoc {
        let elsewhere = in_login_folder(key);
        let named = |backup: &&Arc<Backup>| backup.key == *key || backup.key == elsewhere;
        let found = catalog.backups.iter().filter(current).find(named);
        return found.cloned().ok_or_else(|| missing(catalog, argument));
    }
    // As mysql-backup refers to the targets of its configuration.
    let reference = argument.strip_prefix("config://").and_then(|rest| rest.split_once('/'));
    let reference = reference.map(|(target, name)| format!("{}:{name}", target_name(target)));
    let argument = reference.as_deref().unwrap_or(argument);
    let start = argument.to_lowercase();
    let fits = |backup: &&Arc<Backup>| !start.is_empty() && backup.id.as_str().starts_with(&start);
    let by_id: Vec<&Arc<Backup>> = catalog.backups.iter().filter(fits).collect();
    match by_id.as_slice() {
        [one] => return Ok((*one).clone()),
        [] => {}
        [first, ..] if first.id.as_str() == start => return Ok((*first).clone()),
        several => {
            let ids: Vec<String> = several.iter().take(6).map(|backup| backup.id.to_string()).collect();
            let text = format!("{} fits {} backups: {}", escape(argument), several.len(), ids.join(", "));
            return Err(Report::new(Fault::Usage, "find::ambiguous", text, "give more characters of the id"));
        }
    }
    if let Some((target, name)) = argument.split_once(':') {
        let named = catalog.backups.iter().filter(current).find(|backup| {
            backup.target.as_str() == target
                && (backup.key.raw_bytes() == name.as_bytes() || backup.key.to_string() == name)
        });
        if let Some(backup) = named {
            return Ok(backup.clone());
        }
    }
    Err(missing(catalog, argument))
}

/// Nothing fits; where a target is broken, that may be why.
fn missing(catalog: &Catalog, argument: &str) -> Report {
    for target in &catalog.targets {
        if let TargetState::Failed(report) = &target.state {
            let text = format!("no backup {} found, but target {} cannot be listed", escape(argument), target.name);
            return Report {
                fault: report.fault,
                ..Report::new(Fault::Failed, "find::target_broken", text, &report.advice)
            }
            .because(&report.headline);
        }
    }
    let advice = "`breakglass ls` lists ids and names; a path needs ./ or / in front";
    Report::new(Fault::Usage, "find::unknown", format!("no backup {}", escape(argument)), advice)
}
