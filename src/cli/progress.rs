//! One line of progress on standard error, when that is a terminal.

use std::io::{self, IsTerminal, Write};

use crate::cli::ask;
use crate::cli::print::{Form, columns};
use crate::cli::table::cut;
use crate::model::job::Progress;
use crate::model::units::long_span;

/// A line that is drawn over itself, at most once a second by its caller's rhythm.
pub struct ProgressLine {
    width: Option<usize>,
    drawn: bool,
}

impl ProgressLine {
    /// Draws nothing for programs and where standard error is no terminal.
    pub fn new(form: Form) -> Self {
        let stderr = io::stderr();
        Self { width: (form == Form::Text && stderr.is_terminal()).then(|| columns(&stderr)), drawn: false }
    }

    /// Shows how far a job is.
    pub fn draw(&mut self, verb: &str, what: &str, progress: &Progress) {
        self.say(&words(verb, what, progress));
    }

    /// Shows a sentence.
    pub fn say(&mut self, text: &str) {
        let Some(width) = self.width.filter(|_| !ask::is_asking()) else { return };
        let line = cut(text, width.saturating_sub(1));
        let _ = write!(io::stderr(), "\r\x1b[K{line}");
        self.drawn = true;
    }

    /// Takes the line away, so that what follows starts on a clean one.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

fn words(verb: &str, what: &str, progress: &Progress) -> String {
    let mut parts = vec![format!("{verb} {what}"), progress.phase.word().to_owned()];
    match progress.fraction() {
        Some(fraction) => parts.push(format!("{:.0}%", (fraction * 100.0).floor())),
        None => parts.push(progress.done.words()),
    }
    if let Some((still, why)) = &progress.stalled {
        parts.push(format!("waiting {}: {why}", long_span(*still)));
    } else {
        parts.extend(progress.rate.map(|rate| rate.to_string()));
        parts.extend(progress.left.map(|left| format!("{} left", long_span(left))));
    }
    if !progress.at.is_empty() {
        parts.push(progress.at.clone());
    }
    parts.join("  ")
}
