//! Changing a dump's statements on the way into a sink: only what a plan names, token by token.

use std::collections::HashSet;

use crate::format::databacker;
use crate::format::statements;
use crate::format::statements::{Account, Kind, Risk, RiskKind, Statement};
use crate::model::dump::Remedy;
use crate::model::foreign::Foreign;
use crate::sql::ident;
use crate::sql::lexer::{Charset, Dialect, PieceKind, StatementEnd};
use crate::sql::token::{Token, TokenKind, Tokens};

/// Who views, routines, triggers and events run as once they are restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Definer {
    /// Whom the dump says.
    #[default]
    Keep,
    /// The clause is left out: whoever restores.
    Drop,
    /// `CURRENT_USER`, written out: whoever restores.
    Me,
}

/// Which tables of a dump are restored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tables {
    /// All of them, and everything else.
    #[default]
    All,
    /// All but these.
    Except(HashSet<Foreign>),
    /// Only these, and nothing that is no table.
    Only(HashSet<Foreign>),
}

/// The database that a dump takes for its own, and the one that it becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// As the dump calls it.
    pub from: Foreign,
    /// As it is called from now on.
    pub into: Foreign,
    /// Whether the server takes capitals and small letters in it for the same.
    pub folds: bool,
}

impl Scope {
    fn is(&self, name: &[u8]) -> bool {
        let from = self.from.raw_bytes();
        name == from || self.folds && name.eq_ignore_ascii_case(from)
    }
}

/// The choices of a plan that change statements.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices {
    /// Who things run as.
    pub definer: Definer,
    /// Which tables.
    pub tables: Tables,
    /// Statements with one of these risks are left out.
    pub without: HashSet<RiskKind>,
    /// The dump's own database: where it is entered and named, that is no risk, and is moved along.
    pub scope: Option<Scope>,
    /// Repairs of what the dump program spoiled.
    pub remedies: HashSet<Remedy>,
}

/// What becomes of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It runs as it stands.
    Keep,
    /// This runs in its place.
    Replace(Vec<u8>),
    /// It is left out.
    Drop(Why),
    /// It should be left out, but sets other things in the same breath, on which later statements may rest.
    Stuck(RiskKind),
}

/// Why a statement is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// A choice of the plan names its risk.
    Risk(RiskKind),
    /// Its table is not restored.
    Table,
    /// It makes or enters the dump's own database, where the session is already.
    Own,
}

enum Moved {
    Stays,
    To(Vec<u8>),
    Stuck(RiskKind),
}

impl Choices {
    /// What becomes of a statement. `text` is all of it, without its delimiter.
    ///
    /// Table names are compared byte for byte: servers that ignore case see to it that there are no two.
    pub fn fate(&self, statement: &Statement, text: &[u8], dialect: Dialect) -> Fate {
        if self.enters_own(statement) {
            return Fate::Drop(Why::Own);
        }
        let mut dropped = self.beyond(statement).map(|risk| risk.kind);
        if let Some(kind) = dropped.find(|kind| self.without.contains(kind)) {
            let stuck = sets_more(&Tokens::code(text, dialect));
            return if stuck { Fate::Stuck(kind) } else { Fate::Drop(Why::Risk(kind)) };
        }
        if self.tables != Tables::All && matches!(statement.kind, Kind::DropTable | Kind::DropView | Kind::Lock) {
            let wanted = |name: &Foreign| self.wants_table(name);
            let names = listed(text, dialect);
            match names.iter().filter(|name| wanted(name)).count() {
                0 => return Fate::Drop(Why::Table),
                some if some < names.len() => return Fate::Stuck(RiskKind::Unknown),
                _ => {}
            }
        }
        if !self.wants(statement, text, dialect) {
            return Fate::Drop(Why::Table);
        }
        if statement.kind == Kind::Set && self.remedies.contains(&Remedy::ForceUtf8) {
            match with_utf8(text, dialect) {
                Names::Other => {}
                Names::Utf8(new) => return Fate::Replace(new),
                Names::Stuck => return Fate::Stuck(RiskKind::SetUnknown),
            }
        }
        let timed = match statement.kind {
            Kind::CreateTrigger if self.remedies.contains(&Remedy::TriggersBefore) => {
                databacker::with_before(text, dialect)
            }
            _ => None,
        };
        let text = timed.as_deref().unwrap_or(text);
        let defined = match (self.definer, &statement.definer) {
            (Definer::Keep, _) | (_, None) => None,
            (how, Some(_)) => with_definer(text, dialect, how),
        };
        let new = match self.moved(statement, defined.as_deref().unwrap_or(text), dialect) {
            Moved::Stays => match defined.or(timed) {
                Some(new) => new,
                None => return Fate::Keep,
            },
            Moved::To(text) => text,
            Moved::Stuck(kind) => return Fate::Stuck(kind),
        };
        if self.reads_well(statement, &new, dialect) { Fate::Replace(new) } else { Fate::Stuck(RiskKind::Unknown) }
    }

