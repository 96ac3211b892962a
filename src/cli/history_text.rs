//! How the past reads in lines of text: strips of days, runs, and one run with its spans.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use crate::cli::history::{Tried, outcome};
use crate::cli::lines::FindingLine;
use crate::cli::print::wrapped;
use crate::cli::table::{Side, Table, cut};
use crate::model::judgement::{Judgement, Severity};
use crate::model::run::{Run, Span, SpanStatus};
use crate::model::trust::{Finding, Proof, Rung, Weight};
use crate::model::units::{ByteSize, Moment, long_span, short_span};
use crate::work::history::strip::{Mark, Zoom, strip};
use crate::work::history::waterfall::no_spans;
use crate::work::history::{Certainty, Checked, Point, RunDetail, SeriesPast};

/// Columns that fit everywhere.
const WIDTH: usize = 80;
/// Marks of a strip at most, so that a line of 80 columns holds it and its dates.
const MARKS: i64 = 60;
/// Columns of a waterfall's bars at most.
const BARS: usize = 40;

/// Every series: its rhythm, its strip, and what stands.
pub fn strips(chosen: &[&SeriesPast], from: Moment, now: Moment) -> String {
    if chosen.is_empty() {
        return "No backup is listed and no run was told of.\n".to_owned();
    }
    let span = now.0.saturating_sub(from.0).max(1);
    let fits = |zoom: &&Zoom| span / zoom.millis() < MARKS;
    let zoom = *Zoom::ALL.iter().skip(usize::from(span > 3 * 86_400_000) * 2).find(fits).unwrap_or(&Zoom::Month);
    let first = zoom.floor(from);
    let count = usize::try_from((now.0 - first.0) / zoom.millis() + 1).unwrap_or(1).min(MARKS as usize);
    let widest = chosen.iter().map(|series| series.label.width()).max().unwrap_or(0).clamp(8, 24);
    let mut text = String::new();
    let mut seen: Vec<Mark> = vec![];
    for series in chosen {
        text.push_str(&format!("{}\n", head(series, widest, now).trim_end()));
        let marks = strip(series, zoom, first, count, now);
        let drawn: String = marks.iter().map(|mark| mark.symbol()).collect();
        text.push_str(&format!("    {}  {drawn}\n", day(first)));
        seen.extend(marks);
        for judged in series.judgements.iter().filter(|judged| judged.stands()) {
            text.push_str(&said(margin(judged), &judged.words()));
        }
        series.findings.iter().for_each(|finding| text.push_str(&said(sign(finding), &finding.text)));
    }
    let known = Mark::LEGEND.iter().filter(|(mark, _)| seen.contains(mark));
    let legend: Vec<String> = known.map(|(mark, word)| format!("{} {word}", mark.symbol())).collect();
    let legend = format!("{}, up to {} UTC:  {}", zoom.words(), now.minute(), legend.join("  "));
    text.push_str(&format!("{}\n", wrapped(&legend, WIDTH - 2)));
    text
}

/// A remark below a strip, in lines that fit.
fn said(mark: &str, words: &str) -> String {
    let lines = wrapped(words, WIDTH - 8);
    format!("    {mark} {}\n", lines.replace('\n', "\n    "))
}

fn day(at: Moment) -> String {
    at.day().get(5..).unwrap_or_default().to_owned()
}

fn margin(judged: &Judgement) -> &'static str {
    match judged.severity {
        Severity::Critical => "x",
        Severity::Warning => "!",
        Severity::Note => "-",
    }
}

fn sign(finding: &Finding) -> &'static str {
    if finding.weight >= Weight::Warning { "!" } else { "-" }
}

/// How old the newest good copy is, or, where there is none, the newest of all and why it is not called good.
fn newest(series: &SeriesPast, now: Moment) -> String {
    let age = |point: &Point| short_span(point.at.age_at(now));
    match (series.newest_good(), series.newest()) {
        (Some(good), _) => format!("good {} ({})", age(good), good.kept.word()),
        (None, Some(newest)) if newest.kept.rung() >= Some(Rung::Whole) => format!("{} unchecked", age(newest)),
        (None, Some(newest)) => format!("{} unverified", age(newest)),
        (None, None) => "none there".to_owned(),
    }
}

