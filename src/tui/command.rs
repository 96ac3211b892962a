//! The one list of commands: keys, footer, help and palette are made of it.

use crate::tui::keymap::Context;

/// Something a person can tell the console to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Command {
    /// One layer back.
    Back,
    /// The item under the cursor.
    Open,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// To the left, or the choice before.
    Left,
    /// To the right, or the next choice.
    Right,
    /// A screenful up.
    PageUp,
    /// A screenful down.
    PageDown,
    /// The first item.
    First,
    /// The last item.
    Last,
    /// Mark the item for the next command.
    Mark,
    /// Sort in the next way.
    Sort,
    /// The next item worth a look.
    Next,
    /// The one before.
    Previous,
    /// Filter the list.
    Filter,
    /// All commands by name.
    Palette,
    /// All keys.
    Help,
    /// Show and copy the headless command.
    Copy,
    /// Leave the program.
    Quit,
    /// The screen of backups.
    GoBackups,
    /// The screen of keys.
    GoKeys,
    /// The screen of jobs.
    GoJobs,
    /// The screen of audit records.
    GoAudit,
    /// List all targets again.
    Refresh,
    /// Draw everything anew.
    Redraw,
    /// Leave the terminal to the shell.
    Suspend,
    /// Load a private key.
    LoadKey,
    /// Forget all keys.
    LockKeys,
    /// Forget all keys and cancel jobs.
    LockNow,
    /// Allow writes to a protected server.
    Arm,
    /// Verify backups.
    Verify,
    /// Plan a restore.
    Restore,
    /// Get out of a broken backup what is left of it.
    Salvage,
    /// The last rung of the ladder.
    Rehearse,
    /// Stop a job.
    Cancel,
    /// Check the audit chain.
    CheckChain,
    /// Run the plan.
    Start,
    /// Choose tables.
    Tables,
    /// Choose databases of an archive.
    Databases,
    /// Mark everything, or nothing.
    MarkAll,
    /// Give the item under the cursor another name.
    Name,
    /// Restore to another place or under another name.
    Rename,
    /// Show what rewriting changes.
    Diff,
    /// Yes, in a question.
    Yes,
    /// No, in a question.
    No,
    /// Rub out what was typed.
    Erase,
    /// The screen of changes.
    GoChanges,
    /// The screen of recovery scripts.
    GoRecovery,
    /// Open a change source.
    OpenSource,
    /// Tell what the columns were called.
    Columns,
    /// The screen of the past.
    GoHistory,
    /// A shorter time on the timeline.
    ZoomIn,
    /// A longer time on the timeline.
    ZoomOut,
    /// Only some tables.
    OnlyTables,
    /// The life of one row.
    Follow,
    /// What a wall destroyed.
    Wall,
    /// What was read, and what is missing.
    Coverage,
    /// Make a script that undoes.
    Undo,
    /// Compare with the rows as they are now.
    Compare,
    /// Leave a statement out, or take it in again.
    Exclude,
    /// Leave a whole transaction out, or take it in again.
    ExcludeTransaction,
    /// Leave tables out.
    ExcludeTables,
    /// Strict or overwrite.
    Overwrite,
    /// Write a note to a statement.
    Note,
    /// What a second person signs.
    SignOff,
    /// Write the script to a file.
    WriteScript,
    /// Read a script that somebody wrote.
    Review,
    /// Hazards, and why nothing can be written.
    Hazards,
    /// What a monitor would be told.
    Checks,
    /// Everything that the past of a series says.
    Sayings,
    /// The backup that a run left.
    ShowBackup,
}

/// What a command may do to the world outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Only reads.
    Safe,
    /// Writes something new.
    Writes,
    /// May replace or end something.
    Destroys,
}

/// Everything there is to say about a command.
pub struct Entry {
    /// Which one.
    pub command: Command,
    /// Its name in key maps and the palette.
    pub name: &'static str,
    /// In the footer; empty: never there.
    pub hint: &'static str,
    /// In help and palette.
    pub title: &'static str,
    /// What it may do.
    pub danger: Danger,
    /// Lower stays longer in a narrow footer.
    pub rank: u8,
}

const fn entry(command: Command, name: &'static str, hint: &'static str, title: &'static str, rank: u8) -> Entry {
    let danger = match command {
        Command::Start => Danger::Destroys,
        Command::Restore | Command::Salvage | Command::Arm | Command::WriteScript => Danger::Writes,
        _ => Danger::Safe,
    };
    Entry { command, name, hint, title, danger, rank }
}

