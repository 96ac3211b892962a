use std::sync::Arc;

use super::*;
use crate::model::change::{
    BinlogPos, Certainty, Change, ChangeKey, ChangedTable, Charset, ColumnFacts, Gtid, RowImage, Value,
};
use crate::model::changes::{Literal, Untold};

fn text(text: &str) -> Option<Value<'static>> {
    Some(Value::Text { bytes: text.as_bytes().to_vec().into(), charset: Charset::Named("utf8mb4") })
}

fn row(id: i64, status: &str) -> RowImage {
    RowImage { values: vec![Some(Value::Int(id)), text(status)] }
}

fn change(before: Option<RowImage>, after: Option<RowImage>) -> Change {
    let kind = match (&before, &after) {
        (None, _) => ChangeKind::Insert,
        (_, None) => ChangeKind::Delete,
        _ => ChangeKind::Update,
    };
    let column = |name: &str, key_part| ColumnFacts { name: name.into(), key_part, ..ColumnFacts::default() };
    let columns = vec![column("id", Some(0)), column("status", None)];
    Change {
        key: ChangeKey { source: Arc::default(), file: Arc::default(), position: BinlogPos(4), row: 0 },
        kind,
        table: Arc::new(ChangedTable { schema: "shop".into(), name: "orders".into(), columns, named: true }),
        before,
        after,
        transaction: Arc::default(),
        stated_at: Moment(0),
        statement: None,
        certainty: Certainty::Exact,
    }
}

fn takes(filter: &ChangeFilter, change: &Change) -> bool {
    passes(filter, change) == Passes::Yes
}

fn passes(filter: &ChangeFilter, change: &Change) -> Passes {
    filter.compile(&[]).unwrap().takes_row(&change.table, change)
}

#[test]
fn d29_keys_and_values_are_found_byte_for_byte_before_or_after() {
    let moved = change(Some(row(1, "paid")), Some(row(2, "PAID")));
    let key = |text| ChangeFilter { keys: vec![Literal::list(text).unwrap()], ..ChangeFilter::default() };
    assert!(takes(&key("1"), &moved) && takes(&key("2"), &moved));
    assert!(!takes(&key("3"), &moved) && !takes(&key("1,2"), &moved));
    let value = |value| ChangeFilter {
        values: vec![("STATUS".to_owned(), Literal::parse(value).unwrap())],
        ..ChangeFilter::default()
    };
    assert!(takes(&value("paid"), &moved) && takes(&value("PAID"), &moved));
    for other in ["Paid", "paid ", "NULL", "x'70'"] {
        assert!(!takes(&value(other), &moved), "{other}");
    }
    let unknown = ChangeFilter { values: vec![("total".to_owned(), Literal::Null)], ..ChangeFilter::default() };
    assert!(!takes(&unknown, &moved));
}

#[test]
fn changed_columns_are_those_whose_value_differs() {
    let filter = |name: &str| ChangeFilter { changed: vec![name.to_owned()], ..ChangeFilter::default() };
    let update = change(Some(row(1, "paid")), Some(row(1, "open")));
    assert!(takes(&filter("status"), &update) && !takes(&filter("id"), &update));
}

#[test]
fn what_cannot_be_told_is_never_taken_for_a_no() {
    let value = |name: &str, value| ChangeFilter {
        values: vec![(name.to_owned(), Literal::parse(value).unwrap())],
        ..ChangeFilter::default()
    };
    let key = |text| ChangeFilter { keys: vec![Literal::list(text).unwrap()], ..ChangeFilter::default() };
    let changed = |name: &str| ChangeFilter { changed: vec![name.to_owned()], ..ChangeFilter::default() };
    // Names that nobody tells.
    let mut unnamed = change(Some(row(1, "paid")), Some(row(1, "open")));
    let columns = (1..3).map(|n| ColumnFacts { name: format!("@{n}").as_str().into(), ..ColumnFacts::default() });
    let table = ChangedTable { columns: columns.collect(), named: false, ..(*unnamed.table).clone() };
    unnamed.table = Arc::new(table);
    for filter in [value("status", "paid"), key("1"), changed("status")] {
        assert_eq!(passes(&filter, &unnamed), Passes::Untold(Untold::Unnamed), "{filter:?}");
    }
    assert_eq!(passes(&value("@2", "paid"), &unnamed), Passes::Yes);
    assert_eq!(passes(&value("@2", "gone"), &unnamed), Passes::No);
    let both = ChangeFilter {
        values: [value("@1", "7"), value("status", "paid")].map(|one| one.values[0].clone()).into(),
        ..ChangeFilter::default()
    };
    assert_eq!(passes(&both, &unnamed), Passes::No, "one of them is certainly not so");
    // Columns that images leave out: an update's after image has what stayed as it was.
    let bare = |id| RowImage { values: vec![Some(Value::Int(id)), None] };
    let set = RowImage { values: vec![None, text("open")] };
    let left_out = Passes::Untold(Untold::LeftOut("status".into()));
    assert_eq!(passes(&value("status", "paid"), &change(Some(bare(1)), None)), left_out);
    assert_eq!(passes(&value("status", "paid"), &change(None, Some(bare(1)))), left_out);
    assert_eq!(passes(&value("status", "open"), &change(Some(bare(1)), Some(set.clone()))), Passes::Yes);
    assert_eq!(passes(&value("status", "paid"), &change(Some(bare(1)), Some(set.clone()))), left_out);
    assert_eq!(passes(&value("status", "open"), &change(Some(row(1, "paid")), Some(bare(1)))), Passes::No);
    assert_eq!(passes(&key("1"), &change(Some(bare(1)), Some(set.clone()))), Passes::Yes);
    assert_eq!(passes(&key("2"), &change(Some(bare(1)), Some(set.clone()))), Passes::No);
    assert_eq!(passes(&changed("status"), &change(Some(bare(1)), Some(set))), Passes::Yes);
    // Values that are not what their column holds.
    struct Torn;
    impl RowValues for Torn {
        fn before(&self, _: usize) -> RowValue<'_> {
            RowValue::Unreadable
        }
        fn after(&self, _: usize) -> RowValue<'_> {
            RowValue::Unreadable
        }
    }
    let torn = |filter: &ChangeFilter, name: &str| {
        let passes = filter.compile(&[]).unwrap().takes_row(&change(None, None).table, &Torn);
        assert_eq!(passes, Passes::Untold(Untold::Unreadable(name.into())));
    };
    torn(&value("status", "paid"), "status");
    torn(&key("1"), "id");
    torn(&changed("status"), "status");
}

