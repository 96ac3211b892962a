//! A long list of which only the pages near the cursor are held.

use std::collections::BTreeMap;

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
    /// Pages that are on their way, and in which round they were asked for.
    asked: BTreeMap<usize, u64>,
    /// Pages that came, and in which round they were asked for.
    came: BTreeMap<usize, u64>,
    round: u64,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

impl<T> Pages<T> {
    /// A list of so many items, none of them held.
    pub fn new(count: usize) -> Self {
        Self { count, held: BTreeMap::new(), asked: BTreeMap::new(), came: BTreeMap::new(), round: 0 }
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
            self.came.retain(|page, _| *page < last);
            self.count = count;
        }
    }

    /// Everything may be otherwise by now: what is held is shown until it comes anew. A page that is on its way is
    /// waited for first, so that much news makes no more work than there are answers.
    pub fn ask_anew(&mut self) {
        self.round += 1;
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

    /// The same, to be changed until their pages come anew.
    pub fn held_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.held.values_mut().flatten()
    }

    /// Takes a page over; those farthest from it go.
    pub fn put(&mut self, page: usize, items: Vec<T>) {
        self.settle(page);
        self.held.insert(page, items);
        while self.held.len() > HELD {
            let farthest = self.held.keys().copied().max_by_key(|other| other.abs_diff(page));
            let Some(farthest) = farthest else { break };
            self.held.remove(&farthest);
            self.came.remove(&farthest);
        }
    }

    /// A page does not come; it is asked for again when everything is.
    pub fn settle(&mut self, page: usize) {
        let round = self.asked.remove(&page).unwrap_or(0);
        self.came.insert(page, round);
    }

    /// Pages around the nth item that are missing or may be otherwise by now; they count as asked from now on.
    pub fn wanted(&mut self, nth: usize) -> Vec<usize> {
        if self.count == 0 {
            return vec![];
        }
        let last = (self.count - 1) / PAGE;
        let near = nth.saturating_sub(PAGE) / PAGE..=((nth + PAGE) / PAGE).min(last);
        let missing = |page: &usize| !self.asked.contains_key(page) && self.came.get(page) != Some(&self.round);
        let wanted: Vec<usize> = near.filter(missing).collect();
        self.asked.extend(wanted.iter().map(|page| (*page, self.round)));
        wanted
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
    fn much_news_makes_no_more_work_than_there_are_answers() {
        let mut pages = Pages::new(1);
        assert_eq!(pages.wanted(0), [0]);
        for _ in 0..100 {
            pages.ask_anew();
            assert_eq!(pages.wanted(0), [0_usize; 0], "it is on its way");
        }
        pages.put(0, vec![0]);
        assert_eq!((pages.wanted(0), pages.wanted(0)), (vec![0], vec![]), "the answer was of before the news");
        pages.settle(0);
        assert_eq!(pages.wanted(0), [0_usize; 0], "what cannot be had is not asked for on and on");
        pages.ask_anew();
        assert_eq!(pages.wanted(0), [0]);
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
