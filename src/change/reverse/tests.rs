use std::sync::Arc;

use super::*;

fn column(name: &str, is_key: bool) -> UndoColumn {
    let name = Foreign::from(name);
    let quoted = quoted(&name);
    UndoColumn { name, quoted, is_key, generated: Some(false), updates_itself: false, form: Form::default() }
}

fn table(columns: Vec<UndoColumn>) -> UndoTable {
    let (schema, name) = (Foreign::from("s"), Foreign::from("t"));
    UndoTable { schema, name, columns, engine: "innodb".to_owned(), named: true }
}

fn row(values: &[Option<i64>]) -> Option<RowImage> {
    Some(RowImage { values: values.iter().map(|value| value.map(Value::Int)).collect() })
}

fn change(before: Option<RowImage>, after: Option<RowImage>) -> Change {
    let name = Arc::new(Foreign::from("binlog.000001"));
    let kind = match (&before, &after) {
        (None, _) => ChangeKind::Insert,
        (_, None) => ChangeKind::Delete,
        _ => ChangeKind::Update,
    };
    Change {
        key: ChangeKey { source: name.clone(), file: name, position: Default::default(), row: 0 },
        kind,
        table: Arc::new(crate::model::change::ChangedTable {
            schema: Foreign::from("s"),
            name: Foreign::from("t"),
            columns: vec![],
            named: true,
        }),
        before,
        after,
        transaction: Arc::default(),
        stated_at: crate::model::units::Moment::from_seconds(0),
        statement: None,
        certainty: Certainty::Exact,
    }
}

fn action(table: &UndoTable, before: Option<RowImage>, after: Option<RowImage>) -> Result<Option<Action>, Reason> {
    inverse(&change(before, after), table).map(|done| done.map(|(_, action)| action))
}

#[test]
fn d17_an_update_is_undone_by_what_changed_and_only_if_nothing_changed_since() {
    let mut touched = column("at", false);
    touched.updates_itself = true;
    let table = table(vec![column("id", true), column("a", false), column("b", false), touched]);
    let done = action(&table, row(&[Some(1), Some(2), Some(3), Some(9)]), row(&[Some(1), Some(5), Some(3), Some(9)]));
    let (set, only) = ("`a`=2,`at`=9".to_owned(), "`id` <=> 1 AND `a` <=> 5".to_owned());
    assert_eq!(done, Ok(Some(Action::Update { set, only })));
}

#[test]
fn a_key_that_changed_is_looked_for_where_it_is_now() {
    let table = table(vec![column("id", true), column("a", false)]);
    let done = action(&table, row(&[Some(1), Some(2)]), row(&[Some(7), Some(2)]));
    assert_eq!(done, Ok(Some(Action::Update { set: "`id`=1".to_owned(), only: "`id` <=> 7".to_owned() })));
}

#[test]
fn d72_an_insert_is_undone_by_its_whole_row() {
    let table = table(vec![column("a", false), column("id", true)]);
    let done = action(&table, None, row(&[Some(2), Some(1)]));
    assert_eq!(done, Ok(Some(Action::Delete { only: "`id` <=> 1 AND `a` <=> 2".to_owned() })));
}

#[test]
fn d32_without_a_key_one_row_of_those_that_are_equal_goes_and_the_script_says_so() {
    let table = table(vec![column("a", false), column("b", false)]);
    let done = action(&table, None, row(&[Some(2), Some(1)]));
    assert_eq!(done, Ok(Some(Action::Delete { only: "`a` <=> 2 AND `b` <=> 1 LIMIT 1".to_owned() })));
    let mut planner = Planner::default();
    planner.change(&change(None, row(&[Some(2), Some(1)])), &table);
    let hazards = planner.finish().unwrap().hazards;
    assert_eq!(hazards.into_iter().collect::<Vec<_>>(), [Hazard::NoKey(Foreign::from("s.t"))]);
}

#[test]
fn d03_d35_rows_are_put_back_by_name_without_generated_columns() {
    let mut sum = column("sum", false);
    sum.generated = Some(true);
    let table = table(vec![column("id", true), sum, column("a`b", false)]);
    let done = action(&table, row(&[Some(0), Some(5), Some(2)]), None);
    assert_eq!(done, Ok(Some(Action::Insert { columns: "`id`,`a``b`".to_owned(), row: "0,2".to_owned() })));
}

#[test]
fn d43_what_the_images_leave_out_is_a_reason() {
    let table = table(vec![column("id", true), column("a", false)]);
    let missing = Err(Reason::Missing(Foreign::from("a")));
    assert_eq!(action(&table, row(&[Some(1), None]), None), missing);
    assert_eq!(action(&table, row(&[Some(1), None]), row(&[None, Some(3)])), missing);
    let done = action(&table, row(&[Some(1), Some(2)]), row(&[None, Some(3)]));
    let only = "`id` <=> 1 AND `a` <=> 3".to_owned();
    assert_eq!(done, Ok(Some(Action::Update { set: "`a`=2".to_owned(), only })));
}

#[test]
fn d21_one_change_that_cannot_be_undone_stops_all_and_every_reason_is_listed() {
    let good = table(vec![column("id", true)]);
    let mut unknown = column("id", true);
    unknown.generated = None;
    let mut unnamed = table(vec![column("id", true)]);
    unnamed.named = false;
    let mut flat = table(vec![column("id", true)]);
    flat.engine = "myisam".to_owned();
    let deleted = change(row(&[Some(1)]), None);
    let mut planner = Planner::default();
    for table in [&good, &table(vec![unknown]), &unnamed, &flat] {
        planner.change(&deleted, table);
    }
    let undecided = Change { certainty: Certainty::Undecided, ..deleted.clone() };
    planner.change(&undecided, &good);
    planner.refuse(deleted.key.clone(), Reason::Statement(Foreign::from("DELETE FROM t")));
    let reasons: Vec<_> = planner.finish().unwrap_err().into_iter().map(|refusal| refusal.reason).collect();
    let engine = Reason::Engine(Foreign::from("myisam"));
    let statement = Reason::Statement(Foreign::from("DELETE FROM t"));
    assert_eq!(reasons, [Reason::Generated, Reason::Unnamed, engine, Reason::Undecided, statement]);
}

#[test]
fn d33_the_last_change_is_undone_first() {
    let table = table(vec![column("id", true)]);
    let mut planner = Planner::default();
    for id in 0..3 {
        planner.change(&change(row(&[Some(id)]), row(&[Some(id + 1)])), &table);
    }
    let plan = planner.finish().unwrap();
    let set = plan.inverses.iter().map(|inverse| match &inverse.action {
        Action::Update { set, .. } => set.as_str(),
        other => panic!("{other:?}"),
    });
    assert_eq!(set.collect::<Vec<_>>(), ["`id`=2", "`id`=1", "`id`=0"]);
}
