//! The splitter against a slow one that reads a byte at a time, and against itself under every cut.

use proptest::prelude::*;

use super::*;
use crate::sql::token::{Condition, Runs, is_dash_comment};

/// A piece as seen by a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    number: u64,
    start: u64,
    end: u64,
    kind: PieceKind,
    delimiter: usize,
    head: Vec<u8>,
    insert: Option<InsertFacts>,
}

#[derive(Debug, Default, PartialEq, Eq, Clone)]
struct Seen {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

impl StatementSink for Seen {
    fn part(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        let StatementEnd { number, start, end: to, kind, delimiter, insert, .. } = *end;
        self.pieces.push(Piece { number, start, end: to, kind, delimiter, head: end.head.to_vec(), insert });
        Ok(())
    }
}

fn split(dump: &[u8], cuts: &[usize], scanner: scan::Scanner) -> (Seen, Result<Tail, LexError>) {
    let limits = Limits { head: 32, text: 200, ..Limits::default() };
    let (mut splitter, mut seen, mut rest) = (Splitter::new(limits), Seen::default(), dump);
    splitter.scanner = scanner;
    for cut in cuts.iter().cycle().take_while(|_| !cuts.is_empty()).take(dump.len()) {
        let (now, later) = rest.split_at((*cut).min(rest.len()));
        if let Err(error) = splitter.feed(now, &mut seen) {
            return (seen, Err(error));
        }
        rest = later;
        if rest.is_empty() {
            break;
        }
    }
    if let Err(error) = splitter.feed(rest, &mut seen) {
        return (seen, Err(error));
    }
    let tail = splitter.finish(&mut seen);
    (seen, tail)
}

fn whole(dump: &[u8]) -> (Seen, Result<Tail, LexError>) {
    split(dump, &[], scan::Scanner::best())
}

fn statements(dump: &str) -> Vec<String> {
    let (seen, tail) = whole(dump.as_bytes());
    tail.unwrap();
    let text = |piece: &Piece| dump[piece.start as usize..piece.end as usize - piece.delimiter].to_owned();
    seen.pieces.iter().filter(|piece| piece.kind == PieceKind::Statement).map(text).collect()
}

/// Where statements begin and end, read a byte at a time with nothing clever; `None` where it must stop.
/// Follows no settings: the generated dumps have none.
fn slowly(dump: &[u8]) -> Option<Vec<(usize, usize)>> {
    let (mut at, mut start, mut found, mut delimiter) = (0, None, vec![], b";".to_vec());
    let mut conditional: Option<Runs> = None;
    if dump.starts_with(b"\xef\xbb\xbf") {
        at = 3;
    }
    while at < dump.len() {
        let rest = &dump[at..];
        let line = rest.iter().position(|byte| *byte == b'\n');
        let blank = rest[0].is_ascii_whitespace() || rest[0] == 0x0b;
        if rest.starts_with(&delimiter) {
            if conditional.is_some() {
                return None;
            }
            at += delimiter.len();
            found.extend(start.take().map(|from| (from, at)));
        } else if blank {
            at += 1;
        } else if rest[0] == b'#' || is_dash_comment(rest) || start.is_none() && rest.starts_with(b"--") {
            let text = &rest[..line.unwrap_or(rest.len())];
            if conditional.is_some() && text.contains(&b'*') {
                return None;
            }
            at += line.map_or(rest.len(), |end| end + 1);
        } else if let Some(condition) = Condition::open(rest) {
            if conditional.is_some() {
                return None;
            }
            start.get_or_insert(at);
            conditional = Some(condition.runs);
            at += condition.len;
        } else if rest.starts_with(b"/*") {
            at += memchr::memmem::find(&rest[2..], b"*/").map_or(rest.len(), |end| end + 4);
        } else if start.is_none()
            && rest.len() >= 9
            && rest[..9].eq_ignore_ascii_case(b"delimiter")
            && rest.get(9).is_none_or(u8::is_ascii_whitespace)
        {
            let end = line.unwrap_or(rest.len());
            delimiter = code::delimiter_of(&rest[..end.min(32)])?;
            at += end;
        } else if conditional.is_some() && rest.starts_with(b"*/") {
            conditional = None;
            at += 2;
        } else if rest[0] == b'\\' {
            start.get_or_insert(at);
            if rest.get(1) != Some(&b'N') {
                return None;
            }
            at += 1;
        } else if matches!(rest[0], b'\'' | b'"' | b'`') {
            start.get_or_insert(at);
            at += quoted_slowly(rest, conditional)?;
        } else {
            start.get_or_insert(at);
            at += 1;
        }
    }
    Some(found)
}

/// Bytes of the quoted thing that begins here; `None` where servers would differ.
fn quoted_slowly(rest: &[u8], conditional: Option<Runs>) -> Option<usize> {
    let mut inside = 1;
    while inside < rest.len() && rest[inside] != rest[0] {
        if conditional == Some(Runs::Somewhere) && rest[inside..].starts_with(b"*/") {
            return None;
        }
        inside += if rest[inside] == b'\\' && rest[0] != b'`' { 2 } else { 1 };
    }
    Some(inside + 1)
}

/// Rows and purity of an INSERT, from the tokens of its whole text.
fn insert_slowly(text: &[u8]) -> Option<(u64, bool)> {
    let tokens: Vec<_> = crate::sql::token::Tokens::code(text, Dialect::default());
    let first = tokens.first()?;
    if !first.is_any(&["INSERT", "REPLACE"]) {
        return None;
    }
    let values = tokens.iter().position(|token| token.is_any(&["VALUES", "VALUE"]))?;
    let (mut depth, mut rows, mut pure) = (0, 0, true);
    for token in &tokens[values + 1..] {
        match token.kind {
            crate::sql::token::TokenKind::Sign(b'(') if depth == 0 => (depth, rows) = (1, rows + 1),
            crate::sql::token::TokenKind::Sign(b')') if depth == 1 => depth = 0,
            crate::sql::token::TokenKind::Sign(b',' | b'.' | b'-' | b'+') | crate::sql::token::TokenKind::Text => {}
            crate::sql::token::TokenKind::Word
                if insert::is_value(token.text, text.get(token.end()).copied())
                    && (token.text.len() <= 80
                        || token.text.starts_with(b"0x")
                        || token.text.iter().all(u8::is_ascii_digit)) => {}
            _ => {
                pure = false;
                break;
            }
        }
    }
    Some((rows, pure && depth == 0))
}

const FRAGMENTS: &[&[u8]] = &[
    b"INSERT INTO t VALUES ",
    b"INSERT INTO `t;` (a,`b`) VALUES\n",
    b"REPLACE t VALUES(",
    b"CREATE TABLE t (a int)",
    b"(1,'abc',NULL)",
    b",",
    b"(",
    b")",
    b"'",
    b"\\",
    b"\\'",
    b"\\\\",
    b"''",
    b"\"",
    b"`",
    b";",
    b";\n",
    b";;",
    b"\n",
    b" ",
    b"--",
    b"-- ",
    b"#",
    b"/*",
    b"*/",
    b"/*!50003 ",
    b"/*!80000 ",
    b"/*M!100100 ",
    b"*",
    b"/",
    b"NULL",
    b"NULLX",
    b"1e5",
    b"-1.5e-3",
    b"0x4142",
    b"_binary ",
    b"x'41'",
    b"load_file('x')",
    b"DELIMITER ;;\n",
    b"DELIMITER ;\n",
    b"delimiter //\n",
    b"//",
    b"\\N",
    b"\xff\xfe\x00",
    b"'it''s; -- no'",
    b"'\\'; /* no'",
    b"1",
    b"a1",
    b".",
    b"-",
    b"INSERT INTO `a``b` VALUES (1)",
    b"(1,-2,'x;y',0xFF,NULL,'\xe6\x97\xa5'),(2,3.5,'don\\'t',_binary 'q',NULL,''),",
];

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(FRAGMENTS.to_vec()).prop_map(|fragment| fragment.to_vec());
    let long = (any::<u8>(), 60usize..300).prop_map(|(byte, len)| vec![byte; len]);
    let text = prop::collection::vec(any::<u8>(), 0..70).prop_map(|bytes| {
        let body = bytes.into_iter().map(|byte| if matches!(byte, b'\'' | b'\\') { b'x' } else { byte });
        std::iter::once(b'\'').chain(body).chain([b'\'']).collect()
    });
    let row = "\\([0-9]{1,9},'[a-z ;,()\"`#/*-]{0,40}',(NULL|-?[0-9]+\\.[0-9]+|0x[0-9A-F]{2,20})\\),?";
    prop_oneof![10 => fixed, 1 => long, 2 => text, 6 => row.prop_map(String::into_bytes)]
}

