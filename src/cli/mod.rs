//! The headless door: one file per verb, and how their results are printed.

pub mod args;
pub mod ask;
mod audit;
mod change_filter;
mod change_lines;
mod change_text;
mod changes;
mod check;
mod collect;
mod config;
mod demo;
mod door;
pub mod error;
pub mod exit;
mod history;
mod history_text;
mod key;
mod lines;
mod ls;
mod man;
mod paragraphs;
mod passphrase;
mod plan_text;
pub mod print;
mod progress;
mod recover;
mod recover_line;
mod restore;
mod review;
mod salvage;
mod seal;
mod show;
mod stdin;
mod table;
mod unlock;
mod verify;
mod wording;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::args::{Args, Conduct, KeyFlags, Place, Verb};
use crate::cli::door::Door;
use crate::cli::error::CliError;
use crate::report::Report;
use crate::work::session::Session;

/// How long a cancelled verb may take to leave things in order.
const GRACE: Duration = Duration::from_secs(10);

/// Runs one verb; the answer is the exit code of the program.
pub async fn run(args: Args) -> u8 {
    let Args { verb, place, keys, conduct, .. } = args;
    let door = Door::new(place, keys, conduct);
    let Some(verb) = verb else { return exit::DONE };
    let ended = match Interrupts::listen() {
        Ok(interrupts) => interruptible(&door, interrupts, perform(&door, verb)).await,
        Err(error) => Err(CliError::Terminal(error).into()),
    };
    door.close().await;
    ended.unwrap_or_else(|report| {
        door.printer().failure(&report);
        exit::of_fault(report.fault)
    })
}

/// Loads the keys that `--key` and the environment name: for the other door, before its screen opens.
///
/// # Errors
///
/// When one of them cannot be loaded.
pub async fn load_given_keys(
    (place, keys, conduct): (Place, KeyFlags, Conduct),
    session: &Session,
) -> Result<(), Report> {
    unlock::given(&Door::new(place, keys, conduct), session).await
}

async fn perform(door: &Door, verb: Verb) -> Result<u8, Report> {
    match verb {
        Verb::Ls(args) => ls::run(door, args).await,
        Verb::Show(args) => show::run(door, args).await,
        Verb::Verify(args) => verify::run(door, args).await,
        Verb::Restore(args) => restore::run(door, *args).await,
        Verb::Recover(args) => recover::run(door, *args).await,
        Verb::Review(args) => review::run(door, args).await,
        Verb::Salvage(args) => salvage::run(door, args).await,
        Verb::Changes(args) => changes::run(door, *args).await,
        Verb::Seal(args) => seal::seal(door, args).await,
        Verb::Unseal(args) => seal::unseal(door, args).await,
        Verb::Reseal(args) => seal::reseal(door, args).await,
        Verb::Key(verb) => key::run(door, verb).await,
        Verb::Config(verb) => config::run(door, verb).await,
        Verb::Doctor => config::doctor(door).await,
        Verb::History(args) => history::run(door, args).await,
        Verb::Check(args) => check::run(door, args).await,
        Verb::Collect(args) => collect::run(door, *args).await,
        Verb::Audit(args) => audit::run(door, args).await,
        Verb::Demo(args) => demo::run(door, args).await,
        Verb::Completions(args) => man::completions(door, args),
        Verb::Man => man::page(door),
    }
}

/// The signals that ask for an orderly end.
struct Interrupts {
    kinds: [Signal; 3],
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let [int, term, hup] = kinds.map(signal);
        Ok(Self { kinds: [int?, term?, hup?] })
    }

    async fn next(&mut self) {
        let [int, term, hup] = &mut self.kinds;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hup.recv() => {}
        }
    }
}

/// A verb until its end, or until a signal: it is then cancelled and may tidy up; a second signal does not wait.
async fn interruptible(
    door: &Door,
    mut interrupts: Interrupts,
    verb: impl Future<Output = Result<u8, Report>>,
) -> Result<u8, Report> {
    let mut verb = pin!(verb);
    tokio::select! {
        ended = &mut verb => return ended,
        () = interrupts.next() => {}
    }
    ask::restore_terminal();
    door.cancel.cancel();
    tokio::select! {
        // What was finished before it could be stopped is finished.
        ended = &mut verb => ended,
        () = interrupts.next() => Err(CliError::Interrupted.into()),
        () = tokio::time::sleep(GRACE) => Err(CliError::Interrupted.into()),
    }
}
