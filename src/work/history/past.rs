//! The past of one series: its attempts, its rhythm, and what they say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::format::names;
use crate::model::backup::Backup;
use crate::model::foreign::{Foreign, escape};
use crate::model::run::{Day, Feed, Run, RunBrief, RunId, RunKind, RunState, Tool};
use crate::model::trust::{Finding, Weight};
use crate::model::units::{Moment, counted};
use crate::telemetry::signals::attempt::{Attempt, Belongs, LastGood, Removal};
use crate::telemetry::signals::rhythm::{Habit, Rhythm, Schedule};
use crate::telemetry::signals::{Past, judge, slots, standing};
use crate::work::history::points::{Alone, of_backup, of_run, pair};
use crate::work::history::rows::{Depth, Row, Sources};
use crate::work::history::view::{Kept, Point, SeriesKey, SeriesPast};
use crate::work::join::Joined;

/// How far the database's own note of its last backup may be from its newest object.
const NOTE_AGREES: i64 = 15 * 60_000;
/// What was backed up within it is expected to be.
const MONTH: i64 = 30 * 86_400_000;
/// What is dated so far ahead of now says nothing about what is usual.
const AHEAD: i64 = 5 * 60_000;

/// Makes the past of one series.
pub(super) struct Builder<'a, 's> {
    pub sources: &'a Sources<'s>,
    pub joined: &'a Joined,
    /// The newest runs by the name of their series.
    pub runs: &'a HashMap<&'a Foreign, Vec<&'a Run>>,
    pub key: SeriesKey,
    pub row: Row<'a>,
}

impl Builder<'_, '_> {
    pub fn past(self, remarks: &mut Vec<String>) -> SeriesPast {
        let Self { sources, .. } = self;
        let (points, attempts) = self.points();
        let rhythm = self.rhythm(&attempts, remarks);
        let removals = self.removals(&attempts);
        let mut past = Past {
            attempts: &attempts,
            rhythm: &rhythm,
            removals: &removals,
            keep: self.key.target.as_ref().and_then(|target| (sources.keep)(target)),
            good_within: sources.good_within,
            dense_from: Moment(i64::MIN),
            now: sources.now,
        };
        let (judgements, slots) = match sources.depth {
            Depth::Standing => (standing(&past), vec![]),
            Depth::All => {
                past.dense_from = slots::dense_from(&past);
                (judge(&past, Moment(i64::MIN)), slots::slots(&past, Moment(i64::MIN)))
            }
        };
        let databases = self.databases();
        let findings = self.findings(&points);
        let expected = self.expected(&databases);
        let server = self.own_runs().find_map(|run| run.source.server_uuid.clone());
        let hearsay = self.hearsay();
        let label = self.label(&databases);
        let runs = self.row.runs.iter().map(|name| (*name).clone()).collect();
        SeriesPast {
            label,
            databases,
            expected,
            server,
            hearsay,
            points,
            slots,
            days: self.days(),
            judgements,
            findings,
            runs,
            rhythm,
            key: self.key,
        }
    }

    fn label(&self, databases: &[Foreign]) -> String {
        if let Some(rule) = self.row.rule {
            return escape(&rule.name);
        }
        match databases {
            [] => self
                .key
                .name
                .to_string()
                .strip_prefix("databacker:")
                .map_or_else(|| self.key.name.to_string(), str::to_owned),
            few if few.len() <= 3 => few.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            many => format!("{} {} and {} more", many[0], many[1], many.len() - 2),
        }
    }

    fn databases(&self) -> Vec<Foreign> {
        let mut names: BTreeSet<Foreign> = BTreeSet::new();
        names.extend(self.row.rule.iter().flat_map(|rule| &rule.databases).map(|name| Foreign::from(name.as_str())));
        names.extend(self.row.backups.iter().rev().take(3).flat_map(|backup| backup.databases.iter().cloned()));
        if names.is_empty() {
            let newest = self.own_runs().filter(|run| run.state == RunState::Ok).find_map(|run| run.databases.as_ref());
            names.extend(newest.into_iter().flatten().take(64).cloned());
        }
        names.into_iter().collect()
    }

