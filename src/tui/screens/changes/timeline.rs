//! How many rows changed when: bars along time, the cursor's place below them, and what stands out in words.

use ratatui::layout::Rect;

use crate::model::change::ChangeKind;
use crate::model::changes::ChangesView;
use crate::model::units::{Moment, grouped};
use crate::tui::canvas::{Canvas, indent, row, span};
use crate::tui::command::Command;
use crate::tui::keymap::Context;
use crate::tui::log::Log;
use crate::tui::pane::Scene;
use crate::tui::theme::Role;
use crate::tui::widgets::density::{Axis, bars};

/// Columns in front of the bars.
const LABEL: u16 = 11;
const KINDS: [ChangeKind; 3] = [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete];

/// What of the timeline there is room for.
struct Shape {
    /// Lines of each row of bars.
    bar: u16,
    kinds: Kinds,
    burst: Burst,
}

/// Whether kinds are told apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Together,
    Apart,
}

/// Whether the greatest burst is said in words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Burst {
    Said,
    Left,
}

impl Shape {
    /// For a screen with so many lines of content.
    fn of(height: u16) -> Self {
        match height {
            0..14 => Self { bar: 1, kinds: Kinds::Together, burst: Burst::Left },
            14..28 => Self { bar: 2, kinds: Kinds::Together, burst: Burst::Said },
            _ => Self { bar: 2, kinds: Kinds::Apart, burst: Burst::Said },
        }
    }
}

/// From the first to the last moment that was read.
fn span_of(view: &ChangesView) -> Option<(Moment, Moment)> {
    let edge = |edge: &Option<crate::model::changes::Edge>| edge.as_ref().and_then(|edge| edge.at);
    let (first, last) = view.histogram.span().unzip();
    let from = edge(&view.coverage.from).into_iter().chain(first).min()?;
    let to = edge(&view.coverage.to).into_iter().chain(last).max()?;
    Some((from, to.max(from)))
}

fn columns(width: u16) -> u16 {
    width.saturating_sub(LABEL + 2)
}

/// How far one can zoom.
pub fn deepest(log: &Log, width: u16) -> u8 {
    let finest = log.view.histogram.width();
    span_of(&log.view).map_or(0, |(from, to)| Axis::deepest(from, to, columns(width), finest))
}

/// Draws it at the top of `area`; returns the lines used.
pub fn view(
    log: &Log,
    (here, zoom): (Option<Moment>, u8),
    scene: &Scene<'_>,
    area: Rect,
    canvas: &mut Canvas<'_>,
) -> u16 {
    let shape = &Shape::of(area.height + 1);
    let view = &*log.view;
    let Some((from, to)) = span_of(view) else { return 0 };
    let finest = view.histogram.width();
    let axis = Axis::new(from, to, here.unwrap_or(from), zoom, columns(area.width), finest);
    let wanted = wanted(log);
    let of = |kinds: &[ChangeKind]| {
        let raw = view.histogram.raw().filter(|(table, kind, ..)| kinds.contains(kind) && wanted(*table));
        axis.fold(raw.map(|(_, _, at, rows, _)| (at, rows)))
    };
    let unknown = unknown(view, &axis);
    let mut used = 0;
    let groups: Vec<(String, Vec<ChangeKind>)> = match shape.kinds {
        Kinds::Together => vec![(axis.words(), kinds_of(log))],
        Kinds::Apart => kinds_of(log).into_iter().map(|kind| (format!("{kind}s"), vec![kind])).collect(),
    };
    for (label, kinds) in groups {
        let values = of(&kinds);
        let most = values.iter().copied().max().unwrap_or(0);
        for (nth, text) in bars(canvas.glyphs, &values, shape.bar).into_iter().enumerate() {
            let line = row(area, used);
            let is_last = nth + 1 == usize::from(shape.bar);
            let (role, label) = if is_last { (Role::Head, label.clone()) } else { (Role::Dim, short(most)) };
            name(canvas, line, role, &label);
            canvas.text(indent(line, LABEL), Role::Gauge, &text);
            if is_last {
                for column in unknown.iter().filter(|column| values[usize::from(**column)] == 0) {
                    canvas.text(Rect { width: 1, ..indent(line, LABEL + column) }, Role::Danger, "?");
                }
            }
            used += 1;
        }
    }
    axis_line(&axis, (here, to), shape, row(area, used), canvas);
    used += 1;
    if shape.burst == Burst::Said {
        burst(log, &scene.key(Context::Global, Command::Next), row(area, used), canvas);
        used += 1;
    }
    used
}

