//! Log lines of mysql-backup, as logrus writes them: text (`time="..." level=info msg="..." run=...`) or JSON.
//!
//! Lines tell less than spans: when a dump began and ended, and what went wrong. A line belongs to the run that its
//! `run` field names, else to the last one that began.

use serde_json::Value;

use super::budget;
use super::json::{Odd, elements};
use crate::model::foreign::Foreign;
use crate::model::run::{Failure, Feed, ObjectRef, Run, RunId, RunKind, RunState, Tool};
use crate::model::units::Moment;
use crate::telemetry::TelemetryError;
use crate::telemetry::assemble::files;

/// Runs that are open at once: more than one container rarely writes into one log.
const OPEN: usize = 64;
/// The series of runs of which no line says where they go.
const LINES: &str = "mysql-backup (log lines)";

/// One line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line {
    pub time: Option<Moment>,
    pub level: String,
    pub message: String,
    pub run: String,
    pub error: String,
}

impl Line {
    /// A line of the text formatter; `None` for anything else.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut line = Self::default();
        let mut rest = text.trim();
        while let Some((key, behind)) = rest.split_once('=') {
            let key = key.trim_start();
            if key.is_empty()
                || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
            {
                break;
            }
            let (value, after) = value(behind);
            line.set(key, value);
            rest = after;
        }
        (!line.level.is_empty() && !line.message.is_empty()).then_some(line)
    }

    /// A line of the JSON formatter; `None` for anything else.
    pub fn of_json(value: &Value) -> Option<Self> {
        let mut line = Self::default();
        for (key, value) in value.as_object()? {
            if let Some(text) = value.as_str() {
                line.set(key, text.to_owned());
            }
        }
        // As mysql-backup sent them before version 1.0.
        let error = value.get("fields").and_then(|fields| fields.get("error")?.as_str());
        if let (Some(error), true) = (error, line.error.is_empty()) {
            error.clone_into(&mut line.error);
        }
        (!line.level.is_empty() && !line.message.is_empty()).then_some(line)
    }

    fn set(&mut self, key: &str, value: String) {
        match key {
            "time" | "timestamp" => self.time = Moment::parse(&value),
            "level" => self.level = value,
            "msg" | "message" => self.message = value,
            "run" => self.run = value,
            "error" => self.error = value,
            _ => {}
        }
    }

    fn is_bad(&self) -> bool {
        matches!(self.level.as_str(), "error" | "fatal" | "panic")
    }
}

/// The value at the start of `text`, quoted or not, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(' ').unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c)) => value.push(c),
                None => {}
            },
            c => value.push(c),
        }
    }
    (value, "")
}

/// Makes runs of lines as they come.
#[derive(Debug, Default)]
pub(super) struct Logs {
    open: Vec<Run>,
}

/// Makes runs of the requests under `/engines/telemetry/{instance}/log`: objects line by line, or one list of them.
#[derive(Debug, Default)]
pub struct LogRequests {
    logs: Logs,
}

/// The greatest request of log lines that is read.
const REQUEST: usize = 4 << 20;

impl LogRequests {
    /// Every run of which the request told something, as far as it is known now.
    ///
    /// # Errors
    ///
    /// [`TelemetryError::Malformed`] when none of it is a log line in JSON.
    pub fn read(&mut self, body: &[u8]) -> Result<Vec<Run>, TelemetryError> {
        if body.len() > REQUEST {
            return Err(TelemetryError::Malformed { what: "the request is larger than 4 MiB", at: REQUEST });
        }
        let mut lines = vec![];
        let mut take =
            |text: &[u8]| lines.extend(serde_json::from_slice(text).ok().and_then(|value| Line::of_json(&value)));
        if body.trim_ascii_start().starts_with(b"[") {
            let odd = |odd: Odd| TelemetryError::Malformed { what: "it is no list of log lines", at: odd.at };
            elements(body.trim_ascii(), |text| {
                take(text);
                Ok(())
            })
            .map_err(odd)?;
        } else {
            body.split(|byte| *byte == b'\n').for_each(&mut take);
        }
        if lines.is_empty() && !body.trim_ascii().is_empty() {
            return Err(TelemetryError::Malformed { what: "there is no log line in it", at: 0 });
        }
        let mut told: Vec<Run> = vec![];
        for line in &lines {
            told.extend(self.logs.take(line));
        }
        told.extend(self.logs.open.iter().cloned());
        Ok(told)
    }
}

