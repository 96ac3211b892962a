//! The whole state of the console, and how it is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use crate::model::backup::{BackupId, Basis, Metadata};
use crate::model::units::Moment;
use crate::tui::canvas::{Canvas, Hit, Line, Span, below, indent, row, span};
use crate::tui::command::{Command, entry_of};
use crate::tui::glyphs::{Glyphs, UNICODE};
use crate::tui::keymap::{Context, Keymap, Stroke};
use crate::tui::pane::{Cover, Pane, Scene};
use crate::tui::screens::Home;
use crate::tui::screens::jobs::status_line;
use crate::tui::theme::{Palette, Role, Theme};
use crate::tui::world::{TargetState, World};

/// A screen, by its number key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Place {
    /// 1
    #[default]
    Backups,
    /// 3
    Changes,
    /// 4
    Recovery,
    /// 2
    History,
    /// 5
    Keys,
    /// 6
    Jobs,
    /// 7
    Audit,
}

/// A sentence in the status line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The sentence.
    pub text: String,
    /// How it is meant.
    pub role: Role,
}

/// How things look on this terminal; decided once, at start.
#[derive(Debug, Clone)]
pub struct Look {
    /// Roles to styles.
    pub theme: Theme,
    /// Symbols.
    pub glyphs: &'static Glyphs,
}

impl Default for Look {
    fn default() -> Self {
        let theme = Theme::built_in("dark", Palette::Sixteen).expect("the built-in themes are tested");
        Self { theme, glyphs: &UNICODE }
    }
}

/// The whole state of the console.
pub struct App {
    /// What is known.
    pub world: World,
    /// The screens, and which one is shown.
    pub home: Home,
    /// What lies on top of it, the topmost last.
    pub layers: Vec<Box<dyn Pane>>,
    /// Keys by context.
    pub keymap: Keymap,
    /// Theme and symbols.
    pub look: Look,
    /// The strokes of an unfinished chord.
    pub pending: Vec<Stroke>,
    /// The status line, until the next key.
    pub said: Option<Said>,
    /// Keys until then are thrown away: a question has just opened.
    pub hush: Option<Moment>,
    /// Areas of the last picture that answer to the mouse.
    pub hits: Vec<(Rect, Hit)>,
    /// The program ends.
    pub done: bool,
}

impl App {
    /// Starts on the Backups screen.
    pub fn new(world: World, keymap: Keymap, look: Look) -> Self {
        Self {
            world,
            home: Home::default(),
            layers: vec![],
            keymap,
            look,
            pending: vec![],
            said: None,
            hush: None,
            hits: vec![],
            done: false,
        }
    }

    /// The topmost layer, or the screen.
    pub fn top(&self) -> &dyn Pane {
        self.layers.last().map_or_else(|| self.home.pane(), |layer| layer.as_ref())
    }

    /// Visible backups about which only names are known so far.
    pub fn guessed(&self) -> Vec<BackupId> {
        let visible = self.home.backups.visible(&self.world);
        let unread = |metadata: &Metadata| matches!(metadata, Metadata::Pending);
        let guess = visible.filter(|backup| backup.shape.basis == Basis::Name || unread(&backup.metadata));
        guess.map(|backup| backup.id.clone()).collect()
    }

    /// Draws everything; returns where the terminal's cursor stands, if it is shown.
    pub fn draw(&mut self, buffer: &mut Buffer) -> Option<Position> {
        let mut canvas = Canvas::new(buffer, &self.look.theme, self.look.glyphs);
        let area = canvas.area();
        canvas.clear(area);
        if area.width < 60 || area.height < 16 {
            let text = format!("breakglass needs 60x16, this is {}x{}", area.width, area.height);
            canvas.text(row(area, area.height / 2), Role::Text, &text);
            self.hits.clear();
            return None;
        }
        self.header(row(area, 0), &mut canvas);
        canvas.rule(row(area, 1));
        let foot = below(area, area.height - 3);
        canvas.rule(row(foot, 0));
        let content = Rect { y: area.y + 2, height: area.height - 5, ..area };
        self.content(content, &mut canvas);
        canvas.spans(indent(row(foot, 1), 1), &self.status(area.width));
        self.hints(indent(row(foot, 2), 1), &mut canvas);
        let cursor = canvas.cursor;
        self.hits = canvas.hits;
        cursor
    }

