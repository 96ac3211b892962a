//! Definitions out of the text of a dump.

use crate::change::query::name_at;
use crate::change::schema::around::Around;
use crate::change::schema::create::{self, TableFacts};
use crate::sql::ident;
use crate::sql::lexer::{Dialect, LexError, Limits, Splitter, StatementEnd, StatementSink};
use crate::sql::token::Tokens;

/// Reads the definitions out of a dump of any size, piece by piece.
pub struct DefinitionReader {
    splitter: Splitter,
    sink: Definitions,
}

impl DefinitionReader {
    /// Unqualified names belong to `schema` until a USE says otherwise.
    pub fn new(schema: &[u8]) -> Self {
        let sink = Definitions { schema: schema.to_vec(), found: vec![], around: Around::default() };
        Self { splitter: Splitter::new(Limits::default()), sink }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// When the text cannot be split into statements.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), LexError> {
        self.splitter.feed(bytes, &mut self.sink)
    }

    /// All tables of the dump.
    ///
    /// # Errors
    ///
    /// As [`Self::feed`].
    pub fn finish(self) -> Result<Vec<TableFacts>, LexError> {
        self.finish_with_around().map(|(found, _)| found)
    }

    /// All tables of the dump, and what stands around them by it.
    ///
    /// # Errors
    ///
    /// As [`Self::feed`].
    pub fn finish_with_around(mut self) -> Result<(Vec<TableFacts>, Around), LexError> {
        self.splitter.feed(b"\n;", &mut self.sink)?; // SHOW CREATE TABLE ends without a delimiter
        self.splitter.finish(&mut self.sink)?;
        Ok((self.sink.found, self.sink.around))
    }
}

/// All tables of a text; unqualified names belong to `schema` until a USE says otherwise.
pub(super) fn definitions(text: &[u8], schema: &[u8]) -> Result<Vec<TableFacts>, LexError> {
    let mut reader = DefinitionReader::new(schema);
    reader.feed(text)?;
    reader.finish()
}

/// Gathers the definitions of a dump.
struct Definitions {
    schema: Vec<u8>,
    found: Vec<TableFacts>,
    around: Around,
}

impl StatementSink for Definitions {
    fn part(&mut self, _: &[u8]) {}

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        if end.insert.is_some() {
            return Ok(());
        }
        self.statement(end.head, end.dialect);
        Ok(())
    }
}

impl Definitions {
    fn statement(&mut self, text: &[u8], dialect: Dialect) {
        let tokens = Tokens::code(text, dialect);
        self.around.statement(&tokens, &self.schema);
        match tokens.as_slice() {
            [first, name, ..] if first.is("USE") => self.schema = ident::unquote(name.text),
            [first, rest @ ..] if first.is("CREATE") && name_at(rest, b"").is_some() => {
                self.found.extend(create::table(&tokens, &self.schema, dialect));
                self.found.extend(create::sequence(&tokens, &self.schema));
            }
            _ => {}
        }
    }
}
