//! The order in which lines of a script must stand.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use crate::change::reread::lex::{Lexed, Off, Token};
use crate::change::reread::{Doings, RereadError};
use crate::change::script::{
    AROUND_END, AROUND_NONE, CHECK, CHECKS, CLOSING, CLOSING_EACH, DECIDE, DECIDED, ENDED, ENDED_LASTING, FORGET,
    GROUP, HERE_NONE, HIDDEN_NONE, LEFT_NONE, Lines, MADE, MADE_EACH, NARROW, OPENING, RESTORING, RESUME, RESUMED,
    ROWS, RUN_HIDDEN, SETTLED, STOP, STOP_EACH, UNCHECK, ended_each, guard_each, mark_each, off_by_orphans, tell_each,
};
use crate::model::change::ChangeKind;

type Fits<T = ()> = Result<T, &'static str>;

/// Follows a script line by line.
#[derive(Debug)]
pub(super) struct Shape {
    /// Lines taken.
    pub taken: u64,
    /// The numbers of the tables that it touches, by their quoted names.
    tables: HashMap<Box<str>, usize>,
    /// The one that was touched last.
    last: Option<(Box<str>, usize)>,
    /// Rows that were counted, by kind, of each table.
    rows: Vec<[u64; 3]>,
    /// Statements that were counted.
    pub done: u64,
    /// How it commits, once that is seen.
    style: Option<Lines>,
    phase: Phase,
    /// Lines that must come next.
    expected: VecDeque<Cow<'static, str>>,
    /// The statement whose count must come next.
    pending: Option<Pending>,
    over: Over,
    /// The table of the last statement that set a row or put one back: what the server made of it may be looked at.
    made: Option<usize>,
    /// Statements since the last place to stop at.
    loose: u64,
    /// Whether the last line was such a place.
    at_stop: bool,
    /// Whether the last line cleared the way for a statement that is hidden.
    is_clear: bool,
    is_unchecked: bool,
    /// Whether triggers and foreign keys were asked for.
    was_asked: bool,
    /// Questions for rows that refer to nothing, and how many were asked again.
    orphans: (Vec<Vec<u8>>, usize),
    /// The script's name, and the number of its last transaction.
    name: String,
    number: u64,
    is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Opening,
    Head,
    Body,
    End,
}

#[derive(Debug)]
struct Pending {
    table: usize,
    kind: ChangeKind,
    rows: u64,
    if_not_here: bool,
}

/// A row that is overwritten: what was looked for, and what was done about it.
#[derive(Debug, PartialEq, Eq)]
enum Over {
    None,
    /// The look itself comes next.
    Look,
    /// Not a row: triggers and foreign keys are asked for.
    Around,
    /// They were, and a place to stop at comes next.
    Asked,
    /// It was looked for in that table.
    Looked(usize),
    /// Not a row: rows that refer to nothing are asked for again.
    Orphans,
    /// It was set if it was there, and is put back if not.
    Set(usize),
}

/// What a counted statement was, for those who walk over them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Nothing was.
    No,
    /// A statement.
    Whole {
        /// Whether it overwrites.
        overwrites: bool,
    },
    /// The first half of one.
    Half,
}

impl Shape {
    pub fn new() -> Self {
        Self {
            taken: 0,
            tables: HashMap::new(),
            last: None,
            rows: vec![],
            done: 0,
            style: None,
            phase: Phase::Opening,
            expected: OPENING.iter().map(|line| Cow::Borrowed(*line)).collect(),
            pending: None,
            over: Over::None,
            made: None,
            loose: 0,
            at_stop: false,
            is_clear: false,
            is_unchecked: false,
            was_asked: false,
            orphans: (vec![], 0),
            name: String::new(),
            number: 0,
            is_open: false,
        }
    }

    /// What the script does, as far as it was read.
    pub fn doings(&self) -> Doings {
        let kinds = [ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete];
        let of_table = |(name, rows): (String, &[u64; 3])| {
            let rows = *rows;
            kinds.map(|kind| ((name.clone(), kind), rows[kind as usize]))
        };
        let tables = self.tables.iter().map(|(name, table)| (name.to_string(), &self.rows[*table]));
        tables.flat_map(of_table).filter(|(_, rows)| *rows > 0).collect()
    }

