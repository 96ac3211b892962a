use proptest::prelude::*;

use super::*;
use crate::change::reread::grammar::{Nobody, statement};
use crate::change::script::{
    self, AROUND_END, AROUND_NONE, CHECKS, CLOSING, CLOSING_EACH, COUNT, DECIDE, DECIDED, ENDED, ENDED_LASTING, FORGET,
    GROUP, HERE, HERE_NONE, Lines, MADE, MADE_EACH, NARROW, OPENING, RESTORING, RESUME, RESUMED, SETTLED, STOP,
    STOP_EACH, UNCHECK,
};
use crate::model::foreign::Foreign;

const DELETE: &str =
    "DELETE FROM `s`.`u` WHERE @bg=CONNECTION_ID() AND `a` IS NULL AND CAST(`b` AS BINARY) <=> X'00FF' LIMIT 1";
const UPDATE: &str = "UPDATE `s`.`t` SET `a`=NULL,`b``c`=_utf8mb4'it''s' WHERE @bg=CONNECTION_ID() AND `a`+0 <=> 5";
const INSERT: &str = "INSERT INTO `s`.`t` (`a`,`b``c`) SELECT 1,CAST(_utf8mb4'{}' AS JSON) FROM DUAL WHERE \
    @bg=CONNECTION_ID() UNION ALL SELECT -1e-5,b'01' FROM DUAL WHERE @bg=CONNECTION_ID()";
const AROUND: &str = "SELECT (SELECT COUNT(*) FROM information_schema.TRIGGERS WHERE \
    INSTR(EVENT_MANIPULATION,'DELETE')>0 AND (EVENT_OBJECT_SCHEMA,EVENT_OBJECT_TABLE) IN((_utf8mb4's',_utf8mb4't'))) \
    INTO @bg_around;";
const HIDDEN: &str = "DELETE FROM `s`.`\u{fc}` WHERE @bg=CONNECTION_ID() AND `\u{e4}` <=> '-1e-5'";
const STATEMENTS: [(&str, usize); 4] = [(INSERT, 2), (UPDATE, 1), (DELETE, 1), (HIDDEN, 1)];

/// A body in the form of one kind of script.
fn body(style: Lines, statements: &[(&str, usize)]) -> Vec<u8> {
    let mut out = vec![];
    script::lines(&mut out, OPENING);
    script::lines(&mut out, &[CHECKS[1]]);
    script::lines(&mut out, SETTLED);
    if style == Lines::Each {
        script::lines(&mut out, &[&format!("{RESUME}0a{RESUMED}")]);
    }
    script::lines(&mut out, &[AROUND_NONE, AROUND]);
    script::lines(&mut out, AROUND_END);
    if style == Lines::Lasting {
        script::lines(&mut out, &[NARROW]);
    }
    script::lines(&mut out, &[script::stop(style)]);
    if style == Lines::Each {
        script::lines(&mut out, &[&script::guard_each(1)]);
    }
    for (nth, (sql, rows)) in statements.iter().enumerate() {
        let start = out.len();
        out.extend_from_slice(sql.as_bytes());
        script::end(&mut out, start, sql.is_ascii());
        script::count_rows(&mut out, style, *rows);
        if (nth + 1) % GROUP == 0 {
            script::lines(&mut out, &[script::stop(style)]);
        }
    }
    script::lines(&mut out, &[script::stop(style), &format!("{DECIDE}{}{DECIDED}", statements.len())]);
    if style == Lines::Each {
        script::lines(&mut out, CLOSING_EACH);
        script::lines(&mut out, &[&script::mark_each(1), &script::tell_each("0a", 1), FORGET]);
        script::lines(&mut out, RESTORING);
        script::lines(&mut out, &[&script::ended_each("0a", 1)]);
    } else {
        script::lines(&mut out, CLOSING);
        script::lines(&mut out, RESTORING);
        script::lines(&mut out, &[if style == Lines::Lasting { ENDED_LASTING } else { ENDED }]);
    }
    out
}