#[test]
fn d20_events_are_chosen_by_table_kind_position_time_gtid_thread_and_statement() {
    let gtid = Gtid::MariaDb { domain: 0, server: 1, sequence: 7 };
    let facts =
        TransactionFacts { gtid: Some(gtid), thread: Some(8841), committed_at: Moment(5_500), ..Default::default() };
    let (schema, table) = (Foreign::from("shop"), Foreign::from("orders"));
    let statement = Foreign::from("DELETE FROM orders");
    let takes = |filter: ChangeFilter| {
        let files = [Foreign::from("binlog.000001"), Foreign::from("binlog.000002")];
        let event = EventFacts {
            file: 1,
            position: BinlogPos(100),
            schema: &schema,
            table: &table,
            kind: ChangeKind::Delete,
            transaction: &facts,
            statement: Some(&statement),
        };
        filter.compile(&files).unwrap().takes_event(&event)
    };
    let with = |change: fn(&mut ChangeFilter)| {
        let mut filter = ChangeFilter::default();
        change(&mut filter);
        takes(filter)
    };
    assert!(with(|_| ()));
    assert!(with(|filter| filter.tables = vec![TableFilter::parse("orders"), TableFilter::parse("x.y")]));
    assert!(with(|filter| filter.tables = vec![TableFilter::parse("shop.orders")]));
    assert!(!with(|filter| filter.tables = vec![TableFilter::parse("Shop.orders")]));
    assert!(!with(|filter| filter.tables = vec![TableFilter::parse("Orders")]));
    assert!(!with(|filter| filter.schemas = vec!["crm".into()]));
    assert!(!with(|filter| filter.kinds = vec![ChangeKind::Insert]));
    assert!(!with(|filter| filter.changed = vec!["status".to_owned()]));
    assert!(with(|filter| filter.from = PositionBound::parse("binlog.000002:100")));
    assert!(!with(|filter| filter.from = PositionBound::parse("binlog.000002:101")));
    assert!(!with(|filter| filter.to = PositionBound::parse("binlog.000002:100")));
    assert!(!with(|filter| filter.to = PositionBound::parse("binlog.000001:900")));
    assert!(with(|filter| filter.since = Some(Moment(5_500))));
    assert!(!with(|filter| filter.since = Some(Moment(5_501))));
    assert!(with(|filter| filter.until = Some(Moment(5_000))), "the whole second");
    assert!(!with(|filter| filter.until = Some(Moment(4_999))));
    assert!(with(|filter| filter.gtids = GtidSet::parse("0-1-7")));
    assert!(!with(|filter| filter.gtids = GtidSet::parse("0-1-8")));
    assert!(with(|filter| filter.threads = vec![1, 8841]) && !with(|filter| filter.threads = vec![1]));
    assert!(with(|filter| filter.statement = Some("(?i)delete from".to_owned())));
    assert!(!with(|filter| filter.statement = Some("UPDATE".to_owned())));
}

#[test]
fn a_filter_that_cannot_hold_says_why() {
    let files = [Foreign::from("a.1"), Foreign::from("a.2")];
    let from = |text| ChangeFilter { from: PositionBound::parse(text), ..ChangeFilter::default() };
    assert!(matches!(from("4").compile(&files), Err(FilterError::WhichFile { files: 2 })));
    assert!(matches!(from("b:4").compile(&files), Err(FilterError::NoFile { .. })));
    assert!(from("4").compile(&files[..1]).is_ok());
    assert_eq!(PositionBound::parse(":4"), None);
    assert_eq!(PositionBound::parse("a:x"), None);
    let pattern = ChangeFilter { statement: Some("(".to_owned()), ..ChangeFilter::default() };
    assert!(matches!(pattern.compile(&files), Err(FilterError::Pattern { .. })));
}
