//! Names that tell a clock's time without its zone: `shop_20261121_020000.sql.gz` of a host that lives by local time.
//!
//! The own times of the objects show the zone: what lies between both is the offset and the time that a backup takes.

use crate::disk::estate::SeriesRule;
use crate::model::backup::{Backup, Zone};
use crate::model::target::{History, TargetName};
use crate::model::units::Moment;
use crate::telemetry::signals::rhythm::Schedule;
use crate::work::history::rows::fits;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// The newest of a series over which its zone is measured.
const OVER: usize = 9;
/// Clocks may differ by so much.
const AGREE: i64 = 5 * MINUTE;
/// A name that is dated so much later than its object, or more, is no clock that is a bit fast, but of another zone.
const EAST: i64 = 25 * MINUTE;
/// An object that was written so long after the time of its name, or more, is of a zone in the west; up to there
/// nearly nobody lives, and many dumps take as long.
const WEST: i64 = 140 * MINUTE;
/// Later than that it is a copy, of which nobody knows when it was written first.
const LATEST: i64 = 13 * HOUR;
const EARLIEST: i64 = -14 * HOUR - AGREE;
/// How exactly those in the west have to agree, beside whole hours: a dump of eight hours varies by more.
const TIGHT: i64 = 15 * MINUTE;
/// How long after a firing of its cron a backup begins at most.
const BEGINS: i64 = HOUR;
/// Offsets that people live by beside whole hours, in minutes east of UTC.
const ODD: [i64; 10] = [-570, -210, -150, 210, 270, 330, 345, 390, 570, 630];

/// What the estate says of some keys of a target: the cron of their series, in its zone.
#[derive(Debug, Clone)]
pub struct Ruled {
    pattern: String,
    schedule: Schedule,
}

impl Ruled {
    /// Of every rule with a cron that can be read.
    pub fn all(rules: &[SeriesRule]) -> Vec<Self> {
        let one = |rule: &SeriesRule| {
            let schedule = Schedule::parse(rule.cron.as_deref()?, rule.tz.as_deref()).ok()?;
            Some(Self { pattern: rule.pattern.clone(), schedule })
        };
        rules.iter().filter_map(one).collect()
    }

    fn of<'a>(all: &'a [Self], target: &TargetName, backup: &Backup) -> Option<&'a Schedule> {
        let place = || [target.as_str().as_bytes(), b":", backup.key.raw_bytes()].concat();
        let place = if all.is_empty() { vec![] } else { place() };
        all.iter().find(|ruled| fits(&ruled.pattern, &place)).map(|ruled| &ruled.schedule)
    }
}

/// How the names of a series are read.
#[derive(Debug, Clone, Copy)]
enum Reading<'a> {
    /// By the zone of a rule.
    Ruled(&'a Schedule),
    /// So many minutes east of UTC; the usual distance from a name to its object.
    East(i64, i64),
    /// As UTC: nothing shows a zone.
    Assumed,
    /// As UTC, and the objects' own times tell better.
    Unclear,
}

/// One name: its time as UTC, and when its object was written.
type Seen = (Moment, Option<Moment>);

/// Reads the names without a zone among the backups of one target, at these places, in the zone that each of their
/// series shows.
pub(super) fn settle(backups: &mut [Backup], clocks: &mut [usize], rules: &[Ruled], now: Moment) {
    clocks.sort_unstable_by(|a, b| {
        let key = |at: &usize| (&backups[*at].series, std::cmp::Reverse(backups[*at].taken.at));
        key(a).cmp(&key(b))
    });
    let mut rest = &clocks[..];
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|at| backups[**at].series == backups[*first].series).count();
        let (own, after) = rest.split_at(same);
        rest = after;
        let rule = Ruled::of(rules, &backups[*first].target, &backups[*first]);
        let written = |backup: &Backup| backup.stamp.modified.filter(|at| at.0 <= now.0.saturating_add(AGREE));
        let counts =
            own.iter().map(|at| &backups[*at]).filter(|it| it.history == History::Current && it.stamp.size > 0);
        let newest: Vec<Seen> = counts.take(OVER).map(|backup| (backup.taken.at, written(backup))).collect();
        let reading = reading(&newest, rule);
        for at in own {
            let written = written(&backups[*at]);
            apply(&mut backups[*at], reading, written);
        }
    }
}

fn apply(backup: &mut Backup, reading: Reading<'_>, written: Option<Moment>) {
    let named = backup.taken.at;
    let east = match reading {
        Reading::Ruled(schedule) => (named.0 - schedule.of_wall(named).0) / MINUTE,
        Reading::East(east, usual) => east - step(east, written.map(|at| at.0 - named.0 - usual)),
        Reading::Assumed | Reading::Unclear => 0,
    };
    backup.taken.zone = match reading {
        Reading::Ruled(_) | Reading::East(..) => Zone::Shown,
        Reading::Assumed => Zone::Assumed,
        Reading::Unclear => Zone::Unclear,
    };
    backup.taken.at = Moment(named.0 - east * MINUTE);
    backup.taken.offset = i16::try_from(east).ok().filter(|east| *east != 0);
}

