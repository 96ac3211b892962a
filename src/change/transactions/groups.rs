//! Which events belong together: the state between a GTID, a BEGIN and a commit.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::change::frame::{Event, Header};
use crate::change::gtid::{self, Announced, Shape, Xid};
use crate::change::kind;
use crate::change::query::{Ddl, Meaning, Query, meaning};
use crate::change::spoken;
use crate::change::transactions::{Clocks, Ending};
use crate::model::change::{BinlogPos, Place, TransactionFacts};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;

/// One thing to tell. What concerns the current event borrows it only when it is told.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Begin(Arc<TransactionFacts>),
    Rows,
    Savepoint(Vec<u8>),
    RolledBackTo(Vec<u8>),
    End(Ending),
    XaDecided(Xid, bool, Arc<TransactionFacts>),
    Wall(Ddl, Arc<TransactionFacts>),
    Statement(Arc<TransactionFacts>),
    Trigger(Arc<TransactionFacts>),
    Temporary(Ddl, Arc<TransactionFacts>),
    Incident,
    Headless,
    Rotate(Foreign),
}

/// The open transaction, or the GTID that waits for one.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    steps: VecDeque<Step>,
    announced: Option<(Announced, Header, BinlogPos)>,
    open: Option<Arc<TransactionFacts>>,
    /// The XA transaction that is open.
    xid: Option<Xid>,
    /// Whether anything of the file says where a transaction begins.
    has_begun: bool,
    /// Whether the open transaction began in an earlier file.
    is_headless: bool,
    /// When transactions were committed, where their own events tell another time.
    pub clocks: Option<Arc<Clocks>>,
}

impl Group {
    /// Whether nothing waits to be told.
    pub fn has_told_all(&self) -> bool {
        self.steps.is_empty()
    }

    pub fn waiting(&mut self) -> Option<Step> {
        self.steps.pop_front()
    }

    /// The open transaction.
    pub fn facts(&self) -> Option<&Arc<TransactionFacts>> {
        self.open.as_ref()
    }

    /// A transaction that is still open has no end in this file.
    pub fn end_of_file(&mut self) {
        self.close(Ending::Cut);
    }

    /// Takes in an event that is neither rows nor a query.
    pub fn event(&mut self, event: &Event<'_>, place: Place) -> Result<(), Broken> {
        let (header, body) = (&event.header, event.body);
        match header.kind {
            kind::GTID => self.announce(gtid::mysql(body, false)?, header, place),
            kind::ANONYMOUS_GTID => self.announce(gtid::mysql(body, true)?, header, place),
            kind::GTID_TAGGED => self.announce(gtid::tagged(body)?, header, place),
            kind::MARIADB_GTID => self.announce(gtid::mariadb(body, header.server_id)?, header, place),
            kind::XID => {
                self.tail();
                self.close(Ending::Committed);
            }
            kind::XA_PREPARE => self.prepare(body)?,
            kind::EXECUTE_LOAD_QUERY => {
                let facts = self.statement_facts(None, header, place);
                self.steps.push_back(Step::Statement(facts));
            }
            kind::INCIDENT => self.steps.push_back(Step::Incident),
            kind::ROTATE if header.flags & kind::FLAG_ARTIFICIAL == 0 => {
                let name = body.get(8..).ok_or(Broken("it ends too early"))?;
                self.steps.push_back(Step::Rotate(Foreign::new(name)));
            }
            _ => {}
        }
        Ok(())
    }

    fn announce(&mut self, announced: Announced, header: &Header, place: Place) {
        self.close(Ending::Cut);
        let shape = announced.shape;
        self.has_begun = true;
        self.xid = announced.xid.clone();
        self.announced = Some((announced, *header, place.position));
        if shape == Shape::Transaction {
            self.begin(None, header, place);
        }
    }

    /// Rows of the open transaction; where the log was joined late, they open one.
    pub fn rows(&mut self, header: &Header, place: Place) {
        if self.tail() {
            self.is_headless = true;
            // Its tables may be described in front of these rows.
            self.begin(None, header, Place { position: BinlogPos(0), ..place });
        }
        self.begin(None, header, place);
        self.steps.push_back(Step::Rows);
    }

