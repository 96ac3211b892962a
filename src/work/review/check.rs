//! An open recovery beside the rows as they are now: looked at window by window, over a session that cannot write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::change::review::{RowStatement, of_statement};
use crate::change::schema::since;
use crate::change::undo::Undoing;
use crate::model::change::{Change, ChangedTable, RowImage};
use crate::model::changes::{Shown, TableRef};
use crate::model::foreign::Foreign;
use crate::model::script::{
    CheckView, Choice, ColumnNow, ColumnNowFacts, RowNow, RowState, ScriptHazard, ScriptTable, Surroundings, TableNow,
};
use crate::report::{Report, Reportable};
use crate::server::rows_now::RowsNow;
use crate::work::recover::around::joined;
use crate::work::recover::{Made, RecoveryHandle};
use crate::work::review::around;
use crate::work::review::chains::Chains;
use crate::work::review::now::{Asked, questions};
use crate::work::review::server::{Look, look};
use crate::work::session::now;

/// Rows whose values are brought, at most: the others have their state only.
const VALUES: usize = 2_000;

impl RecoveryHandle {
    /// Looks at the rows as they are now, in the background: over a session that can only read. `server` is
    /// `server:NAME` or a `mysql://` URL.
    ///
    /// # Errors
    ///
    /// When there is no such server. What happens later is in [`crate::model::script::RecoveryView::check`].
    pub fn check_now(&self, server: &str) -> Result<(), Report> {
        let look = look(self.session(), server)?;
        let made = self.ready()?;
        let check = CheckView { server: look.label(), running: true, at: Some(now()), ..CheckView::default() };
        self.session().event("look", &look.label(), "ok", "rows as they are now, for a recovery")?;
        self.look_again(check.clone());
        let (handle, cancel) = (self.clone(), self.cancel().clone());
        tokio::spawn(async move {
            let work = Checking::begin(&handle, made, check);
            cancel.run_until_cancelled(work.run(&look)).await;
        });
        Ok(())
    }

    /// As [`check_now`](Self::check_now), to its end.
    ///
    /// # Errors
    ///
    /// As there; and when the look ended early.
    pub async fn checked(&self, server: &str) -> Result<(), Report> {
        let look = look(self.session(), server)?;
        let made = self.ready()?;
        let check = CheckView { server: look.label(), running: true, at: Some(now()), ..CheckView::default() };
        self.session().event("look", &look.label(), "ok", "rows as they are now, for a recovery")?;
        self.look_again(check.clone());
        Checking::begin(self, made, check).run(&look).await;
        match self.view().check.problem.clone() {
            Some(problem) => Err(*problem),
            None => Ok(()),
        }
    }
}

/// A look that goes on.
struct Checking<'h> {
    handle: &'h RecoveryHandle,
    made: Arc<Made>,
    check: CheckView,
    /// What the statements so far leave of their rows.
    chains: Chains,
    brought: usize,
    /// Tables with a column that does not hold what it held, and which.
    otherwise: BTreeMap<TableRef, String>,
}

/// One change with its question.
struct One {
    number: u64,
    change: Change,
    statement: Option<RowStatement>,
    /// `None`: its row cannot be found by a key.
    asked: Option<Asked>,
}

impl<'h> Checking<'h> {
    fn begin(handle: &'h RecoveryHandle, made: Arc<Made>, check: CheckView) -> Self {
        Self { handle, made, check, chains: Chains::default(), brought: 0, otherwise: BTreeMap::new() }
    }

    async fn run(mut self, look: &Look) {
        let ended = self.all(look).await;
        self.check.running = false;
        self.check.problem = ended.err().map(Box::new);
        self.handle.looked_at(vec![], self.check.clone());
    }

