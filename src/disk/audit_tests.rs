use std::fs;
use std::sync::Arc;
use std::thread;

use tempfile::TempDir;

use crate::disk::actor::actor;
use crate::disk::audit_log::{AuditError, AuditLog, Entry, RESERVE, SyslogCopy};
use crate::disk::environment::Environment;
use crate::disk::state::State;
use crate::model::audit::AuditKind;
use crate::model::units::Moment;
use crate::report::Reportable;

struct Kept {
    root: TempDir,
    log: AuditLog,
}

fn open(root: &TempDir) -> AuditLog {
    let state = State::open(root.path(), "e").unwrap();
    AuditLog::open(&state, actor(&Environment::of(&[])), SyslogCopy::Off).unwrap()
}

fn entry(subject: &str) -> Entry {
    Entry { at: Moment(1), action: "verify".into(), subject: subject.into(), result: "ok".into(), ..Entry::default() }
}

/// A log with records 0 to 5.
fn six() -> Kept {
    let root = tempfile::tempdir().unwrap();
    let log = open(&root);
    for subject in 0..6 {
        log.event(entry(&format!("backup {subject}"))).unwrap();
    }
    Kept { root, log }
}

impl Kept {
    fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.log.path()).unwrap().lines().map(str::to_owned).collect()
    }

    /// Writes the log anew in place and tells what a fresh process finds broken.
    fn broken_by(&self, change: impl FnOnce(&mut Vec<String>)) -> Option<(u64, String)> {
        let mut lines = self.lines();
        change(&mut lines);
        fs::write(self.log.path(), lines.join("\n") + "\n").unwrap();
        open(&self.root).verify(None).unwrap().broken
    }
}

#[test]
fn an_untouched_chain_is_whole_and_its_heads_are_found() {
    let kept = six();
    let early = kept.log.read_tail(3).unwrap();
    assert_eq!(early.iter().map(|record| record.seq).collect::<Vec<_>>(), [3, 4, 5]);
    let state = kept.log.verify(Some(&early[0].hash)).unwrap();
    assert_eq!((state.records, state.broken, state.open_intents.len()), (6, None, 0));
    assert_eq!(state.head, kept.log.head().unwrap());
    assert!(kept.log.verify(Some(&early[1].hash[..16])).unwrap().broken.is_none(), "16 digits are enough");
}

#[test]
fn the_first_break_is_found_and_named() {
    let said = |change: fn(&mut Vec<String>)| six().broken_by(change).unwrap();
    assert_eq!(said(|lines| lines[2] = lines[2].replace("backup 2", "backup 9")).0, 2);
    assert!(said(|lines| lines[2] = lines[2].replace("backup 2", "backup 9")).1.contains("was edited"));
    assert!(said(|lines| lines[2] = lines[2].replace("{\"seq\"", "{ \"seq\"")).1.contains("was edited"));
    assert!(said(|lines| lines[2] = lines[2].replace("\"}", "\" }")).1.contains("was edited"));
    assert_eq!(said(|lines| drop(lines.remove(2))), (2, "is missing: it was removed".into()));
    assert_eq!(said(|lines| drop(lines.remove(0))), (0, "is missing: it was removed".into()));
    assert_eq!(said(|lines| lines.swap(2, 3)), (2, "is missing: it was moved further down".into()));
    assert_eq!(said(|lines| lines.insert(3, lines[2].clone())), (3, "stands there twice".into()));
    assert!(said(|lines| lines.insert(5, lines[2].clone())).1.contains("an older record, 2,"));
    assert!(said(|lines| lines[4].truncate(50)).1.contains("is cut"));
    assert!(said(|lines| lines.insert(1, String::new())).1.contains("is cut"));
}

#[test]
fn a_record_that_was_forged_with_a_fitting_hash_still_breaks_the_chain() {
    let kept = six();
    let elsewhere = tempfile::tempdir().unwrap();
    let log = open(&elsewhere);
    for subject in ["backup 0", "another", "backup 2"] {
        log.event(entry(subject)).unwrap();
    }
    let forged = fs::read_to_string(log.path()).unwrap().lines().nth(2).unwrap().to_owned();
    let (at, what) = kept.broken_by(|lines| lines[2] = forged).unwrap();
    assert!(at == 2 && what.contains("does not follow"), "{at} {what}");
}

#[test]
fn a_cut_tail_shows_only_against_a_head_that_was_kept() {
    let kept = six();
    let head = kept.log.head().unwrap();
    assert_eq!(kept.broken_by(|lines| lines.truncate(4)), None, "invisible without a head");
    let (at, what) = open(&kept.root).verify(Some(&head)).unwrap().broken.unwrap();
    assert!(at == 4 && what.contains("Its tail was cut"), "{what}");
}

