//! Words about one row change: which row, what changed, every column before, after and now.

use crate::model::change::{Certainty, Change, ChangeKind, RowImage, TransactionFacts};
use crate::model::changes::{Shown, TransactionLine};
use crate::model::script::ColumnNow;
use crate::model::units::{Moment, grouped};
use crate::tui::canvas::span;
use crate::tui::theme::Role;
use crate::tui::tokens::quoted;
use crate::tui::widgets::body::Paragraph;

/// Longest value of a cell, in characters.
const CELL: usize = 200;

/// What happened, in the capitals that statements have.
pub fn verb(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Insert => "INSERT",
        ChangeKind::Update => "UPDATE",
        ChangeKind::Delete => "DELETE",
    }
}

/// How a kind is meant: what went stands out.
pub fn role(kind: ChangeKind) -> Role {
    if kind == ChangeKind::Delete { Role::Danger } else { Role::Text }
}

/// `schema.table`, safe to draw.
pub fn table(change: &Change) -> String {
    format!("{}.{}", change.table.schema, change.table.name)
}

fn short(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(CELL) {
        text.truncate(at);
        text.push_str("..");
    }
    text
}

/// The value of a column in an image, safe to draw; `None` where the log leaves it out.
pub fn value(change: &Change, image: Option<&RowImage>, column: usize) -> Option<String> {
    let value = image?.values.get(column)?.as_ref()?;
    let facts = change.table.columns.get(column)?;
    Some(short(Shown(value, facts).to_string()))
}

fn image(change: &Change) -> Option<&RowImage> {
    change.before.as_ref().or(change.after.as_ref())
}

/// `id 17`: the key's columns and values as they were before; the first columns where there is no key.
pub fn key(change: &Change) -> String {
    let columns = &change.table.columns;
    let mut parts: Vec<usize> = (0..columns.len()).filter(|at| columns[*at].key_part.is_some()).collect();
    parts.sort_by_key(|at| columns[*at].key_part);
    if parts.is_empty() {
        parts = (0..columns.len().min(2)).collect();
    }
    let part = |at: usize| {
        let value = value(change, image(change), at).unwrap_or_else(|| "?".to_owned());
        format!("{} {value}", columns[at].name)
    };
    parts.into_iter().map(part).collect::<Vec<_>>().join(" ")
}

/// What changed in one line: `status 'paid' -> 'void', qty 3 -> 1`; of a row that came or went, its first values.
pub fn summary(change: &Change) -> String {
    let columns = &change.table.columns;
    let of =
        |image: &Option<RowImage>, at| value(change, image.as_ref(), at).unwrap_or_else(|| "(not logged)".to_owned());
    if change.kind == ChangeKind::Update {
        let parts = change.changed().into_iter().take(12).map(|at| {
            let (before, after) = (of(&change.before, at), of(&change.after, at));
            format!(
                "{} {before} -> {after}",
                columns.get(at).map_or_else(String::new, |column| column.name.to_string())
            )
        });
        let text = parts.collect::<Vec<_>>().join(", ");
        return if text.is_empty() { "nothing differs".to_owned() } else { text };
    }
    let told = |at: &usize| columns[*at].key_part.is_none();
    let parts = (0..columns.len())
        .filter(told)
        .take(8)
        .filter_map(|at| value(change, image(change), at).map(|value| format!("{} {value}", columns[at].name)));
    parts.collect::<Vec<_>>().join(", ")
}

