//! `--schema`: definitions out of files, dumps, backups of the catalog, and live servers.

use std::io::Read;
use std::sync::Arc;

use futures_util::StreamExt;

use crate::change::schema::{Around, DefinitionReader, TableFacts};
use crate::disk::urls;
use crate::format::tar::{Stopped, TarSink, TarWalk};
use crate::model::backup::Format;
use crate::model::changes::{FactsSource, PositionBound, TableRef};
use crate::model::foreign::{Foreign, escape};
use crate::model::sink::ServerRef;
use crate::model::target::{Object, Target, TargetName};
use crate::report::{Fault, Report, Reportable};
use crate::server::rows_now::RowsNow;
use crate::sql::lexer::LexError;
use crate::target::{self, Patience, Ssh, Store, parse_backup};
use crate::work::changes::facts::{self, DefinitionSet, Definitions, Said, Valid};
use crate::work::changes::lately::{self, LogsEnd};
use crate::work::look;
use crate::work::opening::{self, Plaintext};
use crate::work::pipe::bridge;
use crate::work::run;
use crate::work::session::Session;
use crate::work::unlock::{self, Unlocked};
use crate::work::verify::on_thread;

/// How much of a dump is searched for its position.
const HEAD: usize = 256 << 10;

/// Whether the definitions come from a server.
pub fn is_server(text: &str) -> bool {
    ["mysql://", "mariadb://", "server:"].iter().any(|scheme| text.starts_with(scheme))
}

/// Loads everything that is not on a server.
///
/// # Errors
///
/// When one of them cannot be read, or holds no definition.
pub async fn load(
    session: &Session,
    schemas: &[String],
    files: &[Foreign],
) -> Result<(Definitions, Vec<FactsSource>), Report> {
    let (mut definitions, mut told) = (Definitions::default(), vec![]);
    for text in schemas.iter().filter(|text| !is_server(text)) {
        let (place, said) = facts::with_position(text);
        let (store, object) = find(session, place).await?;
        let keys = session.private_keys();
        let head = look::head(&*store, &object).await.map_err(|error| error.report())?;
        let look = look::look_now(&*store, &object, &head).await.map_err(|error| error.report())?;
        let layers = match unlock::unlock(&look.shape, &look.metadata, &head, &keys) {
            Unlocked::Open { layers, .. } => layers,
            Unlocked::NoKeyLoaded | Unlocked::NotTried => {
                let advice = "load the key first: --key FILE";
                let text = format!("{} is sealed", escape(place));
                return Err(Report::new(Fault::NoKey, "changes::schema_sealed", text, advice));
            }
            Unlocked::Refused(wrong) => return Err(unusable(place, &wrong.what)),
        };
        let is_archive = look.shape.format == Format::Databacker;
        let found = read(&store, object, move |drain| {
            let plain = opening::open(layers, drain).map_err(|error| error.to_string())?;
            if is_archive { archive(plain) } else { dump(plain) }
        });
        let found = found.await.map_err(|what| unusable(place, &what))?;
        if found.tables.is_empty() {
            return Err(unusable(place, "it holds no CREATE TABLE statement"));
        }
        let valid = match &said {
            Said::End => Valid::End,
            Said::At(bound) => facts::valid_at(Some(bound), files),
            Said::Nothing => facts::valid_at(found.position.as_ref(), files),
        };
        let mut source = facts::told(text, found.tables.len(), facts::valid_words(valid, files));
        if valid == Valid::Unread {
            let words = "true in a log that is not read here, so not used: add the logs in between, or say from where \
                on it is true with FILE@LOG:POSITION";
            source.problem = Some(words.to_owned());
        }
        told.push(source);
        definitions.add(DefinitionSet { tables: found.tables, around: found.around, valid });
    }
    Ok((definitions, told))
}

fn unusable(place: &str, what: &str) -> Report {
    let advice = "give a dump, the output of SHOW CREATE TABLE, a backup of the catalog, or server:NAME";
    Report::new(Fault::Failed, "changes::schema", format!("{}: {what}", escape(place)), advice)
}

