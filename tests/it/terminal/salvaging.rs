//! A broken backup in the real console: found out, explained, agreed to by name, and told.

use super::*;
use crate::support::root;

#[test]
fn a_truncated_backup_is_salvaged_in_the_console() {
    let (home, vectors) = (scratch(), root().join("tests/it/vectors/databacker"));
    let backups = home.path().join("backups");
    fs::create_dir(&backups).unwrap();
    let bytes = fs::read(vectors.join("objects/db_backup_2026-10-05T06-00-00Z.tgz")).unwrap();
    fs::write(backups.join("db_backup_2026-10-05T06-00-00Z.tgz"), &bytes[..bytes.len() - 16_000]).unwrap();
    let estate = home.path().join("estate.toml");
    fs::write(&estate, format!("name = \"test\"\n[targets.nas]\nurl = \"file://{}/\"\n", backups.display())).unwrap();
    let (estate, state) = (estate.display().to_string(), home.path().join("state").display().to_string());
    let key = vectors.join("keys/aes256.key").display().to_string();
    let words = [BREAKGLASS, "--estate", &estate, "--state-dir", &state, "--key", &key];
    let mut pty = Pty::start(command(home.path(), &words));
    pty.wait_for("2026-10-05 06:00");
    pty.settle(QUIET);
    pty.type_in("v");
    pty.wait_for("truncated");
    pty.press_until("S", "Nothing proves it");
    pty.settle(QUIET);
    let out = home.path().join("crm.salvaged");
    pty.type_in(&format!("\u{15}dir:{}\r", out.display()));
    pty.wait_for("and press ctrl-s");
    pty.settle(QUIET);
    pty.type_in("crm.salvaged");
    pty.settle(QUIET);
    pty.type_in("\u{13}");
    pty.press_until("6", "salvaged, not restored");
    assert!(fs::read_to_string(out.join("REPORT.txt")).unwrap().contains("UNAUTHENTICATED"));
    assert!(out.join("bakery.partial.sql").exists() && out.join("report.json").exists());
    pty.settle(QUIET);
    pty.type_in("q");
    if !pty.ends_within(SOON) {
        pty.type_in("y");
    }
    assert_eq!(pty.end(), 0, "{}", pty.screen());
    pty.assert_restored();
}
