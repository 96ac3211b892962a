//! `seal`, `unseal`, `reseal`: our own sealed format, on files and as filters.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args as ArgGroup;
use serde_json::json;

use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::cli::exit::DONE;
use crate::cli::print::Form;
use crate::cli::stdin::WatchedStdin;
use crate::cli::unlock;
use crate::model::foreign::escape;
use crate::model::seal::Fingerprint;
use crate::model::units::ByteSize;
use crate::report::Report;
use crate::work::export::{self, Exported, Input, Output, Work};
use crate::work::keys;

/// What a sealed file's name ends in.
const ENDING: &str = ".sealed";

/// Where the bytes come from and go to.
#[derive(Debug, ArgGroup)]
pub struct Files {
    /// What to read; `-` or nothing: standard input
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// What to write; must not exist. `-`: standard output. Else FILE with `.sealed` added or taken away
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Arguments of `seal` and `reseal`.
#[derive(Debug, ArgGroup)]
pub struct SealArgs {
    #[command(flatten)]
    pub files: Files,
    /// A recipient's public key in PEM; may be given several times
    #[arg(long = "recipient", short, value_name = "PUBLIC_KEY", required = true)]
    recipients: Vec<PathBuf>,
}

/// Arguments of `unseal`.
#[derive(Debug, ArgGroup)]
pub struct UnsealArgs {
    #[command(flatten)]
    pub files: Files,
}

impl Files {
    /// Whether the data comes from standard input.
    pub fn reads_stdin(&self) -> bool {
        self.file().is_none()
    }

    fn file(&self) -> Option<&Path> {
        self.input.as_deref().filter(|path| *path != Path::new("-"))
    }

    /// Where the result goes: as `--output` says, or a name made from the input's, or standard output.
    fn target(&self, renamed: impl Fn(&str) -> Option<String>) -> Result<Option<PathBuf>, CliError> {
        if let Some(output) = &self.output {
            return Ok((output != Path::new("-")).then(|| output.clone()));
        }
        let Some(file) = self.file() else { return Ok(None) };
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let advice = "name the output with -o FILE, or -o - for standard output";
        let what = || format!("{} does not end in {ENDING}", escape(&file.to_string_lossy()));
        let renamed = renamed(&name).ok_or_else(|| CliError::usage(what(), advice))?;
        Ok(Some(file.with_file_name(renamed)))
    }
}

pub async fn seal(door: &Door, args: SealArgs) -> Result<u8, Report> {
    let target = args.files.target(|name| Some(format!("{name}{ENDING}")))?;
    refuse_terminal(target.as_deref())?;
    let recipients = args.recipients.iter().map(|path| keys::public_file(path)).collect::<Result<_, _>>()?;
    export(door, Work::Seal(recipients), (&args.files, target)).await
}

pub async fn unseal(door: &Door, args: UnsealArgs) -> Result<u8, Report> {
    let target = args.files.target(|name| name.strip_suffix(ENDING).map(str::to_owned))?;
    export(door, Work::Unseal, (&args.files, target)).await
}

pub async fn reseal(door: &Door, args: SealArgs) -> Result<u8, Report> {
    if args.files.output.is_none() && args.files.file().is_some() {
        let what = "a new seal needs a name of its own: files are never overwritten";
        return Err(CliError::usage(what, "name it with -o FILE, or -o - for standard output").into());
    }
    let target = args.files.target(|_| None)?;
    refuse_terminal(target.as_deref())?;
    let recipients = args.recipients.iter().map(|path| keys::public_file(path)).collect::<Result<_, _>>()?;
    export(door, Work::Reseal(recipients), (&args.files, target)).await
}

fn refuse_terminal(target: Option<&Path>) -> Result<(), CliError> {
    let to_terminal = target.is_none() && io::stdout().is_terminal();
    let what = "sealed bytes do not belong on a terminal";
    if to_terminal { Err(CliError::usage(what, "send them into a file: -o FILE")) } else { Ok(()) }
}

async fn export(door: &Door, work: Work, (files, target): (&Files, Option<PathBuf>)) -> Result<u8, Report> {
    if target.is_none() && door.printer().form() == Form::Json {
        let what = "standard output takes the data, so the JSON has no place";
        return Err(CliError::usage(what, "name an output file with -o FILE").into());
    }
    let session = door.session().await?;
    if !matches!(work, Work::Seal(_)) {
        let wanted = files.file().map(export::recipients).transpose()?;
        unlock::needed_for(door, &session, wanted.as_deref()).await?;
    }
    let input = match files.file() {
        Some(path) => Input::File(path.to_owned()),
        None => Input::Stream(Box::new(WatchedStdin::new(door.cancel.clone()))),
    };
    let output = target.map_or_else(|| Output::Stream(Box::new(io::stdout())), Output::File);
    let exported = export::run(&session, work, (input, output), door.cancel.clone()).await?;
    print(door, &exported)?;
    door.say_head(&session);
    Ok(DONE)
}

fn print(door: &Door, exported: &Exported) -> Result<(), Report> {
    let file = exported.output.as_ref().map(|path| escape(&path.to_string_lossy()));
    if door.printer().form() == Form::Json {
        let recipients: Vec<&str> = exported.recipients.iter().map(Fingerprint::as_str).collect();
        return door.printer().json(&json!({
            "output": file, "bytes_in": exported.bytes_in, "bytes_out": exported.bytes_out,
            "recipients": recipients, "key": exported.key,
        }));
    }
    let bytes = ByteSize(exported.bytes_out).words();
    door.printer().say(&format!("{}: {bytes}", file.as_deref().unwrap_or("standard output")));
    for fingerprint in &exported.recipients {
        door.printer().say(&format!("  for {}", fingerprint.short()));
    }
    Ok(())
}
