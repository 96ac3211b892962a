//! How the History screen is drawn.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use crate::model::judgement::{Judgement, Severity};
use crate::model::run::RunState;
use crate::model::units::{ByteSize, counted, grouped, long_span, short_span};
use crate::tui::canvas::{Canvas, Hit, Line, Span, below, indent, row, span, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::past::{Overview, Series};
use crate::tui::pane::Scene;
use crate::tui::screens::history::History;
use crate::tui::theme::Role;
use crate::tui::widgets::spark::spark;
use crate::tui::widgets::strip::{Axis, legend, strip};
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};

/// Where the strip stands among the columns.
const STRIP: usize = 4;

/// The sign in the margin of a series.
pub fn margin(series: &Series) -> Span {
    match series.severity() {
        Some(Severity::Critical) => span(Role::Danger, "x"),
        Some(_) => span(Role::Warn, "!"),
        None => span(Role::Text, " "),
    }
}

/// How a judgement is drawn.
pub fn role_of(judged: &Judgement) -> Role {
    match (judged.stands(), judged.severity) {
        (false, _) => Role::Dim,
        (true, Severity::Critical) => Role::Danger,
        (true, Severity::Warning) => Role::Warn,
        (true, Severity::Note) => Role::Text,
    }
}

/// What the past of a series says, in at most `most` lines of at most `width` columns, and how much is left unsaid.
pub fn judged(series: &Series, width: usize, most: usize) -> (Vec<Line>, usize) {
    let mut lines: Vec<Line> = vec![];
    for (said, judged) in series.judgements.iter().enumerate() {
        let sign = match (judged.stands(), judged.severity) {
            (true, Severity::Critical) => span(Role::Danger, "x "),
            (true, Severity::Warning) => span(Role::Warn, "! "),
            _ => span(Role::Text, "  "),
        };
        let over = judged.until.map_or(String::new(), |until| format!("; over since {}", until.minute()));
        let parts = wrap(&format!("{}{over}", judged.words()), width.saturating_sub(2));
        let room = most.saturating_sub(lines.len());
        // Of the gravest the beginning is better than nothing; of the others none is cut.
        if parts.len() > room && said > 0 {
            return (lines, series.judgements.len() - said);
        }
        for (nth, part) in parts.into_iter().take(room).enumerate() {
            let head = if nth == 0 { sign.clone() } else { span(Role::Text, "  ") };
            lines.push(vec![head, span(role_of(judged), part)]);
        }
    }
    if series.judgements.is_empty() {
        lines.push(vec![span(Role::Dim, "  nothing to be said against it")]);
    }
    (lines, 0)
}

/// A time span in milliseconds, for a column.
pub fn took(millis: u64) -> String {
    long_span(std::time::Duration::from_millis(millis))
}

impl History {
    pub(super) fn draw(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        let Some(overview) = &scene.world.past.overview else {
            return canvas_text(area, canvas, "Reading the history...", "Series appear when it has been read.");
        };
        let rows = self.rows(overview);
        self.head(scene, overview, rows.len(), row(area, 0), canvas);
        if rows.is_empty() {
            return self.empty(scene, overview, below(area, 1), canvas);
        }
        let roomy = area.height >= 16;
        let said = if area.height >= 30 { 7 } else { 3 };
        let foot = said + 1 + u16::from(roomy);
        let list = Rect { height: area.height.saturating_sub(foot + 2), ..below(area, 2) };
        let cursor = self.row(&rows);
        let height = usize::from(list.height).max(1);
        let top = scrolled(self.window.get().0, cursor, height).min(rows.len().saturating_sub(1));
        self.window.set((top, height));
        let columns = columns(overview, area.width);
        let layout = Layout::fit(&columns, area.width.saturating_sub(4));
        self.columns.set(layout.width(STRIP));
        let axis = self.axis(overview);
        let head = indent(row(area, 1), 3);
        layout.heads(&columns, head, canvas);
        if let Some((x, width)) = layout.place(STRIP) {
            ticks(&axis, Rect { width: width.min(head.width.saturating_sub(x)), ..indent(head, x) }, canvas);
        }
        for ((at, series), line) in rows.iter().enumerate().skip(top).zip(list.rows()) {
            canvas.spans(indent(line, 1), &[margin(series)]);
            layout.row(&columns, &cells(series, overview, &axis, &layout, canvas), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(line, Role::Text, ">");
                // The strip keeps its colours, and a move of the cursor stays cheap on a slow line.
                let end = layout.place(STRIP).map_or(line.width, |(x, _)| x + 2);
                canvas.paint(Rect { width: end.min(line.width), ..line }, Role::Selection);
            }
            canvas.clickable(line, Hit::Series(series.key.clone()));
        }
        if let Some(series) = rows.get(cursor) {
            let mut place = below(area, area.height - foot);
            if roomy {
                canvas.rule(row(place, 0));
                place = below(place, 1);
            }
            about(series, Rect { height: said, ..place }, canvas);
        }
        let place = indent(row(area, area.height - 1), 3);
        canvas.spans(place, &legend(usize::from(place.width)));
    }

