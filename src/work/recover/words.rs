//! A recovery in words: its title, the header of its script, the summary that a second person signs.

use std::fmt::Write;

use crate::change::index::{Beside, Gtids};
use crate::change::script::Header;
use crate::model::changes::{ChangeFilter, ChangesView, Problem};
use crate::model::foreign::Foreign;
use crate::model::script::{Choice, Commits, Extent, Gaps, Mode, RecoveryView, ScriptHazard};
use crate::model::units::{counted, grouped};
use crate::work::changes::TWICE;
use crate::work::recover::around;
use crate::work::recover::made::{Made, place_words};
use crate::work::recover::state::State;

/// Entries of lists that are written out.
const LISTED: usize = 50;

/// What a recovery undoes: the source and what is asked of it.
pub fn title(view: &ChangesView, filter: &ChangeFilter) -> String {
    let words: Vec<String> = filter_words(filter).into_iter().map(|(_, words)| words).collect();
    if words.is_empty() { format!("all of {}", view.source) } else { words.join(", ") }
}

/// Every condition of a filter: the flag's name and its value. Values of rows may be among them.
pub fn filter_words(filter: &ChangeFilter) -> Vec<(&'static str, String)> {
    let mut words = vec![];
    let mut add = |name, value: String| words.push((name, value));
    filter.schemas.iter().for_each(|schema| add("schema-name", schema.to_string()));
    for table in &filter.tables {
        let schema = table.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        add("table", format!("{schema}{}", table.table));
    }
    filter.kinds.iter().for_each(|kind| add("kind", kind.to_string()));
    filter.since.iter().for_each(|at| add("since", at.rfc3339()));
    filter.until.iter().for_each(|at| add("until", at.rfc3339()));
    for (name, bound) in [("from-position", &filter.from), ("to-position", &filter.to)] {
        if let Some(bound) = bound {
            add(name, bound.to_string());
        }
    }
    filter.gtids.iter().for_each(|gtids| add("gtid", gtids.to_string()));
    filter.begins.iter().for_each(|begin| add("transaction", begin.to_string()));
    filter.threads.iter().for_each(|thread| add("thread", thread.to_string()));
    for key in &filter.keys {
        add("key", key.iter().map(ToString::to_string).collect::<Vec<_>>().join(","));
    }
    filter.changed.iter().for_each(|column| add("changed-column", column.clone()));
    filter.values.iter().for_each(|(column, value)| add("where", format!("{column}={value}")));
    filter.statement.iter().for_each(|pattern| add("statement", pattern.clone()));
    words
}

