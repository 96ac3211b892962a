//! A dump of which the end may be missing: written as it comes, cut back behind its last complete statement.

use std::io;
use std::io::Write;

use crate::disk::output::{OutputFile, Parked};
use crate::model::salvage::{SalvagedFile, TableState};
use crate::model::units::{ByteSize, grouped};
use crate::sql::lexer::{LexError, Limits, PieceKind, Splitter, StatementEnd, StatementSink, Tail};
use crate::work::salvage::ledger::{Close, Ledger};

/// How the bytes of a dump came to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Something around them says that they are all there.
    Full,
    /// Nothing says so.
    Open,
    /// They are cut, and that is why.
    Cut(String),
}

/// Writes one dump.
pub struct SqlCut {
    out: OutputFile,
    splitter: Splitter,
    marks: Marks,
    stuck: Option<String>,
}

struct Marks {
    /// Bytes of the remark that the file begins with.
    base: u64,
    /// How much of the file ends with a complete statement.
    keep: u64,
    ledger: Ledger,
}

impl StatementSink for Marks {
    fn part(&mut self, _bytes: &[u8]) {}

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.kind != PieceKind::Trivia {
            self.keep = self.base + end.end;
        }
        self.ledger.see(end);
        Ok(())
    }
}

impl SqlCut {
    /// Begins a file with a remark that says what it is. `from`: of what, `vouched`: by what; safe to draw.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn begin(mut out: OutputFile, from: &str, vouched: &str) -> io::Result<Self> {
        let remark = format!(
            "-- SALVAGED by breakglass from {from}: incomplete, {vouched}, no dump to restore as it is.\n\
             -- REPORT.txt beside it says what is missing. Read it, and look at this file, before you run it.\n"
        );
        out.write_all(remark.as_bytes())?;
        let base = out.written();
        let marks = Marks { base, keep: base, ledger: Ledger::default() };
        Ok(Self { out, splitter: Splitter::new(Limits::default()), marks, stuck: None })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// Trouble of this machine, named.
    pub fn feed(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.stuck.is_some() {
            return Ok(());
        }
        self.out.write_all(bytes).map_err(|error| io::Error::other(self.out.explain(error)))?;
        self.stuck = self.splitter.feed(bytes, &mut self.marks).err().map(|error| error.to_string());
        Ok(())
    }

    /// Cuts the file back, says at its end what is missing, and closes it; `None` when no statement is whole.
    /// `doubt`: what else is to be said, with its separator.
    ///
    /// # Errors
    ///
    /// Trouble of this machine, named.
    pub fn finish(mut self, came: &Came, doubt: &str) -> io::Result<Option<(Parked, SalvagedFile)>> {
        let tail = match &self.stuck {
            Some(_) => None,
            None => match self.splitter.finish(&mut self.marks) {
                Ok(tail) => Some(tail),
                Err(error) => {
                    self.stuck = Some(error.to_string());
                    None
                }
            },
        };
        if self.marks.keep == self.marks.base {
            return Ok(None);
        }
        let clean = tail == Some(Tail::Clean);
        let proper = clean && (*came == Came::Full || self.marks.ledger.saw_footer());
        let missing = missing(came, tail, self.stuck.as_deref(), &self.marks.ledger) + doubt;
        let close = |error, out: &OutputFile| io::Error::other(out.explain(error));
        self.out.cut_back(self.marks.keep).map_err(|error| close(error, &self.out))?;
        let remark = format!("\n-- SALVAGED, NOT A WHOLE DUMP: {missing}\n");
        self.out.write_all(remark.as_bytes()).map_err(|error| close(error, &self.out))?;
        let (statements, rows) = (self.splitter.statements(), self.marks.ledger.rows());
        let mut tables = self.marks.ledger.finish(if proper { Close::Proper } else { Close::Cut });
        if self.stuck.is_some() {
            // Where a text stops making sense, what stands before it may not be what was written either.
            tables.iter_mut().filter(|table| table.state == TableState::Complete).for_each(|table| {
                table.state = TableState::Suspect;
            });
        }
        let bytes = ByteSize(self.out.written());
        let parked = self.out.park().map_err(io::Error::other)?;
        Ok(Some((parked, SalvagedFile { bytes, statements, rows, missing, tables, ..SalvagedFile::default() })))
    }
}

/// What a dump lacks, in words.
fn missing(came: &Came, tail: Option<Tail>, stuck: Option<&str>, ledger: &Ledger) -> String {
    let behind = "what follows is unknown";
    let inside = match (stuck, tail) {
        (Some(error), _) => format!("its text stops making sense: {error}; {behind}"),
        (None, Some(Tail::Statement(at) | Tail::Quoted(at))) => {
            format!("it stops inside the statement that begins at byte {} of the dump; {behind}", grouped(at))
        }
        (None, Some(Tail::Comment(at))) => {
            format!("it stops inside a comment from byte {} of the dump on; {behind}", grouped(at))
        }
        (None, _) if ledger.saw_footer() => "its end mark is there; nothing proves what stands before it".to_owned(),
        (None, _) if *came == Came::Full => "no end mark; nothing proves that it was whole".to_owned(),
        (None, _) => format!("it stops behind a statement, without an end mark; {behind}"),
    };
    match came {
        Came::Cut(why) => format!("{inside} ({why})"),
        Came::Full | Came::Open => inside,
    }
}
