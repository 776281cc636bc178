//! Credentials that change while a store is connected.

use std::{
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};

use async_trait::async_trait;
use session_core::Error;

use crate::{secret::Secret, tls::TlsConfig};

/// A source of credentials that change: passwords that are rotated, tokens that expire, certificates that are renewed.
///
/// It is asked before each new connection, so a renewed credential needs no new store, and connections that are open stay
/// open. While the servers refuse what it gives, and while it fails, the store is down: calls wait for a connection until
/// their deadlines and then fail as [`Unavailable`](session_core::ErrorKind::Unavailable), with the refusal as the source.
/// A cache serves [stale copies](session_core::LoadOptions::stale_if_error) then, as in any outage. The store tries again
/// at least once a second for each primary, and asks again each time. (Without a provider a refused password is a
/// [`Configuration`](session_core::ErrorKind::Configuration) error at once, since waiting does not help.)
///
/// ```
/// use session_core::{Error, ErrorKind, store::async_trait};
/// use session_redis::{Credentials, CredentialsProvider, CredentialsRequest, RedisConfig};
///
/// struct FromFile;
///
/// #[async_trait]
/// impl CredentialsProvider for FromFile {
///     async fn credentials(&self, _: CredentialsRequest) -> Result<Credentials, Error> {
///         let password = std::fs::read_to_string("/run/secrets/redis")
///             .map_err(|error| Error::new(ErrorKind::Unavailable, "the password cannot be read").with_source(error))?;
///         Ok(Credentials::new().username("shop").password(password.trim_end().to_owned()))
///     }
/// }
///
/// let config = RedisConfig::standalone("rediss://redis.example").credentials_provider(FromFile);
/// # assert!(format!("{config:?}").contains("<provider>"));
/// ```
#[async_trait]
pub trait CredentialsProvider: Send + Sync + 'static {
    /// The credentials for one new connection. It must answer within the
    /// [connect deadline](crate::RedisConfig::connect_deadline), and is not told for which server it is asked: all servers
    /// of a store have the same credentials.
    ///
    /// # Errors
    /// Any error; the store tries again. It must not contain a secret.
    ///
    /// # Cancel safety
    /// The future is dropped at the connect deadline, and with the store.
    async fn credentials(&self, request: CredentialsRequest) -> Result<Credentials, Error>;
}

/// For which connection a [`CredentialsProvider`] is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialsRequest {
    /// Whether a server has refused the credentials given last. A provider that caches them should renew them.
    pub refused: bool,
    /// Whether the connection is one to a sentinel, whose credentials are not those of the servers.
    pub sentinel: bool,
}

/// The credentials for one connection. Parts that are not set are those of the [`RedisConfig`](crate::RedisConfig).
/// `Debug` prints no secret.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use]
pub struct Credentials {
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) tls: Option<TlsConfig>,
}

impl Credentials {
    /// Those of the configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the ACL user.
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Sets the password, or a token in its place.
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// Sets the authorities and the client certificate, for `rediss://` URLs. Files are read for each connection.
    pub fn tls(self, tls: TlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }
}

/// A provider that a configuration shares with its clones.
#[derive(Clone)]
pub(crate) struct SharedProvider(pub(crate) Arc<dyn CredentialsProvider>);

// A configuration with a provider may cross a caught panic like any other: it holds nothing that a panic could leave half
// changed, and whether the provider does is the provider's concern.
impl UnwindSafe for SharedProvider {}
impl RefUnwindSafe for SharedProvider {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let tls = TlsConfig::new().client("cert", "hunter2");
        let credentials = Credentials::new().username("shop").password("hunter2").tls(tls);
        assert!(!format!("{credentials:?} {credentials:#?}").contains("hunter2"));
    }
}
