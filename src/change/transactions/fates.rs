//! Which rows of a log came to nothing: a first pass finds them, so that a second one can leave them out.

use std::collections::BTreeMap;
use std::io::Read;

use crate::change::error::BinlogError;
use crate::change::gtid::Xid;
use crate::change::transactions::points::{Back, Savepoints};
use crate::change::transactions::{Ending, Item, Transactions};
use crate::model::change::{BinlogPos, Place};

/// What became of an event's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// They were committed.
    Happened,
    /// They were rolled back: to a savepoint, with their transaction, or after XA PREPARE.
    RolledBack,
    /// They were prepared, and nothing that was read decides about them; or nobody can tell to which savepoint their
    /// transaction went back.
    Undecided,
    /// Their transaction has no end in the log.
    Cut,
}

/// What became of the rows of all events of a sequence of files.
#[derive(Debug, Clone, Default)]
pub struct Fates {
    /// First and last place of what was rolled back, by the first.
    rolled_back: BTreeMap<Place, Place>,
    /// As well, of transactions without an end; parts of them may have been rolled back all the same.
    open: BTreeMap<Place, (Place, Fate)>,
}

impl Fates {
    /// What became of the rows of the event at that place.
    pub fn of(&self, place: Place) -> Fate {
        let before = self.rolled_back.range(..=place).next_back();
        if before.is_some_and(|(_, last)| place <= *last) {
            return Fate::RolledBack;
        }
        match self.open.range(..=place).next_back() {
            Some((_, (last, fate))) if place <= *last => *fate,
            _ => Fate::Happened,
        }
    }

    /// Whether everything happened.
    pub fn is_empty(&self) -> bool {
        self.rolled_back.is_empty() && self.open.is_empty()
    }

    /// Spans that were rolled back never overlap, except that one may hold others: it takes their place.
    fn roll_back(&mut self, first: Place, last: Place) {
        let inside: Vec<_> = self.rolled_back.range(first..=last).map(|(first, _)| *first).collect();
        for place in inside {
            self.rolled_back.remove(&place);
        }
        self.rolled_back.insert(first, last);
    }

    /// Nobody can tell of what lies there, or the transaction has no end. Spans begin and end with others, too.
    fn leave_open(&mut self, first: Place, last: Place, fate: Fate) {
        let inside: Vec<_> = self.open.range(first..=last).map(|(first, _)| *first).collect();
        for place in inside {
            self.open.remove(&place);
        }
        // One that reaches in from the front goes on to here.
        if let Some((_, (end, _))) = self.open.range_mut(..first).next_back()
            && *end >= first
        {
            *end = last.max(*end);
            return;
        }
        self.open.insert(first, (last, fate));
    }
}

/// Transactions that were prepared in no file that was read, and are committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unprepared {
    /// Where the first is committed.
    pub at: Place,
    /// Its name.
    pub xid: Xid,
    /// How many there are.
    pub total: u64,
}

/// Finds the fates: memory grows with what was rolled back or prepared, not with the log.
#[derive(Debug, Default)]
pub struct Survey {
    fates: Fates,
    /// Where the open transaction begins.
    begin: Option<Place>,
    /// Points to go back to in the open transaction.
    savepoints: Savepoints<Place>,
    prepared: BTreeMap<Xid, (Place, Place)>,
    unprepared: Option<Unprepared>,
    /// Where a transaction ended last.
    ended: Option<Place>,
}

impl Survey {
    /// Reads one file from its beginning to its end; the files of a sequence in their order.
    ///
    /// # Errors
    ///
    /// As [`Transactions::next`]; what was found before is kept, and the transaction that was open has no end.
    pub fn file<R: Read>(&mut self, log: &mut Transactions<R>) -> Result<(), BinlogError> {
        loop {
            let note = match log.next() {
                Ok(None) => return Ok(()),
                Ok(Some(item)) => Ok(Note::of(&item)),
                Err(error) => Err(error),
            };
            match note {
                Ok(Some(note)) => self.note(note, log.place()),
                Ok(None) => {}
                Err(error) => {
                    self.broken_off(log.place());
                    return Err(error);
                }
            }
        }
    }

