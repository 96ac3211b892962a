//! Sizes, durations and databases: what is in a backup beside what is usually in it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::model::backup::{Compression, Format};
use crate::model::foreign::Foreign;
use crate::model::judgement::{Judgement, Severity, What};
use crate::model::units::Moment;
use crate::telemetry::signals::Past;
use crate::telemetry::signals::attempt::{Attempt, Like, Sealed};
use crate::telemetry::signals::habit::{Place, Usual, Watch};

/// So long a database that vanished is missed.
const MISSED: i64 = 30 * 86_400_000;
/// The least change of a size that is ever news.
const SIZE_RATIO: f64 = 1.15;
/// The least change of a duration that is ever news.
const TIME_RATIO: f64 = 1.5;
/// And by how much it has to be longer, in milliseconds.
const TIME_LEAST: i64 = 60_000;
/// Below this part of what is usual a backup is as good as empty.
const EMPTY: f64 = 0.1;
/// Below this part of what is usual of another packing no packing has made it so small.
const BEYOND_PACKING: f64 = 0.02;
/// Above this multiple growth is more than worth knowing.
const LEAP: f64 = 3.0;

/// What lasts, and what is said of each single attempt, with its own figures.
pub(super) fn judge(past: &Past<'_>) -> (Vec<Judgement>, Vec<Judgement>) {
    let (mut found, mut each) = sizes(past);
    let (times, of_each) = times(past);
    found.extend(times);
    each.extend(of_each);
    found.extend(databases(past));
    (found, each)
}

/// Judgements of single attempts, where those of the same kind that follow at once are one that lasts.
#[derive(Default)]
struct Lasting {
    found: Vec<Judgement>,
    each: Vec<Judgement>,
    open: bool,
}

impl Lasting {
    fn add(&mut self, at: Moment, judged: Option<Judgement>) {
        let last = self.found.last_mut().filter(|_| self.open);
        self.each.extend(judged.clone());
        match (last, judged) {
            (Some(last), None) => {
                last.until = Some(at);
                self.open = false;
            }
            (Some(last), Some(judged)) if last.what.code() == judged.what.code() => {
                // The newest figures, since the first of them.
                *last = Judgement { since: last.since, severity: last.severity.max(judged.severity), ..judged };
            }
            (last, Some(judged)) => {
                if let Some(last) = last {
                    last.until = Some(at);
                }
                self.found.push(judged);
                self.open = true;
            }
            (None, None) => {}
        }
    }
}

/// What one size is measured by: what it is named for, how it is packed, how it is sealed.
type Measure<'a> = Option<(&'a Like, Sealed)>;

/// The same without the seal.
type Kind<'a> = (&'a Foreign, (Format, Compression));

/// What was made and has a size, each with what it is measured by: like with like. What nobody knows of one is taken to
/// be as in the next one of which it is known, else as in the one before it.
fn sized<'a>(past: &Past<'a>) -> Vec<(&'a Attempt, u64, Measure<'a>)> {
    let made = past.attempts.iter().filter(|attempt| attempt.made());
    let mut sized: Vec<_> = made.filter_map(|attempt| Some((attempt, attempt.bytes?, attempt.like.as_ref()))).collect();
    let mut near = sized.iter().rev().find_map(|(.., like)| *like);
    for (.., like) in sized.iter_mut().rev() {
        near = like.or(near);
        *like = near;
    }
    let mut measured: Vec<_> =
        sized.into_iter().map(|(it, bytes, like)| (it, bytes, like.map(|like| (like, like.seal)))).collect();
    let mut known = HashMap::new();
    measured.iter_mut().rev().for_each(|(.., measure)| learn(&mut known, measure));
    measured.iter_mut().for_each(|(.., measure)| learn(&mut known, measure));
    measured
}

/// Fills in how something is sealed from what is known of its like, or learns it from there.
fn learn<'a>(known: &mut HashMap<Kind<'a>, Sealed>, measure: &mut Measure<'a>) {
    let Some((like, seal)) = measure else { return };
    let of_its_like = known.entry((&like.series, like.named_as)).or_insert(*seal);
    match *seal {
        Sealed::Unknown => *seal = *of_its_like,
        told => *of_its_like = told,
    }
}