/// By how many minutes summer time moves one name beside the others of its series. Where the others are of UTC, an hour
/// more is a dump that took so long.
fn step(east: i64, off: Option<i64>) -> i64 {
    let Some(off) = off.filter(|off| (off.abs() - HOUR).abs() <= 2 * AGREE) else { return 0 };
    if off < 0 || east != 0 { 60 * off.signum() } else { 0 }
}

fn reading<'a>(newest: &[Seen], rule: Option<&'a Schedule>) -> Reading<'a> {
    let gaps = gaps(newest, |named| named);
    rule.and_then(|schedule| by_rule(newest, schedule, !gaps.is_empty())).unwrap_or_else(|| shown(newest.len(), gaps))
}

/// From the time of each name to that of its object, sorted; none where most of the objects were copied and have lost
/// their times, or all of them got theirs at once.
fn gaps(newest: &[Seen], read: impl Fn(Moment) -> Moment) -> Vec<i64> {
    let gap = |(named, written): &Seen| Some((*named, (*written)?.0 - read(*named).0));
    let near = newest.iter().filter_map(gap).filter(|(_, gap)| (EARLIEST..=LATEST).contains(gap));
    let (names, mut gaps): (Vec<Moment>, Vec<i64>) = near.unzip();
    gaps.sort_unstable();
    let span = names.iter().max().zip(names.iter().min()).map_or(0, |(last, first)| last.0 - first.0);
    let spread = gaps.last().zip(gaps.first()).map_or(0, |(most, least)| most - least);
    let at_once = gaps.len() > 1 && spread * 2 > span;
    if gaps.len() * 2 <= newest.len() || at_once { vec![] } else { gaps }
}

/// The zone of a rule, or UTC beside it, where most names lie behind a firing of its cron in that reading, and no object
/// is older than its name. An hourly one fits both: the nearer one counts.
fn by_rule<'a>(newest: &[Seen], schedule: &'a Schedule, times_are_known: bool) -> Option<Reading<'a>> {
    let fits = |read: &dyn Fn(Moment) -> Moment| {
        let begins = |at: Moment| {
            let early = Moment(at.0.saturating_add(AGREE));
            schedule.previous(early).is_some_and(|due| early.0 - due.0 <= BEGINS + AGREE)
        };
        let count = newest.iter().filter(|(named, _)| begins(read(*named))).count();
        let gaps = gaps(newest, read);
        let middle = gaps.get(gaps.len() / 2).copied();
        let told = middle.map_or(!times_are_known, |middle| middle >= -AGREE);
        (count * 3 >= newest.len() * 2 && told).then_some(middle.unwrap_or(0))
    };
    let in_zone = fits(&|named| schedule.of_wall(named)).map(|gap| (gap, Reading::Ruled(schedule)));
    let in_utc = fits(&|named| named).map(|gap| (gap, Reading::East(0, gap)));
    in_zone.into_iter().chain(in_utc).min_by_key(|(gap, _)| *gap).map(|(_, reading)| reading)
}

/// What the objects' own times show. `gaps` is sorted.
fn shown<'a>(names: usize, gaps: Vec<i64>) -> Reading<'a> {
    let Some(usual) = gaps.get(gaps.len() / 2).copied() else { return Reading::Assumed };
    match usual {
        ..=WEST if usual >= -AGREE => Reading::East(0, usual),
        _ if usual < -EAST => offset(usual).map_or(Reading::Assumed, |east| Reading::East(east, usual)),
        _ if usual < 0 || names < 2 => Reading::Assumed,
        _ => {
            let east = offset(usual).filter(|east| gaps.len() > 2 && tight(&gaps, *east));
            east.map_or(Reading::Unclear, |east| Reading::East(east, usual))
        }
    }
}

/// The offset that leaves a backup the shortest time, in minutes east of UTC.
fn offset(gap: i64) -> Option<i64> {
    const SLACK: i64 = 2 * MINUTE;
    let whole = (-12..=14).map(|hours| hours * 60);
    whole.chain(ODD).filter(|east| east * MINUTE + gap >= -SLACK).min()
}

/// Whether nearly all are as long as that offset and some minutes, but for whole hours of summer time.
fn tight(gaps: &[i64], east: i64) -> bool {
    let short = |gap: &&i64| (**gap + east * MINUTE + 2 * MINUTE).rem_euclid(HOUR) <= TIGHT;
    gaps.iter().filter(short).count() * 5 >= gaps.len() * 4
}
