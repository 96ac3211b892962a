//! What the console knows of the change source that is open.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::model::changes::{
    ChangesRequest, ChangesView, Direction, Entry, EntryPage, PageFrom, PageRequest, Untolds, ViewState,
};
use crate::model::job::JobId;
use crate::model::units::Moment;
use crate::report::Report;
use crate::tui::tokens::Typed;

/// Entries that are asked for at once.
const PAGE: usize = 250;
/// Entries that are kept at most.
const KEPT: usize = 4000;
/// So close to an end of what is held, more is asked for.
const NEAR: usize = 100;

/// In which direction the list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As the log has it.
    #[default]
    Oldest,
    /// The last one on top.
    Newest,
}

/// The change source that is open.
pub struct Log {
    /// What it was opened with.
    pub request: ChangesRequest,
    /// The job that reads it.
    pub job: Option<JobId>,
    /// Its newest snapshot.
    pub view: Arc<ChangesView>,
    /// Why it could not be read.
    pub failed: Option<Box<Report>>,
    /// The filter.
    pub typed: Typed,
    /// In which direction the list goes.
    pub order: Order,
    stretch: Stretch,
}

/// Entries that stand one behind the other in the log and pass the filter.
#[derive(Default)]
struct Stretch {
    entries: VecDeque<Entry>,
    next: Option<u64>,
    previous: Option<u64>,
    asked: Option<PageRequest>,
    /// Rows of them and between them that were passed over though the filter may mean them.
    untold: Untolds,
    /// Entries of the log when the end was seen.
    seen: u64,
    state: Held,
}

/// Whether anything was told of the entries.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Held {
    #[default]
    Nothing,
    Some,
    /// They cannot be had.
    Failed,
}

impl Log {
    /// A source that is about to be read.
    pub fn new(request: ChangesRequest) -> Self {
        Self {
            request,
            job: None,
            view: Arc::default(),
            failed: None,
            typed: Typed::default(),
            order: Order::Oldest,
            stretch: Stretch::default(),
        }
    }

    /// Takes a newer snapshot.
    pub fn renew(&mut self, view: Arc<ChangesView>) {
        self.view = view;
        let stretch = &mut self.stretch;
        if stretch.state == Held::Some && stretch.next.is_none() && self.view.entries > stretch.seen {
            stretch.next = Some(stretch.entries.back().map_or(stretch.seen, |entry| entry.number() + 1));
        }
        if stretch.state == Held::Failed && self.view.entries > stretch.seen {
            stretch.state = Held::Nothing;
        }
    }

    /// Whether it is being read.
    pub fn is_reading(&self) -> bool {
        self.failed.is_none() && self.view.state == ViewState::Reading
    }

    /// Filters anew; the list begins again near `entry`.
    pub fn filter(&mut self, typed: Typed, entry: Option<u64>) {
        self.typed = typed;
        self.jump(entry.unwrap_or(0));
    }

    /// The day that times without one are of: the last one of the log.
    pub fn day(&self) -> Moment {
        self.view.coverage.to.as_ref().and_then(|edge| edge.at).unwrap_or_default()
    }

    /// How many entries are held.
    pub fn held(&self) -> usize {
        self.stretch.entries.len()
    }

    /// Rows that were passed over by now though the filter may mean them.
    pub fn untold(&self) -> &Untolds {
        &self.stretch.untold
    }

    /// Whether the entries near the cursor are on their way.
    pub fn is_waiting(&self) -> bool {
        self.stretch.asked.is_some() || self.stretch.state == Held::Nothing
    }

    /// The entry in a row of the list.
    pub fn at(&self, row: usize) -> Option<&Entry> {
        let count = self.held();
        let nth = match self.order {
            Order::Oldest => row,
            Order::Newest => count.checked_sub(row + 1)?,
        };
        self.stretch.entries.get(nth)
    }

    /// The row of an entry; of one that is not held, the row nearest to it.
    pub fn row_of(&self, entry: u64) -> usize {
        let entries = &self.stretch.entries;
        let nth = entries.partition_point(|one| one.number() < entry).min(entries.len().saturating_sub(1));
        match self.order {
            Order::Oldest => nth,
            Order::Newest => entries.len().saturating_sub(nth + 1),
        }
    }

    /// Whether there are more entries beyond the first or the last row of what is held.
    pub fn goes_on(&self) -> (bool, bool) {
        let ends = (self.stretch.previous.is_some(), self.stretch.next.is_some());
        if self.order == Order::Oldest { ends } else { (ends.1, ends.0) }
    }

    /// Lets go of what is held and begins at an entry.
    pub fn jump(&mut self, entry: u64) {
        let previous = entry.checked_sub(1);
        self.stretch = Stretch { next: Some(entry), previous, ..Stretch::default() };
    }

    /// Lets go of what is held and begins at the end of the log.
    pub fn jump_to_end(&mut self) {
        let stretch = &self.stretch;
        if stretch.state != Held::Some || stretch.next.is_some() {
            self.stretch = Stretch { previous: Some(u64::MAX), ..Stretch::default() };
        }
    }

