//! Bodies: read within a time, unpacked within a size, counted against what all of them may hold together.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::limits::Limits;

/// One permit stands for so many bytes.
const GRAIN: usize = 1024;

/// Room that a body takes; given back when dropped.
pub(super) type Room = Vec<OwnedSemaphorePermit>;

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gzip,
    Zstd,
}

/// Why a body is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// More bytes than one request may have.
    TooLarge,
    /// Not packed as its head says.
    Unreadable,
    /// No room now.
    NoRoom,
    /// It took too long, or the connection broke.
    Lost,
}

/// What all bodies may hold together.
#[derive(Clone)]
pub(super) struct Pool(Arc<Semaphore>);

impl Pool {
    pub fn new(limits: &Limits) -> Self {
        Self(Arc::new(Semaphore::new(limits.altogether / GRAIN)))
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let grains = u32::try_from(bytes.div_ceil(GRAIN)).map_err(|_| Refusal::TooLarge)?;
        self.0.clone().try_acquire_many_owned(grains).map_err(|_| Refusal::NoRoom)
    }
}

/// Reads and unpacks a body.
pub(super) async fn read<B>(body: B, packing: Packing, pool: &Pool, limits: &Limits) -> Result<(Vec<u8>, Room), Refusal>
where
    B: Body<Data = bytes::Bytes> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > limits.packed as u64 {
        return Err(Refusal::TooLarge);
    }
    let (packed, room) = collect(body, pool, (limits.packed, limits.body)).await?;
    if packing == Packing::None {
        return Ok((packed, room));
    }
    let most = limits.unpacked;
    let held = pool.take(most.min(packed.len().saturating_mul(64).max(GRAIN)))?;
    let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, packing, most));
    let plain = unpacking.await.map_err(|_| Refusal::Lost)??;
    drop((held, room));
    let room = vec![pool.take(plain.len())?];
    Ok((plain, room))
}

async fn collect<B>(mut body: B, pool: &Pool, (most, time): (usize, Duration)) -> Result<(Vec<u8>, Room), Refusal>
where
    B: Body<Data = bytes::Bytes> + Unpin,
{
    let reading = async {
        let (mut packed, mut room) = (vec![], vec![]);
        let mut covered = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Refusal::Lost)?.into_data() else { continue };
            if packed.len() + data.len() > most {
                return Err(Refusal::TooLarge);
            }
            if packed.len() + data.len() > covered {
                let more = data.len().max(64 * GRAIN);
                room.push(pool.take(more)?);
                covered += more;
            }
            packed.extend_from_slice(&data);
        }
        Ok((packed, room))
    };
    tokio::time::timeout(time, reading).await.unwrap_or(Err(Refusal::Lost))
}

fn unpack(packed: &[u8], packing: Packing, most: usize) -> Result<Vec<u8>, Refusal> {
    let mut plain = Vec::with_capacity(packed.len().saturating_mul(4).min(most));
    let limit = most as u64 + 1;
    let read = match packing {
        Packing::None => return Ok(packed.to_vec()),
        Packing::Gzip => flate2::read::MultiGzDecoder::new(packed).take(limit).read_to_end(&mut plain),
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(packed).and_then(|mut decoder| {
            decoder.window_log_max(23)?;
            decoder.take(limit).read_to_end(&mut plain)
        }),
    };
    read.map_err(|_| Refusal::Unreadable)?;
    if plain.len() > most { Err(Refusal::TooLarge) } else { Ok(plain) }
}
