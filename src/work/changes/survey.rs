//! The pass over a whole source: every event once, in order, in bounded memory.

use std::collections::HashMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::change::error::BinlogError;
use crate::change::frame::{FileEnd, Limits, Product};
use crate::change::query::{Ddl, DdlVerb, TableName};
use crate::change::schema::{self, Around, Timeline};
use crate::change::transactions::{
    ClockSurvey, Ending, Fates, Item, Known, Note, StatementItem, Survey, Trace, Transactions, Unprepared,
};
use crate::model::change::{BinlogPos, Place};
use crate::model::changes::{Coverage, Edge, Gap, GapKind, LogFacts, Problem, TextStatement, Wall};
use crate::model::foreign::Foreign;
use crate::model::units::Moment;
use crate::report::{Fault, Report, Reportable};
use crate::work::changes::facts::Definitions;
use crate::work::changes::fetch::{Forward, Log};
use crate::work::changes::stats::Stats;
use crate::work::changes::walls::{self, text};
use crate::work::jobs::JobCtx;

/// Walls and statements that are kept to be shown.
const KEPT: usize = 1_000;
/// How often what is known is handed on.
const RHYTHM: Duration = Duration::from_millis(500);

/// What a pass has found by now.
#[derive(Default)]
pub struct Surveyed {
    pub stats: Stats,
    pub timeline: Timeline,
    /// What stands around tables, as far as definitions and statements told.
    pub around: Around,
    pub walls: Vec<Wall>,
    pub more_walls: u64,
    pub statements: Vec<TextStatement>,
    pub files: Vec<LogFacts>,
    pub coverage: Coverage,
    pub problems: Vec<Problem>,
    /// Why the first file that cannot be read cannot be.
    pub first_error: Option<Report>,
    /// When transactions were committed.
    pub clocks: ClockSurvey,
    fates: Survey,
    /// The last change of definitions of each table.
    last_walls: HashMap<TableName, Place>,
    /// GTIDs that are known up to here, as far as all files say theirs.
    known: Option<Known>,
    /// The end of the file before.
    before: Option<Before>,
}

/// How the file before ended.
struct Before {
    edge: Edge,
    end: FileEnd,
    /// The file that it says follows.
    next: Option<Foreign>,
    readable: bool,
    ends_inside: bool,
    trace: Trace,
}

/// Reads a log and counts it towards the job.
struct Counted {
    inner: Forward,
    ctx: JobCtx,
}

impl Read for Counted {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.ctx.cancel.is_cancelled() {
            return Err(io::Error::other("stopped"));
        }
        let n = self.inner.read(buf)?;
        self.ctx.advance(n as u64);
        Ok(n)
    }
}

/// One file of the pass.
struct At<'f> {
    index: u32,
    log: &'f Log,
    next: Option<Foreign>,
    /// Whether it begins inside of a transaction.
    begins_inside: bool,
    /// Whether it ended inside of one, as far as it was read.
    ends_inside: bool,
}

impl Surveyed {
    /// Reads one file; `tell` is called now and then with what is known.
    pub fn file(
        &mut self,
        (index, log): (u32, &Log),
        ctx: &JobCtx,
        definitions: &mut Definitions,
        mut tell: impl FnMut(&Self),
    ) {
        let reader = Counted { inner: Forward::new(log.bytes.clone(), BinlogPos(0)), ctx: ctx.clone() };
        let mut events = Transactions::new(reader, index, Limits::default());
        let mut at = At { index, log, next: None, begins_inside: false, ends_inside: false };
        let said = self.before.as_ref().and_then(|before| before.next.as_ref());
        self.timeline.next_file(said == Some(&*log.name));
        let (mut read, mut told) = (0, Instant::now());
        let broken = loop {
            let (note, is_rows) = match events.next() {
                Ok(Some(item)) => match self.item(&item, &mut at, definitions) {
                    Ok(()) => (Note::of(&item), matches!(item, Item::Rows(_))),
                    Err(broken) => break Some(broken),
                },
                Ok(None) => break None,
                Err(broken) => break Some(broken),
            };
            if is_rows {
                self.stats.bytes(events.at().0.saturating_sub(read));
            }
            read = events.at().0;
            if let Some(note) = note {
                self.fates.note(note, events.place());
            }
            if told.elapsed() >= RHYTHM {
                told = Instant::now();
                tell(self);
            }
        };
        if broken.is_some() {
            self.fates.broken_off(events.place());
            self.stats.end(Ending::Cut);
        }
        self.close(&events, &at, broken.filter(|_| !ctx.cancel.is_cancelled()));
    }

