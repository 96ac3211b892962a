//! The core of a recovery: logs and a filter to an index, and from it pages and scripts. Blocking.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::change::index::{Index, Indexing, Log, Stopped, Wanted, Watch};
use crate::change::query::TableName;
use crate::change::schema::Timeline;
use crate::change::script::Header;
use crate::change::transactions::Clocks;
use crate::change::undo::{
    self, Choices, Direction, Engines, Reference, Request, RowPlace, UndoError, Undoing, Written,
};
use crate::model::change::Change;
use crate::model::changes::{ChangesView, Rows, Shown, TableRef};
use crate::model::foreign::Foreign;
use crate::model::script::{Extent, Mode, ScriptDigest, ScriptOptions, Surroundings};
use crate::work::changes::KnownAround;
use crate::work::recover::error::RecoverError;

/// What a script is made of. The logs' bytes are pinned: `still` says whether they are what they were.
pub struct Material {
    /// The files in their order.
    pub logs: Vec<Log>,
    /// Definitions that are known beside the logs.
    pub timeline: Timeline,
    /// Which changes are wanted.
    pub wanted: Arc<dyn Wanted>,
    /// What is known of the source.
    pub view: Arc<ChangesView>,
    /// What definitions tell of what stands around its tables.
    pub around: Arc<KnownAround>,
    /// When its transactions were committed.
    pub clocks: Arc<Clocks>,
    /// Whether the files are still the same.
    pub still: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// Counts what was read, and stops when it is told to.
#[derive(Default)]
pub struct Reading {
    /// Bytes of logs that were read.
    pub done: AtomicU64,
    /// Stops the work.
    pub cancel: CancellationToken,
    /// Told after every step.
    pub tell: Option<Box<dyn Fn() + Send + Sync>>,
}

impl Watch for Reading {
    fn passed(&self, bytes: u64) -> bool {
        self.done.fetch_add(bytes, Ordering::Relaxed);
        if let Some(tell) = &self.tell {
            tell();
        }
        !self.cancel.is_cancelled()
    }
}

/// An index of the changes that are wanted.
pub struct Made {
    /// The index.
    pub index: Index,
    /// What is known of the source.
    pub view: Arc<ChangesView>,
    /// What definitions tell of what stands around its tables.
    pub around: Arc<KnownAround>,
    /// How scripts are written, but for what is chosen later.
    pub options: ScriptOptions,
    still: Arc<dyn Fn() -> bool + Send + Sync>,
    /// How many changes each window has, in the script's order, whatever is chosen.
    windows: OnceLock<Vec<u64>>,
    /// Changes by table, where they had to be counted one by one.
    tables: OnceLock<BTreeMap<TableRef, Rows>>,
}

/// What a script is to be, beside the index.
#[derive(Clone, Default)]
pub struct Wish<'r> {
    /// Undo, or do again.
    pub direction: Direction,
    /// Of which tables.
    pub engines: Engines,
    /// What was chosen.
    pub choices: Choices,
    /// The header's lines.
    pub header: Header,
    /// Foreign keys between the tables.
    pub references: Arc<[Reference]>,
    /// What is known to stand around its tables, but for the tables themselves.
    pub known: Arc<Surroundings>,
    /// Who watches.
    pub watch: Option<&'r dyn Watch>,
}

impl Made {
    /// Reads the logs.
    ///
    /// # Errors
    ///
    /// Only when it is stopped.
    pub fn make(material: Material, options: ScriptOptions, watch: &dyn Watch) -> Result<Self, Stopped> {
        let Material { logs, timeline, wanted, view, around, clocks, still } = material;
        let how = Indexing { extent: options.extent, watch: Some(watch), clocks: Some(&clocks), ..Indexing::default() };
        let index = Index::build(logs, timeline, wanted, how)?;
        Ok(Self { index, view, around, options, still, windows: OnceLock::new(), tables: OnceLock::new() })
    }

