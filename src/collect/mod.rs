//! Receiving telemetry over HTTP: OTLP, and the two requests of DBacked's agent.
//!
//! This room knows requests, limits and answers; what is in a body is its handler's matter. It answers "stored" only
//! once the handler says so. Everything that a sender can make large or slow is bounded: connections, requests per
//! client, bytes per request and altogether, and the time for each step.

mod answer;
mod body;
mod error;
mod foreign;
mod limits;
mod patient;
mod request;
mod seats;
mod serve;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use async_trait::async_trait;

pub use self::error::CollectError;
pub use self::limits::{Counts, Limits};
pub use self::serve::Receiver;

/// Where and how to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Address and port; port 0 takes any that is free.
    pub address: SocketAddr,
    /// A certificate, which addresses beyond loopback demand.
    pub tls: Option<TlsFiles>,
    /// Which requests are understood.
    pub paths: Paths,
}

/// Files in PEM. The key stays in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and its root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Roots of the certificates that clients must show; `None`: anybody may send.
    pub clients: Option<PathBuf>,
}

/// Which requests a listener understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paths {
    /// `/v1/traces`, `/engines/telemetry/{instance}/traces` and `/log`.
    Otlp,
    /// As above, and OTLP under every other path too.
    AnyOtlp,
    /// `PUT /backupChecks` and `PUT /backupAnalytics`.
    Beacons,
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// OTLP traces.
    Traces(Coding),
    /// Log lines in JSON, as mysql-backup sent them before version 1.0.
    Log,
    /// DBacked: a backup was made.
    Check,
    /// DBacked: how long it took.
    Analytics,
}

/// How traces are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// A request's body, unpacked, whole.
pub struct Delivery {
    /// What it carries.
    pub kind: Kind,
    /// The bytes.
    pub body: Vec<u8>,
    /// Who sent it.
    pub client: IpAddr,
    /// Counts against what all requests may hold together, until this is dropped.
    #[expect(dead_code, reason = "room is given back when the delivery is dropped")]
    room: body::Room,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It is stored, for good. So many spans could not be used, and why.
    Stored {
        /// How many.
        refused: u64,
        /// In words.
        why: String,
    },
    /// Not now: the sender shall try again.
    Busy,
    /// It cannot be read; sending it again does not help.
    Unreadable(String),
    /// It holds too much at once; sending it again does not help.
    TooLarge(String),
    /// It could not be stored; sending it again may help.
    Failed(String),
}

/// Takes deliveries.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Takes one, and answers when it is stored or cannot be. Must not wait for long: [`Reply::Busy`] is an answer.
    async fn deliver(&self, delivery: Delivery) -> Reply;
}
