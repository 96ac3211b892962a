//! Restoring a DBacked backup of 440 MB of SQL into a folder against verifying it, with the real program.
//!
//! `cargo bench --bench restoring [ROUNDS]`. Interleaved, medians of five. Both ways: in one pass, where nothing
//! was proven before, and as the release of what was. Includes making the file durable. Bar: 1.15 of `verify`.

use std::fs;
use std::path::Path;
use std::process::Command;

mod support;

use support::{Run, Sample, line, median, number, run, scratch};

fn main() {
    let sample = Sample::ready();
    sample.describe();
    sample.warm();
    let (proven, out) = (scratch().join("proven"), scratch().join("restored"));
    run(&mut verify(&sample, &proven));
    let (mut verified, mut single, mut released, mut written) = (vec![], vec![], vec![], vec![]);
    for _ in 0..number(0, 5) {
        written.push(write(&out));
        verified.push(run(&mut verify(&sample, &proven)));
        let fresh = tempfile::tempdir_in(scratch()).expect("a scratch folder");
        single.push(restore(&sample, fresh.path(), &out));
        released.push(restore(&sample, &proven, &out));
    }
    let verified = median(verified);
    line("verify", verified, verified);
    line("restore to dir:, in one pass", median(single), verified);
    line("restore to dir:, proven before", median(released), verified);
    line("for comparison: dd conv=fsync of 440 MB", median(written), verified);
}

fn verify(sample: &Sample, state: &Path) -> Command {
    sample.breakglass(state, &["verify", sample.path()])
}

fn restore(sample: &Sample, state: &Path, out: &Path) -> Run {
    let _ = fs::remove_dir_all(out);
    let into = format!("dir:{}", out.display());
    let spent = run(&mut sample.breakglass(state, &["restore", sample.path(), "--into", &into, "--yes"]));
    assert!(fs::read_dir(out).is_ok_and(|mut files| files.next().is_some()));
    let _ = fs::remove_dir_all(out);
    spent
}

/// What the disk alone takes.
fn write(out: &Path) -> Run {
    let _ = fs::create_dir_all(out);
    let file = format!("of={}", out.join("zeros").display());
    let mut dd = Command::new("dd");
    let spent = run(dd.args(["if=/dev/zero", &file, "bs=1M", "count=420", "conv=fsync", "status=none"]));
    let _ = fs::remove_dir_all(out);
    spent
}
