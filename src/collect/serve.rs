//! Listening, one task per connection, and an end that loses nothing which was accepted.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, empty, failure, later, of_refusal, of_reply};
use super::body::{self, Pool};
use super::foreign::{Speaks, refuse_http2, speaks};
use super::limits::{Counts, Limits, Rate};
use super::patient::Patient;
use super::request::{Asked, asked};
use super::seats::{Doing, Seat, Seats};
use super::{CollectError, Delivery, Handler, Kind, Listen, Paths, Reply, tls};

/// After an `accept` that failed: no file descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener that has its port and does not serve yet.
pub struct Receiver {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    desk: Arc<Desk>,
}

/// What all connections share.
struct Desk {
    paths: Paths,
    limits: Limits,
    rate: Rate,
    pool: Pool,
    seats: Arc<Seats>,
    counts: Arc<Counts>,
}

impl Receiver {
    /// Takes the port.
    ///
    /// # Errors
    ///
    /// [`CollectError::NeedsTls`] for an address beyond loopback without a certificate; else what is wrong with the
    /// certificate or the port.
    pub async fn bind(listen: &Listen, limits: Limits, counts: Arc<Counts>) -> Result<Self, CollectError> {
        let address = listen.address;
        let tls = match &listen.tls {
            None if !address.ip().to_canonical().is_loopback() => return Err(CollectError::NeedsTls { address }),
            None => None,
            Some(files) => Some(tls::acceptor(files)?),
        };
        let bound = TcpListener::bind(address).await;
        let listener = bound.map_err(|source| CollectError::Bind { address, source })?;
        let address = listener.local_addr().map_err(|source| CollectError::Bind { address, source })?;
        let desk = Desk {
            paths: listen.paths,
            rate: Rate::new(limits.requests_per_second),
            pool: Pool::new(&limits),
            seats: Arc::default(),
            limits,
            counts,
        };
        Ok(Self { listener, address, tls, desk: Arc::new(desk) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `cancel`; then takes no more connections and waits, for a few seconds, for requests under way.
    pub async fn serve(self, handler: Arc<dyn Handler>, cancel: CancellationToken) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let client = peer.ip().to_canonical();
            let Some(seat) = self.desk.seats.enter(client, &self.desk.limits, Instant::now()) else {
                Counts::add(&self.desk.counts.put_off);
                continue; // dropped: a sender tries again
            };
            let visit = Visit { desk: self.desk.clone(), handler: handler.clone(), client, seat };
            connections.spawn(visit.run(stream, self.tls.clone(), cancel.clone()));
        }
        drop(self.listener);
        let all = async { while connections.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(self.desk.limits.stop, all).await;
    }
}

/// One connection.
struct Visit {
    desk: Arc<Desk>,
    handler: Arc<dyn Handler>,
    client: IpAddr,
    seat: Seat,
}

impl Visit {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>, cancel: CancellationToken) {
        let _ = stream.set_nodelay(true);
        tokio::select! {
            () = self.seat.leave.cancelled() => {} // somebody else needs the place more
            () = self.greet(stream, tls, cancel) => {}
        }
    }

    async fn greet(&self, stream: TcpStream, tls: Option<TlsAcceptor>, cancel: CancellationToken) {
        if tls.is_none() {
            let first = tokio::select! {
                () = cancel.cancelled() => return,
                first = tokio::time::timeout(self.desk.limits.head, speaks(&stream)) => first,
            };
            let Ok(Ok(speaks)) = first else { return };
            if speaks != Speaks::Http {
                Counts::add(&self.desk.counts.foreign);
            }
            if speaks == Speaks::Http2 {
                let _ = tokio::time::timeout(self.desk.limits.body, refuse_http2(stream)).await;
                return;
            }
        }
        self.welcome(Patient::new(stream, self.desk.limits.body), tls, cancel).await;
    }

    async fn welcome(&self, stream: Patient<TcpStream>, tls: Option<TlsAcceptor>, cancel: CancellationToken) {
        match tls {
            None => self.speak(stream, cancel).await,
            Some(tls) => {
                let shaken = tokio::time::timeout(self.desk.limits.head, tls.accept(stream)).await;
                if let Ok(Ok(stream)) = shaken {
                    self.speak(stream, cancel).await;
                }
            }
        }
    }

    async fn speak(&self, stream: impl AsyncRead + AsyncWrite + Unpin, cancel: CancellationToken) {
        let service = service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.desk.limits.head)
            .max_buf_size(64 << 10)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = cancel.cancelled() => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let counts = &self.desk.counts;
        if let Err(seconds) = self.desk.rate.take(self.client, Instant::now()) {
            Counts::add(&counts.put_off);
            return later(StatusCode::TOO_MANY_REQUESTS, "too many requests", None, seconds);
        }
        let (head, body) = request.into_parts();
        let (kind, packing) = match asked(&head.method, head.uri.path(), &head.headers, self.desk.paths) {
            Asked::Probe => return empty(StatusCode::OK),
            Asked::Refuse(status, why) => {
                Counts::add(&counts.refused);
                return failure(status, why, None);
            }
            Asked::Take(kind, packing) => (kind, packing),
        };
        self.seat.turns_to(Doing::Reading, Instant::now());
        let read = body::read(body, packing, &self.desk.pool, &self.desk.limits).await;
        self.seat.turns_to(Doing::Storing, Instant::now());
        let answer = match read {
            Ok((body, room)) => self.hand_over(kind, body, room).await,
            Err(refusal) => {
                let put_off = refusal == body::Refusal::NoRoom;
                Counts::add(if put_off { &counts.put_off } else { &counts.refused });
                of_refusal(refusal, kind)
            }
        };
        self.seat.turns_to(Doing::Nothing, Instant::now());
        answer
    }

    async fn hand_over(&self, kind: Kind, body: Vec<u8>, room: body::Room) -> Answer {
        let delivery = Delivery { kind, body, client: self.client, room };
        let reply = self.handler.deliver(delivery).await;
        let counts = &self.desk.counts;
        let counter = match reply {
            Reply::Stored { .. } => &counts.stored,
            Reply::Busy | Reply::Failed(_) => &counts.put_off,
            Reply::Unreadable(_) | Reply::TooLarge(_) => &counts.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        of_reply(&reply, kind)
    }
}
