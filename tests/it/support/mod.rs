//! What the tests stand on: servers, fixtures, a scratch folder.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

pub mod databases;
pub mod pty;
pub mod s3;
pub mod servers;
pub mod sftp;
pub mod vectors;

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of one's own with a short path (unix sockets allow 107 bytes), gone on drop.
pub fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("bg").tempdir_in("/tmp").unwrap()
}

/// A port that was free a moment ago, and the one behind it too.
pub fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if port < 65_000 && TcpListener::bind(("127.0.0.1", port + 1)).is_ok() {
            return port;
        }
    }
}

/// Notes that a test cannot run here. Where `CI` is set, that is a failure.
///
/// Prints one line past the test harness's capture; `tests/run` collects them for its summary.
pub fn skip_or_fail(needs: &str, why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    if std::env::var_os("CI").is_some() {
        panic!("{test} needs {needs}: {why}");
    }
    let line = format!("skipped: {test} needs {needs}: {}\n", why.lines().last().unwrap_or_default());
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(file) = std::env::var_os("BREAKGLASS_TEST_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// Whether this is the copy of the test program that [`in_child`] started for this test.
///
/// Some tests need an environment, or fewer rights, of their own; both belong to a whole process.
/// Such a test starts itself again: `if !in_child("targets::name", command) { return }`.
pub fn in_child(test: &str, prepare: impl FnOnce(&mut Command)) -> bool {
    child_of(test, Command::new(std::env::current_exe().unwrap()), prepare)
}

/// As [`in_child`], without the right of root to read what its mode forbids.
pub fn in_child_without_privileges(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return in_child(test, |_| {});
    }
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-dac_override,-dac_read_search", "--"]).arg(std::env::current_exe().unwrap());
    child_of(test, command, |_| {})
}

fn child_of(test: &str, mut command: Command, prepare: impl FnOnce(&mut Command)) -> bool {
    const MARK: &str = "BREAKGLASS_TEST_CHILD";
    if std::env::var(MARK).as_deref() == Ok(test) {
        return true;
    }
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(MARK, test);
    prepare(&mut command);
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout);
    let ran = said.contains("1 passed");
    let heard = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && ran, "in the child: {said}\n{heard}");
    false
}

/// How many mutations a fuzz body is fed: 20,000, or as many as `BREAKGLASS_FUZZ` says.
pub fn mutations() -> usize {
    std::env::var("BREAKGLASS_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(20_000)
}
