//! Hostile names, every key at every size, and anything at all that can be sent to the console.

use std::sync::Arc;

use breakglass::model::foreign::Foreign;
use breakglass::model::units::Moment;
use breakglass::tui::command::{COMMANDS, Command};
use breakglass::tui::glyphs::ASCII;
use breakglass::tui::msg::{KeyFrom, Msg, PlanAsk};
use breakglass::tui::past::PastNews;
use breakglass::tui::theme::Role;
use breakglass::tui::widgets::secret_field::SecretText;
use breakglass::tui::world::World;
use breakglass::work::recover::Found;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;

use super::incident;
use super::planned_archive;
use super::reviewing;
use super::sample;
use super::stage::Stage;

fn hostile() -> World {
    let mut world = sample::quiet();
    let names = [
        "a\u{1b}]0;owned\u{7}b",
        "\u{202e}gpj.exe",
        "備份資料庫備份資料庫備份",
        "\u{9b}2J",
        "e\u{301}\u{200b}\u{feff}x",
        "\t\n\r",
    ];
    let long = ["\u{ff}".repeat(1024), "名".repeat(500), "\u{202e}".repeat(300)];
    let all = names.iter().map(|name| (*name).to_owned()).chain(long);
    let backups = (0..).zip(all).map(|(n, name)| {
        let mut backup = sample::backup(n + 500, &name, "offsite", sample::now(), 1);
        backup.key = Foreign::new([name.as_bytes(), b"\xff\x1b[2J"].concat());
        Arc::new(backup)
    });
    world.set_catalog(sample::snapshot(backups.collect()));
    world
}

#[test]
fn hostile_names_draw_harmlessly_at_every_size() {
    for size in [(60, 16), (80, 24), (120, 40), (40, 10)] {
        for glyphs in [&ASCII, &breakglass::tui::glyphs::UNICODE] {
            let mut stage = Stage::with_glyphs(hostile(), size, glyphs);
            for keys in ["down", "down", "enter", "esc", "down", "down", "down", "G", "enter"] {
                stage = stage.press(keys);
                let text = stage.text();
                let evil = |c: char| {
                    (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}')
                };
                assert!(!text.contains(evil), "{text:?}");
            }
        }
    }
}

#[test]
fn ascii_mode_draws_ascii_only() {
    let mut stage = Stage::with_glyphs(sample::busy(), (120, 40), &ASCII);
    for keys in ["enter", "esc", "5", "6", "7", "1", "?", "esc", "K"] {
        stage = stage.press(keys);
        assert!(stage.text().is_ascii(), "{}", stage.text());
    }
    let mut stage = incident::undone((120, 40));
    stage.app.look.glyphs = &ASCII;
    for keys in
        ["down", "enter", "esc", "d", "esc", "3", "n", "]", "enter", "enter", "esc", "esc", "v", "esc", "t", "esc", "o"]
    {
        stage = stage.press(keys);
        assert!(stage.text().is_ascii(), "{}", stage.text());
    }
}

#[test]
fn every_role_has_a_letter_of_its_own() {
    let words: std::collections::BTreeSet<_> = Role::ALL.iter().map(|role| role.word()).collect();
    assert_eq!(words.len(), Role::ALL.len());
}

/// A message that can be printed when a property fails; `Msg` itself may hold secrets.
#[derive(Debug, Clone)]
enum Act {
    Key(KeyCode, KeyModifiers),
    Run(Command),
    Paste(String),
    Later(i64),
    News(usize),
}

impl Act {
    fn msg(self) -> Msg {
        match self {
            Self::Key(code, modifiers) => Msg::Key(KeyEvent::new(code, modifiers)),
            Self::Run(command) => Msg::Run(command),
            Self::Paste(text) => Msg::Paste(SecretText::taking(text)),
            Self::Later(by) => Msg::Now(Moment(sample::now().0 + by)),
            Self::News(0) => Msg::Keys(vec![]),
            Self::News(1) => Msg::Keys(vec![sample::loaded_key()]),
            Self::News(2) => Msg::Catalog(Box::new(sample::snapshot(vec![]))),
            Self::News(3) => Msg::Failed(Box::new(super::denied())),
            Self::News(4) => Msg::KeyLoaded(sample::loaded_key().facts),
            Self::News(5) => Msg::KeyLocked(KeyFrom::File("x".into()), "x".into()),
            Self::News(6) => Msg::Log(incident::LOG, Arc::new(incident::view(true))),
            Self::News(7) => Msg::Log(incident::LOG, Arc::default()),
            Self::News(8) => Msg::LogOpened(incident::LOG, Box::default()),
            Self::News(9) => Msg::Recovery(incident::UNDO, Arc::new(incident::recovery())),
            Self::News(10) => Msg::Recovery(incident::UNDO, Arc::new(incident::refused())),
            Self::News(11) => Msg::Found(incident::UNDO, reviewing::search("", 1..9), Found::At(7_000_000)),
            Self::News(12) => Msg::Summary(incident::UNDO, "sign".into()),
            Self::News(13) => Msg::Reviewed(Box::new(incident::review())),
            Self::News(14) => Msg::Past(PastNews::View(Arc::new(super::past::view(&sample::busy())))),
            Self::News(15) => Msg::Past(PastNews::Older(super::past::older(&sample::busy()))),
            Self::News(16) => Msg::Past(PastNews::Run(Arc::new(super::past::one_run(&sample::busy())))),
            Self::News(_) => {
                let into = "server:staging/shop_bg_1121".to_owned();
                let ask = PlanAsk {
                    backup: sample::id(0),
                    into,
                    tables: vec![],
                    databases: vec![],
                    renames: vec![],
                    choices: vec![],
                };
                Msg::Planned(ask, Box::new(sample::plan()))
            }
        }
    }
}

fn any_act() -> impl Strategy<Value = Act> {
    use KeyCode::{Backspace, Down, End, Enter, Esc, F, Home, Left, PageDown, PageUp, Right, Tab, Up};
    let named = [Enter, Esc, Up, Down, Backspace, PageDown, PageUp, Home, End, Left, Right, Tab, F(5)];
    let keys = prop_oneof![
        4 => proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => proptest::sample::select(named.to_vec()),
    ];
    let modifiers = prop_oneof![9 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    let commands: Vec<Command> = COMMANDS.iter().map(|entry| entry.command).collect();
    prop_oneof![
        6 => (keys, modifiers).prop_map(|(code, modifiers)| Act::Key(code, modifiers)),
        4 => proptest::sample::select(commands).prop_map(Act::Run),
        1 => ".{0,12}".prop_map(Act::Paste),
        1 => (0i64..100_000).prop_map(Act::Later),
        2 => (0usize..18).prop_map(Act::News),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn no_sequence_of_messages_and_sizes_panics(
        acts in proptest::collection::vec(any_act(), 0..60),
        sizes in proptest::collection::vec((1u16..140, 1u16..50), 4),
        begin in 0_u8..4,
    ) {
        let mut stage = match begin {
            0 => planned_archive(sizes[0]).press("b"),
            1 => incident::read(sizes[0]),
            2 => incident::undone(sizes[0]),
            _ => Stage::new(sample::busy(), sizes[0]),
        };
        for (nth, act) in acts.into_iter().enumerate() {
            stage.resize(sizes[nth % 4]);
            stage = stage.send(act.msg());
        }
    }
}