    async fn all(&mut self, look: &Look) -> Result<(), Report> {
        let mut server = look.open().await?;
        let tables: Vec<TableRef> = self.handle.view().tables.iter().map(|table| table.table.clone()).collect();
        let around = server.surroundings(&tables).await.map_err(|error| error.report())?;
        let mut hazards = around::of_tables(&around, &tables);
        hazards.extend(self.counters(&around));
        let around = joined(&self.made, &around);
        self.handle.surrounded(hazards.clone(), &around)?;
        let (mut number, mut compared, mut differing) = (0, BTreeSet::new(), vec![]);
        for at in 0..self.made.index.windows() {
            let (handle, made) = (self.handle.clone(), self.made.clone());
            let rows = tokio::task::spawn_blocking(move || handle.window(&made, at)).await;
            let rows = rows.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic()))?;
            for row in &rows {
                let table = table_of(&row.change.table);
                if let Some(now) = around.table(&table)
                    && compared.insert(table)
                {
                    let found = differences(row, now);
                    if let Some(hazard) = found.iter().find(|hazard| hazard.code == CHANGED) {
                        self.otherwise.insert(now.table.clone(), hazard.text.clone());
                    }
                    differing.extend(found);
                }
            }
            let first = number;
            number += rows.len() as u64;
            self.check.done += rows.len() as u64;
            let seen = self.window(&mut server, &around, (first, rows)).await?;
            self.handle.looked_at(seen, self.check.clone());
        }
        if !differing.is_empty() {
            differing.extend(hazards);
            self.handle.surrounded(differing, &around)?;
        }
        server.close().await;
        Ok(())
    }

    /// Numbers that a table gives by itself are not taken back with the rows that got them.
    fn counters(&self, around: &Surroundings) -> Vec<ScriptHazard> {
        let view = self.handle.view();
        let counts = view.tables.iter().filter(|table| table.rows.inserts > 0);
        let hazard = |table: &ScriptTable| {
            around.table(&table.table)?.auto_increment?;
            // The number itself would be another one with every look.
            let text = format!("{} goes on counting where it is: rows that are taken away leave a hole", table.table);
            Some(ScriptHazard { code: "auto_increment", text, offers: vec![] })
        };
        counts.filter_map(hazard).collect()
    }

    async fn window(
        &mut self,
        server: &mut RowsNow,
        around: &Surroundings,
        (first, rows): (u64, Vec<Undoing>),
    ) -> Result<Vec<(u64, RowNow)>, Report> {
        let mut by_table: BTreeMap<TableRef, Vec<One>> = BTreeMap::new();
        // What is left out meets no row, and leaves none for what stands behind it.
        for (number, row) in (first..).zip(rows).filter(|(_, row)| row.choice == Choice::Include) {
            let table = table_of(&row.change.table);
            let statement = row.sql.ok().flatten().and_then(|sql| of_statement(sql.as_bytes()));
            let now = around.table(&table);
            let asked = statement.as_ref().zip(now).and_then(|(statement, now)| questions(statement, now));
            let asked = asked.and_then(|mut asked| if asked.len() == 1 { asked.pop() } else { None });
            by_table.entry(table).or_default().push(One { number, change: row.change, statement, asked });
        }
        let mut seen = vec![];
        for (table, ones) in by_table {
            let Some(now) = around.table(&table) else {
                seen.extend(ones.iter().map(|one| (one.number, unknowable("the table is not there"))));
                continue;
            };
            seen.extend(self.table(server, now, &ones).await?);
        }
        Ok(seen)
    }

    async fn table(
        &mut self,
        server: &mut RowsNow,
        now: &TableNow,
        ones: &[One],
    ) -> Result<Vec<(u64, RowNow)>, Report> {
        let asked = || ones.iter().filter_map(|one| Some((one, one.asked.as_ref()?)));
        let all: Vec<_> = asked().map(|(_, asked)| asked.question.clone()).collect();
        let answers = server.rows(&now.table, &all).await.map_err(|error| error.report())?;
        let mut seen = vec![];
        for ((one, asked), answer) in asked().zip(&answers) {
            let judged = self.chains.judge(one.number, asked.keys, asked.state(answer));
            let undone = RowNow { state: RowState::Undone, ..RowNow::default() };
            seen.extend(judged.undone.into_iter().map(|(number, _)| (number, undone.clone())));
            let state = judged.state;
            let mut row = RowNow { state, ..RowNow::default() };
            // The row is as the change left it, and what is written to it may not come out as it was.
            if let (RowState::Matches, Some(why)) = (state, self.otherwise.get(&now.table)) {
                row = unknowable(why);
            }
            if matches!(state, RowState::Changed | RowState::Anew) && self.brought < VALUES {
                self.brought += 1;
                row.columns = columns(server, now, (one, asked)).await?;
            }
            seen.push((one.number, row));
        }
        let why = if now.key.is_empty() { "the table has no key" } else { "its key is not in the statement" };
        let unasked = ones.iter().filter(|one| one.asked.is_none());
        seen.extend(unasked.map(|one| (one.number, unknowable(why))));
        Ok(seen)
    }
}

fn unknowable(why: &str) -> RowNow {
    RowNow { state: RowState::Unknowable, why: why.to_owned(), ..RowNow::default() }
}

fn table_of(table: &ChangedTable) -> TableRef {
    TableRef { schema: table.schema.clone(), table: table.name.clone() }
}

