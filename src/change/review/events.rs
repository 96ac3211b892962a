//! `BINLOG '..'`: events in base64, as `mysqlbinlog` and `mariadb-binlog` print them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::change::error::Broken;
use crate::change::frame::{HEADER, Header, Limits, Product};
use crate::change::kind;
use crate::change::review::statement::Named;
use crate::change::rows::{self, RowsHead};
use crate::change::table::Table;
use crate::model::change::ChangeKind;

/// Tables that are remembered at a time.
const TABLES: usize = 4096;

/// Follows the events of a script.
#[derive(Debug)]
pub(super) struct Events {
    tables: HashMap<u64, Arc<Table>>,
    /// Whether events end in a CRC32, by the description that came first.
    summed: bool,
    unpacked: Vec<u8>,
    product: Product,
}

impl Default for Events {
    fn default() -> Self {
        Self { tables: HashMap::new(), summed: false, unpacked: vec![], product: Product::MySql }
    }
}

/// Rows of one event.
pub(super) struct EventRows {
    pub table: Named,
    pub kind: ChangeKind,
    pub rows: u64,
}

impl Events {
    /// The rows of one statement's events; `None` when they cannot be read.
    pub(super) fn read(&mut self, base64: &[u8]) -> Option<Vec<EventRows>> {
        let digits: Vec<u8> = base64.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = data_encoding::BASE64.decode(&digits).ok()?;
        let mut rest = bytes.as_slice();
        let mut found = vec![];
        while !rest.is_empty() {
            let header = Header::parse(rest.first_chunk::<HEADER>()?);
            let size = usize::try_from(header.size).ok().filter(|size| *size >= HEADER)?;
            let (event, behind) = rest.split_at_checked(size)?;
            rest = behind;
            found.extend(self.event(header.kind, event).ok()?);
        }
        Some(found)
    }

    fn event(&mut self, of: u8, event: &[u8]) -> Result<Option<EventRows>, Broken> {
        if of == kind::FORMAT {
            self.summed = event.len() > 5 && event[event.len() - 5] == 1;
            let is_mariadb = memchr::memmem::find(event, b"MariaDB").is_some();
            self.product = if is_mariadb { Product::MariaDb } else { Product::MySql };
            self.tables.clear();
            return Ok(None);
        }
        let end = event.len() - if self.summed { 4 } else { 0 };
        let body = event.get(HEADER..end).ok_or(Broken("an event that is too short"))?;
        if of == kind::TABLE_MAP {
            if self.tables.len() >= TABLES {
                self.tables.clear();
            }
            self.tables.insert(Table::id_of(body)?, Arc::new(Table::parse(body, self.product)?));
            return Ok(None);
        }
        if !rows::is_rows(of) {
            return Ok(None);
        }
        let table = self.tables.get(&Table::id_of(body)?).ok_or(Broken("rows of a table that was not described"))?;
        let head = RowsHead::parse(of, body, table)?;
        head.unpack(Limits::default().event, &mut self.unpacked)?;
        let event = head.with(table, &self.unpacked);
        let (mut walk, mut rows) = (event.rows(), 0);
        while walk.skip()? {
            rows += 1;
        }
        let named = Named { schema: Some(table.schema.clone()), name: table.name.clone() };
        Ok(Some(EventRows { table: named, kind: event.kind, rows }))
    }
}