    /// Reads a statement that was rewritten: it must do what it did, as whom the plan says, and reach no further.
    fn reads_well(&self, old: &Statement, new: &[u8], dialect: Dialect) -> bool {
        if old.kind == Kind::Insert {
            return true; // only its table's name has changed, and that was read again
        }
        let end = StatementEnd {
            number: 0,
            start: 0,
            end: new.len() as u64,
            kind: PieceKind::Statement,
            delimiter: 0,
            head: new,
            insert: None,
            dialect,
        };
        let Some(read) = statements::read(&end) else { return false };
        let further = self.beyond(&read).any(|risk| !old.risks.iter().any(|known| known.kind == risk.kind));
        let mine = |definer: &Account| definer.user.raw_bytes().eq_ignore_ascii_case(b"CURRENT_USER");
        let as_said = self.definer == Definer::Keep || read.definer.as_ref().is_none_or(mine);
        read.kind == old.kind && !further && as_said
    }

    /// Risks that reach beyond the dump's own database.
    pub fn beyond<'a>(&'a self, statement: &'a Statement) -> impl Iterator<Item = &'a Risk> {
        let entering = matches!(statement.kind, Kind::Use | Kind::CreateDatabase);
        let moves = |risk: &Risk| matches!(risk.kind, RiskKind::Use | RiskKind::CreateDatabase);
        statement.risks.iter().filter(move |risk| !self.is_own(risk) || moves(risk) && !entering)
    }

    fn is_own(&self, risk: &Risk) -> bool {
        self.scope.as_ref().is_some_and(|scope| risk.stays_in(scope.from.raw_bytes(), |name, _| scope.is(name)))
    }

    fn enters_own(&self, statement: &Statement) -> bool {
        let entering = matches!(statement.kind, Kind::Use | Kind::CreateDatabase);
        entering && !statement.risks.is_empty() && self.beyond(statement).next().is_none()
    }

    /// The statement as it reads in the database that the dump's own one becomes.
    fn moved(&self, statement: &Statement, text: &[u8], dialect: Dialect) -> Moved {
        let Some(scope) = self.scope.as_ref().filter(|scope| scope.from != scope.into) else { return Moved::Stays };
        if statement.risks.iter().any(|risk| risk.kind == RiskKind::AlterDatabase && self.is_own(risk)) {
            return Moved::Stuck(RiskKind::AlterDatabase);
        }
        if !statement.risks.iter().any(|risk| risk.kind == RiskKind::Qualified && self.is_own(risk)) {
            return Moved::Stays;
        }
        let is_from = |name: &[u8]| scope.is(name);
        match statements::moved((text, statement.kind), dialect, is_from, scope.into.raw_bytes()) {
            // What was moved is read again: nothing may be left that reaches the old place.
            Some(new) if !statements::mentions(&new, dialect, is_from) => Moved::To(new),
            _ => Moved::Stuck(RiskKind::Qualified),
        }
    }

    fn wants_table(&self, name: &Foreign) -> bool {
        match &self.tables {
            Tables::All => true,
            Tables::Except(names) => !names.contains(name),
            Tables::Only(names) => names.contains(name),
        }
    }

    fn wants(&self, statement: &Statement, text: &[u8], dialect: Dialect) -> bool {
        if self.tables == Tables::All {
            return true;
        }
        let of_table = matches!(
            statement.kind,
            Kind::Insert
                | Kind::CreateTable
                | Kind::DropTable
                | Kind::AlterTable
                | Kind::Lock
                | Kind::CreateView
                | Kind::DropView
                | Kind::CreateTrigger
        );
        let trigger = (statement.kind == Kind::CreateTrigger).then(|| trigger_table(text, dialect)).flatten();
        let name = trigger.as_ref().or(statement.name.as_ref().map(|name| &name.name));
        match (&self.tables, name) {
            (Tables::All, _) => true,
            (Tables::Except(names), Some(name)) => !of_table || !names.contains(name),
            (Tables::Except(_), None) => true,
            (Tables::Only(names), Some(name)) if of_table => names.contains(name),
            (Tables::Only(_), _) => {
                matches!(statement.kind, Kind::Set | Kind::Unlock | Kind::Transaction | Kind::Nothing)
            }
        }
    }
}

/// A SET, as far as the names of a character set go.
enum Names {
    /// It sets something else.
    Other,
    /// `SET NAMES utf8mb4` in its place.
    Utf8(Vec<u8>),
    /// It sets more than that, or a character set under which the dump is read in another way.
    Stuck,
}

/// `SET NAMES x` with utf8mb4 for x, where server and splitter read the dump alike under both.
fn with_utf8(text: &[u8], dialect: Dialect) -> Names {
    let tokens = Tokens::code(text, dialect);
    let [set, names, charset, rest @ ..] = tokens.as_slice() else { return Names::Other };
    if !set.is("SET") || !names.is("NAMES") {
        return Names::Other;
    }
    let plain = matches!(rest, []) || matches!(rest, [collate, _] if collate.is("COLLATE"));
    let transparent = Charset::named(&ident::unquote(charset.text)) == Some(Charset::Transparent);
    if !plain || !transparent {
        return Names::Stuck;
    }
    let end = rest.last().map_or(charset.end(), Token::end);
    Names::Utf8([&text[..charset.start], b"utf8mb4", &text[end..]].concat())
}

