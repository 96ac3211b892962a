//! Logs that are damaged in two places: whoever allows the one that is known has not allowed the other.

use breakglass::change::error::BinlogError;
use breakglass::change::frame::Limits;
use breakglass::change::rows::{Cell, RowCells};
use breakglass::change::table::Layout;
use breakglass::change::transactions::{Item, Transactions};
use breakglass::change::undo::{self, Request, UndoError};
use breakglass::model::script::{Extent, Gaps};

use std::sync::Arc;

use crate::undo::{Without, fixture_file, index, logs};

/// Where events of rows with a JSON document begin, and where their documents do.
fn documents(log: &[u8]) -> Vec<(usize, usize)> {
    let mut items = Transactions::new(log, 0, Limits::default());
    let mut found = vec![];
    while let Some(item) = items.next().unwrap() {
        let Item::Rows(item) = item else { continue };
        let is_json = |layout: Layout| matches!(layout, Layout::Json(_));
        let Some(at) = item.event.table.columns.iter().position(|column| is_json(column.layout)) else { continue };
        let (mut cells, mut walk) = (RowCells::default(), item.event.rows());
        while walk.read(&mut cells).unwrap() {
            let Some(Cell::Bytes(bytes)) =
                cells.after.get(at).filter(|cell| matches!(cell, Cell::Bytes(b) if b.len() > 16))
            else {
                continue;
            };
            let start = item.place.position.0 as usize;
            let inside = log[start..].windows(bytes.len()).position(|window| window == *bytes).unwrap();
            found.push((start, start + inside));
        }
    }
    found
}

#[test]
fn d53_damage_in_front_of_the_place_that_is_allowed_is_no_part_of_the_gap() {
    let whole = logs("mysql-alltypes-fullmeta").remove(0);
    let definitions = fixture_file("mysql-alltypes-fullmeta", "schema.sql.gz");
    let write = |log: &[u8], gaps| {
        let index = index(&[log.to_vec()], &definitions, Arc::new(Without(vec![])), Extent::Partial);
        undo::stream(&index, &Request { gaps, ..Request::default() }, &mut std::io::sink())
    };
    let is_at = |error: &UndoError, event: usize| matches!(error, UndoError::Log { source: BinlogError::Malformed { at, .. }, .. } if at.0 == event as u64);
    let damaged = documents(&whole).into_iter().find_map(|(event, value)| {
        let mut log = whole.clone();
        log[value] = 0xee; // a type that no document has
        let size = u32::from_le_bytes(log[event + 9..event + 13].try_into().unwrap()) as usize;
        let sum = crc32fast::hash(&log[event..event + size - 4]);
        log[event + size - 4..event + size].copy_from_slice(&sum.to_le_bytes());
        let refused = write(&log, Gaps::Refuse);
        refused.is_err_and(|error| is_at(&error, event)).then_some((event, log))
    });
    let (event, log) = damaged.expect("a document that matters");
    // The same where the log is cut at its end, too.
    let cut = &log[..log.len() - 7];
    let refused = write(cut, Gaps::Refuse).unwrap_err();
    assert!(matches!(&refused, UndoError::Log { source: BinlogError::Cut { .. }, .. }), "{refused:?}");
    let allowed = write(cut, Gaps::Allow);
    assert!(allowed.as_ref().is_err_and(|error| is_at(error, event)), "{:?}", allowed.map(|done| done.statements));
}
