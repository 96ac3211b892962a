//! What once lay in each target of an estate: one small JSON file, `seen.json`, that nothing but a person's word
//! takes anything from. It cannot be learnt again, so a file that makes no sense is left as it is and told.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::disk::folder;
use crate::disk::state::{State, StateError};
use crate::model::foreign::Foreign;
use crate::model::seen::{SeenSeries, SeenTarget};
use crate::model::units::Moment;

/// The layout of the file.
const VERSION: u32 = 1;
/// The largest file that is read.
const LIMIT: u64 = 64 << 20;
/// Series that are remembered, over all targets; of more the ones with the fewest backups go.
const MOST: usize = 20_000;
/// What is as it was is written down anew after so long, in milliseconds.
const ANEW: i64 = 3_600_000;

/// The memory of one estate. Every process reads and writes the file under a lock of its own.
#[derive(Debug, Clone)]
pub struct SeenBook {
    path: PathBuf,
    lock: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    targets: Vec<SeenTarget>,
}

impl SeenBook {
    /// That of an estate; nothing is read yet.
    pub fn of(state: &State) -> Self {
        Self { path: state.dir().join("seen.json"), lock: state.dir().join("seen.lock") }
    }

    /// Everything that is remembered; nothing where there is no file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or understood.
    pub fn read(&self) -> Result<Vec<SeenTarget>, StateError> {
        let bytes = match folder::read_bounded(&self.path, LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(StateError::io(&self.path)(error)),
        };
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "it is not what this version writes");
        let stored = serde_json::from_slice::<Stored>(&bytes).ok().filter(|stored| stored.version == VERSION);
        stored.map(|stored| stored.targets).ok_or_else(|| StateError::io(&self.path)(odd()))
    }

    /// Adds what complete listings show now; what they do not show stays remembered.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), or when it cannot be written: the file is then as it was.
    pub fn note(&self, listed: Vec<SeenTarget>) -> Result<(), StateError> {
        if listed.is_empty() {
            return Ok(());
        }
        self.change(|targets| {
            let changed = listed.into_iter().fold(false, |changed, now| note(targets, now) | changed);
            bound(targets);
            changed
        })
    }

    /// Forgets one series of a target, or all of it.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn forget(&self, url: &str, series: Option<&Foreign>) -> Result<(), StateError> {
        self.change(|targets| {
            match series {
                None => targets.retain(|target| target.url != url),
                Some(name) => {
                    let of_it = targets.iter_mut().filter(|target| target.url == url);
                    of_it.for_each(|target| target.series.retain(|series| series.name != *name));
                }
            }
            true
        })
    }

    /// Notes that no more of a series are meant to come into a target than those up to `newest`.
    ///
    /// # Errors
    ///
    /// As [`note`](Self::note).
    pub fn retire(&self, url: &str, series: &Foreign, newest: Moment) -> Result<(), StateError> {
        self.change(|targets| {
            let of_it = targets.iter_mut().filter(|target| target.url == url).flat_map(|target| &mut target.series);
            of_it.filter(|known| known.name == *series).for_each(|known| known.retired = Some(newest));
            true
        })
    }

    fn change(&self, change: impl FnOnce(&mut Vec<SeenTarget>) -> bool) -> Result<(), StateError> {
        let _held = folder::lock(&self.lock).map_err(StateError::io(&self.lock))?;
        let mut targets = self.read()?;
        if !change(&mut targets) {
            return Ok(());
        }
        let json = serde_json::to_vec(&Stored { version: VERSION, targets }).map_err(io::Error::from);
        json.and_then(|json| folder::replace(&self.path, &json)).map_err(StateError::io(&self.path))
    }
}

/// Takes over what a target shows now; whether that is worth writing down.
fn note(targets: &mut Vec<SeenTarget>, now: SeenTarget) -> bool {
    let Some(known) = targets.iter_mut().find(|target| target.url == now.url) else {
        let some = now.objects > 0;
        targets.extend(some.then_some(now));
        return some;
    };
    let mut changed = false;
    if now.objects > 0 && (known.objects != now.objects || is_old(known.at, now.at)) {
        (known.objects, known.at, changed) = (now.objects, now.at, true);
    }
    let places: HashMap<Foreign, usize> = known.series.iter().map(|known| known.name.clone()).zip(0..).collect();
    for series in now.series {
        match places.get(&series.name).map(|at| &mut known.series[*at]) {
            Some(known) if is_same(known, &series) && !is_old(known.at, series.at) => {}
            Some(known) => (*known, changed) = (SeenSeries { retired: known.retired, ..series }, true),
            None => {
                known.series.push(series);
                changed = true;
            }
        }
    }
    changed
}

