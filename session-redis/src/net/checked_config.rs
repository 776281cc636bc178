//! The settings, checked and parsed.

use std::{borrow::Cow, sync::Arc, time::Duration};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use session_core::{Error, ErrorKind};

use super::{
    Address, AddressMap,
    login::{Login, Tls},
    server_url,
};
use crate::{
    config::{RedisConfig, Topology},
    error_context::ErrorContext as _,
};

/// The most partitions: one for every slot of a cluster.
const MAX_PARTITIONS: u32 = 1 << 12;

/// The settings, checked and parsed.
pub(crate) struct CheckedConfig {
    /// The addresses of the URLs: servers, or sentinels.
    pub(crate) seeds: Vec<Address>,
    /// The login for the servers.
    pub(crate) servers: Login,
    /// The login for the sentinels, and the name under which they monitor the primary.
    pub(crate) sentinels: Option<(Login, String)>,
    pub(crate) topology: Topology,
    pub(crate) call_deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) start_deadline: Duration,
    pub(crate) health_interval: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) durable_connections: usize,
}

impl CheckedConfig {
    /// The database number.
    pub(crate) fn database(&self) -> i64 {
        self.servers.database()
    }

    /// Checks the settings in the order in which [`RedisConfig`] documents them.
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, Error> {
        Self::check(config).during("connect")
    }

    fn check(config: &RedisConfig) -> Result<Self, Error> {
        check_numbers(config)?;
        check_prefix(&config.prefix)?;
        let parsed = parse_urls(config)?;
        let first = parsed.first().ok_or_else(|| refused("`urls` is empty; name at least one server"))?;
        let tls = identity(config, first)?;
        let database = database(config, first)?;
        let under_sentinel = matches!(config.topology, Topology::Sentinel(_));
        if under_sentinel && (first.redis_settings().username().or(first.redis_settings().password())).is_some() {
            return Err(refused(
                "under Sentinel a user or password in `urls` could mean two things; set `username` and `password` for \
                 the servers, and those of `sentinel` for the sentinels",
            ));
        }
        let username = config.username.as_deref().or(first.redis_settings().username());
        let password = config.password.as_ref().map(|secret| secret.expose()).or(first.redis_settings().password());
        let addresses = Arc::new(AddressMap::new(&config.address_map)?);
        let provider = config.credentials_provider.as_ref();
        let servers = Login::new((username, password), database, tls.clone(), addresses.clone());
        let servers = servers.with_provider(provider, false)?;
        let sentinels = match &config.topology {
            Topology::Sentinel(sentinel) if sentinel.master.is_empty() => {
                return Err(refused("`sentinel.master` is empty; set the name after `sentinel monitor`"));
            }
            Topology::Sentinel(sentinel) => {
                let password = sentinel.password.as_ref().map(|secret| secret.expose());
                let login = Login::new((sentinel.username.as_deref(), password), 0, tls, addresses);
                Some((login.with_provider(provider, true)?, sentinel.master.clone()))
            }
            _ => None,
        };
        Ok(Self {
            seeds: parsed.iter().map(|info| address(info.addr())).collect::<Result<_, _>>()?,
            servers,
            sentinels,
            topology: config.topology.clone(),
            call_deadline: config.call_deadline,
            connect_deadline: config.connect_deadline,
            start_deadline: config.start_deadline.unwrap_or(config.call_deadline),
            health_interval: config.health_interval,
            max_in_flight: config.max_in_flight,
            durable_connections: config.durable_connections,
        })
    }
}

impl RedisConfig {
    /// Checks all settings without connecting.
    ///
    /// # Errors
    /// [`Configuration`](session_core::ErrorKind::Configuration); the message has the remedy.
    pub fn validate(&self) -> Result<(), Error> {
        CheckedConfig::new(self).map(drop)
    }
}

fn check_numbers(config: &RedisConfig) -> Result<(), Error> {
    if !config.partitions.is_power_of_two() || config.partitions > MAX_PARTITIONS {
        return Err(refused("`partitions` must be a power of two up to 4096"));
    }
    let durations = [
        ("call_deadline_ms", config.call_deadline),
        ("connect_deadline_ms", config.connect_deadline),
        ("start_deadline_ms", config.start_deadline.unwrap_or(config.call_deadline)),
        ("health_interval_ms", config.health_interval),
    ];
    for (name, duration) in durations {
        // An hour at most: a sum of such durations must be a valid timer.
        if duration < Duration::from_millis(1) || duration > Duration::from_secs(3_600) {
            return Err(refused(format!("`{name}` must be between 1 and 3600000")));
        }
    }
    for (name, number) in [("max_in_flight", config.max_in_flight), ("durable_connections", config.durable_connections)]
    {
        if number == 0 || number > 1 << 20 {
            return Err(refused(format!("`{name}` must be between 1 and 1048576")));
        }
    }
    Ok(())
}

fn check_prefix(prefix: &str) -> Result<(), Error> {
    if prefix.is_empty() {
        return Err(refused("`prefix` is empty; name the application"));
    }
    if prefix.contains(['{', '}']) {
        return Err(refused("`prefix` must not contain braces: on a cluster they would put all keys into one slot"));
    }
    if prefix.contains(['*', '?', '[', ']', '\\']) {
        return Err(refused(
            "`prefix` must not contain the wildcards `*`, `?`, `[`, `]` and `\\`: in permissions and searches it would match \
             the keys of other applications too; use letters, digits, `-`, `_` and `:`",
        ));
    }
    if prefix.len() > 128 || prefix.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("`prefix` must be at most 128 bytes, without blanks and control characters"));
    }
    Ok(())
}