    fn head(&self, scene: &Scene<'_>, overview: &Overview, count: usize, area: Rect, canvas: &mut Canvas<'_>) {
        let right = summary(overview, count, self.filter.is_empty());
        let used: usize = right.iter().map(|part| part.text.chars().count()).sum();
        let start = usize::from(area.width).saturating_sub(used + 1).max(usize::from(area.width) / 3);
        let place = indent(area, start as u16);
        let left = Rect { width: place.x.saturating_sub(area.x + 2), ..indent(area, 1) };
        match (scene.typing, self.filter.as_str()) {
            (Some((text, column)), _) => {
                canvas.spans(left, &[span(Role::Key, "/ "), span(Role::Input, text)]);
                let x = (left.x + 2 + column as u16).min(left.right().saturating_sub(1));
                canvas.cursor = Some(Position { x, y: left.y });
            }
            (None, "") => {
                canvas.text(left, Role::Dim, "all series");
            }
            (None, text) => {
                canvas.spans(left, &[span(Role::Dim, "/ "), span(Role::Text, text)]);
            }
        }
        canvas.spans(place, &right);
    }

    fn empty(&self, scene: &Scene<'_>, overview: &Overview, area: Rect, canvas: &mut Canvas<'_>) {
        if !self.filter.is_empty() {
            let clear = scene.key(Context::History, Command::Back);
            let headline = format!("No series matches `{}`.", self.filter);
            let advice = format!("{clear} shows all {} again.", grouped(overview.series.len() as u64));
            return canvas_text(area, canvas, &headline, &advice);
        }
        let go = scene.key(Context::History, Command::GoBackups);
        let listed = match overview.objects {
            0 => format!("No target has listed a backup yet ({go} shows them)."),
            some => format!("{} objects are listed, of none is it known which series it belongs to.", grouped(some as u64)),
        };
        let advice = format!(
            "{listed} Runs come from `breakglass collect`, which receives OpenTelemetry on 127.0.0.1:4318 or reads \
             files of a collector, traces and logs of mysql-backup; from DBacked's metadata objects; and every \
             verification of yours is remembered here as well."
        );
        canvas_text(area, canvas, "Nothing is known of any backup run.", &advice);
    }
}

/// A headline and what can be done about it.
fn canvas_text(area: Rect, canvas: &mut Canvas<'_>, headline: &str, advice: &str) {
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), Role::Text, headline);
    for (nth, part) in wrap(advice, usize::from(inner.width.saturating_sub(3))).iter().enumerate() {
        canvas.text(row(inner, 2 + nth as u16), Role::Dim, part);
    }
}

/// `last run 03:11 ok   1 late`, and how many series there are.
fn summary(overview: &Overview, count: usize, all: bool) -> Line {
    let total = overview.series.len();
    let mut line = vec![span(
        Role::Text,
        if all { format!("{} series", grouped(total as u64)) } else { format!("{count} of {}", grouped(total as u64)) },
    )];
    if let Some((at, state)) = overview.last {
        let when = if at.day() == overview.at.day() {
            at.minute().split(' ').nth(1).unwrap_or_default().to_owned()
        } else {
            format!("{} ago", short_span(at.age_at(overview.at)))
        };
        let role = if state == RunState::Failed { Role::Danger } else { Role::Text };
        line.push(span(Role::Text, format!("   last run {when} ")));
        line.push(span(role, state.word()));
    }
    let late = overview.series.iter().filter(|series| series.is_late()).count();
    let critical = overview.series.iter().filter(|series| series.severity() == Some(Severity::Critical)).count();
    for (count, word, role) in [(late, "late", Role::Warn), (critical, "critical", Role::Danger)] {
        if count > 0 {
            line.push(span(role, format!("   {count} {word}")));
        }
    }
    line
}

