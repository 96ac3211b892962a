//! A recovery script before it is a file: every change, what undoes it, the row as it is now, and what was chosen.

mod head;
mod list;
pub mod papers;
pub mod statement;

use std::cell::Cell;
use std::collections::BTreeSet;

use ratatui::layout::Rect;

use crate::model::changes::Direction;
use crate::model::script::{Choice, Decision, Gaps, Mode, RecoveryPhase, RowState, ScriptStatement, Which};
use crate::tui::canvas::{Canvas, Hit, below, indent, row};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::ask::Ask;
use crate::tui::layers::exclude_tables::ExcludeTables;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::one_statement::OneStatement;
use crate::tui::layers::write_script::WriteScript;
use crate::tui::msg::{Effect, Search};
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::lines;
use crate::tui::world::World;

/// From this width on the statement stands at the right.
const WIDE: u16 = 120;

/// What the screen shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Shown {
    /// No recovery is open, or it failed.
    #[default]
    Nothing,
    /// The logs are being read.
    Reading,
    /// Why nothing can be written.
    Reasons,
    /// Statements.
    Script,
}

impl Shown {
    fn of(undoing: Option<&Undoing>) -> Self {
        match undoing.map(|undoing| &undoing.view.phase) {
            None | Some(RecoveryPhase::Failed(_)) => Self::Nothing,
            Some(RecoveryPhase::Reading { .. }) => Self::Reading,
            Some(RecoveryPhase::Refused) => Self::Reasons,
            Some(RecoveryPhase::Ready) => Self::Script,
        }
    }
}

/// A recovery script before it is a file.
#[derive(Default)]
pub struct Recovery {
    /// The statement's place in the script.
    chosen: u64,
    /// Statements chosen for one command together.
    marked: BTreeSet<u64>,
    /// First visible statement and how many lines are visible.
    window: Cell<(usize, usize)>,
    /// The search whose answer is waited for.
    looking: Option<Search>,
    /// What was drawn last: the footer names what can be done.
    shown: Cell<Shown>,
}

impl Recovery {
    /// Begins anew, for another recovery.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Where the cursor is among the statements, or among the reasons of what is refused.
    pub fn row(&self, undoing: &Undoing) -> usize {
        usize::try_from(self.chosen).unwrap_or(usize::MAX).min(list::count(undoing).saturating_sub(1))
    }

