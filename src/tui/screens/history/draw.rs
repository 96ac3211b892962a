//! How the History screen is drawn.

use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr;

use crate::model::judgement::{Judgement, Severity, What};
use crate::model::run::RunState;
use crate::model::trust::Weight;
use crate::model::units::{ByteSize, counted, grouped, long_span, short_span};
use crate::tui::canvas::{Canvas, Hit, Line, Span, below, indent, row, span, wrap};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::pane::{Pane, Scene};
use crate::tui::past::{durations, gravest, is_late, newest_made, sizes};
use crate::tui::screens::history::{History, first};
use crate::tui::theme::Role;
use crate::tui::widgets::spark::spark;
use crate::tui::widgets::strip::{Axis, legend, line as strip_line};
use crate::tui::widgets::table::{Column, Layout, Side, scrolled};
use crate::work::history::strip::strip;
use crate::work::history::{HistoryView, Kept, SeriesPast};

/// Where the strip stands among the columns.
const STRIP: usize = 4;

/// The sign in the margin of a series.
pub fn margin(series: &SeriesPast) -> Span {
    let odd = series.findings.iter().any(|finding| finding.weight >= Weight::Warning);
    match gravest(series).map(|judged| judged.severity) {
        Some(Severity::Critical) => span(Role::Danger, "x"),
        Some(_) => span(Role::Warn, "!"),
        None if odd => span(Role::Warn, "!"),
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
pub fn judged(series: &SeriesPast, width: usize, most: usize) -> (Vec<Line>, usize) {
    let said = sayings(series);
    let mut lines: Vec<Line> = vec![];
    for (nth, (sign, role, text)) in said.iter().enumerate() {
        let parts = wrap(text, width.saturating_sub(2));
        let room = most.saturating_sub(lines.len());
        // Of the gravest the beginning is better than nothing; of the others none is cut.
        if parts.len() > room && nth > 0 {
            return (lines, said.len() - nth);
        }
        for (nth, part) in parts.into_iter().take(room).enumerate() {
            let head = if nth == 0 { sign.clone() } else { span(Role::Text, "  ") };
            lines.push(vec![head, span(*role, part)]);
        }
    }
    if said.is_empty() {
        lines.push(vec![span(Role::Dim, "  nothing to be said against it")]);
    }
    (lines, 0)
}

/// Each with its sign: what stands, what joining runs and objects says, and what is over.
fn sayings(series: &SeriesPast) -> Vec<(Span, Role, String)> {
    let judged = |judged: &Judgement| {
        let sign = match (judged.stands(), judged.severity) {
            (true, Severity::Critical) => span(Role::Danger, "x "),
            (true, Severity::Warning) => span(Role::Warn, "! "),
            _ => span(Role::Text, "  "),
        };
        let over = judged.until.map_or(String::new(), |until| format!("; over since {}", until.minute()));
        (sign, role_of(judged), format!("{}{over}", judged.words()))
    };
    let found = series.findings.iter().map(|finding| {
        let warns = finding.weight >= Weight::Warning;
        let sign = if warns { span(Role::Warn, "! ") } else { span(Role::Text, "  ") };
        (sign, if warns { Role::Warn } else { Role::Text }, finding.text.clone())
    });
    let standing = series.judgements.iter().filter(|it| it.stands()).map(judged);
    let over = series.judgements.iter().filter(|it| !it.stands()).map(judged);
    standing.chain(found).chain(over).collect()
}

/// A time span in milliseconds, for a column.
pub fn took(millis: u64) -> String {
    long_span(std::time::Duration::from_millis(millis))
}

impl History {
    pub(super) fn draw(&self, scene: &Scene<'_>, area: Rect, canvas: &mut Canvas<'_>) {
        if let Some(report) = &scene.world.past.unreadable {
            let headline = format!("The history cannot be read: {}", report.headline);
            return canvas_text(area, canvas, &headline, &report.advice);
        }
        let Some(view) = &scene.world.past.view else {
            return canvas_text(area, canvas, "Reading the history...", "Series appear when it has been read.");
        };
        let rows = self.rows(view);
        self.head(scene, view, rows.len(), row(area, 0), canvas);
        if rows.is_empty() {
            return self.empty(scene, view, below(area, 1), canvas);
        }
        let roomy = area.height >= 16;
        let list = Rect { height: list_height(area.height, rows.len()), ..below(area, 2) };
        let cursor = self.row(&rows);
        let height = usize::from(list.height).max(1);
        let top = scrolled(self.window.get().0, cursor, height).min(rows.len().saturating_sub(1));
        self.window.set((top, height));
        let columns = columns(view, area.width);
        let layout = Layout::fit(&columns, area.width.saturating_sub(4));
        self.columns.set(layout.width(STRIP));
        let axis = self.axis(view);
        let head = indent(row(area, 1), 3);
        layout.heads(&columns, head, canvas);
        if let Some((x, width)) = layout.place(STRIP) {
            ticks(&axis, Rect { width: width.min(head.width.saturating_sub(x)), ..indent(head, x) }, canvas);
        }
        for ((at, series), line) in rows.iter().enumerate().skip(top).zip(list.rows()) {
            canvas.spans(indent(line, 1), &[margin(series)]);
            layout.row(&columns, &cells(series, view, &axis, &layout, canvas), indent(line, 3), canvas);
            if at == cursor {
                canvas.text(line, Role::Text, ">");
                // What stands in the row keeps its colours, and a move of the cursor stays cheap on a slow line.
                let end = layout.width(0) + 4;
                canvas.paint(Rect { width: end.min(line.width), ..line }, Role::Selection);
            }
            canvas.clickable(line, Hit::Series(series.key.clone()));
        }
        if let Some(series) = rows.get(cursor) {
            let place = below(area, list.height + 2);
            if roomy {
                canvas.rule(row(place, 0));
            }
            let text = below(place, u16::from(roomy));
            let is_small = area.height < 30;
            let key = scene.key(Context::History, Command::Sayings);
            about(series, (is_small, &key), Rect { height: text.height.saturating_sub(1), ..text }, canvas);
        }
        let place = indent(row(area, area.height - 1), 3);
        canvas.spans(place, &legend(usize::from(place.width)));
    }

    fn head(&self, scene: &Scene<'_>, view: &HistoryView, count: usize, area: Rect, canvas: &mut Canvas<'_>) {
        let right = summary(view, count, self.filter.is_empty());
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

    fn empty(&self, scene: &Scene<'_>, view: &HistoryView, area: Rect, canvas: &mut Canvas<'_>) {
        if !self.filter.is_empty() {
            let clear = scene.key(Context::History, Command::Back);
            let headline = format!("No series matches `{}`.", self.filter);
            let wrong = self.problem(scene.world).map_or_else(String::new, |problem| format!("{problem}. "));
            let advice = format!("{wrong}{clear} shows all {} again.", grouped(view.series.len() as u64));
            return canvas_text(area, canvas, &headline, &advice);
        }
        let go = scene.key(Context::History, Command::GoBackups);
        let listed = match scene.world.total() {
            0 => format!("No target has listed a backup yet ({go} shows them)."),
            some => {
                let again = scene.key(Context::History, Command::Refresh);
                format!("{} are listed, none of a known kind ({again} reads anew).", counted(some as u64, "backup"))
            }
        };
        let advice = format!(
            "{listed} Runs come from `breakglass collect`, which receives OpenTelemetry on 127.0.0.1:4318 or reads \
             files of a collector, traces and logs of mysql-backup; from DBacked's metadata objects; and every \
             verification of yours is remembered here as well."
        );
        canvas_text(area, canvas, "Nothing is known of any backup run.", &advice);
    }
}

/// Rows of the list of series: what is said of the one under the cursor has those that it leaves, and some in any case.
fn list_height(height: u16, series: usize) -> u16 {
    let (roomy, said) = (u16::from(height >= 16), if height >= 30 { 7 } else { 3 });
    // Beside the two lines in front of it, a rule and the legend.
    let room = height.saturating_sub(2 + roomy + said + 1);
    room.min(u16::try_from(series).unwrap_or(room))
}

/// A headline and what can be done about it.
pub fn canvas_text(area: Rect, canvas: &mut Canvas<'_>, headline: &str, advice: &str) {
    let inner = indent(below(area, 1), 3);
    canvas.text(row(inner, 0), Role::Text, headline);
    for (nth, part) in wrap(advice, usize::from(inner.width.saturating_sub(3))).iter().enumerate() {
        canvas.text(row(inner, 2 + nth as u16), Role::Dim, part);
    }
}

/// `last run 03:11 ok   1 late`, and how many series there are.
fn summary(view: &HistoryView, count: usize, all: bool) -> Line {
    let total = view.series.len();
    let mut line = vec![span(
        Role::Text,
        if all { format!("{} series", grouped(total as u64)) } else { format!("{count} of {}", grouped(total as u64)) },
    )];
    let newest = view.series.iter().flat_map(|series| series.points.iter().rev().take(40));
    let newest = newest.filter(|point| point.state.is_some()).max_by_key(|point| point.at);
    if let Some((at, state)) = newest.and_then(|point| Some((point.at, point.state?))) {
        let when = if at.day() == view.at.day() {
            at.minute().split(' ').nth(1).unwrap_or_default().to_owned()
        } else {
            format!("{} ago", short_span(at.age_at(view.at)))
        };
        let role = if state == RunState::Failed { Role::Danger } else { Role::Text };
        line.push(span(Role::Text, format!("   last run {when} ")));
        line.push(span(role, state.word()));
    }
    let late = view.series.iter().filter(|series| is_late(series)).count();
    let grave = |series: &SeriesPast| gravest(series).is_some_and(|judged| judged.severity == Severity::Critical);
    let critical = view.series.iter().filter(|series| grave(series)).count();
    for (count, word, role) in [(late, "late", Role::Warn), (critical, "critical", Role::Danger)] {
        if count > 0 {
            line.push(span(role, format!("   {count} {word}")));
        }
    }
    line
}

/// The words below which columns stand.
pub fn ticks(axis: &Axis, area: Rect, canvas: &mut Canvas<'_>) {
    for (column, word) in axis.ticks() {
        canvas.text(indent(area, column), Role::Head, &word);
    }
}

fn columns(view: &HistoryView, width: u16) -> [Column; 7] {
    let column = |title, least, most, side, rank| Column { title, least, most, side, rank };
    let widest = |of: fn(&SeriesPast) -> &str, most: usize| {
        let widths = view.series.iter().map(|series| of(series).width());
        widths.max().unwrap_or(0).min(most) as u16
    };
    let target = widest(target, 16).max(6);
    let place = if width < ROOM_FOR_TARGET { target + 1 } else { 0 };
    let name = widest(|series| &series.label, 24).max(8);
    let name = if is_doubled(view) { name.saturating_add(place).min(26) } else { name };
    let spare = width.saturating_sub(100);
    let bars = (spare / 4).min(16);
    let (sized, timed, side) = if bars >= 5 { (6 + bars, 8 + bars, Side::Left) } else { (5, 7, Side::Right) };
    let good = view.series.iter().map(|series| last_good(series, view));
    let good = good.map(|line| line.iter().map(|part| part.text.width()).sum::<usize>()).max().unwrap_or(0);
    [
        column("DATABASE", name.min(if width < 72 { 12 } else { 16 }), name, Side::Left, 0),
        column("TARGET", if place == 0 { target } else { width }, target, Side::Left, 7),
        column("RHYTHM", 7, 9, Side::Left, 5),
        column("NEWEST", good.clamp(13, 16) as u16, good.clamp(13, 22) as u16, Side::Left, 0),
        column("", if width < 72 { 20 } else { 24 }, 62, Side::Left, 1),
        column("SIZE", sized, sized, side, 2),
        column("TOOK", timed, timed, side, 4),
    ]
}

fn cells(series: &SeriesPast, view: &HistoryView, axis: &Axis, layout: &Layout, canvas: &Canvas<'_>) -> [Line; 7] {
    let with_bars = |text: String, values: &[Option<u64>], least: usize, nth: usize| {
        let room = usize::from(layout.width(nth)).saturating_sub(least + 1);
        if room < 4 {
            return vec![span(Role::Text, text)];
        }
        let values: Vec<u64> = values.iter().flatten().copied().collect();
        vec![span(Role::Text, format!("{text:>least$} ")), span(Role::Dim, spark(canvas.glyphs, &values, room))]
    };
    let (sizes, times) = (sizes(series), durations(series));
    let newest = |values: &[Option<u64>]| values.iter().rev().flatten().next().copied();
    let marks = strip(series, axis.zoom, axis.start, usize::from(layout.width(STRIP)), view.at);
    [
        named(series, view, layout.place(1).is_none()),
        vec![span(Role::Text, target(series).to_owned())],
        vec![span(Role::Text, series.rhythm.word())],
        last_good(series, view),
        strip_line(&marks),
        with_bars(newest(&sizes).map_or(String::new(), |size| ByteSize(size).to_string()), &sizes, 5, 5),
        with_bars(newest(&times).map_or(String::new(), took), &times, 7, 6),
    ]
}

/// From this width on the target has a column of its own.
const ROOM_FOR_TARGET: u16 = 96;

/// Whether two series are called the same, so that only their targets tell them apart.
fn is_doubled(view: &HistoryView) -> bool {
    view.series.windows(2).any(|pair| pair[0].label == pair[1].label) // they are sorted by that
}

/// What a series is called: with its target where that has no column and another series is called the same.
fn named(series: &SeriesPast, view: &HistoryView, alone: bool) -> Line {
    let mut name = vec![span(Role::Text, series.label.clone())];
    if alone && is_doubled(view) && !target(series).is_empty() {
        name.push(span(Role::Dim, format!(" {}", target(series))));
    }
    name
}

/// The target that its backups lie in.
fn target(series: &SeriesPast) -> &str {
    series.key.target.as_ref().map_or("", |target| target.as_str())
}

/// Where a series lies, behind its name.
pub fn placed(series: &SeriesPast) -> String {
    match target(series) {
        "" => ", in no target of this estate".to_owned(),
        target => format!(" on {target}"),
    }
}

/// `5h  whole`, or what stands against it: `9h  late by 8h`.
fn last_good(series: &SeriesPast, view: &HistoryView) -> Line {
    let newest = newest_made(series);
    let age = newest.map_or("never".to_owned(), |point| short_span(point.at.age_at(view.at)));
    let trust = newest.map_or("", |point| point.kept.word());
    if let (Some(Judgement { what: What::Wiped { .. }, .. }), None) = (gravest(series), newest) {
        return vec![span(Role::Danger, gravest(series).map_or(String::new(), Judgement::short))];
    }
    let words = match (gravest(series), newest) {
        // How old it is and how far it is to be trusted stands here already.
        (Some(Judgement { what: What::NoGoodBackup { .. }, .. }), Some(_)) => span(Role::Warn, trust),
        (Some(judged), _) => span(role_of(judged), judged.short()),
        (None, Some(point)) => span(trust_role(point.kept), trust),
        (None, None) => span(Role::Dim, ""),
    };
    vec![span(Role::Text, format!("{age:<5}")), words]
}

fn trust_role(kept: Kept) -> Role {
    match kept {
        Kept::Good(_) => Role::Good,
        Kept::Bad => Role::Danger,
        Kept::Gone => Role::Warn,
        Kept::Unknown | Kept::Listed(_) => Role::Dim,
    }
}

/// How many runs and backups of a series are known.
pub fn known(series: &SeriesPast) -> u64 {
    let told: u64 = series.days.iter().map(|day| u64::from(day.ok + day.failed + day.unfinished + day.unknown)).sum();
    told.max(series.points.len() as u64)
}

/// What its list holds: runs, or backups of which no run is known.
pub fn noun(series: &SeriesPast) -> &'static str {
    let told = !series.days.is_empty() || series.points.iter().any(|point| point.run.is_some());
    if told { "run" } else { "backup" }
}

/// The series under the cursor: its rhythm, and what its past says.
fn about(series: &SeriesPast, (is_small, key): (bool, &str), area: Rect, canvas: &mut Canvas<'_>) {
    let since = first(series).map_or(String::new(), |since| format!(" since {}", since.day()));
    let targets = placed(series);
    let runs = counted(known(series), noun(series));
    let inner = indent(area, 3);
    let place = indent(below(area, 1), 1);
    let (lines, more) = judged(series, usize::from(place.width.saturating_sub(1)), usize::from(place.height));
    let more = if more > 0 { format!("; {more} more: {key}") } else { String::new() };
    // On a small screen, which may hang on a slow line, only what is not in the row.
    let known = if is_small { String::new() } else { format!("; {runs}{since}") };
    let head = format!("{targets}, {}{known}{more}", series.rhythm.words());
    canvas.spans(row(inner, 0), &[span(Role::Title, series.label.clone()), span(Role::Dim, head)]);
    for (line, at) in lines.iter().zip(place.rows()) {
        canvas.spans(at, line);
    }
}
