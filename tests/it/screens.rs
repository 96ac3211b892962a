//! What the screens show: two planes, what is written and what it means.

mod sample;
mod stage;

use stage::Stage;

const SIZES: [(u16, u16); 3] = [(60, 16), (80, 24), (120, 40)];

fn pictures(name: &str, make: impl Fn((u16, u16)) -> Stage) {
    for size in SIZES {
        let picture = make(size).picture();
        insta::with_settings!({ snapshot_path => "snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), picture);
        });
    }
}

fn quiet(size: (u16, u16)) -> Stage {
    Stage::new(sample::quiet(), size)
}

fn busy(size: (u16, u16)) -> Stage {
    Stage::new(sample::busy(), size)
}

#[test]
fn backups_are_drawn() {
    pictures("backups", busy);
    pictures("backups_without_a_key", |size| quiet(size).press("down down v"));
    pictures("backups_filtered", |size| busy(size).press("/").type_text("db:shop o"));
    pictures("detail", |size| busy(size).press("enter"));
}

#[test]
fn keys_jobs_and_audit_are_drawn() {
    pictures("keys", |size| busy(size).press("5"));
    pictures("keys_locked", |size| quiet(size).press("5"));
    pictures("jobs", |size| busy(size).press("6"));
    pictures("audit", |size| busy(size).press("7 down"));
}
