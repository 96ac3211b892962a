//! Roles, and what they look like. Views name roles; only this file knows colours.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

/// What a cell means. Its look is a matter of the theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// Ordinary text.
    #[default]
    Text,
    /// Text of less weight.
    Dim,
    /// The program's name, names of sections.
    Title,
    /// Lines that separate.
    Rule,
    /// Heads of columns.
    Head,
    /// The row under the cursor.
    Selection,
    /// A row marked for a later command.
    Marked,
    /// Characters that the filter found.
    Match,
    /// Proven, done, reachable.
    Good,
    /// Worth a look.
    Warn,
    /// Broken, or about to destroy.
    Danger,
    /// A key to press.
    Key,
    /// What a key does.
    Hint,
    /// Something typed.
    Input,
    /// The filled part of a gauge.
    Gauge,
    /// Writes are allowed for a while.
    Armed,
    /// Something that cannot be chosen now.
    Off,
}

impl Role {
    /// All of them, in the order of their letters in snapshots.
    pub const ALL: [Self; 17] = [
        Self::Text,
        Self::Dim,
        Self::Title,
        Self::Rule,
        Self::Head,
        Self::Selection,
        Self::Marked,
        Self::Match,
        Self::Good,
        Self::Warn,
        Self::Danger,
        Self::Key,
        Self::Hint,
        Self::Input,
        Self::Gauge,
        Self::Armed,
        Self::Off,
    ];

    /// The name in theme files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Dim => "dim",
            Self::Title => "title",
            Self::Rule => "rule",
            Self::Head => "head",
            Self::Selection => "selection",
            Self::Marked => "marked",
            Self::Match => "match",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Danger => "danger",
            Self::Key => "key",
            Self::Hint => "hint",
            Self::Input => "input",
            Self::Gauge => "gauge",
            Self::Armed => "armed",
            Self::Off => "off",
        }
    }

    /// Whose look a role takes that a theme does not mention.
    fn parent(self) -> Self {
        match self {
            Self::Rule | Self::Head | Self::Hint | Self::Off => Self::Dim,
            Self::Key | Self::Match => Self::Title,
            Self::Armed => Self::Danger,
            Self::Marked => Self::Warn,
            Self::Gauge => Self::Good,
            _ => Self::Text,
        }
    }
}

/// How many colours the terminal is trusted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Palette {
    /// None: `NO_COLOR`, vt100.
    Mono,
    /// The sixteen of the terminal's own scheme.
    Sixteen,
    /// The fixed cube of 256.
    Indexed,
    /// All of them.
    Rgb,
}

impl Palette {
    /// Decides once, at start; `chosen` is the flag or the configuration.
    pub fn decide(chosen: Option<&str>, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let filled = |name| env(name).filter(|value| !value.is_empty());
        match chosen {
            Some("never" | "mono") => return Self::Mono,
            Some("16") => return Self::Sixteen,
            Some("256") => return Self::Indexed,
            Some("rgb") => return Self::Rgb,
            _ => {}
        }
        let term = filled("TERM").unwrap_or_default();
        if filled("NO_COLOR").is_some() || matches!(term.as_str(), "" | "dumb" | "vt100" | "vt220") {
            return Self::Mono;
        }
        match filled("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::Rgb,
            _ if term.contains("256color") => Self::Indexed,
            _ => Self::Sixteen,
        }
    }
}

/// A theme as its file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    styles: BTreeMap<Role, Style>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Entry {
    Colour(String),
    Full(Look),
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Look {
    fg: Option<String>,
    bg: Option<String>,
    /// The foreground where only sixteen colours are there.
    fg16: Option<String>,
    /// The background where only sixteen colours are there.
    bg16: Option<String>,
    #[serde(default)]
    mods: Vec<String>,
}

impl Theme {
    /// One of the built-in themes, by name.
    pub fn built_in(name: &str, palette: Palette) -> Option<Self> {
        let text = match (name, palette) {
            ("mono", _) | (_, Palette::Mono) => include_str!("../../assets/themes/mono.toml"),
            ("dark", _) => include_str!("../../assets/themes/dark.toml"),
            ("light", _) => include_str!("../../assets/themes/light.toml"),
            ("contrast", _) => include_str!("../../assets/themes/contrast.toml"),
            _ => return None,
        };
        Some(Self::parse(text, palette).expect("the built-in themes are tested"))
    }

