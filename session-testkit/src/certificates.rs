//! Certificates of a server and its clients.

#[cfg(feature = "tls")]
mod make;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::workdir::Workdir;

/// An authority, a server certificate and a client certificate, as text and as files. Clones share the files.
///
/// The feature `tls` adds constructors that make them: `new`, `another_authority`, `for_names` and `expired`.
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
    /// Certificates that were made elsewhere, as PEM: the authority's, then the server's and the client's with their
    /// private keys.
    #[must_use]
    pub fn from_pem(ca: String, server: (String, String), client: (String, String)) -> Self {
        let [server, client] = [server, client].map(|(cert, key)| Pair { cert, key });
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
