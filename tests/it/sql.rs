//! Real dumps, and dumps made to deceive: what the splitter and the census make of them.

use breakglass::format::census::{Census, Findings};
use breakglass::format::statements::{self, Kind, RiskKind, Statement};
use breakglass::sql::lexer::{LexError, Limits, PieceKind, Splitter, StatementEnd, StatementSink, Tail};

use crate::support;

const MARIADB: &[u8] = include_bytes!("vectors/dbacked/plain/mariadb1011.sql");
const MYSQL: &[u8] = include_bytes!("vectors/dbacked/plain/mysql97-with-gtid.sql");
const DATABACKER: &[u8] = include_bytes!("vectors/databacker/plain/bakery_2026-10-05T01:00:00Z.sql");

/// Everything a sink can see, in one line a piece.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    pieces: Vec<(u64, u64, u64, PieceKind, u64)>,
    statements: Vec<Statement>,
}

impl StatementSink for Seen {
    fn part(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn end(&mut self, end: &StatementEnd<'_>) -> Result<(), LexError> {
        let rows = end.insert.map_or(0, |insert| insert.rows);
        self.pieces.push((end.number, end.start, end.end, end.kind, rows));
        self.statements.extend(statements::read(end));
        Ok(())
    }
}

fn split(dump: &[u8], chunk: usize, sink: &mut dyn StatementSink) -> Result<Tail, LexError> {
    let mut splitter = Splitter::new(Limits::default());
    for chunk in dump.chunks(chunk) {
        splitter.feed(chunk, sink)?;
    }
    splitter.finish(sink)
}

fn census(dump: &[u8]) -> Findings {
    let mut census = Census::new();
    let tail = split(dump, 4096, &mut census).expect("the dump can be followed");
    census.finish(tail)
}

#[test]
fn real_dumps_come_out_byte_for_byte_and_are_understood() {
    for (name, dump) in [("mariadb", MARIADB), ("mysql", MYSQL), ("databacker", DATABACKER)] {
        let mut seen = Seen::default();
        assert_eq!(split(dump, 1000, &mut seen), Ok(Tail::Clean), "{name}");
        assert_eq!(seen.bytes, dump, "{name}");
        let joined = seen.pieces.windows(2).all(|pair| pair[0].2 == pair[1].1);
        assert!(joined && seen.pieces.last().unwrap().2 == dump.len() as u64, "{name}: pieces have gaps");
        let unknown: Vec<_> = seen.statements.iter().filter(|statement| statement.kind == Kind::Other).collect();
        assert!(unknown.is_empty(), "{name}: {unknown:?}");
    }
}

#[test]
fn a_census_counts_what_a_dump_holds() {
    let mariadb = census(MARIADB);
    assert_eq!(mariadb.inside.made_by, "mariadb-dump 10.11.19-MariaDB");
    assert_eq!(mariadb.taken_from.as_ref().unwrap().to_string(), "shop");
    assert!(mariadb.end_mark && mariadb.sandbox);
    assert_eq!(mariadb.risks, []);
    assert!(mariadb.inside.triggers >= 1 && mariadb.inside.views >= 1, "{:?}", mariadb.inside);
    let rows = |findings: &Findings, table: &str| {
        findings.inside.tables.iter().find(|one| one.name.to_string() == table).map(|one| one.rows)
    };
    assert_eq!(rows(&mariadb, "users"), Some(46));
    assert_eq!(rows(&mariadb, "dbacked"), Some(1));
    assert!(mariadb.generated.iter().any(|table| table.to_string() == "users"));
    assert!(mariadb.collations.contains("utf8mb4_general_ci"), "{:?}", mariadb.collations);
    assert!(mariadb.definers.keys().any(|account| account.to_string() == "root@127.0.0.1"));
    assert!(mariadb.longest.bytes > 1000);

    let mysql = census(MYSQL);
    assert_eq!(mysql.inside.made_by, "mysqldump 9.7.4");
    let kinds: Vec<_> = mysql.risks.iter().map(|seen| (seen.risk.kind, seen.times)).collect();
    assert_eq!(kinds, [(RiskKind::BinaryLog, 2), (RiskKind::GtidPurged, 1)]);

    let databacker = census(DATABACKER);
    assert!(databacker.risks.iter().any(|seen| seen.risk.kind == RiskKind::Use && seen.times == 2));
    assert!(databacker.risks.iter().any(|seen| seen.risk.kind == RiskKind::CreateDatabase && seen.times == 1));
    assert!(databacker.end_mark);
}

#[test]
fn a_cut_dump_has_no_end_mark_and_says_where_it_was_open() {
    let mut census = Census::new();
    let cut = &MYSQL[..MYSQL.len() * 2 / 3];
    let tail = split(cut, 512, &mut census).unwrap();
    assert!(matches!(tail, Tail::Quoted(_) | Tail::Statement(_)), "{tail:?}");
    assert!(!census.finish(tail).end_mark);
}

#[test]
fn nothing_hides_from_the_search() {
    let hidden: &[&str] = &[
        "/*!50000 USE prod */;",
        "/*!50000 SET GLOBAL general_log = 1 */;",
        "/*!50000 GRANT ALL ON *.* TO x */;",
        "/*!50000 SELECT 1 INTO OUTFILE '/tmp/x' */;",
        "/*!50000 LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t */;",
        "/*!99999 USE prod */;",
        "/*M!100000 USE prod */;",
        "-- x\n/* y */ # z\nuSe\nprod;",
        "INSERT INTO t VALUES (1)/*!50000 ,(load_file('/etc/passwd')) */;",
        "SET sql_mode='NO_BACKSLASH_ESCAPES';INSERT INTO t VALUES ('\\');USE prod;-- ');",
        "SET NAMES latin1;INSERT INTO t VALUES ('\u{10}\\'');USE prod;",
        "DELIMITER //\nUSE prod//\n",
    ];
    for dump in hidden {
        let findings = census(dump.as_bytes());
        assert!(!findings.risks.is_empty(), "{dump}: nothing found");
    }
}

#[test]
fn fuzz_damaged_heads_neither_panic_nor_lose_a_byte() {
    let heads: Vec<&[u8]> = [MARIADB, MYSQL, DATABACKER].map(|dump| &dump[..2800]).to_vec();
    let splices: [&[u8]; 14] = [
        b"'",
        b"\"",
        b"`",
        b"\\",
        b";",
        b"/*",
        b"*/",
        b"/*!50003 ",
        b"\n-- ",
        b"\nDELIMITER ;;\n",
        b"\0",
        b"\xef\xbb\xbf",
        b"SET NAMES gbk;",
        b"SET sql_mode='ANSI,NO_BACKSLASH_ESCAPES';",
    ];
    let mut seed = 0x5eed_u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..support::mutations() {
        let head = heads[round % heads.len()];
        let from = next(head.len() - 600);
        let mut dump = head[from..from + 600].to_vec();
        for _ in 0..=next(4) {
            let at = next(dump.len());
            match next(3) {
                0 => dump[at] = next(256) as u8,
                1 => drop(dump.drain(at..(at + next(40)).min(dump.len()))),
                _ => drop(dump.splice(at..at, splices[next(splices.len())].iter().copied())),
            }
            dump.push(b'x');
        }
        let (mut whole, mut parts) = (Seen::default(), Seen::default());
        let outcome = split(&dump, usize::MAX, &mut whole);
        let chunk = 1 + next(90);
        assert_eq!(split(&dump, chunk, &mut parts), outcome, "round {round}");
        assert_eq!(whole.pieces, parts.pieces, "round {round}");
        assert!(dump.starts_with(&whole.bytes) && (outcome.is_err() || whole.bytes == dump), "round {round}");
    }
}