impl Logs {
    /// Takes a line; the run that it ended, if it did.
    pub fn take(&mut self, line: &Line) -> Option<Run> {
        let message = line.message.as_str();
        let begins = [
            ("beginning dump ", RunKind::Backup),
            ("beginning restore", RunKind::Restore),
            ("beginning prune", RunKind::Prune),
        ];
        if let Some((rest, kind)) = begins.iter().find_map(|(start, kind)| Some((message.strip_prefix(start)?, *kind)))
        {
            return self.begin(line, kind, rest.trim());
        }
        let at = self.place(line).or_else(|| self.open_without_start(line))?;
        let run = &mut self.open[at];
        run.ended = line.time.or(run.ended);
        if line.is_bad() {
            let text = if line.error.is_empty() { message.to_owned() } else { format!("{message}: {}", line.error) };
            run.state = RunState::Failed;
            run.failure.get_or_insert(Failure { phase: None, text: budget::text(text.as_bytes()) });
            // A fatal line is the last one; after an error mysql-backup may still say how it went on.
            return (line.level != "error").then(|| self.open.remove(at));
        }
        if let Some(upload) = message.strip_prefix("uploading via protocol ") {
            uploads(run, upload);
        } else if let Some(bytes) = message.strip_prefix("completed copying ") {
            run.bytes = bytes.split(' ').next().and_then(|number| number.parse().ok()).or(run.bytes);
        }
        let ends = ["Restore complete", "Backup complete", "next run in"].iter().any(|end| message.starts_with(end));
        if (ends || message.starts_with("finished dump")) && run.state == RunState::Unfinished {
            run.state = RunState::Ok;
        }
        // Behind "finished dump" old backups are pruned, which may fail.
        ends.then(|| self.open.remove(at))
    }

    /// A part of a run whose beginning stood in another request or an older file.
    fn open_without_start(&mut self, line: &Line) -> Option<usize> {
        let words =
            ["finished dump", "Restore complete", "Backup complete", "uploading via protocol ", "completed copying "];
        let tells = line.is_bad() || words.iter().any(|start| line.message.starts_with(start));
        if line.run.is_empty() || !tells {
            return None;
        }
        let kind = if line.message.starts_with("Restore") { RunKind::Restore } else { RunKind::Backup };
        let mut run =
            Run::new(RunId::of("logrus", &[line.run.as_bytes()]), kind, Tool::Databacker, Feed::Logrus, LINES);
        run.run_id = Some(budget::name(line.run.as_bytes()));
        run.state = RunState::Unfinished;
        self.open.push(run);
        if self.open.len() > OPEN {
            self.open.remove(0);
        }
        Some(self.open.len() - 1)
    }

    /// Whatever is open now: its end is not in this log.
    pub fn finish(self) -> Vec<Run> {
        self.open
    }

    fn begin(&mut self, line: &Line, kind: RunKind, stamp: &str) -> Option<Run> {
        let time = line.time.map_or_else(Vec::new, |time| time.0.to_le_bytes().to_vec());
        let id = match line.run.as_str() {
            "" => RunId::of("logrus", &[kind.word().as_bytes(), &time, stamp.as_bytes()]),
            run => RunId::of("logrus", &[run.as_bytes()]),
        };
        let before = match line.run.as_str() {
            "" => self.open.iter().rposition(|run| run.run_id.is_none()),
            _ => self.place(line),
        };
        let before = before.map(|at| self.open.remove(at));
        let mut run = Run::new(id, kind, Tool::Databacker, Feed::Logrus, LINES);
        run.run_id = (!line.run.is_empty()).then(|| budget::name(line.run.as_bytes()));
        run.started = line.time;
        run.state = RunState::Unfinished;
        self.open.push(run);
        let crowded = self.open.len() > OPEN;
        before.or_else(|| crowded.then(|| self.open.remove(0)))
    }

