//! The fixed text of scripts: what makes all of one apply or nothing, whatever client it is fed to.

use std::io::Write;

use crate::model::foreign::Foreign;
use crate::sql::exact;

/// The most rows that one INSERT puts back.
pub const ROWS: usize = 500;
/// The longest row, in bytes of its literals, that shares a statement with others. MariaDB 10.11 cuts bytes from 64 KiB
/// on when they go through a UNION, without a word, and some such statements end its process.
pub const SHARED: usize = 8 << 10;
/// How many statements are between two places at which a client stops when something is off.
pub const GROUP: usize = 1000;
/// The condition that every statement carries: false in a session that a client opened anew on its own.
pub const GUARD: &str = "@bg=CONNECTION_ID()";
/// Counts a statement, and whether something is off: in front of what is, when it is.
pub const COUNT: &str = "SET @bg_done=@bg_done+1,@bg_off=@bg_off+(";
/// As well, where a statement may be passed over because an earlier run applied it.
pub const COUNT_EACH: &str = "SET @bg_done=@bg_done+1,@bg_off=@bg_off+(@bg_skip=0 AND (";
/// Off: a statement touched another number of rows than one.
pub const ONE: &str = "ROW_COUNT()<>1";
/// Off: the row that was to be set is not there, or several are. (Rows that are the same already count as 0.)
pub const SET_OVER: &str = "ROW_COUNT() NOT IN(0,1) OR @bg_here<>1";
/// Off: the row that was to be taken away is not there, or several are.
pub const TAKEN_OVER: &str = "ROW_COUNT()<>1 OR @bg_here<>1";
/// Off: there are several of the row that was to be set if it is there.
pub const SET_OR_NOT: &str = "ROW_COUNT() NOT IN(0,1) OR @bg_here NOT IN(0,1)";
/// Off: the row that was to be put back if it is not there was not, or was though it is there.
pub const PUT_OR_NOT: &str = "ROW_COUNT()<>(@bg_here=0)";
/// In front of a look at whether a row is there: an error must leave nothing behind that looks like an answer.
pub const HERE_NONE: &str = "SET @bg_here=NULL;";
/// Behind it.
pub const HERE: &str = " FOR UPDATE INTO @bg_here";
/// Behind a look at what the server computed for a row. Off: it is not what the row had.
pub const MADE: &str = "SET @bg_off=@bg_off+IFNULL(@bg_here<>1,1);";
/// As well, where a statement may be passed over because an earlier run applied it.
pub const MADE_EACH: &str = "SET @bg_off=@bg_off+(@bg_skip=0 AND IFNULL(@bg_here<>1,1));";
/// Behind each statement where nothing rolls back: what comes behind one that is off does not run.
pub const NARROW: &str = "SET @bg=IF(@bg_off=0,@bg,NULL);";
/// Fails (error 1242), and so stops a client, when anything was off so far.
pub const STOP: &str = "SET @bg_stop=IF(@bg=CONNECTION_ID() AND @bg_off=0,0,(SELECT 1 UNION ALL SELECT 2));";
/// In front of the columns that refer: how many rows refer to nothing, and a sum that tells them from others.
pub const ORPHANS_ARE: &str = "SELECT CONCAT(COUNT(*),' ',COALESCE(SUM(CRC32(CONCAT_WS(' '";
/// Behind them.
pub const ORPHANS_FROM: &str = "))),0)) FROM ";
/// What it is where there are none.
pub const NO_ORPHANS: &str = "0 0";
/// Behind the question: what is asked is what everybody sees, and stays so.
pub const ORPHANS_LOCKED: &str = " LOCK IN SHARE MODE";
/// Behind that: in front of the question's number.
pub const ORPHANS: &str = " INTO @bg_orphans";
/// In front of asking again: an error must leave nothing behind that looks like an answer.
pub const LEFT_NONE: &str = "SET @bg_left=NULL;";
/// In front of the question what would change other rows: an error must leave nothing behind that looks like an answer.
pub const AROUND_NONE: &str = "SET @bg_around=NULL;";
/// Behind it: anything is off, and a line says so.
pub const AROUND_END: &[&str] = &[
    "SET @bg_off=@bg_off+IFNULL(@bg_around,1);",
    "SELECT CONCAT('NOT APPLIED: ',IFNULL(@bg_around,'unknown'),' triggers or foreign keys would change other rows, \
     and were not known when this was made: make it again with --schema of all tables, or --server') AS `undo` \
     FROM DUAL WHERE IFNULL(@bg_around,1)>0;",
];
/// As [`STOP`], where every transaction has a guard of its own.
pub const STOP_EACH: &str = "SET @bg_stop=IF(@bg_me=CONNECTION_ID() AND @bg_off=0,0,(SELECT 1 UNION ALL SELECT 2));";
/// Statements in front of all others.
///
/// Settings come before the guard is set for good, which it is only if they hold.
pub const OPENING: &[&str] = &[
    "SET @bg=CONNECTION_ID();",
    "SET @bg_autocommit=@@autocommit,@bg_sql_mode=@@sql_mode,@bg_time_zone=@@time_zone;",
    "SET @bg_checks=@@foreign_key_checks,@bg_safe=@@sql_safe_updates,@bg_completion=@@completion_type;",
    "SET @bg_unique=@@unique_checks;",
    "SET @bg_client=@@character_set_client,@bg_results=@@character_set_results,@bg_collation=@@collation_connection;",
    "SET autocommit=0,completion_type=0;",
    "SET NAMES utf8mb4;",
    "SET sql_mode='STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION';",
    "SET time_zone='+00:00',sql_safe_updates=0,unique_checks=1;",
];
/// One of the two stands behind the opening.
pub const CHECKS: [&str; 2] = ["SET foreign_key_checks=0;", "SET foreign_key_checks=1;"];
/// Foreign keys are not checked for the next transactions; only in a session that has the script's beginning.
pub const UNCHECK: &str = "SET foreign_key_checks=IF(@bg=CONNECTION_ID(),0,@@foreign_key_checks);";
/// They are checked again.
pub const CHECK: &str = "SET foreign_key_checks=IF(@bg=CONNECTION_ID(),1,@@foreign_key_checks);";
/// Behind [`CHECKS`]: nothing applies unless the settings hold.
pub const SETTLED: &[&str] = &[
    "SET @bg_off=0,@bg_done=0;",
    "SET @bg=IF(@bg=CONNECTION_ID() AND @@autocommit=0 AND @@time_zone='+00:00' \
     AND @@character_set_client='utf8mb4' AND FIND_IN_SET('STRICT_ALL_TABLES',@@sql_mode),@bg,NULL);",
];
/// Behind that, where every transaction is one of its own: in front of the script's name. A run that stopped is gone
/// on with by setting `@bg_resume` to the last mark that it printed. What is no mark of this script lets nothing run.
pub const RESUME: &str =
    "SET @bg_mark=0,@bg_me=@bg,@bg_after=IF(@bg_resume IS NULL,0,IF(CONVERT(@bg_resume USING utf8mb4) REGEXP '^";
