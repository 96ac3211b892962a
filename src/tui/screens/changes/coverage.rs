//! What was read, what is missing and what cannot be undone, in words.

use crate::model::changes::{ChangesView, ViewState};
use crate::model::units::{ByteSize, grouped};
use crate::tui::canvas::{Line, span};
use crate::tui::log::Log;
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::widgets::body::Paragraph;

/// How many statements without rows are named.
const STATEMENTS: usize = 40;

/// `covered 13:00:02 to 14:31:57, no gap`, shorter where there is little room.
pub fn line(log: &Log, width: u16) -> Line {
    let view = &log.view;
    let coverage = &view.coverage;
    let (Some(from), Some(to)) =
        (coverage.from.as_ref().and_then(|edge| edge.at), coverage.to.as_ref().and_then(|edge| edge.at))
    else {
        return vec![];
    };
    let one_day = from.day() == to.day();
    let short = width < 72;
    let time = |at: crate::model::units::Moment| at.second().split_off(if one_day { 11 } else { 5 });
    let mut line = match view.state {
        ViewState::Reading => vec![span(Role::Dim, format!("so far {} to {}", time(from), time(to)))],
        _ => {
            let day = if short || !one_day { String::new() } else { format!("{} ", from.day()) };
            let word = if width < 100 { "" } else { "covered " };
            vec![span(Role::Text, format!("{word}{day}{} to {}", time(from), time(to)))]
        }
    };
    let gaps = coverage.gaps.len();
    match gaps {
        0 if view.state == ViewState::Reading => {}
        0 => line.push(span(Role::Good, ", no gap")),
        1 => line.push(span(Role::Danger, ", 1 gap")),
        n => line.push(span(Role::Danger, format!(", {n} gaps"))),
    }
    if view.state == ViewState::Cancelled {
        line.push(span(Role::Warn, ", stopped"));
    }
    if !view.problems.is_empty() {
        line.push(span(Role::Warn, format!(", {}", counted(view.problems.len() as u64, "problem"))));
    }
    if !log.untold().is_empty() {
        line.push(span(Role::Warn, format!(", {} may be missing", counted(log.untold().rows, "row"))));
    }
    line
}

/// Everything about what was read.
pub fn paragraphs(log: &Log) -> Vec<Paragraph> {
    let view = &log.view;
    let mut all = vec![
        Paragraph::Title(format!("{}: {}", view.source, view.coverage.words())),
        Paragraph::Field("read", Role::Text, sums(view)),
    ];
    if view.totals.rolled_back > 0 {
        let text = format!(
            "{} rolled back: they never happened, and are not in the lists",
            counted(view.totals.rolled_back, "row")
        );
        all.push(Paragraph::Field("", Role::Text, text));
    }
    if view.totals.undecided > 0 {
        let text = format!(
            "{} prepared (XA) and not decided in this log: they cannot be undone",
            counted(view.totals.undecided, "row")
        );
        all.push(Paragraph::Field("", Role::Warn, text));
    }
    gaps(view, &mut all);
    passed_over(log, &mut all);
    names(view, &mut all);
    files(view, &mut all);
    statements(view, &mut all);
    all
}

fn sums(view: &ChangesView) -> String {
    let rows = view.totals.rows;
    format!(
        "{}, {}: {} inserted, {} updated, {} deleted",
        ByteSize(view.totals.bytes).words(),
        counted(view.totals.transactions, "transaction"),
        grouped(rows.inserts),
        grouped(rows.updates),
        grouped(rows.deletes)
    )
}

fn gaps(view: &ChangesView, all: &mut Vec<Paragraph>) {
    all.push(Paragraph::Blank);
    if view.coverage.gaps.is_empty() {
        all.push(Paragraph::Field("gaps", Role::Good, "none between the first and the last event".to_owned()));
    }
    for (nth, gap) in view.coverage.gaps.iter().enumerate() {
        all.push(Paragraph::Field(if nth == 0 { "gaps" } else { "" }, Role::Danger, gap.words.clone()));
    }
    if view.coverage.open_end {
        let text = "the last file was still being written, or its server crashed: more may have followed";
        all.push(Paragraph::Field("", Role::Warn, text.to_owned()));
    }
    for (nth, problem) in view.problems.iter().enumerate() {
        let text = format!("{} at {}: {}", problem.file, problem.position, problem.words);
        all.push(Paragraph::Field(if nth == 0 { "problems" } else { "" }, Role::Danger, text));
        if !problem.advice.is_empty() {
            all.push(Paragraph::Field("", Role::Dim, problem.advice.clone()));
        }
    }
}

/// Rows of the stretch that is held which are not in the list though the filter may mean them.
fn passed_over(log: &Log, all: &mut Vec<Paragraph>) {
    for (nth, line) in log.untold().lines().into_iter().enumerate() {
        all.push(Paragraph::Field(if nth == 0 { "filter" } else { "" }, Role::Warn, line));
    }
}

/// Where the names of columns came from, and which tables have none.
fn names(view: &ChangesView, all: &mut Vec<Paragraph>) {
    all.push(Paragraph::Blank);
    for (nth, facts) in view.facts.iter().enumerate() {
        let label = if nth == 0 { "columns" } else { "" };
        let text = match &facts.problem {
            Some(problem) => (Role::Danger, format!("{}: {problem}", facts.from)),
            None => (Role::Text, format!("{}: {}, {}", facts.from, counted(facts.tables as u64, "table"), facts.valid)),
        };
        all.push(Paragraph::Field(label, text.0, text.1));
    }
    for table in view.tables.iter().filter(|table| !table.named) {
        let why = table.unnamed_because.clone().unwrap_or_else(|| "nothing tells the names of its columns".to_owned());
        all.push(Paragraph::Field("", Role::Warn, format!("{}: {why}", table.table)));
    }
    if view.tables.iter().any(|table| !table.named) {
        let text = "Columns without names are shown as @1, @2 and so on, and cannot become SQL. Names come from SHOW CREATE TABLE text, a dump, or a server: c";
        all.push(Paragraph::Field("", Role::Dim, text.to_owned()));
    }
}

fn files(view: &ChangesView, all: &mut Vec<Paragraph>) {
    all.push(Paragraph::Blank);
    for (nth, file) in view.files.iter().enumerate() {
        let time = |at: Option<crate::model::units::Moment>| at.map_or_else(|| "?".to_owned(), |at| at.second());
        let sums = if file.checksums { "" } else { ", no checksums" };
        let text = format!(
            "{}  {}  {} to {}  {}{sums}",
            file.name,
            ByteSize(file.size),
            time(file.from),
            time(file.to),
            file.server
        );
        let role = if file.problem.is_some() { Role::Danger } else { Role::Text };
        all.push(Paragraph::Field(if nth == 0 { "files" } else { "" }, role, text));
    }
}

fn statements(view: &ChangesView, all: &mut Vec<Paragraph>) {
    if view.totals.statements == 0 {
        return;
    }
    all.push(Paragraph::Blank);
    let text = format!(
        "{} changed rows, and the log has only the text: what they did cannot be undone from here",
        counted(view.totals.statements, "statement")
    );
    all.push(Paragraph::Field("text only", Role::Warn, text));
    for statement in view.statements.iter().take(STATEMENTS) {
        let text =
            format!("{}  {} at {}: {}", statement.at.second(), statement.file, statement.position, statement.statement);
        all.push(Paragraph::Field("", Role::Text, text));
    }
}