    /// The number by which a table is known here.
    fn table(&mut self, table: usize, lexed: &Lexed) -> Fits<usize> {
        let name = lexed.tables.get(table).ok_or("a table that is none")?;
        if let Some((_, number)) = self.last.as_ref().filter(|(last, _)| last == name) {
            return Ok(*number);
        }
        let new = self.tables.len();
        let number = *self.tables.entry(name.clone()).or_insert(new);
        self.rows.resize(self.tables.len(), [0; 3]);
        self.last = Some((name.clone(), number));
        Ok(number)
    }

    /// The number of the transaction that is open, where each has one of its own.
    pub fn transaction(&self) -> Option<u64> {
        self.is_open.then_some(self.number)
    }

    /// Takes the lines in.
    pub fn lexed(&mut self, lexed: &Lexed) -> Result<(), RereadError> {
        for token in &lexed.tokens {
            self.line(token, lexed)?;
        }
        lexed.error.map_or(Ok(()), |what| Err(self.broken(what)))
    }

    /// Takes one line in.
    pub fn line(&mut self, token: &Token, lexed: &Lexed) -> Result<Counted, RereadError> {
        let counted = self.token(token, lexed).map_err(|what| self.broken(what))?;
        self.taken += 1;
        Ok(counted)
    }

    pub fn broken(&self, what: &'static str) -> RereadError {
        RereadError::Line { line: self.taken as usize + 1, what }
    }

    /// The script ends here.
    pub fn finish(&self) -> Result<(), RereadError> {
        let is_whole = self.phase == Phase::End && self.expected.is_empty();
        if is_whole { Ok(()) } else { Err(self.broken("it ends too early")) }
    }

    fn token(&mut self, token: &Token, lexed: &Lexed) -> Fits<Counted> {
        if let Some(expected) = self.expected.pop_front() {
            return match token {
                Token::Other(line) if **line == *expected => Ok(Counted::No),
                _ => Err("a fixed line is missing or another stands in its place"),
            };
        }
        if let Some(pending) = self.pending.take() {
            let Token::Count { off, is_each } = token else { return Err("a statement is not counted") };
            return self.counted(pending, *off, *is_each);
        }
        if std::mem::take(&mut self.is_clear) != token.is_hidden() {
            return Err("a statement that is hidden stands without the line in front of it");
        }
        let Token::Other(line) = token else { return self.running(token, lexed).map(|()| Counted::No) };
        if **line == *HIDDEN_NONE {
            self.is_clear = true;
            return Ok(Counted::No);
        }
        let was_stop = std::mem::take(&mut self.at_stop);
        self.other(line, was_stop).map(|()| Counted::No)
    }

    fn running(&mut self, token: &Token, lexed: &Lexed) -> Fits {
        let is_hidden = match token {
            Token::Comment => return Ok(()),
            Token::Statement { table, kind, rows, if_not_here, is_hidden } => {
                let table = self.table(*table, lexed)?;
                self.begin_statement()?;
                let (kind, rows, if_not_here) = (*kind, *rows, *if_not_here);
                self.pending = Some(Pending { table, kind, rows, if_not_here });
                *is_hidden
            }
            Token::Existence { table, is_hidden } if self.over == Over::Look => {
                self.over = Over::Looked(self.table(*table, lexed)?);
                *is_hidden
            }
            Token::Around if self.over == Over::Around => {
                self.over = Over::Asked;
                self.expect(AROUND_END);
                false
            }
            Token::Orphans { question, variable, is_hidden } => {
                self.orphans(question, variable)?;
                *is_hidden
            }
            _ => return Err("a line that may not stand there"),
        };
        self.at_stop = false;
        if is_hidden {
            // In front of what else was expected.
            let rest = std::mem::take(&mut self.expected);
            self.expected = RUN_HIDDEN.iter().map(|line| Cow::Borrowed(*line)).chain(rest).collect();
        }
        Ok(())
    }