fn dumps() -> impl Strategy<Value = Vec<u8>> {
    let lead = prop::sample::select(vec![&b""[..], b"INSERT INTO t VALUES ", b"\xef\xbb\xbf-- MySQL dump\n"]);
    (lead, prop::collection::vec(fragment(), 0..24))
        .prop_map(|(lead, fragments)| [lead.to_vec(), fragments.concat()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_with_a_splitter_that_reads_byte_by_byte(dump in dumps()) {
        let (seen, tail) = whole(&dump);
        prop_assert_eq!(&seen.bytes[..], &dump[..seen.bytes.len()]);
        let slow = slowly(&dump);
        if tail.is_err() {
            prop_assert!(slow.is_none() || matches!(tail, Err(LexError::BadDelimiter(_))), "{:?}", tail);
            return Ok(());
        }
        prop_assert_eq!(&seen.bytes, &dump);
        let found: Vec<_> = seen.pieces.iter().filter(|piece| piece.kind == PieceKind::Statement).collect();
        let spans: Vec<_> = found.iter().map(|piece| (piece.start as usize, piece.end as usize)).collect();
        prop_assert_eq!(Some(spans), slow);
        for piece in found {
            let text = &dump[piece.start as usize..piece.end as usize - piece.delimiter];
            let (Some(insert), Some((rows, pure))) = (piece.insert, insert_slowly(text)) else { continue };
            if insert.values == Values::Literals || insert.values_at.is_some() {
                prop_assert_eq!(insert.values == Values::Literals, pure, "{}", text.escape_ascii());
                prop_assert!(!pure || insert.rows == rows, "{}", text.escape_ascii());
            }
        }
    }

    #[test]
    fn how_a_dump_is_cut_and_which_lane_reads_it_makes_no_difference(
        dump in dumps(),
        cuts in prop::collection::vec(1usize..200, 1..6),
    ) {
        let (seen, tail) = whole(&dump);
        let best = split(&dump, &cuts, scan::Scanner::best());
        let portable = split(&dump, &cuts, scan::Scanner::Portable);
        prop_assert_eq!(&best.1, &tail);
        prop_assert_eq!(&portable.1, &tail);
        prop_assert_eq!(&best.0.pieces, &seen.pieces);
        prop_assert_eq!(&portable.0.pieces, &seen.pieces);
        let pieces: u64 = seen.pieces.iter().map(StatementLen::len).sum();
        prop_assert!(tail.is_err() || pieces <= dump.len() as u64);
    }
}

trait StatementLen {
    fn len(&self) -> u64;
}

impl StatementLen for Piece {
    fn len(&self) -> u64 {
        self.end - self.start
    }
}

#[test]
fn quotes_comments_and_delimiters_hide_semicolons() {
    let dump = "-- a; b\nSELECT ';', \";\", `;` # ;\n /* ; */ -- ;\n;;\nDELIMITER ;;\nBEGIN a; b; END;;\nDELIMITER ;\nSELECT 2;";
    let expected = ["SELECT ';', \";\", `;` # ;\n /* ; */ -- ;\n", "BEGIN a; b; END", "SELECT 2"];
    assert_eq!(statements(dump), expected);
    assert_eq!(statements("delimiter $$\r\nSELECT a$$\nDELIMITER ';'\nSELECT 1;"), ["SELECT a", "SELECT 1"]);
}

#[test]
fn settings_change_what_a_string_is_and_saved_ones_bring_it_back() {
    let backslash = r"SET sql_mode='NO_BACKSLASH_ESCAPES'; SELECT '\'; SELECT 2;";
    assert_eq!(statements(backslash).len(), 3);
    let ansi = r#"SET @old=@@sql_mode, SQL_MODE='ANSI'; SELECT "\"; /*!40101 SET sql_mode=@OLD */; SELECT "\";";"#;
    assert_eq!(statements(ansi)[3], r#"SELECT "\";""#);
    let saved = "/*!40101 SET @s = @@character_set_client */; SET NAMES gbk; SELECT 1; SET character_set_client = @s;";
    let mut gbk = saved.as_bytes().to_vec();
    gbk.extend_from_slice(b" INSERT INTO t VALUES ('\xb5\\'); SELECT 2;');");
    assert_eq!(whole(&gbk).0.pieces.iter().filter(|piece| piece.kind == PieceKind::Statement).count(), 5);
}

#[test]
fn half_a_character_is_no_backslash() {
    for charset in ["gbk", "sjis", "cp932", "big5", "gb18030"] {
        let mut dump = format!("/*!40101 SET NAMES {charset} */;INSERT INTO t VALUES ('").into_bytes();
        dump.extend_from_slice(b"\xe0\\'),('\xe1\\');SELECT `\xe0``;SELECT 2;");
        let (seen, tail) = whole(&dump);
        assert_eq!(tail, Ok(Tail::Clean), "{charset}");
        let found: Vec<_> = seen.pieces.iter().filter(|piece| piece.kind == PieceKind::Statement).collect();
        assert_eq!(found.len(), 4, "{charset}");
        assert_eq!(found[1].insert.unwrap().rows, 2);
    }
}

#[test]
fn where_it_cannot_follow_it_stops_and_says_where() {
    let error = |dump: &str| whole(dump.as_bytes()).1.unwrap_err();
    for dump in [
        "SELECT 1;SET sql_mode = CONCAT(@@sql_mode, ',ANSI');",
        "SELECT 1;SET sql_mode = @never_set;",
        "SELECT 1;SET NAMES utf16;",
        "SELECT 1;SET NAMES DEFAULT;",
        "SELECT 1;/*!80000 SET NAMES gbk */;",
        "SELECT 1;SET @a = 1, @@session.character_set_client = (SELECT 'gbk');",
        "SELECT 1;/*!80000 SELECT 1 */ SET sql_mode = 'ANSI';",
    ] {
        assert!(
            matches!(error(dump), LexError::CannotFollow { place, .. } if place == error::Place { statement: 2, byte: 9 }),
            "{dump}: {:?}",
            error(dump)
        );
    }
    assert!(matches!(error("SELECT 1;\\! rm -rf x\n"), LexError::ClientCommand(_)));
    assert!(matches!(error("/*!50003 SELECT 1; SELECT 2 */;"), LexError::Ambiguous { .. }));
    assert!(matches!(error("/*!80000 SELECT '*/;DROP TABLE t;' */;"), LexError::Ambiguous { .. }));
    assert!(matches!(error("DELIMITER \nSELECT 1;"), LexError::BadDelimiter(_)));
}

#[test]
fn the_sandbox_line_is_an_order_to_a_client_and_no_statement() {
    let dump = b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump\nSELECT 1;\n";
    let (seen, tail) = whole(dump);
    let kinds: Vec<_> = seen.pieces.iter().map(|piece| piece.kind).collect();
    assert_eq!(tail, Ok(Tail::Clean));
    assert_eq!(kinds, [PieceKind::Sandbox, PieceKind::Trivia, PieceKind::Statement, PieceKind::Trivia]);
    assert!(whole(b"/*M!999999\\- x; \\! rm */").1.is_err());
}

#[test]
fn a_backtick_in_a_table_name_does_not_hide_its_rows() {
    let (seen, _) = whole(b"INSERT INTO `x`.`a``b; c` (`d``e`, f) VALUES (1,2),(3,4);");
    let insert = seen.pieces[0].insert.unwrap();
    assert_eq!((insert.rows, insert.values), (2, Values::Literals));
}

#[test]
fn the_byte_where_a_long_number_turns_odd_does_not_depend_on_the_cut() {
    let dump = format!("INSERT INTO t VALUES ({}a);", "7".repeat(300));
    let (seen, _) = whole(dump.as_bytes());
    assert_eq!(seen.pieces[0].insert.unwrap().values, Values::Expressions(322));
    for cut in [1, 64, 129, 200] {
        assert_eq!(split(dump.as_bytes(), &[cut], scan::Scanner::best()).0.pieces, seen.pieces);
    }
}

#[test]
fn a_cut_dump_says_what_was_open() {
    let tail = |dump: &str| whole(dump.as_bytes()).1.unwrap();
    assert_eq!(tail("SELECT 1;\n-- Dump completed"), Tail::Clean);
    assert_eq!(tail("SELECT 1; SELECT 2"), Tail::Statement(10));
    assert_eq!(tail("SELECT 1;INSERT INTO t VALUES ('a"), Tail::Quoted(9));
    assert_eq!(tail("SELECT 1;/* a"), Tail::Comment(9));
    assert_eq!(tail(""), Tail::Clean);
}

#[test]
fn whole_statements_have_a_limit_that_names_its_setting() {
    struct Count(Vec<usize>);
    impl CollectSink for Count {
        fn whole(&mut self, text: &mut Vec<u8>, _end: &StatementEnd<'_>) -> Result<(), LexError> {
            self.0.push(text.len());
            Ok(())
        }
    }
    let mut collect = Collect::new(20, Count(vec![]));
    Splitter::new(Limits::default()).feed(b"SELECT 1;SELECT 22;", &mut collect).unwrap();
    let mut splitter = Splitter::new(Limits::default());
    splitter.feed(b"SELECT 'more than twenty bytes';", &mut collect).unwrap();
    let error = splitter.finish(&mut collect).unwrap_err();
    let report = crate::report::Reportable::report(&error);
    assert!(report.advice.contains("--statement-limit"), "{report}");
    assert_eq!(report.headline, "statement 1 at byte 0: larger than the limit of 20 bytes");
}
