//! The address of a server.

use std::{fmt, path::PathBuf, sync::Arc};

/// The address of a server. Whether TLS is used is the same for all and part of [`CheckedConfig`](super::CheckedConfig).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// Host name or IP address (without brackets), and port.
    Tcp(Arc<str>, u16),
    /// A socket file.
    Unix(PathBuf),
}

impl Address {
    /// A host and a port.
    pub(crate) fn tcp(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::Tcp(host.into(), port)
    }

    /// Reads the `host:port` of a redirection. The host is missing if the server does not know its name; it is then the
    /// host that was asked.
    pub(crate) fn redirected(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok()?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some(Self::reported(host, port, asked))
    }

    /// The address that a server reports for another one, or for itself.
    pub(crate) fn reported(host: &str, port: u16, asked: &Self) -> Self {
        match (host, asked) {
            ("" | "?", Self::Tcp(asked, _)) => Self::Tcp(asked.clone(), port),
            _ => Self::tcp(host, port),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections() {
        let asked = Address::tcp("cache.example", 7000);
        let to = |text: &str| Address::redirected(text, &asked);
        assert_eq!(to("10.0.0.1:7001"), Some(Address::tcp("10.0.0.1", 7001)));
        assert_eq!(to(":7001"), Some(Address::tcp("cache.example", 7001)), "a server without a name of its own");
        assert_eq!(to("fe80::1:7001"), Some(Address::tcp("fe80::1", 7001)));
        assert_eq!(to("[fe80::1]:7001"), Some(Address::tcp("fe80::1", 7001)));
        assert_eq!(to("nonsense"), None);
        assert_eq!(to("host:70000"), None);
    }

    #[test]
    fn printed_as_one_types_it() {
        assert_eq!(Address::tcp("::1", 6379).to_string(), "[::1]:6379");
        assert_eq!(Address::tcp("localhost", 6379).to_string(), "localhost:6379");
    }
}
