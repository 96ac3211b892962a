//! Which heads of a listing are read unasked.

use std::collections::HashMap;

use crate::format::names;
use crate::model::foreign::Foreign;
use crate::model::target::{Access, History, Object};

/// The newest ones of each naming that are read where only those are asked for.
const OF_EACH: usize = 3;

/// Which heads are read unasked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Heads {
    /// The newest of each target.
    #[default]
    Newest,
    /// A few of the newest of each naming: what a monitor needs, who asks every few minutes.
    OfEach,
}

/// Whether an object has bytes that can be read now.
pub(super) fn is_readable(object: &Object) -> bool {
    object.stamp.size > 0
        && object.history != History::Deleted
        && matches!(object.storage.access, Access::Ready | Access::Thawed(_))
}

/// Keeps a few of each naming, newest first; of names that say nothing, all.
pub(super) fn few_of_each<T>(unknown: &mut Vec<T>, key_of: impl Fn(&T) -> &Foreign) {
    let mut seen: HashMap<Foreign, usize> = HashMap::new();
    unknown.retain(|task| {
        let key = key_of(task);
        let dated = || names::dated_name(key).map(|name| name.naming);
        let sealed = names::dbacked_name(key).map(|name| name.naming);
        let naming = sealed.or_else(|| names::databacker_name(key).map(|name| name.folder)).or_else(dated);
        let count = seen.entry(naming.unwrap_or_else(|| key.clone())).or_default();
        *count += 1;
        *count <= OF_EACH
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_of_each_naming_are_kept_and_everything_that_says_nothing() {
        let mut keys: Vec<Foreign> = vec![];
        for day in 10..20 {
            keys.push(Foreign::from(format!("dbacked_shop_{day}1120260300")));
            keys.push(Foreign::from(format!("a/db_backup_2026-11-{day}T03:00:00Z.tgz")));
            keys.push(Foreign::from(format!("b/db_backup_2026-11-{day}T03:00:00Z.tgz")));
            keys.push(Foreign::from(format!("object-{}", "x".repeat(day))));
        }
        few_of_each(&mut keys, |key| key);
        assert_eq!(keys.len(), 3 * 3 + 10);
        assert!(keys.contains(&Foreign::from("dbacked_shop_101120260300")), "the first ones are the newest");
    }
}