    fn begin_statement(&mut self) -> Fits {
        self.settle()?;
        if matches!(self.over, Over::Look | Over::Orphans | Over::Around | Over::Asked) {
            return Err("what is to be looked for is not");
        }
        if self.style == Some(Lines::Each) && !self.is_open {
            return Err("a statement outside a transaction");
        }
        if self.loose >= GROUP as u64 { Err("a place to stop at is missing") } else { Ok(()) }
    }

    /// The body begins, unless it has.
    fn settle(&mut self) -> Fits {
        match self.phase {
            Phase::Head => self.phase = Phase::Body,
            Phase::Body => {}
            Phase::Opening => return Err("a line in front of the settings that it needs"),
            Phase::End => return Err("something stands behind the end"),
        }
        if self.style.is_none() && self.done > 0 {
            self.style = Some(Lines::Once);
        }
        Ok(())
    }

    fn counted(&mut self, of: Pending, off: Off, is_each: bool) -> Fits<Counted> {
        if is_each != (self.style == Some(Lines::Each)) {
            return Err("a statement is counted as in scripts of another kind");
        }
        self.done += 1;
        self.loose += 1;
        let over = std::mem::replace(&mut self.over, Over::None);
        let (counted, rows) = match (over, off, of.kind, of.if_not_here) {
            (Over::None, Off::Rows(rows), _, false) if rows == of.rows && rows <= ROWS as u64 => {
                (Counted::Whole { overwrites: false }, rows)
            }
            (Over::Looked(table), Off::SetOver, ChangeKind::Update, _) if table == of.table => {
                (Counted::Whole { overwrites: true }, 1)
            }
            (Over::Looked(table), Off::TakenOver, ChangeKind::Delete, _) if table == of.table => {
                (Counted::Whole { overwrites: true }, 1)
            }
            (Over::Looked(table), Off::SetOrNot, ChangeKind::Update, _) if table == of.table => {
                self.over = Over::Set(table);
                (Counted::Half, 0)
            }
            (Over::Set(table), Off::PutOrNot, ChangeKind::Insert, true) if table == of.table => {
                (Counted::Whole { overwrites: true }, 1)
            }
            _ => return Err("another number of rows is expected than the statement has"),
        };
        let is_there = of.kind != ChangeKind::Delete && rows == 1;
        self.made = is_there.then_some(of.table);
        if rows > 0 {
            self.rows[of.table][of.kind as usize] += rows;
        }
        if self.style == Some(Lines::Lasting) {
            self.expect(&[NARROW]);
        }
        Ok(counted)
    }

    fn other(&mut self, line: &str, was_stop: bool) -> Fits {
        if self.over == Over::Asked {
            return self.asked(line);
        }
        if let Over::Looked(table) = self.over
            && Some(table) == self.made
            && line == if self.style == Some(Lines::Each) { MADE_EACH } else { MADE }
        {
            (self.over, self.made) = (Over::None, None);
            if self.style == Some(Lines::Lasting) {
                self.expect(&[NARROW]);
            }
            return Ok(());
        }
        if self.over != Over::None {
            return Err("a row that is overwritten is not looked for, or nothing is done about it");
        }
        match self.phase {
            Phase::Opening if CHECKS.contains(&line) => {
                self.phase = Phase::Head;
                self.expect(SETTLED);
                Ok(())
            }
            Phase::Opening => Err("it is not said whether foreign keys are checked"),
            Phase::End => Err("something stands behind the end"),
            Phase::Head | Phase::Body => self.between(line, was_stop),
        }
    }

