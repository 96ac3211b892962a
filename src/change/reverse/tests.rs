use std::sync::Arc;

use super::table::{UndoColumn, UndoTable};
use super::*;
use crate::change::frame::Product;
use crate::change::rows::{Cell, RowCells};
use crate::change::script::{COUNT, GUARD, Lines};
use crate::change::table::Table;
use crate::change::undo::Direction;
use crate::model::change::ChangeKind;
use crate::model::script::Mode;
use crate::sql::exact::Form;

fn column(name: &str, is_key: bool) -> UndoColumn {
    let quoted = Some(crate::sql::ident::quote(name.as_bytes()));
    let name = Foreign::from(name);
    let (generated, form) = (Some(false), Form::default());
    UndoColumn {
        name,
        quoted,
        is_key,
        generated,
        updates_itself: false,
        is_looked_at: false,
        is_ambiguous: false,
        form,
    }
}

/// A table of BIGINTs.
fn table(columns: Vec<UndoColumn>) -> UndoTable {
    with_engine(columns, "innodb")
}

fn with_engine(columns: Vec<UndoColumn>, engine: &str) -> UndoTable {
    let count = columns.len() as u8;
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 1, b's', 0, 1, b't', 0, count];
    body.extend(vec![8; columns.len()]);
    body.extend([0, 0xff]);
    let log = Arc::new(Table::parse(&body, Product::MySql).unwrap());
    UndoTable::of(log, (&Foreign::from("s"), &Foreign::from("t")), columns, engine.to_owned(), true)
}

type Row<'r> = &'r [Option<i64>];

const NONE: Row<'static> = &[];