/// Behind it.
pub const RESUMED: &str = "-[0-9]{1,9}$',SUBSTRING_INDEX(@bg_resume,'-',-1)+0,NULL));";
/// In front of the number of statements that must have run.
pub const DECIDE: &str = "SET @bg_end=IF(@bg=CONNECTION_ID() AND @bg_off=0 AND @bg_done=";
/// Behind it.
pub const DECIDED: &str = ",'COMMIT','ROLLBACK');";
/// Statements behind all others: what was decided is done.
pub const CLOSING: &[&str] = &[
    "PREPARE bg_end FROM @bg_end;",
    "EXECUTE bg_end;",
    "SET @bg_ended=(ROW_COUNT()=0);",
    "ROLLBACK;",
    "DEALLOCATE PREPARE bg_end;",
];
/// Behind them: the session gets its settings back.
pub const RESTORING: &[&str] = &[
    "SET autocommit=IFNULL(@bg_autocommit,@@autocommit),sql_mode=IFNULL(@bg_sql_mode,@@sql_mode);",
    "SET time_zone=IFNULL(@bg_time_zone,@@time_zone),foreign_key_checks=IFNULL(@bg_checks,@@foreign_key_checks);",
    "SET sql_safe_updates=IFNULL(@bg_safe,@@sql_safe_updates),completion_type=IFNULL(@bg_completion,@@completion_type);",
    "SET unique_checks=IFNULL(@bg_unique,@@unique_checks);",
    "SET character_set_client=IFNULL(@bg_client,@@character_set_client),\
     character_set_results=IF(@bg=CONNECTION_ID(),@bg_results,@@character_set_results),\
     collation_connection=IFNULL(@bg_collation,@@collation_connection);",
];
/// The last line: it says what became of all.
pub const ENDED: &str =
    "SELECT IF(@bg=CONNECTION_ID() AND @bg_end='COMMIT' AND @bg_ended,'APPLIED','ROLLED BACK') AS `undo`;";
/// As well, where nothing rolls back.
pub const ENDED_LASTING: &str =
    "SELECT IF(@bg=CONNECTION_ID() AND @bg_end='COMMIT' AND @bg_ended,'APPLIED','STOPPED') AS `undo`;";
/// Behind what was decided for one of several transactions: nothing behind one that failed applies.
pub const CLOSING_EACH: &[&str] = &[
    "PREPARE bg_end FROM @bg_end;",
    "EXECUTE bg_end;",
    "SET @bg_off=@bg_off+(@bg_skip=0 AND (ROW_COUNT()<>0 OR @bg_end<>'COMMIT'));",
    "ROLLBACK;",
    "DEALLOCATE PREPARE bg_end;",
];
/// In front of [`RESTORING`] then.
pub const FORGET: &str = "SET @bg=@bg_me,@bg_resume=NULL;";
/// In front of the bytes of a statement whose names are not ASCII.
pub const HIDDEN: &str = "SET @bg_text=_utf8mb4 X'";
/// In front of that: an error must leave no other statement behind that would run once more.
pub const HIDDEN_NONE: &str = "SET @bg_text=NULL;";
/// Behind it: runs that statement.
pub const RUN_HIDDEN: [&str; 2] = ["PREPARE bg_run FROM @bg_text;", "EXECUTE bg_run;"];

