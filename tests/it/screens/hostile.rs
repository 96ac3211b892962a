//! Names that somebody chose to do harm: every screen that shows one draws it as plain text.

use std::sync::Arc;

use breakglass::model::backup::{Backup, Metadata, MetadataFacts};
use breakglass::model::foreign::Foreign;
use breakglass::model::job::JobSpec;
use breakglass::model::trust::Rung;
use breakglass::model::units::Moment;
use breakglass::tui::msg::Msg;
use unicode_width::UnicodeWidthStr;

use super::incident;
use super::sample;
use super::stage::Stage;

const SIZES: [(u16, u16); 3] = [(40, 10), (80, 24), (160, 45)];

/// Names, each with what must be seen of it.
fn names() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (b"esc\x1b]0;owned\x07\x1b[2J".to_vec(), "esc\\u{1b}"),
        ("rtl\u{202e}lqs.\u{2066}\u{200f}".as_bytes().to_vec(), "rtl\\u{202e}"),
        (b"raw\xff\xfe\xc3".to_vec(), "raw\\xff"),
        ("c1\u{9b}31m\u{85}".as_bytes().to_vec(), "c1\\u{9b}"),
        (b"line\nbreak\rback\ttab\0".to_vec(), "line\\nbreak"),
        ([b"k".repeat(1020), b"\x1b[1m".to_vec()].concat(), "kkkkkk"), // the longest key that S3 takes
        ("\u{4e16}".repeat(85).into_bytes(), "\u{4e16}\u{4e16}"), // 255 bytes, the longest file name, twice as wide
        ("e\u{301}\u{302}\u{303}".repeat(60).into_bytes(), "e\u{301}"),
    ]
}

fn backup(n: u64, name: &[u8]) -> Backup {
    let at = Moment(sample::now().0 - i64::try_from(n).unwrap() * 3_600_000);
    let mut backup = sample::backup(n, "shop", "offsite", at, 1 << 20);
    let long = Foreign::new([name, &b"m\x1b[31m".repeat(700)].concat()); // more than 4 KiB
    backup.key = Foreign::new(name);
    backup.series = Foreign::new(name);
    backup.databases = vec![Foreign::new(name), long.clone()];
    backup.metadata = Metadata::Read(Box::new(MetadataFacts {
        filename: Some(long.clone()),
        agent: Some(long.clone()),
        db_name: Some(long),
        ..MetadataFacts::default()
    }));
    backup
}

fn stage(size: (u16, u16)) -> Stage {
    let mut world = sample::busy();
    let backups = names().into_iter().enumerate().map(|(n, (name, _))| Arc::new(backup(n as u64, &name)));
    world.set_catalog(sample::snapshot(backups.collect()));
    Stage::new(world, size)
}

/// Panics where a cell holds anything that a terminal would obey.
fn assert_harmless(stage: &mut Stage, what: &str) {
    let buffer = stage.buffer();
    for cell in &buffer.content {
        let obeyed = |c: char| {
            c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!cell.symbol().contains(obeyed), "{what}: {:?}", cell.symbol());
        assert!(cell.symbol().width() <= 2, "{what}: {:?}", cell.symbol());
    }
}

#[test]
fn hostile_names_are_drawn_harmlessly_on_every_screen_at_every_size() {
    let backups = names().len();
    for size in SIZES {
        for n in 0..backups {
            let at = "down ".repeat(n);
            for keys in ["", "enter", "enter pagedown", "r", "y", "/", "v", "6", "7", "?"] {
                let mut stage = stage(size).press(&format!("{at}{keys}"));
                assert_harmless(&mut stage, &format!("{keys:?} on backup {n} at {size:?}"));
            }
            let (name, _) = &names()[n];
            let label = Foreign::new(name.clone()).to_string();
            let spec = JobSpec::Verify { backup: sample::id(n as u64), to: Rung::Whole };
            let mut stage =
                stage(size).send(Msg::JobStarted(breakglass::model::job::JobId(77), spec, label)).press("6");
            assert_harmless(&mut stage, &format!("job of backup {n} at {size:?}"));
        }
    }
}

#[test]
fn hostile_logs_and_scripts_are_drawn_harmlessly() {
    for size in SIZES {
        for keys in [
            "3",
            "3 n",
            "3 enter",
            "3 n enter enter",
            "3 t",
            "3 v",
            "3 n n n d",
            "3 u",
            "3 f",
            "3 y",
            "4",
            "4 enter",
            "4 d",
            "4 t",
            "4 w",
        ] {
            let mut stage = incident::hostile(size).press(keys);
            assert_harmless(&mut stage, &format!("{keys:?} at {size:?}"));
        }
    }
    let text = incident::hostile((160, 45)).press("3").text();
    assert!(text.contains("esc\\u{1b}"), "{text}");
}

#[test]
fn what_is_hostile_in_a_name_is_seen_in_its_detail() {
    for (n, (_, seen)) in names().iter().enumerate() {
        let text = stage((160, 45)).press(&format!("{}enter", "down ".repeat(n))).text();
        assert!(text.contains(seen), "{seen:?} of backup {n}:\n{text}");
    }
}

#[test]
fn pictures_of_hostile_names() {
    for size in SIZES {
        for (name, keys) in [("list", ""), ("detail", "enter"), ("long_detail", "down down down down down enter")] {
            let picture = stage(size).press(keys).picture();
            insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(format!("hostile_{name}_{}x{}", size.0, size.1), picture);
            });
        }
    }
}
