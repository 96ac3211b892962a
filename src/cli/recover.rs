//! `recover`: a script that undoes changes, written for people to review and to run.

use std::path::PathBuf;

use clap::{Args as ArgGroup, ValueEnum};

use crate::cli::change_filter::FilterFlags;
use crate::cli::door::Door;
use crate::cli::exit::DONE;
use crate::cli::paragraphs::paragraph;
use crate::cli::print::Form;
use crate::cli::recover_line::RecoverLine;
use crate::cli::unlock;
use crate::model::changes::{ChangeFilter, ChangesRequest, TableFilter};
use crate::model::foreign::{Foreign, escape};
use crate::model::script::{
    Checks, Choice, Commits, Extent, Gaps, Lasting, Mode, RecoveryPhase, RecoveryView, ScriptOptions,
};
use crate::model::units::{counted, grouped};
use crate::report::{Report, Reportable};
use crate::work::recover::{ExportOptions, RecoverError, Recovered, RecoveryHandle};
use crate::work::session::Session;

/// Reasons that text lists; JSON has more of them.
const LISTED: usize = 50;

/// Arguments of `recover`.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "It writes a script for people, and never runs one. SOURCE, --schema and the filters are those of\n\
    `changes`. Whole transactions are undone, the newest first, all of them or nothing: what cannot be undone\n\
    exactly stops the script, and every reason is listed. The file is new, mode 0600, read again and proved\n\
    before it gets its name; `breakglass review FILE --server SERVER` looks at the rows as they are now.\n\
    \n\
    --key is here the value of a row's key; files of private keys are --key-file.\n\
    \n\
    Exit codes: 0 written; 6 refused: changes that cannot be undone, a gap without --allow-gaps, a file that\n\
    exists; 8 there is nothing to undo; 3, 4 and 5 as `changes`."
)]
pub struct RecoverArgs {
    /// Where changes come from: a name of the estate, a path or a URL
    source: String,
    /// The script; must not exist
    #[arg(long, short, value_name = "FILE", required_unless_present = "summary")]
    output: Option<PathBuf>,
    #[command(flatten)]
    filter: FilterFlags,
    /// Definitions of tables: FILE, URL, BACKUP, mysql:// or server:NAME; later ones win
    #[arg(long = "schema", value_name = "FILE|URL")]
    schemas: Vec<String>,
    #[command(flatten)]
    script: ScriptFlags,
    /// What would be undone, for a second person to sign; nothing is written
    #[arg(long, conflicts_with = "output")]
    summary: bool,
    /// Look at the rows as they are now, in a session that cannot write: server:NAME or mysql://user@host:port/
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
}

/// How the script is written.
#[derive(Debug, ArgGroup)]
#[command(next_help_heading = "Script")]
struct ScriptFlags {
    /// Undo all of every transaction that the filters touch: the default
    #[arg(long, conflicts_with = "partial")]
    whole_transactions: bool,
    /// Undo only what the filters let through; the header says what else the same transactions changed
    #[arg(long)]
    partial: bool,
    /// Leave this table as it is, as `table` or `database.table`
    #[arg(long = "exclude", value_name = "TABLE")]
    exclude: Vec<String>,
    /// Set rows back whatever happened to them since, if they exist
    #[arg(long)]
    overwrite: bool,
    /// Commit behind each of the transactions that are undone, with marks to resume at
    #[arg(long)]
    per_transaction: bool,
    /// Whether foreign keys are checked while the script runs
    #[arg(long, value_name = "WHETHER", default_value = "as-logged")]
    foreign_keys: KeyChecks,
    /// Write a script although files are missing; its header says so
    #[arg(long)]
    allow_gaps: bool,
    /// Write a second script that does again what the first one undoes
    #[arg(long, value_name = "FILE")]
    redo: Option<PathBuf>,
    /// Write changes of tables that do not roll back into a script of their own
    #[arg(long, value_name = "FILE")]
    non_transactional: Option<PathBuf>,
    /// Seal what is written for the holder of this public key in PEM; may be given several times
    #[arg(long = "to", value_name = "PUBLIC_KEY")]
    recipients: Vec<PathBuf>,
}

/// Whether foreign keys are checked.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyChecks {
    /// Unless the log has rows that were written without checks, or by cascades
    AsLogged,
    On,
    Off,
}

