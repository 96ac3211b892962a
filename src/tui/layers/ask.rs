//! One line of text that somebody is asked for, with proposals to choose from.

use crossterm::event::KeyEvent;
use ratatui::layout::Rect;

use crate::model::changes::{ChangesRequest, Entry, Literal, TableRef};
use crate::model::job::JobId;
use crate::model::script::{Decision, Which};
use crate::tui::canvas::{Canvas, below, indent, row, span, wrap};
use crate::tui::command::{Command, Offer};
use crate::tui::keymap::Context;
use crate::tui::layers::row_list::RowList;
use crate::tui::log::Log;
use crate::tui::msg::{Effect, RecoveryNo};
use crate::tui::pane::{Cover, Flow, Pane, Scene};
use crate::tui::theme::Role;
use crate::tui::widgets::input::LineInput;
use crate::tui::widgets::secret_field::SecretText;
use crate::tui::world::World;

/// Proposals that are shown.
const SHOWN: usize = 6;

/// One line of text that somebody is asked for.
pub struct Ask {
    purpose: Purpose,
    title: String,
    advice: String,
    label: &'static str,
    /// What to take, with a word about each.
    places: Vec<(String, String)>,
    chosen: usize,
    input: LineInput,
}

/// What the text is for.
enum Purpose {
    Source,
    Columns(Box<ChangesRequest>),
    Row { job: JobId, twin: String, tables: Vec<TableRef> },
    Review,
    Note(RecoveryNo, Vec<Which>),
    Compare(RecoveryNo),
}

impl Ask {
    fn new(purpose: Purpose, label: &'static str, title: &str, advice: &str, places: Vec<(String, String)>) -> Self {
        let input = LineInput::new(places.first().map_or("", |(text, _)| text));
        Self { purpose, title: title.to_owned(), advice: advice.to_owned(), label, places, chosen: 0, input }
    }

    /// Which change source to open.
    pub fn source(world: &World) -> Self {
        let places = world.sources.iter().map(|source| (source.name.clone(), source.words.clone())).collect();
        let advice = "A name of the estate, a file or folder of binary logs, binlog+s3://BUCKET/PREFIX or binlog+sftp://HOST/PATH. It is only read.";
        Self::new(Purpose::Source, "source", "Open a change source", advice, places)
    }

    /// What tells how columns were called.
    pub fn columns(log: &Log) -> Self {
        let title = "Where do the names of columns come from? The log is read again.";
        let advice = "A file with SHOW CREATE TABLE text or a dump, a backup by its id, server:NAME or mysql://user@host/ (only read). Several with blanks between them; later ones win.";
        let mut ask = Self::new(Purpose::Columns(Box::new(log.request.clone())), "columns", title, advice, vec![]);
        ask.input.set(&log.request.schemas.join(" "));
        ask
    }

    /// Whose life is to be shown.
    pub fn row(log: &Log, entry: Option<&Entry>) -> Self {
        let tables: Vec<TableRef> = log.view.tables.iter().map(|totals| totals.table.clone()).collect();
        let table = match entry {
            Some(Entry::Transaction(one)) => one.tables.first().map(|(table, _)| table.to_string()),
            _ => None,
        };
        let places = tables.iter().take(SHOWN).map(|table| (format!("{table} "), String::new())).collect();
        let twin = format!("breakglass changes {}", log.source_words());
        let title = "Follow one row through the log, through changes of its key";
        let advice = "Table and key, such as `shop.orders 17`; parts of a key with commas between them, texts in quotes where they hold one.";
        let job = log.job.unwrap_or(JobId(0));
        let mut ask = Self::new(Purpose::Row { job, twin, tables }, "row", title, advice, places);
        if let Some(table) = table {
            ask.input.set(&format!("{table} "));
        }
        ask
    }

    /// Which script to read.
    pub fn review() -> Self {
        let advice = "A file of SQL, written here or by another tool. It is read and judged; nothing of it runs.";
        Self::new(Purpose::Review, "file", "Open a recovery script", advice, vec![])
    }

    /// Words beside a statement.
    pub fn note(recovery: RecoveryNo, which: Vec<Which>, text: &str) -> Self {
        let title = match which.len() {
            1 => "A note, for whoever signs the script".to_owned(),
            n => format!("A note to {n} statements, for whoever signs the script"),
        };
        let mut ask = Self::new(
            Purpose::Note(recovery, which),
            "note",
            &title,
            "It stands in the summary and in the script's header; an empty one takes it away.",
            vec![],
        );
        ask.input.set(text);
        ask
    }

    /// With which server rows are compared.
    pub fn compare(recovery: RecoveryNo, world: &World) -> Self {
        let places =
            world.servers.iter().map(|server| (format!("server:{}", server.name), server.address.clone())).collect();
        let advice = "A server of the estate, or mysql://user@host:port/. It is only read, in a read-only transaction.";
        Self::new(Purpose::Compare(recovery), "server", "Compare with the rows as they are now", advice, places)
    }

