//! A plan and what came of it, in words.

use std::time::Duration;

use crate::model::job::{RestoreOutcome, RestoreReport};
use crate::model::plan::{Ask, PlanFinding, RestorePlan, Rewrite, SinkState, Stance, StepEffect};
use crate::model::units::{grouped, long_span, short_span};

/// Everything a plan says, as lines that end in line feeds.
pub fn of(plan: &RestorePlan) -> String {
    let age = short_span(Duration::from_secs(plan.estimate.age_seconds));
    let mut lines = vec![
        format!("from      {}, taken {} UTC, {age} ago", plan.from.label, plan.from.taken_at.minute()),
        format!("          {}, content vouched for by: {}", plan.from.trust.word(), plan.from.content.word()),
        format!("into      {}", plan.into),
        format!("          {}", there(&plan.there)),
    ];
    lines.extend(plan.estimate.server.as_ref().map(|server| {
        let mode = if server.read_only { "read-only" } else { "writable" };
        let flavor = server.flavor.word();
        format!("server    {flavor} {}, {}, as {}, {mode}", server.version, server.hostname, server.account)
    }));
    lines.extend(plan.estimate.newer_good.iter().map(|newer| format!("note      a newer good copy exists: {newer}")));
    listed(&mut lines, "will", plan.will.iter().map(|step| format!("{}{}", loud(step.effect), step.text)));
    listed(&mut lines, "will not", plan.will_not.iter().cloned());
    if let (Some(databases), true) = (&plan.databases, plan.parts.is_empty()) {
        let names: Vec<String> = databases.iter().map(ToString::to_string).collect();
        lines.push(format!("only      {}", names.join(", ")));
    }
    if let Some(tables) = &plan.tables {
        let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
        lines.push(format!("tables    {}", names.join(", ")));
    }
    lines.extend(needs(plan).map(|text| format!("needs     {text}")));
    listed(&mut lines, "finding", plan.findings.iter().map(finding));
    listed(&mut lines, "rewrites", plan.rewrites.iter().flat_map(rewrite));
    lines.push(format!("asks      {}", ask(&plan.ask())));
    lines.push(format!("plan      {}", plan.digest()));
    lines.join("\n") + "\n"
}

fn listed(lines: &mut Vec<String>, title: &str, items: impl Iterator<Item = String>) {
    for (at, item) in items.enumerate() {
        lines.push(format!("{:8}  {item}", if at == 0 { title } else { "" }));
    }
}

/// As `diff` draws it: what stands in the dump, and what runs in its place.
fn rewrite(rewrite: &Rewrite) -> Vec<String> {
    let before = rewrite.before.iter().map(|line| format!("- {line}"));
    let after = rewrite.after.iter().flatten().map(|line| format!("+ {line}"));
    std::iter::once(rewrite.place.clone()).chain(before).chain(after).collect()
}

fn loud(effect: StepEffect) -> &'static str {
    match effect {
        StepEffect::Reads | StepEffect::Creates => "",
        StepEffect::Overwrites => "OVERWRITE: ",
    }
}

fn there(state: &SinkState) -> String {
    match state {
        SinkState::New => "nothing is there yet".to_owned(),
        SinkState::FolderInUse { entries } => format!("it holds {entries} other entries, none of which is touched"),
        SinkState::DatabaseExists { tables } => format!("it exists, with {} tables and views", tables.len()),
    }
}

fn needs(plan: &RestorePlan) -> Option<String> {
    let estimate = &plan.estimate;
    let free = estimate.free.map_or_else(String::new, |free| format!(" of {} free", free.words()));
    let bytes = estimate.bytes_out.map(|bytes| format!("{}{free}", bytes.words()));
    let time = estimate.seconds.as_ref();
    let time = time.map(|(seconds, basis)| format!("about {} ({basis})", long_span(Duration::from_secs(*seconds))));
    let parts: Vec<String> = bytes.into_iter().chain(time).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn finding(finding: &PlanFinding) -> String {
    let stance = match finding.stance {
        Stance::Fine => "fine",
        Stance::Warns => "note",
        Stance::Stops => "STOPS",
    };
    let choice = if finding.choices.is_empty() {
        String::new()
    } else {
        let chosen = if finding.chosen.is_empty() { "nothing yet" } else { &finding.chosen };
        format!("  [{}] chosen: {chosen}", finding.choices.join(" | "))
    };
    format!("{stance}: {} ({}){choice}", finding.text, finding.code)
}

fn ask(ask: &Ask) -> String {
    match ask {
        Ask::Nothing => "nothing".to_owned(),
        Ask::YesNo => "y/N (--yes)".to_owned(),
        Ask::TypeName(name) => format!("the typed name (--confirm {name})"),
    }
}

/// What a restore did.
pub fn of_report(report: &RestoreReport) -> String {
    let outcome = match report.outcome {
        RestoreOutcome::Done => "done",
        RestoreOutcome::Partly => "partly done",
        RestoreOutcome::Failed => "failed",
        RestoreOutcome::Cancelled => "cancelled",
    };
    let mut lines = vec![
        format!("outcome   {outcome}, {} in {:.1} s", report.bytes.words(), report.seconds),
        format!("into      {}", report.into),
    ];
    match report.files.as_slice() {
        [] => lines.extend(report.file.iter().map(|file| format!("file      {file}"))),
        files => listed(&mut lines, "file", files.iter().cloned()),
    }
    lines.extend(report.sha256.iter().map(|digest| format!("sha256    {digest}")));
    if report.statements > 0 {
        let (tables, rows) = (grouped(report.tables), grouped(report.rows));
        lines.push(format!("loaded    {tables} tables, {rows} rows, {} statements", grouped(report.statements)));
    }
    listed(&mut lines, "failure", report.failures.iter().cloned());
    lines.join("\n") + "\n"
}
