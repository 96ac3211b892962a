//! The command line: what may be typed, and what may not be typed together.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args as ArgGroup, Parser, Subcommand, ValueEnum};

use crate::cli::error::CliError;
use crate::cli::print::{Form, Printer};
use crate::cli::{
    audit, changes, check, collect, config, demo, exit, history, key, ls, man, recover, restore, review, salvage, seal,
    show, verify,
};
use crate::model::foreign::escape;
use crate::report::{Fault, Reportable};
use crate::work::check::State;

/// Break glass in case of data loss: find, prove, open and restore MySQL backups.
#[derive(Debug, Parser)]
#[command(name = "breakglass", version, disable_help_subcommand = true, max_term_width = 100)]
#[command(after_help = "Without a verb the console opens. `breakglass demo` shows it on a sandbox.\n\
    Exit codes: 0 done, 1 failed, 2 usage, 3 damaged or truncated, 4 no key fits, 5 unreachable,\n\
    6 refused, 7 partly done, 8 inconclusive, 130 interrupted. `check` alone speaks as monitors do:\n\
    0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.")]
pub struct Args {
    /// What to do; nothing opens the console.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    #[command(flatten)]
    pub place: Place,
    #[command(flatten)]
    pub keys: KeyFlags,
    #[command(flatten)]
    pub conduct: Conduct,
    #[command(flatten)]
    pub looks: Looks,
}

/// Which estate, which state.
#[derive(Debug, Clone, Default, ArgGroup)]
#[command(next_help_heading = "Estate")]
pub struct Place {
    /// estate.toml, or a DBacked config.json; else the platform's configuration folder
    #[arg(long, global = true, value_name = "FILE", env = "BREAKGLASS_ESTATE", hide_env_values = true)]
    pub estate: Option<PathBuf>,
    /// Where proofs, the catalog cache and the audit log are kept
    #[arg(long, global = true, value_name = "DIR", env = "BREAKGLASS_STATE_DIR", hide_env_values = true)]
    pub state_dir: Option<PathBuf>,
}

/// Where keys and passphrases come from. Never the secrets themselves: those show in `ps`.
#[derive(Debug, Clone, Default, ArgGroup)]
#[command(next_help_heading = "Keys")]
pub struct KeyFlags {
    /// A key's file of any kind: PEM, age identity, raw key, passphrase; `-` for stdin; may be given several times
    #[arg(long = "key", global = true, value_name = "FILE", allow_hyphen_values = true)]
    pub files: Vec<PathBuf>,
    /// The same; where `--key` means the key of a row, the only way
    #[arg(long = "key-file", global = true, value_name = "FILE", allow_hyphen_values = true)]
    pub also: Vec<PathBuf>,
    /// A file whose first line is the passphrase, `-` for stdin
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// An open file descriptor to read the passphrase from
    #[arg(long, global = true, value_name = "N")]
    pub passphrase_fd: Option<u32>,
}

/// How it behaves.
#[derive(Debug, Clone, Default, ArgGroup)]
#[command(next_help_heading = "Behaviour")]
pub struct Conduct {
    /// One JSON object a line on stdout; errors as JSON on stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Answer y/N questions with yes; never stands for a typed name
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Refuse everything that writes to a sink, a script or a seal
    #[arg(long, global = true)]
    pub read_only: bool,
    /// How much goes into the log in the state folder: error, warn, info, debug, trace, or off
    #[arg(long, global = true, value_name = "LEVEL", env = "BREAKGLASS_LOG", hide_env_values = true)]
    pub log: Option<String>,
}

