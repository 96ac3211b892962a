//! A recovery script before it is a file: every change, what undoes it, the row as it is now, and what was chosen.

mod head;
mod list;
pub mod papers;
pub mod statement;

use std::cell::Cell;
use std::collections::BTreeSet;

use ratatui::layout::Rect;

use crate::model::script::{Choice, Decision, Gaps, Mode, RecoveryPhase, RowState, ScriptStatement, Which};
use crate::tui::canvas::{Canvas, Hit, below, indent, row};
use crate::tui::command::{Command, Offer, Reason};
use crate::tui::keymap::Context;
use crate::tui::layers::ask::Ask;
use crate::tui::layers::exclude_tables::ExcludeTables;
use crate::tui::layers::filter::Filter;
use crate::tui::layers::one_statement::OneStatement;
use crate::tui::layers::write_script::WriteScript;
use crate::tui::msg::Effect;
use crate::tui::pane::{Flow, Pane, Scene};
use crate::tui::screens::moved;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::lines;
use crate::tui::world::World;

/// From this width on the statement stands at the right.
const WIDE: u16 = 120;

/// A recovery script before it is a file.
#[derive(Default)]
pub struct Recovery {
    /// The statement's place in the script.
    chosen: u64,
    /// Statements chosen for one command together.
    marked: BTreeSet<u64>,
    /// First visible statement and how many lines are visible.
    window: Cell<(usize, usize)>,
    /// Whether a recovery was open when it was drawn last: the footer names what can be done.
    is_open: Cell<bool>,
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
        let which = self.meant(undoing).into_iter().map(|number| (Which::Statement(number), decision.clone()));
        Flow::Do(vec![Effect::Decide(undoing.id, which.collect())])
    }

    /// The next statement that is worth a look, or that holds what was searched for.
    fn seek(&mut self, command: Command, undoing: &Undoing) -> Flow {
        let here = self.row(undoing);
        let fits = |statement: &ScriptStatement| match undoing.search.as_str() {
            "" => is_worth_a_look(statement),
            needle => holds(statement, needle),
        };
        let mut held = undoing.statements.held();
        let found = if command == Command::Next {
            held.find(|(at, statement)| *at > here && fits(statement))
        } else {
            held.rfind(|(at, statement)| *at < here && fits(statement))
        };
        match found {
            Some((at, _)) => {
                self.chosen = at as u64;
                Flow::Stay
            }
            None => Flow::Do(vec![Effect::FindStatement(
                undoing.id,
                undoing.search.clone(),
                here as u64,
                command == Command::Next,
            )]),
        }
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

/// What a key decides about statements, by the state of the one under the cursor.
pub fn decision(command: Command, current: &ScriptStatement) -> Decision {
    match (command, current.choice, current.mode) {
        (Command::Exclude, Choice::Include, _) => Decision::Choose(Choice::Exclude),
        (Command::Exclude, Choice::Exclude, _) => Decision::Choose(Choice::Include),
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
        (RecoveryPhase::Refused, Command::Exclude | Command::Overwrite | Command::Note | Command::Compare) => {
            Err(Reason::cured_by("reasons stand here, not statements; tables can be left out", Command::ExcludeTables))
        }
        (_, Command::SignOff | Command::WriteScript) if view.counts.included == 0 => {
            Err(Reason::cured_by("everything is excluded: nothing is left to write", Command::Exclude))
        }
        (_, Command::SignOff) if view.digest.is_none() => Err(Reason::plain("the digest is being worked out")),
        (_, Command::Exclude | Command::Overwrite | Command::Note | Command::Compare) if view.changes == 0 => {
            Err(Reason::plain("there is no statement here"))
        }
        (_, Command::Compare) if view.check.running => Err(Reason::plain("rows are being compared already")),
        _ => Ok(()),
    }
}

/// Commands of this screen that need an open recovery.
const OF_RECOVERY: [Command; 9] = [
    Command::Compare,
    Command::Exclude,
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
            return Flow::Stay;
        }
        match command {
            Command::Next | Command::Previous => self.seek(command, undoing),
            Command::Mark => self.mark(undoing),
            Command::Filter => Flow::Open(Box::new(Filter::search(&undoing.search))),
            Command::Open => match self.current(undoing) {
                Some(statement) if !undoing.is_refused() => {
                    Flow::Open(Box::new(OneStatement::new(undoing.id, statement.number)))
                }
                _ => Flow::Open(Box::new(papers::hazards(undoing))),
            },
            Command::Exclude | Command::Overwrite => self.decide(undoing, command),
            Command::Note => {
                let text = self.current(undoing).map_or("", |statement| &statement.note);
                let which = self.meant(undoing).into_iter().map(Which::Statement).collect();
                Flow::Open(Box::new(Ask::note(undoing.id, which, text)))
            }
            Command::ExcludeTables => Flow::Open(Box::new(ExcludeTables::new(undoing))),
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
        (command == Command::Open).then_some("statement")
    }

    fn hints(&self) -> &'static [Command] {
        if !self.is_open.get() {
            return &[Command::GoChanges, Command::Review, Command::Palette, Command::Help, Command::Quit];
        }
        &[
            Command::Open,
            Command::WriteScript,
            Command::Exclude,
            Command::Compare,
            Command::SignOff,
            Command::Overwrite,
            Command::Note,
            Command::ExcludeTables,
            Command::Hazards,
            Command::Review,
            Command::Palette,
            Command::Help,
        ]
    }

    fn view(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        self.is_open.set(scene.world.recovery.is_some());
        let Some(undoing) = &scene.world.recovery else {
            return head::none(scene, area, canvas);
        };
        head::title(undoing, scene, row(area, 0), canvas);
        if head::nothing(undoing, scene, below(area, 1), canvas) {
            return;
        }
        let foot = head::foot(undoing, canvas.area().height);
        let room = area.height.saturating_sub(1 + foot.len() as u16);
        let body = Rect { height: room, ..below(area, 1) };
        for (line, at) in foot.iter().zip(below(area, 1 + room).rows()) {
            canvas.spans(indent(at, 1), line);
        }
        let cursor = self.row(undoing);
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