/// Errors identify one of several URLs by its index in the list, since the URL may contain a password.
fn parse_urls(config: &RedisConfig) -> Result<Vec<ConnectionInfo>, Error> {
    let mut parsed: Vec<ConnectionInfo> = Vec::with_capacity(config.urls.len());
    for (at, url) in config.urls.iter().enumerate() {
        let name = if config.urls.len() == 1 { "the URL".to_owned() } else { format!("`urls[{at}]`") };
        if cfg!(not(feature = "tls")) && (url.starts_with("rediss:") || url.starts_with("valkeys:")) {
            return Err(refused(format!("{name} asks for TLS; build with the feature `tls`")));
        }
        if let Some(mistake) = server_url::mistake(url) {
            return Err(refused(format!("{name} {mistake}")));
        }
        let info = url.as_str().into_connection_info().map_err(|_| {
            refused(format!(
                "{name} is not the URL of a server; write `redis://[user:password@]host[:port][/database]`"
            ))
        })?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            return Err(refused(format!(
                "{name} disables the verification of certificates; set `tls.ca` to the authority instead"
            )));
        }
        if let Some(first) = parsed.first() {
            agree(at, first, &info)?;
        }
        parsed.push(info);
    }
    Ok(parsed)
}

fn agree(at: usize, first: &ConnectionInfo, other: &ConnectionInfo) -> Result<(), Error> {
    if std::mem::discriminant(first.addr()) != std::mem::discriminant(other.addr()) {
        return Err(refused(format!("`urls[{at}]` has another scheme than the first; use one scheme for all")));
    }
    let (first, other) = (first.redis_settings(), other.redis_settings());
    let same = first.username() == other.username() && first.password() == other.password() && first.db() == other.db();
    if same {
        Ok(())
    } else {
        Err(refused(format!(
            "`urls[{at}]` has another user, password or database than the first; set `username`, `password` and \
             `database` instead, once for all"
        )))
    }
}

#[cfg(feature = "tls")]
fn identity(config: &RedisConfig, first: &ConnectionInfo) -> Result<Tls, Error> {
    match (first.addr(), &config.tls) {
        (ConnectionAddr::TcpTls { .. }, Some(tls)) => crate::tls::Identity::load(tls).map(Some),
        (ConnectionAddr::TcpTls { .. }, None) => crate::tls::Identity::load(&crate::tls::TlsConfig::new()).map(Some),
        (_, Some(_)) => Err(refused("`tls` is set but `urls` do not use TLS; write rediss:// or remove `tls`")),
        (_, None) => Ok(None),
    }
}

#[cfg(not(feature = "tls"))]
fn identity(config: &RedisConfig, _: &ConnectionInfo) -> Result<Tls, Error> {
    match config.tls {
        Some(_) => Err(refused("`tls` is set; build with the feature `tls`")),
        None => Ok(None),
    }
}

fn database(config: &RedisConfig, first: &ConnectionInfo) -> Result<i64, Error> {
    let database = match (config.database, first.redis_settings().db()) {
        (Some(set), 0) => i64::from(set),
        (Some(set), named) if i64::from(set) != named => {
            return Err(refused("`database` differs from the one in `urls`; name it once"));
        }
        (_, named) => named,
    };
    if database < 0 {
        return Err(refused("the database in `urls` is negative"));
    }
    if database != 0 && config.topology == Topology::Cluster {
        return Err(refused("a cluster has only database 0; remove `database` and separate applications by `prefix`"));
    }
    Ok(database)
}

fn address(addr: &ConnectionAddr) -> Result<Address, Error> {
    match addr {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Ok(Address::tcp(host.as_str(), *port))
        }
        ConnectionAddr::Unix(path) => Ok(Address::Unix(path.clone())),
        _ => Err(refused("`urls` contain an address of an unknown kind; write redis://, rediss:// or redis+unix://")),
    }
}

fn refused(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use redis::ProtocolVersion;

    use super::*;

    /// In each of these the password is what the user means.
    #[test]
    fn passwords_in_urls() {
        for (url, password) in [
            ("redis://user:p%40%2F%3F%23%25@host", "p@/?#%"),
            ("redis://user:p@s:s@host:1/2", "p@s:s"),
            ("redis://:plain@host", "plain"),
        ] {
            let checked = CheckedConfig::new(&RedisConfig::standalone(url)).unwrap();
            let info = checked.servers.at(&checked.seeds[0]).unwrap();
            assert_eq!(info.redis_settings().password(), Some(password), "{url}");
            assert!(matches!(&checked.seeds[0], Address::Tcp(host, _) if &**host == "host"));
        }
    }

    #[test]
    fn options_that_redis_rs_leaves_off_by_default() {
        let checked = CheckedConfig::new(&RedisConfig::standalone("redis://host")).unwrap();
        let info = checked.servers.at(&checked.seeds[0]).unwrap();
        assert!(info.tcp_settings().nodelay(), "small requests must not wait for each other");
        assert_eq!(info.redis_settings().protocol(), ProtocolVersion::RESP3);
        assert!(info.redis_settings().skip_set_lib_name(), "an ACL need not allow CLIENT SETINFO");
    }
}
