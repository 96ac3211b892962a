//! Which spans of a trace make one run.

use super::tree::Tree;

/// Names of spans that are a whole run, when no other one stands above them.
const ROOTS: [&[u8]; 3] = [b"run", b"restore", b"prune"];

/// One run's spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    /// The span of the whole run, where it has arrived.
    pub root: Option<usize>,
    /// All of them, the root included, parents before their children.
    pub members: Vec<usize>,
}

/// Splits a trace into runs, the earliest first. Every span lands in exactly one of them.
pub(super) fn groups(tree: &Tree<'_>) -> Vec<Group> {
    let mut groups: Vec<Group> = vec![];
    // Per span: the group that it belongs to by its parents.
    let mut places: Vec<Option<usize>> = vec![None; tree.spans.len()];
    let mut loose = vec![];
    for &at in &tree.order {
        let place = match tree.parent(at).and_then(|parent| places[parent]) {
            Some(place) => place,
            None if is_root(tree, at) => {
                groups.push(Group { root: Some(at), members: vec![] });
                groups.len() - 1
            }
            None => {
                loose.push(at);
                continue;
            }
        };
        places[at] = Some(place);
        groups[place].members.push(at);
    }
    adopt(tree, &mut groups, loose);
    groups.sort_by_key(|group| group.members.iter().map(|&at| tree.spans[at].start_ns).min());
    groups
}

fn is_root(tree: &Tree<'_>, at: usize) -> bool {
    let name = tree.spans[at].name.raw_bytes();
    match tree.spans[at].parent {
        None => ROOTS.contains(&name) || tree.spans[at].scope.raw_bytes().starts_with(b"breakglass"),
        // Somebody may have started it inside a trace of his own. Pruning is a part of most runs.
        Some(_) => ROOTS.contains(&name) && name != b"prune",
    }
}

/// Gives spans whose parents have not arrived to the only run there is, or to the one in whose time they lie; else
/// they are a run of their own, without a root.
fn adopt(tree: &Tree<'_>, groups: &mut Vec<Group>, loose: Vec<usize>) {
    let mut rest = vec![];
    let several = groups.len() > 1;
    for at in loose {
        let start = tree.spans[at].start_ns;
        let fits = |group: &Group| {
            let root = group.root.map(|root| &tree.spans[root]);
            !several || root.is_some_and(|root| (root.start_ns..=root.end_ns).contains(&start))
        };
        match groups.iter_mut().find(|group| fits(group)) {
            Some(group) => group.members.push(at),
            None => rest.push(at),
        }
    }
    if !rest.is_empty() {
        groups.push(Group { root: None, members: rest });
    }
}
