//! Which keys run which command, by context. Data: `assets/keymap.toml`, and a user's file over it.

use std::collections::BTreeMap;
use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::command::{COMMANDS, Command, entry_of, of_context};
use crate::tui::theme::nearest;

/// Where a key is pressed: decided by the topmost layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Wherever nothing else claims the key.
    Global,
    /// The screen of backups.
    Backups,
    /// Everything about one backup.
    Detail,
    /// The screen of the past.
    History,
    /// The runs of one series.
    Runs,
    /// One run.
    Run,
    /// What a monitor would be told, and other sheets to read.
    Checks,
    /// The screen of keys.
    Keys,
    /// The screen of jobs.
    Jobs,
    /// The screen of audit records.
    Audit,
    /// A restore plan.
    Plan,
    /// A list of things to choose from.
    Choice,
    /// A question that takes yes or no.
    Confirm,
    /// The question before leaving.
    Quit,
    /// A question that takes a typed name.
    Typed,
    /// The filter line.
    Filter,
    /// All commands by name.
    Palette,
    /// Any other line of text.
    Field,
    /// All keys.
    Help,
    /// Something failed.
    Failure,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::Global,
        Self::Backups,
        Self::Detail,
        Self::History,
        Self::Runs,
        Self::Run,
        Self::Checks,
        Self::Keys,
        Self::Jobs,
        Self::Audit,
        Self::Plan,
        Self::Choice,
        Self::Confirm,
        Self::Quit,
        Self::Typed,
        Self::Filter,
        Self::Palette,
        Self::Field,
        Self::Help,
        Self::Failure,
    ];

    /// The name in key maps.
    pub fn word(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Backups => "backups",
            Self::Detail => "detail",
            Self::History => "history",
            Self::Runs => "runs",
            Self::Run => "run",
            Self::Checks => "checks",
            Self::Keys => "keys",
            Self::Jobs => "jobs",
            Self::Audit => "audit",
            Self::Plan => "plan",
            Self::Choice => "choice",
            Self::Confirm => "confirm",
            Self::Quit => "quit",
            Self::Typed => "typed",
            Self::Filter => "filter",
            Self::Palette => "palette",
            Self::Field => "field",
            Self::Help => "help",
            Self::Failure => "failure",
        }
    }

    /// Questions answer to `y` and `N`, which are reserved elsewhere.
    fn is_question(self) -> bool {
        matches!(self, Self::Global | Self::Confirm | Self::Quit)
    }
}

/// Keys that mean the same on every screen.
const RESERVED: [&str; 21] = [
    "h", "j", "k", "l", "g g", "G", "/", ":", "?", "n", "N", "s", "y", "q", "esc", "space", "enter", "up", "down",
    "left", "right",
];

/// One key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stroke {
    code: KeyCode,
    ctrl: bool,
    alt: bool,
}

impl Stroke {
    /// What was pressed; shift is already in the character.
    pub fn of(event: &KeyEvent) -> Self {
        let (ctrl, alt) =
            (event.modifiers.contains(KeyModifiers::CONTROL), event.modifiers.contains(KeyModifiers::ALT));
        let code = match event.code {
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        Self { code, ctrl, alt }
    }

    /// The key press that it stands for.
    pub fn event(self) -> KeyEvent {
        let ctrl = if self.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
        let alt = if self.alt { KeyModifiers::ALT } else { KeyModifiers::NONE };
        KeyEvent::new(self.code, ctrl | alt)
    }

    /// Reads a key by its name in key maps.
    pub fn parse(text: &str) -> Option<Self> {
        let (ctrl, rest) = text.strip_prefix("ctrl-").map_or((false, text), |rest| (true, rest));
        let (alt, rest) = rest.strip_prefix("alt-").map_or((false, rest), |rest| (true, rest));
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) => KeyCode::Char(c),
            _ => match WORDS.iter().find(|(word, _)| *word == rest) {
                Some((_, code)) => *code,
                None => KeyCode::F(rest.strip_prefix('f')?.parse().ok().filter(|n| (1..=12).contains(n))?),
            },
        };
        Some(Self { code, ctrl, alt })
    }
}

const WORDS: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("space", KeyCode::Char(' ')),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
    ("insert", KeyCode::Insert),
];

impl fmt::Display for Stroke {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match (WORDS.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((word, _)), _) => f.write_str(word),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(n)) => write!(f, "f{n}"),
            (None, _) => f.write_str("?"),
        }
    }
}

/// Strokes in a row.
pub type Chord = Vec<Stroke>;

/// A chord as people read it: `g g`, `ctrl-s`.
pub fn chord_words(chord: &[Stroke]) -> String {
    chord.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What the strokes so far amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// A command.
    Run(Command),
    /// The beginning of these: what may come next, and what it would run.
    Pending(Vec<(String, Command)>),
    /// Nothing.
    Nothing,
}

/// Chords by context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    tables: BTreeMap<Context, Vec<(Command, Vec<Chord>)>>,
}

type Raw = BTreeMap<String, BTreeMap<String, Vec<String>>>;

impl Keymap {
    /// The built-in map.
    pub fn built_in() -> Self {
        let empty = Self { tables: BTreeMap::new() };
        empty.merged(include_str!("../../assets/keymap.toml")).expect("the built-in key map is tested")
    }