impl RecoverArgs {
    /// Where what `--key` was given goes: here it is the key of a row.
    pub fn row_keys(&mut self) -> &mut Vec<String> {
        &mut self.filter.keys
    }
}

impl ScriptFlags {
    fn options(&self) -> ScriptOptions {
        ScriptOptions {
            extent: if self.partial { Extent::Partial } else { Extent::Whole },
            mode: if self.overwrite { Mode::Overwrite } else { Mode::Strict },
            commits: if self.per_transaction { Commits::PerTransaction } else { Commits::Once },
            exclude: self.exclude.iter().map(|table| TableFilter::parse(table)).collect(),
            gaps: if self.allow_gaps { Gaps::Allow } else { Gaps::Refuse },
            lasting: if self.non_transactional.is_some() { Lasting::Apart } else { Lasting::Refuse },
            keys: match self.foreign_keys {
                KeyChecks::AsLogged => Checks::AsLogged,
                KeyChecks::On => Checks::On,
                KeyChecks::Off => Checks::Off,
            },
        }
    }
}

pub async fn run(door: &Door, args: RecoverArgs) -> Result<u8, Report> {
    let session = door.session_for_source(&args.source).await?;
    if session.is_read_only() && args.output.is_some() {
        return Err(RecoverError::ReadOnly.report());
    }
    unlock::given(door, &session).await?;
    let filter = args.filter.filter()?;
    // Of the filter only its beginning decides what is read: transactions that the rest of it touches may reach beyond
    // it, and definitions may change behind it.
    let positions = ChangeFilter { from: filter.from.clone(), ..ChangeFilter::default() };
    let request = ChangesRequest { source: args.source.clone(), schemas: args.schemas.clone(), filter: positions };
    let source = session.open_changes(request)?;
    let label = Foreign::from(args.source.as_str()).to_string();
    door.attended(&session, &label, source.complete()).await?;
    for facts in &source.view().facts {
        if let Some(problem) = &facts.problem {
            door.printer().say(&format!("definitions of {}: {problem}", facts.from));
        }
    }
    let recovery = door.waited(session.open_recovery(&source, filter, args.script.options())).await??;
    let view = door.waited(recovery.complete()).await??;
    if let Some(server) = &args.server {
        door.waited(recovery.checked(server)).await??;
    }
    let has_lost = view.walls.iter().any(|wall| wall.wall.verb.destroys())
        || recovery.view().hazards.iter().any(|hazard| hazard.code == "cascade");
    if has_lost && session.estate().file.is_some() {
        let catalog = door.listed(&session).await?;
        recovery.look_for_backups(&catalog);
    }
    let view = recovery.view();
    let Some(output) = &args.output else { return summary(door, &recovery, &view).await };
    if matches!(view.phase, RecoveryPhase::Refused) && args.script.non_transactional.is_none() {
        refused(door, &recovery, &view)?;
    }
    let beside = ExportOptions {
        recipients: args.script.recipients.clone(),
        redo: args.script.redo.clone(),
        lasting: args.script.non_transactional.clone(),
    };
    let recovered = door.waited(recovery.export(output, beside)).await??;
    print(door, (&recovered, &args.script), &recovery.view())?;
    end(door, &session)
}

fn end(door: &Door, session: &Session) -> Result<u8, Report> {
    door.say_head(session);
    Ok(DONE)
}

async fn summary(door: &Door, recovery: &RecoveryHandle, view: &RecoveryView) -> Result<u8, Report> {
    if let RecoveryPhase::Refused = view.phase {
        refused(door, recovery, view)?;
        return Err(RecoverError::Refused { count: view.refusals }.report());
    }
    let text = door.waited(recovery.summary()).await??;
    match door.printer().form() {
        Form::Json => door.printer().json(&RecoverLine::planned(&recovery.view()))?,
        Form::Text => door.printer().text(&text)?,
    }
    Ok(DONE)
}