    fn current<'a>(&self, undoing: &'a Undoing) -> Option<&'a ScriptStatement> {
        undoing.statements.get(self.row(undoing))
    }

    /// The statements that a command is about.
    fn meant(&self, undoing: &Undoing) -> Vec<u64> {
        if self.marked.is_empty() { vec![self.row(undoing) as u64] } else { self.marked.iter().copied().collect() }
    }

    fn decide(&self, undoing: &Undoing, command: Command) -> Flow {
        let Some(current) = self.current(undoing) else {
            return Flow::Say("the statement is still on its way".to_owned());
        };
        let decision = decision(command, current);
        if command == Command::ExcludeTransaction {
            let which = Which::Transaction(current.transaction);
            return Flow::Do(vec![Effect::Decide(undoing.id, vec![(which, decision)])]);
        }
        let which = self.meant(undoing).into_iter().map(|number| (Which::Statement(number), decision.clone()));
        Flow::Do(vec![Effect::Decide(undoing.id, which.collect())])
    }

    /// The next statement that is worth a look, or that holds what was searched for.
    fn seek(&mut self, command: Command, undoing: &Undoing) -> Flow {
        let (here, all) = (self.row(undoing) as u64, list::count(undoing) as u64);
        let (among, direction) = match command {
            Command::Next => (here + 1..all, Direction::Forward),
            _ => (0..here, Direction::Backward),
        };
        self.find(undoing, Search { text: undoing.search.clone(), among, direction, then: 0..0, is_whole: false })
    }

    /// Searches from the cursor on, and then from the top.
    pub fn search(&mut self, undoing: &Undoing) -> Flow {
        let (here, all) = (self.row(undoing) as u64, list::count(undoing) as u64);
        let text = undoing.search.clone();
        if text.is_empty() || undoing.is_refused() {
            return Flow::Stay;
        }
        self.find(
            undoing,
            Search { text, among: here..all, direction: Direction::Forward, then: 0..here, is_whole: true },
        )
    }

    /// Looks at what is held first, as far as nothing is missing in between.
    fn find(&mut self, undoing: &Undoing, mut search: Search) -> Flow {
        while search.goes_on(search.among.clone()) {
            let next = match search.direction {
                Direction::Forward => search.among.start,
                Direction::Backward => search.among.end - 1,
            };
            match undoing.statements.get(next as usize) {
                None => {
                    self.look_for(search.clone());
                    return Flow::Do(vec![Effect::FindStatement(undoing.id, search)]);
                }
                Some(statement) if search.fits(statement) => {
                    self.chosen = next;
                    return Flow::Stay;
                }
                Some(_) if search.direction == Direction::Forward => search.among.start += 1,
                Some(_) => search.among.end -= 1,
            }
        }
        Flow::Say(nowhere(&search))
    }

    /// From now on, the answer to this search is waited for, and to no other.
    pub fn look_for(&mut self, search: Search) {
        self.looking = Some(search);
    }

    /// Whether the answer to this search is waited for.
    pub fn is_looking_for(&self, search: &Search) -> bool {
        self.looking.as_ref() == Some(search)
    }

    /// Puts the cursor on a statement.
    pub fn choose(&mut self, number: u64) {
        self.chosen = number;
    }

    fn mark(&mut self, undoing: &Undoing) -> Flow {
        let at = self.row(undoing) as u64;
        if !self.marked.remove(&at) {
            self.marked.insert(at);
        }
        self.chosen = (at + 1).min((list::count(undoing) as u64).saturating_sub(1));
        Flow::Say(format!("{} marked", self.marked.len()))
    }
}

/// What is said where no statement was found.
pub fn nowhere(search: &Search) -> String {
    let text = crate::model::foreign::escape(&search.text);
    match (search.is_whole, search.text.is_empty()) {
        (true, _) => format!("no statement holds {text}"),
        (false, true) => "no more statements worth a look that way".to_owned(),
        (false, false) => format!("no more statements that hold {text} that way"),
    }
}

/// What a key decides about statements, by the state of the one under the cursor.
pub fn decision(command: Command, current: &ScriptStatement) -> Decision {
    match (command, current.choice, current.mode) {
        (Command::Exclude | Command::ExcludeTransaction, Choice::Include, _) => Decision::Choose(Choice::Exclude),
        (Command::Exclude | Command::ExcludeTransaction, Choice::Exclude, _) => Decision::Choose(Choice::Include),
        (_, _, Mode::Strict) => Decision::Mode(Mode::Overwrite),
        (_, _, Mode::Overwrite) => Decision::Mode(Mode::Strict),
    }
}

/// Whether somebody should look at a statement before the script is signed.
pub fn is_worth_a_look(statement: &ScriptStatement) -> bool {
    let settled = matches!(statement.now.state, RowState::Unknown | RowState::Matches);
    !settled || statement.sql.is_err() || statement.choice == Choice::Exclude || !statement.note.is_empty()
}

/// Whether a statement's words hold a text, whatever the case of its letters.
pub fn holds(statement: &ScriptStatement, needle: &str) -> bool {
    let needle = needle.to_lowercase();
    let table = crate::tui::rows::table(&statement.change);
    let sql = statement.sql.as_ref().map_or_else(String::as_str, String::as_str);
    [table.as_str(), &statement.row, &statement.note, sql, statement.now.state.words()]
        .iter()
        .any(|text| text.to_lowercase().contains(&needle))
}

