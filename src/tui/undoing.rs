//! What the console knows of the recovery that is open.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::script::{
    Choice, Decision, RecoveryPhase, RecoveryView, ScriptDigest, ScriptOptions, ScriptPage, ScriptStatement,
    ScriptTransaction, Which,
};
use crate::tui::msg::{Opened, RecoveryNo};
use crate::tui::tokens::quoted;
use crate::tui::widgets::pages::Pages;

/// The recovery that is open: its newest snapshot, and the statements near the cursor.
pub struct Undoing {
    /// Which recovery it is.
    pub id: RecoveryNo,
    /// What it undoes, in words.
    pub title: String,
    /// How the script is to be written.
    pub options: ScriptOptions,
    /// Its newest snapshot.
    pub view: Arc<RecoveryView>,
    /// Statements by their place in the script.
    pub statements: Pages<ScriptStatement>,
    transactions: BTreeMap<u64, ScriptTransaction>,
    /// The headless command that makes the script as it was asked for.
    asked: String,
    /// What was searched for last; empty: nothing.
    pub search: String,
    /// Whether something was chosen or noted that is in no file.
    pub is_decided: bool,
    /// Of what was chosen when the script was written last.
    written: Option<ScriptDigest>,
}

impl Undoing {
    /// Begins with a snapshot.
    pub fn new(opened: &Opened, view: Arc<RecoveryView>) -> Self {
        let statements = Pages::new(usize::try_from(view.changes).unwrap_or(usize::MAX));
        let Opened { id, title, twin: asked, options } = opened.clone();
        let (transactions, search) = (BTreeMap::new(), String::new());
        let (is_decided, written) = (false, None);
        Self { id, title, options, view, statements, transactions, asked, search, is_decided, written }
    }

    /// Takes a newer snapshot; statements that are held are asked for anew, and shown until they come.
    pub fn renew(&mut self, view: Arc<RecoveryView>) {
        self.statements.grow(usize::try_from(view.changes).unwrap_or(usize::MAX));
        self.statements.ask_anew();
        self.view = view;
    }

    /// Takes a page of statements over.
    pub fn put(&mut self, page: usize, content: ScriptPage) {
        self.statements.put(page, content.statements);
        self.transactions.extend(content.transactions.into_iter().map(|one| (one.number, one)));
        while self.transactions.len() > 4096 {
            self.transactions.pop_first();
        }
    }

    /// A transaction of the script.
    pub fn transaction(&self, number: u64) -> Option<&ScriptTransaction> {
        self.transactions.get(&number)
    }

    /// Something is chosen: statements that are held show it at once, so that the same key takes it back.
    pub fn decide(&mut self, decisions: &[(Which, Decision)]) {
        self.is_decided = true;
        for (which, decision) in decisions {
            let is_meant = |statement: &ScriptStatement| match which {
                Which::Statement(number) => statement.number == *number,
                Which::Transaction(number) => statement.transaction == *number,
                Which::Table(_) => false, // the view tells
            };
            for statement in self.statements.held_mut().filter(|statement| is_meant(statement)) {
                match decision {
                    Decision::Choose(choice) => statement.choice = *choice,
                    Decision::Mode(mode) => statement.mode = *mode,
                    Decision::Note(note) => statement.note = crate::model::foreign::escape(note.trim()),
                }
            }
        }
    }

    /// A script was written.
    pub fn is_written(&mut self) {
        (self.is_decided, self.written) = (false, self.view.digest);
    }

    /// Whether something else was chosen since the script was written.
    pub fn is_behind(&self) -> bool {
        self.written.is_some() && self.written != self.view.digest
    }

    /// The headless command that makes the same script; what was chosen for single statements it cannot say.
    pub fn twin(&self) -> String {
        let out = self.view.tables.iter().filter(|table| table.choice == Choice::Exclude);
        let out = out.map(|table| format!(" --exclude {}", quoted(&table.table.to_string())));
        format!("{}{} -o undo.sql", self.asked, out.collect::<String>())
    }

    /// Whether something of it cannot be undone: reasons take the place of the statements.
    pub fn is_refused(&self) -> bool {
        matches!(self.view.phase, RecoveryPhase::Refused)
    }

    /// Whether everything was read.
    pub fn is_read(&self) -> bool {
        matches!(self.view.phase, RecoveryPhase::Ready | RecoveryPhase::Refused)
    }
}
