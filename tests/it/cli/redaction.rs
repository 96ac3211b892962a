//! A sink that is refused may have been typed with a password: no answer repeats it.

use std::fs;
use std::path::Path;

use super::{Home, fixture};

const NAMED: &str = "local:dbacked_shop_300820261040";
const PASSWORD: &str = "hunter2-marker";

/// Whether any file below a folder holds the password.
fn holds_it(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holds_it(&path)
        } else {
            String::from_utf8_lossy(&fs::read(&path).unwrap()).contains(PASSWORD)
        }
    })
}

#[test]
fn a_refused_sink_never_repeats_a_password() {
    let home = Home::with_targets(&[("local", &fixture("objects"))]);
    for shape in [
        "MySQL://u:{}@h/db",
        "mysql://u:{}@h/db",
        "mariadb://u:{}@h:3306/db",
        "MYSQL://u:{}@h",
        "mysql://u:{}@h:99999999/db",
        "mysql://u:{}@/",
        "mysql://u:a{}@@h/db",
        "mysql://u:{}/x@h/db",
        "mysql://u:{}?@h/db",
        "mysql://u:{}#@h/db",
        "mysql:u:{}@h/db",
        "mysqlx://u:{}@h/db",
        "postgres://u:{}@h/db",
        " mysql://u:{}@h/db",
        "mysql://h/db?password={}",
        "u:{}@h/db",
    ] {
        let into = shape.replace("{}", PASSWORD);
        for form in [&[][..], &["--json"]] {
            let args = [&["restore", NAMED, "--into", &into, "--yes", "--log", "trace"][..], form].concat();
            let run = home.run_with_key(&args);
            assert_eq!(run.code, 2, "{shape}: {run:?}");
            assert!(!run.out.contains(PASSWORD) && !run.err.contains(PASSWORD), "{shape} {form:?}: {}", run.err);
            if !form.is_empty() {
                assert!(run.error_code().contains("sink"), "{shape}: {}", run.err);
            }
        }
    }
    assert!(!holds_it(&home.path("state")), "neither a log nor the audit log");
}
