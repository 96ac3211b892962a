//! How much TLS a connection demands, and with which certificates.

use std::fs;
use std::io;
use std::path::Path;

use mysql_async::{ClientIdentity, SslOpts};

use crate::model::sink::{ServerAddress, TlsMode};
use crate::server::error::ServerError;
use crate::server::options::ClientFiles;

/// The name to ask for where any name will do.
///
/// `mysql_async` 0.37 means to skip the check of the name when the error's text contains
/// `NotValidForName`, but rustls 0.23 words it otherwise by now, except for the name that was asked for.
/// With this one the skipping works as meant: chain, dates and signatures are checked before the name.
pub(crate) const ANY_NAME: &str = "NotValidForName";

/// What a connection demands of TLS.
#[derive(Clone)]
pub(crate) enum Demand {
    /// None: a socket, loopback, or told so.
    Plain,
    /// TLS if the server offers it, else none. Proves nothing about who answers.
    IfOffered(SslOpts),
    /// TLS with a certificate that a trusted authority signed, for whatever name.
    Signed(SslOpts),
    /// TLS or no connection.
    Always(SslOpts),
}

/// Certificates as the server's settings and the option file name them.
pub(crate) struct Certificates<'a> {
    /// Root certificates in PEM.
    pub(crate) ca: Option<&'a Path>,
    /// The client's own.
    pub(crate) client: &'a ClientFiles,
}

/// Turns a mode into a demand; reads the certificates named.
///
/// Sockets never use TLS: what they carry does not leave the machine. With `Auto`, loopback does not
/// either, any other address demands it: any certificate without a CA, signed by it and naming the host
/// with one. `verify-ca` and `verify-identity` without a CA trust Mozilla's roots; with one, only it.
pub(crate) fn demand(
    mode: TlsMode,
    address: &ServerAddress,
    certificates: &Certificates<'_>,
) -> Result<Demand, ServerError> {
    let ServerAddress::Tcp { host, .. } = address else { return Ok(Demand::Plain) };
    let mode = match mode {
        TlsMode::Auto if is_loopback(host) => TlsMode::Disabled,
        TlsMode::Auto if certificates.ca.is_some() => TlsMode::VerifyIdentity,
        TlsMode::Auto => TlsMode::Required,
        told => told,
    };
    Ok(match mode {
        TlsMode::Disabled => Demand::Plain,
        TlsMode::Preferred => {
            Demand::IfOffered(client(SslOpts::default(), certificates)?.with_danger_accept_invalid_certs(true))
        }
        TlsMode::VerifyCa => Demand::Signed(trusting(certificates)?.with_danger_skip_domain_validation(true)),
        TlsMode::VerifyIdentity => Demand::Always(trusting(certificates)?),
        TlsMode::Auto | TlsMode::Required => {
            Demand::Always(client(SslOpts::default(), certificates)?.with_danger_accept_invalid_certs(true))
        }
    })
}

fn trusting(certificates: &Certificates<'_>) -> Result<SslOpts, ServerError> {
    let options = client(SslOpts::default(), certificates)?;
    Ok(match certificates.ca {
        Some(ca) => options.with_root_certs(vec![read(ca)?.into()]).with_disable_built_in_roots(true),
        None => options,
    })
}

fn client(options: SslOpts, certificates: &Certificates<'_>) -> Result<SslOpts, ServerError> {
    let ClientFiles { certificate: Some(certificate), key: Some(key) } = certificates.client else {
        return Ok(options);
    };
    let identity = ClientIdentity::new(read(certificate)?.into(), read(key)?.into());
    Ok(options.with_client_identity(Some(identity)))
}

fn read(path: &Path) -> Result<Vec<u8>, ServerError> {
    fs::read(path).map_err(|source| ServerError::Unreadable { path: path.to_owned(), source })
}

/// The TLS library's error, where an I/O error carries one.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Whether all that is wrong with a certificate is the name in it.
pub(crate) fn is_about_the_name(error: &io::Error) -> bool {
    use rustls::CertificateError::{NotValidForName, NotValidForNameContext};
    matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. })))
}

/// Whether a host is this machine, by its spelling: a name is not looked up for that.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}