/// The list.
pub const COMMANDS: [Entry; 71] = [
    entry(Command::Open, "open", "open", "open what is under the cursor", 1),
    entry(Command::Start, "start", "start", "start what the plan says", 0),
    entry(Command::Yes, "yes", "yes, do it", "yes, do it", 1),
    entry(Command::No, "no", "no", "no, leave", 0),
    entry(Command::Verify, "verify", "verify", "verify: climb the trust ladder", 2),
    entry(Command::Restore, "restore", "restore", "plan a restore", 3),
    entry(Command::Salvage, "salvage", "salvage", "salvage what is left of a broken backup", 18),
    entry(Command::Rehearse, "rehearse", "", "rehearse: restore into a throwaway server", 50),
    entry(Command::Cancel, "cancel", "stop", "stop this job; again: at once", 2),
    entry(Command::CheckChain, "check-chain", "check the chain", "check the audit chain", 2),
    entry(Command::Tables, "tables", "tables", "restore only some tables", 6),
    entry(Command::Databases, "databases", "databases", "choose and rename databases of an archive", 6),
    entry(Command::MarkAll, "mark-all", "all or none", "choose all, or none", 30),
    entry(Command::Name, "name", "rename", "restore it under another name", 2),
    entry(Command::Rename, "rename", "elsewhere", "restore to another place or name", 5),
    entry(Command::Diff, "diff", "", "show what rewriting changes", 50),
    entry(Command::OpenSource, "open-source", "open a log", "open a change source: binary logs", 10),
    entry(
        Command::Undo,
        "undo",
        "undo",
        "make a script that undoes this, what is marked, or all that the filter keeps",
        2,
    ),
    entry(Command::OnlyTables, "only-tables", "table", "only some tables", 5),
    entry(Command::Follow, "follow", "follow row", "the life of one row, through changes of its key", 6),
    entry(Command::Wall, "wall", "wall", "what this wall destroyed, and which backup still has it", 7),
    entry(Command::ZoomIn, "zoom-in", "shorter", "timeline: a shorter time", 7),
    entry(Command::ZoomOut, "zoom-out", "longer", "timeline: a longer time", 7),
    entry(Command::Columns, "columns", "columns", "tell what the columns were called", 18),
    entry(Command::Coverage, "coverage", "coverage", "what was read, what is missing, what cannot be undone", 19),
    entry(Command::Compare, "compare", "compare", "compare with the rows as they are now, on a server", 4),
    entry(Command::Exclude, "exclude", "exclude", "leave out of the script, or take in again", 3),
    entry(
        Command::ExcludeTransaction,
        "exclude-transaction",
        "transaction",
        "leave the whole transaction out, or take it in again",
        11,
    ),
    entry(Command::ExcludeTables, "exclude-tables", "tables", "leave whole tables out", 7),
    entry(
        Command::Overwrite,
        "overwrite",
        "overwrite",
        "undo it even where the row was changed since, or only if not",
        6,
    ),
    entry(Command::Note, "note", "note", "write a note to it, for whoever signs", 10),
    entry(Command::SignOff, "sign-off", "sign-off", "the summary that a second person signs", 5),
    entry(Command::WriteScript, "write-script", "write", "write the script to a file; nothing runs it", 2),
    entry(Command::Review, "review", "open a script", "read a script that was written before", 12),
    entry(Command::Hazards, "hazards", "hazards", "hazards, and what cannot be undone, with every reason", 8),
    entry(Command::Checks, "checks", "checks", "what `check` would tell a monitor, with its reasons", 6),
    entry(Command::Sayings, "sayings", "said", "everything that the past of a series says, also what is over", 12),
    entry(Command::ShowBackup, "show-backup", "backup", "the backup that this run left", 4),
    entry(Command::LoadKey, "load-key", "load key", "load a private key", 4),
    entry(Command::LockKeys, "lock-keys", "lock keys", "lock: forget all keys; jobs go on", 7),
    entry(Command::LockNow, "lock-now", "lock now!", "lock now!: forget all keys and cancel jobs", 12),
    entry(Command::Arm, "arm", "arm", "allow writes to a protected server for 10 minutes", 14),
    entry(Command::Filter, "filter", "filter", "filter this list", 8),
    entry(Command::Sort, "sort", "sort", "sort in the next way", 15),
    entry(Command::Mark, "mark", "mark", "mark for the next command", 13),
    entry(Command::Next, "next", "", "the next item worth a look", 40),
    entry(Command::Previous, "previous", "", "the item worth a look before this one", 40),
    entry(Command::Copy, "copy", "command", "show and copy the headless command for this", 11),
    entry(Command::Palette, "palette", "commands", "all commands by name", 9),
    entry(Command::Help, "help", "help", "all keys", 5),
    entry(Command::Back, "back", "back", "one layer back", 3),
    entry(Command::Quit, "quit", "quit", "leave breakglass", 16),
    entry(Command::Up, "up", "", "cursor up", 40),
    entry(Command::Down, "down", "", "cursor down", 40),
    entry(Command::Left, "left", "", "to the left, or the choice before", 40),
    entry(Command::Right, "right", "choose", "to the right, or the next choice", 7),
    entry(Command::PageUp, "page-up", "", "a screenful up", 40),
    entry(Command::PageDown, "page-down", "", "a screenful down", 40),
    entry(Command::First, "first", "", "the first item", 40),
    entry(Command::Last, "last", "", "the last item", 40),
    entry(Command::GoBackups, "go-backups", "backups", "go to Backups", 20),
    entry(Command::GoKeys, "go-keys", "keys", "go to Keys", 21),
    entry(Command::GoJobs, "go-jobs", "jobs", "go to Jobs", 17),
    entry(Command::GoAudit, "go-audit", "audit", "go to Audit", 23),
    entry(Command::GoChanges, "go-changes", "changes", "go to Changes", 21),
    entry(Command::GoRecovery, "go-recovery", "recovery", "go to Recovery", 21),
    entry(Command::GoHistory, "go-history", "history", "go to History", 21),
    entry(Command::Refresh, "refresh", "", "list all targets again", 30),
    entry(Command::Redraw, "redraw", "", "draw everything anew", 50),
    entry(Command::Suspend, "suspend", "", "leave the terminal to the shell for a while", 50),
    entry(Command::Erase, "erase", "", "rub out everything that was typed", 50),
];

