//! `changes` for people, in 80 columns.

use std::fmt::Write;

use crate::cli::table::{Side, Table};
use crate::model::change::{BinlogPos, Certainty, Change, ChangedTable, RowImage};
use crate::model::changes::{ChangesView, Entry, Life, Rows, Settled, Shown, TableRef, TransactionLine, Wall};
use crate::model::foreign::Foreign;
use crate::model::units::{ByteSize, Moment, grouped};

/// Columns of a line.
const WIDTH: usize = 80;
/// Characters of one value that are shown; `--json` has all of it.
const VALUE: usize = 240;
/// Lines of each list of a summary.
const LIST: usize = 20;

/// Writes changes one after the other, with a line in front of each transaction.
#[derive(Default)]
pub struct Writer {
    last: Option<(std::sync::Arc<Foreign>, BinlogPos)>,
}

impl Writer {
    /// The lines of a change.
    pub fn change(&mut self, change: &Change) -> String {
        let mut text = String::new();
        let here = (change.key.file.clone(), change.transaction.start);
        if self.last.as_ref() != Some(&here) {
            let blank = if self.last.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{blank}{}", transaction(change));
            if let Some(statement) = &change.statement {
                let _ = writeln!(text, "{}", cut(&format!("  {}", one_line(statement)), WIDTH));
            }
            self.last = Some(here);
        }
        let table = &*change.table;
        let doubt = match change.certainty {
            Certainty::Exact => "",
            Certainty::Unnamed => "  (columns unnamed)",
            Certainty::Incomplete => "  (columns missing)",
            Certainty::Undecided => "  (not known to be committed)",
        };
        let key = change.before.as_ref().or(change.after.as_ref()).map_or_else(String::new, |image| key(table, image));
        let _ =
            writeln!(text, "{} {}.{}{key}{doubt}", change.kind.to_string().to_uppercase(), table.schema, table.name);
        match (&change.before, &change.after) {
            (Some(before), Some(after)) => differences(&mut text, change, (before, after)),
            (Some(image), None) | (None, Some(image)) => values(&mut text, table, image),
            (None, None) => {}
        }
        text
    }
}

fn transaction(change: &Change) -> String {
    let facts = &change.transaction;
    let mut line = format!("-- {} UTC  {}:{}", facts.committed_at.second(), change.key.file, facts.start);
    if let Some(thread) = facts.thread {
        let _ = write!(line, "  thread {thread}");
    }
    match &facts.gtid {
        Some(gtid) if line.len() + gtid.to_string().len() + 2 <= WIDTH => line = format!("{line}  {gtid}"),
        Some(gtid) => line = format!("{line}\n   {gtid}"),
        None => {}
    }
    line
}