    /// Reads a theme file.
    ///
    /// # Errors
    ///
    /// A sentence that names the unknown role, colour or modifier and the nearest known one.
    pub fn parse(text: &str, palette: Palette) -> Result<Self, String> {
        let entries: BTreeMap<String, Entry> = toml::from_str(text).map_err(|e| e.message().to_owned())?;
        let mut styles = BTreeMap::new();
        for (name, entry) in entries {
            let role = Role::ALL.into_iter().find(|role| role.word() == name).ok_or_else(|| {
                format!("no role `{name}`; the nearest is `{}`", nearest(&name, &Role::ALL.map(Role::word)))
            })?;
            let look = match entry {
                Entry::Colour(fg) => Look { fg: Some(fg), ..Look::default() },
                Entry::Full(look) => look,
            };
            styles.insert(role, style(&look, palette)?);
        }
        Ok(Self { styles })
    }

    /// For snapshots: role *n* has foreground colour *n* and nothing else.
    pub fn probe() -> Self {
        let styles = (0u8..).zip(Role::ALL).map(|(n, role)| (role, Style::new().fg(Color::Indexed(n)))).collect();
        Self { styles }
    }

    /// How a role looks; what the theme does not say comes from the parent role.
    pub fn style(&self, role: Role) -> Style {
        match self.styles.get(&role) {
            Some(style) => *style,
            None if role.parent() == role => Style::new(),
            None => self.style(role.parent()),
        }
    }
}

fn style(look: &Look, palette: Palette) -> Result<Style, String> {
    let mut style = Style::new();
    let pick = |rich: &Option<String>, poor: &Option<String>| match palette {
        Palette::Mono => None,
        Palette::Sixteen => poor.clone().or_else(|| rich.clone()),
        _ => rich.clone(),
    };
    if let Some(name) = pick(&look.fg, &look.fg16) {
        style = style.fg(colour(&name, palette)?);
    }
    if let Some(name) = pick(&look.bg, &look.bg16) {
        style = style.bg(colour(&name, palette)?);
    }
    for name in &look.mods {
        style = style.add_modifier(modifier(name)?);
    }
    Ok(style)
}

fn modifier(name: &str) -> Result<Modifier, String> {
    const NAMES: [&str; 4] = ["bold", "dim", "underlined", "reversed"];
    match name {
        "bold" => Ok(Modifier::BOLD),
        "dim" => Ok(Modifier::DIM),
        "underlined" => Ok(Modifier::UNDERLINED),
        "reversed" => Ok(Modifier::REVERSED),
        _ => Err(format!("no modifier `{name}`; the nearest is `{}`", nearest(name, &NAMES))),
    }
}

const NAMES: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("gray", Color::Gray),
    ("darkgray", Color::DarkGray),
    ("lightred", Color::LightRed),
    ("lightgreen", Color::LightGreen),
    ("lightyellow", Color::LightYellow),
    ("lightblue", Color::LightBlue),
    ("lightmagenta", Color::LightMagenta),
    ("lightcyan", Color::LightCyan),
    ("white", Color::White),
];

/// A colour by name, number or `#rrggbb`, stepped down to what the palette holds.
fn colour(name: &str, palette: Palette) -> Result<Color, String> {
    if let Some((_, colour)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*colour);
    }
    let hex = name.strip_prefix('#').filter(|hex| hex.len() == 6).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let rgb = hex.map(|hex| [(hex >> 16) as u8, (hex >> 8) as u8, hex as u8]);
    match (rgb, name.parse::<u8>()) {
        (Some([r, g, b]), _) if palette == Palette::Rgb => Ok(Color::Rgb(r, g, b)),
        (Some(rgb), _) if palette == Palette::Indexed => Ok(Color::Indexed(cube(rgb))),
        (Some(rgb), _) => Ok(sixteen(rgb)),
        (None, Ok(index)) if palette >= Palette::Indexed => Ok(Color::Indexed(index)),
        (None, Ok(index)) => Ok(NAMES[1 + usize::from(index % 16)].1),
        (None, Err(_)) => {
            Err(format!("no colour `{name}`; the nearest is `{}`", nearest(name, &NAMES.map(|(n, _)| n))))
        }
    }
}

