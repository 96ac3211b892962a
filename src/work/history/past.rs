//! The past of one series: its attempts, its rhythm, and what they say.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::format::names;
use crate::model::backup::Backup;
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::run::{Day, EARLIEST, Feed, Run, RunBrief, RunId, RunKind, RunState, Tool};
use crate::model::target::TargetName;
use crate::model::trust::{Finding, Weight};
use crate::model::units::{Moment, counted};
use crate::telemetry::signals::attempt::{Attempt, Outcome};
use crate::telemetry::signals::rhythm::{Habit, Rhythm, Schedule};
use crate::telemetry::signals::slots::{self, Slot};
use crate::telemetry::signals::{Past, judge, standing};
use crate::work::history::points::{Alone, Writing, mark_silent, of_backup, of_run, pair};
use crate::work::history::rows::{Depth, Row, Sources};
use crate::work::history::view::{Grounds, Kept, Point, SeriesKey, SeriesPast};
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
        let mut unusable = vec![];
        let rhythm = self.rhythm(&attempts, &mut unusable, remarks);
        remarks.extend(unusable.iter().cloned());
        let removals = self.removals(&attempts);
        let past = Past {
            attempts: &attempts,
            rhythm: &rhythm,
            removals: &removals,
            keep: self.key.target.as_ref().and_then(|target| (sources.keep)(target)),
            good_within: sources.good_within,
            dense_from: Moment(i64::MIN),
            now: sources.now,
        };
        let grace = slots::grace(&past);
        let databases = self.databases();
        let expected = self.expected(&databases);
        let (grounds, retired) = (self.grounds(), self.retired(&points));
        let (judgements, each, slots) = self.judged(past, &points, &expected, (grounds, &retired));
        let findings = self.findings(&points, silent);
        let server = self.own_runs().find_map(server_of);
        let label = self.label(&databases);
        let (checks, more_checks) = self.checks();
        let runs = self.row.runs.iter().map(|name| (*name).clone()).collect();
        SeriesPast {
            label,
            databases,
            expected,
            server,
            grounds,
            points,
            slots,
            days: self.days(),
            judgements,
            each,
            findings,
            runs,
            beside_others: self.row.server.is_some() || self.row.untold,
            retired,
            remarks: unusable,
            checks,
            more_checks,
            grace,
            rhythm,
            key: self.key,
        }
    }

    /// What its past says, of all of it and of single attempts, and what became of the times at which one was due.
    fn judged(
        &self,
        mut past: Past<'_>,
        points: &[Point],
        expected: &[Foreign],
        (grounds, retired): (Grounds, &[TargetName]),
    ) -> (Vec<Judgement>, Vec<Judgement>, Vec<Slot>) {
        let ((mut judgements, each), mut slots) = match self.sources.depth {
            Depth::Standing => ((standing(&past), vec![]), vec![]),
            Depth::All => {
                past.dense_from = slots::dense_from(&past);
                (judge(&past, Moment(i64::MIN)), slots::slots(&past, Moment(i64::MIN)))
            }
        };
        judgements.splice(0..0, self.stopped(&past, points, expected));
        self.settle(&mut judgements);
        let mut places = points.iter().filter_map(|point| point.target.as_ref());
        let ended = !retired.is_empty() && places.all(|place| retired.contains(place));
        if let Some(last) = points.last().filter(|_| ended) {
            slots.retain(|slot| slot.due <= last.at);
        }
        // Or nobody can look for its backups.
        let unknown = matches!(grounds, Grounds::Hearsay | Grounds::Nameless | Grounds::Begun);
        judgements.retain(|judged| match judged.what {
            What::Late { .. } => !ended,
            What::NoGoodBackup { .. } => !ended && !unknown,
            _ => true,
        });
        judgements.splice(0..0, self.wiped());
        (judgements, each, slots)
    }

    /// The newest runs of this series, newest first within each of its names.
    pub(super) fn own_runs(&self) -> impl Iterator<Item = &Run> {
        let named = self.row.runs.iter().filter_map(|name| self.runs.get(*name));
        named.flatten().copied().filter(|run| run.kind == RunKind::Backup)
    }

    /// Its runs in brief, by its names.
    pub(super) fn briefs(&self) -> impl Iterator<Item = &RunBrief> {
        let named = self.row.runs.iter().filter_map(|name| self.sources.briefs.get(*name)).flatten();
        named.filter(|brief| !self.row.placed.contains(&brief.id)).chain(self.row.strays.iter().copied())
    }

    /// What of the estate's rule for it cannot be used goes to `unusable`, what of the runs' own words to `remarks`.
    fn rhythm(&self, attempts: &[Attempt], unusable: &mut Vec<String>, remarks: &mut Vec<String>) -> Rhythm {
        let dbacked = self.row.backups.iter().rev().take(5).any(|backup| names::dbacked_name(&backup.key).is_some());
        let read = |pattern: &str, zone: Option<&str>, dbacked: bool| match Schedule::parse(pattern, zone) {
            Ok(schedule) if dbacked => Ok(Rhythm::Dbacked(schedule)),
            Ok(schedule) => Ok(Rhythm::Cron(schedule)),
            Err(error) => Err(format!("{}: {error}", self.key)),
        };
        let rule = self.row.rule.and_then(|rule| Some((rule, rule.cron.as_deref()?)));
        let ruled = rule.and_then(|(rule, cron)| {
            let utc = rule.tz.as_deref().is_none_or(|tz| tz == "UTC");
            read(cron, rule.tz.as_deref(), dbacked && utc).map_err(|why| unusable.push(why)).ok()
        });
        let told = || self.own_runs().find_map(|run| Some((run.tool, run.source.cron.as_ref()?.raw_str()?)));
        let told = told()
            .filter(|_| ruled.is_none())
            .and_then(|(tool, cron)| read(cron, None, tool == Tool::Dbacked).map_err(|why| remarks.push(why)).ok());
        let ruled = ruled.or(told);
        ruled.unwrap_or_else(|| self.habit(attempts))
    }

    fn habit(&self, attempts: &[Attempt]) -> Rhythm {
        let until = self.sources.now.0.saturating_add(AHEAD);
        let made = attempts.iter().filter(|it| it.made() && it.at.0 <= until).map(|attempt| attempt.at);
        Habit::of(made.collect::<Vec<_>>().into_iter()).map_or(Rhythm::Unknown, Rhythm::Habit)
    }

    /// What was tried, oldest first: once for people, once for the judges.
    fn points(&self) -> (Vec<Point>, Vec<Attempt>) {
        let mut briefs: Vec<&RunBrief> = self.briefs().collect();
        briefs.sort_by_key(|brief| (brief.at, brief.feed));
        let pairs = pair(&self.row.backups, &briefs, self.joined);
        let strays = self.row.strays.iter().filter_map(|stray| self.runs.get(&stray.series)).flatten().copied();
        let full: HashMap<&RunId, &Run> = self.own_runs().chain(strays).map(|run| (&run.id, run)).collect();
        let states: Vec<_> = pairs.of_backup.iter().map(|at| at.map(|at| briefs[at].state)).collect();
        let writing = Writing::among(&self.row.backups, &states, self.sources.now);
        let mut both: Vec<(Point, Attempt)> = vec![];
        for (nth, backup) in self.row.backups.iter().enumerate() {
            let brief = pairs.of_backup[nth].map(|at| briefs[at]);
            let run = brief.and_then(|brief| full.get(&brief.id).copied());
            both.push(of_backup(backup, brief, run, self.joined, self.sources.now, writing.of_backup[nth]));
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
        mark_silent(points, &self.briefs().map(|brief| (&brief.id, brief.feed)).collect())
    }

    /// Databases whose own backups are late, where those of others under the same rule are not.
    fn stopped(&self, past: &Past<'_>, points: &[Point], expected: &[Foreign]) -> Vec<Judgement> {
        if self.row.rule.is_none() || expected.len() < 2 || slots::late(past).is_some() {
            return vec![];
        }
        // What is older than any backup is no attempt.
        let points = &points[points.len().saturating_sub(past.attempts.len())..];
        let late = expected.iter().filter_map(|database| {
            let holds = |point: &Point| point.inside.may_hold(database, expected);
            if points.iter().all(holds) {
                return None;
            }
            let of_it = past.attempts.iter().zip(points).map(|(attempt, point)| match holds(point) {
                true => attempt.clone(),
                false => Attempt { outcome: Outcome::Open, complained: false, written: None, ..attempt.clone() },
            });
            let attempts: Vec<Attempt> = of_it.collect();
            let late = |rhythm: &Rhythm| slots::late(&Past { attempts: &attempts, rhythm, ..*past });
            // The pattern may be that of the others: what comes at its own hour is not late.
            let by_habit = match self.habit(&attempts) {
                Rhythm::Habit(habit) => Some(late(&Rhythm::Habit(habit))?),
                _ => None,
            };
            let mut judged = if past.rhythm.schedule().is_some() { late(past.rhythm)? } else { by_habit? };
            if let What::Late { only, .. } = &mut judged.what {
                *only = Some(database.clone());
            }
            Some(judged)
        });
        late.collect()
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

/// The server of a run: by its own id, else, of one that has none, by its address.
fn server_of(run: &Run) -> Option<Foreign> {
    let source = &run.source;
    let told = |text: &&Foreign| !text.raw_bytes().is_empty();
    source.server_uuid.as_ref().filter(told).cloned().or_else(|| {
        let server = source.server.as_ref().filter(told)?;
        Some(match source.port {
            Some(port) if port != 3306 => Foreign::new([server.raw_bytes(), format!(":{port}").as_bytes()].concat()),
            _ => server.clone(),
        })
    })
}