/// A file, a URL, or a backup of the catalog.
async fn find(session: &Session, place: &str) -> Result<(Arc<dyn Store>, Object), Report> {
    let here = std::env::current_dir().unwrap_or_default();
    let bare = !place.contains("://") && !place.starts_with(['/', '.']) && here.join(place).is_file();
    let address = match bare {
        true => format!("./{place}"),
        false => place.to_owned(),
    };
    if address.contains("://") || address.starts_with(['/', '.']) {
        let address = parse_backup(&address, &here).map_err(|error| Report::of(Fault::Usage, &error))?;
        let Some(key) = address.key else { return Err(unusable(place, "it is a folder")) };
        let name = TargetName::new("schema").ok_or_else(|| Report::new(Fault::Failed, "bug", "a bad name", ""))?;
        let target = Target { name, location: address.location, expect_key: None };
        let ssh = Ssh { asker: Some(Arc::new(session.0.questions.clone())), ..Ssh::default() };
        let store = target::open_asking(&target, None, (Patience::default(), ssh)).map_err(|error| error.report())?;
        let object = store.stat(&key, None).await.map_err(|error| error.report())?;
        return Ok((store, object));
    }
    if session.estate().file.is_none() {
        return Err(unusable(place, "there is no such file, and no estate whose backups it could name"));
    }
    if session.catalog().backups.is_empty() {
        session.refresh();
        session.settled().await;
    }
    let backup = session.find(place)?;
    let store = run::store_of(session, &backup)?;
    let object = store.stat(&backup.key, backup.stamp.version.as_deref()).await.map_err(|error| error.report())?;
    Ok((store, object))
}

/// What a dump gave.
#[derive(Default)]
struct Found {
    tables: Vec<TableFacts>,
    around: Around,
    position: Option<PositionBound>,
}

/// Brings an object through `open` on a thread of its own.
async fn read(
    store: &Arc<dyn Store>,
    object: Object,
    open: impl FnOnce(crate::work::pipe::Drain) -> Result<Found, String> + Send + 'static,
) -> Result<Found, String> {
    let (feed, drain) = bridge();
    let worker = on_thread("schema", move || open(drain)).map_err(|error| error.to_string())?;
    let mut pieces = target::read(store.clone(), object, 0, Default::default());
    while let Some(piece) = pieces.next().await {
        if feed.data(piece.map_err(|error| error.to_string())?).await.is_err() {
            break; // it has what it wants, or failed first
        }
    }
    feed.finish().await;
    worker.await.map_err(|_| "reading it died".to_owned())?
}

/// One dump being read.
struct Reading {
    definitions: DefinitionReader,
    head: Vec<u8>,
    started: bool,
}

impl Reading {
    fn new() -> Self {
        Self { definitions: DefinitionReader::new(b""), head: vec![], started: false }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), String> {
        let room = HEAD.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        if !self.started && self.head.len() < HEAD.min(4096) && !bytes.is_empty() {
            return Ok(()); // the name of the database may stand on a line that is not here yet
        }
        if !self.started {
            self.start().map_err(|error| error.to_string())?;
            return self.definitions.feed(&bytes[room..]).map_err(|error| error.to_string());
        }
        self.definitions.feed(bytes).map_err(|error| error.to_string())
    }

    /// What was held back goes first.
    fn start(&mut self) -> Result<(), LexError> {
        self.started = true;
        self.definitions = DefinitionReader::new(&database_in(&self.head));
        self.definitions.feed(&self.head)
    }

    fn finish(mut self) -> Result<Found, String> {
        if !self.started {
            self.start().map_err(|error| error.to_string())?;
        }
        let position = facts::position_in(&self.head);
        let (tables, around) = self.definitions.finish_with_around().map_err(|error| error.to_string())?;
        Ok(Found { tables, around, position })
    }
}

/// The database of which `mysqldump DATABASE` writes no USE, but a comment.
fn database_in(head: &[u8]) -> Vec<u8> {
    let line = head.split(|byte| *byte == b'\n').take(20).find(|line| line.starts_with(b"-- Host: "));
    let at = line.and_then(|line| Some((line, memchr::memmem::find(line, b"Database: ")?)));
    at.map_or_else(Vec::new, |(line, at)| line[at + b"Database: ".len()..].trim_ascii().to_vec())
}

fn dump(mut plain: Plaintext) -> Result<Found, String> {
    let mut reading = Reading::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match plain.bytes.read(&mut buffer).map_err(|error| error.to_string())? {
            0 => return reading.finish(),
            n => reading.feed(&buffer[..n])?,
        }
    }
}

/// The dumps of an archive.
#[derive(Default)]
struct Members {
    current: Option<Reading>,
    found: Found,
}