/// Whether this is a SET of several things: leaving it out would leave the server in another dialect than ours.
pub fn sets_more(tokens: &[Token<'_>]) -> bool {
    let names = ["NAMES", "CHARACTER", "CHARSET", "sql_mode", "character_set_client"];
    let set = tokens.first().is_some_and(|first| first.is("SET"));
    set && tokens.iter().any(|token| token.is_sign(b',') || token.is_any(&names))
}

/// The tables that a DROP or LOCK is about, without their databases.
fn listed(text: &[u8], dialect: Dialect) -> Vec<Foreign> {
    let tokens = Tokens::code(text, dialect);
    let verbs = ["DROP", "LOCK", "TABLE", "TABLES", "VIEW", "TEMPORARY", "IF", "EXISTS"];
    let begin = tokens.iter().position(|token| !token.is_any(&verbs)).unwrap_or(tokens.len());
    let mut names = vec![];
    for part in tokens[begin..].split(|token| token.is_sign(b',')) {
        let name = match part {
            [_, dot, table, ..] if dot.is_sign(b'.') => table,
            [table, ..] => table,
            [] => continue,
        };
        names.push(Foreign::new(ident::unquote(name.text)));
    }
    names
}

/// The table that a trigger belongs to: it is restored with it, or not at all.
fn trigger_table(text: &[u8], dialect: Dialect) -> Option<Foreign> {
    let tokens = Tokens::code(text, dialect);
    let at = tokens.iter().position(|token| token.is("TRIGGER"))?;
    let on = at + tokens[at..].iter().position(|token| token.is("ON"))?;
    let name = match tokens.get(on + 1..on + 4) {
        Some([_, dot, table]) if dot.is_sign(b'.') => table,
        _ => tokens.get(on + 1)?,
    };
    Some(Foreign::new(ident::unquote(name.text)))
}

/// The statement with its DEFINER clause changed, and nothing else; `None` when it has none.
pub fn with_definer(text: &[u8], dialect: Dialect, how: Definer) -> Option<Vec<u8>> {
    let tokens: Vec<Token<'_>> = Tokens::new(text, dialect).take(64).collect();
    let at = tokens.iter().position(|token| token.is("DEFINER"))?;
    let created = tokens.iter().find(|token| token.kind == TokenKind::Word).is_some_and(|token| token.is("CREATE"));
    let equals = tokens.get(at + 1).is_some_and(|token| token.is_sign(b'='));
    if !created || !equals {
        return None;
    }
    let user = tokens.get(at + 2)?;
    let end = match (tokens.get(at + 3), tokens.get(at + 4)) {
        (Some(host), _) if host.kind == TokenKind::Variable => host.end(),
        (Some(open), Some(close)) if open.is_sign(b'(') && close.is_sign(b')') => close.end(),
        _ => user.end(),
    };
    let (from, to) = (tokens[at].start, end);
    let new: &[u8] = match how {
        Definer::Keep => return None,
        Definer::Drop => b"",
        Definer::Me => b"DEFINER=CURRENT_USER",
    };
    // A blank behind it, so that no two words grow together.
    Some([&text[..from], new, b" ", &text[to..]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str, how: Definer) -> String {
        with_definer(text.as_bytes(), Dialect::default(), how)
            .map_or_else(|| "unchanged".to_owned(), |text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn a_set_goes_as_a_whole_or_not_at_all() {
        let more = |text: &str| sets_more(&Tokens::code(text.as_bytes(), Dialect::default()));
        assert!(!more("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '2377-e5ee:1-6707'"));
        assert!(more("SET GLOBAL x = 1, NAMES gbk"));
        assert!(more("SET GLOBAL sql_mode = 'ANSI'"));
    }

    #[test]
    fn only_the_definer_clause_changes() {
        let trigger = "/*!50003 CREATE*/ /*!50017 DEFINER=`a``b; `@`%`*/ /*!50003 TRIGGER t AFTER INSERT ON x FOR EACH ROW SET @d = 'DEFINER=`x`@`y`' */";
        assert_eq!(
            rewritten(trigger, Definer::Drop),
            "/*!50003 CREATE*/ /*!50017  */ /*!50003 TRIGGER t AFTER INSERT ON x FOR EACH ROW SET @d = 'DEFINER=`x`@`y`' */"
        );
        let view = "CREATE ALGORITHM=UNDEFINED DEFINER='root'@'localhost' SQL SECURITY DEFINER VIEW v AS select 1";
        assert_eq!(
            rewritten(view, Definer::Me),
            "CREATE ALGORITHM=UNDEFINED DEFINER=CURRENT_USER  SQL SECURITY DEFINER VIEW v AS select 1"
        );
        assert_eq!(rewritten("CREATE VIEW v AS SELECT definer FROM t", Definer::Drop), "unchanged");
        assert_eq!(rewritten("SELECT 'DEFINER=a@b'", Definer::Drop), "unchanged");
    }
}
