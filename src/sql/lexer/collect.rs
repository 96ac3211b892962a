//! Whole statements for a loader, within a limit of memory.

use crate::sql::lexer::error::{LexError, Place};
use crate::sql::lexer::{PieceKind, StatementEnd, StatementSink};

/// Who receives whole statements.
pub trait CollectSink {
    /// A statement without its delimiter, or another piece as it stands.
    ///
    /// `text` may be taken with [`std::mem::take`]; what is left in it is thrown away.
    ///
    /// # Errors
    ///
    /// Whatever makes it useless to read on.
    fn whole(&mut self, text: &mut Vec<u8>, end: &StatementEnd<'_>) -> Result<(), LexError>;
}

/// Gathers the parts of each statement into one buffer.
#[derive(Debug)]
pub struct Collect<S> {
    limit: usize,
    text: Vec<u8>,
    /// Bytes that did not fit.
    over: u64,
    sink: S,
}

impl<S: CollectSink> Collect<S> {
    /// Gathers statements of up to `limit` bytes, delimiter included.
    pub fn new(limit: usize, sink: S) -> Self {
        Self { limit, text: Vec::new(), over: 0, sink }
    }

    /// Who receives the statements.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Gives back who received the statements.
    pub fn into_sink(self) -> S {
        self.sink
    }
}

impl<S: CollectSink> StatementSink for Collect<S> {
    fn part(&mut self, bytes: &[u8]) {
        let room = (self.limit - self.text.len()).min(bytes.len());
        self.text.extend_from_slice(&bytes[..room]);
        self.over += (bytes.len() - room) as u64;
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        let over = std::mem::take(&mut self.over);
        if over > 0 && end.kind == PieceKind::Statement {
            let place = Place { statement: end.number, byte: end.start };
            return Err(LexError::TooLarge { place, limit: self.limit as u64 });
        }
        let text = self.text.len() - end.delimiter.min(self.text.len());
        self.text.truncate(text);
        let outcome = self.sink.whole(&mut self.text, end);
        self.text.clear();
        outcome
    }
}