/// The body with a header whose digests are of both.
fn whole(body: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
    let front = format!("-- a script\n-- statements: 4   \n-- body: {}\n", hex(body));
    [front.as_bytes(), b"-- digest: ", hex(front.as_bytes()).as_bytes(), b"\n", body].concat()
}

fn sample() -> Vec<u8> {
    whole(&body(Lines::Once, &STATEMENTS))
}

fn doings() -> Doings {
    let done = |table: &str, kind, rows| ((table.to_owned(), kind), rows);
    let (insert, update, delete) = (ChangeKind::Insert, ChangeKind::Update, ChangeKind::Delete);
    let all = [done("`s`.`t`", insert, 2), done("`s`.`t`", update, 1), done("`s`.`u`", delete, 1)];
    all.into_iter().chain([done("`s`.`\u{fc}`", delete, 1)]).collect()
}

#[test]
fn a_script_does_what_was_planned() {
    for style in [Lines::Once, Lines::Each, Lines::Lasting] {
        prove(&whole(&body(style, &STATEMENTS)), &doings(), 2).unwrap_or_else(|error| panic!("{style:?}: {error}"));
    }
    let mut more = doings();
    more.insert(("`s`.`v`".to_owned(), ChangeKind::Delete), 1);
    assert_eq!(prove(&sample(), &more, 1), Err(RereadError::Doings));
}

#[test]
fn scripts_of_any_size_stop_where_they_must_and_are_read_in_pieces() {
    let long = format!("DELETE FROM `s`.`t` WHERE @bg=CONNECTION_ID() AND `a` <=> X'{}'", "00".repeat(3000));
    for count in [0, 1, 999, 1000, 1001, 2000] {
        let text = whole(&body(Lines::Once, &vec![(long.as_str(), 1); count]));
        let expected = (count > 0).then(|| (("`s`.`t`".to_owned(), ChangeKind::Delete), count as u64));
        for threads in [1, 3] {
            let found = prove(&text, &expected.clone().into_iter().collect(), threads);
            found.unwrap_or_else(|error| panic!("{count}: {error}"));
        }
    }
    let huge = format!("DELETE FROM `s`.`t` WHERE @bg=CONNECTION_ID() AND `a` <=> X'{}'", "00".repeat(2_000_000));
    let text = whole(&body(Lines::Once, &[(UPDATE, 1), (&huge, 1), (UPDATE, 1)]));
    assert_eq!(read(&text, 2).unwrap().values().sum::<u64>(), 3);
    let late = whole(&[body(Lines::Once, &[(huge.as_str(), 1); 2]), b"DROP TABLE t;\n".to_vec()].concat());
    let lines = late.iter().filter(|byte| **byte == b'\n').count();
    assert!(matches!(read(&late, 2), Err(RereadError::Line { line, .. }) if line == lines));
}

/// The script with its body changed and the digest made to fit again.
fn forged(style: Lines, from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(body(style, &STATEMENTS)).unwrap();
    assert!(text.contains(from), "{from} is not in the script");
    whole(text.replacen(from, to, 1).as_bytes())
}