    fn answer(&self) -> Flow {
        let text = self.input.text().trim().to_owned();
        if text.is_empty() && !matches!(self.purpose, Purpose::Columns(_) | Purpose::Note(..)) {
            return Flow::Say("type something first, or leave with esc".to_owned());
        }
        match &self.purpose {
            Purpose::Source => Flow::LeaveAnd(vec![Effect::open_changes(&text)]),
            Purpose::Columns(request) => {
                let schemas = text.split_whitespace().map(str::to_owned).collect();
                Flow::LeaveAnd(vec![Effect::OpenChanges(Box::new(ChangesRequest { schemas, ..(**request).clone() }))])
            }
            Purpose::Row { job, twin, tables } => follow(&text, *job, twin, tables),
            Purpose::Review => Flow::LeaveAnd(vec![Effect::Review(text)]),
            Purpose::Note(recovery, which) => {
                let decisions = which.iter().map(|which| (which.clone(), Decision::Note(text.clone()))).collect();
                Flow::LeaveAnd(vec![Effect::Decide(*recovery, decisions)])
            }
            Purpose::Compare(recovery) => Flow::LeaveAnd(vec![Effect::Compare(*recovery, text)]),
        }
    }

    fn step(&mut self, by: isize) {
        if !self.places.is_empty() {
            self.chosen = self.chosen.saturating_add_signed(by).min(self.places.len() - 1);
            self.input.set(&self.places[self.chosen].0);
        }
    }
}

/// `shop.orders 17` to the life of that row.
fn follow(text: &str, job: JobId, twin: &str, tables: &[TableRef]) -> Flow {
    let Some((table, key)) = text.split_once(' ') else {
        return Flow::Say("behind the table stands the key: shop.orders 17".to_owned());
    };
    let fits = |known: &&TableRef| known.to_string() == table || known.table.to_string() == table;
    let Some(table) = tables.iter().find(fits) else {
        return Flow::Say(format!("no row of {table} was changed in this log"));
    };
    match Literal::list(key.trim()) {
        Some(key) => Flow::Swap(Box::new(RowList::life(job, twin, table.clone(), key))),
        None => Flow::Say("the key holds a quote without an end".to_owned()),
    }
}

impl Pane for Ask {
    fn context(&self) -> Context {
        Context::Field
    }

    fn crumb(&self) -> String {
        match self.purpose {
            Purpose::Source => "Open",
            Purpose::Columns(_) => "Columns",
            Purpose::Row { .. } => "Follow",
            Purpose::Review => "Open a script",
            Purpose::Note(..) => "Note",
            Purpose::Compare(_) => "Compare",
        }
        .to_owned()
    }

    fn cover(&self, width: u16) -> Cover {
        let advice = wrap(&self.advice, usize::from(width.saturating_sub(6))).len();
        Cover::Sheet((self.places.len().min(SHOWN) + advice) as u16 + 4)
    }

    fn offers(&self, _world: &World) -> Vec<Offer> {
        vec![]
    }

    fn update(&mut self, command: Command, _world: &World) -> Flow {
        match command {
            Command::Open => return self.answer(),
            Command::Up => self.step(-1),
            Command::Down => self.step(1),
            Command::Erase => self.input.set(""),
            _ => return Flow::Pass,
        }
        Flow::Stay
    }

    fn takes_text(&self) -> bool {
        true
    }

    fn key(&mut self, key: &KeyEvent, _world: &World) -> Flow {
        self.input.key(key);
        Flow::Stay
    }

    fn paste(&mut self, text: SecretText, _world: &World) -> Flow {
        self.input.paste(&String::from_utf8_lossy(text.expose()));
        Flow::Stay
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        let words = match self.purpose {
            Purpose::Source | Purpose::Columns(_) => "read it",
            Purpose::Row { .. } => "follow",
            Purpose::Review => "read it",
            Purpose::Note(..) => "keep",
            Purpose::Compare(_) => "compare",
        };
        (command == Command::Open).then_some(words)
    }

    fn hints(&self) -> &'static [Command] {
        &[Command::Open, Command::Back, Command::Erase]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let inner = indent(area, 3);
        canvas.text(row(inner, 0), Role::Title, &self.title);
        let advice = wrap(&self.advice, usize::from(inner.width.saturating_sub(3)));
        for (part, line) in advice.iter().zip(below(inner, 1).rows()) {
            canvas.text(line, Role::Dim, part);
        }
        let list = below(inner, 1 + advice.len() as u16);
        let first = self.chosen.saturating_sub(SHOWN - 1);
        for ((nth, (text, word)), line) in self.places.iter().enumerate().skip(first).take(SHOWN).zip(list.rows()) {
            let here = nth == self.chosen && self.input.text() == text;
            let (sign, role) = if here { ("> ", Role::Selection) } else { ("  ", Role::Text) };
            canvas.spans(line, &[span(role, format!("{sign}{text}")), span(Role::Dim, format!("  {word}"))]);
        }
        let field = row(list, 1 + self.places.len().min(SHOWN) as u16);
        let used = canvas.text(field, Role::Head, &format!("{:<9}", self.label));
        if scene.on_top {
            self.input.view(Rect { width: field.width.saturating_sub(used + 1), ..indent(field, used) }, canvas);
        } else {
            canvas.text(indent(field, used), Role::Input, self.input.text());
        }
    }
}
