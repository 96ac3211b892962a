//! The past of one series: its attempts, its rhythm, and what they say.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::format::names;
use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::run::{Day, EARLIEST, Feed, Run, RunBrief, RunId, RunKind, RunState, Tool};
use crate::model::target::TargetName;
use crate::model::trust::{Finding, Weight};
use crate::model::units::{Moment, counted};
use crate::telemetry::signals::attempt::Attempt;
use crate::telemetry::signals::rhythm::{Habit, Rhythm, Schedule};
use crate::telemetry::signals::{Past, judge, slots, standing};
use crate::work::history::points::{Alone, mark_silent, of_backup, of_run, pair};
use crate::work::history::rows::{Depth, Row, Sources};
use crate::work::history::view::{Checked, Kept, Point, SeriesKey, SeriesPast};
use crate::work::join::Joined;

/// How far the database's own note of its last backup may be from its newest object.
pub(super) const NOTE_AGREES: i64 = 15 * 60_000;
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
        let (mut points, attempts) = self.points();
        self.mark_pruned(&mut points);
        let silent = self.mark_silent(&mut points);
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
        let grace = slots::grace(&past);
        let ((mut judgements, each), slots) = match sources.depth {
            Depth::Standing => ((standing(&past), vec![]), vec![]),
            Depth::All => {
                past.dense_from = slots::dense_from(&past);
                (judge(&past, Moment(i64::MIN)), slots::slots(&past, Moment(i64::MIN)))
            }
        };
        self.settle(&mut judgements);
        judgements.splice(0..0, self.wiped());
        let databases = self.databases();
        let findings = self.findings(&points, silent);
        let expected = self.expected(&databases);
        let server = self.own_runs().find_map(|run| run.source.server_uuid.clone());
        let hearsay = self.hearsay();
        let label = self.label(&databases);
        let checks = self.checks();
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
            each,
            findings,
            runs,
            checks,
            grace,
            rhythm,
            key: self.key,
        }
    }

    /// The newest runs of this series, newest first within each of its names.
    pub(super) fn own_runs(&self) -> impl Iterator<Item = &Run> {
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
            both.push(of_backup(backup, brief, run, self.joined, self.sources.now));
        }
        let alone = briefs.iter().zip(&pairs.taken).filter(|(_, taken)| !**taken).map(|(brief, _)| *brief);
        for brief in alone.filter(|brief| !self.is_of_another_place(brief)) {
            let run = full.get(&brief.id).copied();
            let unwritten = self
                .joined
                .unwritten
                .get(&brief.id)
                .is_some_and(|targets| self.key.target.as_ref().is_some_and(|target| targets.contains(target)));
            let told = self.joined.findings.get(&brief.id);
            let missing = told.and_then(|found| found.iter().find(|finding| finding.code == "object_gone"));
            let known = Alone {
                run,
                unwritten,
                gone: self.key.target.is_some() && !self.names_other_places(brief) || missing.is_some(),
                missing,
                series: Some(&self.key.name).filter(|_| self.row.rule.is_none()),
                elsewhere: self.joined.outside.contains(&brief.id),
                now: self.sources.now,
            };
            both.push(of_run(brief, &known));
        }
        both.sort_by_key(|(point, _)| point.at);
        let (points, mut attempts): (Vec<Point>, Vec<Attempt>) = both.into_iter().unzip();
        // A clock that was lost says nothing of what is usual.
        attempts.retain(|attempt| attempt.at >= EARLIEST);
        (points, attempts)
    }

    /// Whether a run says that it wrote into other targets, and not into that of this series.
    fn names_other_places(&self, brief: &RunBrief) -> bool {
        let into = self.joined.into.get(&brief.id).zip(self.key.target.as_ref());
        into.is_some_and(|(into, target)| !into.contains(target))
    }

    /// Whether such a run made something that lies there: it is told of there.
    fn is_of_another_place(&self, brief: &RunBrief) -> bool {
        brief.state != RunState::Failed && self.names_other_places(brief) && !self.joined.of_run(&brief.id).is_empty()
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

    fn mark_silent(&self, points: &mut [Point]) -> usize {
        let briefs = self.row.runs.iter().filter_map(|name| self.sources.briefs.get(*name)).flatten();
        mark_silent(points, &briefs.map(|brief| (&brief.id, brief.feed)).collect())
    }

    /// Targets in which some of it once lay and nothing does now.
    fn wiped(&self) -> Vec<Judgement> {
        let lies = |target: &TargetName| self.row.backups.iter().any(|backup| backup.target == *target);
        let mut found: BTreeMap<&TargetName, (u64, Moment, Moment)> = BTreeMap::new();
        for (target, series) in self.row.seen.iter().filter(|(target, _)| !lies(target)) {
            let (backups, newest, seen) = found.entry(target).or_default();
            *backups = backups.saturating_add(series.backups);
            (*newest, *seen) = (series.newest.max(*newest), series.at.max(*seen));
        }
        let judged = found.into_iter().map(|(target, (backups, newest, seen))| {
            let what = What::Wiped { target: target.to_string(), backups, newest, seen };
            Judgement { what, severity: Severity::Critical, since: seen, until: None }
        });
        judged.collect()
    }

    /// A database that the estate no longer lists was dropped on purpose.
    fn settle(&self, judgements: &mut Vec<Judgement>) {
        let ruled = self.row.rule.map_or(&[][..], |rule| &rule.databases);
        let listed = |name: &Foreign| ruled.iter().any(|known| known.as_bytes() == name.raw_bytes());
        for judged in judgements.iter_mut().filter(|judged| judged.stands() && !ruled.is_empty()) {
            if let What::DatabaseVanished { names, .. } = &judged.what
                && !names.iter().any(listed)
            {
                (judged.until, judged.severity) = (Some(self.sources.now), Severity::Note);
            }
        }
        if self.sources.depth == Depth::Standing {
            judgements.retain(Judgement::stands);
        }
    }

    /// Verifications of what lies or lay there, oldest first.
    fn checks(&self) -> Vec<Checked> {
        let mut series: BTreeSet<&Foreign> = self.row.backups.iter().map(|backup| &backup.series).collect();
        series.extend(self.row.seen.iter().map(|(_, series)| &series.name));
        let runs = series.into_iter().filter_map(|name| self.runs.get(name)).flatten();
        let checked = runs.filter(|run| run.kind == RunKind::Verification).filter_map(|run| {
            let place = self.joined.verified.get(&run.id)?;
            let here = match &self.key.target {
                Some(target) if self.row.server.is_none() => place.target == *target,
                _ => self.row.backups.iter().any(|backup| Some(&backup.id) == place.backup.as_ref()),
            };
            here.then(|| Checked {
                at: run.at(),
                took: run.took().and_then(|took| i64::try_from(took.as_millis()).ok()),
                bytes: run.bytes,
                state: run.state,
                reached: run.reached,
                said: run.failure.as_ref().map(|failure| failure.text.clone()),
                run: run.id.clone(),
                backup: place.backup.clone(),
                target: Some(place.target.clone()),
            })
        });
        let mut checked: Vec<Checked> = checked.collect();
        checked.sort_by_key(|checked| checked.at);
        checked
    }

    fn findings(&self, points: &[Point], silent: usize) -> Vec<Finding> {
        let mut found: Vec<Finding> = self.noted().into_iter().collect();
        let newest = points.iter().rev().find(|point| point.kept.is_listed()).and_then(|point| point.odd.clone());
        found.extend(newest.filter(|odd| odd.code != "no_run"));
        if silent > 0 {
            let (silent, were) = (counted(silent as u64, "backup"), if silent == 1 { "was" } else { "were" });
            let text = format!("{silent} between runs that telemetry told of {were} made by none of them");
            found.push(Finding::new(Weight::Warning, "no_run", text));
        }
        let until = self.sources.now.0.saturating_add(AHEAD);
        let newest = points.iter().rev().find(|point| point.state == Some(RunState::Ok) && point.at.0 <= until);
        let gone = newest.filter(|point| point.kept == Kept::Gone);
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
