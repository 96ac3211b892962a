//! The script's text: statements that apply all of a plan or nothing of it, whatever client they are fed to.

use std::fmt::Write;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::change::reverse::{Action, Inverse, Plan};
use crate::model::change::ChangeKind;
use crate::model::foreign::Foreign;

/// The most rows that one INSERT puts back.
pub const ROWS: usize = 500;
/// The longest row, in bytes of its literals, that shares a statement with others. MariaDB 10.11 cuts bytes from 64 KiB
/// on when they go through a UNION, without a word, and some such statements end its process.
pub const SHARED: usize = 8 << 10;
/// How many statements are between two places at which a client stops when something is off.
pub const GROUP: usize = 1000;
/// The condition that every statement carries: false in a session that a client opened anew on its own.
pub const GUARD: &str = "@bg=CONNECTION_ID()";
/// Counts a statement, and whether it touched another number of rows than it must.
pub const COUNT: &str = "SET @bg_done=@bg_done+1,@bg_off=@bg_off+(ROW_COUNT()<>";
/// Fails (error 1242), and so stops a client, when anything was off so far.
pub const STOP: &str = "SET @bg_stop=IF(@bg=CONNECTION_ID() AND @bg_off=0,0,(SELECT 1 UNION ALL SELECT 2));";
/// Statements in front of those of the plan.
///
/// Settings come before the guard is set for good, which it is only if they hold.
pub const OPENING: &[&str] = &[
    "SET @bg=CONNECTION_ID();",
    "SET @bg_autocommit=@@autocommit,@bg_sql_mode=@@sql_mode,@bg_time_zone=@@time_zone;",
    "SET @bg_checks=@@foreign_key_checks,@bg_safe=@@sql_safe_updates;",
    "SET @bg_client=@@character_set_client,@bg_results=@@character_set_results,@bg_collation=@@collation_connection;",
    "SET autocommit=0;",
    "SET NAMES utf8mb4;",
    "SET sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION';",
    "SET time_zone='+00:00',sql_safe_updates=0;",
];
/// One of the two stands behind the opening.
pub const CHECKS: [&str; 2] = ["SET foreign_key_checks=0;", "SET foreign_key_checks=1;"];
/// Behind that: nothing applies unless the settings hold.
pub const SETTLED: &[&str] = &[
    "SET @bg_off=0,@bg_done=0;",
    "SET @bg=IF(@bg=CONNECTION_ID() AND @@autocommit=0 AND @@time_zone='+00:00' \
     AND @@character_set_client='utf8mb4' AND FIND_IN_SET('STRICT_ALL_TABLES',@@sql_mode),@bg,NULL);",
];
/// In front of the number of statements that must have run.
pub const DECIDE: &str = "SET @bg_end=IF(@bg=CONNECTION_ID() AND @bg_off=0 AND @bg_done=";
/// Statements behind those of the plan.
pub const CLOSING: &[&str] = &[
    "PREPARE bg_end FROM @bg_end;",
    "EXECUTE bg_end;",
    "SET @bg_ended=(ROW_COUNT()=0);",
    "ROLLBACK;",
    "DEALLOCATE PREPARE bg_end;",
    "SET autocommit=IFNULL(@bg_autocommit,@@autocommit),sql_mode=IFNULL(@bg_sql_mode,@@sql_mode);",
    "SET time_zone=IFNULL(@bg_time_zone,@@time_zone),foreign_key_checks=IFNULL(@bg_checks,@@foreign_key_checks);",
    "SET sql_safe_updates=IFNULL(@bg_safe,@@sql_safe_updates);",
    "SET character_set_client=IFNULL(@bg_client,@@character_set_client),\
     character_set_results=IF(@bg=CONNECTION_ID(),@bg_results,@@character_set_results),\
     collation_connection=IFNULL(@bg_collation,@@collation_connection);",
    "SELECT IF(@bg=CONNECTION_ID() AND @bg_end='COMMIT' AND @bg_ended,'APPLIED','ROLLED BACK') AS `undo`;",
];
/// In front of the bytes of a statement whose names are not ASCII.
pub const HIDDEN: &str = "SET @bg_text=_utf8mb4 X'";
/// Behind it: runs that statement.
pub const RUN_HIDDEN: [&str; 2] = ["PREPARE bg_run FROM @bg_text;", "EXECUTE bg_run;"];

/// What the header says beside what the plan itself tells; every line is escaped by the writer.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Label and text, such as `source` and a log's name, in the order in which they stand.
    pub lines: Vec<(&'static str, Foreign)>,
    /// Whether foreign keys are checked while the script runs.
    pub unchecked_keys: bool,
}

/// A script and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Printable ASCII and newlines.
    pub text: String,
    /// SHA-256 of everything behind the header, as the header has it.
    pub digest: [u8; 32],
    /// How many statements it runs.
    pub statements: usize,
}

/// Writes the script of a plan.
pub fn write(plan: &Plan, header: &Header) -> Script {
    let (body, statements) = body(plan, header);
    let digest: [u8; 32] = Sha256::digest(body.as_bytes()).into();
    let mut text = head(plan, header, statements, &digest);
    text.push_str(&body);
    Script { text, digest, statements }
}