/// Why something of a recovery cannot be done now.
pub fn reasons(undoing: &Undoing, command: Command) -> Result<(), Reason> {
    let view = &undoing.view;
    let refused = || Reason::cured_by("something of it cannot be undone, so nothing is written", Command::Hazards);
    match (&view.phase, command) {
        (RecoveryPhase::Reading { .. }, Command::Cancel) => Ok(()),
        (_, Command::Cancel) => Err(Reason::plain("nothing is being read")),
        (RecoveryPhase::Reading { .. }, _) => Err(Reason::plain("the logs are still being read")),
        (RecoveryPhase::Failed(_), _) => Err(Reason::plain("the logs could not be read")),
        (RecoveryPhase::Refused, Command::SignOff | Command::WriteScript) => Err(refused()),
        (_, Command::WriteScript) if !view.coverage.gaps.is_empty() && undoing.options.gaps == Gaps::Refuse => {
            Err(Reason::plain("changes may be missing in the gaps: allow them where the undo is asked for, on Changes"))
        }
        (RecoveryPhase::Refused, one) if OF_STATEMENTS.contains(&one) => {
            Err(Reason::cured_by("reasons stand here, not statements; tables can be left out", Command::ExcludeTables))
        }
        (_, Command::SignOff | Command::WriteScript) if view.counts.included == 0 => {
            let by_table = view.tables.iter().any(|table| table.choice == Choice::Exclude);
            let cure = if by_table { Command::ExcludeTables } else { Command::Exclude };
            Err(Reason::cured_by("everything is excluded: nothing is left to write", cure))
        }
        (_, Command::SignOff) if view.digest.is_none() => Err(Reason::plain("the digest is being worked out")),
        (_, one) if OF_STATEMENTS.contains(&one) && view.changes == 0 => {
            Err(Reason::plain("there is no statement here"))
        }
        (_, Command::Compare) if view.check.running => Err(Reason::plain("rows are being compared already")),
        _ => Ok(()),
    }
}

/// Commands that are about statements.
const OF_STATEMENTS: [Command; 5] =
    [Command::Compare, Command::Exclude, Command::ExcludeTransaction, Command::Overwrite, Command::Note];

/// Commands of this screen that need an open recovery.
const OF_RECOVERY: [Command; 10] = [
    Command::Compare,
    Command::Exclude,
    Command::ExcludeTransaction,
    Command::ExcludeTables,
    Command::Overwrite,
    Command::Note,
    Command::SignOff,
    Command::WriteScript,
    Command::Hazards,
    Command::Cancel,
];

impl Pane for Recovery {
    fn context(&self) -> Context {
        Context::Recovery
    }

    fn crumb(&self) -> String {
        "Recovery".to_owned()
    }

    fn offers(&self, world: &World) -> Vec<Offer> {
        let closed = || Reason::cured_by("no recovery is open: choose what to undo on Changes", Command::GoChanges);
        let state = |command| match &world.recovery {
            None => Err(closed()),
            Some(undoing) => reasons(undoing, command),
        };
        OF_RECOVERY.into_iter().map(|command| (command, state(command))).collect()
    }

    fn update(&mut self, command: Command, world: &World) -> Flow {
        if command == Command::Review {
            return Flow::Open(Box::new(Ask::review()));
        }
        let Some(undoing) = &world.recovery else { return Flow::Pass };
        if let Some(at) = moved(command, self.row(undoing), list::count(undoing), self.window.get().1) {
            self.chosen = at as u64;
            self.looking = None;
            return Flow::Stay;
        }
        match command {
            Command::Next | Command::Previous | Command::Mark if undoing.is_refused() => {
                Flow::Say("these are reasons, not statements".to_owned())
            }
            Command::Next | Command::Previous => self.seek(command, undoing),
            Command::Mark => self.mark(undoing),
            Command::Sort => Flow::Say("statements stand in the order in which the script runs them".to_owned()),
            Command::Filter => Flow::Open(Box::new(Filter::search(&undoing.search))),
            Command::Open => match self.current(undoing) {
                Some(statement) if !undoing.is_refused() => {
                    Flow::Open(Box::new(OneStatement::new(undoing.id, statement.number)))
                }
                _ => Flow::Open(Box::new(papers::hazards(undoing))),
            },
            Command::Exclude | Command::ExcludeTransaction | Command::Overwrite => self.decide(undoing, command),
            Command::Note => {
                let text = self.current(undoing).map_or("", |statement| &statement.note);
                let which = self.meant(undoing).into_iter().map(Which::Statement).collect();
                Flow::Open(Box::new(Ask::note(undoing.id, which, text)))
            }
            Command::ExcludeTables => Flow::Open(Box::new(ExcludeTables::of(undoing))),
            Command::Compare => Flow::Open(Box::new(Ask::compare(undoing.id, world))),
            Command::SignOff => Flow::Do(vec![Effect::Summarize(undoing.id)]),
            Command::WriteScript => Flow::Open(Box::new(WriteScript::new(undoing))),
            Command::Hazards => Flow::Open(Box::new(papers::hazards(undoing))),
            Command::Cancel => Flow::Do(vec![Effect::CloseRecovery(undoing.id)]),
            _ => Flow::Pass,
        }
    }