fn head(series: &SeriesPast, widest: usize, now: Moment) -> String {
    let mark = series.severity().filter(|severity| *severity > Severity::Note).map_or(" ", |_| "!");
    let label = cut(&series.label, widest);
    let pad = " ".repeat(widest.saturating_sub(label.width()));
    let target = series.key.target.as_ref().map_or("-", |target| target.as_str());
    let size = series
        .newest()
        .and_then(|point| point.bytes)
        .map_or_else(|| "-".to_owned(), |bytes| ByteSize(bytes).to_string());
    let took = series.points.iter().rev().find_map(|point| point.took).map_or_else(|| "-".to_owned(), took);
    format!(
        "{mark} {label}{pad}  {:<10} {:<9} {:<18} {size:>5} {took:>8}",
        cut(target, 10),
        cut(&series.rhythm.word(), 9),
        newest(series, now)
    )
}

fn took(millis: i64) -> String {
    long_span(std::time::Duration::from_millis(millis.max(0).unsigned_abs()))
}

/// Everything that the past says, newest first.
pub fn judgements(chosen: &[&SeriesPast], from: Moment) -> String {
    let mut lines: Vec<(Moment, String)> = vec![];
    for series in chosen {
        for judged in series.judgements.iter().filter(|judged| judged.until.is_none_or(|until| until >= from)) {
            let over = if judged.stands() { "" } else { " (over)" };
            let place = series.key.target.as_ref().map_or_else(String::new, |target| format!(" on {target}"));
            let words = judged.words();
            let line =
                format!("{} {}  {}{place}: {words}{over}\n", margin(judged), judged.since.minute(), series.label);
            lines.push((judged.since, line));
        }
    }
    lines.sort_by_key(|(since, _)| std::cmp::Reverse(*since));
    match lines.is_empty() {
        true => "Nothing is late, failed, or beyond its habit.\n".to_owned(),
        false => lines.into_iter().map(|(_, line)| line).collect(),
    }
}

