//! GTID events of both products.

use crate::change::bytes::Bytes;
use crate::change::error::Broken;
use crate::model::change::Gtid;

/// What a GTID event says of the transaction behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Announced {
    /// Its GTID; `None` when the server has none.
    pub gtid: Option<Gtid>,
    /// Microseconds since 1970: when this server committed it.
    pub committed_micros: Option<u64>,
    /// The connection (MariaDB 11.5 and later).
    pub thread: Option<u32>,
    /// What it is.
    pub shape: Shape,
    /// The XA transaction that it prepares or completes (MariaDB).
    pub xid: Option<Xid>,
    /// Whether it is the beginning of an `ALTER TABLE`, or the end of one that failed (MariaDB): the statement behind
    /// it changed nothing. One that went well is there again.
    pub is_no_alter: bool,
}

/// How the events behind a GTID event hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shape {
    /// MySQL: what follows tells.
    #[default]
    Open,
    /// MariaDB: a transaction, from here to its commit.
    Transaction,
    /// MariaDB: one statement.
    Standalone,
}

/// Names an XA transaction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid {
    /// The number of the format.
    pub format: u32,
    /// The global part.
    pub global: Vec<u8>,
    /// The branch.
    pub branch: Vec<u8>,
}

impl Xid {
    /// An XID of event bodies: format, two lengths, both texts.
    pub(super) fn parse(format: u32, global: u32, branch: u32, rest: &mut Bytes<'_>) -> Result<Self, Broken> {
        if global > 64 || branch > 64 {
            return Err(Broken("an XA transaction of an impossible name"));
        }
        let (global, branch) = (rest.take(global as usize)?.to_vec(), rest.take(branch as usize)?.to_vec());
        Ok(Self { format, global, branch })
    }
}

/// MySQL's GTID and anonymous GTID events.
pub(super) fn mysql(body: &[u8], is_anonymous: bool) -> Result<Announced, Broken> {
    let mut rest = Bytes::new(body);
    let _flags = rest.u8()?;
    let server: [u8; 16] = rest.array()?;
    let number = rest.u64()?;
    let gtid = (!is_anonymous).then_some(Gtid::MySql { server, tag: None, number });
    let mut announced = Announced { gtid, ..Announced::default() };
    if rest.rest().len() >= 17 + 7 && rest.u8()? == 2 {
        let _clocks = rest.take(16)?;
        announced.committed_micros = Some(rest.little(7)? & !(1 << 55));
    }
    Ok(announced)
}

/// MySQL's tagged GTID events: numbered fields with numbers of variable length.
pub(super) fn tagged(body: &[u8]) -> Result<Announced, Broken> {
    let mut rest = Bytes::new(body);
    let version = variable(&mut rest)?;
    let (_size, _last_needed) = (variable(&mut rest)?, variable(&mut rest)?);
    if version != 1 {
        return Err(Broken("a tagged GTID of a newer form"));
    }
    let (mut server, mut number, mut tag, mut committed) = (None, None, None, None);
    while !rest.is_empty() {
        match variable(&mut rest)? {
            1 => {
                let mut uuid = [0; 16];
                for byte in &mut uuid {
                    *byte = variable(&mut rest)? as u8;
                }
                server = Some(uuid);
            }
            2 => number = Some(signed(&mut rest)?),
            3 => tag = tag_of(&mut rest)?,
            6 => committed = Some(variable(&mut rest)?),
            // Flags, clocks, times, lengths and versions are single numbers; of what follows nothing concerns us.
            0 | 4 | 5 | 7..=10 => drop(variable(&mut rest)?),
            _ => break,
        }
    }
    let (Some(server), Some(number)) = (server, number) else { return Err(Broken("a tagged GTID without its number")) };
    let gtid = Some(Gtid::MySql { server, tag, number });
    Ok(Announced { gtid, committed_micros: committed, ..Announced::default() })
}

fn tag_of(rest: &mut Bytes<'_>) -> Result<Option<Box<str>>, Broken> {
    let len = usize::try_from(variable(rest)?).unwrap_or(usize::MAX);
    let bytes = rest.take(len)?;
    let is_tag = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if len > 32 || !bytes.iter().all(is_tag) {
        return Err(Broken("a GTID tag that no server writes"));
    }
    Ok(std::str::from_utf8(bytes).ok().filter(|tag| !tag.is_empty()).map(Box::from))
}

/// A tag in a list of sets: one byte of doubled length, then its letters.
pub(super) fn set_tag(rest: &mut Bytes<'_>) -> Result<Option<Box<str>>, Broken> {
    tag_of(rest)
}

/// A number whose first byte tells by its trailing ones how many bytes follow.
fn variable(rest: &mut Bytes<'_>) -> Result<u64, Broken> {
    let first = rest.u8()?;
    match first.trailing_ones() {
        8 => rest.u64(),
        more => {
            let high = rest.little(more as usize)?;
            Ok(u64::from(first) >> (more + 1) | high.checked_shl(7 - more).unwrap_or(0))
        }
    }
}

/// As [`variable`], with the sign in the lowest bit.
fn signed(rest: &mut Bytes<'_>) -> Result<u64, Broken> {
    let raw = variable(rest)?;
    if raw & 1 == 0 { Ok(raw >> 1) } else { Err(Broken("a GTID below zero")) }
}

const GROUP_COMMIT: u8 = 2;
const STANDALONE: u8 = 1;
const PREPARED_XA: u8 = 64;
const COMPLETED_XA: u8 = 128;
const MULTI_ENGINE: u8 = 1;
const ALTER_BEGINS: u8 = 2;
const ALTER_FAILED: u8 = 8;
const ALTER_END: u8 = 4 | ALTER_FAILED;
const THREAD: u8 = 16;

/// MariaDB's GTID events.
pub(super) fn mariadb(body: &[u8], server: u32) -> Result<Announced, Broken> {
    let mut rest = Bytes::new(body);
    let (sequence, domain, flags) = (rest.u64()?, rest.u32()?, rest.u8()?);
    let shape = if flags & STANDALONE != 0 { Shape::Standalone } else { Shape::Transaction };
    let gtid = Some(Gtid::MariaDb { domain, server, sequence });
    let mut announced = Announced { gtid, shape, ..Announced::default() };
    if flags & GROUP_COMMIT != 0 {
        rest.take(8)?;
    }
    if flags & (PREPARED_XA | COMPLETED_XA) != 0 {
        let (format, global, branch) = (rest.u32()?, rest.u8()?, rest.u8()?);
        announced.xid = Some(Xid::parse(format, global.into(), branch.into(), &mut rest)?);
    }
    if flags & COMPLETED_XA != 0 {
        announced.shape = Shape::Standalone; // the commit or rollback alone; its rows came with the prepare
    }
    if let Ok(extra) = rest.u8() {
        announced.is_no_alter = extra & (ALTER_BEGINS | ALTER_FAILED) != 0;
        announced.thread = thread(extra, &mut rest).unwrap_or(None);
    }
    Ok(announced)
}

/// The connection's number among the fields that newer servers add.
fn thread(extra: u8, rest: &mut Bytes<'_>) -> Result<Option<u32>, Broken> {
    if extra & MULTI_ENGINE != 0 {
        rest.u8()?;
    }
    if extra & ALTER_END != 0 {
        rest.take(8)?;
    }
    if extra & THREAD != 0 { rest.u32().map(Some) } else { Ok(None) }
}
