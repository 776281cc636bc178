//! The addresses of a server.

use std::net::SocketAddr;

use crate::{Server, port::Port};

impl Server {
    /// `redis://127.0.0.1:port`, with the password if there is one.
    ///
    /// # Panics
    ///
    /// If the server has no plain TCP port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}127.0.0.1:{}", self.login(), self.port())
    }

    /// [`url`](Self::url) for another user.
    ///
    /// # Panics
    ///
    /// If the server has no plain TCP port.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str) -> String {
        format!("redis://{}:{}@127.0.0.1:{}", encoded(user), encoded(password), self.port())
    }

    /// `redis+unix:///path`, with the password if there is one.
    #[must_use]
    pub fn unix_url(&self) -> String {
        let query = self.password().map(|password| format!("?pass={}", encoded(password)));
        format!("redis+unix://{}{}", self.unix_path().display(), query.unwrap_or_default())
    }

    /// `rediss://localhost:port`, with the password if there is one.
    ///
    /// # Panics
    ///
    /// If the server has no TLS port.
    #[must_use]
    pub fn tls_url(&self) -> String {
        format!("rediss://{}localhost:{}", self.login(), self.tls_port())
    }

    /// The plain TCP port; it stays the same over restarts.
    ///
    /// # Panics
    ///
    /// If the server was built with [`ServerBuilder::unix_only`](crate::ServerBuilder::unix_only).
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports().tcp.as_ref().expect("this server has no plain TCP port: drop `unix_only`").number()
    }

    /// The TLS port; it stays the same over restarts.
    ///
    /// # Panics
    ///
    /// If the server was built without [`ServerBuilder::tls`](crate::ServerBuilder::tls).
    #[must_use]
    pub fn tls_port(&self) -> u16 {
        self.ports().tls.as_ref().expect("this server has no TLS port: add `tls`").number()
    }

    /// The address of the plain TCP port.
    ///
    /// # Panics
    ///
    /// If the server was built with [`ServerBuilder::unix_only`](crate::ServerBuilder::unix_only).
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port()).into()
    }

    /// The address of the TLS port.
    ///
    /// # Panics
    ///
    /// If the server was built without [`ServerBuilder::tls`](crate::ServerBuilder::tls).
    #[must_use]
    pub fn tls_addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.tls_port()).into()
    }

    /// The port at which other servers reach this one.
    pub(crate) fn main_port(&self) -> u16 {
        let ports = self.ports();
        ports.tls.as_ref().map_or_else(|| self.port(), Port::number)
    }

    pub(crate) fn bus_port(&self) -> u16 {
        self.ports().bus.as_ref().expect("only cluster nodes have a bus").number()
    }

    fn login(&self) -> String {
        self.password().map(|password| format!(":{}@", encoded(password))).unwrap_or_default()
    }
}

/// Encodes text as a part of a URL.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