/// What undoing a change writes, in one line: the values that come back, or those that go with their row.
pub fn undone(change: &Change) -> String {
    if change.kind != ChangeKind::Update {
        return summary(change);
    }
    let columns = &change.table.columns;
    let parts = change.changed().into_iter().take(12).filter_map(|at| {
        let before = value(change, change.before.as_ref(), at)?;
        Some(format!("{} {before}", columns.get(at)?.name))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A GTID as lists show it: `5c0e..:99120`; where there is none, the place of its begin.
pub fn label(facts: &TransactionFacts) -> String {
    match &facts.gtid {
        Some(gtid) => short_gtid(&gtid.to_string()),
        None => format!("at {}", facts.start),
    }
}

/// The flag that means one transaction by where it begins, with a blank in front.
pub fn begin_words(line: &TransactionLine) -> String {
    let file = line.file.raw_str().unwrap_or_default();
    format!(" --transaction {}", quoted(&format!("{file}:{}", line.place.position)))
}

/// The UUID of a GTID cut to its first four digits.
pub fn short_gtid(gtid: &str) -> String {
    match gtid.split_once(':') {
        Some((uuid, rest)) if uuid.len() == 36 && uuid.is_ascii() => format!("{}..:{rest}", &uuid[..4]),
        _ => gtid.to_owned(),
    }
}

/// `14:02:11.204`, or with month and day in front where days differ.
pub fn clock(at: Moment, with_day: bool) -> String {
    let text = at.rfc3339();
    let time = text.get(11..23).unwrap_or_default();
    if with_day { format!("{} {time}", text.get(5..10).unwrap_or_default()) } else { time.to_owned() }
}

/// Every column with its value before, after, and now where somebody looked. Those that differ are marked `*`, those
/// that changed since `!`.
pub fn columns(change: &Change, now: Option<&[ColumnNow]>, width: usize) -> Vec<Paragraph> {
    let facts = &change.table.columns;
    let changed = change.changed();
    let since = |name: &str| now.and_then(|now| now.iter().find(|column| column.name == name));
    let names = facts.iter().map(|column| column.name.to_string());
    let widest = names.map(|name| name.chars().count()).max().unwrap_or(6).clamp(6, 24);
    let sides: &[&str] = if now.is_some() { &["BEFORE", "AFTER", "NOW"] } else { &["BEFORE", "AFTER"] };
    let room = (width.saturating_sub(widest + 4) / sides.len()).saturating_sub(2).max(6);
    let mut head = vec![span(Role::Head, format!("  {:<widest$}", "COLUMN"))];
    head.extend(sides.iter().map(|side| span(Role::Head, format!("  {side:<room$}"))));
    let mut lines = vec![Paragraph::Line(head)];
    for (at, column) in facts.iter().enumerate() {
        let name = column.name.to_string();
        let now_one = since(&name);
        let differs = changed.contains(&at) || change.kind != ChangeKind::Update;
        let (mark, role) = match (now_one, differs) {
            (Some(_), _) => ("!", Role::Warn),
            (None, true) if change.kind == ChangeKind::Update => ("*", Role::Text),
            (None, true) => (" ", Role::Text),
            (None, false) => (" ", Role::Dim),
        };
        let mut line = vec![span(role, format!("{mark} {}", fitted(&name, widest)))];
        let gone = |there: bool| if there { "(not logged)" } else { "-" }.to_owned();
        let before = value(change, change.before.as_ref(), at).unwrap_or_else(|| gone(change.before.is_some()));
        let after = match value(change, change.after.as_ref(), at) {
            Some(value) => value,
            // Minimal images leave out of the after image what stayed as it was.
            None if change.after.is_some() && change.before.is_some() => "(as before)".to_owned(),
            None => gone(change.after.is_some()),
        };
        line.push(span(role, format!("  {}", fitted(&before, room))));
        line.push(span(role, format!("  {}", fitted(&after, room))));
        if now.is_some() {
            let text = match now_one {
                Some(now) => now.now.clone().unwrap_or_else(|| "(no row)".to_owned()),
                None => "as after".to_owned(),
            };
            let role = if now_one.is_some() { Role::Warn } else { Role::Dim };
            line.push(span(role, format!("  {}", fitted(&text, room))));
        }
        lines.push(Paragraph::Line(line));
    }
    lines
}

/// Everything about one change.
pub fn facts(change: &Change, width: u16) -> Vec<Paragraph> {
    let by = &change.transaction;
    let mut all = vec![
        Paragraph::Title(format!("{} {}  {}", verb(change.kind), table(change), key(change))),
        Paragraph::Field("by", Role::Text, format!("{}, {} UTC", label(by), clock(by.committed_at, true))),
    ];
    if let Some(text) = certainty(change.certainty) {
        all.push(Paragraph::Field("", Role::Warn, text.to_owned()));
    }
    all.push(Paragraph::Blank);
    all.extend(columns(change, None, usize::from(width)));
    all.push(Paragraph::Blank);
    if let Some(text) = &change.statement {
        all.push(Paragraph::Field("statement", Role::Text, text.to_string()));
    }
    let place = format!("{}, position {}, row {}", change.key.file, change.key.position, change.key.row);
    all.push(Paragraph::Field("place", Role::Dim, place));
    all
}

/// What is not beyond doubt.
fn certainty(certainty: Certainty) -> Option<&'static str> {
    match certainty {
        Certainty::Exact => None,
        Certainty::Unnamed => Some(
            "the names of its columns are not known: it cannot become SQL. SHOW CREATE TABLE text, a dump or a server tells them: c on Changes",
        ),
        Certainty::Incomplete => Some("the log's images leave columns out (binlog_row_image)"),
        Certainty::Undecided => Some("its transaction was prepared (XA), and its end is not in this log"),
    }
}

/// A text in exactly so many columns, cut with two dots.
pub fn fitted(text: &str, room: usize) -> String {
    use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};
    let used = text.width();
    if used <= room {
        return format!("{text}{}", " ".repeat(room - used));
    }
    let (mut cut, mut width) = (String::new(), 0);
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if width + wide + 2 > room {
            break;
        }
        cut.push(c);
        width += wide;
    }
    format!("{cut}..{}", " ".repeat(room.saturating_sub(width + 2)))
}

/// `1 row`, `1,204,331 rows`.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}