    /// Takes in a statement.
    pub fn query(&mut self, query: &Query<'_>, header: &Header, place: Place) {
        let thread = Some(query.thread);
        let meaning = meaning(query);
        if matches!(meaning, Meaning::Commit | Meaning::Savepoint(_) | Meaning::RollbackTo(_)) {
            self.tail();
        }
        self.has_begun = true;
        match meaning {
            Meaning::Begin => self.begin(thread, header, place),
            Meaning::Commit => self.close(Ending::Committed),
            Meaning::Rollback => self.close(Ending::RolledBack),
            Meaning::Savepoint(name) => self.steps.push_back(Step::Savepoint(name)),
            Meaning::RollbackTo(name) => self.steps.push_back(Step::RolledBackTo(name)),
            Meaning::XaStart(xid) => {
                self.begin(thread, header, place);
                self.xid = Some(xid);
            }
            Meaning::XaEnd => {}
            Meaning::XaCommit(xid) => self.decide((xid, true), thread, header, place),
            Meaning::XaRollback(xid) => self.decide((xid, false), thread, header, place),
            Meaning::Ddl(_) if self.announced.as_ref().is_some_and(|(announced, ..)| announced.is_no_alter) => {
                self.announced = None;
            }
            Meaning::Ddl(ddl) => {
                let ddl = spoken::with_doubts(ddl, query);
                if ddl.opens {
                    self.begin(thread, header, place);
                }
                let facts = self.statement_facts(thread, header, place);
                self.steps.push_back(Step::Wall(ddl, facts));
            }
            Meaning::Dml => {
                let facts = self.statement_facts(thread, header, place);
                self.steps.push_back(Step::Statement(facts));
            }
            Meaning::Trigger => {
                let facts = self.statement_facts(thread, header, place);
                self.announced = None;
                self.steps.push_back(Step::Trigger(facts));
            }
            Meaning::Temporary(ddl) => {
                let facts = self.statement_facts(thread, header, place);
                self.announced = None;
                self.steps.push_back(Step::Temporary(spoken::with_doubts(ddl, query), facts));
            }
            Meaning::Other => self.announced = None,
        }
    }

    /// Rows or an end in front of any beginning belong to a transaction that began in an earlier file.
    fn tail(&mut self) -> bool {
        let is_first = !std::mem::replace(&mut self.has_begun, true) && self.open.is_none();
        if is_first {
            self.steps.push_back(Step::Headless);
        }
        is_first
    }

    fn begin(&mut self, thread: Option<u32>, header: &Header, place: Place) {
        if self.open.is_none() {
            let facts = self.facts_of(thread, header, place);
            self.open = Some(facts.clone());
            self.steps.push_back(Step::Begin(facts));
        }
    }

    fn close(&mut self, ending: Ending) {
        self.announced = None;
        self.xid = None;
        let is_cut = std::mem::take(&mut self.is_headless) && ending == Ending::Committed;
        if self.open.take().is_some() {
            self.steps.push_back(Step::End(if is_cut { Ending::Cut } else { ending }));
        }
    }

    /// The transaction of a statement: the open one, or one of its own.
    fn statement_facts(&mut self, thread: Option<u32>, header: &Header, place: Place) -> Arc<TransactionFacts> {
        match &self.open {
            Some(facts) => facts.clone(),
            None => self.facts_of(thread, header, place),
        }
    }

    fn facts_of(&mut self, thread: Option<u32>, header: &Header, place: Place) -> Arc<TransactionFacts> {
        let file = place.file;
        let (announced, header, start) = match self.announced.take() {
            Some(announced) => announced,
            None => (Announced::default(), *header, place.position),
        };
        let seconds = Moment::from_seconds(header.timestamp.into());
        let committed_at = announced.committed_micros.map_or(seconds, |micros| Moment((micros / 1000) as i64));
        let thread = announced.thread.or(thread);
        let gtid = announced.gtid;
        let server_id = header.server_id;
        let mut facts = TransactionFacts { gtid, thread, committed_at, server_id, start, ..Default::default() };
        if let Some(clocks) = &self.clocks {
            clocks.correct(file, &mut facts);
        }
        Arc::new(facts)
    }

    fn prepare(&mut self, body: &[u8]) -> Result<(), Broken> {
        let mut rest = Bytes::new(body);
        let is_one_phase = rest.u8()? != 0;
        let (format, global, branch) = (rest.u32()?, rest.u32()?, rest.u32()?);
        let xid = Xid::parse(format, global, branch, &mut rest)?;
        self.tail();
        self.close(if is_one_phase { Ending::Committed } else { Ending::Prepared(xid) });
        Ok(())
    }

    /// The end of a prepared transaction stands alone: what GTID it has is not one of rows.
    fn decide(&mut self, (xid, stays): (Xid, bool), thread: Option<u32>, header: &Header, place: Place) {
        let facts = self.facts_of(thread, header, place);
        if self.open.take().is_some() {
            self.steps.push_back(Step::End(Ending::Committed));
        }
        self.steps.push_back(Step::XaDecided(xid, stays, facts));
    }
}
