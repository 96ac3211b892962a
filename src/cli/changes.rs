//! `changes`: rows, transactions and sums of a change source.

use std::io::{self, Write};

use clap::Args as ArgGroup;

use crate::cli::change_filter::FilterFlags;
use crate::cli::change_lines::{EntryLine, SummaryLine};
use crate::cli::change_text;
use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::print::{Form, json_line};
use crate::cli::{exit, unlock};
use crate::model::changes::{
    ChangeLine, ChangesRequest, ChangesView, Direction, Literal, PageFrom, PageRequest, Problem, TableFilter, TableRef,
    Untolds,
};
use crate::model::foreign::Foreign;
use crate::report::{Fault, Report, Reportable};
use crate::work::changes::{ChangesHandle, Streamed};
use crate::work::session::Session;

/// Text that is gathered before it is written.
const GATHERED: usize = 64 << 10;

/// Arguments of `changes`.
#[derive(Debug, ArgGroup)]
#[command(
    after_help = "SOURCE is a name of the estate ([changes.NAME] with target and path, or url), a path, or a URL:\n\
    binlog+file:///folder-or-file, binlog+s3://bucket/prefix/, binlog+sftp://host/folder/.\n\
    \n\
    Column names: from the log itself where it was written with binlog_row_metadata=FULL, else from --schema: a\n\
    dump (plain, gzip, zstd), the text of SHOW CREATE TABLE, a backup of the catalog, mysql://user@host/ or\n\
    server:NAME. A definition that was true at a position holds back to the last change of that table's\n\
    definition before it, and moves along with every change behind it that can be followed. A dump's own position\n\
    counts, or FILE@binlog.000412:1234; FILE@end: true at the end of the log;\n\
    without any, a definition is used only for tables whose definitions the log does not change.\n\
    \n\
    --key is here the value of a row's key; files of private keys are --key-file.\n\
    \n\
    Exit codes: 0 done; 3 a log is cut or damaged (what came before it is printed); 4 a log is encrypted;\n\
    5 unreachable; 6 history has a gap and --allow-gaps is not given."
)]
pub struct ChangesArgs {
    /// Where changes come from: a name of the estate, a path or a URL
    source: String,
    #[command(flatten)]
    filter: FilterFlags,
    /// Definitions of tables: FILE, URL, BACKUP, mysql:// or server:NAME; later ones win
    #[arg(long = "schema", value_name = "FILE|URL")]
    schemas: Vec<String>,
    /// Read on although files are missing, and behind damage
    #[arg(long)]
    allow_gaps: bool,
    /// Stop after so many rows or transactions
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// Coverage, tables, bursts and walls instead of rows
    #[arg(long, conflicts_with_all = ["transactions", "life"])]
    summary: bool,
    /// Transactions and walls instead of rows
    #[arg(long, conflicts_with = "life")]
    transactions: bool,
    /// The life of one row through changes of its key: database.table:KEY
    #[arg(long, value_name = "TABLE:KEY")]
    life: Option<String>,
}

impl ChangesArgs {
    /// Where what `--key` was given goes: here it is the key of a row.
    pub fn row_keys(&mut self) -> &mut Vec<String> {
        &mut self.filter.keys
    }
}

pub async fn run(door: &Door, args: ChangesArgs) -> Result<u8, Report> {
    let session = door.session_for_source(&args.source).await?;
    unlock::given(door, &session).await?;
    let filter = args.filter.filter()?;
    let life = args.life.as_deref().map(life).transpose()?;
    let request = ChangesRequest { source: args.source.clone(), schemas: args.schemas.clone(), filter };
    let handle = session.open_changes(request.clone())?;
    let label = Foreign::from(args.source.as_str()).to_string();
    let view = door.attended(&session, &label, handle.complete()).await?;
    let printing = Printing { door, session: &session, handle: &handle, args: &args, request: &request };
    if args.summary {
        return printing.summary(view).await;
    }
    if !args.allow_gaps
        && let Some(gap) = view.coverage.gaps.first()
    {
        let more = view.coverage.gaps.len() - 1;
        let text = match more {
            0 => format!("history has a gap: {}", gap.words),
            more => format!("history has gaps: {}, and {more} more", gap.words),
        };
        let advice = "--summary shows what is there; --allow-gaps reads on regardless; positions can leave a gap out";
        return Err(Report::new(Fault::Refused, "changes::gaps", text, advice));
    }
    match life {
        Some((table, key)) => printing.life(&view, table, key).await,
        None if args.transactions => printing.transactions(&view).await,
        None => printing.rows(&view).await,
    }
}

