//! What comes out of a broken backup, file by file.

use std::collections::HashSet;
use std::io;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::disk::output::{OutputFile, Parked};
use crate::format::names;
use crate::format::payload::Payload;
use crate::format::tar::tolerant::{ArchiveEnd, Found, Gap, MemberEnd, SalvageSink, TolerantWalk};
use crate::format::tar::{Stopped, TarError};
use crate::model::foreign::Foreign;
use crate::model::salvage::SalvagedFile;
use crate::model::units::{ByteSize, grouped};
use crate::work::plan;
use crate::work::salvage::layers::Opened;
use crate::work::salvage::notes::{Harm, Layer, Notes};
use crate::work::salvage::sql::{Came, SqlCut};

/// Bytes by which a dump is known.
const HEAD: usize = 1024;

/// What is expected behind seal and compression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Of what, safe to draw.
    pub label: String,
    /// The name of a dump that is no archive, with its ending.
    pub name: String,
    /// Whether an archive is looked for even where the first bytes are none.
    pub archive: bool,
}

/// What came out.
pub struct Recovered {
    /// Files without their names yet.
    pub files: Vec<(Parked, SalvagedFile)>,
    /// Bytes of the plaintext.
    pub plain_bytes: u64,
    /// What the first of them looked like.
    pub payload: Option<Payload>,
    /// Whether everything came to its own end.
    pub ended: bool,
}

/// Why nothing of what came out may be kept.
pub enum Refusal {
    /// A hostile archive.
    Archive(TarError),
    /// Trouble of this machine.
    Machine(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

impl From<Stopped<io::Error>> for Refusal {
    fn from(stopped: Stopped<io::Error>) -> Self {
        match stopped {
            Stopped::Archive(error) => Self::Archive(error),
            Stopped::Sink(error) => Self::Machine(error),
        }
    }
}

/// Reads everything that comes out, and writes it aside in `folder`.
///
/// # Errors
///
/// [`Refusal`]; nothing is left behind then.
pub fn recover(opened: &mut Opened, expected: &Expected, folder: &Path) -> Result<Recovered, Refusal> {
    let mut members = Members::new(folder, expected, opened);
    let mut walk: Option<TolerantWalk> = None;
    let mut payload = None;
    let mut plain_bytes = 0;
    loop {
        let chunk = opened.bytes.chunk()?;
        if chunk.is_empty() {
            break;
        }
        if payload.is_none() {
            let first = Payload::of(&chunk[..chunk.len().min(HEAD)]);
            let stray = expected.archive && first == Payload::Unknown;
            payload = Some(first);
            if first == Payload::Tar || stray {
                walk = Some(TolerantWalk::default());
            } else {
                members.begin_dump(&expected.name);
            }
        }
        match &mut walk {
            Some(walk) => walk.feed(chunk, &mut members)?,
            None => members.bytes(chunk)?,
        }
        plain_bytes += chunk.len() as u64;
        let n = chunk.len();
        opened.bytes.consume(n);
    }
    let ended = match walk {
        Some(mut walk) => {
            let end = walk.finish(&mut members)?;
            members.archive_end(&end)
        }
        None => members.dump_end(opened.contained)?,
    };
    Ok(Recovered { files: members.done, plain_bytes, payload, ended })
}

struct Members<'a> {
    folder: PathBuf,
    label: &'a str,
    vouched: &'static str,
    notes: Notes,
    taken: HashSet<String>,
    current: Option<Current>,
    done: Vec<(Parked, SalvagedFile)>,
}

/// The dump that is being read.
struct Current {
    /// The member; `None`: it stands by itself.
    member: Option<Foreign>,
    /// Its file's name without what is added.
    stem: String,
    found: Found,
    size: Option<u64>,
    came: u64,
    body: Body,
}

enum Body {
    /// Its first bytes.
    Head(Vec<u8>),
    Sql(Box<SqlCut>, String),
    Raw(Box<OutputFile>, String),
    /// Nothing that is known.
    Nothing,
}

impl<'a> Members<'a> {
    fn new(folder: &Path, expected: &'a Expected, opened: &Opened) -> Self {
        Self {
            folder: folder.to_owned(),
            label: &expected.label,
            vouched: opened.vouched(),
            notes: opened.notes.clone(),
            taken: HashSet::new(),
            current: None,
            done: vec![],
        }
    }

    fn begin_dump(&mut self, name: &str) {
        let (stem, body) = (name.to_owned(), Body::Head(vec![]));
        self.current = Some(Current { member: None, stem, found: Found::InStep, size: None, came: 0, body });
    }

    fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        current.came += bytes.len() as u64;
        if let Body::Head(head) = &mut current.body {
            head.extend_from_slice(bytes);
            if head.len() >= HEAD || current.size.is_some_and(|size| current.came >= size) {
                self.decide(&mut current)?;
            }
        } else {
            current.body.write(bytes)?;
        }
        self.current = Some(current);
        Ok(())
    }

