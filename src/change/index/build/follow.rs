//! A pass over definitions alone: what columns are called where the logs end.

use crate::change::index::{Cursor, Indexing, Log, Stopped};
use crate::change::schema::Timeline;
use crate::change::transactions::{Item, Transactions};

/// Finds the changes of definitions alone. Damage is the next pass's to tell.
pub(super) fn follow(logs: &[Log], timeline: &mut Timeline, how: Indexing<'_>) -> Result<(), Stopped> {
    let mut next = None;
    for (file, log) in (0..).zip(logs) {
        let mut reader = Transactions::new(Cursor::new(&*log.bytes, 0, u64::MAX), file, how.limits);
        let mut nth = 0_u64;
        timeline.next_file(next.take().as_ref() == Some(&*log.of.name));
        while let Ok(true) = reader.advance() {
            let place = reader.place();
            while let Ok(Some(item)) = reader.take() {
                match item {
                    Item::Wall(ddl, statement) => timeline.follow(&ddl, &statement.query, place),
                    Item::Temporary(ddl, statement) => timeline.temporary(&ddl, &statement.query, place),
                    Item::Rotate(name) => next = Some(name),
                    _ => {}
                }
            }
            nth += 1;
            if nth.is_multiple_of(4096) && how.watch.is_some_and(|watch| !watch.passed(0)) {
                return Err(Stopped);
            }
        }
    }
    timeline.complete();
    Ok(())
}
