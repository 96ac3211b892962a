//! Sending telemetry of our own to an OTLP endpoint, if the environment names one: best effort, never in anyone's way.

mod settings;

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::mpsc;

pub use crate::emit::settings::{Coding, EmitError, Settings, decoded};

/// Messages that wait to be sent; what does not fit is dropped, and counted.
const WAITING: usize = 64;
/// Bytes of an answer that are looked at.
const ANSWER: usize = 64 << 10;
/// Between two attempts, unless the endpoint names a time.
const PAUSE: Duration = Duration::from_millis(500);

/// Sends messages one after the other from a task of its own.
#[derive(Debug)]
pub struct Emitter {
    queue: mpsc::Sender<Bytes>,
    task: tokio::task::JoinHandle<()>,
}

impl Emitter {
    /// Starts the task that sends; must be called inside a runtime.
    ///
    /// # Errors
    ///
    /// When the machine's certificates, or those that the settings name, cannot be used.
    pub fn start(settings: Settings) -> Result<Self, EmitError> {
        let client = client(&settings)?;
        let (queue, mut waiting) = mpsc::channel::<Bytes>(WAITING);
        let task = tokio::spawn(async move {
            while let Some(message) = waiting.recv().await {
                if let Err(why) = deliver(&client, &settings, message).await {
                    tracing::warn!("telemetry was not taken by {}: {why}", settings.endpoint_in_words());
                }
            }
        });
        Ok(Self { queue, task })
    }

    /// Takes an encoded `ExportTraceServiceRequest`; whether there was room for it.
    pub fn offer(&self, message: Vec<u8>) -> bool {
        let taken = self.queue.try_send(message.into()).is_ok();
        if !taken {
            tracing::warn!("telemetry was dropped: its endpoint is too slow, or gone");
        }
        taken
    }

    /// Waits until everything that was offered has been sent, no longer than `patience`.
    pub async fn flush(self, patience: Duration) {
        let Self { queue, task } = self;
        drop(queue);
        let stop = task.abort_handle();
        if tokio::time::timeout(patience, task).await.is_err() {
            stop.abort();
            tracing::warn!("telemetry was left unsent at the end");
        }
    }
}

type Sender = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

fn client(settings: &Settings) -> Result<Sender, EmitError> {
    let builder = HttpsConnectorBuilder::new();
    let connector = match settings.tls()? {
        Some(config) => builder.with_tls_config(config),
        None => builder
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(EmitError::Roots)?,
    };
    Ok(Client::builder(TokioExecutor::new()).build(connector.https_or_http().enable_http1().build()))
}

/// Sends one message, again and again within its time as long as the endpoint asks for that.
async fn deliver(client: &Sender, settings: &Settings, message: Bytes) -> Result<(), String> {
    let body = settings.coded(message);
    let until = Instant::now() + settings.timeout;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let attempt = tokio::time::timeout(left, attempt(client, settings, body.clone())).await;
        let wait = match attempt {
            Ok(Answer::Taken) => return Ok(()),
            Ok(Answer::Refused(why)) => return Err(why),
            Ok(Answer::Later(wait)) => wait.unwrap_or(PAUSE),
            Err(_) => return Err("no answer in time".to_owned()),
        };
        if Instant::now() + wait >= until {
            return Err("it asks to try later, beyond the time there is".to_owned());
        }
        tokio::time::sleep(wait).await;
    }
}

enum Answer {
    Taken,
    /// It is of no use to try again.
    Refused(String),
    /// Try again, after this long if it was said.
    Later(Option<Duration>),
}

async fn attempt(client: &Sender, settings: &Settings, body: Bytes) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri(settings.endpoint.clone());
    request = request.header(CONTENT_TYPE, "application/x-protobuf");
    request = request.header(USER_AGENT, concat!("breakglass/", env!("CARGO_PKG_VERSION")));
    if settings.coding == Coding::Gzip {
        request = request.header(CONTENT_ENCODING, "gzip");
    }
    for (name, value) in &settings.headers {
        request = request.header(name, value);
    }
    let request = match request.body(Full::new(body)) {
        Ok(request) => request,
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let response = match client.request(request).await {
        Ok(response) => response,
        Err(error) if error.is_connect() => return Answer::Later(None),
        Err(error) => return Answer::Refused(error.to_string()),
    };
    let (status, headers) = (response.status(), response.headers().clone());
    // The connection can be used again only when the answer has been read.
    let _ = Limited::new(response.into_body(), ANSWER).collect().await;
    match status {
        status if status.is_success() => Answer::Taken,
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            Answer::Later(seconds.map(Duration::from_secs))
        }
        status => Answer::Refused(format!("it answers {status}")),
    }
}