/// What is known of a command.
pub fn entry_of(command: Command) -> &'static Entry {
    COMMANDS.iter().find(|entry| entry.command == command).expect("every command is in the list; a test counts them")
}

/// Commands that a context offers beside the global ones, in the order of help.
pub fn of_context(context: Context) -> &'static [Command] {
    use Command as C;
    match context {
        Context::Global => &[
            C::LoadKey,
            C::LockKeys,
            C::LockNow,
            C::Arm,
            C::Filter,
            C::Sort,
            C::Mark,
            C::Next,
            C::Previous,
            C::Open,
            C::Back,
            C::Copy,
            C::Palette,
            C::Help,
            C::GoBackups,
            C::GoHistory,
            C::GoChanges,
            C::GoRecovery,
            C::GoKeys,
            C::GoJobs,
            C::GoAudit,
            C::Refresh,
            C::Redraw,
            C::Suspend,
            C::Quit,
            C::Up,
            C::Down,
            C::Left,
            C::Right,
            C::PageUp,
            C::PageDown,
            C::First,
            C::Last,
        ],
        Context::Backups | Context::Detail => &[C::Verify, C::Restore, C::Salvage, C::Rehearse],
        Context::History => &[C::ZoomIn, C::ZoomOut, C::Sayings, C::Checks],
        Context::Runs => &[C::Sayings, C::ShowBackup, C::Verify, C::Restore, C::ZoomIn, C::ZoomOut],
        Context::Run => &[C::ShowBackup, C::Verify, C::Restore],
        Context::Checks => &[],
        Context::Keys => &[],
        Context::Jobs => &[C::Cancel],
        Context::Audit => &[C::CheckChain],
        Context::Changes => &[
            C::OpenSource,
            C::Undo,
            C::OnlyTables,
            C::Follow,
            C::Wall,
            C::ZoomIn,
            C::ZoomOut,
            C::Columns,
            C::Coverage,
            C::Cancel,
        ],
        Context::Rows => &[C::Follow, C::Undo],
        Context::Wall => &[C::Restore, C::Undo],
        Context::Recovery => &[
            C::Compare,
            C::Exclude,
            C::ExcludeTransaction,
            C::ExcludeTables,
            C::Overwrite,
            C::Note,
            C::SignOff,
            C::WriteScript,
            C::Hazards,
            C::Review,
            C::Cancel,
        ],
        Context::Statement => &[C::Exclude, C::Overwrite, C::Note],
        Context::Plan => &[C::Start, C::Rename, C::Databases, C::Tables, C::Diff],
        Context::Choice => &[C::MarkAll, C::Name],
        Context::Confirm | Context::Quit => &[C::Yes, C::No],
        Context::Typed => &[C::Start, C::Erase],
        Context::Filter | Context::Palette | Context::Field => &[C::Erase],
        Context::Help | Context::Failure => &[],
    }
}

/// Why a command cannot run now, and which command would change that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// In words.
    pub why: String,
    /// What to do first.
    pub cure: Option<Command>,
}

impl Reason {
    /// A reason that a command cures.
    pub fn cured_by(why: &str, cure: Command) -> Self {
        Self { why: why.to_owned(), cure: Some(cure) }
    }

    /// A reason that nothing here cures.
    pub fn plain(why: impl Into<String>) -> Self {
        Self { why: why.into(), cure: None }
    }
}

/// A command on offer, or why it cannot run.
pub type Offer = (Command, Result<(), Reason>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_every_context_is_in_the_list_once() {
        for context in Context::ALL {
            for command in of_context(context) {
                assert_eq!(COMMANDS.iter().filter(|entry| entry.command == *command).count(), 1, "{command:?}");
            }
        }
        for entry in &COMMANDS {
            let offered = Context::ALL.iter().any(|context| of_context(*context).contains(&entry.command));
            assert!(offered, "{} is offered nowhere", entry.name);
        }
    }
}