/// Writes what undoes a change; `None` is a column that an image leaves out, and an image without columns is not there.
fn written(table: &UndoTable, before: Row<'_>, after: Row<'_>, ask: Ask) -> Result<(Done, String), Trouble> {
    let bytes = |row: Row<'_>| row.iter().map(|value| value.map(i64::to_le_bytes)).collect::<Vec<_>>();
    let (old, new) = (bytes(before), bytes(after));
    let cells = |row: &'_ [Option<[u8; 8]>]| -> Vec<Cell<'static>> {
        let leaked = row.iter().map(|value| value.map(|bytes| &*Box::leak(Box::new(bytes))));
        leaked.map(|value| value.map_or(Cell::Absent, |bytes| Cell::Bytes(bytes))).collect()
    };
    let cells = RowCells { before: cells(&old), after: cells(&new) };
    let kind = match (before.is_empty(), after.is_empty()) {
        (true, _) => ChangeKind::Insert,
        (_, true) => ChangeKind::Delete,
        _ => ChangeKind::Update,
    };
    let mut out = b"front ".to_vec();
    let done = table.write(kind, &cells, ask, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("front ").unwrap().to_owned();
    if !matches!(done, Ok(Done::Row | Done::Statements(..))) {
        assert_eq!(text, "", "trouble leaves something behind");
    }
    done.map(|done| (done, text))
}

const STRICT: Ask = Ask { direction: Direction::Undo, mode: Mode::Strict, lines: Lines::Once };

/// The statement alone, without guard and count.
fn undone(table: &UndoTable, before: Row<'_>, after: Row<'_>) -> String {
    let (done, text) = written(table, before, after, STRICT).unwrap();
    let text = text.strip_suffix(&format!("{COUNT}ROW_COUNT()<>1);\n")).unwrap_or(&text);
    assert!(done == Done::Row || text.contains(&format!("{GUARD} AND ")), "{text}");
    text.replace(&format!("{GUARD} AND "), "").replace(";\n", "")
}

fn reason(table: &UndoTable, before: Row<'_>, after: Row<'_>) -> Trouble {
    written(table, before, after, STRICT).unwrap_err()
}

#[test]
fn d17_an_update_is_undone_by_what_changed_and_only_if_nothing_changed_since() {
    let mut touched = column("at", false);
    touched.updates_itself = true;
    let table = table(vec![column("id", true), column("a", false), column("b", false), touched]);
    let (before, after) = ([Some(1), Some(2), Some(3), Some(9)], [Some(1), Some(5), Some(3), Some(9)]);
    assert_eq!(
        undone(&table, &before, &after),
        "UPDATE `s`.`t` SET `a`=2,`at`=9 WHERE `id` <=> 1 AND `a` <=> 5 AND `at` <=> 9"
    );
    assert_eq!(written(&table, &before, &before, STRICT).unwrap().0, Done::Nothing);
}

#[test]
fn a_key_that_changed_is_looked_for_where_it_is_now() {
    let table = table(vec![column("id", true), column("a", false)]);
    let text = undone(&table, &[Some(1), Some(2)], &[Some(7), Some(2)]);
    assert_eq!(text, "UPDATE `s`.`t` SET `id`=1 WHERE `id` <=> 7");
}

#[test]
fn d72_an_insert_is_undone_by_its_whole_row() {
    let table = table(vec![column("a", false), column("id", true)]);
    assert_eq!(undone(&table, NONE, &[Some(2), Some(1)]), "DELETE FROM `s`.`t` WHERE `id` <=> 1 AND `a` <=> 2");
}

#[test]
fn d32_without_a_key_one_row_of_those_that_are_equal_goes_and_the_script_says_so() {
    let table = table(vec![column("a", false), column("b", false)]);
    let text = undone(&table, NONE, &[Some(2), Some(1)]);
    assert_eq!(text, "DELETE FROM `s`.`t` WHERE `a` <=> 2 AND `b` <=> 1 LIMIT 1");
    let hazards: Vec<_> = table.hazards(ChangeKind::Delete).collect();
    assert_eq!(hazards, [Hazard::NoKey(Foreign::from("s.t"))]);
    assert_eq!(table.hazards(ChangeKind::Insert).count(), 0);
}

#[test]
fn d03_d35_rows_are_put_back_by_name_without_generated_columns() {
    let mut sum = column("sum", false);
    sum.generated = Some(true);
    let table = table(vec![column("id", true), sum, column("a`b", false)]);
    let (done, text) = written(&table, &[Some(0), Some(5), Some(2)], NONE, STRICT).unwrap();
    assert_eq!((done, text.as_str()), (Done::Row, "0,2"));
    let mut head = vec![];
    table.put_back_begins(&mut head);
    assert_eq!(head, b"INSERT INTO `s`.`t` (`id`,`a``b`) ");
}

#[test]
fn d43_what_the_images_leave_out_is_a_reason() {
    let table = table(vec![column("id", true), column("a", false)]);
    let missing = Trouble::Reason(Reason::Missing(Foreign::from("a")));
    assert_eq!(reason(&table, &[Some(1), None], NONE), missing);
    assert_eq!(reason(&table, &[Some(1), None], &[None, Some(3)]), missing);
    let text = undone(&table, &[Some(1), Some(2)], &[None, Some(3)]);
    assert_eq!(text, "UPDATE `s`.`t` SET `a`=2 WHERE `id` <=> 1 AND `a` <=> 3");
}

#[test]
fn d21_what_is_not_known_well_enough_is_a_reason() {
    let mut unknown = column("id", true);
    unknown.generated = None;
    assert_eq!(reason(&table(vec![unknown]), &[Some(1)], NONE), Trouble::Reason(Reason::Generated));
    let flat = with_engine(vec![column("id", true)], "myisam");
    assert_eq!(flat.engine_reason(), Some(Reason::Engine(Foreign::from("myisam"))));
    let foreign = UndoTable { quoted: None, ..table(vec![column("id", true)]) };
    assert_eq!(reason(&foreign, &[Some(1)], NONE), Trouble::Reason(Reason::Name));
    assert_eq!(UndoTable { named: false, ..flat }.refusal(), Some(Reason::Unnamed));
}

#[test]
fn a_redo_does_again_what_an_undo_undid() {
    let table = table(vec![column("id", true), column("a", false)]);
    let redo = Ask { direction: Direction::Redo, ..STRICT };
    let text = |before, after| written(&table, before, after, redo).unwrap();
    assert_eq!(text(NONE, &[Some(1), Some(2)]), (Done::Row, "1,2".to_owned()));
    let (_, deleted) = text(&[Some(1), Some(2)], NONE);
    assert!(deleted.contains("DELETE FROM `s`.`t` WHERE @bg=CONNECTION_ID() AND `id` <=> 1 AND `a` <=> 2;"));
    let (_, set) = text(&[Some(1), Some(2)], &[None, Some(3)]);
    assert!(set.contains("UPDATE `s`.`t` SET `a`=3 WHERE @bg=CONNECTION_ID() AND `id` <=> 1 AND `a` <=> 2;"), "{set}");
}

#[test]
fn d76_to_overwrite_a_row_its_existence_is_looked_at_first() {
    let good = table(vec![column("id", true), column("a", false)]);
    let over = Ask { mode: Mode::Overwrite, ..STRICT };
    let (_, text) = written(&good, &[Some(1), Some(2)], &[Some(1), Some(3)], over).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "SET @bg_here=NULL;");
    let look = "SELECT COUNT(*) FROM `s`.`t` WHERE @bg=CONNECTION_ID() AND `id` <=> 1 FOR UPDATE INTO @bg_here;";
    assert_eq!(lines[1], look);
    assert_eq!(lines[2], "UPDATE `s`.`t` SET `a`=2 WHERE @bg=CONNECTION_ID() AND `id` <=> 1;");
    assert!(lines[3].contains("(ROW_COUNT() NOT IN(0,1) OR @bg_here<>1)"), "{}", lines[3]);
    let (done, _) = written(&good, &[Some(1), Some(2)], NONE, over).unwrap();
    assert_eq!(done, Done::Statements(ChangeKind::Insert, 2));
    let keyless = table(vec![column("a", false)]);
    assert_eq!(written(&keyless, NONE, &[Some(1)], over).unwrap_err(), Trouble::Reason(Reason::NoKey));
}

#[test]
fn reasons_are_counted_even_where_they_are_not_kept() {
    let name = Arc::new(Foreign::from("binlog.000001"));
    let key = ChangeKey { source: name.clone(), file: name, position: Default::default(), row: 0 };
    let mut refusals = Refusals::default();
    for _ in 0..Refusals::KEPT + 5 {
        refusals.push(Refusal { key: key.clone(), table: None, reason: Reason::Cut });
    }
    refusals.extend(refusals.clone());
    assert_eq!((refusals.first.len(), refusals.total), (Refusals::KEPT, 2 * (Refusals::KEPT as u64 + 5)));
}