    fn item(&mut self, item: &Item<'_>, at: &mut At<'_>, definitions: &mut Definitions) -> Result<(), BinlogError> {
        at.ends_inside = matches!(item, Item::End(Ending::Cut));
        match item {
            Item::Begin(facts) => {
                self.clocks.begin(at.index, facts);
                self.stats.begin(facts, at.index);
            }
            Item::Rows(rows) => {
                let place = rows.place;
                self.stats.rows(&rows.event, place).map_err(|broken| broken.at(place.position))?;
            }
            Item::Savepoint(name) => self.stats.savepoint(name),
            Item::RolledBackTo(name) => self.stats.rolled_back_to(name),
            Item::End(ending) => {
                if let Ending::Prepared(xid) = ending {
                    self.clocks.prepare(xid.clone());
                }
                self.stats.end(ending.clone());
            }
            Item::XaDecided(xid, stays, facts) => {
                self.clocks.decide(at.index, (xid, *stays), facts);
                self.stats.decided(xid, *stays, facts.committed_at);
            }
            Item::Headless => at.begins_inside = true,
            Item::Wall(ddl, statement) => self.wall(ddl, statement, at, definitions),
            Item::Statement(statement) => self.statement(statement, at),
            Item::Trigger(statement) => self.stands_around(statement),
            Item::Temporary(ddl, statement) => {
                let place = Place { file: at.index, position: statement.facts.start, inner: 0 };
                self.timeline.temporary(ddl, &statement.query, place);
            }
            Item::Incident => self.coverage.gaps.push(Gap {
                kind: GapKind::Incident,
                after: None,
                before: None,
                words: format!("the server that wrote {} says that it lost events there", at.log.name),
            }),
            Item::Rotate(next) => at.next = Some(next.clone()),
        }
        Ok(())
    }

    /// What a statement says of foreign keys and triggers.
    fn stands_around(&mut self, statement: &StatementItem<'_>) {
        let query = &statement.query;
        self.around.see(query.text, query.schema, query.dialect);
    }

    fn wall(&mut self, ddl: &Ddl, statement: &StatementItem<'_>, at: &At<'_>, definitions: &mut Definitions) {
        let place = Place { file: at.index, position: statement.facts.start, inner: 0 };
        self.clocks.begin(at.index, &statement.facts);
        let entry = self.stats.number();
        let before = self.timeline.may_be_of_temporary(ddl, &statement.query).then(|| self.around.clone());
        self.stands_around(statement);
        // What may have been about a temporary table takes nothing away from the real one.
        before.into_iter().for_each(|before| self.around.keep(before));
        let is_temporary = self.timeline.is_of_temporary(ddl, &statement.query);
        definitions.learn_before(&mut self.timeline, place, &self.last_walls);
        if self.timeline.is_moot(ddl, place) {
            return;
        }
        self.timeline.follow(ddl, &statement.query, place);
        if !schema::keeps_columns(ddl, &statement.query) {
            for table in &ddl.with_folded().tables {
                self.last_walls.insert(table.clone(), place);
                self.stats.wall(&table.schema, &table.table);
            }
        }
        if ddl.verb == DdlVerb::Unknown || ddl.tables.is_empty() {
            self.last_walls.insert(TableName { schema: vec![], table: vec![] }, place);
            self.stats.wall(b"", b"");
        }
        match self.walls.len() < KEPT {
            true => self.walls.push(walls::wall((ddl, is_temporary), statement, (&at.log.name, place), entry)),
            false => self.more_walls += 1,
        }
    }

    fn statement(&mut self, statement: &StatementItem<'_>, at: &At<'_>) {
        self.clocks.begin(at.index, &statement.facts);
        self.stats.text();
        if self.statements.len() < KEPT {
            self.statements.push(TextStatement {
                file: (*at.log.name).clone(),
                position: statement.facts.start,
                at: statement.facts.committed_at,
                thread: statement.facts.thread,
                schema: Foreign::new(statement.query.schema),
                statement: text(statement.query.text),
            });
        }
    }

    /// The file was read: what it was, how it hangs together with the one before, how it ends.
    fn close<R: Read>(&mut self, events: &Transactions<R>, at: &At<'_>, broken: Option<BinlogError>) {
        let trace = events.trace();
        let moment = |seconds: Option<u32>| seconds.map(|seconds| Moment::from_seconds(seconds.into()));
        let edge = |position, at_time| Edge { file: (*at.log.name).clone(), position, at: at_time };
        // Where a compressed file is cut, that is why the log in it is.
        let is_cut = matches!(broken, None | Some(BinlogError::Cut { .. }));
        let problem = at.log.broken.clone().filter(|_| is_cut);
        let problem = problem.or_else(|| broken.as_ref().map(|error| of_log(&at.log.name, events.at(), error)));
        let problem = problem.or_else(|| (!at.log.is_unchanged()).then(|| changed(&at.log.name)));
        let start = edge(BinlogPos(4), moment(trace.first));
        self.join(&start, at, trace);
        if self.coverage.from.is_none() && trace.first.is_some() {
            self.coverage.from = Some(start);
        }
        let end = edge(events.at(), moment(trace.last));
        if trace.last.is_some() {
            self.coverage.to = Some(end.clone());
        }
        self.coverage.open_end = events.end() == FileEnd::Open;
        let format = events.format();
        self.files.push(LogFacts {
            name: (*at.log.name).clone(),
            sequence: at.log.sequence,
            stored: at.log.stored,
            size: events.at().0,
            server: format.map_or_else(String::new, |format| {
                let product = if format.product == Product::MariaDb { "mariadb" } else { "mysql" };
                let (major, minor, patch) = format.version;
                format!("{product} {major}.{minor}.{patch}")
            }),
            from: moment(trace.first),
            to: moment(trace.last),
            checksums: format.is_some_and(|format| !format.checks.is_empty()),
            problem: problem.clone(),
        });
        self.stats.totals.bytes += events.at().0;
        if let (Some(error), None) = (broken, &self.first_error) {
            self.first_error = Some(error.report());
        }
        self.note_gtids(trace.before.as_ref(), &trace.here);
        self.before = Some(Before {
            edge: end,
            end: events.end(),
            next: at.next.clone(),
            readable: problem.is_none(),
            ends_inside: at.ends_inside,
            trace: trace.clone(),
        });
        self.problems.extend(problem);
    }