impl TarSink for Members {
    type Error = String;

    fn begin(&mut self, _: &Foreign, _: u64) -> Result<(), String> {
        self.current = Some(Reading::new());
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.current.as_mut().map_or(Ok(()), |reading| reading.feed(bytes))
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(reading) = self.current.take() else { return Ok(()) };
        let found = reading.finish()?;
        self.found.tables.extend(found.tables);
        self.found.around.add(found.around);
        self.found.position = self.found.position.take().or(found.position);
        Ok(())
    }
}

fn archive(mut plain: Plaintext) -> Result<Found, String> {
    let (mut members, mut walk) = (Members::default(), TarWalk::default());
    loop {
        let chunk = plain.bytes.chunk().map_err(|error| error.to_string())?;
        if chunk.is_empty() {
            walk.finish().map_err(|error| error.to_string())?;
            return Ok(members.found);
        }
        let n = chunk.len();
        walk.feed(chunk, &mut members).map_err(|stopped| match stopped {
            Stopped::Archive(error) => error.to_string(),
            Stopped::Sink(text) => text,
        })?;
        plain.bytes.consume(n);
    }
}

/// Asks a server for the definitions of tables and for what stands around them, in sessions that cannot write.
///
/// # Errors
///
/// When the server is unknown or does not answer.
pub async fn from_server(
    session: &Session,
    text: &str,
    tables: &[TableRef],
    end: &LogsEnd,
) -> Result<(DefinitionSet, Around, FactsSource), Report> {
    let server = server(session, text)?;
    let password = run::password(session, &server);
    let password = password.as_ref().map(|secret| secret.expose());
    let mut connection = crate::server::connect(&server, password).await.map_err(|error| error.report())?;
    connection.only_read().await.map_err(|error| error.report())?;
    let (mut found, mut late) = (vec![], vec![]);
    for table in tables {
        let created = connection.created(&table.schema, &table.table).await.map_err(|error| error.report())?;
        if created.is_some_and(|created| end.lies_before(table, created)) {
            late.push(table.to_string());
            continue;
        }
        let create = connection.definition(&table.schema, &table.table).await.map_err(|error| error.report())?;
        let Some(create) = create else { continue };
        let mut reader = DefinitionReader::new(table.schema.raw_bytes());
        if reader.feed(&create).is_ok() {
            found.extend(reader.finish().unwrap_or_default());
        }
    }
    connection.close().await;
    let mut look = RowsNow::open(&server, password).await.map_err(|error| error.report())?;
    let seen = look.surroundings(tables).await.map_err(|error| error.report())?;
    look.close().await;
    let names = seen.tables.into_iter().map(|now| now.table).collect();
    let around = Around { tables: names, keys: seen.keys, triggers: seen.triggers };
    let mut told = facts::told(&server.label(), found.len(), facts::valid_words(Valid::End, &[]));
    told.problem = (!late.is_empty()).then(|| lately::words(&late));
    Ok((DefinitionSet { tables: found, around: Around::default(), valid: Valid::End }, around, told))
}

fn server(session: &Session, text: &str) -> Result<ServerRef, Report> {
    if let Some(name) = text.strip_prefix("server:") {
        let name = name.split('/').next().unwrap_or_default();
        return session.estate().server(name).cloned().ok_or_else(|| {
            let text = format!("the estate has no server {}", escape(name));
            Report::new(Fault::Usage, "changes::schema_server", text, "see the sections [servers.NAME] of the estate")
        });
    }
    let (server, _) = urls::server(text).map_err(|error| {
        Report::new(
            Fault::Usage,
            "changes::schema_server",
            format!("--schema {error}"),
            "write mysql://user@host:port/",
        )
    })?;
    Ok(server)
}

/// Definitions without a database belong to every table of that name in the log.
pub fn homeless(set: &mut DefinitionSet, tables: &[TableRef]) {
    let (homes, homeless): (Vec<_>, Vec<_>) =
        std::mem::take(&mut set.tables).into_iter().partition(|facts| !facts.name.schema.is_empty());
    set.tables = homes;
    for facts in homeless {
        for table in tables.iter().filter(|table| table.table.raw_bytes() == facts.name.table) {
            let mut facts = facts.clone();
            facts.name.schema = table.schema.raw_bytes().to_vec();
            set.tables.push(facts);
        }
    }
}
