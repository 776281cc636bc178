//! Certificates made on the spot.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::workdir::Workdir;

/// An authority, a certificate of a server and one of a client, as text and as files. Clones share the files.
#[derive(Clone, Debug)]
pub struct Certificates {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: Workdir,
    ca: String,
    server: Pair,
    client: Pair,
}

#[derive(Debug)]
struct Pair {
    cert: String,
    key: String,
}

impl Certificates {
    /// Certificates of a new authority, for `localhost`, `127.0.0.1` and `::1`.
    #[must_use]
    pub fn new() -> Self {
        Self::build(&["localhost", "127.0.0.1", "::1"], false)
    }

    /// The same under a different authority, for clients that must refuse the server, or the server them.
    #[must_use]
    pub fn another_authority() -> Self {
        Self::new()
    }

    /// A server certificate for other names, which a client that checks names must refuse.
    #[must_use]
    pub fn for_names(names: &[&str]) -> Self {
        Self::build(names, false)
    }

    /// Certificates that ran out in the year 2001.
    #[must_use]
    pub fn expired() -> Self {
        Self::build(&["localhost", "127.0.0.1", "::1"], true)
    }

    fn build(names: &[&str], expired: bool) -> Self {
        let ca = authority();
        let server = leaf(&ca, names, ExtendedKeyUsagePurpose::ServerAuth, expired);
        let client = leaf(&ca, &["session-testkit-client"], ExtendedKeyUsagePurpose::ClientAuth, expired);
        let ca = ca.pem();
        let dir = Workdir::new();
        dir.write("ca.pem", &ca);
        for (name, pair) in [("server", &server), ("client", &client)] {
            dir.write(&format!("{name}.pem"), &pair.cert);
            dir.write(&format!("{name}.key"), &pair.key);
        }
        Self { inner: Arc::new(Inner { dir, ca, server, client }) }
    }

    /// The authority's certificate, as PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.inner.ca
    }

    /// The server's certificate, as PEM.
    #[must_use]
    pub fn server_cert_pem(&self) -> &str {
        &self.inner.server.cert
    }

    /// The server's private key, as PEM.
    #[must_use]
    pub fn server_key_pem(&self) -> &str {
        &self.inner.server.key
    }

    /// The client's certificate, as PEM.
    #[must_use]
    pub fn client_cert_pem(&self) -> &str {
        &self.inner.client.cert
    }

    /// The client's private key, as PEM.
    #[must_use]
    pub fn client_key_pem(&self) -> &str {
        &self.inner.client.key
    }

    /// The file with the authority's certificate.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.dir().join("ca.pem")
    }

    /// The file with the server's certificate.
    #[must_use]
    pub fn server_cert_file(&self) -> PathBuf {
        self.dir().join("server.pem")
    }

    /// The file with the server's private key.
    #[must_use]
    pub fn server_key_file(&self) -> PathBuf {
        self.dir().join("server.key")
    }

    /// The file with the client's certificate.
    #[must_use]
    pub fn client_cert_file(&self) -> PathBuf {
        self.dir().join("client.pem")
    }

    /// The file with the client's private key.
    #[must_use]
    pub fn client_key_file(&self) -> PathBuf {
        self.dir().join("client.key")
    }

    fn dir(&self) -> &Path {
        self.inner.dir.path()
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

const MADE: &str = "a certificate can be made";

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "session-testkit authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect(MADE)).expect(MADE)
}

fn leaf(ca: &CertifiedIssuer<'_, KeyPair>, names: &[&str], purpose: ExtendedKeyUsagePurpose, expired: bool) -> Pair {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let common = names.first().cloned().unwrap_or_default();
    let mut params = CertificateParams::new(names).expect("names of hosts, or addresses");
    params.distinguished_name.push(DnType::CommonName, common);
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    if expired {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    let key = KeyPair::generate().expect(MADE);
    let cert = params.signed_by(&key, ca).expect(MADE);
    Pair { cert: cert.pem(), key: key.serialize_pem() }
}
