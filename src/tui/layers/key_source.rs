//! Where a key comes from: a path, a variable, the estate, pasted, or typed as a passphrase.

use std::sync::Arc;

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::report::Report;
use crate::tui::canvas::{Canvas, Line, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::passphrase::Passphrase;
use crate::tui::msg::{Effect, KeyFrom, Msg};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// The line that leads to the field for a passphrase.
const TYPED: &str = "a passphrase or raw key";

/// Where a key comes from.
pub struct KeySource {
    input: LineInput,
    pasted: Option<Arc<SecretText>>,
    /// Names of the estate's keys; behind them stands the passphrase that is typed.
    offers: Vec<(String, String)>,
    chosen: Option<usize>,
    refused: Option<Report>,
    waiting: bool,
}

impl KeySource {
    /// Offers the keys of the estate that are not loaded yet.
    pub fn new(world: &World) -> Self {
        let free = world.key_offers.iter().filter(|offer| !offer.is_loaded(&world.keys));
        let offers: Vec<_> = free.map(|offer| (offer.name.clone(), offer.file.clone())).collect();
        let chosen = (!offers.is_empty()).then_some(0);
        Self { input: LineInput::default(), pasted: None, offers, chosen, refused: None, waiting: false }
    }

    fn meant(&self) -> Option<KeyFrom> {
        if let Some(pasted) = &self.pasted {
            return Some(KeyFrom::Pasted(pasted.clone()));
        }
        match (self.input.text().trim(), self.chosen.and_then(|at| self.offers.get(at))) {
            ("", Some((name, _))) => Some(KeyFrom::Estate(name.clone())),
            ("", None) if self.chosen.is_some() => Some(KeyFrom::Typed),
            ("", None) => None,
            (text, _) => Some(match text.strip_prefix('$') {
                Some(name) => KeyFrom::Env(name.to_owned()),
                None => KeyFrom::File(text.to_owned()),
            }),
        }
    }

    fn lines(&self, width: u16) -> Vec<Line> {
        let mut lines: Vec<Line> = vec![];
        let typed = (TYPED.to_owned(), "in a field of its own".to_owned());
        for (nth, (name, file)) in self.offers.iter().chain([&typed]).enumerate() {
            let here = self.chosen == Some(nth) && self.input.text().is_empty() && self.pasted.is_none();
            let (sign, role) = if here { ("> ", Role::Selection) } else { ("  ", Role::Text) };
            lines.push(vec![span(role, format!("{sign}{name}")), span(Role::Dim, format!("  {file}"))]);
        }
        if let Some(report) = &self.refused {
            let text = format!("{}. {}", report.headline, report.advice);
            lines.extend(
                wrap(text.trim(), usize::from(width.saturating_sub(5)))
                    .into_iter()
                    .map(|part| vec![span(Role::Danger, part)]),
            );
        } else if self.waiting {
            lines.push(vec![span(Role::Dim, "reading the key...")]);
        }
        lines
    }
}

impl Pane for KeySource {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        "Load a key".to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        Cover::Sheet(self.lines(width).len() as u16 + 4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match (command, self.chosen) {
            (Command::Up, Some(at)) => self.chosen = Some(at.saturating_sub(1)),
            (Command::Down, at) => self.chosen = Some(at.map_or(0, |at| (at + 1).min(self.offers.len()))),
            (Command::Erase, _) => {
                self.input.set("");
                self.pasted = None;
            }
            (Command::Open, _) => {
                let Some(from) = self.meant() else {
                    return Flow::Say("type a path or $VARIABLE, or paste the key".to_owned());
                };
                if matches!(from, KeyFrom::Typed) {
                    return Flow::Swap(Box::new(Passphrase::new(from)));
                }
                (self.waiting, self.refused) = (true, None);
                return Flow::Do(vec![Effect::LoadKey(from, None)]);
            }
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        self.pasted = None;
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        if looks_like_a_key(text.expose()) {
            self.input.set("");
            self.pasted = Some(Arc::new(text));
            return Flow::Say("a key was pasted; enter loads it".to_owned());
        }
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        Flow::Stay
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::KeyLoaded(_) => Flow::LeaveSaying(news_words(news)),
            Msg::KeyLocked(from, _) => Flow::Swap(Box::new(Passphrase::new(from.clone()))),
            Msg::KeyRefused(_, _, report) => {
                self.waiting = false;
                self.refused = Some((**report).clone());
                self.pasted = None;
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        (command == Command::Open).then_some("load")
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, "Load a key");
        let text = "Type a path or $VARIABLE, or paste the key. It stays in locked memory.";
        canvas.text(row(inner, 1), Role::Dim, text);
        let lines = self.lines(area.width);
        for (line, at) in lines.iter().zip(below(inner, 2).rows()) {
            canvas.spans(at, line);
        }
        let field = row(inner, 2 + lines.len() as u16);
        let used = canvas.text(field, Role::Head, "key  ");
        match &self.pasted {
            Some(pasted) => {
                canvas.text(indent(field, used), Role::Input, &format!("pasted, {} bytes", pasted.len()));
            }
            None if scene.on_top => {
                self.input.view(Rect { width: field.width.saturating_sub(used + 1), ..indent(field, used) }, canvas)
            }
            None => {}
        }
    }
}

/// Whether what was pasted is no path, and must not be shown.
fn looks_like_a_key(text: &[u8]) -> bool {
    let holds = |words: &[u8]| text.windows(words.len()).any(|part| part == words);
    let raw = match text.len() {
        44 => text.ends_with(b"="),
        64 => text.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    raw || holds(b"-----BEGIN") || holds(b"AGE-SECRET-KEY-") || text.contains(&b'\n')
}

/// What a loaded key is called, for the status line.
pub fn news_words(news: &Msg) -> String {
    match news {
        Msg::KeyLoaded(facts) => format!("key {} is loaded", facts.label),
        _ => String::new(),
    }
}