    /// Whether the files of the source are still what they were when they were read.
    pub fn is_unchanged(&self) -> bool {
        (self.still)()
    }

    /// The first log that is damaged, and how: a compressed one may end early between two events, where nothing of the
    /// log itself says so.
    pub fn damage(&self) -> Option<(String, String)> {
        let damaged = self.view.problems.iter().find(|problem| problem.damage)?;
        Some((damaged.file.to_string(), damaged.words.clone()))
    }

    fn request<'r>(&self, wish: &'r Wish<'r>) -> Request<'r> {
        Request {
            direction: wish.direction,
            commits: self.options.commits,
            engines: wish.engines,
            checks: self.options.keys,
            gaps: self.options.gaps,
            choices: Some(&wish.choices),
            header: wish.header.clone(),
            references: &wish.references,
            around: Some(&wish.known),
            threads: threads(),
            watch: wish.watch,
        }
    }

    /// Writes a script to where one can go back.
    ///
    /// # Errors
    ///
    /// As [`undo::write`].
    pub fn write<W: Write + Seek>(&self, wish: &Wish<'_>, out: &mut W) -> Result<Written, UndoError> {
        undo::write(&self.index, &self.request(wish), out)
    }

    /// Writes a script to where one cannot.
    ///
    /// # Errors
    ///
    /// As [`undo::stream`].
    pub fn stream(&self, wish: &Wish<'_>, out: &mut dyn Write) -> Result<Written, UndoError> {
        undo::stream(&self.index, &self.request(wish), out)
    }

    /// What a script would be: nothing is kept of it.
    ///
    /// # Errors
    ///
    /// As [`undo::write`].
    pub fn tried(&self, wish: &Wish<'_>) -> Result<Written, UndoError> {
        let written = self.write(wish, &mut Nowhere::default())?;
        if wish.choices.is_plain() {
            let _ = self.windows.set(written.windows.clone());
        }
        Ok(written)
    }

    /// The digest of the script that was tried, with the header that is wished for now.
    pub fn digest(&self, wish: &Wish<'_>, tried: &Written) -> Option<ScriptDigest> {
        undo::digest(&self.index, &self.request(wish), tried).map(ScriptDigest)
    }

    /// Changes in all, whatever is chosen.
    ///
    /// # Errors
    ///
    /// When a log is no longer what it was.
    pub fn changes(&self) -> Result<u64, UndoError> {
        Ok(self.windows()?.iter().sum())
    }

    /// How many changes each window has, in the script's order, whatever is chosen.
    ///
    /// # Errors
    ///
    /// When a log is no longer what it was.
    pub fn windows(&self) -> Result<&[u64], UndoError> {
        if let Some(windows) = self.windows.get() {
            return Ok(windows);
        }
        let all = Wish::default();
        let (mut counts, mut tables) = (vec![], BTreeMap::<TableRef, Rows>::new());
        for at in 0..self.index.windows() {
            let rows = self.window(&all, at)?;
            for row in &rows {
                let table = &row.change.table;
                let table = TableRef { schema: table.schema.clone(), table: table.name.clone() };
                tables.entry(table).or_default().add(row.change.kind, 1);
            }
            counts.push(rows.len() as u64);
        }
        let _ = self.tables.set(tables);
        Ok(self.windows.get_or_init(|| counts))
    }

    /// Changes by table, where they were counted one by one: something of them cannot be undone.
    pub fn tables(&self) -> Option<&BTreeMap<TableRef, Rows>> {
        self.tables.get()
    }

    /// The changes of one window, without updates that changed nothing.
    ///
    /// # Errors
    ///
    /// When a log is no longer what it was.
    pub fn window(&self, wish: &Wish<'_>, at: usize) -> Result<Vec<Undoing>, UndoError> {
        let mut rows = undo::rows(&self.index, &self.request(wish), at)?;
        rows.retain(|row| !matches!(row.sql, Ok(None)));
        Ok(rows)
    }