fn is_old(then: Moment, now: Moment) -> bool {
    now.0.abs_diff(then.0) >= ANEW.unsigned_abs()
}

fn is_same(known: &SeenSeries, now: &SeenSeries) -> bool {
    (known.backups, known.newest, &known.databases) == (now.backups, now.newest, &now.databases)
}

fn bound(targets: &mut [SeenTarget]) {
    let weight = |series: &SeenSeries| (series.backups, series.at);
    let mut weights: Vec<_> = targets.iter().flat_map(|target| target.series.iter().map(weight)).collect();
    if weights.len() <= MOST {
        return;
    }
    weights.sort_unstable_by(|one, other| other.cmp(one));
    let least = weights[MOST - 1];
    let mut room = weights[..MOST].iter().filter(|weight| **weight == least).count();
    let mut stays = |series: &SeenSeries| match weight(series).cmp(&least) {
        Ordering::Greater => true,
        Ordering::Less => false,
        Ordering::Equal => {
            let some = room > 0;
            room = room.saturating_sub(1);
            some
        }
    };
    targets.iter_mut().for_each(|target| target.series.retain(&mut stays));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_230_000_000);

    fn book() -> (tempfile::TempDir, SeenBook) {
        let root = tempfile::tempdir().unwrap();
        let state = State::open(root.path(), "e").unwrap();
        (root, SeenBook::of(&state))
    }

    fn series(name: &str, backups: u64) -> SeenSeries {
        let (name, key) = (Foreign::from(name), Foreign::from(format!("{name}-2026-11-21.sql")));
        SeenSeries { databases: vec![name.clone()], name, backups, newest: NOW, key, at: NOW, retired: None }
    }

    fn target(series: Vec<SeenSeries>) -> SeenTarget {
        let objects = series.iter().map(|series| series.backups).sum();
        SeenTarget { url: "file:///srv/nas/".into(), objects, at: NOW, series }
    }

    #[test]
    fn what_is_listed_no_more_stays_remembered_until_it_is_forgotten() {
        let (_root, book) = book();
        assert_eq!(book.read().unwrap(), []);
        book.note(vec![target(vec![series("shop", 20), series("crm", 9)])]).unwrap();
        book.note(vec![target(vec![series("shop", 21)])]).unwrap();
        book.note(vec![target(vec![])]).unwrap();
        let [nas] = &book.read().unwrap()[..] else { panic!("one target") };
        assert_eq!((nas.objects, &nas.series[..]), (21, &[series("shop", 21), series("crm", 9)][..]));
        book.forget(&nas.url, Some(&Foreign::from("shop"))).unwrap();
        assert_eq!(book.read().unwrap()[0].series, [series("crm", 9)]);
        book.retire(&nas.url, &Foreign::from("crm"), NOW).unwrap();
        book.note(vec![target(vec![series("crm", 8)])]).unwrap();
        assert_eq!(book.read().unwrap()[0].series[0].retired, Some(NOW), "it stays so whatever is listed");
        book.forget(&nas.url, None).unwrap();
        assert_eq!(book.read().unwrap(), []);
    }

    #[test]
    fn a_file_that_makes_no_sense_is_told_and_left_as_it_is() {
        let (_root, book) = book();
        for text in ["", "{}", "nonsense", r#"{"version":2,"targets":[]}"#] {
            std::fs::write(&book.path, text).unwrap();
            assert!(book.read().is_err() && book.note(vec![target(vec![series("shop", 2)])]).is_err(), "{text}");
            assert_eq!(std::fs::read_to_string(&book.path).unwrap(), text);
        }
    }

    #[test]
    fn of_too_many_series_the_smallest_go() {
        let (_root, book) = book();
        let many = (0..MOST).map(|nth| series(&format!("once-{nth}"), 1));
        book.note(vec![target(many.chain([series("shop", 20)]).collect())]).unwrap();
        let kept = &book.read().unwrap()[0].series;
        assert!(kept.contains(&series("shop", 20)) && kept.len() <= MOST, "{}", kept.len());
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_reading_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let (_root, book) = book();
            std::fs::write(&book.path, bytes).unwrap();
            let _ = book.read();
        }
    }
}
