//! What is kept on this machine, under the conditions that break it: several processes at once, a disk
//! that fills up, a process that is killed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use breakglass::disk;
use breakglass::disk::audit_log::{AuditError, AuditLog, Entry, IntentToken, SyslogCopy};
use breakglass::disk::environment::Environment;
use breakglass::disk::output::OutputFile;
use breakglass::disk::state::State;
use breakglass::model::units::Moment;
use rustix::process::{Resource, Rlimit, Signal};

/// Turns this test binary into another process, which runs only [`a_process_of_these_tests`].
fn process(role: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "state::a_process_of_these_tests", "--nocapture"]);
    command.env("BREAKGLASS_TEST_ROLE", role).env("BREAKGLASS_TEST_FOLDER", folder);
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    text
}

#[test]
fn a_process_of_these_tests() {
    let Ok(role) = std::env::var("BREAKGLASS_TEST_ROLE") else { return };
    let folder = PathBuf::from(std::env::var_os("BREAKGLASS_TEST_FOLDER").unwrap());
    match role.as_str() {
        "append" => append_fifty(&folder),
        "limit" => fill_up_to_a_limit(&folder),
        "full" => fill_up_the_disk(&folder),
        "write" => write_until_killed(&folder),
        other => panic!("no such role: {other}"),
    }
}

fn audit(folder: &Path) -> AuditLog {
    let state = State::open(folder, "estate").unwrap();
    AuditLog::open(&state, disk::actor::actor(&Environment::of(&[])), SyslogCopy::Off).unwrap()
}

fn entry(subject: String) -> Entry {
    Entry { at: Moment(1), action: "restore".to_owned(), subject, ..Entry::default() }
}

fn append_fifty(folder: &Path) {
    let log = audit(folder);
    for turn in 0..25 {
        let intent = log.intent(entry(turn.to_string())).unwrap();
        log.outcome(intent, Moment(2), "ok", "").unwrap();
    }
}

#[test]
fn four_processes_share_one_audit_chain() {
    let folder = tempfile::tempdir().unwrap();
    let spawn = |_| process("append", folder.path()).stdout(Stdio::null()).spawn().unwrap();
    let running: Vec<Child> = (0..4).map(spawn).collect();
    for mut child in running {
        assert!(child.wait().unwrap().success());
    }
    let state = audit(folder.path()).verify(None).unwrap();
    assert_eq!((state.records, state.broken, state.open_intents), (200, None, vec![]));
    let writers: std::collections::BTreeSet<u32> =
        audit(folder.path()).read_tail(200).unwrap().iter().map(|record| record.actor.pid).collect();
    assert_eq!(writers.len(), 4);
}

/// Records events until there is no room left, then the outcome, which must still find its own.
fn run_out_of_room(log: &AuditLog, intent: IntentToken) {
    let refused = (0..10_000).find_map(|turn| log.event(entry(turn.to_string())).err()).unwrap();
    assert!(matches!(refused, AuditError::NoSpace { .. }), "{refused:?}");
    let refused = log.intent(entry("another".to_owned())).unwrap_err();
    assert!(matches!(refused, AuditError::NoSpace { .. }), "an intent without room for its outcome: {refused:?}");
    let record = log.outcome(intent, Moment(2), "failed", &"why it failed, at length. ".repeat(200)).unwrap();
    assert!(record.detail.len() > 3_000);
    let state = log.verify(None).unwrap();
    assert_eq!((state.broken, state.open_intents), (None, vec![]));
    println!("the outcome found its room");
}

fn fill_up_to_a_limit(folder: &Path) {
    let log = audit(folder);
    let intent = log.intent(entry("shop".to_owned())).unwrap();
    let limit = Rlimit { current: Some(20 << 10), maximum: Some(20 << 10) };
    rustix::process::setrlimit(Resource::Fsize, limit).unwrap();
    run_out_of_room(&log, intent);
}

#[test]
fn an_outcome_has_room_when_files_may_not_grow() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&mut process("limit", folder.path())).contains("the outcome found its room"));
}

fn fill_up_the_disk(folder: &Path) {
    let log = audit(folder);
    let intent = log.intent(entry("shop".to_owned())).unwrap();
    let mut filler = fs::File::create(folder.join("filler")).unwrap();
    while filler.write_all(&[7; 4096]).is_ok() {}
    run_out_of_room(&log, intent);
    let mut output = OutputFile::create(&folder.join("shop.sql")).unwrap();
    let error = (0..100).find_map(|_| output.write_all(&[7; 4096]).err()).unwrap();
    let error = output.explain(error);
    assert!(error.to_string().starts_with("there is no room for "), "{error}");
    drop(output);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 2, "the filler and the state");
}

#[test]
fn an_outcome_has_room_when_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let inner = process("full", folder.path());
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs -o size=256k none \"$0\" && exec \"$@\""]);
    command.arg(folder.path()).arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let may_mount = Command::new("unshare")
        .args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !may_mount {
        println!("skipped: no mount namespace here; the limit on file sizes was tested instead");
        return;
    }
    assert!(run(&mut command).contains("the outcome found its room"));
}

fn write_until_killed(folder: &Path) {
    let mut output = OutputFile::create(&folder.join("shop.sql")).unwrap();
    output.write_all(b"CREATE TABLE").unwrap();
    println!("writing");
    std::io::stdout().flush().unwrap();
    std::io::copy(&mut std::io::stdin(), &mut output).unwrap();
}

#[test]
fn a_killed_process_leaves_a_file_that_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = process("write", folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    while !said.contains("writing") {
        assert!(std::io::BufRead::read_line(&mut lines, &mut said).unwrap() > 0, "{said}");
    }
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".shop.sql.breakglass-partial"], "nothing looks whole");
    let error = OutputFile::create(&folder.path().join("shop.sql")).map(drop).unwrap_err();
    assert!(error.to_string().contains("left behind by a run that was killed"), "{error}");
}
