//! The screens: one place, one file.

pub mod audit;
pub mod backups;
pub mod empty;
pub mod history;
pub mod jobs;
pub mod keys;

use crate::tui::app::Place;
use crate::tui::pane::Pane;

/// All screens, and which one is shown. Each keeps its cursor while another is shown.
#[derive(Default)]
pub struct Home {
    /// The one that is shown.
    pub place: Place,
    /// Every backup of every target.
    pub backups: backups::Backups,
    /// The past of every series.
    pub history: history::History,
    /// Keys in memory and keys on offer.
    pub keys: keys::Keys,
    /// Work of this session.
    pub jobs: jobs::Jobs,
    /// Who did what.
    pub audit: audit::Audit,
}

impl Home {
    /// The screen that is shown.
    pub fn pane(&self) -> &dyn Pane {
        match self.place {
            Place::Backups => &self.backups,
            Place::History => &self.history,
            Place::Keys => &self.keys,
            Place::Jobs => &self.jobs,
            Place::Audit => &self.audit,
        }
    }

    /// The screen that is shown, to be changed.
    pub fn pane_mut(&mut self) -> &mut dyn Pane {
        match self.place {
            Place::Backups => &mut self.backups,
            Place::History => &mut self.history,
            Place::Keys => &mut self.keys,
            Place::Jobs => &mut self.jobs,
            Place::Audit => &mut self.audit,
        }
    }
}

/// Where a cursor goes in a list of `count` items, `page` of which are visible.
pub fn moved(command: crate::tui::command::Command, at: usize, count: usize, page: usize) -> Option<usize> {
    use crate::tui::command::Command;
    let last = count.saturating_sub(1);
    Some(match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => (at + 1).min(last),
        Command::PageUp => at.saturating_sub(page.max(2) - 1),
        Command::PageDown => (at + page.max(2) - 1).min(last),
        Command::First => 0,
        Command::Last => last,
        _ => return None,
    })
}