#[test]
fn nothing_but_the_expected_statements_passes() {
    let (twice, late) = (format!("{AROUND}\n{AROUND}"), format!("{STOP}\n{AROUND_NONE}"));
    let forgeries: [(&str, &str); 23] = [
        (AROUND, ""),
        (AROUND, &twice),
        (AROUND_NONE, "SET @bg_around=0;"),
        ("IFNULL(@bg_around,1);", "0;"),
        (STOP, &late),
        ("SET autocommit=0,completion_type=0;", "SET autocommit=1,completion_type=0;"),
        ("SET autocommit=0,completion_type=0;", "START TRANSACTION;"),
        ("DELETE FROM `s`.`u`", "DROP TABLE `s`.`u`"),
        ("@bg=CONNECTION_ID() AND `a` IS NULL", "`a` IS NULL"),
        (" AND `a` IS NULL AND CAST(`b` AS BINARY) <=> X'00FF'", ""),
        ("`a`+0 <=> 5;", "`a`+0 <=> 5 OR 1;"),
        ("`a`+0 <=> 5;", "`a`+0 <=> 5; DROP TABLE t;"),
        ("`a`=NULL", "`a`=(SELECT 1)"),
        ("`a`=NULL", "`a`='\\'"),
        ("X'00FF'", "X'0FF'"),
        ("(ROW_COUNT()<>1);", "(ROW_COUNT()<>2);"),
        ("(ROW_COUNT()<>1);", "(ROW_COUNT()<>01);"),
        ("AND @bg_done=4", "AND @bg_done=3"),
        ("ROLLBACK;\nDEALLOCATE", "DEALLOCATE"),
        ("PREPARE bg_run", "\\! rm\nPREPARE bg_run"),
        (STOP, "SET @bg_stop=0;"),
        ("SET @bg_text=NULL;\n", ""),
        ("INSERT INTO", "SET @bg_text=NULL;\nINSERT INTO"),
    ];
    for (from, to) in forgeries {
        assert!(read(&forged(Lines::Once, from, to), 2).is_err(), "{from} became {to}, and it passed");
    }
    let text = String::from_utf8(sample()).unwrap().replace("`a`=NULL", "`b`=NULL");
    assert_eq!(read(&text.into_bytes(), 2), Err(RereadError::Digest));
    assert!(read(&sample()[..sample().len() - 10].to_vec(), 2).is_err());
}

/// A script in which what a server made of a row is looked at.
fn looked_at(style: Lines, table: &str, behind: &str) -> Result<Doings, RereadError> {
    let look =
        format!("{HERE_NONE}\nSELECT COUNT(*) FROM {table} WHERE @bg=CONNECTION_ID() AND `a` <=> 1{HERE};\n{behind}\n");
    let mut count = vec![];
    script::count_rows(&mut count, style, 1);
    let count = String::from_utf8(count).unwrap();
    let text = String::from_utf8(body(style, &[(UPDATE, 1)])).unwrap();
    assert!(text.contains(&count));
    read(&whole(text.replacen(&count, &format!("{count}{look}"), 1).as_bytes()), 2)
}

#[test]
fn what_a_server_made_of_a_row_is_looked_at_behind_it_and_nowhere_else() {
    assert!(looked_at(Lines::Once, "`s`.`t`", MADE).is_ok());
    assert!(looked_at(Lines::Each, "`s`.`t`", MADE_EACH).is_ok());
    assert!(looked_at(Lines::Lasting, "`s`.`t`", &format!("{NARROW}\n{MADE}")).is_err());
    assert!(looked_at(Lines::Once, "`s`.`u`", MADE).is_err(), "another table");
    assert!(looked_at(Lines::Once, "`s`.`t`", MADE_EACH).is_err(), "of another kind");
    assert!(looked_at(Lines::Each, "`s`.`t`", MADE).is_err(), "of another kind");
    assert!(looked_at(Lines::Once, "`s`.`t`", "").is_err(), "nothing is done about it");
    assert!(looked_at(Lines::Once, "`s`.`t`", "SET @bg_off=0;").is_err());
}

#[test]
fn what_only_some_scripts_may_have_is_in_no_other() {
    let each: [(&str, &str); 7] = [
        (&script::guard_each(1), &script::guard_each(2)),
        (&script::guard_each(1), UNCHECK),
        (STOP_EACH, STOP),
        ("@bg_skip=0 AND (ROW_COUNT()<>1)", "ROW_COUNT()<>1"),
        (&script::mark_each(1), &script::mark_each(2)),
        (FORGET, "SET @bg=@bg_me;"),
        ("'^0a-", "'^0a' OR 1,'-"),
    ];
    for (from, to) in each {
        assert!(read(&forged(Lines::Each, from, to), 2).is_err(), "{from} became {to}, and it passed");
    }
    let twice = format!("{NARROW}\n{NARROW}");
    for (from, to) in [(NARROW, ""), (NARROW, &twice), (ENDED_LASTING, ENDED)] {
        assert!(read(&forged(Lines::Lasting, from, to), 2).is_err(), "{from} became {to}, and it passed");
    }
    for (from, to) in [(STOP, UNCHECK), (ENDED, ENDED_LASTING), (STOP, STOP_EACH), (COUNT, script::COUNT_EACH)] {
        assert!(read(&forged(Lines::Once, from, to), 2).is_err(), "{from} became {to}, and it passed");
    }
}