    /// A line between statements.
    fn between(&mut self, line: &str, was_stop: bool) -> Fits {
        if line == NARROW && self.style.is_none() && self.done == 1 {
            self.style = Some(Lines::Lasting);
            return Ok(());
        }
        if let (Phase::Head, None, Some(rest)) = (self.phase, self.style, line.strip_prefix(RESUME)) {
            let name = rest.strip_suffix(RESUMED).ok_or("a line that may not stand there")?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err("a script's name that is none");
            }
            (self.style, self.name) = (Some(Lines::Each), name.to_owned());
            return Ok(());
        }
        if line == AROUND_NONE && self.phase == Phase::Head && !self.was_asked && self.orphans.0.is_empty() {
            (self.over, self.was_asked) = (Over::Around, true);
            return Ok(());
        }
        self.settle()?;
        let is_each = self.style == Some(Lines::Each);
        match line {
            STOP | STOP_EACH if (line == STOP_EACH) == is_each => {
                (self.loose, self.at_stop) = (0, true);
                Ok(())
            }
            HERE_NONE => {
                self.over = Over::Look;
                Ok(())
            }
            LEFT_NONE if !self.orphans.0.is_empty() => {
                self.over = Over::Orphans;
                Ok(())
            }
            UNCHECK | CHECK if (line == CHECK) == self.is_unchecked => {
                self.is_unchecked = line == UNCHECK;
                Ok(())
            }
            FORGET if is_each && !self.is_open => {
                self.phase = Phase::End;
                self.expect(RESTORING);
                self.expected.push_back(ended_each(&self.name, self.number).into());
                Ok(())
            }
            _ if line.starts_with(DECIDE) => self.decide(line, was_stop),
            _ if is_each && !self.is_open && line == guard_each(self.number + 1) => {
                self.number += 1;
                self.is_open = true;
                Ok(())
            }
            _ => Err("a line that may not stand there"),
        }
    }

    /// The line behind the answer to what stands around the tables: a place to stop at, in front of which nothing
    /// applies any more where nothing rolls back.
    fn asked(&mut self, line: &str) -> Fits {
        self.over = Over::None;
        match (line, self.style) {
            (NARROW, None) => {
                self.style = Some(Lines::Lasting);
                self.expect(&[STOP]);
            }
            (STOP, None) => self.style = Some(Lines::Once),
            (STOP_EACH, Some(Lines::Each)) => {}
            _ => return Err("a place to stop at is missing"),
        }
        Ok(())
    }

    fn decide(&mut self, line: &str, was_stop: bool) -> Fits {
        let count = line.strip_prefix(DECIDE).and_then(|rest| rest.strip_suffix(DECIDED));
        if count != Some(self.done.to_string().as_str()) {
            return Err("another number of statements is expected than there are");
        }
        if !was_stop || self.loose > 0 {
            return Err("a place to stop at is missing");
        }
        if self.is_unchecked {
            return Err("foreign keys are not checked again");
        }
        if self.style == Some(Lines::Each) {
            if !std::mem::take(&mut self.is_open) || !self.orphans.1.is_multiple_of(self.orphans.0.len().max(1)) {
                return Err("a transaction ends that did not begin, or before it was looked at");
            }
            self.expect(CLOSING_EACH);
            self.expected.push_back(mark_each(self.number).into());
            self.expected.push_back(tell_each(&self.name, self.number).into());
            return Ok(());
        }
        if self.orphans.0.len() != self.orphans.1 {
            return Err("rows that refer to nothing are not counted again");
        }
        self.phase = Phase::End;
        self.expect(CLOSING);
        self.expect(RESTORING);
        self.expect(&[if self.style == Some(Lines::Lasting) { ENDED_LASTING } else { ENDED }]);
        Ok(())
    }

    /// A question for rows that refer to nothing: before everything, or again.
    fn orphans(&mut self, question: &[u8], variable: &[u8]) -> Fits {
        let (asked, again) = &mut self.orphans;
        if self.phase == Phase::Head && variable == format!("bg_orphans{}", asked.len()).as_bytes() {
            asked.push(question.to_vec());
            return Ok(());
        }
        let number = *again % asked.len().max(1);
        let is_it = asked.get(number).is_some_and(|first| first == question);
        if self.over != Over::Orphans || variable != b"bg_left" || !is_it {
            return Err("a question that may not stand there");
        }
        *again += 1;
        self.over = Over::None;
        self.expected.push_back(off_by_orphans(number).into());
        Ok(())
    }

    fn expect(&mut self, lines: &[&'static str]) {
        self.expected.extend(lines.iter().map(|line| Cow::Borrowed(*line)));
    }
}
