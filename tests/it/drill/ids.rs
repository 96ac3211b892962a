//! Every defect that other tools have and that concerns binary logs has a test with its number.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::root;

/// Numbers that are given, of those that lie between them.
const FROM_LOGS: [std::ops::RangeInclusive<u32>; 4] = [1..=36, 40..=48, 51..=53, 70..=78];

/// Those that cannot happen here, and why.
const ELSEWHERE: [(u32, &str); 3] = [
    (25, "logs hold no redacted values: there are no access rules to break"),
    (26, "logs know no flags, rules or redactions that an archive could pass by"),
    (47, "there are no checkpoints: a log is read from its beginning, and a cut transaction is undecided"),
];

/// The numbers that the names of tests begin with, in a file or folder.
fn numbers(path: &Path, found: &mut BTreeSet<u32>) {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).unwrap();
        return entries.for_each(|entry| numbers(&entry.unwrap().path(), found));
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return;
    }
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let Some(name) = line.trim_start().strip_prefix("fn d") else { continue };
        for part in format!("d{name}").split('_') {
            match part.strip_prefix('d').and_then(|digits| digits.parse().ok()) {
                Some(number) => drop(found.insert(number)),
                None => break,
            }
        }
    }
}

#[test]
fn every_defect_has_a_test_with_its_number() {
    let mut found = BTreeSet::new();
    numbers(&root().join("tests/it"), &mut found);
    numbers(&root().join("src"), &mut found);
    let excused = |number: &u32| ELSEWHERE.iter().any(|(excused, why)| excused == number && !why.is_empty());
    let missing: Vec<_> = FROM_LOGS.into_iter().flatten().filter(|number| !found.contains(number)).collect();
    let missing: Vec<_> = missing.into_iter().filter(|number| !excused(number)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}
