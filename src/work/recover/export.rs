//! A script to a file: beside its final name, proved, and only then under it.

use std::io::{self, BufRead, BufReader, PipeWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::change::reread::{self, Doings, RereadError};
use crate::change::undo::{Direction, Engines, Written};
use crate::disk::output::{OutputFile, Parked};
use crate::model::changes::Coverage;
use crate::model::foreign::escape;
use crate::model::script::{Gaps, RecoveryPhase, RecoveryView, RefusedChange, ScriptDigest};
use crate::report::{Fault, Report, Reportable};
use crate::seal::error::SealError;
use crate::seal::public::PublicKey;
use crate::seal::sealed::Sealer;
use crate::sql::ident;
use crate::work::keys;
use crate::work::recover::error::RecoverError;
use crate::work::recover::file_at::FileAt;
use crate::work::recover::handle::aside;
use crate::work::recover::made::{Made, Wish, threads};
use crate::work::session::{Session, entry, now};

/// Where a script goes beside its own path.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// Files with the public keys that it is sealed for; empty: it is written in the clear, for its owner alone.
    pub recipients: Vec<PathBuf>,
    /// Where a second script goes that does again what the first one undoes.
    pub redo: Option<PathBuf>,
    /// Where a script for tables that do not roll back goes; `None`: they are a reason not to write anything.
    pub lasting: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Recovered {
    /// The script.
    pub script: PathBuf,
    /// Statements in it.
    pub statements: u64,
    /// Transactions that it undoes.
    pub transactions: u64,
    /// Changes that were left out by choice.
    pub excluded: u64,
    /// What could not be undone; empty for a script that was written.
    pub refused: Vec<RefusedChange>,
    /// Of its statements.
    pub digest: ScriptDigest,
    /// What part of history it rests on.
    pub coverage: Coverage,
    /// The other files that were written.
    pub beside: Vec<PathBuf>,
}

/// What is to be written.
pub(super) struct Job {
    pub made: Arc<Made>,
    pub wish: Wish<'static>,
    pub view: Arc<RecoveryView>,
    pub path: PathBuf,
    pub options: ExportOptions,
}

/// Writes all scripts that are asked for, with a record of the intent before the first byte and of its outcome.
pub(super) async fn run(session: &Session, job: Job) -> Result<Recovered, Report> {
    may(session, &job)?;
    let recipients: Vec<PublicKey> =
        job.options.recipients.iter().map(|path| keys::public_file(path)).collect::<Result<_, _>>()?;
    let subject = format!("{} -> {}", job.view.source, escape(&job.path.to_string_lossy()));
    let detail = format!("{} changes, {} left out", job.view.counts.included, job.view.counts.excluded);
    let intent = session.0.audit.intent(entry("recover", &subject, "", &detail, None));
    let intent = intent.map_err(|error| error.report())?;
    let done = aside(move || write_all(&job, &recipients)).await;
    let (result, detail) = match &done {
        Ok(recovered) => ("ok", format!("{} statements, {}", recovered.statements, recovered.digest.words())),
        Err(report) => ("failed", report.code.clone()),
    };
    session.0.audit.outcome(intent, now(), result, &detail).map_err(|error| error.report())?;
    done
}

/// Whether anything may be written at all.
fn may(session: &Session, job: &Job) -> Result<(), Report> {
    let gaps = job.view.coverage.gaps.len();
    let error = match () {
        () if session.is_read_only() => RecoverError::ReadOnly,
        () if matches!(job.view.phase, RecoveryPhase::Refused) && job.options.lasting.is_none() => {
            RecoverError::Refused { count: job.view.refusals }
        }
        () if gaps > 0 && job.made.options.gaps == Gaps::Refuse => RecoverError::Gaps { count: gaps },
        () if job.view.changes == 0 => RecoverError::Nothing { why: "the filter lets none through".to_owned() },
        () if job.view.counts.included == 0 && job.options.lasting.is_none() => {
            RecoverError::Nothing { why: "all of them were left out".to_owned() }
        }
        () => return Ok(()),
    };
    Err(error.report())
}

/// A file that is whole on the disk, without its name yet, and what is in it.
struct Waiting {
    file: Parked,
    written: Written,
}

fn write_all(job: &Job, recipients: &[PublicKey]) -> Result<Recovered, Report> {
    let main = match job.options.lasting {
        Some(_) => Engines::RollingBack,
        None => Engines::OnlyRollingBack,
    };
    let wish = |direction, engines| Wish { direction, engines, ..job.wish.clone() };
    let script = write(&job.made, &wish(Direction::Undo, main), (&job.path, recipients))?;
    let mut beside = vec![];
    if let Some(path) = &job.options.redo {
        beside.push(write(&job.made, &wish(Direction::Redo, main), (path, recipients))?);
    }
    let mut included: u64 = script.written.doings.values().sum();
    if let Some(path) = &job.options.lasting {
        let lasting = write(&job.made, &wish(Direction::Undo, Engines::Lasting), (path, recipients))?;
        included += lasting.written.doings.values().sum::<u64>();
        beside.push(lasting);
    }
    // Something else may have been chosen since the digest was shown.
    if job.view.digest.is_some_and(|shown| shown != ScriptDigest(script.written.digest))
        && main == Engines::OnlyRollingBack
    {
        let advice = "nothing was kept; look at the script again";
        let text = "something else was chosen while the script was written";
        return Err(Report::new(Fault::Refused, "recover::chosen", text, advice));
    }
    if !job.made.is_unchanged() {
        let advice = "nothing was kept; read the source again";
        return Err(Report::new(Fault::Refused, "recover::changed", "the logs changed while they were read", advice));
    }
    let recovered = Recovered {
        script: job.path.clone(),
        statements: script.written.statements,
        transactions: script.written.transactions,
        excluded: job.view.changes.saturating_sub(included),
        refused: vec![],
        digest: ScriptDigest(script.written.digest),
        coverage: job.view.coverage.clone(),
        beside: beside.iter().map(|waiting| waiting.file.path().to_owned()).collect(),
    };
    // The script itself last: when it is there, everything is.
    finish(beside.into_iter().chain([script]).map(|waiting| waiting.file))?;
    Ok(recovered)
}

/// Gives all files their names, or none.
fn finish(files: impl Iterator<Item = Parked>) -> Result<(), Report> {
    let mut named = vec![];
    for file in files {
        let path = file.path().to_owned();
        if let Err(error) = file.finish() {
            named.iter().for_each(|path| drop(std::fs::remove_file(path)));
            return Err(error.report());
        }
        named.push(path);
    }
    Ok(())
}

fn write(made: &Made, wish: &Wish<'_>, (path, recipients): (&Path, &[PublicKey])) -> Result<Waiting, Report> {
    let mut file = OutputFile::create(path).map_err(|error| error.report())?;
    if !recipients.is_empty() {
        return sealed(made, wish, file, recipients);
    }
    let written = made.write(wish, &mut file).map_err(|error| error.report())?;
    let file = file.park().map_err(|error| error.report())?;
    // What was made is read again from the disk, by a parser that knows nothing of how it was written.
    let again = file.reopen().map_err(|error| error.report())?;
    let again = FileAt::new(again).map_err(|error| RecoverError::Pipe(error).report())?;
    reread::prove(&again, &written.doings, threads()).map_err(|error| error.report())?;
    Ok(Waiting { file, written })
}

/// Walks over a script: what it does. Its shape and its digest are checked on the way.
fn walked(input: impl BufRead) -> Result<Doings, RereadError> {
    let mut statements = reread::Statements::new(input);
    let mut doings = Doings::new();
    while let Some(statement) = statements.next()? {
        let name = [&ident::quote(&statement.schema)[..], b".", &ident::quote(&statement.table)].concat();
        let name = String::from_utf8(name).map_err(|_| RereadError::Doings)?;
        *doings.entry((name, statement.kind)).or_default() += statement.rows.len().max(1) as u64;
    }
    Ok(doings)
}

/// Only what is sealed touches the disk; the text is proved on its way there.
fn sealed(made: &Made, wish: &Wish<'_>, file: OutputFile, recipients: &[PublicKey]) -> Result<Waiting, Report> {
    let (reader, writer) = io::pipe().map_err(|error| RecoverError::Pipe(error).report())?;
    let prover = std::thread::Builder::new().name("prove".to_owned());
    let prover = prover.spawn(move || walked(BufReader::with_capacity(1 << 20, reader)));
    let prover = prover.map_err(|error| RecoverError::Pipe(error).report())?;
    let sealer = Sealer::new(file, recipients).map_err(unsealable)?;
    let mut both = Both { sealer, proof: Some(writer) };
    let written = made.stream(wish, &mut both);
    drop(both.proof.take());
    let found = prover.join().unwrap_or_else(|broken| std::panic::resume_unwind(broken));
    let written = written.map_err(|error| error.report())?;
    if found.map_err(|error| error.report())? != written.doings {
        return Err(RereadError::Doings.report());
    }
    let file = both.sealer.finish().map_err(unsealable)?;
    Ok(Waiting { file: file.park().map_err(|error| error.report())?, written })
}

fn unsealable(error: SealError) -> Report {
    error.report()
}

/// Writes to the seal and to the prover.
struct Both {
    sealer: Sealer<OutputFile>,
    /// Gone once the prover has given up: its reason is asked for at the end.
    proof: Option<PipeWriter>,
}

impl Write for Both {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sealer.write_all(bytes)?;
        if let Some(proof) = &mut self.proof
            && proof.write_all(bytes).is_err()
        {
            self.proof = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sealer.flush()
    }
}

#[cfg(test)]
mod tests;
