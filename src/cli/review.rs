//! `review`: a recovery script read by somebody who did not write it.

use std::path::PathBuf;

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::exit;
use crate::cli::paragraphs::paragraph;
use crate::cli::print::Form;
use crate::cli::table::{Side, Table};
use crate::model::script::{Origin, ReviewedTable, RowState};
use crate::model::units::{ByteSize, grouped};
use crate::report::Report;
use crate::work::review::{self, ReviewRequest, Reviewed};

/// Rows that text lists; JSON has more of them.
const LISTED: usize = 20;

/// Arguments of `review`.
#[derive(Debug, ArgGroup)]
#[command(after_help = "It never runs the script. Exit codes: 0 nothing speaks against it; 3 it says that\n\
    breakglass wrote it, and it was altered since; 8 there are hazards, or rows that are not as it expects;\n\
    5 the server cannot be reached; 6 the server does not make the session read-only.")]
pub struct ReviewArgs {
    /// The script: of breakglass, or of another tool
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Look at the rows as they are now, in a session that cannot write: server:NAME or mysql://user@host:port/
    #[arg(long, value_name = "SERVER")]
    server: Option<String>,
}

pub async fn run(door: &Door, args: ReviewArgs) -> Result<u8, Report> {
    // The script is a file like any other: it may lie where there is no estate.
    let session = door.session_for_source("./").await?;
    let request = ReviewRequest { file: args.file, server: args.server };
    let reviewed = door.waited(review::review(&session, request)).await??;
    match door.printer().form() {
        Form::Json => door.printer().json(&reviewed)?,
        Form::Text => {
            door.printer().text(&head(&reviewed))?;
            tables(door, &reviewed)?;
            door.printer().text(&findings(&reviewed))?;
        }
    }
    door.say_head(&session);
    Ok(reviewed.fault().map_or(exit::DONE, exit::of_fault))
}

fn head(reviewed: &Reviewed) -> String {
    let review = &reviewed.review;
    let size = format!("{}, {} statements", ByteSize(review.bytes).words(), grouped(review.statements));
    let mut text = paragraph("script   ", &format!("{}, {size}", review.script));
    text.push_str(&paragraph("made by  ", review.origin.words()));
    if let Some(digest) = review.digest {
        text.push_str(&paragraph("digest   ", &digest.words()));
    }
    if review.origin == Origin::Altered {
        text.push_str(&paragraph("altered  ", &format!("{}: do not apply it", review.altered)));
    }
    let ours = matches!(review.origin, Origin::Breakglass | Origin::Altered);
    for line in reviewed.header.iter().filter(|line| ours && !line.starts_with("digest: ")).take(60) {
        text.push_str(&paragraph("         ", line));
    }
    text
}

fn tables(door: &Door, reviewed: &Reviewed) -> Result<(), Report> {
    if reviewed.review.tables.is_empty() {
        return door.printer().line("\nit changes no rows that can be seen");
    }
    let mut table =
        Table::new(&[("TABLE", Side::Name), ("PUT IN", Side::Right), ("SET", Side::Right), ("TAKEN OUT", Side::Right)]);
    for ReviewedTable { table: name, insert, update, delete, .. } in &reviewed.review.tables {
        table.row([name.to_string(), grouped(*insert), grouped(*update), grouped(*delete)]);
    }
    door.printer().line("")?;
    door.printer().table(&table)
}

fn findings(reviewed: &Reviewed) -> String {
    let mut text = String::new();
    let review = &reviewed.review;
    let told = reviewed.header.iter().filter(|line| line.starts_with("hazard: ")).count();
    if review.hazards.is_empty() {
        let beside = if told > 0 { " beside those that its header tells" } else { "" };
        text.push_str(&format!("\nhazards  none found{beside}\n"));
    } else {
        text.push_str("\nhazards\n");
    }
    for hazard in &review.hazards {
        let often = if hazard.count > 1 { format!(" ({} times)", grouped(hazard.count)) } else { String::new() };
        text.push_str(&paragraph(&format!("  line {:<6} ", hazard.line), &format!("{}{often}", hazard.text)));
    }
    for around in &reviewed.around {
        text.push_str(&paragraph("  server      ", &around.text));
        for offer in around.offers.iter().filter(|offer| !offer.sql.is_empty()) {
            text.push_str(&paragraph("              ", &format!("{}:", offer.what)));
            offer.sql.iter().for_each(|sql| text.push_str(&paragraph("                ", sql)));
        }
    }
    text.push_str(&rows(reviewed));
    text
}

fn rows(reviewed: &Reviewed) -> String {
    let (Some(states), Some(server)) = (reviewed.review.rows_now, &reviewed.server) else { return String::new() };
    let counts = [
        (states.matches, RowState::Matches),
        (states.undone, RowState::Undone),
        (states.changed, RowState::Changed),
        (states.gone, RowState::Gone),
        (states.anew, RowState::Anew),
        (states.unknowable, RowState::Unknowable),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let words: Vec<_> = counts.map(|(count, state)| format!("{} {}", grouped(*count), state.words())).collect();
    let words = if words.is_empty() { "none".to_owned() } else { words.join(", ") };
    let mut text = paragraph("\nrows now  ", &format!("{words} (on {server})"));
    for row in reviewed.rows.iter().take(LISTED) {
        let what = format!("{} {}: {}", row.kind, row.table, row.state.words());
        text.push_str(&paragraph(&format!("  line {:<6} ", row.line), &what));
    }
    if reviewed.rows.len() > LISTED {
        text.push_str("  --json lists more of them\n");
    }
    text
}