    fn content(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let typing = self.layers.last().and_then(|layer| layer.typing());
        let base = self.layers.iter().rposition(|layer| layer.cover(area.width) == Cover::Whole);
        let scene = |on_top| Scene { world: &self.world, keymap: &self.keymap, on_top, typing };
        let under: &dyn Pane = base.map_or_else(|| self.home.pane(), |at| self.layers[at].as_ref());
        let over = &self.layers[base.map_or(0, |at| at + 1)..];
        under.view(&scene(over.iter().all(|layer| layer.cover(area.width) == Cover::Line)), area, canvas);
        for (nth, layer) in over.iter().enumerate() {
            let on_top = nth + 1 == over.len();
            let Cover::Sheet(lines) = layer.cover(area.width) else { continue };
            let height = (lines + 1).min(area.height);
            let sheet = below(area, area.height - height);
            canvas.cursor = None;
            canvas.clear(sheet);
            canvas.rule(row(sheet, 0));
            layer.view(&scene(on_top), below(sheet, 1), canvas);
        }
    }

    fn header(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let mut crumbs = vec![self.home.pane().crumb()];
        crumbs.extend(self.layers.iter().map(|layer| layer.crumb()).filter(|crumb| !crumb.is_empty()));
        let left = vec![span(Role::Title, " breakglass"), span(Role::Text, format!("  {}", crumbs.join(" > ")))];
        let mode = self.mode();
        let mut right: Vec<Span> =
            vec![span(Role::Text, self.world.estate.clone()), span(Role::Text, self.key_words()), mode];
        right.retain(|part| !part.text.is_empty());
        let width = |parts: &[Span]| parts.iter().map(|part| part.text.width() + 3).sum::<usize>();
        let taken: usize = left.iter().map(|part| part.text.width()).sum();
        while right.len() > 1 && taken + width(&right) > usize::from(area.width) {
            right.remove(0);
        }
        let start = usize::from(area.width).saturating_sub(width(&right).saturating_sub(2));
        canvas.spans(Rect { width: start.saturating_sub(1) as u16, ..area }, &left);
        let mut spans: Line = vec![];
        for part in right {
            if !spans.is_empty() {
                spans.push(span(Role::Text, "   "));
            }
            spans.push(part);
        }
        canvas.spans(indent(area, start as u16), &spans);
    }

    fn mode(&self) -> Span {
        match self.world.armed_now() {
            Some(armed) => {
                let until = armed.until.minute();
                let time = until.split(' ').nth(1).unwrap_or_default().to_owned();
                span(Role::Armed, format!(" ARMED for {} until {time} ", armed.server))
            }
            None if self.world.read_only => span(Role::Text, "Read-only"),
            None => span(Role::Text, "Observe"),
        }
    }

    fn key_words(&self) -> String {
        let opens: usize = self.world.keys.iter().map(|key| key.opens).sum();
        // What keys of other kinds open, no backup says.
        let counted = self.world.keys.iter().any(|key| key.facts.is_named_by_backups());
        match self.world.keys.as_slice() {
            [] => "key locked".to_owned(),
            [key] if !counted => format!("key {}", key.facts.label),
            many if !counted => format!("{} keys", many.len()),
            [key] => format!("key {} (opens {opens})", key.facts.label),
            many => format!("{} keys (open {opens})", many.len()),
        }
    }