fn key(table: &ChangedTable, image: &RowImage) -> String {
    let parts = table.key_columns().into_iter().filter_map(|at| {
        let (column, value) = (table.columns.get(at)?, image.values.get(at)?.as_ref()?);
        Some(format!("{}={}", column.name, cut(&Shown(value, column).to_string(), 60)))
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { String::new() } else { format!(" {}", parts.join(",")) }
}

fn differences(text: &mut String, change: &Change, (before, after): (&RowImage, &RowImage)) {
    let table = &*change.table;
    for at in change.changed() {
        let Some(column) = table.columns.get(at) else { continue };
        let side = |image: &RowImage| match image.values.get(at) {
            Some(Some(value)) => cut(&Shown(value, column).to_string(), VALUE),
            _ => "(not in the log)".to_owned(),
        };
        let (old, new) = (side(before), side(after));
        let line = format!("    {}: {old} -> {new}", column.name);
        match line.chars().count() <= WIDTH {
            true => drop(writeln!(text, "{line}")),
            false => drop(writeln!(text, "    {}:\n      - {old}\n      + {new}", column.name)),
        }
    }
}

/// All columns of an image, as many on a line as fit.
fn values(text: &mut String, table: &ChangedTable, image: &RowImage) {
    let mut line = String::from("   ");
    for (column, value) in table.columns.iter().zip(&image.values) {
        let Some(value) = value else { continue };
        let part = format!(" {}={}", column.name, cut(&Shown(value, column).to_string(), VALUE));
        if line.chars().count() + part.chars().count() > WIDTH && line.len() > 3 {
            let _ = writeln!(text, "{line}");
            line = String::from("   ");
        }
        line.push_str(&part);
    }
    let _ = writeln!(text, "{line}");
}

/// At most so many characters; what was cut off is said.
fn cut(text: &str, most: usize) -> String {
    let count = text.chars().count();
    if count <= most {
        return text.to_owned();
    }
    let more = format!("...({count})");
    let kept: String = text.chars().take(most.saturating_sub(more.len())).collect();
    format!("{kept}{more}")
}

fn one_line(text: &Foreign) -> String {
    text.to_string().replace("\\n", " ").replace("\\t", " ")
}

/// The keys that a row had.
pub fn keys_of(table: &TableRef, life: &Life) -> String {
    let key = |key: &Vec<crate::model::changes::Literal>| {
        let parts: Vec<String> = key.iter().map(ToString::to_string).collect();
        parts.join(",")
    };
    let keys: Vec<String> = life.keys.iter().take(LIST).map(key).collect();
    match life.changes.len() {
        0 => format!("{table}: no change of that row in the log"),
        count => format!("{table}: {} changes, under the keys {}", grouped(count as u64), keys.join(" > ")),
    }
}

/// The titles over [`entry`].
pub fn entries_head() -> String {
    format!("{:>7} {:<19} {:<7} {:>10} {}\n", "ENTRY", "COMMITTED UTC", "KIND", "ROWS", "TABLES, STATEMENT")
}

/// The lines of an entry.
pub fn entry(entry: &Entry) -> String {
    match entry {
        Entry::Transaction(line) => transaction_line(line),
        Entry::Wall(wall) => wall_line(wall),
    }
}

fn kinds(rows: Rows) -> &'static str {
    match rows {
        Rows { inserts: 1.., updates: 0, deletes: 0 } => "insert",
        Rows { inserts: 0, updates: 1.., deletes: 0 } => "update",
        Rows { inserts: 0, updates: 0, deletes: 1.. } => "delete",
        Rows { inserts: 0, updates: 0, deletes: 0 } => "text",
        _ => "mixed",
    }
}

fn transaction_line(line: &TransactionLine) -> String {
    let tables: Vec<String> = line.tables.iter().map(|(name, _)| name.to_string()).collect();
    let more = line.table_count.saturating_sub(tables.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let settled = match line.settled {
        Settled::Committed => "",
        Settled::Undecided => "  (prepared, not decided)",
        Settled::Cut => "  (has no end in the log)",
    };
    let (at, rows) = (line.facts.committed_at.second(), grouped(line.rows.all()));
    let front = format!("{:>7} {at} {:<7} {rows:>10} ", line.number, kinds(line.rows));
    let mut text = cut(&format!("{front}{}{more}{settled}", tables.join(" ")), WIDTH);
    let mut facts = vec![format!("{}:{}", line.file, line.place.position)];
    facts.extend(line.facts.thread.map(|thread| format!("thread {thread}")));
    facts.extend(line.facts.gtid.as_ref().map(ToString::to_string));
    let _ = write!(text, "\n{:8}{}", "", cut(&facts.join("  "), WIDTH - 8));
    if let Some(statement) = &line.statement {
        let _ = write!(text, "\n{:8}{}", "", cut(&one_line(statement), WIDTH - 8));
    }
    text.push('\n');
    text
}

fn wall_line(wall: &Wall) -> String {
    let at = wall.at.second();
    let front = format!("{:>7} {at} wall    {:>10} ", wall.entry, "");
    let mut text = cut(&format!("{front}{}", one_line(&wall.statement)), WIDTH);
    if wall.verb.destroys() {
        let _ = write!(text, "\n{:8}{}", "", cut(&format!("destroyed {}", wall.destroyed), WIDTH - 8));
    }
    text.push('\n');
    text
}

/// A whole source.
pub fn summary(view: &ChangesView) -> String {
    let mut text = format!("{}\n{}\n", view.source, view.coverage.words());
    for gap in &view.coverage.gaps {
        let _ = writeln!(text, "gap: {}", gap.words);
    }
    for problem in &view.problems {
        let _ = writeln!(text, "problem: {} at {}: {}", problem.file, problem.position, problem.words);
        let _ = writeln!(text, "  try: {}", problem.advice);
    }
    let totals = &view.totals;
    let rows = grouped(totals.rows.all());
    let transactions = grouped(totals.transactions);
    let _ = writeln!(text, "{rows} rows in {transactions} transactions, {} of logs", ByteSize(totals.bytes).words());
    let apart = [
        ("rows", totals.rolled_back, "rolled back, and so not counted"),
        ("rows", totals.undecided, "of XA transactions that were prepared and not decided"),
        ("statements", totals.statements, "in the log as text only: they cannot be undone from it"),
    ];
    for (of, count, what) in apart.iter().filter(|(_, count, _)| *count > 0) {
        let _ = writeln!(text, "{of} {what}: {}", grouped(*count));
    }
    files(&mut text, view);
    tables(&mut text, view);
    list(&mut text, "bursts", &view.bursts, |burst| vec![format!("{}  (entry {})", burst.words, burst.entry)]);
    list(&mut text, "walls", &view.walls, wall);
    list(&mut text, "statements as text", &view.statements, |statement| {
        let front = format!("{} {}:{}", statement.at.second(), statement.file, statement.position);
        vec![front, format!("  {}", cut(&one_line(&statement.statement), WIDTH - 4))]
    });
    list(&mut text, "column names", &view.facts, |facts| {
        let words = facts.problem.clone().unwrap_or_else(|| format!("true {}", facts.valid));
        vec![format!("{}: {} tables", facts.from, facts.tables), format!("  {words}")]
    });
    text
}

fn list<T>(text: &mut String, title: &str, items: &[T], lines: impl Fn(&T) -> Vec<String>) {
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for item in items.iter().take(LIST) {
        for line in lines(item) {
            let _ = writeln!(text, "  {line}");
        }
    }
    if items.len() > LIST {
        let _ = writeln!(text, "  and {} more: --json has them", items.len() - LIST);
    }
}

fn wall(wall: &Wall) -> Vec<String> {
    let mut lines = vec![
        format!("{} {}:{}  (entry {})", wall.at.second(), wall.file, wall.place.position, wall.entry),
        format!("  {}", cut(&one_line(&wall.statement), WIDTH - 4)),
    ];
    if wall.verb.destroys() {
        lines.push(format!("  destroyed {}", wall.destroyed));
        lines.push(match &wall.backup {
            Some(backup) => format!("  newest good backup from before it: {} ({})", backup.label, backup.id),
            None => "  no good backup from before it is known".to_owned(),
        });
    }
    lines
}

fn files(text: &mut String, view: &ChangesView) {
    let mut table = Table::new(&[
        ("FILE", Side::Name),
        ("SIZE", Side::Right),
        ("FROM UTC", Side::Left),
        ("TO UTC", Side::Left),
        ("SERVER", Side::Name),
    ]);
    let at = |moment: Option<Moment>| moment.map_or_else(|| "-".to_owned(), Moment::second);
    for file in view.files.iter().take(LIST) {
        let size = ByteSize(file.size).to_string();
        table.row([file.name.to_string(), size, at(file.from), at(file.to), file.server.clone()]);
    }
    let _ = write!(text, "\n{}", table.render(Some(WIDTH)));
    if view.files.len() > LIST {
        let _ = writeln!(text, "and {} more: --json has them", view.files.len() - LIST);
    }
}

fn tables(text: &mut String, view: &ChangesView) {
    if view.tables.is_empty() {
        return;
    }
    let mut table = Table::new(&[
        ("TABLE", Side::Name),
        ("INSERTS", Side::Right),
        ("UPDATES", Side::Right),
        ("DELETES", Side::Right),
        ("TRANSACTIONS", Side::Right),
        ("NAMES", Side::Left),
    ]);
    for totals in view.tables.iter().take(LIST) {
        let rows = totals.rows;
        table.row([
            totals.table.to_string(),
            grouped(rows.inserts),
            grouped(rows.updates),
            grouped(rows.deletes),
            grouped(totals.transactions),
            (if totals.named { "known" } else { "unknown" }).to_owned(),
        ]);
    }
    let _ = write!(text, "\n{}", table.render(Some(WIDTH)));
    if view.tables.len() > LIST {
        let _ = writeln!(text, "and {} more: --json has them", view.tables.len() - LIST);
    }
    let mut reasons: Vec<&String> = view.tables.iter().filter_map(|totals| totals.unnamed_because.as_ref()).collect();
    reasons.sort();
    reasons.dedup();
    for reason in reasons {
        let _ = writeln!(text, "names unknown: {reason}");
    }
}