/// The columns that are not as the change left them.
async fn columns(server: &mut RowsNow, now: &TableNow, (one, asked): (&One, &Asked)) -> Result<Vec<ColumnNow>, Report> {
    let Some(statement) = &one.statement else { return Ok(vec![]) };
    let names: Vec<_> = now.columns.iter().map(|column| column.name.clone()).collect();
    let values = server.values(now, &asked.question.find, &names).await.map_err(|error| error.report())?;
    let Some(values) = values else { return Ok(vec![]) };
    let _ = statement;
    let Change { before, after, table, .. } = &one.change;
    let mut found = vec![];
    for (name, value) in names.iter().zip(values) {
        let Some(at) =
            table.columns.iter().position(|column| column.name.raw_bytes().eq_ignore_ascii_case(name.raw_bytes()))
        else {
            continue;
        };
        let shown = |image: &Option<RowImage>| {
            let value = image.as_ref()?.values.get(at)?.as_ref()?;
            Some(bare(&Shown(value, &table.columns[at]).to_string()))
        };
        let now = value.map_or_else(|| "NULL".to_owned(), |value| value.to_string());
        let (before, after) = (shown(before), shown(after));
        // As the change left it: nothing to say.
        if after.as_deref().or(before.as_deref()) == Some(now.as_str()) {
            continue;
        }
        found.push(ColumnNow { name: name.to_string(), before, after, now: Some(now) });
    }
    Ok(found)
}

/// A text as a server shows it, without quotes.
fn bare(shown: &str) -> String {
    let inner = shown.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.map_or_else(|| shown.to_owned(), str::to_owned)
}

/// What a column that does not hold what it held is called among hazards.
const CHANGED: &str = "column_changed";

/// The columns of both, where they stand in another order now: as they were, and as they are.
fn in_order(then: &ChangedTable, now: &TableNow) -> Option<(String, String)> {
    let (was, is) = (then.columns.iter().map(|one| &one.name), now.columns.iter().map(|one| &one.name));
    let (was, is) = (was.collect::<Vec<_>>(), is.collect::<Vec<_>>());
    let same = |one: &Foreign, other: &Foreign| one.raw_bytes().eq_ignore_ascii_case(other.raw_bytes());
    let was_too = is.iter().filter(|name| was.iter().any(|other| same(name, other)));
    let still: Vec<&&Foreign> = was.iter().filter(|name| is.iter().any(|other| same(name, other))).collect();
    let now: Vec<&&Foreign> = was_too.collect();
    let words = |names: &[&&Foreign]| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let is_other = still.iter().zip(&now).any(|(one, other)| !same(one, other));
    is_other.then(|| (words(&still), words(&now)))
}

/// What of a table's definition is otherwise now than where a row was logged.
fn differences(row: &Undoing, now: &TableNow) -> Vec<ScriptHazard> {
    let (then, log, table) = (&row.change.table, &row.table, &now.table);
    let same = |one: &[u8], other: &[u8]| one.eq_ignore_ascii_case(other);
    let mut found = vec![];
    let mut add = |code, text| found.push(ScriptHazard { code, text, offers: vec![] });
    for column in &then.columns {
        if !now.columns.iter().any(|other| same(other.name.raw_bytes(), column.name.raw_bytes())) {
            add("column_gone", format!("{table} has no column {} any more: the script would stop", column.name));
        }
    }
    for column in &now.columns {
        let was = then.columns.iter().find(|other| same(other.name.raw_bytes(), column.name.raw_bytes()));
        match was {
            None if column.has_default || column.generated => {
                add("column_new", format!("{table} has the new column {}: rows put back get its default", column.name));
            }
            None => {
                add("column_new", format!("{table} needs the new column {}: rows cannot be put back", column.name));
            }
            Some(was) if was.generated == Some(false) && column.generated => {
                add("column_generated", format!("{table}.{} is computed now: the script would stop", column.name));
            }
            Some(_) => {}
        }
    }
    // Where the log names its columns, nothing was taken for another.
    if let Some((was, is)) = in_order(then, now).filter(|_| !row.is_named) {
        let text = format!(
            "{table} has its columns in the order {is} now, and the definitions at hand say {was}: unless that changed \
             behind these rows, values are taken for those of other columns"
        );
        add(CHANGED, text);
    }
    let stored = then.columns.iter().zip(&log.columns).filter(|(column, _)| column.generated != Some(true));
    for (was, logged) in stored {
        let is_it = |other: &&ColumnNowFacts| same(other.name.raw_bytes(), was.name.raw_bytes());
        let Some(column) = now.columns.iter().find(is_it).filter(|column| !column.generated) else { continue };
        if let Some(how) = since(logged, was, column) {
            let text =
                format!("{table}.{} is {} now, and {how}: rows may not come out as they were", was.name, column.full);
            add(CHANGED, text);
        }
    }
    found
}