    /// Knows a dump by its first bytes, and begins its file.
    fn decide(&mut self, current: &mut Current) -> io::Result<()> {
        let Body::Head(head) = &mut current.body else { return Ok(()) };
        let head = std::mem::take(head);
        let from = match &current.member {
            Some(member) => format!("{member} of {}", self.label),
            None => self.label.to_owned(),
        };
        current.body = match Payload::of(&head[..head.len().min(HEAD)]) {
            Payload::Mysqldump => {
                let stem = current.stem.strip_suffix(".sql").unwrap_or(&current.stem);
                let (out, name) = self.file(&format!("{stem}.partial.sql"))?;
                Body::Sql(Box::new(SqlCut::begin(out, &from, self.vouched)?), name)
            }
            Payload::Unknown | Payload::Tar if current.member.is_none() => Body::Nothing,
            _ => {
                let (out, name) = self.file(&format!("{}.partial", current.stem))?;
                Body::Raw(Box::new(out), name)
            }
        };
        current.body.write(&head)
    }

    fn file(&mut self, name: &str) -> io::Result<(OutputFile, String)> {
        let mut name = name.to_owned();
        while !self.taken.insert(name.clone()) {
            name.insert(0, '_');
        }
        let out = OutputFile::create(&self.folder.join(&name)).map_err(io::Error::other)?;
        Ok((out, name))
    }

    fn close(&mut self, came: &Came) -> io::Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        self.decide(&mut current)?;
        let who = current.member.as_ref().map_or_else(|| "the dump".to_owned(), ToString::to_string);
        let doubt = match current.found {
            Found::InStep => "",
            Found::BehindDamage => "; found by its looks behind damage, it may have been part of a value",
        };
        let (name, closed) = match current.body {
            Body::Sql(sql, name) => (name, sql.finish(came, doubt)?),
            Body::Raw(out, name) => (name, raw(*out, came, doubt)?),
            Body::Head(_) | Body::Nothing => return Ok(()),
        };
        let Some((parked, mut file)) = closed else {
            self.notes.add(Layer::Archive, format!("{who}: not one whole statement of it is there"), Harm::Cut);
            return Ok(());
        };
        file.file = name;
        file.member = current.member;
        self.done.push((parked, file));
        Ok(())
    }

    fn dump_end(&mut self, contained: bool) -> io::Result<bool> {
        let first = self.notes.all().into_iter().next();
        let came = match first {
            Some(note) => Came::Cut(note.what),
            None if contained => Came::Full,
            None => Came::Open,
        };
        self.close(&came)?;
        Ok(came == Came::Full)
    }

    fn archive_end(&mut self, end: &ArchiveEnd) -> bool {
        match end {
            ArchiveEnd::Seen { behind: 0 } => true,
            ArchiveEnd::Seen { behind } => {
                let text = format!("archive: {} bytes follow its end and were not read", grouped(*behind));
                self.notes.add(Layer::Archive, text, Harm::Cut);
                true
            }
            ArchiveEnd::Cut { at } => {
                let text = format!("archive: it stops at its byte {} without an end", grouped(*at));
                self.notes.add(Layer::Archive, text, Harm::Cut);
                false
            }
        }
    }
}

impl Body {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Sql(sql, _) => sql.feed(bytes),
            Self::Raw(out, _) => out.write_all(bytes).map_err(|error| io::Error::other(out.explain(error))),
            Self::Head(_) | Self::Nothing => Ok(()),
        }
    }
}

fn raw(out: OutputFile, came: &Came, doubt: &str) -> io::Result<Option<(Parked, SalvagedFile)>> {
    let bytes = ByteSize(out.written());
    if bytes.0 == 0 {
        return Ok(None);
    }
    let missing = match came {
        Came::Cut(why) => format!("no SQL of MySQL: kept as it came, cut anywhere ({why}){doubt}"),
        Came::Full | Came::Open => format!("no SQL of MySQL: kept as it came{doubt}"),
    };
    let parked = out.park().map_err(io::Error::other)?;
    Ok(Some((parked, SalvagedFile { bytes, missing, ..SalvagedFile::default() })))
}

impl SalvageSink for Members<'_> {
    type Error = io::Error;

    fn begin(&mut self, name: &Foreign, size: u64, found: Found) -> io::Result<()> {
        let schema = names::member_schema(name.raw_bytes());
        let stem = plan::member_file(schema.as_ref().unwrap_or(name));
        let member = Some(name.clone());
        self.current = Some(Current { member, stem, found, size: Some(size), came: 0, body: Body::Head(vec![]) });
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes(bytes)
    }

    fn end(&mut self, end: MemberEnd) -> io::Result<()> {
        let came = match end {
            MemberEnd::Full => Came::Full,
            MemberEnd::Cut { missing } => Came::Cut(format!("{} of its bytes are missing", grouped(missing))),
        };
        self.close(&came)
    }

    fn gap(&mut self, gap: Gap) {
        let text = format!("archive: bytes {} to {} are lost: {}", grouped(gap.from), grouped(gap.to), gap.what);
        self.notes.add(Layer::Archive, text, Harm::Changed);
    }
}