/// The header of a script: where it comes from and what it rests on, beside what follows from its statements.
pub fn header(made: &Made, filter: &ChangeFilter, state: &State) -> Header {
    let (view, options) = (&made.view, &made.options);
    let mut lines: Vec<(&'static str, Foreign)> = vec![("source", (*view.source).clone())];
    let mut add = |label, words: String| lines.push((label, Foreign::from(words)));
    for file in made.index.files.iter().take(LISTED) {
        add("log", file.of.name.to_string());
    }
    let more = made.index.files.len().saturating_sub(LISTED);
    if more > 0 {
        add("log", format!("and {more} more"));
    }
    if let (Some(from), Some(to)) = (&view.coverage.from, &view.coverage.to) {
        add("positions", format!("{}:{} to {}:{}", from.file, from.position, to.file, to.position));
    }
    add("coverage", view.coverage.words());
    for facts in view.facts.iter().take(LISTED) {
        let words = facts.problem.clone().unwrap_or_else(|| format!("true {}", facts.valid));
        add("columns", format!("{}: {words}", facts.from));
    }
    if view.facts.is_empty() {
        add("columns", "named by the logs alone".to_owned());
    }
    for gap in view.coverage.gaps.iter().take(LISTED) {
        add("gap", gap.words.clone());
    }
    if options.gaps == Gaps::Allow && !view.coverage.gaps.is_empty() {
        add("gap", "allowed by whoever made this: changes may be missing".to_owned());
    }
    for problem in view.problems.iter().filter(|problem| problem.damage).take(LISTED) {
        add("damaged", format!("{} at {}: {}", problem.file, problem.position, problem.words));
    }
    for (name, words) in filter_words(filter) {
        add("filter", format!("{name} {words}"));
    }
    add("around", around::known_words(made, state.asked.as_ref().map(|(server, _)| server.as_str())));
    add("transactions", transactions(made));
    if let Some(gtids) = gtids(&made.index.gtids) {
        add("gtids", gtids);
    }
    for part in state.view_partial().iter().take(LISTED) {
        add("partial", part.clone());
    }
    if options.mode == Mode::Overwrite {
        add("mode", "overwrite: what happened to these rows since is lost".to_owned());
    }
    for (schema, table) in &state.choices.excluded {
        add("excluded", format!("{schema}.{table}"));
    }
    let single = state.choices.rows.values().filter(|row| row.choice == Some(Choice::Exclude)).count();
    if single > 0 {
        add("excluded", counted(single as u64, "single change"));
    }
    let whole = state.choices.transactions.values().filter(|of| of.choice == Some(Choice::Exclude)).count();
    if whole > 0 {
        add("excluded", counted(whole as u64, "transaction"));
    }
    for (_, place, note) in state.notes().take(LISTED) {
        add("note", format!("{} row {}: {note}", place_words(made, *place), place.row));
    }
    let hazards = state.told.iter().chain(&state.defined).chain(&state.around);
    let texts: Vec<Foreign> = hazards.clone().map(|hazard| Foreign::from(hazard.text.as_str())).collect();
    Header { lines, hazards: texts, notes: hazards.flat_map(offers).collect(), ..Header::default() }
}

/// Statements to run by hand, each with what it is for.
fn offers(hazard: &ScriptHazard) -> Vec<Foreign> {
    let line = |text: String| Foreign::from(text);
    let mut notes = vec![];
    for offer in &hazard.offers {
        notes.push(line(format!("{}: {}", hazard.code, offer.what)));
        notes.extend(offer.sql.iter().map(|sql| line(format!("  {sql}"))));
    }
    notes
}

/// A hazard for statements without rows that name none of the tables that are asked for.
pub fn beside(beside: &Beside) -> Option<ScriptHazard> {
    let first = beside.first.as_ref()?;
    let count = counted(beside.total, "statement");
    let text = format!(
        "{count} on other tables, or on temporary ones, lie in the log as text alone, the first at {}:{}: what triggers, \
         functions, views or foreign keys of theirs changed in these tables is not undone ({})",
        first.key.file, first.key.position, first.reason
    );
    Some(ScriptHazard { code: "statements_beside", text, offers: vec![] })
}

/// A hazard for each log that is there twice: which copy was read decides what is undone.
pub fn twice(view: &ChangesView) -> Vec<ScriptHazard> {
    let twice = view.problems.iter().filter(|problem| problem.code == TWICE);
    let hazard = |problem: &Problem| ScriptHazard {
        code: "log_twice",
        text: format!("{} is {}", problem.file, problem.words),
        offers: vec![],
    };
    twice.take(LISTED).map(hazard).collect()
}

/// The GTIDs of the transactions that are asked for; `None` where the log gives none.
fn gtids(gtids: &Gtids) -> Option<String> {
    let (spans, unlisted) = gtids.spans();
    let mut words: Vec<String> = spans.iter().take(LISTED).map(ToString::to_string).collect();
    let more = spans.len().saturating_sub(LISTED);
    match (more > 0, unlisted) {
        (true, 0) => words.push(format!("and {} more spans", grouped(more as u64))),
        (true, _) => words.push(format!("and more than {} more spans", grouped(more as u64))),
        _ => {}
    }
    let without = gtids.without;
    let words = words.join(", ");
    match (words.is_empty(), without) {
        (true, _) => None,
        (false, 0) => Some(words),
        (false, without) => Some(format!("{words}; {} transactions have none", grouped(without))),
    }
}

fn transactions(made: &Made) -> String {
    let count = grouped(made.index.transactions());
    let how = match made.options.commits {
        Commits::Once => "undone in one",
        Commits::PerTransaction => "each undone in one of its own",
    };
    match made.options.extent {
        Extent::Whole => format!("{count}, whole, {how}"),
        Extent::Partial => {
            let partial = grouped(made.index.partial.total);
            format!("{count}, PARTIAL: of {partial} of them other changes stay, {how}")
        }
    }
}

/// A text that a second person can sign.
pub fn summary(view: &RecoveryView, filter: &ChangeFilter, notes: &[(u64, String)]) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        let _ = writeln!(text, "{label:<13}{words}");
    };
    line("undo of", &view.title);
    line("source", &view.source.to_string());
    line("coverage", &view.coverage.words());
    for (name, words) in filter_words(filter) {
        line("filter", &format!("{name} {words}"));
    }
    for table in &view.tables {
        let what = match table.choice {
            Choice::Include => "",
            Choice::Exclude => "  (left as it is)",
        };
        let rows = &table.rows;
        let words = format!(
            "{}: {} put back, {} set back, {} taken away{what}",
            table.table,
            grouped(rows.deletes),
            grouped(rows.updates),
            grouped(rows.inserts)
        );
        line("table", &words);
    }
    let counts = &view.counts;
    line("changes", &format!("{} in, {} out", grouped(counts.included), grouped(counts.excluded)));
    line("transactions", &grouped(view.transactions));
    if view.partials > 0 {
        line("partial", &format!("of {} transactions other changes stay", grouped(view.partials)));
    }
    if counts.overwrite > 0 {
        line("overwrite", &format!("{}, whatever happened since", counted(counts.overwrite, "row")));
    }
    let states = &view.states;
    if states.looked_at() > 0 {
        let words = format!(
            "{} match, {} already undone, {} changed since, {} gone, {} inserted anew, {} cannot be told ({})",
            grouped(states.matches),
            grouped(states.undone),
            grouped(states.changed),
            grouped(states.gone),
            grouped(states.anew),
            grouped(states.unknowable),
            view.check.server
        );
        line("rows now", &words);
    } else {
        line("rows now", "nobody looked");
    }
    for hazard in &view.hazards {
        line("hazard", &hazard.text);
    }
    for (number, note) in notes.iter().take(LISTED) {
        line("note", &format!("statement {}: {note}", grouped(number + 1)));
    }
    match view.digest {
        Some(digest) => {
            line("digest", &digest.words());
            line("", &digest.hex());
        }
        None => line("digest", "none: it cannot be written as it is chosen"),
    }
    text
}
