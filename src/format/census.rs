//! What a dump holds and would do: counted in passing, in memory that does not grow with its rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::format::statements::{self, Account, Kind, Risk, Statement};
use crate::model::foreign::Foreign;
use crate::model::trust::{Inside, TableInside};
use crate::sql::lexer::{Dialect, LexError, PieceKind, StatementEnd, StatementSink, Tail, Values};
use crate::sql::token::{Token, TokenKind, Tokens};

/// Names of one kind that are remembered at most; more are only counted.
const NAMES: usize = 20_000;

/// Different risks that are remembered at most.
const RISKS: usize = 1_000;

/// Different SETs that are remembered at most.
const SETS: usize = 256;

/// Tables listed in [`Inside`].
const LISTED: usize = 1_000;

/// A risk and where it was first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskSeen {
    /// Which.
    pub risk: Risk,
    /// In how many statements.
    pub times: u64,
    /// The first of them; the first statement of a dump is 1.
    pub statement: u64,
    /// Where that begins in the dump.
    pub byte: u64,
}

/// The longest statement of a dump: what a server's `max_allowed_packet` must allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Longest {
    /// Its bytes.
    pub bytes: u64,
    /// Its number.
    pub statement: u64,
    /// Where it begins in the dump.
    pub byte: u64,
}

/// What a census found out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// What the dump holds.
    pub inside: Inside,
    /// Statements; a dump without any holds nothing.
    pub statements: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Whether the last thing in it is `-- Dump completed`.
    pub end_mark: bool,
    /// The database that the header says it was taken from.
    pub taken_from: Option<Foreign>,
    /// Collations that it names, lower case.
    pub collations: BTreeSet<String>,
    /// Character sets that it names, lower case.
    pub charsets: BTreeSet<String>,
    /// Storage engines that it names, as written.
    pub engines: BTreeSet<Foreign>,
    /// Who its views, routines, triggers and events run as, and how many do.
    pub definers: BTreeMap<Account, u64>,
    /// Tables with generated columns.
    pub generated: Vec<Foreign>,
    /// The longest statement.
    pub longest: Longest,
    /// How it reaches beyond its sink; in the order of their first appearance.
    pub risks: Vec<RiskSeen>,
    /// The first statement is MariaDB's order to switch its client's sandbox on.
    pub sandbox: bool,
}

/// Counts what a dump holds; feed it as the sink of a splitter.
#[derive(Debug, Default)]
pub struct Census {
    found: Findings,
    tables: HashMap<Foreign, TableInside>,
    views: HashSet<Foreign>,
    databases: Vec<Foreign>,
    risks: HashMap<Risk, usize>,
    /// The beginning of the last INSERT, up to VALUES: most begin like the one before.
    before_values: Vec<u8>,
    insert: Option<Statement>,
    /// Harmless SETs, word for word: dumps repeat a few of them around every table.
    sets: HashSet<Vec<u8>>,
    /// The dialect under which they were read.
    dialect: Dialect,
}

impl Census {
    /// A census that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Statements so far.
    pub fn statements(&self) -> u64 {
        self.found.statements
    }

    /// Whether the last thing so far is the dump's own end mark.
    pub fn saw_end_mark(&self) -> bool {
        self.found.end_mark
    }

    /// Ends the count. `tail` is what the splitter said at the end of the dump.
    pub fn finish(mut self, tail: Tail) -> Findings {
        self.found.end_mark &= tail == Tail::Clean;
        let mut tables: Vec<TableInside> = self.tables.into_values().collect();
        tables.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        self.found.inside.table_count = tables.len() as u64;
        self.found.inside.views = self.views.len() as u64;
        tables.truncate(LISTED);
        self.found.inside.tables = tables;
        self.found.inside.databases = self.databases;
        self.found
    }