/// Reads `database.table:KEY`.
fn life(text: &str) -> Result<(TableRef, Vec<Literal>), CliError> {
    let parsed = text.split_once(':').and_then(|(table, key)| {
        let TableFilter { schema, table } = TableFilter::parse(table);
        Some((TableRef { schema: schema?, table }, Literal::list(key)?))
    });
    parsed.ok_or_else(|| {
        let valid = "write database.table:KEY, such as shop.orders:17; values of a longer key with commas";
        CliError::usage("--life does not name a row", valid)
    })
}

/// The code that damage deserves, gravest first.
fn code(problems: &[Problem]) -> u8 {
    let of = |problem: &Problem| match problem {
        problem if problem.damage => exit::of_fault(Fault::Integrity),
        problem if problem.code == "binlog::encrypted" => exit::of_fault(Fault::NoKey),
        problem if problem.code.starts_with("binlog::") => exit::of_fault(Fault::Inconclusive),
        _ => exit::DONE,
    };
    exit::gravest(problems.iter().map(of))
}

/// Standard output, gathered; a reader that has gone ends the verb without a word.
struct Lines {
    gathered: String,
}

enum Went {
    On,
    Gone,
}

impl Lines {
    fn push(&mut self, text: &str) -> Result<Went, Report> {
        self.gathered.push_str(text);
        if self.gathered.len() < GATHERED { Ok(Went::On) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<Went, Report> {
        let mut out = io::stdout().lock();
        let written = out.write_all(self.gathered.as_bytes()).and_then(|()| out.flush());
        self.gathered.clear();
        match written {
            Ok(()) => Ok(Went::On),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Went::Gone),
            Err(error) => Err(CliError::Stdout(error).report()),
        }
    }
}

struct Printing<'p> {
    door: &'p Door,
    session: &'p Session,
    handle: &'p ChangesHandle,
    args: &'p ChangesArgs,
    request: &'p ChangesRequest,
}