    /// Changes from number `first` on, each with its number.
    ///
    /// # Errors
    ///
    /// When a log is no longer what it was.
    pub fn page(&self, wish: &Wish<'_>, first: u64, count: usize) -> Result<Vec<(u64, Undoing)>, UndoError> {
        let mut page = vec![];
        let mut before = 0;
        for (at, changes) in self.windows()?.iter().enumerate() {
            if before + changes > first && page.len() < count {
                let numbered = (before..).zip(self.window(wish, at)?);
                let wanted = numbered.filter(|(number, _)| *number >= first);
                page.extend(wanted.take(count - page.len()));
            }
            before += changes;
        }
        Ok(page)
    }

    /// The choices that the options make.
    ///
    /// # Errors
    ///
    /// [`RecoverError::Exclude`], where the logs have no such table: a name that is mistyped leaves nothing out.
    pub fn choices(&self) -> Result<Choices, RecoverError> {
        let named = |name: &TableName| (Foreign::new(name.schema.clone()), Foreign::new(name.table.clone()));
        let index = &self.index;
        let undone: BTreeSet<_> = index.tables.keys().chain(&index.companions).map(named).collect();
        let logged = self.view.tables.iter().map(|table| (&table.table.schema, &table.table.table));
        let known: BTreeSet<_> = undone.iter().map(|(schema, table)| (schema, table)).chain(logged).collect();
        for filter in &self.options.exclude {
            if !known.iter().any(|(schema, table)| filter.takes(schema, table)) {
                let schema = filter.schema.as_ref().map_or_else(String::new, |schema| format!("{schema}."));
                return Err(RecoverError::Exclude { table: format!("{schema}{}", filter.table) });
            }
        }
        let is_out = |(schema, table): &(Foreign, Foreign)| {
            self.options.exclude.iter().any(|filter| filter.takes(schema, table))
        };
        let excluded = undone.iter().filter(|name| is_out(name)).cloned().collect();
        Ok(Choices { mode: self.options.mode, excluded, ..Choices::default() })
    }

    /// Whether the options leave nothing out and overwrite nothing.
    pub fn is_everything(&self) -> bool {
        self.options.exclude.is_empty() && self.options.mode == Mode::Strict
    }

    /// Whether whole transactions are undone.
    pub fn is_whole(&self) -> bool {
        self.options.extent == Extent::Whole
    }
}

/// Threads that make and prove scripts.
pub fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Which row a change is of: the columns of its key and their values, or all of them. Safe to draw.
pub fn row_words(change: &Change) -> String {
    const VALUES: usize = 8;
    let Some(image) = change.after.as_ref().or(change.before.as_ref()) else { return String::new() };
    let table = &change.table;
    let keys = table.key_columns();
    let columns: Vec<usize> = if keys.is_empty() { (0..table.columns.len()).take(VALUES).collect() } else { keys };
    let one = |at: usize| {
        let (column, value) = (table.columns.get(at)?, image.values.get(at)?.as_ref()?);
        Some(format!("{} {}", column.name, Shown(value, column)))
    };
    columns.into_iter().filter_map(one).collect::<Vec<_>>().join(", ")
}

/// The place of a change in the logs, in words.
pub fn place_words(made: &Made, place: RowPlace) -> String {
    let file = made.index.files.get(place.file as usize).map(|file| file.of.name.to_string()).unwrap_or_default();
    format!("{file}:{}", place.position)
}

/// Takes everything and keeps nothing.
#[derive(Debug, Default)]
pub struct Nowhere {
    at: u64,
    end: u64,
}

impl Write for Nowhere {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.at += bytes.len() as u64;
        self.end = self.end.max(self.at);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Nowhere {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::End(by) => (self.end, by),
            SeekFrom::Current(by) => (self.at, by),
        };
        self.at = from.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