    fn trivia(&mut self, end: &StatementEnd<'_>) {
        if self.found.statements == 0 {
            self.header(end.head);
        }
        let mark = end.head.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"-- Dump completed"));
        self.found.end_mark |= mark;
    }

    fn header(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).take(40) {
            if let Some(made_by) = made_by(line) {
                self.found.inside.made_by = made_by;
            }
            let database = memchr::memmem::find(line, b"Database: ").map(|at| line[at + 10..].trim_ascii());
            if let Some(name) = database.filter(|name| line.starts_with(b"-- Host: ") && !name.is_empty()) {
                self.found.taken_from = Some(Foreign::new(name));
                self.database(&Foreign::new(name));
            }
        }
    }

    fn statement(&mut self, end: &StatementEnd<'_>) {
        let found = &mut self.found;
        found.statements += 1;
        found.end_mark = false;
        if end.len() > found.longest.bytes {
            found.longest = Longest { bytes: end.len(), statement: end.number, byte: end.start };
        }
        match (end.insert, self.again(end)) {
            (Some(insert), Some(statement)) => {
                self.insert_of(&statement, end, insert.rows);
                self.insert = Some(statement);
            }
            (None, _) if self.is_known_set(end) => {}
            (insert, _) => {
                let Some(statement) = statements::read(end) else { return };
                match insert {
                    Some(insert) => {
                        self.insert_of(&statement, end, insert.rows);
                        self.remember(statement, end);
                    }
                    None => self.other(&statement, end),
                }
            }
        }
    }

    fn is_known_set(&mut self, end: &StatementEnd<'_>) -> bool {
        if self.dialect != end.dialect {
            self.sets.clear();
            self.dialect = end.dialect;
        }
        self.sets.contains(end.head)
    }

    /// The last INSERT, when this one differs in its rows only.
    fn again(&mut self, end: &StatementEnd<'_>) -> Option<Statement> {
        let same = !self.before_values.is_empty() && before_values(end) == Some(&self.before_values);
        if same { self.insert.take() } else { None }
    }

    fn remember(&mut self, statement: Statement, end: &StatementEnd<'_>) {
        self.before_values.clear();
        if let Some(before) = before_values(end).filter(|_| statement.risks.is_empty()) {
            self.before_values.extend_from_slice(before);
        }
        self.insert = Some(statement);
    }

    fn insert_of(&mut self, statement: &Statement, end: &StatementEnd<'_>, rows: u64) {
        self.found.rows += rows;
        if let Some(name) = &statement.name {
            self.table(&name.name, end.len(), rows);
        }
        self.risks(statement, end);
    }

    fn other(&mut self, statement: &Statement, end: &StatementEnd<'_>) {
        let inside = &mut self.found.inside;
        let name = statement.name.as_ref().map(|name| name.name.clone());
        match (statement.kind, &name) {
            (Kind::CreateTable, Some(table)) if !self.views.contains(table) => self.table(table, end.len(), 0),
            (Kind::CreateView, Some(view)) => {
                // mysqldump holds a view's place with a table of its name, old ones in so many words.
                self.tables.remove(view);
                if self.views.len() < NAMES {
                    self.views.insert(view.clone());
                }
            }
            (Kind::CreateTrigger, _) => inside.triggers += 1,
            (Kind::CreateRoutine, _) => inside.routines += 1,
            (Kind::CreateEvent, _) => inside.events += 1,
            (Kind::Use | Kind::CreateDatabase | Kind::DropDatabase, Some(database)) => self.database(database),
            _ => {}
        }
        if let Some(definer) = &statement.definer {
            let definers = &mut self.found.definers;
            if definers.len() < NAMES || definers.contains_key(definer) {
                *definers.entry(definer.clone()).or_default() += 1;
            }
        }
        let plain = [Kind::DropTable, Kind::DropView, Kind::DropOther, Kind::Lock, Kind::Unlock, Kind::Transaction];
        if !plain.contains(&statement.kind) {
            self.words(statement, end);
        }
        if statement.kind == Kind::Set && statement.risks.is_empty() && self.sets.len() < SETS && end.head.len() < 256 {
            self.sets.insert(end.head.to_vec());
        }
        self.risks(statement, end);
    }

    fn table(&mut self, name: &Foreign, bytes: u64, rows: u64) {
        if !self.tables.contains_key(name) && self.tables.len() >= NAMES {
            return;
        }
        let table = self.tables.entry(name.clone()).or_default();
        table.name = name.clone();
        table.bytes += bytes;
        table.rows += rows;
    }

    fn database(&mut self, name: &Foreign) {
        if !self.databases.contains(name) && self.databases.len() < LISTED {
            self.databases.push(name.clone());
        }
    }

    fn risks(&mut self, statement: &Statement, end: &StatementEnd<'_>) {
        for risk in &statement.risks {
            match self.risks.get(risk) {
                Some(at) => self.found.risks[*at].times += 1,
                // One of each kind is always kept: a plan must not miss a kind behind a thousand others.
                None if self.found.risks.len() < RISKS
                    || self.found.risks.iter().all(|seen| seen.risk.kind != risk.kind) =>
                {
                    self.risks.insert(risk.clone(), self.found.risks.len());
                    let seen = RiskSeen { risk: risk.clone(), times: 1, statement: end.number, byte: end.start };
                    self.found.risks.push(seen);
                }
                None => {}
            }
        }
    }

    /// Collations, character sets, engines and generated columns, which one server may have and another not.
    fn words(&mut self, statement: &Statement, end: &StatementEnd<'_>) {
        let tokens = Tokens::code(end.head, end.dialect);
        for (at, token) in tokens.iter().enumerate() {
            let value = || value_behind(&tokens[at + 1..]);
            if token.is("COLLATE") || token.is("collation_connection") {
                keep(&mut self.found.collations, value());
            } else if token.is_any(&["CHARSET", "NAMES", "character_set_client"])
                || token.is("SET") && at > 0 && tokens[at - 1].is("CHARACTER")
            {
                keep(&mut self.found.charsets, value());
            } else if token.is("ENGINE") && self.found.engines.len() < LISTED {
                self.found.engines.extend(value().map(|engine| Foreign::new(engine.to_vec())));
            } else if token.is("GENERATED") && statement.kind == Kind::CreateTable {
                let name = statement.name.as_ref().map(|name| name.name.clone()).unwrap_or_default();
                if !self.found.generated.contains(&name) && self.found.generated.len() < LISTED {
                    self.found.generated.push(name);
                }
            }
        }
    }
}