#[test]
fn an_intent_stays_open_until_its_outcome() {
    let kept = six();
    let intent = kept.log.intent(Entry { result: String::new(), ..entry("shop") }).unwrap();
    assert_eq!(kept.log.verify(None).unwrap().open_intents, [6]);
    let record = kept.log.outcome(intent, Moment(2), "failed", "code 1062").unwrap();
    assert_eq!((record.kind, record.of, record.subject.as_str()), (AuditKind::Outcome, Some(6), "shop"));
    assert!(kept.log.verify(None).unwrap().open_intents.is_empty());
}

#[test]
fn what_a_killed_process_left_half_written_is_healed_and_told() {
    let kept = six();
    let whole = fs::read(kept.log.path()).unwrap();
    for torn in [&b"{\"seq\":6,\"at\":"[..], b"{", b"{\"seq\":6   \0\0\0"] {
        fs::write(kept.log.path(), [&whole[..], torn].concat()).unwrap();
        let log = open(&kept.root);
        assert!(log.verify(None).unwrap().broken.unwrap().1.contains("unfinished"));
        let record = log.event(entry("next")).unwrap();
        assert!(record.seq == 6 && record.detail.starts_with("healed: "), "{record:?}");
        assert_eq!(log.verify(None).unwrap().broken, None);
    }
    fs::write(kept.log.path(), [&whole[..], b"   \0\0"].concat()).unwrap();
    assert_eq!(open(&kept.root).verify(None).unwrap().broken, None, "reserved room is no record");
    assert_eq!(kept.log.event(entry("next")).unwrap().detail, "", "and the old process finds its place again");
}

#[test]
fn nothing_is_appended_to_a_chain_whose_last_record_is_not_understood() {
    let kept = six();
    assert!(kept.broken_by(|lines| lines[5] = lines[5].replace("ok", "no")).is_some());
    for log in [&kept.log, &open(&kept.root)] {
        let error = log.intent(entry("x")).unwrap_err();
        assert!(matches!(error, AuditError::Broken { record: 5, .. }), "{error}");
        assert_eq!(error.report().code, "audit::broken");
    }
    fs::rename(kept.log.path(), kept.root.path().join("evidence")).unwrap();
    assert_eq!(
        kept.log.event(entry("new")).unwrap().seq,
        0,
        "moved away, a new chain begins, also for a running process"
    );
}

#[test]
fn threads_with_logs_of_their_own_share_one_chain() {
    let root = Arc::new(tempfile::tempdir().unwrap());
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let root = Arc::clone(&root);
            thread::spawn(move || {
                let log = open(&root);
                for turn in 0..25 {
                    let intent = log.intent(entry(&format!("{writer}/{turn}"))).unwrap();
                    log.outcome(intent, Moment(2), "ok", "").unwrap();
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let state = open(&root).verify(None).unwrap();
    assert_eq!((state.records, state.broken, state.open_intents.len()), (200, None, 0));
}

#[test]
fn no_record_is_longer_than_the_room_that_is_kept_for_it() {
    let kept = six();
    let hostile = "\u{1}\\\"\u{202e}".repeat(9_000);
    let long = Entry { action: hostile.clone(), subject: hostile.clone(), ..Entry::default() };
    let intent = kept.log.intent(long).unwrap();
    kept.log.outcome(intent, Moment(2), &hostile, &hostile).unwrap();
    let longest = kept.lines().iter().map(String::len).max().unwrap() as u64;
    assert!(longest > 4_000 && longest < RESERVE, "{longest}");
    assert_eq!(kept.log.verify(None).unwrap().broken, None);
}

#[test]
fn where_blocks_cannot_be_allocated_blanks_keep_the_room() {
    let root = tempfile::tempdir().unwrap();
    let log = open(&root).with_blanks();
    let length = || fs::metadata(log.path()).unwrap().len();
    let one = log.intent(entry("one")).unwrap();
    let two = log.intent(entry("two")).unwrap();
    let text = fs::read_to_string(log.path()).unwrap();
    assert!(length() >= 2 * RESERVE && text.ends_with("    ") && text.trim_end().lines().count() == 2);
    assert_eq!(log.verify(None).unwrap().open_intents, [0, 1]);
    let mut export = log.export().unwrap();
    assert_eq!(export.next_line().unwrap(), text.lines().next().map(str::as_bytes));
    assert!(export.next_line().unwrap().is_some() && export.next_line().unwrap().is_none());
    assert_eq!(open(&root).event(entry("another process")).unwrap().seq, 2, "it finds the end before the blanks");
    let before = length();
    log.outcome(one, Moment(2), "ok", &"long ".repeat(2_000)).unwrap();
    assert_eq!(length(), before, "an outcome needs no new room");
    log.outcome(two, Moment(2), "ok", "").unwrap();
    let text = fs::read_to_string(log.path()).unwrap();
    assert!(text.ends_with("}\n"), "no room is kept for nobody");
    assert_eq!((log.verify(None).unwrap().broken, text.lines().count()), (None, 5));
}