    fn status(&self, width: u16) -> Line {
        if !self.pending.is_empty() {
            return self.pending_words();
        }
        if let Some(said) = &self.said {
            return vec![span(said.role, said.text.clone())];
        }
        if self.layers.last().is_some_and(|layer| layer.context() == Context::Filter) {
            return vec![self.filter_words()];
        }
        if self.world.running() > 0 {
            return status_line(&self.world, self.look.glyphs, width);
        }
        if self.home.place == Place::Backups
            && let Some(problem) = self.world.query().problems().first()
        {
            return vec![span(Role::Warn, problem.clone())];
        }
        if let Some(problem) = self.top().problem(&self.world) {
            return vec![span(Role::Warn, problem)];
        }
        for target in &self.world.targets {
            if let TargetState::Failed(report) = &target.state {
                return vec![
                    span(Role::Danger, format!("{} failed: ", target.name)),
                    span(Role::Text, report.headline.clone()),
                ];
            }
        }
        if self.world.keys.is_empty() {
            return vec![span(Role::Dim, self.world.tip.clone())];
        }
        vec![]
    }

    /// What can be typed into the filter line, or what is wrong with it.
    fn filter_words(&self) -> Span {
        let below = self.layers.iter().rev().nth(1).map_or_else(|| self.home.pane(), |layer| layer.as_ref());
        if let Some(tokens) = below.tokens() {
            return below.problem(&self.world).map_or_else(|| span(Role::Dim, tokens), |text| span(Role::Warn, text));
        }
        let tokens = |tokens: &[&str]| tokens.iter().map(|token| format!("{token}:")).collect::<Vec<_>>().join(" ");
        let (problem, words) = match self.home.place {
            Place::Changes => {
                let day = self.world.changes.as_ref().map_or(self.world.now, crate::tui::log::Log::day);
                let text = self.layers.last().and_then(|layer| layer.typing()).map_or("", |(text, _)| text);
                let typed = crate::tui::tokens::Typed::parse(text, day);
                (typed.problems.first().cloned(), tokens(&crate::tui::tokens::TOKENS))
            }
            Place::Recovery => (None, "looks in tables, rows, states, notes and SQL".to_owned()),
            _ => {
                let words = format!("words, or {}", tokens(&crate::work::filter::TOKENS));
                (self.world.query().problems().first().cloned(), words)
            }
        };
        problem.map_or_else(|| span(Role::Dim, words), |problem| span(Role::Warn, problem))
    }

    fn pending_words(&self) -> Line {
        let typed = crate::tui::keymap::chord_words(&self.pending);
        let mut line = vec![span(Role::Key, format!("{typed} ")), span(Role::Dim, "then  ")];
        if let crate::tui::keymap::Meaning::Pending(next) = self.keymap.meaning(self.top().context(), &self.pending) {
            for (keys, command) in next {
                line.push(span(Role::Key, keys));
                line.push(span(Role::Hint, format!(" {}   ", entry_of(command).title)));
            }
        }
        line
    }

    /// The footer: keys of the topmost pane, those of the highest rank dropped until they fit.
    ///
    /// Which of them cannot be chosen now is said by help, by the palette and when pressed: drawn here, it would
    /// make a move of the cursor dearer than a slow line bears.
    fn hints(&self, area: Rect, canvas: &mut Canvas<'_>) {
        let top = self.top();
        let words = |command: &Command| {
            let key = self.keymap.key_of(top.context(), *command)?;
            let hint = top.word(*command).unwrap_or(entry_of(*command).hint);
            (!hint.is_empty()).then_some((*command, key, hint))
        };
        let mut shown: Vec<_> = top.hints().iter().filter_map(words).collect();
        let width = |shown: &[(Command, String, &str)]| -> usize {
            shown.iter().map(|(_, key, hint)| key.width() + 1 + hint.width() + 2).sum()
        };
        while width(&shown) > usize::from(area.width) + 1 {
            let Some(worst) = (0..shown.len()).max_by_key(|at| entry_of(shown[*at].0).rank) else { break };
            shown.remove(worst);
        }
        let mut at = 0;
        for (command, key, hint) in shown {
            let place = indent(area, at);
            let used = canvas.spans(place, &[span(Role::Key, key), span(Role::Hint, format!(" {hint}"))]);
            canvas.clickable(Rect { width: used, ..place }, Hit::Run(command));
            at += used + 2;
        }
    }

    /// The words for a key: `K`, or `?` where nothing is bound.
    pub fn key_for(&self, command: Command) -> String {
        self.keymap.key_of(self.top().context(), command).unwrap_or_else(|| "?".to_owned())
    }
}