/// The nearest entry of the 6x6x6 cube or of the ramp of greys.
fn cube(rgb: [u8; 3]) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let near = |value: u8| (0u8..6).min_by_key(|at| STEPS[usize::from(*at)].abs_diff(value)).unwrap_or(0);
    let [r, g, b] = rgb.map(near);
    let far = |other: [u8; 3]| rgb.iter().zip(other).map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum::<u32>();
    let from_cube = [r, g, b].map(|at| STEPS[usize::from(at)]);
    let average = (u16::from(rgb[0]) + u16::from(rgb[1]) + u16::from(rgb[2])) / 3;
    let step = (average.saturating_sub(3) / 10).min(23) as u8;
    let grey = 8 + 10 * step;
    if far([grey; 3]) < far(from_cube) { 232 + step } else { 16 + 36 * r + 6 * g + b }
}

fn sixteen([r, g, b]: [u8; 3]) -> Color {
    let bright = r.max(g).max(b) > 200;
    let bits = [r, g, b].map(|value| usize::from(value > 110));
    let at = bits[0] | bits[1] << 1 | bits[2] << 2;
    match (at, bright) {
        (0, false) => Color::DarkGray,
        (7, false) => Color::Gray,
        (7, true) => Color::White,
        (at, false) => NAMES[1 + at].1,
        (at, true) => NAMES[9 + at].1,
    }
}

/// The known word that is most like a mistyped one.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> &'a str {
    known.iter().max_by(|a, b| closeness(a, word).total_cmp(&closeness(b, word))).map_or("", |w| w)
}

fn closeness(known: &str, word: &str) -> f64 {
    strsim::normalized_damerau_levenshtein(known, word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_theme_reads_in_every_palette() {
        for name in ["dark", "light", "contrast", "mono"] {
            for palette in [Palette::Mono, Palette::Sixteen, Palette::Indexed, Palette::Rgb] {
                let theme = Theme::built_in(name, palette).unwrap();
                assert_ne!(theme.style(Role::Selection), theme.style(Role::Text), "{name}");
            }
        }
        assert!(Theme::built_in("drak", Palette::Rgb).is_none());
    }

    #[test]
    fn mono_uses_no_colour_but_tells_danger_and_selection_apart() {
        let theme = Theme::built_in("dark", Palette::Mono).unwrap();
        for role in Role::ALL {
            assert_eq!((theme.style(role).fg, theme.style(role).bg), (None, None), "{role:?}");
        }
        assert_ne!(theme.style(Role::Danger), theme.style(Role::Text));
    }

    #[test]
    fn mistakes_in_a_theme_name_the_nearest_word() {
        let mistake = |text| Theme::parse(text, Palette::Rgb).unwrap_err();
        assert_eq!(mistake("dangre = 'red'"), "no role `dangre`; the nearest is `danger`");
        assert_eq!(mistake("danger = 'rde'"), "no colour `rde`; the nearest is `red`");
        assert_eq!(mistake("danger = { mods = ['blod'] }"), "no modifier `blod`; the nearest is `bold`");
    }

    #[test]
    fn no_color_wins_over_what_the_terminal_can() {
        let env = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let rich = &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(Palette::decide(None, &env(rich)), Palette::Rgb);
        assert_eq!(Palette::decide(None, &env(&[("TERM", "xterm-256color"), ("NO_COLOR", "1")])), Palette::Mono);
        assert_eq!(Palette::decide(Some("16"), &env(rich)), Palette::Sixteen);
        assert_eq!(Palette::decide(None, &env(&[("TERM", "screen")])), Palette::Sixteen);
    }

    #[test]
    fn the_cube_holds_greys_and_colours() {
        assert_eq!(cube([0, 0, 0]), 16);
        assert_eq!(cube([255, 255, 255]), 231);
        assert_eq!(cube([128, 128, 128]), 244);
        assert_eq!(sixteen([220, 80, 80]), Color::LightRed);
    }
}