#[test]
fn statements_are_walked_over_one_by_one() {
    let text = sample();
    let mut walk = Statements::new(&text[..]);
    let mut next = || walk.next().unwrap();
    let insert = next().unwrap();
    assert_eq!((insert.kind, &insert.schema[..], &insert.table[..]), (ChangeKind::Insert, &b"s"[..], &b"t"[..]));
    assert_eq!(insert.columns, [b"a".to_vec(), b"b`c".to_vec()]);
    assert_eq!(insert.rows.len(), 2);
    assert_eq!(insert.rows[1], [b"-1e-5".to_vec(), b"b'01'".to_vec()]);
    let update = next().unwrap();
    assert_eq!(update.rows, [[b"NULL".to_vec(), b"_utf8mb4'it''s'".to_vec()]]);
    let condition = Condition { column: b"a".to_vec(), form: ConditionForm::Number, literal: b"5".to_vec() };
    assert_eq!(update.conditions, [condition]);
    let delete = next().unwrap();
    assert!(delete.is_any && delete.conditions.len() == 2 && delete.line > update.line);
    assert_eq!(next().unwrap().table, "\u{fc}".as_bytes());
    assert_eq!(next(), None);
    let changed = String::from_utf8(text).unwrap().replace("`a`=NULL", "`b`=NULL");
    let mut walk = Statements::new(changed.as_bytes());
    let end = loop {
        match walk.next() {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert_eq!(end, Err(RereadError::Digest));
}

proptest! {
    #[test]
    fn d27_no_comment_is_broken_out_of(words in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|(\\n|\\r|;|\u{2028}|DROP TABLE t|\\*/|\0){0,9}", bytes: Vec<u8>) {
        for words in [words.as_bytes(), &bytes, Foreign::new(bytes.clone()).to_string().as_bytes()] {
            let mut out = vec![];
            script::comment(&mut out, words);
            prop_assert!(out.starts_with(b"-- ") && out.ends_with(b"\n"));
            prop_assert!(out[..out.len() - 1].iter().all(|byte| (b' '..=b'~').contains(byte)));
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes, 1).is_err());
        prop_assert!(Statements::new(&bytes[..]).next().is_err());
        let _ = statement(&bytes, &mut Nobody);
        let front = b"DELETE FROM `a`.`b` WHERE @bg=CONNECTION_ID() AND ";
        let _ = statement(&[&front[..], &bytes].concat(), &mut Nobody);
        let document = b"UPDATE `a`.`b` SET `c`=JSON_REPLACE(CAST(_utf8mb4'{}' AS JSON),_utf8mb4'$";
        let _ = statement(&[&document[..], &bytes].concat(), &mut Nobody);
        prop_assert!(around::question(&[&AROUND.as_bytes()[..AROUND.len() - 40], &bytes].concat()).is_err());
        prop_assert!(read(&whole(&bytes), 2).is_err());
    }

    #[test]
    fn a1_a_script_with_a_byte_changed_does_not_pass(at in 0..6000_usize, to in 0x20..0x7f_u8) {
        for style in [Lines::Once, Lines::Each, Lines::Lasting] {
            let mut body = body(style, &STATEMENTS);
            let mut text = whole(&body);
            let any = at % text.len();
            let was = std::mem::replace(&mut text[any], to);
            if was != to {
                prop_assert!(read(&text, 1).is_err());
                let mut walk = Statements::new(&text[..]);
                let end = loop {
                    match walk.next() {
                        Ok(Some(_)) => {}
                        end => break end,
                    }
                };
                prop_assert!(end.is_err());
            }
            let at = at % body.len();
            // And whoever makes the digest fit does not get far: what passes still does the same, or less plainly so.
            body[at] = to;
            let _ = read(&whole(&body), 2);
        }
    }
}
