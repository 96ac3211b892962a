//! Which span is a part of which: cycles are cut, missing parents leave loose ends, nothing recurses.

use std::collections::HashMap;

use crate::model::run::{Span, SpanId};

/// The spans of one trace by their parents.
pub(super) struct Tree<'a> {
    pub spans: &'a [Span],
    parents: Vec<Option<usize>>,
    children: Vec<Vec<usize>>,
    depths: Vec<u32>,
    cyclic: Vec<bool>,
    /// Each span once, parents before their children.
    pub order: Vec<usize>,
}

impl<'a> Tree<'a> {
    pub fn of(spans: &'a [Span]) -> Self {
        let mut places: HashMap<SpanId, usize> = HashMap::with_capacity(spans.len());
        for (at, span) in spans.iter().enumerate() {
            places.entry(span.id).or_insert(at);
        }
        let mut parents: Vec<Option<usize>> =
            spans.iter().map(|span| span.parent.and_then(|parent| places.get(&parent).copied())).collect();
        let cyclic = cut_cycles(spans, &mut parents);
        let mut children = vec![vec![]; spans.len()];
        for (at, parent) in parents.iter().enumerate() {
            if let Some(parent) = parent {
                children[*parent].push(at);
            }
        }
        for list in &mut children {
            list.sort_by_key(|&at| (spans[at].start_ns, spans[at].id));
        }
        let mut tree = Self { spans, parents, children, depths: vec![0; spans.len()], cyclic, order: vec![] };
        tree.walk();
        tree
    }

    fn walk(&mut self) {
        let mut waiting: Vec<usize> = self.tops().collect();
        // By their ids too: the order of arrival must not show.
        waiting.sort_by_key(|&at| std::cmp::Reverse((self.spans[at].start_ns, self.spans[at].id)));
        while let Some(at) = waiting.pop() {
            self.order.push(at);
            for &child in self.children[at].iter().rev() {
                self.depths[child] = self.depths[at] + 1;
                waiting.push(child);
            }
        }
    }

    /// Spans whose parent is none or has not arrived.
    pub fn tops(&self) -> impl Iterator<Item = usize> {
        self.parents.iter().enumerate().filter(|(_, parent)| parent.is_none()).map(|(at, _)| at)
    }

    pub fn parent(&self, at: usize) -> Option<usize> {
        self.parents[at]
    }

    pub fn children(&self, at: usize) -> &[usize] {
        &self.children[at]
    }

    pub fn depth(&self, at: usize) -> u32 {
        self.depths[at]
    }

    pub fn is_in_cycle(&self, at: usize) -> bool {
        self.cyclic[at]
    }

    /// Whether a span has this name.
    pub fn is_named(&self, at: usize, name: &str) -> bool {
        self.spans[at].name.raw_bytes() == name.as_bytes()
    }
}

/// Takes one parent away from every cycle, that of its earliest span. Which spans stood in one.
fn cut_cycles(spans: &[Span], parents: &mut [Option<usize>]) -> Vec<bool> {
    let mut cyclic = vec![false; spans.len()];
    // 0: not visited; otherwise by which walk.
    let mut visited = vec![0_usize; spans.len()];
    for start in 0..spans.len() {
        let walk = start + 1;
        let mut at = start;
        while visited[at] == 0 {
            visited[at] = walk;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        if visited[at] != walk || parents[at].is_none() {
            continue;
        }
        let mut cycle = vec![at];
        let mut next = parents[at];
        while let Some(member) = next.filter(|&member| member != at) {
            cycle.push(member);
            next = parents[member];
        }
        cycle.iter().for_each(|&member| cyclic[member] = true);
        if let Some(&first) = cycle.iter().min_by_key(|&&member| (spans[member].start_ns, member)) {
            parents[first] = None;
        }
    }
    cyclic
}
