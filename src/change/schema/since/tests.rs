use super::*;

fn column(layout: Layout, unsigned: Option<bool>, charset: Charset, width: u16) -> Column {
    Column { unsigned, charset, nullable: false, ..Column::of(layout, width) }
}

fn now(full: &str, charset: Option<&str>, bytes: Option<u64>) -> ColumnNowFacts {
    let kind = full.split(['(', ' ']).next().unwrap_or_default().to_owned();
    let (charset, full) = (charset.map(str::to_owned), full.to_owned());
    ColumnNowFacts {
        name: "c".into(),
        kind,
        full,
        charset,
        bytes,
        labels: vec![],
        nullable: false,
        has_default: false,
        generated: false,
    }
}

const UTF8: Charset = Charset::Named("utf8mb4");

fn number(layout: Layout, unsigned: bool) -> Column {
    column(layout, Some(unsigned), Charset::Unknown, 0)
}

fn told(then: &Column, now: &ColumnNowFacts) -> Option<Otherwise> {
    since(then, &ColumnFacts::default(), now)
}

#[test]
fn numbers_may_grow_and_nothing_else() {
    let int = number(Layout::Integer(4), false);
    for (full, otherwise) in [
        ("int", None),
        ("int(11)", None),
        ("bigint(20)", None),
        ("smallint", Some(Otherwise::Narrower)),
        ("int(10) unsigned", Some(Otherwise::Sign)),
        ("bigint unsigned", Some(Otherwise::Sign)),
        ("decimal(20,0)", Some(Otherwise::Type)),
        ("varchar(20)", Some(Otherwise::Type)),
    ] {
        assert_eq!(told(&int, &now(full, None, None)), otherwise, "{full}");
    }
    let positive = number(Layout::Integer(4), true);
    assert_eq!(told(&positive, &now("bigint", None, None)), None);
    assert_eq!(told(&positive, &now("int", None, None)), Some(Otherwise::Sign));
    let price = number(Layout::Decimal { precision: 10, scale: 2, size: 5 }, false);
    for (full, otherwise) in [
        ("decimal(10,2)", None),
        ("decimal(12,4)", None),
        ("decimal(10,4)", Some(Otherwise::Narrower)),
        ("decimal(12,1)", Some(Otherwise::Narrower)),
        ("decimal(10,2) unsigned", Some(Otherwise::Sign)),
        ("int(11)", Some(Otherwise::Type)),
    ] {
        assert_eq!(told(&price, &now(full, None, None)), otherwise, "{full}");
    }
    let float = number(Layout::Float, false);
    assert_eq!(told(&float, &now("double", None, None)), Some(Otherwise::Type));
    let at = number(Layout::DateTime(6), false);
    assert_eq!(told(&at, &now("datetime(6)", None, None)), None);
    assert_eq!(told(&at, &now("datetime", None, None)), Some(Otherwise::Narrower));
    assert_eq!(told(&at, &now("timestamp(6)", None, None)), Some(Otherwise::Type));
}

#[test]
fn texts_keep_their_bytes_and_their_length() {
    let name = column(Layout::VarChar(1), None, UTF8, 80);
    let of = |full, charset, bytes| told(&name, &now(full, charset, bytes));
    assert_eq!(of("varchar(20)", Some("utf8mb4"), Some(80)), None);
    assert_eq!(of("text", Some("utf8mb4"), Some(65_535)), None);
    assert_eq!(of("varchar(10)", Some("utf8mb4"), Some(40)), Some(Otherwise::Narrower));
    assert_eq!(of("varchar(80)", Some("latin1"), Some(80)), Some(Otherwise::Charset("utf8mb4")));
    assert_eq!(of("varbinary(80)", None, Some(80)), Some(Otherwise::Type));
    assert_eq!(of("char(20)", Some("utf8mb4"), Some(80)), Some(Otherwise::Type));
    let old = column(Layout::VarChar(1), None, Charset::Named("utf8mb3"), 60);
    assert_eq!(told(&old, &now("varchar(20)", Some("utf8mb4"), Some(80))), None);
    assert_eq!(told(&name, &now("varchar(80)", Some("utf8"), Some(240))), Some(Otherwise::Charset("utf8mb4")));
    let bytes = column(Layout::Char(1), None, Charset::Binary, 16);
    assert_eq!(told(&bytes, &now("binary(16)", None, Some(16))), None);
    assert_eq!(told(&bytes, &now("binary(20)", None, Some(20))), Some(Otherwise::Narrower));
    assert_eq!(told(&bytes, &now("uuid", None, None)), None);
    let blob = column(Layout::Blob(2), None, Charset::Binary, 0);
    assert_eq!(told(&blob, &now("longblob", None, Some(4_294_967_295))), None);
    assert_eq!(told(&blob, &now("tinyblob", None, Some(255))), Some(Otherwise::Narrower));
    let document = column(Layout::Blob(4), None, UTF8, 0);
    assert_eq!(told(&document, &now("longtext", Some("utf8mb4"), Some(4_294_967_295))), None);
}

#[test]
fn labels_may_come_and_move_and_not_go() {
    let labels = |all: &[&str]| all.iter().map(|label| Foreign::from(*label)).collect::<Vec<_>>();
    let then = Column { labels: labels(&["red", "blue"]), ..column(Layout::Enum(1), None, UTF8, 0) };
    let with = |all: &[&str]| ColumnNowFacts { labels: labels(all), ..now("enum('x')", Some("utf8mb4"), None) };
    assert_eq!(told(&then, &with(&["blue", "green", "red"])), None);
    assert_eq!(told(&then, &with(&["red", "green"])), Some(Otherwise::Label("blue".into())));
    let latin = Column { labels: vec![Foreign::new(&b"\xe9"[..])], charset: Charset::Named("latin1"), ..then };
    assert_eq!(told(&latin, &with(&["é"])), None);
}

#[test]
fn a_column_that_took_null_still_must() {
    let then = Column { nullable: true, ..number(Layout::Integer(4), false) };
    assert_eq!(told(&then, &now("int", None, None)), Some(Otherwise::NoNull));
    assert_eq!(told(&then, &ColumnNowFacts { nullable: true, ..now("int", None, None) }), None);
}