/// What the header says beside what the script itself tells; every line is escaped by the writer.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Label and text, such as `source` and a log's name, in the order in which they stand.
    pub lines: Vec<(&'static str, Foreign)>,
    /// What a reviewer must know beside what follows from the changes, such as triggers.
    pub hazards: Vec<Foreign>,
    /// Whatever else helps, such as statements to run by hand; nothing of it is run.
    pub notes: Vec<Foreign>,
    /// Whether the original transactions are not named in front of their statements.
    pub is_terse: bool,
}

/// How a script commits, which decides the lines around its statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lines {
    /// Once, at its end.
    #[default]
    Once,
    /// Behind each of the original transactions.
    Each,
    /// Once, and nothing rolls back.
    Lasting,
}

/// A comment line that nothing in `words` can end.
pub(super) fn comment(out: &mut Vec<u8>, words: &[u8]) {
    out.extend_from_slice(b"-- ");
    for chunk in words.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                ' '..='~' => out.push(c as u8),
                // Writing into memory does not fail.
                c => drop(write!(out, "\\u{{{:x}}}", u32::from(c))),
            }
        }
        chunk.invalid().iter().for_each(|byte| drop(write!(out, "\\x{byte:02x}")));
    }
    out.push(b'\n');
}

pub(super) fn lines(out: &mut Vec<u8>, lines: &[&str]) {
    for line in lines {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
}

pub(super) fn stop(style: Lines) -> &'static str {
    if style == Lines::Each { STOP_EACH } else { STOP }
}

/// Off: rows refer to nothing, and they are not the same that did before. Of some that were healed and some that came,
/// nothing tells which are which.
pub(super) fn off_by_orphans(number: usize) -> String {
    format!("SET @bg_off=@bg_off+(@bg_left<>'{NO_ORPHANS}' AND @bg_left<>@bg_orphans{number});")
}

/// Counts the statement in front; `off` is what must not be.
pub(super) fn count(out: &mut Vec<u8>, style: Lines, off: &str) {
    let (front, behind) = if style == Lines::Each { (COUNT_EACH, "));\n") } else { (COUNT, ");\n") };
    [front, off, behind].iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
    if style == Lines::Lasting {
        lines(out, &[NARROW]);
    }
}

/// Ends a look at what the server computed for a row.
pub(super) fn made(out: &mut Vec<u8>, style: Lines) {
    lines(out, &[if style == Lines::Each { MADE_EACH } else { MADE }]);
    if style == Lines::Lasting {
        lines(out, &[NARROW]);
    }
}

/// Counts a statement that puts so many rows back.
pub(super) fn count_rows(out: &mut Vec<u8>, style: Lines, rows: usize) {
    count(out, style, &format!("ROW_COUNT()<>{rows}"));
}

/// Ends the statement that begins at `start`. One that names what is not ASCII goes through PREPARE, as bytes, with its
/// text in a comment; of a table with such names, it need not be every one.
pub(super) fn end(out: &mut Vec<u8>, start: usize, is_ascii: bool) {
    if is_ascii || out[start..].iter().all(|byte| (b' '..=b'~').contains(byte)) {
        out.extend_from_slice(b";\n");
        return;
    }
    let sql = out.split_off(start);
    comment(out, &[&sql[..], b";"].concat());
    lines(out, &[HIDDEN_NONE]);
    out.extend_from_slice(HIDDEN.as_bytes());
    exact::digits(out, &sql);
    out.extend_from_slice(b"';\n");
    lines(out, &RUN_HIDDEN);
}

/// The guard of transaction number `number` of several.
pub(super) fn guard_each(number: u64) -> String {
    format!(
        "SET @bg_skip=({number}<=@bg_after),\
         @bg=IF(@bg_me=CONNECTION_ID() AND @bg_off=0 AND {number}>@bg_after,@bg_me,NULL);"
    )
}

/// Remembers that transaction number `number` is done.
pub(super) fn mark_each(number: u64) -> String {
    format!("SET @bg_mark=IF(@bg_me=CONNECTION_ID() AND @bg_off=0,{number},@bg_mark);")
}

/// Prints how far the script `name` came.
pub(super) fn tell_each(name: &str, number: u64) -> String {
    format!("SELECT CONCAT('APPLIED {name}-',@bg_mark) AS `undo` FROM DUAL WHERE @bg_mark={number} AND @bg_skip=0;")
}

/// The last line of a script of `count` transactions.
pub(super) fn ended_each(name: &str, count: u64) -> String {
    format!(
        "SELECT IF(@bg_me=CONNECTION_ID() AND @bg_off=0 AND @bg_mark={count} AND @bg_after<={count},'APPLIED',\
         IF(@bg_mark>0 AND @bg_after<={count},CONCAT('STOPPED BEHIND {name}-',@bg_mark),'ROLLED BACK')) AS `undo`;"
    )
}