    /// The page to ask for when the cursor is in this row; it counts as asked from now on.
    pub fn wanted(&mut self, row: usize) -> Option<PageRequest> {
        let count = self.held();
        let nth = if self.order == Order::Oldest { row } else { count.saturating_sub(row + 1) };
        let (entries, stretch) = (self.view.entries, &mut self.stretch);
        if stretch.asked.is_some() || stretch.state == Held::Failed || entries == 0 {
            return None;
        }
        if stretch.state == Held::Nothing && stretch.next.is_none() && stretch.previous.is_none() {
            stretch.next = Some(0);
        }
        let forward = stretch.next.filter(|_| nth + NEAR >= count);
        let backward = stretch.previous.filter(|_| nth < NEAR);
        let (from, direction) = match (forward, backward) {
            (Some(entry), _) => (PageFrom::Entry(entry), Direction::Forward),
            (None, Some(u64::MAX)) => (PageFrom::End, Direction::Backward),
            (None, Some(entry)) => (PageFrom::Entry(entry), Direction::Backward),
            (None, None) => return None,
        };
        stretch.seen = entries;
        let request = PageRequest { from, direction, count: PAGE, filter: self.typed.filter.clone() };
        stretch.asked = Some(request.clone());
        Some(request)
    }

    /// Takes a page over, if it is the one that was asked for.
    pub fn put(&mut self, request: &PageRequest, page: Result<EntryPage, Box<Report>>) -> Result<(), Box<Report>> {
        let stretch = &mut self.stretch;
        if stretch.asked.as_ref() != Some(request) {
            return Ok(());
        }
        stretch.asked = None;
        let page = match page {
            Ok(page) => page,
            Err(report) => {
                stretch.state = Held::Failed;
                return Err(report);
            }
        };
        stretch.state = Held::Some;
        stretch.untold.merge(&page.untold);
        match request.direction {
            Direction::Forward => {
                stretch.next = page.next;
                stretch.entries.extend(page.entries);
                while stretch.entries.len() > KEPT {
                    stretch.previous = stretch.entries.pop_front().map(|entry| entry.number());
                }
            }
            Direction::Backward => {
                stretch.previous = page.previous;
                for entry in page.entries.into_iter().rev() {
                    stretch.entries.push_front(entry);
                }
                while stretch.entries.len() > KEPT {
                    stretch.next = stretch.entries.pop_back().map(|entry| entry.number());
                }
            }
        }
        Ok(())
    }

    /// SOURCE and its column facts, as the command line takes them.
    pub fn source_words(&self) -> String {
        let schemas = self.request.schemas.iter().map(|text| format!(" --schema {}", crate::tui::tokens::quoted(text)));
        format!("{}{}", crate::tui::tokens::quoted(&self.request.source), schemas.collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::changes::{Wall, WallVerb};

    fn entry(number: u64) -> Entry {
        Entry::Wall(Wall {
            entry: number,
            file: "log".into(),
            place: Default::default(),
            at: Moment(0),
            thread: None,
            gtid: None,
            verb: WallVerb::Alter,
            tables: vec![],
            statement: "".into(),
            destroyed: String::new(),
            backup: None,
        })
    }

    fn page(numbers: std::ops::Range<u64>, next: Option<u64>, previous: Option<u64>) -> EntryPage {
        EntryPage { entries: numbers.map(entry).collect(), next, previous, untold: Untolds::default() }
    }

    fn log(entries: u64) -> Log {
        let mut log = Log::new(ChangesRequest::default());
        log.renew(Arc::new(ChangesView { entries, ..ChangesView::default() }));
        log
    }

    #[test]
    fn a_list_grows_at_the_end_that_the_cursor_comes_near() {
        let mut log = log(10_000);
        let first = log.wanted(0).unwrap();
        assert_eq!((first.from, log.wanted(0)), (PageFrom::Entry(0), None));
        log.put(&first, Ok(page(0..250, Some(250), None))).unwrap();
        assert_eq!(log.wanted(0), None);
        let more = log.wanted(249).unwrap();
        assert_eq!(more.from, PageFrom::Entry(250));
        log.put(&first, Ok(page(0..250, None, None))).unwrap();
        assert_eq!(log.held(), 250, "what was not asked for is not taken");
    }

    #[test]
    fn the_end_of_a_long_log_is_one_page_away() {
        let mut log = log(10_000);
        log.jump_to_end();
        let last = log.wanted(0).unwrap();
        assert_eq!((last.from, last.direction), (PageFrom::End, Direction::Backward));
        log.put(&last, Ok(page(9_750..10_000, None, Some(9_749)))).unwrap();
        assert_eq!((log.row_of(u64::MAX), log.held()), (249, 250));
        log.order = Order::Newest;
        assert_eq!(log.at(0).unwrap().number(), 9_999);
        assert_eq!(log.row_of(9_998), 1);
    }

    #[test]
    fn a_log_that_is_still_read_goes_on_and_a_failure_is_not_asked_for_again() {
        let mut log = log(10);
        let first = log.wanted(0).unwrap();
        log.put(&first, Ok(page(0..10, None, None))).unwrap();
        assert_eq!(log.wanted(9), None);
        log.renew(Arc::new(ChangesView { entries: 20, ..ChangesView::default() }));
        let more = log.wanted(9).unwrap();
        assert_eq!(more.from, PageFrom::Entry(10));
        let report = Report::new(crate::report::Fault::Failed, "x", "x", "");
        assert!(log.put(&more, Err(Box::new(report))).is_err());
        assert_eq!(log.wanted(9), None);
    }
}
