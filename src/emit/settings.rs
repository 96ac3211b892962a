//! The `OTEL_*` variables that say where telemetry goes.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use hyper_rustls::ConfigBuilderExt;
use miette::Diagnostic;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use crate::report::{Fault, Reportable};

/// What the specification names when nothing is said.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why telemetry of our own cannot be sent. It is said in the log, and nothing else is the worse for it.
#[derive(Debug, Error, Diagnostic)]
pub enum EmitError {
    /// A variable says something that cannot be.
    #[error("{variable} cannot be used: {why}")]
    #[diagnostic(code(emit::settings), help("telemetry is off until it is right; nothing else depends on it"))]
    Variable {
        /// Its name.
        variable: &'static str,
        /// What is wrong, without its value.
        why: &'static str,
    },
    /// A certificate or key cannot be read.
    #[error("{} cannot be used for telemetry", path.display())]
    #[diagnostic(code(emit::certificate), help("it must be PEM and readable; telemetry is off until then"))]
    Certificate {
        /// Where it should be.
        path: PathBuf,
        /// What the machine or the reader says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This machine has no certificates.
    #[error("the certificates of this machine cannot be used")]
    #[diagnostic(code(emit::roots), help("name an authority with OTEL_EXPORTER_OTLP_CERTIFICATE"))]
    Roots(#[source] io::Error),
    /// Keys and certificates do not make a TLS client.
    #[error("the certificates for telemetry do not fit together")]
    #[diagnostic(code(emit::tls), help("check the client's certificate against its key"))]
    Tls(#[source] rustls::Error),
}

impl Reportable for EmitError {
    fn fault(&self) -> Fault {
        Fault::Failed
    }
}

/// How messages are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Plain,
    /// As gzip.
    Gzip,
}

/// Where telemetry goes, and how. No `Debug`: headers often carry a token.
pub struct Settings {
    pub(super) endpoint: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) timeout: Duration,
    pub(super) coding: Coding,
    authority: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
}

/// Whether a variable forbids telemetry, or wants it somewhere else than where we can send it.
fn is_off(lookup: &impl Fn(&str) -> Option<String>) -> bool {
    let said = |name: &str| lookup(name).map(|text| text.trim().to_ascii_lowercase()).filter(|text| !text.is_empty());
    let elsewhere = |exporters: String| exporters.split(',').all(|exporter| exporter.trim() != "otlp");
    let nothing = |sampler: String| {
        let share = said("OTEL_TRACES_SAMPLER_ARG").and_then(|share| share.parse::<f64>().ok());
        let by_share = sampler.ends_with("traceidratio") && share.is_some_and(|share| share <= 0.0);
        sampler.ends_with("always_off") || by_share
    };
    said("OTEL_SDK_DISABLED").is_some_and(|text| text == "true")
        || said("OTEL_TRACES_EXPORTER").is_some_and(elsewhere)
        || said("OTEL_TRACES_SAMPLER").is_some_and(nothing)
}

impl Settings {
    /// Reads the variables with `lookup`; `None`: nothing asks for telemetry, or something forbids it.
    ///
    /// # Errors
    ///
    /// When a variable that matters makes no sense.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, EmitError> {
        let Some(endpoint) = endpoint(&lookup)?.filter(|_| !is_off(&lookup)) else { return Ok(None) };
        let of_traces = |what: &str| {
            let traces = lookup(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}"));
            traces.or_else(|| lookup(&format!("OTEL_EXPORTER_OTLP_{what}")))
        };
        if of_traces("PROTOCOL").is_some_and(|protocol| protocol != "http/protobuf") {
            let why = "only http/protobuf is spoken here";
            return Err(EmitError::Variable { variable: "OTEL_EXPORTER_OTLP_PROTOCOL", why });
        }
        let timeout = of_traces("TIMEOUT").map(|text| text.trim().parse().map(Duration::from_millis));
        let timeout = timeout.unwrap_or(Ok(TIMEOUT)).map_err(|_| {
            let why = "it must be a number of milliseconds";
            EmitError::Variable { variable: "OTEL_EXPORTER_OTLP_TIMEOUT", why }
        })?;
        let certificate = of_traces("CLIENT_CERTIFICATE").map(PathBuf::from);
        Ok(Some(Self {
            endpoint,
            headers: of_traces("HEADERS").map(|text| headers(&text)).transpose()?.unwrap_or_default(),
            timeout,
            coding: if of_traces("COMPRESSION").as_deref() == Some("gzip") { Coding::Gzip } else { Coding::Plain },
            authority: of_traces("CERTIFICATE").map(PathBuf::from),
            client: certificate.zip(of_traces("CLIENT_KEY").map(PathBuf::from)),
        }))
    }

