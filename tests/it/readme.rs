//! The README is held to what the program does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use breakglass::tui::command::{COMMANDS, of_context};
use breakglass::tui::keymap::{Context, Keymap};

use crate::support::{root, scratch};

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

/// The commands of every fence marked `console`, each with what it is shown to print.
fn sessions(readme: &str) -> Vec<Vec<(String, Vec<String>)>> {
    let fences = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    fences
        .map(|fence| {
            let mut commands: Vec<(String, Vec<String>)> = vec![];
            for line in fence.lines() {
                match (line.strip_prefix("$ "), commands.last_mut()) {
                    (Some(command), _) => commands.push((command.to_owned(), vec![])),
                    (None, Some((_, shown))) => shown.push(line.to_owned()),
                    (None, None) => panic!("a fence begins with {line:?}, not with a command"),
                }
            }
            commands
        })
        .collect()
}

/// Whether a line is as shown: `...` stands for anything, and blanks for any number of blanks.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, shown) = (words(line), words(shown));
    let parts: Vec<&str> = shown.split("...").collect();
    let [first, middle @ .., last] = &parts[..] else { return line == shown };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether all lines are as shown; a line of `...` alone stands for any number of lines.
fn are_as_shown(lines: &[&str], shown: &[String]) -> bool {
    match (lines, shown) {
        (_, [any, rest @ ..]) if any.trim() == "..." => {
            (0..=lines.len()).any(|skipped| are_as_shown(&lines[skipped..], rest))
        }
        ([line, lines @ ..], [this, rest @ ..]) => is_as_shown(line, this) && are_as_shown(lines, rest),
        (lines, shown) => lines.is_empty() && shown.is_empty(),
    }
}

#[test]
fn every_console_block_does_what_it_shows() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_breakglass"));
    let sessions = sessions(&readme);
    assert!(sessions.iter().map(Vec::len).sum::<usize>() > 5, "there is something to run");
    for commands in sessions {
        let folder = scratch();
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        let (mut exports, mut id) = (String::new(), String::new());
        for (command, shown) in commands {
            if command.starts_with("export ") {
                exports = format!("{exports}{command}; ");
                continue;
            }
            let line = command.replace(" ID ", &format!(" {id} "));
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{exports}{line}")]).current_dir(folder.path()).stdin(Stdio::null());
            shell.env_clear().env("PATH", &path).env("HOME", folder.path()).env("LC_ALL", "C.UTF-8");
            let ran = shell.output().unwrap();
            let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            assert!(ran.status.success(), "{command}: {out}{err}");
            let lines: Vec<&str> = out.lines().collect();
            assert!(shown.is_empty() || are_as_shown(&lines, &shown), "{command} printed\n{out}");
            id = lines.get(1).and_then(|row| row.split_whitespace().next()).unwrap_or_default().to_owned();
        }
    }
}

#[test]
fn what_is_shown_is_compared_with_care() {
    let shown = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(are_as_shown(&["a  1 b", "x", "y"], &shown("a ... b\n...")));
    assert!(!are_as_shown(&["a 1 c", "x"], &shown("a ... b\n...")));
    assert!(!are_as_shown(&["a", "b"], &shown("a")), "more than is shown");
    assert!(!are_as_shown(&["a"], &shown("a\nb")), "less than is shown");
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