    /// The databases of which a backup is to be there. Without a list in the estate those of a month: what vanished
    /// from the newest archives is missed as long. What was seen inside counts more than what a name lets one guess.
    fn expected(&self, databases: &[Foreign]) -> Vec<Foreign> {
        let ruled = self.row.rule.map_or(&[][..], |rule| &rule.databases);
        let newest = self.row.backups.iter().rev();
        let since = self.row.backups.last().map_or(0, |backup| backup.taken.at.0.saturating_sub(MONTH));
        let looked =
            newest.enumerate().take_while(|(nth, backup)| *nth < 3 || ruled.is_empty() && backup.taken.at.0 >= since);
        let looked: Vec<&Arc<Backup>> = looked.map(|(_, backup)| *backup).collect();
        let known = looked.iter().any(|backup| backup.databases_known);
        let counted = looked.iter().filter(|backup| backup.databases_known == known);
        let mut names: BTreeSet<&Foreign> = counted.flat_map(|backup| &backup.databases).collect();
        if names.is_empty() && ruled.is_empty() {
            names.extend(databases);
        }
        let ruled = ruled.iter().map(|name| Foreign::from(name.as_str()));
        names.into_iter().cloned().chain(ruled).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Only beacons, counts of usage or plain messages tell of it, and no place is among them.
    fn hearsay(&self) -> bool {
        let mut briefs = self.row.runs.iter().filter_map(|name| self.sources.briefs.get(*name)).flatten().peekable();
        let named = |run: &Run| run.objects.iter().any(|object| object.target.is_some() || object.name.is_some());
        let silent = |brief: &RunBrief| matches!(brief.feed, Feed::Beacon | Feed::Analytics | Feed::Logrus);
        let nothing = self.row.rule.is_none() && self.row.backups.is_empty() && briefs.peek().is_some();
        nothing && briefs.all(silent) && !self.own_runs().any(named)
    }

    /// The newest runs of this series, newest first within each of its names.
    fn own_runs(&self) -> impl Iterator<Item = &Run> {
        let named = self.row.runs.iter().filter_map(|name| self.runs.get(*name));
        named.flatten().copied().filter(|run| run.kind == RunKind::Backup)
    }

    fn rhythm(&self, attempts: &[Attempt], remarks: &mut Vec<String>) -> Rhythm {
        let dbacked = self.row.backups.iter().rev().take(5).any(|backup| names::dbacked_name(&backup.key).is_some());
        let mut read = |pattern: &str, zone: Option<&str>, dbacked: bool| match Schedule::parse(pattern, zone) {
            Ok(schedule) if dbacked => Some(Rhythm::Dbacked(schedule)),
            Ok(schedule) => Some(Rhythm::Cron(schedule)),
            Err(error) => {
                remarks.push(format!("{}: {error}", self.key));
                None
            }
        };
        let rule = self.row.rule.and_then(|rule| Some((rule, rule.cron.as_deref()?)));
        let ruled = rule.and_then(|(rule, cron)| {
            let utc = rule.tz.as_deref().is_none_or(|tz| tz == "UTC");
            read(cron, rule.tz.as_deref(), dbacked && utc)
        });
        let told = || self.own_runs().find_map(|run| Some((run.tool, run.source.cron.as_ref()?.raw_str()?)));
        let ruled = ruled.or_else(|| told().and_then(|(tool, cron)| read(cron, None, tool == Tool::Dbacked)));
        ruled.unwrap_or_else(|| {
            let until = self.sources.now.0.saturating_add(AHEAD);
            let made = attempts.iter().filter(|it| it.made() && it.at.0 <= until).map(|attempt| attempt.at);
            Habit::of(made.collect::<Vec<_>>().into_iter()).map_or(Rhythm::Unknown, Rhythm::Habit)
        })
    }

    /// What was tried, oldest first: once for people, once for the judges.
    fn points(&self) -> (Vec<Point>, Vec<Attempt>) {
        let mut briefs: Vec<&RunBrief> =
            self.row.runs.iter().filter_map(|name| self.sources.briefs.get(*name)).flatten().collect();
        briefs.sort_by_key(|brief| (brief.at, brief.feed));
        let pairs = pair(&self.row.backups, &briefs, self.joined);
        let full: HashMap<&RunId, &Run> = self.own_runs().map(|run| (&run.id, run)).collect();
        let mut both: Vec<(Point, Attempt)> = vec![];
        for (nth, backup) in self.row.backups.iter().enumerate() {
            let brief = pairs.of_backup[nth].map(|at| briefs[at]);
            let run = brief.and_then(|brief| full.get(&brief.id).copied());
            both.push(of_backup(backup, brief, run, self.joined));
        }
        for (brief, _) in briefs.iter().zip(&pairs.taken).filter(|(_, taken)| !**taken) {
            let run = full.get(&brief.id).copied();
            let unwritten = self
                .joined
                .unwritten
                .get(&brief.id)
                .is_some_and(|targets| self.key.target.as_ref().is_some_and(|target| targets.contains(target)));
            let told = self.joined.findings.get(&brief.id);
            let named = told.is_some_and(|found| found.iter().any(|finding| finding.code == "object_gone"));
            let gone = self.key.target.is_some() || named;
            let known = Alone {
                run,
                unwritten,
                gone,
                elsewhere: self.joined.outside.contains(&brief.id),
                now: self.sources.now,
            };
            both.push(of_run(brief, &known));
        }
        both.sort_by_key(|(point, _)| point.at);
        both.into_iter().unzip()
    }

    fn days(&self) -> Vec<Day> {
        let own = self.sources.told.iter().filter(|series| self.row.runs.contains(&series.name));
        let mut days: BTreeMap<_, Day> = BTreeMap::new();
        for day in own.flat_map(|series| &series.days) {
            // Two names for one series tell of the same runs: the one that knows more of a day counts.
            let known = days.entry(day.day).or_insert(*day);
            if day.ok + day.failed > known.ok + known.failed {
                *known = *day;
            }
        }
        days.into_values().collect()
    }

    fn removals(&self, attempts: &[Attempt]) -> Vec<Removal> {
        let mut found = vec![];
        let naming = |key: &Foreign| names::databacker_name(key).map(|name| name.naming);
        let own = self.row.backups.last().and_then(|backup| naming(&backup.key));
        let no_good_left = !self.row.backups.iter().any(|backup| backup.is_good());
        for run in self.own_runs() {
            for pruned in run.pruned.iter().filter(|pruned| pruned.state != Some(RunState::Failed)) {
                let at = run.ended.unwrap_or(run.at());
                for name in &pruned.candidates {
                    let known = names::databacker_name(name);
                    let other = own.is_some() && known.as_ref().is_some_and(|name| Some(&name.naming) != own.as_ref());
                    // A name that stands in the target after all was not removed.
                    if self
                        .row
                        .backups
                        .iter()
                        .any(|backup| names::base(backup.key.raw_bytes()) == names::base(name.raw_bytes()))
                    {
                        continue;
                    }
                    let taken = names::prune_time(name);
                    let newer = attempts.iter().filter(|it| it.made() && it.at <= at && Some(it.at) > taken).count();
                    let older =
                        self.row.backups.iter().filter(|it| taken.is_some_and(|taken| it.taken.at < taken)).count();
                    found.push(Removal {
                        at,
                        name: name.clone(),
                        taken,
                        belongs: if other { Belongs::Elsewhere } else { Belongs::Here },
                        newer: u32::try_from(newer).unwrap_or(u32::MAX),
                        older_kept: u32::try_from(older).unwrap_or(u32::MAX),
                        last_good: if no_good_left && self.was_good(name) { LastGood::Yes } else { LastGood::No },
                    });
                }
            }
        }
        found.sort_by_key(|removal| removal.at);
        found
    }

    /// Whether something that is gone had been proven good.
    fn was_good(&self, name: &Foreign) -> bool {
        self.key.target.as_ref().is_some_and(|target| (self.sources.was_good)(target, name))
    }

    fn findings(&self, points: &[Point]) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.noted().into_iter().collect();
        found.extend(points.iter().rev().find(|point| point.kept.is_listed()).and_then(|point| point.odd.clone()));
        let told: Vec<&Point> = points.iter().filter(|point| point.run.is_some()).collect();
        if let [first, .., last] = told[..] {
            let silent = |point: &&Point| point.run.is_none() && point.at > first.at && point.at < last.at;
            let silent = points.iter().filter(silent).count();
            if silent > 0 {
                let silent = counted(silent as u64, "backup");
                let text = format!("{silent} between runs that telemetry told of, made by none of them");
                found.push(Finding::new(Weight::Note, "no_run", text));
            }
        }
        let gone =
            points.iter().rev().find(|point| point.state == Some(RunState::Ok)).filter(|it| it.kept == Kept::Gone);
        if let Some(point) = gone {
            let text =
                format!("the newest run, of {} UTC, says that it made a backup, which is not there", point.at.minute());
            found.push(Finding::new(Weight::Warning, "newest_gone", text));
        }
        found
    }