/// Every reason why nothing is written, and the way back past walls.
fn refused(door: &Door, recovery: &RecoveryHandle, view: &RecoveryView) -> Result<(), Report> {
    let reasons = recovery.reasons();
    if door.printer().form() == Form::Json {
        return door.printer().json(&RecoverLine::planned(view).with_reasons(&reasons));
    }
    let mut text = String::from("these changes cannot be undone:\n");
    for change in view.refused.iter().take(LISTED) {
        let table = change.table.as_ref().map_or_else(String::new, |table| format!(" {table}"));
        text.push_str(&paragraph("  ", &format!("{}{table}: {}", change.position(), change.reason)));
    }
    let more = view.refusals.saturating_sub(LISTED as u64);
    if more > 0 {
        text.push_str(&paragraph("  ", &format!("and {} more; of all {}:", grouped(more), grouped(view.refusals))));
        for sum in &reasons {
            let of = sum.first.table.as_ref().map(|table| format!(" of {table}")).unwrap_or_default();
            let (count, first) = (grouped(sum.count), &sum.first);
            text.push_str(&paragraph("  ", &format!("{count}{of}, from {}: {}", first.position(), first.reason)));
        }
    }
    for wall in &view.walls {
        text.push_str(&paragraph("wall  ", &format!("{}: {}", wall.replay_to, wall.wall.statement)));
        text.push_str(&paragraph("      ", &format!("destroyed: {}", wall.wall.destroyed)));
        let way = match &wall.wall.backup {
            Some(backup) if wall.reaches => format!(
                "restore {} of {} ({}), then replay changes up to {}",
                backup.label, backup.taken, backup.trust, wall.replay_to
            ),
            Some(backup) => format!(
                "{} of {} ({}) still has it; these logs do not reach back to it without a gap",
                backup.label, backup.taken, backup.trust
            ),
            // No row went: what is behind it can be undone from there on.
            None if !wall.wall.verb.destroys() => continue,
            None => "no good backup is known to have it; those of an estate are looked at".to_owned(),
        };
        text.push_str(&paragraph("      ", &way));
    }
    door.printer().text(&text)
}

/// What the rows as they are now mean for a script.
fn rows_now(view: &RecoveryView, script: &ScriptFlags) -> String {
    let (all, states) = (view.states.looked_at(), &view.states);
    let words = format!("{} of {all} rows are as the changes left them", states.matches);
    let stays = script.per_transaction || script.non_transactional.is_some();
    match all - states.matches - states.unknowable {
        0 if states.unknowable > 0 => format!("{words}; of {} it cannot be told", states.unknowable),
        0 => words,
        // Some of the others are overwritten: which of them stop it, the rows alone do not tell.
        _ if view.counts.overwrite > 0 => words,
        _ if stays => format!("{words}: the script would stop there, and what it committed before stays"),
        _ => format!("{words}: the script would stop, with nothing applied"),
    }
}

fn print(door: &Door, (recovered, script): (&Recovered, &ScriptFlags), view: &RecoveryView) -> Result<(), Report> {
    if door.printer().form() == Form::Json {
        return door.printer().json(&RecoverLine::written(recovered, view));
    }
    let mut text = String::new();
    let path = escape(&recovered.script.to_string_lossy());
    let counts = format!(
        "{path}: {}, which undo {}",
        counted(recovered.statements, "statement"),
        counted(recovered.transactions, "transaction")
    );
    text.push_str(&paragraph("script    ", &counts));
    for table in &view.tables {
        let rows = &table.rows;
        let words = match table.choice {
            Choice::Exclude => format!("{}: left as it is", table.table),
            Choice::Include => format!(
                "{}: {} put back, {} set back, {} taken away",
                table.table,
                grouped(rows.deletes),
                grouped(rows.updates),
                grouped(rows.inserts)
            ),
        };
        text.push_str(&paragraph("table     ", &words));
    }
    if recovered.excluded > 0 {
        text.push_str(&paragraph("left out  ", &format!("{} changes", grouped(recovered.excluded))));
    }
    text.push_str(&paragraph("coverage  ", &recovered.coverage.words()));
    for hazard in &view.hazards {
        text.push_str(&paragraph("hazard    ", &hazard.text));
    }
    for part in view.partial.iter().take(LISTED) {
        let left: Vec<String> = part.left.iter().map(|(table, rows)| format!("{rows} of {table}")).collect();
        text.push_str(&paragraph("partial   ", &format!("{}: left as they are: {}", part.label, left.join(", "))));
    }
    for path in &recovered.beside {
        text.push_str(&paragraph("beside    ", &escape(&path.to_string_lossy())));
    }
    if view.states.looked_at() > 0 {
        text.push_str(&paragraph("rows now  ", &rows_now(view, script)));
    }
    text.push_str(&paragraph("digest    ", &recovered.digest.words()));
    text.push_str(&paragraph("          ", "it was not run: review it, and have a second person read it"));
    door.printer().text(&text)
}
