//! `show`: everything known about one backup.

use clap::Args as ArgGroup;

use crate::cli::door::Door;
use crate::cli::exit::DONE;
use crate::cli::lines::{ShowLine, answer_word};
use crate::cli::print::Form;
use crate::cli::{unlock, wording};
use crate::model::backup::{Backup, TakenFrom};
use crate::model::target::TargetName;
use crate::model::trust::{Answer, Inside, MemberProof, Proof, Rung};
use crate::model::units::{ByteSize, counted};
use crate::report::Report;

/// Arguments of `show`.
#[derive(Debug, ArgGroup)]
pub struct ShowArgs {
    /// An id or the start of one, target:name, or a path or URL
    backup: String,
}

pub async fn run(door: &Door, args: ShowArgs) -> Result<u8, Report> {
    let session = door.session_for(&args.backup).await?;
    unlock::given(door, &session).await?;
    let catalog = door.listed(&session).await?;
    let backup = session.find(&args.backup)?;
    if door.printer().form() == Form::Json {
        return door.printer().json(&ShowLine::from(&*backup)).map(|()| DONE);
    }
    let url = |name: &TargetName| catalog.targets.iter().find(|target| target.name == *name).map(|target| &target.url);
    let place = url(&backup.target).map_or_else(String::new, |url| format!("\non {} ({url})", backup.target));
    let mut facts = vec![
        ("backup", format!("{}{place}", backup.key)),
        ("id", backup.id.to_string()),
        ("taken", format!("{} UTC, as {} says", backup.taken.at.second(), taken_from(&backup))),
        ("offset", backup.taken.offset_words().unwrap_or_default()),
        ("prune", backup.prune.as_ref().map(|prune| prune.words()).unwrap_or_default()),
        ("size", ByteSize(backup.stamp.size).exact()),
        ("databases", wording::databases(&backup)),
        ("series", backup.series.to_string()),
        ("format", wording::format(&backup)),
        ("seal", seal(&backup)),
        ("metadata", wording::metadata(&backup.metadata)),
        ("version", wording::history(backup.history).to_owned()),
        ("storage", wording::storage(&backup.storage)),
    ];
    facts.retain(|(label, words)| !words.is_empty() || !matches!(*label, "offset" | "prune"));
    facts.extend(backup.findings.iter().map(|finding| ("finding", format!("{} ({})", finding.text, finding.code))));
    match &backup.proof {
        Some(proof) => facts.extend(of_proof(proof)),
        None => facts.push(("trust", "listed; never verified".to_owned())),
    }
    door.printer().facts(&facts)?;
    Ok(DONE)
}

fn taken_from(backup: &Backup) -> &'static str {
    match backup.taken.from {
        TakenFrom::Metadata => "its metadata",
        TakenFrom::Name => "its name",
        TakenFrom::Object => "the target",
    }
}

fn seal(backup: &Backup) -> String {
    let mut lines = vec![wording::seal(backup)];
    lines.extend(backup.recipients().map(|fingerprint| format!("for {}", fingerprint.short())));
    lines.extend(backup.shape.seal.iter().flat_map(|seal| &seal.named).map(|named| format!("for {named}")));
    lines.join("\n")
}

/// The proof, rung by rung.
pub fn of_proof(proof: &Proof) -> Vec<(&'static str, String)> {
    let mut facts = vec![];
    for (rung, answer) in Rung::ALL.into_iter().zip(proof.rungs).filter(|(_, answer)| *answer != Answer::Unknown) {
        facts.push((rung.word(), answer_word(answer).to_owned()));
    }
    for check in &proof.checks {
        let name = format!("{}: {}", check.name, answer_word(check.outcome));
        facts.push(("check", if check.detail.is_empty() { name } else { format!("{name}, {}", check.detail) }));
    }
    let at = proof.at_byte.map_or_else(String::new, |at| format!(" at byte {at} of the stored file"));
    facts.push(("verdict", format!("{}{at}", wording::verdict(proof))));
    facts.push(("content", format!("vouched for by: {}", proof.content.word())));
    facts.extend(proof.findings.iter().map(|finding| ("finding", format!("{} ({})", finding.text, finding.code))));
    facts.extend(proof.key.as_ref().map(|key| ("key", key.short())));
    facts.extend(proof.inside.as_ref().map(|found| ("inside", inside(found))));
    facts.extend(proof.members.iter().map(|each| ("member", member(each))));
    facts.push(("verified", format!("{} UTC by breakglass {}", proof.at.second(), proof.program)));
    facts
}

/// One file of an archive.
fn member(member: &MemberProof) -> String {
    let rows: u64 = member.inside.tables.iter().map(|table| table.rows).sum();
    let database = member.database.as_ref().map_or_else(|| "no database".to_owned(), ToString::to_string);
    let (tables, size) = (counted(member.inside.table_count, "table"), ByteSize(member.bytes).words());
    format!("{}\n{database}: {tables}, {}, {size} of SQL", member.name, counted(rows, "row"))
}

fn inside(inside: &Inside) -> String {
    let rows: u64 = inside.tables.iter().map(|table| table.rows).sum();
    let mut lines = vec![
        inside.made_by.clone(),
        [
            counted(inside.table_count, "table"),
            counted(rows, "row"),
            counted(inside.views, "view"),
            counted(inside.routines, "routine"),
            counted(inside.triggers, "trigger"),
            counted(inside.events, "event"),
        ]
        .join(", "),
    ];
    let largest = inside.tables.iter().take(3).map(|table| format!("{} {}", table.name, ByteSize(table.bytes).words()));
    lines.push(format!("largest: {}", largest.collect::<Vec<_>>().join(", ")));
    lines.retain(|line| !line.is_empty() && line != "largest: ");
    lines.join("\n")
}