    /// What the database's own note of its last backup says beside the newest object.
    fn noted(&self) -> Option<Finding> {
        let noted = self.own_runs().filter(|run| run.feed == Feed::DbackedTable);
        let noted = noted.filter_map(|run| run.ended.or(run.started)).max()?;
        let written = |backup: &&Arc<Backup>| backup.stamp.modified.unwrap_or_default().max(backup.taken.at);
        let newest = self.row.backups.iter().map(written).max();
        let minute = |at: Moment| at.minute();
        match newest {
            None => {
                let text = format!("the database says that a backup ended {} UTC, and none is there", minute(noted));
                Some(Finding::new(Weight::Warning, "noted_and_gone", text))
            }
            Some(newest) if noted.0 - newest.0 > NOTE_AGREES => {
                let text = format!(
                    "the database says that its last backup ended {} UTC, and the newest object is of {}: one was deleted, or its upload got lost",
                    minute(noted),
                    minute(newest)
                );
                Some(Finding::new(Weight::Warning, "noted_and_gone", text))
            }
            Some(newest) if newest.0 - noted.0 > NOTE_AGREES => {
                let text = format!(
                    "the newest object is of {} UTC, and the database knows of none after {}: it was restored since, or the note was not written",
                    minute(newest),
                    minute(noted)
                );
                Some(Finding::new(Weight::Warning, "rewound", text))
            }
            Some(_) => None,
        }
    }
}
