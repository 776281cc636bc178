//! What a new connection needs: where to connect, as which user, and with which certificates.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use session_core::{Error, ErrorKind};

use super::{Address, AddressMap, Cause, Failure, dialer::failure_of};
use crate::{
    credentials::{Credentials, CredentialsRequest, SharedProvider},
    secret::Secret,
};

/// The TLS identity, if TLS is used.
#[cfg(feature = "tls")]
pub(super) type Tls = Option<crate::tls::Identity>;
#[cfg(not(feature = "tls"))]
pub(super) type Tls = Option<NoTls>;

/// No TLS identity exists without the feature.
#[cfg(not(feature = "tls"))]
#[derive(Clone)]
pub(super) enum NoTls {}

/// User, password, database and TLS identity, and the addresses that are reached elsewhere.
#[derive(Clone)]
pub(crate) struct Login {
    username: Option<String>,
    password: Option<Secret>,
    database: i64,
    tls: Tls,
    addresses: Arc<AddressMap>,
    provided: Option<Provided>,
}

/// The source of credentials that change.
#[derive(Clone)]
struct Provided {
    provider: SharedProvider,
    sentinel: bool,
    /// Whether a server has refused what it gave last.
    refused: Arc<AtomicBool>,
}

impl Login {
    pub(super) fn new(
        (username, password): (Option<&str>, Option<&str>),
        database: i64,
        tls: Tls,
        addresses: Arc<AddressMap>,
    ) -> Self {
        let (username, password) = (username.map(str::to_owned), password.map(Secret::from));
        Self { username, password, database, tls, addresses, provided: None }
    }

    /// Asks this provider before each connection, if there is one. Otherwise the credentials are final.
    ///
    /// # Errors
    /// `Configuration` if the credentials are incomplete.
    pub(super) fn with_provider(self, provider: Option<&SharedProvider>, sentinel: bool) -> Result<Self, Error> {
        let Some(provider) = provider else {
            self.settings()?;
            return Ok(self);
        };
        let provided = Provided { provider: provider.clone(), sentinel, refused: Arc::default() };
        Ok(Self { provided: Some(provided), ..self })
    }

    pub(super) fn database(&self) -> i64 {
        self.database
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What redis-rs needs for a new connection to a server.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if it cannot be connected to as configured, [`Failure::Unsent`] if a provider has failed.
    pub(super) async fn for_connection(&self, address: &Address) -> Result<ConnectionInfo, Failure> {
        let Some(provided) = &self.provided else {
            return self.at(address).map_err(|error| failure_of(address, error));
        };
        let request = CredentialsRequest { refused: provided.refused.load(Relaxed), sentinel: provided.sentinel };
        let failed = |error| Failure::Unsent(Cause::new("the provider of credentials failed").with_source(error));
        let credentials = provided.provider.0.credentials(request).await.map_err(failed)?;
        let unusable =
            |error| Failure::Unsent(Cause::new("the credentials of the provider cannot be used").with_source(error));
        let login = self.clone().replaced(credentials).map_err(unusable)?;
        login.settings().map_err(unusable)?;
        login.at(address).map_err(|error| failure_of(address, error))
    }

    /// A server has accepted the credentials, or refused them. If they are those of a provider, it may give others.
    pub(super) fn was_accepted(&self, accepted: bool) -> bool {
        if let Some(provided) = &self.provided {
            provided.refused.store(!accepted, Relaxed);
        }
        self.provided.is_some()
    }

    fn replaced(mut self, credentials: Credentials) -> Result<Self, Error> {
        let Credentials { username, password, tls } = credentials;
        self.username = username.or(self.username);
        self.password = password.or(self.password);
        if let Some(tls) = tls {
            self.tls = identity(&tls, self.has_tls())?;
        }
        Ok(self)
    }

    fn settings(&self) -> Result<RedisConnectionInfo, Error> {
        // `CLIENT SETINFO` is left out, so that an ACL need not allow it.
        let redis = RedisConnectionInfo::default()
            .set_protocol(ProtocolVersion::RESP3)
            .set_skip_set_lib_name()
            .set_db(self.database);
        match (&self.username, &self.password) {
            (Some(username), Some(password)) => Ok(redis.set_password(password.expose()).set_username(username)),
            (None, Some(password)) => Ok(redis.set_password(password.expose())),
            // redis-rs would silently ignore the user.
            (Some(_), None) => {
                Err(refused("there is a user but no password; set `password`, empty for a user without one"))
            }
            (None, None) => Ok(redis),
        }
    }

    /// What redis-rs needs to connect to a server with these credentials.
    pub(super) fn at(&self, address: &Address) -> redis::RedisResult<ConnectionInfo> {
        let addr = match (self.addresses.reached(address), &self.tls) {
            (Address::Unix(path), _) => ConnectionAddr::Unix(path),
            (Address::Tcp(host, port), None) => ConnectionAddr::Tcp(host.to_string(), port),
            #[cfg(feature = "tls")]
            (Address::Tcp(host, port), Some(tls)) => tls.at(&host, port),
            #[cfg(not(feature = "tls"))]
            (Address::Tcp(..), Some(never)) => match *never {},
        };
        // Nagle's algorithm would delay every second small request until the first is acknowledged.
        let tcp = redis::io::tcp::TcpSettings::default().set_nodelay(true);
        // Incomplete credentials were refused before.
        let redis = self.settings().unwrap_or_default();
        Ok(addr.into_connection_info()?.set_redis_settings(redis).set_tcp_settings(tcp))
    }
}

#[cfg(feature = "tls")]
fn identity(tls: &crate::TlsConfig, is_used: bool) -> Result<Tls, Error> {
    if is_used { crate::tls::Identity::load(tls).map(Some) } else { Err(unused_tls()) }
}

#[cfg(not(feature = "tls"))]
fn identity(_: &crate::TlsConfig, _: bool) -> Result<Tls, Error> {
    Err(unused_tls())
}

fn unused_tls() -> Error {
    refused("the provider of credentials sets `tls` but `urls` do not use TLS; write rediss:// or remove it")
}

fn refused(message: &'static str) -> Error {
    Error::new(ErrorKind::Configuration, message)
}