/// The kinds that the filter lets through.
fn kinds_of(log: &Log) -> Vec<ChangeKind> {
    let kinds = &log.typed.filter.kinds;
    KINDS.into_iter().filter(|kind| kinds.is_empty() || kinds.contains(kind)).collect()
}

/// Whether the filter lets a table through, by its place in the view.
fn wanted(log: &Log) -> impl Fn(u32) -> bool + '_ {
    let filter = &log.typed.filter;
    move |nth| {
        let Some(totals) = log.view.tables.get(nth as usize) else { return true };
        let table = &totals.table;
        let named = |one: &crate::model::changes::TableFilter| {
            one.table == table.table && one.schema.as_ref().is_none_or(|schema| *schema == table.schema)
        };
        (filter.schemas.is_empty() || filter.schemas.contains(&table.schema))
            && (filter.tables.is_empty() || filter.tables.iter().any(named))
    }
}

/// Columns of which nothing is known: they lie in a gap.
fn unknown(view: &ChangesView, axis: &Axis) -> Vec<u16> {
    let mut columns = vec![];
    for gap in &view.coverage.gaps {
        let edge = |edge: &Option<crate::model::changes::Edge>| edge.as_ref().and_then(|edge| edge.at);
        let (Some(after), Some(before)) = (edge(&gap.after), edge(&gap.before)) else { continue };
        columns.extend((0..axis.columns).filter(|column| {
            let (start, end) = (axis.moment(*column), axis.moment(column + 1));
            end > after && start <= before
        }));
    }
    columns
}

/// What a line is, beside its bars and never touching them.
fn name(canvas: &mut Canvas<'_>, line: Rect, role: Role, text: &str) {
    let from = u16::from(text.chars().count() < usize::from(LABEL) - 1);
    canvas.text(Rect { width: LABEL - 1, ..indent(line, from) }, role, text);
}

/// Times, and where the cursor is among them.
fn axis_line(axis: &Axis, (here, end): (Option<Moment>, Moment), shape: &Shape, area: Rect, canvas: &mut Canvas<'_>) {
    if shape.kinds == Kinds::Apart {
        name(canvas, area, Role::Dim, &axis.words());
    }
    for (column, text) in axis.ticks().into_iter().filter(|(column, _)| axis.moment(*column) <= end) {
        canvas.text(indent(area, LABEL + column), Role::Dim, &text);
    }
    if let Some(column) = here.and_then(|here| axis.column(here)) {
        let cell = Rect { width: 1, ..indent(area, LABEL + column) };
        // Where a time stands, the cursor is seen in it.
        if canvas.symbol(cell.x, cell.y) == " " {
            canvas.text(cell, Role::Key, "^");
        } else {
            canvas.paint(cell, Role::Selection);
        }
    }
}

/// The greatest burst that the filter lets through.
fn burst(log: &Log, key: &str, area: Rect, canvas: &mut Canvas<'_>) {
    let wanted = wanted(log);
    let known = |burst: &&crate::model::changes::Burst| {
        let nth = log.view.tables.iter().position(|table| table.table == burst.table);
        nth.is_none_or(|nth| wanted(nth as u32)) && kinds_of(log).contains(&burst.kind)
    };
    if let Some(burst) = log.view.bursts.iter().find(known) {
        canvas.spans(
            indent(area, 1),
            &[span(Role::Head, format!("{:<10}", format!("most ({key})"))), span(Role::Text, burst.words.clone())],
        );
    }
}

/// A count in few columns.
fn short(count: u64) -> String {
    match count {
        0..10_000 => grouped(count),
        10_000..10_000_000 => format!("{}k", grouped(count / 1000)),
        _ => format!("{}M", grouped(count / 1_000_000)),
    }
}
