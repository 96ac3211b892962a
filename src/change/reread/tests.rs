use proptest::prelude::*;

use super::*;
use crate::change::reverse::{Action, Inverse, Plan};
use crate::change::script::{self, Header};
use crate::model::change::ChangeKey;
use crate::model::foreign::Foreign;

fn key() -> ChangeKey {
    let name = std::sync::Arc::new(Foreign::from("binlog.000001"));
    ChangeKey { source: name.clone(), file: name, position: Default::default(), row: 0 }
}

fn inverse(table: &str, action: Action) -> Inverse {
    Inverse { of: key(), transaction: Default::default(), table: table.into(), action }
}

fn plan() -> Plan {
    let row = || Action::Insert { columns: "`a`,`b``c`".to_owned(), row: "1,_utf8mb4'it''s'".to_owned() };
    let set = Action::Update { set: "`a`=NULL".to_owned(), only: "`a`+0 <=> 5".to_owned() };
    let gone = Action::Delete { only: "`a` IS NULL AND CAST(`b` AS BINARY) <=> X'00FF' LIMIT 1".to_owned() };
    let odd = Action::Delete { only: "`\u{e4}` <=> '-1e-5'".to_owned() };
    let inverses = vec![
        inverse("`s`.`t`", row()),
        inverse("`s`.`t`", set),
        inverse("`s`.`u`", gone),
        inverse("`s`.`\u{fc}`", odd),
    ];
    Plan { inverses, ..Plan::default() }
}

#[test]
fn a_script_does_what_was_planned() {
    let plan = plan();
    let script = script::write(&plan, &Header::default());
    assert_eq!(script.statements, 4);
    prove(script.text.as_bytes(), &planned(&plan)).unwrap();
    let mut more = planned(&plan);
    more.insert(("`s`.`v`".to_owned(), ChangeKind::Delete), 1);
    assert_eq!(prove(script.text.as_bytes(), &more), Err(RereadError::Doings));
}

#[test]
fn scripts_of_any_size_stop_where_they_must() {
    for count in [0, 1, 999, 1000, 1001, 2000] {
        let gone = || inverse("`s`.`t`", Action::Delete { only: "`a` <=> 1".to_owned() });
        let plan = Plan { inverses: (0..count).map(|_| gone()).collect(), ..Plan::default() };
        let script = script::write(&plan, &Header::default());
        prove(script.text.as_bytes(), &planned(&plan)).unwrap_or_else(|error| panic!("{count}: {error}"));
    }
}

#[test]
fn rows_put_back_share_statements_of_at_most_500() {
    let transaction = std::sync::Arc::default();
    let action = Action::Insert { columns: "`a`".to_owned(), row: "1".to_owned() };
    let row = Inverse { of: key(), transaction, table: "`s`.`t`".into(), action };
    let plan = Plan { inverses: vec![row; 1001], ..Plan::default() };
    let script = script::write(&plan, &Header::default());
    assert_eq!(script.statements, 3);
    prove(script.text.as_bytes(), &planned(&plan)).unwrap();
}

/// The script with its body changed and the digest made to fit again.
fn forged(change: impl Fn(&str) -> String) -> String {
    let text = script::write(&plan(), &Header::default()).text;
    let (head, body) = text.split_at(text.find("SET @bg=").unwrap());
    let body = change(body);
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(body.as_bytes()));
    let head = &head[..head.rfind("-- digest: ").unwrap()];
    format!("{head}-- digest: {digest}\n{body}")
}

#[test]
fn nothing_but_the_expected_statements_passes() {
    assert!(read(forged(str::to_owned).as_bytes()).is_ok());
    let forgeries: [(&str, &str); 14] = [
        ("SET autocommit=0;", "SET autocommit=1;"),
        ("SET autocommit=0;", "START TRANSACTION;"),
        ("DELETE FROM `s`.`u`", "DROP TABLE `s`.`u`"),
        ("@bg=CONNECTION_ID() AND `a` IS NULL", "`a` IS NULL"),
        (" AND `a` IS NULL AND CAST(`b` AS BINARY) <=> X'00FF'", ""),
        ("`a`+0 <=> 5;", "`a`+0 <=> 5 OR 1;"),
        ("`a`+0 <=> 5;", "`a`+0 <=> 5; DROP TABLE t;"),
        ("`a`=NULL", "`a`=(SELECT 1)"),
        ("`a`=NULL", "`a`='\\'"),
        ("X'00FF'", "X'0FF'"),
        ("(ROW_COUNT()<>1);", "(ROW_COUNT()<>2);"),
        ("AND @bg_done=4", "AND @bg_done=3"),
        ("ROLLBACK;\nDEALLOCATE", "DEALLOCATE"),
        ("PREPARE bg_run", "\\! rm\nPREPARE bg_run"),
    ];
    for (from, to) in forgeries {
        let text = forged(|body| body.replacen(from, to, 1));
        assert_ne!(text, forged(str::to_owned), "{from} is not in the script");
        assert!(read(text.as_bytes()).is_err(), "{from} became {to}, and it passed");
    }
    let text = script::write(&plan(), &Header::default()).text;
    assert_eq!(read(text.replace("`a`=NULL", "`b`=NULL").as_bytes()), Err(RereadError::Digest));
    assert!(read(&text.as_bytes()[..text.len() - 10]).is_err());
}

proptest! {
    #[test]
    fn d27_no_comment_is_broken_out_of(words in "\\PC{0,40}|[\\x00-\\x7f]{0,40}|(\\n|\\r|;|\u{2028}|DROP TABLE t|\\*/|\0){0,9}") {
        let header = Header { lines: vec![("source", Foreign::from(words.as_str()))], unchecked_keys: true, ..Header::default() };
        let script = script::write(&plan(), &header);
        let plain = script::write(&plan(), &Header { unchecked_keys: true, ..Header::default() });
        let code = |text: &str| text.lines().filter(|line| !line.starts_with("-- ")).collect::<Vec<_>>().join("\n");
        prop_assert_eq!(code(&script.text), code(&plain.text));
        prop_assert!(prove(script.text.as_bytes(), &planned(&plan())).is_ok());
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        let _ = statement(&text);
        let _ = statement(&format!("DELETE FROM `a`.`b` WHERE @bg=CONNECTION_ID() AND {text}"));
    }

    #[test]
    fn a_script_with_a_byte_changed_does_not_pass(at in 0..4000_usize, to in 0x20..0x7f_u8) {
        let mut text = script::write(&plan(), &Header::default()).text.into_bytes();
        let start = text.windows(8).position(|found| found == b"SET @bg=").unwrap();
        let at = start + at % (text.len() - start);
        prop_assume!(text[at] != to);
        text[at] = to;
        prop_assert!(read(&text).is_err());
    }
}
