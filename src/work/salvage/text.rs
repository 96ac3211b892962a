//! The report of a salvage as people read it: `REPORT.txt`, and what the command prints.

use std::fmt::Write;

use crate::model::salvage::{Authenticity, SalvageOutcome, SalvageReport, SalvagedFile};
use crate::model::units::grouped;

/// The whole report; every foreign text in it is escaped.
pub fn of_report(report: &SalvageReport) -> String {
    let mut text = String::new();
    let _ = write_head(&mut text, report);
    for file in &report.files {
        let _ = write_file(&mut text, file);
    }
    let _ = writeln!(text, "\nBehind that: {}.", report.follows);
    text
}

fn write_head(text: &mut String, report: &SalvageReport) -> std::fmt::Result {
    let ended = match report.outcome {
        SalvageOutcome::Partly => "",
        SalvageOutcome::Cancelled => "  It was stopped before the backup's last byte was read.\n",
    };
    writeln!(text, "SALVAGED, NOT RESTORED: {}", report.words())?;
    writeln!(text, "  of {} into {}\n{ended}", report.backup, report.into)?;
    writeln!(text, "Content  {}", report.authenticity.words())?;
    if report.authenticity == Authenticity::Unauthenticated {
        writeln!(text, "         Nothing proves that a value is what was backed up.")?;
    }
    let key = report.key.as_ref().map_or_else(String::new, |key| format!(", key {}", key.short()));
    let seal = report.seal.map_or("none", |seal| seal.word());
    writeln!(text, "Seal     {seal}{key}")?;
    let (stored, plain) = (grouped(report.stored_bytes.0), grouped(report.plain_bytes.0));
    writeln!(text, "Read     {stored} stored bytes, {plain} came out")?;
    for (nth, met) in report.met.iter().enumerate() {
        writeln!(text, "{:<8} {met}", if nth == 0 { "Met" } else { "" })?;
    }
    writeln!(text, "When     {} UTC, breakglass {}", report.at.second(), report.program)
}

fn write_file(text: &mut String, file: &SalvagedFile) -> std::fmt::Result {
    let (bytes, statements) = (grouped(file.bytes.0), grouped(file.statements));
    writeln!(text, "\n{}  {bytes} bytes, {statements} statements, {} rows", file.file, grouped(file.rows))?;
    if let Some(member) = &file.member {
        writeln!(text, "  member {member}")?;
    }
    writeln!(text, "  {}", file.missing)?;
    for table in &file.tables {
        let database = table.database.as_ref().map_or_else(String::new, |database| format!("{database}."));
        let name = format!("{database}{}", table.table);
        writeln!(text, "  {name:<40} {:>12} rows  {}", grouped(table.rows), table.state.words())?;
    }
    Ok(())
}