    /// This map with a user's file over it: a command named there has exactly the chords given there.
    ///
    /// # Errors
    ///
    /// A sentence naming the unknown context, command or key with a near match, the chord that two commands
    /// want, or the reserved key that a screen would rebind.
    pub fn merged(&self, text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut map = self.clone();
        for (word, commands) in raw {
            let context = Context::ALL.into_iter().find(|context| context.word() == word).ok_or_else(|| {
                format!("no context `{word}`; the nearest is `{}`", nearest(&word, &Context::ALL.map(Context::word)))
            })?;
            let table = map.tables.entry(context).or_default();
            for (name, chords) in commands {
                let command = command_named(context, &name)?;
                let chords = chords.iter().map(|text| parse(context, text)).collect::<Result<Vec<_>, _>>()?;
                table.retain(|(known, _)| *known != command);
                table.push((command, chords));
            }
        }
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<(), String> {
        for (context, table) in &self.tables {
            let all: Vec<(Command, &Chord)> =
                table.iter().flat_map(|(command, chords)| chords.iter().map(|chord| (*command, chord))).collect();
            for (at, (command, chord)) in all.iter().enumerate() {
                if let Some((other, _)) =
                    all[..at].iter().find(|(_, other)| other.starts_with(chord) || chord.starts_with(other))
                {
                    let (chord, one, two) = (chord_words(chord), entry_of(*other).name, entry_of(*command).name);
                    return Err(format!("[{}]: `{chord}` is wanted by both `{one}` and `{two}`", context.word()));
                }
            }
        }
        Ok(())
    }

    /// What the strokes mean here: the context's own table first, then the global one.
    pub fn meaning(&self, context: Context, strokes: &[Stroke]) -> Meaning {
        let mut pending = vec![];
        for table in [context, Context::Global].iter().filter_map(|context| self.tables.get(context)) {
            for (command, chords) in table {
                for chord in chords.iter().filter(|chord| chord.starts_with(strokes)) {
                    if chord.len() == strokes.len() {
                        return Meaning::Run(*command);
                    }
                    pending.push((chord_words(&chord[strokes.len()..]), *command));
                }
            }
        }
        if pending.is_empty() { Meaning::Nothing } else { Meaning::Pending(pending) }
    }

    /// The chords of a command here, as people read them.
    pub fn keys_of(&self, context: Context, command: Command) -> Vec<String> {
        let own =
            |context| self.tables.get(&context).and_then(|table| table.iter().find(|(known, _)| *known == command));
        let chords = own(context).or_else(|| own(Context::Global)).map(|(_, chords)| chords.as_slice());
        chords.unwrap_or_default().iter().map(|chord| chord_words(chord)).collect()
    }

    /// The first chord of a command here.
    pub fn key_of(&self, context: Context, command: Command) -> Option<String> {
        self.keys_of(context, command).into_iter().next()
    }
}

fn command_named(context: Context, name: &str) -> Result<Command, String> {
    let known = of_context(context);
    COMMANDS
        .iter()
        .find(|entry| entry.name == name && known.contains(&entry.command))
        .map(|entry| entry.command)
        .ok_or_else(|| {
            let names: Vec<_> = known.iter().map(|command| entry_of(*command).name).collect();
            format!("[{}]: no command `{name}`; the nearest is `{}`", context.word(), nearest(name, &names))
        })
}

fn parse(context: Context, text: &str) -> Result<Chord, String> {
    let strokes: Option<Chord> = text.split(' ').map(Stroke::parse).collect();
    let chord = strokes.filter(|chord| !chord.is_empty()).ok_or_else(|| {
        let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
        format!("[{}]: no key `{text}`; the nearest is `{}`", context.word(), nearest(text, &words))
    })?;
    if !context.is_question() && RESERVED.contains(&text) {
        return Err(format!("[{}]: `{text}` means the same everywhere and cannot be rebound", context.word()));
    }
    Ok(chord)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stroke(text: &str) -> Stroke {
        Stroke::parse(text).unwrap()
    }

    #[test]
    fn the_built_in_map_binds_every_command() {
        let map = Keymap::built_in();
        for context in Context::ALL {
            for command in of_context(context) {
                assert!(map.key_of(context, *command).is_some(), "{context:?} {command:?}");
            }
        }
    }

    #[test]
    fn chords_wait_for_their_second_key() {
        let map = Keymap::built_in();
        let first = map.meaning(Context::Backups, &[stroke("g")]);
        assert_eq!(first, Meaning::Pending(vec![("g".into(), Command::First)]));
        assert_eq!(map.meaning(Context::Backups, &[stroke("g"), stroke("g")]), Meaning::Run(Command::First));
        assert_eq!(map.meaning(Context::Backups, &[stroke("g"), stroke("x")]), Meaning::Nothing);
        assert_eq!(map.meaning(Context::Jobs, &[stroke("v")]), Meaning::Nothing);
        assert_eq!(map.meaning(Context::Confirm, &[stroke("y")]), Meaning::Run(Command::Yes));
    }

    #[test]
    fn a_users_file_replaces_the_chords_of_what_it_names() {
        let map = Keymap::built_in().merged("[backups]\nverify = ['ctrl-v', 'V']").unwrap();
        assert_eq!(map.keys_of(Context::Backups, Command::Verify), ["ctrl-v", "V"]);
        assert_eq!(map.keys_of(Context::Backups, Command::Restore), ["r"]);
    }

    #[test]
    fn mistakes_name_a_near_match() {
        let mistake = |text: &str| Keymap::built_in().merged(text).unwrap_err();
        assert_eq!(mistake("[backup]\nverify = ['v']"), "no context `backup`; the nearest is `backups`");
        assert_eq!(mistake("[backups]\nverfy = ['v']"), "[backups]: no command `verfy`; the nearest is `verify`");
        assert_eq!(mistake("[backups]\nverify = ['entr']"), "[backups]: no key `entr`; the nearest is `enter`");
        assert_eq!(mistake("[backups]\nverify = ['r']"), "[backups]: `r` is wanted by both `restore` and `verify`");
        assert_eq!(
            mistake("[backups]\nverify = ['y']"),
            "[backups]: `y` means the same everywhere and cannot be rebound"
        );
    }
}