/// How it looks.
#[derive(Debug, Clone, Default, ArgGroup)]
#[command(next_help_heading = "Console")]
pub struct Looks {
    /// Draw with ASCII only
    #[arg(long, global = true, conflicts_with = "unicode")]
    pub ascii: bool,
    /// Draw with Unicode, whatever the locale says
    #[arg(long, global = true)]
    pub unicode: bool,
    /// dark, light, contrast or mono
    #[arg(long, global = true, value_name = "NAME")]
    pub theme: Option<String>,
    /// Numbered lines instead of a screen, for screen readers and serial consoles
    #[arg(long, global = true)]
    pub plain: bool,
    /// Let the mouse do what the keys do
    #[arg(long, global = true)]
    pub mouse: bool,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List backups, newest first
    Ls(ls::LsArgs),
    /// Everything known about one backup
    Show(show::ShowArgs),
    /// Climb the trust ladder: prove that a backup is intact, opens, and is whole
    Verify(verify::VerifyArgs),
    /// Restore a backup into a folder, standard output or a MySQL server, after showing the plan
    Restore(Box<restore::RestoreArgs>),
    /// Write a script that undoes row changes, for people to review and run; it is never run here
    Recover(Box<recover::RecoverArgs>),
    /// Read a recovery script: what it would do, its hazards, the rows as they are now; it is never run
    Review(review::ReviewArgs),
    /// Get out of a cut or damaged backup what is left of it, into a folder that says so
    Salvage(salvage::SalvageArgs),
    /// Query row changes in binary logs: rows, transactions, sums, the life of a row
    Changes(Box<changes::ChangesArgs>),
    /// Seal a file or standard input for the holders of the given public keys
    Seal(seal::SealArgs),
    /// Open a sealed file or standard input
    Unseal(seal::UnsealArgs),
    /// Open a sealed file and seal it again for other recipients
    Reseal(seal::SealArgs),
    /// Inspect a key file, or make a new pair
    #[command(subcommand)]
    Key(key::KeyVerb),
    /// Explain the configuration
    #[command(subcommand)]
    Config(config::ConfigVerb),
    /// Check every target, server and key, and say what to do about each failure
    Doctor,
    /// What ran, what it left, and what the past of every series says
    History(history::HistoryArgs),
    /// For monitors: 0 only when every database has a fresh, trusted backup; 1 warning, 2 critical, 3 unknown
    Check(check::CheckArgs),
    /// Receive OTLP telemetry of backup runs, or read it from files
    Collect(Box<collect::CollectArgs>),
    /// The audit log: show, verify or export it
    Audit(audit::AuditArgs),
    /// The console on a generated sandbox; needs no server, touches nothing outside a temporary folder
    Demo(demo::DemoArgs),
    /// Completions for a shell
    Completions(man::CompletionsArgs),
    /// The manual page, as roff
    Man,
}

/// How high `verify` climbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ToRung {
    /// Recorded checksums only
    Intact,
    /// The key opens the header
    Opens,
    /// Every byte, to the dump's end mark
    Whole,
}

impl Args {
    /// Checks what clap cannot: only one reader of standard input, no secret typed as a path.
    ///
    /// # Errors
    ///
    /// A usage error that names both readers, and never what was typed in place of a path.
    pub fn check(&self) -> Result<(), CliError> {
        let mut readers = vec![];
        if self.keys.files.iter().any(|file| file.as_os_str() == "-") {
            readers.push("--key -");
        }
        if self.keys.passphrase_file.as_ref().is_some_and(|file| file.as_os_str() == "-") {
            readers.push("--passphrase-file -");
        }
        if self.verb.as_ref().is_some_and(Verb::reads_stdin) {
            readers.push("the data");
        }
        if let [first, second, ..] = readers[..] {
            return Err(CliError::StdinTwice { first, second });
        }
        let pasted = |file: &PathBuf| file.to_string_lossy().contains("-----BEGIN");
        if self.keys.files.iter().any(pasted) { Err(CliError::KeyAsArgument) } else { Ok(()) }
    }
}

impl Args {
    /// Tells the two meanings of `--key` apart: for verbs over changes it is the key of a row.
    #[must_use]
    pub fn settled(mut self) -> Self {
        let also = std::mem::take(&mut self.keys.also);
        match self.verb.as_mut().and_then(Verb::row_keys) {
            Some(take) => {
                let given = std::mem::replace(&mut self.keys.files, also);
                take.extend(given.into_iter().map(|key| key.to_string_lossy().into_owned()));
            }
            None => self.keys.files.extend(also),
        }
        self
    }
}

impl Verb {
    /// Where the keys of rows go, for verbs that look for rows.
    fn row_keys(&mut self) -> Option<&mut Vec<String>> {
        match self {
            Self::Changes(args) => Some(args.row_keys()),
            Self::Recover(args) => Some(args.row_keys()),
            _ => None,
        }
    }

