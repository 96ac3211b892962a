//! Hazards and refusals, what a review found, and what a second person signs, as papers to read.

use crate::model::script::{Review, ScriptDigest};
use crate::model::units::{ByteSize, grouped};
use crate::tui::layers::paper::Paper;
use crate::tui::rows::counted;
use crate::tui::theme::Role;
use crate::tui::undoing::Undoing;
use crate::tui::widgets::body::Paragraph;

/// Hazards with statements for both choices, walls, parts of transactions, and every reason why nothing can be undone.
pub fn hazards(undoing: &Undoing) -> Paper {
    let view = &undoing.view;
    let mut all = vec![];
    if view.refusals > 0 {
        all.push(Paragraph::Title(format!("{} why nothing can be written", counted(view.refusals, "reason"))));
        for one in &view.refused {
            let table = one.table.as_ref().map_or_else(String::new, |table| format!(", {table}"));
            all.push(Paragraph::Text(Role::Danger, format!("{}{table}: {}", one.position(), one.reason)));
        }
        let more = view.refusals.saturating_sub(view.refused.len() as u64);
        if more > 0 {
            all.push(Paragraph::Text(Role::Dim, format!("and {} more", grouped(more))));
        }
        all.push(Paragraph::Text(
            Role::Dim,
            "Leave those tables out (t), or filter on Changes for what can be undone.".to_owned(),
        ));
        all.push(Paragraph::Blank);
    }
    all.push(Paragraph::Title(match view.hazards.len() {
        0 => "No hazard is known".to_owned(),
        n => format!("{} to know of", counted(n as u64, "hazard")),
    }));
    for hazard in &view.hazards {
        all.push(Paragraph::Text(Role::Warn, format!("{}: {}", hazard.code, hazard.text)));
        for offer in &hazard.offers {
            all.push(Paragraph::Field("by hand", Role::Text, format!("{} (not in the script):", offer.what)));
            all.extend(offer.sql.iter().map(|sql| Paragraph::Field("", Role::Dim, sql.clone())));
        }
    }
    walls(undoing, &mut all);
    partial(undoing, &mut all);
    gaps(undoing, &mut all);
    Paper::new("Hazards", all, Some(undoing.twin()))
}

fn walls(undoing: &Undoing, all: &mut Vec<Paragraph>) {
    for one in &undoing.view.walls {
        let wall = &one.wall;
        all.push(Paragraph::Blank);
        all.push(Paragraph::Title(format!("Wall at {} UTC, {}:{}", wall.at.second(), wall.file, wall.place.position)));
        all.push(Paragraph::Field("statement", Role::Text, wall.statement.to_string()));
        all.push(Paragraph::Field("destroyed", Role::Warn, wall.destroyed.clone()));
        match &wall.backup {
            Some(backup) => {
                let reach = if one.reaches {
                    "the logs reach back to it"
                } else {
                    "the logs do not reach back to it: changes in between are missing"
                };
                let text = format!("{}, taken {} UTC, {}; {reach}", backup.label, backup.taken.second(), backup.trust);
                all.push(Paragraph::Field("backup", if one.reaches { Role::Good } else { Role::Warn }, text));
            }
            None => all.push(Paragraph::Field("backup", Role::Warn, "no good backup that is older has it".to_owned())),
        }
        all.push(Paragraph::Field("replay", Role::Text, format!("changes can be replayed up to {}", one.replay_to)));
    }
}

fn partial(undoing: &Undoing, all: &mut Vec<Paragraph>) {
    let view = &undoing.view;
    if view.partials == 0 {
        return;
    }
    all.push(Paragraph::Blank);
    all.push(Paragraph::Title(format!("{} undone only in part", counted(view.partials, "transaction"))));
    for one in &view.partial {
        let left = one
            .left
            .iter()
            .map(|(table, rows)| format!("{} of {table}", counted(*rows, "row")))
            .collect::<Vec<_>>()
            .join(", ");
        all.push(Paragraph::Text(
            Role::Warn,
            format!("{}: {} undone, left as they are: {left}", one.label, counted(one.undone, "row")),
        ));
    }
}

fn gaps(undoing: &Undoing, all: &mut Vec<Paragraph>) {
    let gaps = &undoing.view.coverage.gaps;
    if !gaps.is_empty() {
        all.push(Paragraph::Blank);
        all.push(Paragraph::Title(format!(
            "{} in what was read: changes may be missing",
            counted(gaps.len() as u64, "gap")
        )));
        all.extend(gaps.iter().map(|gap| Paragraph::Text(Role::Danger, gap.words.clone())));
    }
}

/// What a second person signs.
pub fn sign_off(undoing: Option<&Undoing>, text: &str) -> Paper {
    let mut all = vec![];
    if let Some(digest) = undoing.and_then(|undoing| undoing.view.digest) {
        all.extend(words(&digest));
        all.push(Paragraph::Blank);
    }
    all.push(Paragraph::Sheet(text.to_owned()));
    Paper::new("Sign-off", all, undoing.map(Undoing::twin))
}

/// The digest as people compare it.
fn words(digest: &ScriptDigest) -> Vec<Paragraph> {
    vec![
        Paragraph::Title("Read these eight words to each other; they are of this script and no other".to_owned()),
        Paragraph::Field("digest", Role::Key, digest.words().replace('-', " ")),
    ]
}

/// What a review of a finished script found.
pub fn review(review: &Review) -> Paper {
    let script = crate::model::foreign::escape(&review.script);
    let mut all = vec![
        Paragraph::Title(format!(
            "{script}: {}, {}",
            ByteSize(review.bytes).words(),
            counted(review.statements, "statement")
        )),
        Paragraph::Field("made by", Role::Text, review.origin.words().to_owned()),
    ];
    if !review.altered.is_empty() {
        all.push(Paragraph::Field("altered", Role::Danger, crate::model::foreign::escape(&review.altered)));
    }
    if let Some(digest) = &review.digest {
        all.push(Paragraph::Field("digest", Role::Key, digest.words()));
    }
    all.push(Paragraph::Blank);
    all.push(Paragraph::Title("What it would do".to_owned()));
    if review.tables.is_empty() {
        all.push(Paragraph::Text(Role::Text, "no row of any table is changed".to_owned()));
    }
    for table in &review.tables {
        let text = format!(
            "{}: {} inserted, {} updated, {} deleted",
            table.table,
            grouped(table.insert),
            grouped(table.update),
            grouped(table.delete)
        );
        all.push(Paragraph::Text(Role::Text, text));
    }
    all.push(Paragraph::Blank);
    all.push(Paragraph::Title(match review.hazards.len() {
        0 => "No hazard was found".to_owned(),
        n => format!("{}, the gravest first", counted(n as u64, "hazard")),
    }));
    for hazard in &review.hazards {
        let times = if hazard.count == 1 { String::new() } else { format!(", {} times", grouped(hazard.count)) };
        all.push(Paragraph::Text(Role::Warn, format!("line {}{times}: {}", grouped(hazard.line), hazard.text)));
    }
    let twin = format!("breakglass review {}", crate::tui::tokens::quoted(&review.script));
    Paper::new("Script", all, Some(twin))
}