    fn point(&mut self, hit: &Hit, _world: &World) -> Flow {
        match hit {
            Hit::Statement(number) => {
                self.chosen = *number;
                Flow::Stay
            }
            _ => Flow::Pass,
        }
    }

    fn twin(&self, world: &World) -> Option<String> {
        Some(world.recovery.as_ref()?.twin())
    }

    fn word(&self, command: Command) -> Option<&'static str> {
        match command {
            Command::Open if self.shown.get() == Shown::Reasons => Some("all reasons"),
            Command::Filter => Some("search"),
            _ => None,
        }
    }

    fn hints(&self) -> &'static [Command] {
        match self.shown.get() {
            Shown::Nothing => &[Command::GoChanges, Command::Review, Command::Palette, Command::Help, Command::Quit],
            Shown::Reading => &[Command::Cancel, Command::GoChanges, Command::Palette, Command::Help],
            Shown::Reasons => &[
                Command::Open,
                Command::ExcludeTables,
                Command::GoChanges,
                Command::Review,
                Command::Palette,
                Command::Help,
            ],
            Shown::Script => &[
                Command::Open,
                Command::WriteScript,
                Command::Exclude,
                Command::Overwrite,
                Command::ExcludeTables,
                Command::Compare,
                Command::SignOff,
                Command::Note,
                Command::Filter,
                Command::ExcludeTransaction,
                Command::Hazards,
                Command::Review,
                Command::Palette,
                Command::Help,
            ],
        }
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.shown.set(Shown::of(scene.world.recovery.as_ref()));
        let Some(undoing) = &scene.world.recovery else {
            return head::none(scene, area, canvas);
        };
        head::title(undoing, scene, row(area, 0), canvas);
        if head::nothing(undoing, scene, below(area, 1), canvas) {
            return;
        }
        let cursor = self.row(undoing);
        let foot = head::foot(undoing, cursor, scene, canvas.area());
        let room = area.height.saturating_sub(1 + foot.len() as u16);
        let body = Rect { height: room, ..below(area, 1) };
        for (line, at) in foot.iter().zip(below(area, 1 + room).rows()) {
            canvas.spans(indent(at, 1), line);
        }
        let list = if area.width >= WIDE && !undoing.is_refused() {
            let width = area.width * 52 / 100;
            let pane = indent(body, width);
            canvas.bar(pane);
            let inner = indent(pane, 2);
            if let Some(statement) = undoing.statements.get(cursor) {
                let paragraphs = statement::paragraphs(statement, undoing, inner.width.saturating_sub(1));
                for (line, at) in lines(&paragraphs, inner.width.saturating_sub(1)).iter().zip(inner.rows()) {
                    canvas.spans(at, line);
                }
            }
            Rect { width: width.saturating_sub(1), ..body }
        } else {
            body
        };
        list::view(&list::Rows { undoing, cursor, marked: &self.marked, window: &self.window }, list, canvas);
    }
}