fn sizes(past: &Past<'_>) -> (Vec<Judgement>, Vec<Judgement>) {
    let mut watches: HashMap<Option<(Kind<'_>, Sealed)>, Watch> = HashMap::new();
    // What was usual of each naming when it was last known, however it was packed.
    let mut usual: HashMap<Option<&Foreign>, (Option<_>, (f64, u32))> = HashMap::new();
    let mut lasting = Lasting::default();
    for (attempt, bytes, measure) in sized(past) {
        let kind = measure.map(|(like, seal)| ((&like.series, like.named_as), seal));
        let watch = watches.entry(kind).or_insert_with(|| Watch::new(SIZE_RATIO));
        let series = measure.map(|(like, _)| &like.series);
        let young = watch.is_young(attempt.day());
        let of_others = usual.get(&series).filter(|(known, _)| young && *known != kind).map(|(_, usual)| *usual);
        let judged = match watch.next(attempt.day(), bytes as f64) {
            Place::Usual => of_others.and_then(|known| tiny(attempt, bytes, known)),
            Place::Below(usual) => Some(shrunk(attempt, bytes, usual)),
            Place::Above(usual) => Some(grown(attempt, bytes, usual)),
        };
        // Another packing says what is usual once it has lasted.
        let told = watch.usual().filter(|_| of_others.is_none());
        usual.extend(told.map(|known| (series, (kind, known))));
        lasting.add(attempt.at, judged);
    }
    (lasting.found, lasting.each)
}

/// The first ones of another packing are measured by nothing but sense.
fn tiny(attempt: &Attempt, bytes: u64, (value, over): (f64, u32)) -> Option<Judgement> {
    let low = value * BEYOND_PACKING;
    ((bytes as f64) < low).then(|| shrunk(attempt, bytes, Usual { value, low, high: value, over }))
}

fn shrunk(attempt: &Attempt, bytes: u64, usual: Usual) -> Judgement {
    let empty = (bytes as f64) < usual.value * EMPTY;
    let what = What::Shrunk { bytes, usual: usual.value as u64, bound: usual.low as u64, over: usual.over };
    let severity = if empty { Severity::Critical } else { Severity::Warning };
    Judgement { what, severity, since: attempt.at, until: None }
}

fn grown(attempt: &Attempt, bytes: u64, usual: Usual) -> Judgement {
    let leap = bytes as f64 > usual.value * LEAP;
    let what = What::Grown { bytes, usual: usual.value as u64, bound: usual.high as u64, over: usual.over };
    let severity = if leap { Severity::Warning } else { Severity::Note };
    Judgement { what, severity, since: attempt.at, until: None }
}

fn times(past: &Past<'_>) -> (Vec<Judgement>, Vec<Judgement>) {
    let mut watch = Watch::new(TIME_RATIO);
    let mut pace = Watch::new(TIME_RATIO);
    let mut lasting = Lasting::default();
    for attempt in past.attempts.iter().filter(|attempt| attempt.made()) {
        let Some(took) = attempt.took() else { continue };
        let place = watch.next(attempt.day(), took as f64);
        // More bytes take more time: that is news of their size alone.
        let slow = attempt.bytes.filter(|bytes| *bytes > 0).is_none_or(|bytes| {
            let rate = bytes as f64 / (took.max(1) as f64 / 1000.0);
            matches!(pace.next(attempt.day(), rate.max(1.0)), Place::Below(_))
        });
        let judged = match place {
            Place::Above(usual) if slow && took as f64 - usual.value >= TIME_LEAST as f64 => {
                let (usual, bound, over) = (usual.value as i64, usual.high as i64, usual.over);
                let what = What::Slower { took, usual, bound, over };
                Some(Judgement { what, severity: Severity::Note, since: attempt.at, until: None })
            }
            _ => None,
        };
        lasting.add(attempt.at, judged);
    }
    let mut found = lasting.found;
    // Slow for more than a day is more than a night of much to do.
    let longer = |judged: &Judgement| past.now.0.saturating_sub(judged.since.0) > 2 * 86_400_000;
    found.iter_mut().filter(|judged| judged.stands() && longer(judged)).for_each(|it| it.severity = Severity::Warning);
    (found, lasting.each)
}

fn databases(past: &Past<'_>) -> Vec<Judgement> {
    let mut found: Vec<Judgement> = vec![];
    // Dumps of single databases under one rule are not each other's measure.
    let mut known: HashMap<Option<&Foreign>, Inventory<'_>> = HashMap::new();
    let made = past.attempts.iter().filter(|attempt| attempt.made());
    for (attempt, names) in made.filter_map(|attempt| Some((attempt, attempt.databases.as_deref()?))) {
        let series = attempt.like.as_ref().map(|like| &like.series);
        let Changed { gone, new, before } = known.entry(series).or_default().next(names, attempt.at);
        // What came back is over.
        found.iter_mut().filter(|judged| judged.stands()).for_each(|judged| {
            if let What::DatabaseVanished { names: gone, .. } = &judged.what
                && gone.iter().all(|name| names.contains(name))
            {
                judged.until = Some(attempt.at);
            }
        });
        let back = |name: &Foreign| returned(&found, name, attempt.at);
        let new: Vec<Foreign> = new.into_iter().filter(|name| !back(name)).collect();
        let (since, until) = (attempt.at, None);
        if !gone.is_empty() {
            let what = What::DatabaseVanished { names: gone, before };
            found.push(Judgement { what, severity: Severity::Warning, since, until });
        }
        if !new.is_empty() {
            let what = What::DatabaseAppeared { names: new };
            // That it is there now is no state that could end: it is news of that day.
            found.push(Judgement { what, severity: Severity::Note, since, until: Some(attempt.at) });
        }
    }
    found.iter_mut().filter(|judged| judged.stands()).for_each(|judged| {
        let end = Moment(judged.since.0.saturating_add(MISSED));
        judged.until = (end <= past.now).then_some(end);
    });
    found
}

fn returned(found: &[Judgement], name: &Foreign, at: Moment) -> bool {
    found.iter().any(|judged| match &judged.what {
        What::DatabaseVanished { names, .. } => judged.until == Some(at) && names.contains(name),
        _ => false,
    })
}

/// Which databases the backups of a series hold, one after the other.
#[derive(Default)]
struct Inventory<'a> {
    /// How many backups there were.
    count: usize,
    known: BTreeMap<&'a Foreign, Presence>,
}