impl StatementSink for Census {
    fn part(&mut self, _bytes: &[u8]) {}

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        match end.kind {
            PieceKind::Statement => self.statement(end),
            PieceKind::Trivia => self.trivia(end),
            PieceKind::Sandbox => self.found.sandbox = true,
            PieceKind::Delimiter => {}
        }
        Ok(())
    }
}

fn before_values<'a>(end: &StatementEnd<'a>) -> Option<&'a [u8]> {
    let insert = end.insert?;
    let literals = insert.values == Values::Literals;
    let before = usize::try_from(insert.values_at? - end.start).ok()?;
    end.head.get(..before).filter(|_| literals)
}

/// `mysqldump 9.7.4` from `-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)`.
fn made_by(line: &[u8]) -> Option<String> {
    let (program, _) =
        [("mysqldump", "-- MySQL dump "), ("mariadb-dump", "-- MariaDB dump "), ("databacker", "-- Go SQL Dump ")]
            .into_iter()
            .find(|(_, start)| line.starts_with(start.as_bytes()))?;
    let version = match memchr::memmem::find(line, b"Distrib ") {
        Some(at) => &line[at + 8..],
        None => &line[line.iter().rposition(|byte| *byte == b' ')? + 1..],
    };
    let end = version.iter().position(|byte| matches!(byte, b',' | b' ')).unwrap_or(version.len()).min(60);
    Some(format!("{program} {}", Foreign::new(&version[..end])))
}

/// The word or string behind a keyword, with or without `=` or `DEFAULT`.
fn value_behind<'a>(tokens: &[Token<'a>]) -> Option<&'a [u8]> {
    let first = tokens.iter().find(|token| !token.is_sign(b'='))?;
    match first.kind {
        TokenKind::Word => Some(first.text),
        TokenKind::Text | TokenKind::Quoted => first.text.get(1..first.text.len().checked_sub(1)?),
        _ => None,
    }
}

fn keep(names: &mut BTreeSet<String>, name: Option<&[u8]>) {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if let Some(name) = name.filter(|name| name.len() <= 64 && name.iter().all(plain))
        && names.len() < LISTED
    {
        names.insert(String::from_utf8_lossy(name).to_ascii_lowercase());
    }
}