fn head(plan: &Plan, header: &Header, statements: usize, digest: &[u8; 32]) -> String {
    let mut text = String::new();
    comment(&mut text, "breakglass undo script, format 1");
    comment(&mut text, "Feed it to mysql or mariadb in a session of its own: it applies all of this or nothing.");
    for (label, value) in &header.lines {
        comment(&mut text, &format!("{label}: {value}"));
    }
    let count = |kind| plan.inverses.iter().filter(|inverse| inverse.action.kind() == kind).count();
    let (back, set, gone) = (count(ChangeKind::Insert), count(ChangeKind::Update), count(ChangeKind::Delete));
    comment(&mut text, &format!("rows: {back} put back, {set} set back, {gone} taken away"));
    comment(&mut text, &format!("statements: {statements}"));
    for hazard in &plan.hazards {
        comment(&mut text, &format!("hazard: {hazard}"));
    }
    if header.unchecked_keys {
        comment(&mut text, "hazard: foreign keys are not checked while this runs");
    }
    comment(&mut text, &format!("digest: {}", data_encoding::HEXLOWER.encode(digest)));
    text
}

/// A comment line that nothing in `words` can end.
fn comment(text: &mut String, words: &str) {
    text.push_str("-- ");
    for c in words.chars() {
        match c {
            ' '..='~' => text.push(c),
            c => {
                let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    text.push('\n');
}

fn body(plan: &Plan, header: &Header) -> (String, usize) {
    let mut text = String::new();
    lines(&mut text, OPENING);
    lines(&mut text, &[CHECKS[usize::from(!header.unchecked_keys)]]);
    lines(&mut text, SETTLED);
    let (mut rest, mut statements) = (plan.inverses.as_slice(), 0);
    let mut transaction = None;
    while let Some(first) = rest.first() {
        if transaction.as_ref() != Some(&Arc::as_ptr(&first.transaction)) {
            transaction = Some(Arc::as_ptr(&first.transaction));
            original(&mut text, first);
        }
        let (together, behind) = rest.split_at(alike(rest));
        statement(&mut text, &sql(together), together.len());
        (rest, statements) = (behind, statements + 1);
        if statements % GROUP == 0 {
            lines(&mut text, &[STOP]);
        }
    }
    lines(&mut text, &[STOP]);
    let _ = writeln!(text, "{DECIDE}{statements},'COMMIT','ROLLBACK');");
    lines(&mut text, CLOSING);
    (text, statements)
}

fn lines(text: &mut String, lines: &[&str]) {
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
}

/// Says which transaction the next statements undo.
fn original(text: &mut String, inverse: &Inverse) {
    let gtid = inverse.transaction.gtid.as_ref().map_or_else(String::new, |gtid| format!(", GTID {gtid}"));
    comment(text, &format!("transaction at {} of {}{gtid}", inverse.transaction.start, inverse.of.file));
}

/// How many inverses at the front one statement can do: rows put back into the same columns of the same table.
fn alike(rest: &[Inverse]) -> usize {
    let Some((first, behind)) = rest.split_first() else { return 0 };
    let Action::Insert { columns, row } = &first.action else { return 1 };
    if row.len() > SHARED {
        return 1;
    }
    let fits = |next: &&Inverse| {
        let same = matches!(&next.action, Action::Insert { columns: theirs, row } if theirs == columns && row.len() <= SHARED);
        same && next.table == first.table && Arc::ptr_eq(&next.transaction, &first.transaction)
    };
    1 + behind.iter().take(ROWS - 1).take_while(fits).count()
}

fn sql(together: &[Inverse]) -> String {
    let Some(Inverse { table, action, .. }) = together.first() else { return String::new() };
    match action {
        Action::Update { set, only } => format!("UPDATE {table} SET {set} WHERE {GUARD} AND {only};"),
        Action::Delete { only } => format!("DELETE FROM {table} WHERE {GUARD} AND {only};"),
        Action::Insert { columns, .. } => {
            let rows = together.iter().filter_map(|inverse| match &inverse.action {
                Action::Insert { row, .. } => Some(format!("SELECT {row} FROM DUAL WHERE {GUARD}")),
                _ => None,
            });
            let rows: Vec<_> = rows.collect();
            format!("INSERT INTO {table} ({columns}) {};", rows.join(" UNION ALL "))
        }
    }
}

/// A statement and its count; one whose names are not ASCII goes through PREPARE, with its text beside it.
fn statement(text: &mut String, sql: &str, rows: usize) {
    if sql.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        lines(text, &[sql]);
    } else {
        comment(text, sql);
        let bytes = sql.trim_end_matches(';').as_bytes();
        let _ = writeln!(text, "{HIDDEN}{}';", data_encoding::HEXUPPER.encode(bytes));
        lines(text, &RUN_HIDDEN);
    }
    let _ = writeln!(text, "{COUNT}{rows});");
}
