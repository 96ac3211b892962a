//! How much a sender may ask for, and what has been asked for so far.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clients that are remembered; the one that was quiet longest is forgotten first.
const CLIENTS: usize = 4096;

/// What is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second of one client; twice as many may come at once.
    pub requests_per_second: u32,
    /// Bytes of a request as it is sent.
    pub packed: usize,
    /// Bytes of a request once it is unpacked.
    pub unpacked: usize,
    /// Bytes of all requests that are being read or wait to be stored.
    pub altogether: usize,
    /// Connections at a time.
    pub connections: usize,
    /// Connections of one client at a time, unless it is this machine.
    pub connections_per_client: usize,
    /// For a TLS handshake, and for a request's head.
    pub head: Duration,
    /// For a request's body, and for the client to take a part of an answer.
    pub body: Duration,
    /// For requests under way when the receiver is to stop.
    pub stop: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_per_second: 100,
            // As much as a Collector's own receiver takes.
            packed: 20 << 20,
            unpacked: 20 << 20,
            // What spans take in memory comes on top.
            altogether: 24 << 20,
            connections: 256,
            connections_per_client: 64,
            head: Duration::from_secs(30),
            body: Duration::from_secs(30),
            stop: Duration::from_secs(5),
        }
    }
}

/// What has arrived so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were stored.
    pub stored: AtomicU64,
    /// Requests that were turned away: unreadable, too large, unknown.
    pub refused: AtomicU64,
    /// Requests that were put off: too many, or no room.
    pub put_off: AtomicU64,
    /// Connections that spoke another protocol: HTTP/2, as gRPC does, or TLS where there is none.
    pub foreign: AtomicU64,
}

impl Counts {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Tokens per client: each request takes one, and they come back with time.
pub(super) struct Rate {
    per_second: f64,
    clients: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Rate {
    pub fn new(per_second: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), clients: Mutex::default() }
    }

    /// Whether one more request of this client is fine; else after how many seconds.
    pub fn take(&self, client: IpAddr, now: Instant) -> Result<(), u64> {
        let most = self.per_second * 2.0;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS && !clients.contains_key(&network(client)) {
            let quietest = clients.iter().min_by_key(|(_, bucket)| bucket.at).map(|(client, _)| *client);
            quietest.map(|client| clients.remove(&client));
        }
        let bucket = clients.entry(network(client)).or_insert(Bucket { tokens: most, at: now });
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(most);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(((1.0 - bucket.tokens) / self.per_second).ceil().max(1.0) as u64);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

/// A client is an address; of IPv6, where one has as many as one likes, its network.
pub(super) fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_asks_too_often_waits_and_others_do_not() {
        let (rate, start) = (Rate::new(10), Instant::now());
        let [busy, other] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        assert!((0..20).all(|_| rate.take(busy, start).is_ok()));
        assert_eq!(rate.take(busy, start), Err(1));
        assert_eq!(rate.take(other, start), Ok(()));
        assert_eq!(rate.take(busy, start + Duration::from_millis(150)), Ok(()));
        assert_eq!(rate.take(busy, start + Duration::from_millis(150)), Err(1));
    }

    #[test]
    fn the_addresses_of_one_network_are_one_client() {
        let (rate, start) = (Rate::new(1), Instant::now());
        let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        assert!(rate.take(address(1), start).is_ok() && rate.take(address(2), start).is_ok());
        assert!(rate.take(address(3), start).is_err());
    }

    #[test]
    fn so_many_clients_are_remembered_and_no_more() {
        let (rate, start) = (Rate::new(1), Instant::now());
        for number in 0..10_000_u32 {
            assert!(rate.take(IpAddr::from(number.to_be_bytes()), start).is_ok());
        }
        assert_eq!(rate.clients.lock().unwrap().len(), CLIENTS);
    }
}