fn ticks(axis: &Axis, area: Rect, canvas: &mut Canvas<'_>) {
    for (column, word) in axis.ticks() {
        canvas.text(indent(area, column), Role::Head, &word);
    }
}

fn columns(overview: &Overview, width: u16) -> [Column; 7] {
    let column = |title, least, most, side, rank| Column { title, least, most, side, rank };
    let widest = |of: fn(&Series) -> &str, most: usize| {
        let widths = overview.series.iter().map(|series| of(series).width());
        widths.max().unwrap_or(0).min(most) as u16
    };
    let name = widest(|series| &series.name, 24).max(8);
    let target = widest(|series| &series.targets, 16).max(6);
    let spare = width.saturating_sub(100);
    let bars = (spare / 4).min(16);
    let (sized, timed, side) = if bars >= 5 { (6 + bars, 8 + bars, Side::Left) } else { (5, 7, Side::Right) };
    let good = overview.series.iter().map(|series| last_good(series, overview));
    let good = good.map(|line| line.iter().map(|part| part.text.width()).sum::<usize>()).max().unwrap_or(0);
    [
        column("DATABASE", name.min(12), name, Side::Left, 0),
        column("TARGET", target, target, Side::Left, 7),
        column("RHYTHM", 7, 9, Side::Left, 5),
        column("LAST GOOD", 13, good.clamp(13, 22) as u16, Side::Left, 0),
        column("", if width < 72 { 20 } else { 27 }, 62, Side::Left, 1),
        column("SIZE", sized, sized, side, 2),
        column("TOOK", timed, timed, side, 4),
    ]
}

fn cells(series: &Series, overview: &Overview, axis: &Axis, layout: &Layout, canvas: &Canvas<'_>) -> [Line; 7] {
    let with_bars = |text: String, values: &[u64], least: usize, nth: usize| {
        let room = usize::from(layout.width(nth)).saturating_sub(least + 1);
        let bars = if room >= 4 { spark(canvas.glyphs, values, room) } else { String::new() };
        if bars.is_empty() {
            return vec![span(Role::Text, text)];
        }
        vec![span(Role::Text, format!("{text:>least$} ")), span(Role::Dim, bars)]
    };
    let size = series.sizes.last().map_or(String::new(), |size| ByteSize(*size).to_string());
    let time = series.took.last().map_or(String::new(), |millis| took(*millis));
    [
        vec![span(Role::Text, series.name.clone())],
        vec![span(Role::Text, series.targets.clone())],
        vec![span(Role::Text, series.rhythm.clone())],
        last_good(series, overview),
        strip(axis, &series.marks),
        with_bars(size, &series.sizes, 5, 5),
        with_bars(time, &series.took, 7, 6),
    ]
}

/// `5h  whole`, or what stands against it: `9h  late by 8h`.
fn last_good(series: &Series, overview: &Overview) -> Line {
    let age = series.good.as_ref().map_or("never".to_owned(), |(at, _)| short_span(at.age_at(overview.at)));
    let words = match (series.gravest(), &series.good) {
        (Some(judged), _) => span(role_of(judged), judged.short()),
        (None, Some((_, trust))) => span(trust_role(trust), trust.clone()),
        (None, None) => span(Role::Dim, ""),
    };
    vec![span(Role::Text, format!("{age:<5}")), words]
}

fn trust_role(word: &str) -> Role {
    match word {
        "whole" | "proven" => Role::Good,
        "listed" => Role::Dim,
        _ => Role::Text,
    }
}

/// The series under the cursor: its rhythm, and what its past says.
fn about(series: &Series, area: Rect, canvas: &mut Canvas<'_>) {
    let since = series.since.map_or(String::new(), |since| format!(" since {}", since.day()));
    let targets = if series.targets.is_empty() { String::new() } else { format!(" on {}", series.targets) };
    let runs = counted(series.runs, "run");
    let inner = indent(area, 3);
    let place = indent(below(area, 1), 1);
    let (lines, more) = judged(series, usize::from(place.width.saturating_sub(1)), usize::from(place.height));
    let more = if more > 0 { format!("; {more} more below enter") } else { String::new() };
    // On a small screen, which may hang on a slow line, only what is not in the row.
    let known = if area.height > 3 { format!("; {runs}{since}") } else { String::new() };
    let head = format!("{targets}, {}{known}{more}", series.rhythm_words);
    canvas.spans(row(inner, 0), &[span(Role::Title, series.name.clone()), span(Role::Dim, head)]);
    for (line, at) in lines.iter().zip(place.rows()) {
        canvas.spans(at, line);
    }
}
