//! `key`: what a key file is, and making a new pair.

use std::path::{Path, PathBuf};

use clap::{Args as ArgGroup, Subcommand};
use serde_json::json;

use crate::cli::door::{Door, blocking};
use crate::cli::exit::{self, DONE};
use crate::cli::passphrase::Passphrases;
use crate::cli::print::Form;
use crate::cli::stdin::WatchedStdin;
use crate::model::foreign::{Foreign, escape};
use crate::model::seal::KeyFacts;
use crate::report::Report;
use crate::work::keys;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// What a key file is: public facts only, no passphrase needed
    Inspect(InspectArgs),
    /// Make a 4096-bit RSA pair; the private half is encrypted and readable by you alone
    New(NewArgs),
}

/// Arguments of `key inspect`.
#[derive(Debug, ArgGroup)]
pub struct InspectArgs {
    /// Key files; `-` for standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Arguments of `key new`.
#[derive(Debug, ArgGroup)]
pub struct NewArgs {
    /// The private key's file, such as ops.pem; the public half goes beside it as ops.pub.pem
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub async fn run(door: &Door, verb: KeyVerb) -> Result<u8, Report> {
    match verb {
        KeyVerb::Inspect(args) => inspect(door, args).await,
        KeyVerb::New(args) => new(door, args).await,
    }
}

async fn inspect(door: &Door, args: InspectArgs) -> Result<u8, Report> {
    let mut codes = vec![];
    for (at, file) in args.files.iter().enumerate() {
        match facts_of(door, file).await {
            Ok(facts) => {
                if at > 0 && door.printer().form() == Form::Text {
                    door.printer().line("")?;
                }
                print_facts(door, &facts)?;
            }
            Err(report) => {
                door.printer().failure(&report);
                codes.push(exit::of_fault(report.fault));
            }
        }
    }
    Ok(exit::gravest(codes))
}

async fn facts_of(door: &Door, file: &Path) -> Result<KeyFacts, Report> {
    if file == Path::new("-") {
        let input = WatchedStdin::new(door.cancel.clone());
        let text = door.aside(move || keys::read(input, "standard input")).await?;
        return keys::inspect_given(&text, Foreign::from("standard input"));
    }
    keys::inspect_file(file)
}

fn print_facts(door: &Door, facts: &KeyFacts) -> Result<(), Report> {
    if door.printer().form() == Form::Json {
        return door.printer().json(facts);
    }
    let size = facts.bits.map_or_else(String::new, |bits| format!(", {bits} bits"));
    let half = if facts.private { "private" } else { "public" };
    let mut lines = vec![
        ("key", facts.label.to_string()),
        ("is", format!("{half}, {}{size}", facts.algorithm)),
        ("container", facts.container.clone()),
        ("passphrase", if facts.encrypted { "needed" } else { "none" }.to_owned()),
    ];
    match &facts.fingerprint {
        Some(fingerprint) => lines.push(("fingerprint", format!("{fingerprint}\n{}", fingerprint.short()))),
        None if facts.encrypted => lines.push(("fingerprint", "hidden by the passphrase".to_owned())),
        None if facts.is_passphrase() => {
            lines.push(("fingerprint", "none: a passphrase could be guessed from one".to_owned()));
        }
        None => lines.push(("fingerprint", "unknown".to_owned())),
    }
    lines.extend(facts.remarks.iter().map(|remark| ("note", remark.clone())));
    door.printer().facts(&lines)
}

async fn new(door: &Door, args: NewArgs) -> Result<u8, Report> {
    let (flags, name) = (door.keys.clone(), escape(&args.file.to_string_lossy()));
    let passphrase = door.aside(move || Passphrases::from_flags(&flags)?.new_for(&name)).await?;
    door.printer().say("making a pair of 4,096 bits; this takes some seconds");
    let pair = blocking(move || keys::make_pair(&args.file, &passphrase)).await?;
    let (private, public) = (pair.private.to_string_lossy(), pair.public.to_string_lossy());
    if door.printer().form() == Form::Json {
        let line = json!({
            "private": private, "public": public, "fingerprint": pair.fingerprint, "bits": pair.bits,
        });
        return door.printer().json(&line).map(|()| DONE);
    }
    door.printer().facts(&[
        ("private", format!("{} (keep it away from the servers whose backups it opens)", escape(&private))),
        ("public", escape(&public)),
        ("fingerprint", format!("{}\n{}", pair.fingerprint, pair.fingerprint.short())),
    ])?;
    Ok(DONE)
}