    fn place(&self, line: &Line) -> Option<usize> {
        let named = |run: &Run| run.run_id.as_ref().is_some_and(|id| id.raw_bytes() == line.run.as_bytes());
        match line.run.as_str() {
            "" => self.open.len().checked_sub(1),
            _ => self.open.iter().rposition(named),
        }
    }
}

/// `smb from /tmp/x.tgz to smb://host/share/x.tgz`: where it goes, and under which name.
fn uploads(run: &mut Run, text: &str) {
    let Some((protocol, rest)) = text.split_once(" from ") else { return };
    let Some((_, to)) = rest.rsplit_once(" to ") else { return };
    let to = budget::text(to.trim().as_bytes());
    let Some(target) = to.raw_str() else { return };
    let (folder, name) = target.rsplit_once('/').unwrap_or(("", target));
    if run.objects.is_empty() {
        run.series = files::series(folder, name);
    }
    run.objects.push(ObjectRef {
        target: Some(Foreign::from(folder)),
        target_kind: Some(budget::name(protocol.as_bytes())),
        name: (!name.is_empty()).then(|| Foreign::from(name)),
        ..ObjectRef::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(lines: &str) -> Vec<Run> {
        let mut logs = Logs::default();
        let mut runs: Vec<Run> =
            lines.lines().filter_map(|text| logs.take(&Line::of_text(text.trim()).unwrap())).collect();
        runs.extend(logs.finish());
        runs
    }

    #[test]
    fn lines_of_two_runs_are_kept_apart_by_their_id() {
        let runs = runs(
            r#"time="2026-11-21T03:00:00Z" level=info msg="beginning dump 20261121030000" run=aaa
               time="2026-11-21T03:00:01Z" level=info msg="beginning dump 20261121030001" run=bbb
               time="2026-11-21T03:00:02Z" level=error msg="error running dump: \"no\"" run=aaa
               time="2026-11-21T03:00:09Z" level=info msg="finished dump 20261121030001" run=bbb"#,
        );
        let told: Vec<_> = runs.iter().map(|run| (run.run_id.as_ref().unwrap().to_string(), run.state)).collect();
        assert_eq!(told, [("aaa".to_owned(), RunState::Failed), ("bbb".to_owned(), RunState::Ok)]);
        assert_eq!(runs[0].failure.as_ref().unwrap().text.to_string(), "error running dump: \"no\"");
        assert_eq!(runs[1].took(), Some(std::time::Duration::from_secs(8)));
    }

    #[test]
    fn a_log_that_stops_leaves_a_run_without_an_end() {
        let runs = runs(
            r#"time="2026-11-21T03:00:00Z" level=info msg="beginning dump 20261121030000"
               time="2026-11-21T03:00:02Z" level=debug msg="uploading via protocol smb from /tmp/a to smb://u:pw@h/s/db_backup_20261121030000.tgz"
               time="2026-11-21T03:00:02Z" level=debug msg="completed copying 4711 bytes""#,
        );
        assert_eq!((runs.len(), runs[0].state, runs[0].bytes), (1, RunState::Unfinished, Some(4711)));
        assert_eq!(runs[0].objects[0].target.as_ref().unwrap().to_string(), "smb://h/s");
    }

    #[test]
    fn other_lines_are_none() {
        for text in ["", "hello", "a=b", "=", "level=info", "msg=\"unclosed", "level=info msg="] {
            assert_eq!(Line::of_text(text), None, "{text}");
        }
    }
}
