//! The README is held to what the program does.

use std::collections::BTreeMap;
use std::fs;

use breakglass::tui::command::{COMMANDS, of_context};
use breakglass::tui::keymap::{Context, Keymap};

use crate::support::root;

const BEGIN: &str = "<!-- keys:begin -->\n";
const END: &str = "<!-- keys:end -->";

/// With `BREAKGLASS_README=1` the table is written instead.
#[test]
fn the_key_table_is_the_key_map() {
    let path = root().join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the table has its marks");
    let (shown, after) = rest.split_once(END).expect("the table has its marks");
    let table = key_table();
    if std::env::var_os("BREAKGLASS_README").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert!(shown == table, "run it with BREAKGLASS_README=1: the table should read\n{table}");
}

#[test]
fn the_two_commands_of_a_newcomer_stand_in_it() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(text.contains("cargo run --release -- demo") && text.contains("tests/run"));
}

#[test]
fn every_picture_that_it_shows_exists() {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let pictures: Vec<&str> = text.split("](screenshots/").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(!pictures.is_empty());
    let missing: Vec<_> = pictures.iter().filter(|name| !root().join("screenshots").join(name).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn key_table() -> String {
    let keymap = Keymap::built_in();
    let mut table = "| keys | what | where |\n| --- | --- | --- |\n".to_owned();
    for entry in &COMMANDS {
        let mut places: BTreeMap<Vec<String>, Vec<&str>> = BTreeMap::new();
        for context in Context::ALL {
            let chords = keymap.keys_of(context, entry.command);
            if of_context(context).contains(&entry.command) && !chords.is_empty() {
                let place = if context == Context::Global { "everywhere" } else { context.word() };
                places.entry(chords).or_default().push(place);
            }
        }
        for (chords, contexts) in places {
            let chords: Vec<String> = chords.iter().map(|chord| format!("`{}`", chord.replace('|', "\\|"))).collect();
            table.push_str(&format!("| {} | {} | {} |\n", chords.join(" "), entry.title, contexts.join(", ")));
        }
    }
    table
}