    fn note_gtids(&mut self, before: Option<&Known>, here: &Known) {
        let mut known = self.known.take().unwrap_or_default();
        if let Some(before) = before {
            known.merge(before);
        }
        known.merge(here);
        self.known = Some(known);
    }

    /// Compares how the file before ended with how this one begins, and says what lies before both.
    fn join(&mut self, start: &Edge, at: &At<'_>, trace: &Trace) {
        let before = self.before.take();
        let continues = before.as_ref().is_some_and(|before| before.ends_inside);
        if let Some(before) = before
            && let Some((kind, words)) = self.between(&before, start, trace)
        {
            self.coverage.gaps.push(Gap { kind, after: Some(before.edge), before: Some(start.clone()), words });
        }
        let mut earlier = |edge: Edge, words| {
            self.coverage.gaps.push(Gap { kind: GapKind::EarlierFile, after: None, before: Some(edge), words });
        };
        if at.begins_inside && !continues {
            let words = format!("{} begins inside a transaction: the rest of it is in an earlier log", start.file);
            earlier(start.clone(), words);
        }
        if let Some(Unprepared { at: place, xid, total }) = self.fates.take_unprepared() {
            let more = if total > 1 { format!(", and {} more", total - 1) } else { String::new() };
            let (file, position, name) = (&start.file, place.position, Foreign::new(xid.global));
            let words = format!(
                "{file}:{position} commits the XA transaction {name}, which was prepared in an earlier log{more}"
            );
            earlier(Edge { file: file.clone(), position, at: None }, words);
        }
    }

    /// The hole between the file before and this one.
    fn between(&self, before: &Before, start: &Edge, trace: &Trace) -> Option<(GapKind, String)> {
        let known_gap = self.coverage.gaps.iter().any(|gap| {
            gap.kind == GapKind::MissingFiles && gap.before.as_ref().is_some_and(|edge| edge.file == start.file)
        });
        let said = trace.before.as_ref().filter(|said| !said.is_empty());
        let missing = said.and_then(|said| said.beyond(self.known.as_ref()?));
        let (last, first) = (&before.edge.file, &start.file);
        if !before.readable {
            let words = format!("{last} cannot be read from byte {} on, up to {first}", before.edge.position);
            return Some((GapKind::Unreadable, words));
        }
        if let Some(why) = self.known.as_ref().and_then(|known| trace.is_not_behind(&before.trace, known)) {
            let words = format!(
                "{first} is no continuation of {last}: {why}; it is of another life of the server (RESET), or of another \
                 server"
            );
            return Some((GapKind::OtherHistory, words));
        }
        if known_gap {
            return None;
        }
        if let Some(gtid) = missing {
            let words = format!("{first} says that {gtid} came before it, and {last} does not have it");
            return Some((GapKind::MissingGtids, words));
        }
        if let Some(next) = before.next.as_ref().filter(|next| *next != first) {
            let words = format!("{last} says that {next} follows, and {first} is the next one here");
            return Some((GapKind::OtherSuccessor, words));
        }
        (before.end == FileEnd::Open && said.is_none())
            .then(|| (GapKind::OpenEnd, format!("{last} does not say that it is complete, and {first} follows")))
    }

    /// Everything was read.
    pub fn finish(&mut self, definitions: &mut Definitions) -> Fates {
        self.stats.finish();
        definitions.learn_rest(&mut self.timeline, &self.last_walls);
        self.timeline.settle();
        self.timeline.note_alike(&self.stats.mapped());
        self.timeline.complete();
        std::mem::take(&mut self.fates).finish()
    }
}

/// What is wrong with a log, at its place.
pub fn of_log(file: &Foreign, at: BinlogPos, error: &BinlogError) -> Problem {
    let report = error.report();
    Problem {
        file: file.clone(),
        position: at,
        code: report.code,
        words: report.causes.iter().fold(report.headline, |words, cause| format!("{words}: {cause}")),
        advice: report.advice,
        damage: error.fault() == Fault::Integrity,
    }
}

fn changed(file: &Foreign) -> Problem {
    Problem {
        file: file.clone(),
        position: BinlogPos(0),
        code: "changes::changed".to_owned(),
        words: "the file was replaced or cut while it was read".to_owned(),
        advice: "read it again; copy logs before a server purges them".to_owned(),
        damage: true,
    }
}