    fn reads_stdin(&self) -> bool {
        match self {
            Self::Seal(args) | Self::Reseal(args) => args.files.reads_stdin(),
            Self::Unseal(args) => args.files.reads_stdin(),
            Self::Collect(args) => args.reads_stdin(),
            Self::Key(key::KeyVerb::Inspect(args)) => args.files.iter().any(|file| file.as_os_str() == "-"),
            _ => false,
        }
    }
}

/// Reads the arguments; what cannot be read ends the program with the answer's code, as does `--help`.
///
/// # Errors
///
/// The exit code; everything has been printed.
pub fn parse(raw: impl IntoIterator<Item = OsString>) -> Result<Args, u8> {
    let raw: Vec<OsString> = raw.into_iter().collect();
    let printer = || Printer::new(if wants_json(&raw) { Form::Json } else { Form::Text });
    // Monitors read the first line of standard output.
    let unknown = |why: &str| {
        if asks_check(&raw) && !wants_json(&raw) {
            drop(printer().line(&check::unknown(why)));
        }
    };
    let refuse = |error: CliError| {
        unknown(&error.to_string());
        printer().failure(&error.report());
        if asks_check(&raw) { State::Unknown.code() } else { exit::of_fault(error.fault()) }
    };
    match Args::try_parse_from(&raw) {
        Ok(args) => {
            let args = args.settled();
            args.check().map(|()| args).map_err(refuse)
        }
        Err(error) if !error.use_stderr() => Err(error.print().map_or(1, |()| exit::DONE)),
        Err(error) => {
            // clap repeats what was typed, which may have come from a hostile file name.
            let text: Vec<String> = error.render().to_string().lines().map(escape).collect();
            let what = text.first().map_or("", |line| line.strip_prefix("error: ").unwrap_or(line));
            match wants_json(&raw) {
                false => {
                    unknown(what);
                    eprintln!("{}", text.join("\n").trim_end());
                }
                true => {
                    refuse(CliError::usage(what, "see breakglass --help"));
                }
            }
            Err(if asks_check(&raw) { State::Unknown.code() } else { exit::of_fault(Fault::Usage) })
        }
    }
}

/// Whether `check` was asked for: a monitor takes 2 for CRITICAL, which a mistyped flag is not.
fn asks_check(raw: &[OsString]) -> bool {
    use clap::CommandFactory;
    let command = Args::command();
    let takes_value = |flag: &str| {
        let known = command.get_arguments().find(|arg| match flag.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long),
            None => {
                flag.strip_prefix('-').is_some_and(|short| arg.get_short().is_some_and(|it| short == it.to_string()))
            }
        });
        known.is_some_and(|arg| arg.get_action().takes_values())
    };
    let mut rest = raw.iter().skip(1).map(|arg| arg.to_string_lossy());
    while let Some(arg) = rest.next() {
        match arg.starts_with('-') {
            false => return arg == "check",
            true if takes_value(&arg) => drop(rest.next()),
            true => {}
        }
    }
    false
}

/// Whether `--json` stands among the raw arguments: needed when they cannot be parsed.
fn wants_json(raw: &[OsString]) -> bool {
    raw.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Args {
        Args::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn the_definition_holds_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_mistyped_check_is_known_behind_flags_with_values() {
        let asks = |line: &str| asks_check(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(asks("breakglass --estate FILE check --typo") && asks("breakglass --estate=FILE --json check"));
        assert!(!asks("breakglass --estate check ls") && !asks("breakglass ls check") && !asks("breakglass --json"));
    }

    #[test]
    fn standard_input_has_one_reader() {
        assert!(parse("breakglass unseal --passphrase-file - sealed.bin").check().is_ok());
        for line in [
            "breakglass unseal --passphrase-file -",
            "breakglass --passphrase-file - seal -r pub.pem -",
            "breakglass ls --key - --passphrase-file -",
        ] {
            assert!(matches!(parse(line).check(), Err(CliError::StdinTwice { .. })), "{line}");
        }
    }

    #[test]
    fn a_key_typed_in_place_of_its_path_is_refused_and_not_repeated() {
        let args = Args::try_parse_from(["breakglass", "ls", "--key", "-----BEGIN PRIVATE KEY-----MIIE"]);
        let error = args.unwrap().check().unwrap_err();
        assert!(!error.to_string().contains("MIIE"));
    }
}