    /// Takes in one item of a file that is read elsewhere.
    pub(in crate::change) fn see(&mut self, item: &Item<'_>, place: Place) {
        if let Some(note) = Note::of(item) {
            self.note(note, place);
        }
    }

    /// The file cannot be read behind that place: the transaction that was open has no end.
    pub fn broken_off(&mut self, place: Place) {
        self.note(Note::End(Ending::Cut), Place { position: BinlogPos(u64::MAX), ..place });
    }

    /// Takes in what [`Note::of`] an item of somebody else's walk told; `place` is where the item began.
    pub fn note(&mut self, note: Note, place: Place) {
        match note {
            Note::Begin => {
                self.begin = Some(place);
                self.savepoints.clear();
            }
            Note::Savepoint(name) => {
                self.savepoints.set(name, place);
            }
            Note::RolledBackTo(name) => match self.savepoints.back_to(&name) {
                Back::To(from) => self.fates.roll_back(from, place),
                Back::Perhaps(from) => {
                    let from = from.or(self.begin).unwrap_or(place);
                    self.fates.leave_open(from, place, Fate::Undecided);
                }
            },
            Note::End(ending) => {
                self.ended = Some(place);
                if let Some(begin) = self.begin.take() {
                    self.end(ending, begin, place);
                }
            }
            Note::XaDecided(xid, stays) => {
                match self.prepared.remove(&xid) {
                    Some((first, last)) if !stays => self.fates.roll_back(first, last),
                    // Older servers end a transaction with it that is open, and not prepared.
                    None if stays && self.ended != Some(place) => self.is_unprepared(place, xid),
                    _ => {}
                }
            }
        }
    }

    fn is_unprepared(&mut self, at: Place, xid: Xid) {
        self.unprepared.get_or_insert(Unprepared { at, xid, total: 0 }).total += 1;
    }

    /// What was committed without having been prepared, since this was asked last.
    pub fn take_unprepared(&mut self) -> Option<Unprepared> {
        self.unprepared.take()
    }

    fn end(&mut self, ending: Ending, begin: Place, last: Place) {
        match ending {
            Ending::Committed => {}
            Ending::RolledBack => self.fates.roll_back(begin, last),
            Ending::Cut => self.fates.leave_open(begin, last, Fate::Cut),
            Ending::Prepared(xid) => drop(self.prepared.insert(xid, (begin, last))),
        }
    }

    /// The fates; what is still prepared is undecided.
    pub fn finish(mut self) -> Fates {
        for (first, last) in std::mem::take(&mut self.prepared).into_values() {
            self.fates.leave_open(first, last, Fate::Undecided);
        }
        self.fates
    }
}

/// What decides about rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A transaction begins.
    Begin,
    /// A point to go back to.
    Savepoint(Vec<u8>),
    /// Back to that point.
    RolledBackTo(Vec<u8>),
    /// The transaction ends.
    End(Ending),
    /// A prepared one stays, or does not.
    XaDecided(Xid, bool),
}

impl Note {
    /// What an item says; `None` for most.
    pub fn of(item: &Item<'_>) -> Option<Self> {
        match item {
            Item::Begin(_) => Some(Self::Begin),
            Item::Savepoint(name) => Some(Self::Savepoint(name.clone())),
            Item::RolledBackTo(name) => Some(Self::RolledBackTo(name.clone())),
            Item::End(ending) => Some(Self::End(ending.clone())),
            Item::XaDecided(xid, stays, _) => Some(Self::XaDecided(xid.clone(), *stays)),
            Item::Rows(_) | Item::Wall(..) | Item::Statement(_) => None,
            Item::Trigger(_) | Item::Temporary(..) | Item::Incident | Item::Headless | Item::Rotate(_) => None,
        }
    }
}
