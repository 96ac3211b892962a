//! TLS of the receiver, from files in PEM.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use super::{CollectError, TlsFiles};

pub(super) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, CollectError> {
    let chain = certificates(&files.certificate)?;
    let key = private_key(&files.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let odd = |path: &Path| {
        let path = path.to_owned();
        move |error: &dyn std::fmt::Display| CollectError::Certificate { path, what: error.to_string() }
    };
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| odd(&files.certificate)(&error))?;
    let builder = match &files.clients {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|error| odd(path)(&error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| odd(path)(&error))?)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(|error| odd(&files.certificate)(&error))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, CollectError> {
    let unreadable =
        |error: std::io::Error| CollectError::Certificate { path: path.to_owned(), what: error.to_string() };
    fs::read(path).map(Zeroizing::new).map_err(unreadable)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CollectError> {
    let none = || CollectError::Certificate { path: path.to_owned(), what: "there is no certificate in it".to_owned() };
    let text = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(none)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CollectError> {
    let none =
        |_| CollectError::Certificate { path: path.to_owned(), what: "there is no private key in it".to_owned() };
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(none)
}