impl Printing<'_> {
    fn is_json(&self) -> bool {
        self.door.printer().form() == Form::Json
    }

    async fn summary(&self, view: std::sync::Arc<ChangesView>) -> Result<u8, Report> {
        let mut view = view;
        if view.walls.iter().any(|wall| wall.verb.destroys()) && self.session.estate().file.is_some() {
            let catalog = self.door.listed(self.session).await?;
            self.handle.look_for_backups(&catalog);
            view = self.handle.view();
        }
        match self.is_json() {
            true => self.door.printer().json(&SummaryLine::from(&*view))?,
            false => self.door.printer().text(&change_text::summary(&view))?,
        }
        let gaps = !view.coverage.gaps.is_empty() && !self.args.allow_gaps;
        let gaps = if gaps { exit::of_fault(Fault::Refused) } else { exit::DONE };
        Ok(exit::gravest([code(&view.problems), gaps]))
    }

    async fn rows(&self, view: &ChangesView) -> Result<u8, Report> {
        let mut rows = self.handle.stream(&self.request.filter, self.args.allow_gaps).await?;
        let (mut lines, mut count) = (Lines { gathered: String::new() }, 0_u64);
        let (mut writer, mut untold, mut found) = (change_text::Writer::default(), Untolds::default(), vec![]);
        while let Some(streamed) = self.door.waited(rows.recv()).await? {
            let change = match streamed {
                Streamed::Change(change) => change,
                Streamed::Broken(problem) => {
                    lines.flush()?;
                    self.door.printer().failure(&broken(&problem));
                    found.push(problem); // what is wrong inside of rows shows only here
                    continue;
                }
                Streamed::PassedOver(rows) => {
                    untold = rows;
                    continue;
                }
            };
            if self.args.limit.is_some_and(|limit| count == limit) {
                self.door.printer().say(&format!("stopped after {count} rows, as --limit says; there are more"));
                break;
            }
            count += 1;
            let text = if self.is_json() { json_line(&ChangeLine(&change)) } else { writer.change(&change) };
            if matches!(lines.push(&text)?, Went::Gone) {
                return Ok(exit::DONE);
            }
        }
        lines.flush()?;
        self.passed_over(&untold);
        self.remarks(view, count);
        Ok(exit::gravest([code(&view.problems), code(&found)]))
    }

    /// Rows that are not in a list though the filter may mean them.
    fn passed_over(&self, untold: &Untolds) {
        if !untold.is_empty() {
            self.door.printer().remark("changes::untold", &untold.lines(), untold);
        }
    }

    /// What a list of rows does not show.
    fn remarks(&self, view: &ChangesView, count: u64) {
        let printer = self.door.printer();
        printer.say(&view.coverage.words());
        if view.totals.statements > 0 {
            let many = view.totals.statements;
            printer.say(&format!("{many} statements are in the log as text only: --summary shows them"));
        }
        if count == 0 && !self.request.filter.is_empty() {
            printer.say("no row passes the filters; names and values are compared byte for byte");
        }
    }

    async fn transactions(&self, view: &ChangesView) -> Result<u8, Report> {
        let mut from = 0;
        let (mut lines, mut left) = (Lines { gathered: String::new() }, self.args.limit.unwrap_or(u64::MAX));
        let mut untold = Untolds::default();
        if !self.is_json() {
            lines.push(&change_text::entries_head())?;
        }
        loop {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(PageRequest::MOST);
            if count == 0 {
                break;
            }
            let filter = self.request.filter.clone();
            let request = PageRequest { from: PageFrom::Entry(from), direction: Direction::Forward, count, filter };
            let page = self.door.waited(self.handle.page(request)).await??;
            untold.merge(&page.untold);
            for entry in &page.entries {
                left = left.saturating_sub(1);
                let text = match self.is_json() {
                    true => json_line(&EntryLine::from(entry)),
                    false => change_text::entry(entry),
                };
                if matches!(lines.push(&text)?, Went::Gone) {
                    return Ok(exit::DONE);
                }
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        lines.flush()?;
        self.passed_over(&untold);
        self.door.printer().say(&view.coverage.words());
        Ok(code(&view.problems))
    }

    async fn life(&self, view: &ChangesView, table: TableRef, key: Vec<Literal>) -> Result<u8, Report> {
        let life = self.door.waited(self.handle.life(table.clone(), key)).await??;
        let (mut lines, mut writer) = (Lines { gathered: String::new() }, change_text::Writer::default());
        let most = self.args.limit.unwrap_or(u64::MAX);
        for change in life.changes.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            let text = if self.is_json() { json_line(&ChangeLine(change)) } else { writer.change(change) };
            if matches!(lines.push(&text)?, Went::Gone) {
                return Ok(exit::DONE);
            }
        }
        lines.flush()?;
        life.remarks.iter().for_each(|remark| self.door.printer().say(remark));
        self.door.printer().say(&change_text::keys_of(&table, &life));
        self.door.printer().say(&view.coverage.words());
        Ok(code(&view.problems))
    }
}

fn broken(problem: &Problem) -> Report {
    let fault = if problem.damage { Fault::Integrity } else { Fault::Inconclusive };
    let text = format!("{}: {}", problem.file, problem.words);
    Report::new(fault, &problem.code, text, &problem.advice)
}
