//! `history`: what ran, what it left, and what the past of every series says.

use std::sync::Arc;

use clap::Args as ArgGroup;
use serde::Serialize;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::exit::DONE;
use crate::cli::history_text;
use crate::cli::lines::FindingLine;
use crate::cli::ls::say_targets;
use crate::cli::print::Form;
use crate::model::judgement::{Judgement, Severity};
use crate::model::run::{RunKind, RunState};
use crate::model::trust::{Finding, Rung, Weight};
use crate::model::units::{Moment, parse_span};
use crate::report::Report;
use crate::work::history::{Certainty, Checked, HistoryView, Outcome, Point, SeriesPast, fits};
use crate::work::session::Session;

/// Arguments of `history`.
#[derive(Debug, ArgGroup)]
pub struct HistoryArgs {
    /// Only databases or series that fit this pattern, such as shop or crm_*
    #[arg(long, value_name = "PATTERN")]
    series: Option<String>,
    /// Only from then on: a span such as 30d, or a time such as 2026-11-01
    #[arg(long, value_name = "WHEN", default_value = "30d")]
    since: String,
    /// List runs and backups one by one
    #[arg(long, conflicts_with_all = ["run", "judgements"])]
    runs: bool,
    /// Everything about one run: its spans as a waterfall, and what it left
    #[arg(long, value_name = "ID", conflicts_with_all = ["series", "judgements"])]
    run: Option<String>,
    /// Everything that the past says, also what is over
    #[arg(long)]
    judgements: bool,
}

pub async fn run(door: &Door, args: HistoryArgs) -> Result<u8, Report> {
    let session = door.session().await?;
    let catalog = door.listed(&session).await?;
    if let Some(id) = &args.run {
        let detail = door.waited(session.run_detail(id)).await??;
        match door.printer().form() {
            Form::Json => door.printer().json(&history_text::RunJson::of(&detail))?,
            Form::Text => door.printer().text(&history_text::run(&detail, door.printer().columns()))?,
        }
        return Ok(DONE);
    }
    let code = say_targets(door, &catalog);
    let history = door.waited(session.history()).await??;
    let from = since(&args.since, history.at)?;
    history.remarks.iter().for_each(|remark| door.printer().say(remark));
    let one_by_one = !args.judgements && (args.runs || door.printer().form() == Form::Json);
    let history = if one_by_one { with_checks(door, &session, history, from).await? } else { history };
    let chosen: Vec<&SeriesPast> = chosen(&history, args.series.as_deref())?;
    match (door.printer().form(), args.judgements) {
        (Form::Json, true) => {
            for series in chosen {
                let wanted = series.judgements.iter().filter(|judged| judged.until.is_none_or(|until| until >= from));
                wanted
                    .map(|judged| JudgementLine::of(series, judged))
                    .try_for_each(|line| door.printer().json(&line))?;
                let found = series.findings.iter().map(|finding| FoundLine::of(series, finding));
                found.into_iter().try_for_each(|line| door.printer().json(&line))?;
            }
        }
        (Form::Json, false) => {
            for (series, tried) in newest_first(&chosen, from) {
                door.printer().json(&RunLine::of(series, tried))?;
            }
        }
        (Form::Text, true) => door.printer().text(&history_text::judgements(&chosen, from))?,
        (Form::Text, false) if args.runs => door.printer().table(&history_text::runs(&newest_first(&chosen, from)))?,
        (Form::Text, false) => door.printer().text(&history_text::strips(&chosen, from, history.at))?,
    }
    Ok(code)
}

/// The past with every verification since a time: at first only the newest are read.
async fn with_checks(
    door: &Door,
    session: &Session,
    mut history: Arc<HistoryView>,
    from: Moment,
) -> Result<Arc<HistoryView>, Report> {
    const PAGE: usize = 1000;
    for series in Arc::make_mut(&mut history).series.iter_mut().filter(|series| series.more_checks.before > Some(from))
    {
        let series = Arc::make_mut(series);
        while let Some(before) = series.more_checks.before.filter(|before| *before > from) {
            let named = (series.key.clone(), series.more_checks.names.clone());
            let (older, next) = door.waited(session.older_checks(named, (before, PAGE))).await??;
            let own: Vec<Checked> = series.own_checks(&older).into_iter().rev().cloned().collect();
            series.checks.splice(0..0, own);
            series.more_checks.before = next;
        }
    }
    Ok(history)
}

fn since(text: &str, now: Moment) -> Result<Moment, Report> {
    if let Some(span) = parse_span(text) {
        return Ok(Moment(now.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))));
    }
    let advice = "write a span such as 30d, or a time such as 2026-11-01 or 2026-11-01T03:00:00Z";
    Moment::parse(text).ok_or_else(|| CliError::usage(format!("--since {text} is no time"), advice).into())
}

fn chosen<'a>(history: &'a HistoryView, pattern: Option<&str>) -> Result<Vec<&'a SeriesPast>, Report> {
    let all = history.series.iter().map(|series| &**series);
    let Some(pattern) = pattern else { return Ok(all.collect()) };
    let names = |series: &SeriesPast| {
        let mut names = vec![series.label.clone(), series.key.name.to_string(), series.key.to_string()];
        names.extend(series.databases.iter().map(ToString::to_string));
        names
    };
    let found: Vec<&SeriesPast> =
        all.filter(|series| names(series).iter().any(|name| fits(pattern, name.as_bytes()))).collect();
    if found.is_empty() {
        let advice = "`breakglass history` lists every series; * stands for any text";
        return Err(CliError::usage(format!("no series fits {pattern}"), advice).into());
    }
    Ok(found)
}