/// One database in them.
struct Presence {
    /// The number of the newest backup that holds it, and its time.
    last: (usize, Moment),
    /// How many in a row hold it, up to that one.
    row: u32,
    /// Absences that ended: after which backup each began, and how many it lasted. The newest ones.
    absences: VecDeque<(usize, usize)>,
}

struct Changed {
    gone: Vec<Foreign>,
    new: Vec<Foreign>,
    /// How many backups in a row held what is gone.
    before: u32,
}

/// So many absences that ended make one of their length no news: two servers that write in turns, each its own.
const ABSENCES: usize = 3;

impl Presence {
    /// How many backups without it in a row are no news.
    fn bearable(&self, count: usize) -> usize {
        let mut lengths: Vec<usize> = self.absences.iter().map(|(_, length)| *length).collect();
        lengths.sort_unstable();
        let middle = lengths.get(lengths.len() / 2).copied().filter(|_| lengths.len() == ABSENCES).unwrap_or(0);
        let lately = self.absences.front().is_some_and(|(first, _)| count - first <= (ABSENCES + 1) * (middle + 2));
        if lately { middle } else { 0 }
    }
}

impl<'a> Inventory<'a> {
    fn next(&mut self, names: &'a [Foreign], at: Moment) -> Changed {
        let (count, first) = (self.count, self.count == 0);
        self.count += 1;
        let mut changed = Changed { gone: vec![], new: vec![], before: u32::MAX };
        for (name, presence) in self.known.iter().filter(|(name, _)| !names.contains(name)) {
            if count - presence.last.0 == presence.bearable(count) + 1 {
                changed.gone.push((*name).clone());
                changed.before = changed.before.min(presence.row);
            }
        }
        for name in names {
            let presence = self.known.entry(name).or_insert_with(|| {
                changed.new.extend((!first).then(|| name.clone()));
                Presence { last: (count, at), row: 0, absences: VecDeque::new() }
            });
            let away = (count - presence.last.0).saturating_sub(1);
            if away > 0 {
                if at.0.saturating_sub(presence.last.1.0) > MISSED {
                    changed.new.push(name.clone());
                }
                presence.absences.push_back((presence.last.0, away));
                if presence.absences.len() > ABSENCES {
                    presence.absences.pop_front();
                }
                presence.row = 0;
            }
            presence.row += 1;
            presence.last = (count, at);
        }
        changed
    }
}