/// Runs, backups and verifications one by one.
pub fn runs(lines: &[(&SeriesPast, Tried<'_>)]) -> Table {
    let mut table = Table::new(&[
        ("BEGAN UTC", Side::Left),
        ("DATABASE", Side::Name),
        ("TARGET", Side::Name),
        ("RESULT", Side::Left),
        ("TOOK", Side::Right),
        ("SIZE", Side::Right),
        ("TRUST", Side::Left),
        ("BACKUP", Side::Left),
        ("RUN", Side::Left),
    ]);
    for (series, tried) in lines {
        table.row(match tried {
            Tried::Backup(point) => backup_row(series, point),
            Tried::Check(checked) => check_row(series, checked),
        });
    }
    table
}

fn dash() -> String {
    "-".to_owned()
}

fn backup_row(series: &SeriesPast, point: &Point) -> [String; 9] {
    let sure = match point.certainty {
        Some(Certainty::Guess) => "?",
        _ => "",
    };
    let silent = point.odd.as_ref().is_some_and(|finding| finding.code == "no_run");
    let no_run = if silent { "none made it" } else { "-" };
    [
        point.at.minute(),
        series.label.clone(),
        series.key.target.as_ref().map_or_else(dash, ToString::to_string),
        outcome(point.outcome).to_owned(),
        point.took.map_or_else(dash, took),
        point.bytes.map_or_else(dash, |bytes| ByteSize(bytes).to_string()),
        point.kept.word().to_owned(),
        point.backup.as_ref().map_or_else(dash, ToString::to_string),
        point.run.as_ref().map_or_else(|| no_run.to_owned(), |run| format!("{run}{sure}")),
    ]
}

fn check_row(series: &SeriesPast, checked: &Checked) -> [String; 9] {
    [
        checked.at.minute(),
        series.label.clone(),
        checked.target.as_ref().map_or_else(dash, ToString::to_string),
        checked.word().to_owned(),
        checked.took.map_or_else(dash, took),
        checked.bytes.map_or_else(dash, |bytes| ByteSize(bytes).to_string()),
        checked.reached.map_or("", Rung::word).to_owned(),
        checked.backup.as_ref().map_or_else(dash, ToString::to_string),
        checked.run.to_string(),
    ]
}

/// One run: what it was, its spans, and what it left.
pub fn run(detail: &RunDetail, width: usize) -> String {
    let run = &detail.run;
    let mut text = String::new();
    let mut fact = |name: &str, value: String| text.push_str(&format!("{name:<9} {value}\n"));
    fact("run", format!("{} ({} by {}, told by {})", run.id, run.kind.word(), run.tool.word(), run.feed.word()));
    fact("series", run.series.to_string());
    let ended = run.ended.map_or_else(|| "its end was not seen".to_owned(), |at| format!("to {}", at.second()));
    fact(
        "when",
        format!(
            "{} {ended} UTC{}",
            run.at().second(),
            run.took().map_or_else(String::new, |took| format!(", {}", long_span(took)))
        ),
    );
    let why = run.failure.as_ref().map_or_else(String::new, |failure| {
        format!("{}: {}", failure.phase.map_or_else(String::new, |phase| format!(" in {}", phase.word())), failure.text)
    });
    fact("result", format!("{}{why}", run.state.word()));
    if let Some(reached) = run.reached {
        fact("reached", reached.word().to_owned());
    }
    if let Some(bytes) = run.bytes {
        fact("bytes", ByteSize(bytes).exact());
    }
    if let Some(databases) = &run.databases {
        fact("inside", databases.iter().take(20).map(ToString::to_string).collect::<Vec<_>>().join(" "));
    }
    for (joint, backup) in &detail.left {
        let trust = backup.proof.as_deref().map_or(Rung::Listed, Proof::reached).word();
        fact("left", format!("{} ({}, {trust}; {})", backup.label(), backup.id, joint.certainty.word()));
    }
    for finding in &detail.findings {
        fact("finding", finding.text.clone());
    }
    if detail.fall.rows.is_empty() {
        text.push_str(&format!("{:<9} none: {}\n", "spans", no_spans(run.feed)));
    }
    text.push_str(&waterfall(detail, width));
    text
}

fn waterfall(detail: &RunDetail, width: usize) -> String {
    let fall = &detail.fall;
    let name = |depth: u16, span: &Span| format!("{}{}", "  ".repeat(usize::from(depth)), span.name);
    let widest = fall.rows.iter().map(|row| name(row.depth, &row.span).width()).max().unwrap_or(0);
    let names = widest.clamp(8, width.saturating_sub(24).clamp(8, 34));
    let bars = width.saturating_sub(names + 16).clamp(10, BARS);
    let mut text = String::new();
    for row in &fall.rows {
        let (first, length) = fall.bar(&row.span, bars as u16);
        let label = cut(&name(row.depth, &row.span), names);
        let pad = " ".repeat(names - label.width());
        let bar = format!("{}{}", " ".repeat(usize::from(first)), "=".repeat(usize::from(length)));
        let time = row.span.took().map_or_else(|| "?".to_owned(), long_span);
        let state = if row.span.status == SpanStatus::Error { " X" } else { "" };
        text.push_str(&format!("  {label}{pad} {time:>7} |{bar:<bars$}|{state}\n"));
        if row.span.status == SpanStatus::Error && !row.span.message.raw_bytes().is_empty() {
            text.push_str(&format!("  {}  {}\n", " ".repeat(names), row.span.message));
        }
    }
    text
}

/// One run in JSON: everything that is known of it.
#[derive(Serialize)]
pub struct RunJson<'a> {
    #[serde(flatten)]
    run: &'a Run,
    left: Vec<LeftJson>,
    joined: Vec<FindingLine>,
    waterfall: Vec<SpanJson<'a>>,
}

#[derive(Serialize)]
struct LeftJson {
    object_id: String,
    target: String,
    name: String,
    certainty: Certainty,
    size_bytes: u64,
    trust: Rung,
}

#[derive(Serialize)]
struct SpanJson<'a> {
    depth: u16,
    #[serde(flatten)]
    span: &'a Span,
}

impl<'a> RunJson<'a> {
    /// Of what the history knows.
    pub fn of(detail: &'a RunDetail) -> Self {
        let left = detail.left.iter().map(|(joint, backup)| LeftJson {
            object_id: backup.id.to_string(),
            target: backup.target.to_string(),
            name: backup.key.to_string(),
            certainty: joint.certainty,
            size_bytes: backup.stamp.size,
            trust: backup.proof.as_deref().map_or(Rung::Listed, Proof::reached),
        });
        Self {
            run: &detail.run,
            left: left.collect(),
            joined: detail.findings.iter().map(FindingLine::from).collect(),
            waterfall: detail.fall.rows.iter().map(|row| SpanJson { depth: row.depth, span: &row.span }).collect(),
        }
    }
}
