//! Where a script is written and how; nothing is written before `ctrl-s`.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::foreign::escape;
use crate::model::script::Lasting;
use crate::tui::canvas::{Canvas, indent, row, span};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::failure::Failure;
use crate::tui::layers::paper::Paper;
use crate::tui::msg::{Effect, Msg, RecoveryNo, WriteAsk, Written};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::Paragraph;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// Where a script is written and how.
pub struct WriteScript {
    id: RecoveryNo,
    title: String,
    path: LineInput,
    recipients: LineInput,
    redo: bool,
    /// Tables that do not roll back have a script of their own.
    lasting: Lasting,
    chosen: usize,
    waiting: bool,
}

/// What can be chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    Path,
    Recipients,
    Redo,
}

const ROWS: [Row; 3] = [Row::Path, Row::Recipients, Row::Redo];

impl WriteScript {
    /// Proposes a file here.
    pub fn new(undoing: &Undoing) -> Self {
        let view = &undoing.view;
        let table = match view.tables.as_slice() {
            [one] => format!("-{}", one.table),
            _ => String::new(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let day =
            view.coverage.to.as_ref().and_then(|edge| edge.at).map_or_else(String::new, |at| format!("-{}", at.day()));
        let name: String = format!("undo{table}{day}").chars().map(plain).take(80).collect();
        let title =
            format!("{} of {}", counted(view.counts.included, "change"), counted(view.transactions, "transaction"));
        Self {
            id: undoing.id,
            title,
            path: LineInput::new(&format!("./{name}.sql")),
            recipients: LineInput::default(),
            redo: false,
            lasting: undoing.options.lasting,
            chosen: 0,
            waiting: false,
        }
    }

    fn here(&self) -> Row {
        ROWS.get(self.chosen).copied().unwrap_or(Row::Path)
    }

    fn input(&mut self) -> Option<&mut LineInput> {
        match self.here() {
            Row::Path => Some(&mut self.path),
            Row::Recipients => Some(&mut self.recipients),
            _ => None,
        }
    }

    fn toggle(&mut self) {
        if self.here() == Row::Redo {
            self.redo = !self.redo;
        }
    }

    /// The file beside the script: `undo.sql` to `undo-redo.sql`.
    fn beside(&self, word: &str) -> String {
        let path = self.path.text().trim();
        path.strip_suffix(".sql").map_or_else(|| format!("{path}-{word}"), |stem| format!("{stem}-{word}.sql"))
    }

    fn write(&mut self) -> Flow {
        let path = self.path.text().trim().to_owned();
        if path.is_empty() || path.ends_with('/') {
            return Flow::Say("type the file's name first".to_owned());
        }
        if self.waiting {
            return Flow::Stay;
        }
        self.waiting = true;
        let recipients = self.recipients.text().split_whitespace().map(str::to_owned).collect();
        let ask = WriteAsk {
            path,
            recipients,
            redo: self.redo.then(|| self.beside("redo")),
            lasting: (self.lasting == Lasting::Apart).then(|| self.beside("lasting")),
        };
        Flow::Do(vec![Effect::WriteScript(self.id, Box::new(ask))])
    }

    fn words(&self, row: Row) -> (&'static str, String) {
        let mark = |on: bool| if on { "[x]" } else { "[ ]" };
        match row {
            Row::Path => ("file", self.path.text().to_owned()),
            Row::Recipients => ("sealed for", self.recipients.text().to_owned()),
            Row::Redo => ("redo", format!("{} a second script that does again what this one undoes", mark(self.redo))),
        }
    }
}

/// What was written, and what a person does with it.
pub fn written(done: &Written) -> Paper {
    let mut all = vec![
        Paragraph::Title("Written, and read again: it does what was planned, and nothing else".to_owned()),
        Paragraph::Field("file", Role::Good, escape(&done.script)),
    ];
    all.extend(done.beside.iter().map(|path| Paragraph::Field("", Role::Text, escape(path))));
    let excluded = if done.excluded > 0 {
        format!(", {} left out by choice", counted(done.excluded, "change"))
    } else {
        String::new()
    };
    let text =
        format!("{}, {}{excluded}", counted(done.statements, "statement"), counted(done.transactions, "transaction"));
    all.push(Paragraph::Field("holds", Role::Text, text));
    all.push(Paragraph::Field("digest", Role::Key, done.digest.words()));
    all.push(Paragraph::Blank);
    let text = "Nothing here runs it. Have a second person read it, then feed it to mysql or mariadb in a session of its own: it applies all of itself or nothing, and its last line says APPLIED or ROLLED BACK.";
    all.push(Paragraph::Text(Role::Text, text.to_owned()));
    Paper::new("Written", all, Some(format!("breakglass review {}", crate::tui::tokens::quoted(&done.script))))
}

impl Pane for WriteScript {
    fn context(&self) -> Context {
        Context::Typed
    }

    fn crumb(&self) -> String {
        "Write".to_owned()
    }

    fn cover(&self, _width: u16) -> Cover {
        Cover::Sheet(ROWS.len() as u16 + 4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Up => self.chosen = self.chosen.saturating_sub(1),
            Command::Down => self.chosen = (self.chosen + 1).min(ROWS.len() - 1),
            Command::Erase => {
                if let Some(input) = self.input() {
                    input.set("");
                }
            }
            Command::Mark | Command::Left | Command::Right if self.input().is_none() => self.toggle(),
            Command::Start => return self.write(),
            Command::Open if self.input().is_none() => self.toggle(),
            Command::Open => return Flow::Say("enter writes nothing: ctrl-s does".to_owned()),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn takes_text(&self) -> bool {
        matches!(self.here(), Row::Path | Row::Recipients)
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        if let (Some(input), false) = (self.input(), key.code == crossterm::event::KeyCode::Tab) {
            input.key(key);
        }
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        match self.input() {
            Some(input) => {
                input.paste(&String::from_utf8_lossy(text.expose()));
                Flow::Stay
            }
            None => Flow::Say("pasted text means nothing here".to_owned()),
        }
    }

    fn hear(&mut self, news: &Msg, _world: &World) -> Flow {
        match news {
            Msg::Written(id, done) if *id == self.id && self.waiting => Flow::Swap(Box::new(written(done))),
            Msg::Failed(report) if self.waiting => {
                self.waiting = false;
                Flow::Open(Box::new(Failure::new((**report).clone())))
            }
            _ => Flow::Pass,
        }
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Start => Some("write it"),
            Command::Mark => Some("yes or no"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        if self.takes_text() {
            &[Command::Start, Command::Back, Command::Erase]
        } else {
            &[Command::Start, Command::Back, Command::Mark]
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        let title = format!("Write the script: {}", self.title);
        canvas.text(row(inner, 0), Role::Title, &title);
        for (nth, what) in ROWS.iter().enumerate() {
            let line = row(inner, 1 + nth as u16);
            let here = nth == self.chosen;
            let (label, words) = self.words(*what);
            canvas.text(
                Rect { width: 1, x: line.x.saturating_sub(2), ..line },
                Role::Text,
                if here { ">" } else { " " },
            );
            canvas.text(Rect { width: 12, ..line }, Role::Head, label);
            let field = Rect { width: line.width.saturating_sub(14), ..indent(line, 13) };
            match what {
                Row::Path if here && scene.on_top => self.path.view(field, canvas),
                Row::Recipients if here && scene.on_top => self.recipients.view(field, canvas),
                Row::Recipients if words.is_empty() => {
                    canvas.text(field, Role::Dim, "nobody: readable by you alone; or files of public keys");
                }
                _ => {
                    canvas.text(field, if here { Role::Selection } else { Role::Text }, &escape(&words));
                }
            }
        }
        let last = row(inner, 2 + ROWS.len() as u16);
        let words = if self.waiting {
            "writing, and reading it again..."
        } else {
            "Proven before it takes its name; never over a file that is there."
        };
        canvas.spans(last, &[span(Role::Dim, words)]);
    }
}
