//! TLS: the trusted authorities and the client certificate.

#[cfg(feature = "tls")]
use std::borrow::Cow;
use std::{
    fmt,
    path::{Path, PathBuf},
};

#[cfg(feature = "tls")]
use session_core::{Error, ErrorKind};

use crate::secret::Secret;

/// TLS for `rediss://` URLs: each part as PEM text or as the path of a PEM file, never both.
///
/// Files are read once, when the store connects; with a [`CredentialsProvider`](crate::CredentialsProvider), for each
/// connection that it gives them for. Field names for serde: `ca` or `ca_file`, `client_certificate` or
/// `client_certificate_file`, `client_key` or `client_key_file`. Each is optional, and a certificate needs its key.
#[derive(Clone, Default)]
#[non_exhaustive]
#[must_use]
pub struct TlsConfig {
    pub(crate) ca: Option<String>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_certificate: Option<String>,
    pub(crate) client_certificate_file: Option<PathBuf>,
    pub(crate) client_key: Option<Secret>,
    pub(crate) client_key_file: Option<PathBuf>,
}

impl TlsConfig {
    /// Trusts the system's authorities and has no client certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the authorities to trust instead of the system's, as PEM text.
    pub fn ca(self, pem: impl Into<String>) -> Self {
        Self { ca: Some(pem.into()), ..self }
    }

    /// Sets the authorities to trust instead of the system's, in a PEM file.
    pub fn ca_file(self, path: impl Into<PathBuf>) -> Self {
        Self { ca_file: Some(path.into()), ..self }
    }

    /// Sets the client's certificate and private key, as PEM text.
    pub fn client(self, certificate: impl Into<String>, key: impl Into<Secret>) -> Self {
        Self { client_certificate: Some(certificate.into()), client_key: Some(key.into()), ..self }
    }

    /// Sets the client's certificate and private key, in PEM files.
    pub fn client_files(self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { client_certificate_file: Some(certificate.into()), client_key_file: Some(key.into()), ..self }
    }
}

impl fmt::Debug for TlsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConfig")
            .field("ca", &self.ca.as_ref().map(|_| "<pem>"))
            .field("ca_file", &self.ca_file.as_deref().map(redacted_path))
            .field("client_certificate", &self.client_certificate.as_ref().map(|_| "<pem>"))
            .field("client_certificate_file", &self.client_certificate_file.as_deref().map(redacted_path))
            .field("client_key", &self.client_key)
            .field("client_key_file", &self.client_key_file.as_deref().map(redacted_path))
            .finish()
    }
}

/// The path as `Debug` prints it, unless it is a key itself, given in place of its file.
fn redacted_path(path: &Path) -> &Path {
    let text = path.to_string_lossy();
    let is_pem = text.contains(['\n', '\r']) || text.contains("-----");
    if is_pem { Path::new("<pem>") } else { path }
}

/// The parsed certificates and keys, for any host.
#[cfg(feature = "tls")]
#[derive(Clone)]
pub(crate) struct Identity(redis::ConnectionAddr);

#[cfg(feature = "tls")]
impl Identity {
    /// Reads and parses all of them, so that a bad certificate is reported before the first connection.
    pub(crate) fn load(config: &TlsConfig) -> Result<Self, Error> {
        install_provider();
        let root_cert = one_of("ca", config.ca.as_deref(), config.ca_file.as_ref())?;
        let certificate = config.client_certificate.as_deref();
        let certificate = one_of("client_certificate", certificate, config.client_certificate_file.as_ref())?;
        let key = config.client_key.as_ref().map(Secret::expose);
        let key = one_of("client_key", key, config.client_key_file.as_ref())?;
        let client_tls = match (certificate, key) {
            (None, None) => None,
            (Some(client_cert), Some(client_key)) => Some(redis::ClientTlsConfig { client_cert, client_key }),
            _ => return Err(refused("a client certificate needs its key; set both or neither")),
        };
        if root_cert.as_ref().is_some_and(|pem| !holds_certificate(pem)) {
            return Err(refused("`tls.ca` holds no certificate; give it as PEM"));
        }
        Self::parse(redis::TlsCertificates { client_tls, root_cert })
    }

    /// redis-rs parses certificates only for a client with a TLS address, so this makes one.
    fn parse(certificates: redis::TlsCertificates) -> Result<Self, Error> {
        let nowhere = redis::ConnectionAddr::TcpTls { host: String::new(), port: 0, insecure: false, tls_params: None };
        // Without the source, which may quote the key.
        let client = redis::Client::build_with_tls(nowhere, certificates)
            .map_err(|_| refused("a TLS certificate or key cannot be read; give both as PEM"))?;
        Ok(Self(client.get_connection_info().addr().clone()))
    }

    /// The address of a host, with this identity.
    pub(crate) fn at(&self, host: &str, port: u16) -> redis::ConnectionAddr {
        let tls_params = match &self.0 {
            redis::ConnectionAddr::TcpTls { tls_params, .. } => tls_params.clone(),
            _ => None,
        };
        redis::ConnectionAddr::TcpTls { host: host.to_owned(), port, insecure: false, tls_params }
    }
}

#[cfg(feature = "tls")]
fn holds_certificate(pem: &[u8]) -> bool {
    const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
    pem.windows(BEGIN.len()).any(|window| window == BEGIN)
}

/// rustls panics unless the process has a provider. A provider chosen by the application is kept.
#[cfg(feature = "tls")]
fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // An error means that another thread has installed one meanwhile.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}

#[cfg(feature = "tls")]
fn one_of(name: &str, text: Option<&str>, path: Option<&PathBuf>) -> Result<Option<Vec<u8>>, Error> {
    match (text, path) {
        (None, None) => Ok(None),
        (Some(text), None) => Ok(Some(text.as_bytes().to_vec())),
        (None, Some(path)) => std::fs::read(path).map(Some).map_err(|error| {
            refused(format!("the file of `tls.{name}_file` cannot be read; check its path and permissions"))
                .with_source(error)
        }),
        (Some(_), Some(_)) => Err(refused(format!("set `tls.{name}` or `tls.{name}_file`, not both"))),
    }
}

#[cfg(feature = "tls")]
fn refused(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
