//! Receiving: the ports, the thread that stores, and their end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::writer;
use super::writer::{Desk, Thread, Totals};
use crate::collect::{Counts, Limits, Listen, Paths, Receiver, TlsFiles};
use crate::report::{Fault, Report, Reportable};
use crate::work::session::Session;

/// What is to be received, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectWishes {
    /// For OTLP.
    pub listen: SocketAddr,
    /// For DBacked's beacons.
    pub beacons: Option<SocketAddr>,
    /// OTLP under every path.
    pub any_path: bool,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Roots of the certificates that clients must show.
    pub client_ca: Option<PathBuf>,
    /// Requests a second of one client.
    pub rate: u32,
}

/// A port that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listening {
    /// `http://127.0.0.1:4318`.
    pub url: String,
    /// `otlp` or `beacons`.
    pub receives: &'static str,
}

/// What has arrived so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Arrived {
    /// Requests that were stored.
    pub requests: u64,
    /// Requests that were turned away: unreadable, too large, under another path.
    pub requests_refused: u64,
    /// Requests that were asked to come again.
    pub requests_put_off: u64,
    /// Connections that spoke another protocol: HTTP/2, as gRPC does, or TLS where there is none.
    pub connections_foreign: u64,
    /// Spans that are new.
    pub spans: u64,
    /// Spans that were known already.
    pub spans_known: u64,
    /// Spans beyond what is kept of one trace.
    pub spans_left_out: u64,
    /// Spans that cannot be used.
    pub spans_refused: u64,
    /// Spans of programs that have nothing to do with backups.
    pub spans_foreign: u64,
    /// Runs that are new.
    pub runs: u64,
    /// Runs of which more became known.
    pub runs_changed: u64,
}

/// Ports that are open and wait to be served.
pub struct Collecting {
    receivers: Vec<Receiver>,
    listening: Vec<Listening>,
    desk: Desk,
    thread: Thread,
    counts: Arc<Counts>,
    totals: Arc<Totals>,
}

impl Session {
    /// Opens the ports and the history.
    ///
    /// # Errors
    ///
    /// When a port is taken, an address beyond loopback has no certificate, or the history cannot be opened.
    pub async fn collect(&self, wishes: CollectWishes) -> Result<Collecting, Report> {
        let counts = Arc::new(Counts::default());
        let limits = Limits { requests_per_second: wishes.rate, ..Limits::default() };
        let tls = wishes.tls.map(|(certificate, key)| TlsFiles { certificate, key, clients: wishes.client_ca });
        let paths = if wishes.any_path { Paths::AnyOtlp } else { Paths::Otlp };
        let otlp = Listen { address: wishes.listen, tls: tls.clone(), paths };
        let beacons = wishes.beacons.map(|address| Listen { address, tls: None, paths: Paths::Beacons });
        let (mut receivers, mut listening) = (vec![], vec![]);
        for listen in [Some(otlp), beacons].into_iter().flatten() {
            let receiver = Receiver::bind(&listen, limits, counts.clone()).await.map_err(|error| error.report())?;
            let scheme = if listen.tls.is_some() { "https" } else { "http" };
            let receives = if listen.paths == Paths::Beacons { "beacons" } else { "otlp" };
            listening.push(Listening { url: format!("{scheme}://{}", receiver.address()), receives });
            receivers.push(receiver);
        }
        let session = self.clone();
        let opening = tokio::task::spawn_blocking(move || session.writing_store()).await;
        let store = opening.map_err(|error| Report::new(Fault::Failed, "collect::died", error, ""))??;
        let totals = Arc::new(Totals::default());
        let started = writer::start(store, totals.clone());
        let (desk, thread) = started.map_err(|error| Report::new(Fault::Failed, "collect::thread", error, ""))?;
        Ok(Collecting { receivers, listening, desk, thread, counts, totals })
    }
}

impl Collecting {
    /// The open ports.
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Looks at what has arrived, while it is served.
    pub fn watch(&self) -> impl Fn() -> Arrived + Send + Sync + 'static {
        let (counts, totals) = (self.counts.clone(), self.totals.clone());
        move || arrived(&counts, &totals)
    }

    /// Serves until `cancel`, then finishes the requests under way and stores what waits. What arrived.
    ///
    /// # Errors
    ///
    /// When whoever stores has died: the ports are closed then, so that senders and whoever watches us notice.
    pub async fn serve(self, cancel: CancellationToken) -> Result<Arrived, Report> {
        let Self { receivers, desk, thread, counts, totals, .. } = self;
        let stop = cancel.child_token();
        let all = receivers.into_iter().map(|receiver| receiver.serve(Arc::new(desk.clone()), stop.clone()));
        let mut serving = pin!(futures_util::future::join_all(all.collect::<Vec<_>>()));
        tokio::select! {
            _ = serving.as_mut() => {}
            () = thread.over.cancelled() => {
                stop.cancel();
                serving.await;
            }
        }
        drop(desk);
        let ended = tokio::task::spawn_blocking(move || thread.handle.join()).await;
        if matches!(ended, Ok(Ok(()))) {
            return Ok(arrived(&counts, &totals));
        }
        let advice = "start it again; what was answered with 200 is stored, and senders send the rest again";
        Err(Report::new(Fault::Failed, "collect::died", "the thread that stores what arrives has died", advice))
    }
}

fn arrived(counts: &Counts, totals: &Totals) -> Arrived {
    let now = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    Arrived {
        requests: now(&counts.stored),
        requests_refused: now(&counts.refused),
        requests_put_off: now(&counts.put_off),
        connections_foreign: now(&counts.foreign),
        spans: now(&totals.spans),
        spans_known: now(&totals.known),
        spans_left_out: now(&totals.beyond),
        spans_refused: now(&totals.refused),
        spans_foreign: now(&totals.foreign),
        runs: now(&totals.runs),
        runs_changed: now(&totals.changed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn when_the_thread_that_stores_dies_the_ports_close_and_it_is_a_failure() {
        let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None, paths: Paths::Otlp };
        let counts = Arc::new(Counts::default());
        let receiver = Receiver::bind(&listen, Limits::default(), counts.clone()).await.unwrap();
        let address = receiver.address();
        let (desk, thread) = writer::start_with(|_tasks| panic!("the store is gone")).unwrap();
        let totals = Arc::new(Totals::default());
        let collecting = Collecting { receivers: vec![receiver], listening: vec![], desk, thread, counts, totals };
        let failed = collecting.serve(CancellationToken::new()).await.unwrap_err();
        assert_eq!((failed.fault, failed.code.as_str()), (Fault::Failed, "collect::died"));
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