/// One line of the past.
#[derive(Clone, Copy)]
pub enum Tried<'a> {
    /// A run, the backup that it left, or both.
    Backup(&'a Point),
    /// A verification of our own.
    Check(&'a Checked),
}

impl Tried<'_> {
    /// When it began.
    pub fn at(self) -> Moment {
        match self {
            Self::Backup(point) => point.at,
            Self::Check(checked) => checked.at,
        }
    }
}

fn newest_first<'a>(chosen: &[&'a SeriesPast], from: Moment) -> Vec<(&'a SeriesPast, Tried<'a>)> {
    let all = |series: &'a SeriesPast| {
        let points = series.points.iter().map(Tried::Backup);
        points.chain(series.checks.iter().map(Tried::Check)).map(move |tried| (series, tried))
    };
    let mut lines: Vec<_> = chosen.iter().flat_map(|series| all(series)).collect();
    lines.retain(|(_, tried)| tried.at() >= from);
    lines.sort_by_key(|(_, tried)| std::cmp::Reverse(tried.at()));
    lines
}

/// One run, one backup that no run is known of, or one verification.
#[derive(Serialize)]
struct RunLine<'a> {
    kind: &'static str,
    run_id: Option<&'a str>,
    database: &'a str,
    target: Option<&'a str>,
    started_at: Moment,
    ended_at: Option<Moment>,
    status: Option<RunState>,
    bytes: Option<u64>,
    object_id: Option<&'a str>,
    trust: &'static str,
    findings: Vec<FindingLine>,
    series: String,
    outcome: &'static str,
    certainty: Option<Certainty>,
    seconds: Option<f64>,
}

impl<'a> RunLine<'a> {
    fn of(series: &'a SeriesPast, tried: Tried<'a>) -> Self {
        match tried {
            Tried::Backup(point) => Self::of_backup(series, point),
            Tried::Check(checked) => Self::of_check(series, checked),
        }
    }

    fn of_check(series: &'a SeriesPast, checked: &'a Checked) -> Self {
        let said = checked.said.as_ref().map(|said| FindingLine::new(checked.word(), said.to_string()));
        Self {
            kind: RunKind::Verification.word(),
            run_id: Some(checked.run.as_str()),
            database: &series.label,
            target: checked.target.as_ref().map(|target| target.as_str()),
            started_at: checked.at,
            ended_at: checked.took.map(|took| Moment(checked.at.0.saturating_add(took))),
            status: Some(checked.state),
            bytes: checked.bytes,
            object_id: checked.backup.as_ref().map(|backup| backup.as_str()),
            trust: checked.reached.map_or("", Rung::word),
            findings: said.into_iter().collect(),
            series: series.key.to_string(),
            outcome: checked.word(),
            certainty: checked.backup.as_ref().map(|_| Certainty::Exact),
            seconds: checked.took.map(|took| took as f64 / 1000.0),
        }
    }

    fn of_backup(series: &'a SeriesPast, point: &'a Point) -> Self {
        let about = series.said_of(point.at);
        Self {
            kind: RunKind::Backup.word(),
            run_id: point.run.as_ref().map(|run| run.as_str()),
            database: &series.label,
            target: point.target.as_ref().or(series.key.target.as_ref()).map(|target| target.as_str()),
            started_at: point.at,
            ended_at: point.took.map(|took| Moment(point.at.0.saturating_add(took))),
            status: point.state,
            bytes: point.bytes,
            object_id: point.backup.as_ref().map(|backup| backup.as_str()),
            trust: point.kept.word(),
            findings: about
                .map(|judged| FindingLine::new(judged.what.code(), judged.words()))
                .chain(point.odd.iter().map(FindingLine::from))
                .collect(),
            series: series.key.to_string(),
            outcome: outcome(point.outcome),
            certainty: point.certainty,
            seconds: point.took.map(|took| took as f64 / 1000.0),
        }
    }
}

/// The word of an outcome in tables and JSON.
pub fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Made => "made",
        Outcome::Failed => "failed",
        Outcome::Open => "open",
    }
}

/// Something that the past of a series says, with its figures.
#[derive(Serialize)]
struct JudgementLine<'a> {
    series: String,
    database: &'a str,
    target: Option<&'a str>,
    text: String,
    #[serde(flatten)]
    judged: &'a Judgement,
}

impl<'a> JudgementLine<'a> {
    fn of(series: &'a SeriesPast, judged: &'a Judgement) -> Self {
        let target = series.key.target.as_ref().map(|target| target.as_str());
        Self { series: series.key.to_string(), database: &series.label, target, text: judged.words(), judged }
    }
}

/// Something that joining the runs and objects of a series says: it stands as long as it is so.
#[derive(Serialize)]
struct FoundLine<'a> {
    series: String,
    database: &'a str,
    target: Option<&'a str>,
    text: &'a str,
    code: &'a str,
    severity: Severity,
    since: Option<Moment>,
    until: Option<Moment>,
}

impl<'a> FoundLine<'a> {
    fn of(series: &'a SeriesPast, finding: &'a Finding) -> Self {
        let target = series.key.target.as_ref().map(|target| target.as_str());
        let severity = if finding.weight >= Weight::Warning { Severity::Warning } else { Severity::Note };
        let (text, code) = (finding.text.as_str(), finding.code.as_str());
        let (series, database) = (series.key.to_string(), series.label.as_str());
        Self { series, database, target, text, code, severity, since: None, until: None }
    }
}

#[cfg(test)]
mod tests;
