//! A long list of which only the pages near the cursor are held.

use std::collections::{BTreeMap, BTreeSet};

/// Items of a page.
pub const PAGE: usize = 256;
/// Pages that are held at most.
const HELD: usize = 8;

/// A long list of which only the pages near the cursor are held. Whoever owns it asks for what [`wanted`] names.
///
/// [`wanted`]: Self::wanted
#[derive(Debug, Clone)]
pub struct Pages<T> {
    count: usize,
    held: BTreeMap<usize, Vec<T>>,
    asked: BTreeSet<usize>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Pages<T> {
    /// A list of so many items, none of them held.
    pub fn new(count: usize) -> Self {
        Self { count, held: BTreeMap::new(), asked: BTreeSet::new() }
    }

    /// How many items there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// There are so many by now; what is held stays, but for the page at the end, which may have grown.
    pub fn grow(&mut self, count: usize) {
        if count != self.count {
            let last = self.count.min(count) / PAGE;
            self.held.retain(|page, _| *page < last);
            self.asked.retain(|page| *page < last);
            self.count = count;
        }
    }

    /// Everything may be otherwise by now: what is held is shown until it comes anew.
    pub fn ask_anew(&mut self) {
        self.asked.clear();
    }

    /// The nth item, if it is held.
    pub fn get(&self, nth: usize) -> Option<&T> {
        self.held.get(&(nth / PAGE)).and_then(|page| page.get(nth % PAGE))
    }

    /// All items that are held, with their places.
    pub fn held(&self) -> impl DoubleEndedIterator<Item = (usize, &T)> {
        self.held
            .iter()
            .flat_map(|(page, items)| items.iter().enumerate().map(move |(at, item)| (page * PAGE + at, item)))
    }

    /// Takes a page over; those farthest from it go.
    pub fn put(&mut self, page: usize, items: Vec<T>) {
        self.held.insert(page, items);
        while self.held.len() > HELD {
            let farthest = self.held.keys().copied().max_by_key(|other| other.abs_diff(page));
            let Some(farthest) = farthest else { break };
            self.held.remove(&farthest);
            self.asked.remove(&farthest);
        }
    }

    /// Pages around the nth item that have not been asked for; they count as asked from now on.
    pub fn wanted(&mut self, nth: usize) -> Vec<usize> {
        if self.count == 0 {
            return vec![];
        }
        let last = (self.count - 1) / PAGE;
        let near = nth.saturating_sub(PAGE) / PAGE..=((nth + PAGE) / PAGE).min(last);
        near.filter(|page| self.asked.insert(*page)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_near_the_cursor_are_asked_for_once_and_far_ones_go() {
        let mut pages = Pages::new(100 * PAGE + 1);
        assert_eq!(pages.wanted(0), [0, 1]);
        assert_eq!(pages.wanted(1), [0_usize; 0]);
        assert_eq!(pages.wanted(100 * PAGE), [99, 100]);
        for page in 0..20 {
            pages.put(page, vec![page; PAGE]);
        }
        assert_eq!(pages.get(19 * PAGE + 5), Some(&19));
        assert_eq!(pages.get(0), None, "it is far away by now");
        assert_eq!(pages.held().count(), HELD * PAGE);
        assert!(pages.wanted(0).contains(&0), "and is asked for again");
    }

    #[test]
    fn a_list_that_grows_asks_for_its_last_page_again() {
        let mut pages = Pages::new(PAGE + 1);
        pages.wanted(0);
        pages.put(0, vec![0; PAGE]);
        pages.put(1, vec![1]);
        pages.grow(PAGE + 9);
        assert_eq!((pages.get(3), pages.get(PAGE)), (Some(&0), None));
        assert_eq!(pages.wanted(0), [1]);
        assert_eq!(Pages::<u8>::new(0).wanted(0), [0_usize; 0]);
    }
}