    /// Scheme, host and path, without what may be a secret.
    pub fn endpoint_in_words(&self) -> String {
        let (scheme, host) = (self.endpoint.scheme_str().unwrap_or("http"), self.endpoint.host().unwrap_or_default());
        let port = self.endpoint.port_u16().map_or_else(String::new, |port| format!(":{port}"));
        format!("{scheme}://{host}{port}{}", self.endpoint.path())
    }

    pub(super) fn coded(&self, message: Bytes) -> Bytes {
        if self.coding == Coding::Plain {
            return message;
        }
        let mut packed = vec![];
        let mut encoder = flate2::read::GzEncoder::new(&message[..], flate2::Compression::fast());
        match io::Read::read_to_end(&mut encoder, &mut packed) {
            Ok(_) => packed.into(),
            Err(_) => message,
        }
    }

    /// What the settings say of TLS; `None`: the machine's own authorities.
    pub(super) fn tls(&self) -> Result<Option<ClientConfig>, EmitError> {
        if self.authority.is_none() && self.client.is_none() {
            return Ok(None);
        }
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().map_err(EmitError::Tls)?;
        let config = match &self.authority {
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(EmitError::Tls)?;
                }
                config.with_root_certificates(roots)
            }
            None => config.with_native_roots().map_err(EmitError::Roots)?,
        };
        let Some((certificate, key)) = &self.client else { return Ok(Some(config.with_no_client_auth())) };
        let private = PrivateKeyDer::from_pem_file(key).map_err(|source| unreadable(key, source))?;
        config.with_client_auth_cert(certificates(certificate)?, private).map(Some).map_err(EmitError::Tls)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, EmitError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: rustls::pki_types::pem::Error) -> EmitError {
    EmitError::Certificate { path: path.to_owned(), source: Box::new(source) }
}

/// The endpoint for traces: as it is where it is named for them, else with the path that the protocol adds.
fn endpoint(lookup: &impl Fn(&str) -> Option<String>) -> Result<Option<Uri>, EmitError> {
    const TRACES: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    const ALL: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let (variable, text) = match (lookup(TRACES), lookup(ALL)) {
        (Some(text), _) => (TRACES, text),
        (None, Some(text)) => (ALL, format!("{}/v1/traces", text.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    let uri: Option<Uri> = text.trim().parse().ok();
    let usable = uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    let why = "it must be a URL that begins with http:// or https://";
    usable.map(Some).ok_or(EmitError::Variable { variable, why })
}

/// `name=value,name=value`, values percent-encoded.
fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, EmitError> {
    let why = "it must be name=value pairs with commas between";
    let broken = || EmitError::Variable { variable: "OTEL_EXPORTER_OTLP_HEADERS", why };
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or_else(broken)?;
            let name = name.trim().parse().map_err(|_| broken())?;
            let mut value = HeaderValue::from_bytes(&decoded(value.trim())).map_err(|_| broken())?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

/// Text with its percent-encoding undone; a percent sign that begins none stands for itself.
pub fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        match hex.and_then(|hex| data_encoding::HEXLOWER_PERMISSIVE.decode(hex).ok()) {
            Some(byte) => {
                plain.extend_from_slice(&byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    plain
}
