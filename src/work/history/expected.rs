//! What a series is called, and which databases are to be in its backups.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::backup::Backup;
use crate::model::foreign::{Foreign, escape};
use crate::model::run::{Feed, Run, RunBrief, RunState};
use crate::work::history::past::Builder;
use crate::work::history::view::Grounds;

/// What was backed up within it is expected to be.
const MONTH: i64 = 30 * 86_400_000;

impl Builder<'_, '_> {
    pub(super) fn label(&self, databases: &[Foreign]) -> String {
        if let Some(rule) = self.row.rule {
            return escape(&rule.name);
        }
        let name = self.key.name.to_string();
        let name = name.strip_prefix("databacker:").unwrap_or(&name);
        match databases {
            [one] if self.row.untold => format!("{one} without runs"),
            _ if self.row.untold => name.to_owned(),
            [] => name.to_owned(),
            few if few.len() <= 3 => few.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            many => format!("{} {} and {} more", many[0], many[1], many.len() - 2),
        }
    }

    pub(super) fn databases(&self) -> Vec<Foreign> {
        let mut names: BTreeSet<Foreign> = BTreeSet::new();
        names.extend(self.row.rule.iter().flat_map(|rule| &rule.databases).map(|name| Foreign::from(name.as_str())));
        names.extend(self.row.backups.iter().rev().take(3).flat_map(|backup| backup.databases.iter().cloned()));
        if names.is_empty() {
            names.extend(self.row.seen.iter().flat_map(|(_, series)| series.databases.iter().cloned()));
        }
        if names.is_empty() {
            let newest = self.own_runs().filter(|run| run.state == RunState::Ok).find_map(|run| run.databases.as_ref());
            names.extend(newest.into_iter().flatten().take(64).cloned());
        }
        names.into_iter().collect()
    }

    /// The databases of which a backup is to be there. Without a list in the estate those of a month: what vanished
    /// from the newest archives is missed as long. What was seen inside counts more than what a name lets one guess.
    pub(super) fn expected(&self, databases: &[Foreign]) -> Vec<Foreign> {
        let ruled = self.row.rule.map_or(&[][..], |rule| &rule.databases);
        let newest = self.row.backups.iter().rev();
        let since = self.row.backups.last().map_or(0, |backup| backup.taken.at.0.saturating_sub(MONTH));
        let looked =
            newest.enumerate().take_while(|(nth, backup)| *nth < 3 || ruled.is_empty() && backup.taken.at.0 >= since);
        let looked: Vec<&Arc<Backup>> = looked.map(|(_, backup)| *backup).collect();
        let told: Vec<&Foreign> = self.named().collect();
        let known = !told.is_empty() || looked.iter().any(|backup| backup.databases_known);
        // A list of the estate says better what is to be in an archive than what was seen in one.
        let counted = looked.iter().filter(|it| it.databases_known == known && (ruled.is_empty() || !known));
        let mut names: BTreeSet<&Foreign> = counted.flat_map(|backup| &backup.databases).collect();
        let gone = if ruled.is_empty() { self.gone() } else { vec![] };
        if ruled.is_empty() {
            names.extend(told);
        }
        if !names.is_empty() {
            names.extend(gone.iter().flat_map(|(_, series)| &series.databases));
        }
        if names.is_empty() && ruled.is_empty() {
            names.extend(databases);
        }
        let ruled = ruled.iter().map(|name| Foreign::from(name.as_str()));
        names.into_iter().cloned().chain(ruled).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What the runs of a month named, where that was all that they had.
    fn named(&self) -> impl Iterator<Item = &Foreign> {
        let sets = self.row.runs.iter().filter_map(|name| self.sources.named.get(*name)).flatten();
        sets.filter(|named| named.all).flat_map(|named| &named.names)
    }

    /// What is known of it that would make somebody look for its backups.
    pub(super) fn grounds(&self) -> Grounds {
        let named = |run: &Run| run.objects.iter().any(|object| object.target.is_some() || object.name.is_some());
        let silent = |brief: &RunBrief| match brief.feed {
            Feed::Beacon | Feed::Analytics | Feed::Logrus => true,
            // A database whose backups carry another name, among backups of DBacked that do.
            Feed::DbackedTable => self.row.aliased,
            _ => false,
        };
        let unseen = self.row.backups.is_empty() && self.row.seen.is_empty();
        if self.row.rule.is_some() || !unseen || self.briefs().next().is_none() {
            return Grounds::Firm;
        }
        match () {
            () if self.briefs().all(silent) && !self.own_runs().any(named) => Grounds::Hearsay,
            () if self.row.nameless => Grounds::Nameless,
            // By its own account something of it lay in that target.
            () if self.key.target.is_some() => Grounds::Firm,
            () if self.briefs().all(|brief| brief.state == RunState::Unfinished) => Grounds::Begun,
            () => Grounds::Told,
        }
    }
}
