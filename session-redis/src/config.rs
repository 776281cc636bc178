//! How to reach the servers, and what each setting costs.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer};
use session_core::Error;

use crate::{defaults, net::Setup, secret::Secret, tls::TlsConfig};

/// The most partitions: one for every cluster slot.
pub(crate) const MOST_PARTITIONS: u32 = 16_384;

/// How the servers stand to each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Topology {
    /// One server. Several URLs name the same server, or servers of which the first that is a primary is used.
    #[default]
    Standalone,
    /// A primary and its replicas under Redis Sentinel; the URLs are those of the sentinels. List all of them.
    Sentinel(Sentinel),
    /// Redis Cluster; the URLs are those of any of its nodes, the others are found through them.
    Cluster,
}

/// What Sentinel needs to know besides the URLs. For serde: `master`, and where the sentinels ask for them, `username` and
/// `password`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sentinel {
    /// The name of the monitored primary, as in `sentinel monitor <name> ...`.
    pub(crate) master: String,
    /// User at the sentinels, if they ask for one.
    #[serde(default)]
    pub(crate) username: Option<String>,
    /// Password at the sentinels; they do not share that of the servers.
    #[serde(default)]
    pub(crate) password: Option<Secret>,
}

impl Sentinel {
    /// The primary monitored under this name.
    pub fn new(master: impl Into<String>) -> Self {
        Self { master: master.into(), username: None, password: None }
    }

    /// User at the sentinels.
    #[must_use]
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Password at the sentinels.
    #[must_use]
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self { password: Some(password.into()), ..self }
    }
}

/// Where the servers are and how they are talked to.
///
/// Readable by serde: names as the setters, durations as whole milliseconds in fields that end in `_ms`; what is left out
/// has its [default](crate::defaults), and unknown names are refused. Passwords are never printed. In JSON, all of it:
///
/// ```
/// # let text = r#"
/// {
///     "urls": ["rediss://10.0.0.1:26379", "rediss://10.0.0.2:26379"],
///     "topology": { "sentinel": { "master": "shop", "username": "watcher", "password": "…" } },
///     "username": "shop",
///     "password": "…",
///     "database": 0,
///     "tls": {
///         "ca_file": "/etc/shop/ca.pem",
///         "client_certificate_file": "/etc/shop/client.pem",
///         "client_key_file": "/etc/shop/client.key"
///     },
///     "prefix": "sessions",
///     "partitions": 256,
///     "call_deadline_ms": 2000,
///     "connect_deadline_ms": 1000,
///     "health_interval_ms": 1000,
///     "max_in_flight": 4096,
///     "durable_connections": 8
/// }
/// # "#;
/// # let config: session_redis::RedisConfig = serde_json::from_str(text).unwrap();
/// # assert!(format!("{config:?}").contains("client.key"));
/// ```
///
/// `topology` is `"standalone"` (the default), `"cluster"`, or `{ "sentinel": { … } }`; see [`Sentinel`] and [`TlsConfig`]
/// for their fields.
#[derive(Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
#[must_use]
pub struct RedisConfig {
    pub(crate) urls: Vec<String>,
    pub(crate) topology: Topology,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) database: Option<u32>,
    pub(crate) tls: Option<TlsConfig>,
    pub(crate) prefix: String,
    pub(crate) partitions: u32,
    #[serde(rename = "call_deadline_ms", deserialize_with = "millis")]
    pub(crate) call_deadline: Duration,
    #[serde(rename = "connect_deadline_ms", deserialize_with = "millis")]
    pub(crate) connect_deadline: Duration,
    #[serde(rename = "health_interval_ms", deserialize_with = "millis")]
    pub(crate) health_interval: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) durable_connections: usize,
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            topology: Topology::Standalone,
            username: None,
            password: None,
            database: None,
            tls: None,
            prefix: defaults::PREFIX.to_owned(),
            partitions: defaults::PARTITIONS,
            call_deadline: defaults::CALL_DEADLINE,
            connect_deadline: defaults::CONNECT_DEADLINE,
            health_interval: defaults::HEALTH_INTERVAL,
            max_in_flight: defaults::MAX_IN_FLIGHT,
            durable_connections: defaults::DURABLE_CONNECTIONS,
        }
    }
}

impl RedisConfig {
    /// One server: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or
    /// `redis+unix:///path[?db=1&user=u&pass=p]` for a socket file.
    pub fn standalone(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], ..Self::default() }
    }

    /// A primary under Sentinel: the URLs of all sentinels, and what they call the primary.
    pub fn sentinel<U: Into<String>>(urls: impl IntoIterator<Item = U>, sentinel: Sentinel) -> Self {
        Self { topology: Topology::Sentinel(sentinel), ..Self::default() }.urls(urls)
    }

    /// A cluster: the URLs of some of its nodes. More of them help a start while nodes are down.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self { topology: Topology::Cluster, ..Self::default() }.urls(urls)
    }

    /// The servers, or the sentinels. All must have one scheme, and agree on user, password and database.
    pub fn urls<U: Into<String>>(self, urls: impl IntoIterator<Item = U>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..self }
    }

    /// How the servers stand to each other: [`Topology::Standalone`] by default.
    pub fn topology(self, topology: Topology) -> Self {
        Self { topology, ..self }
    }

    /// The ACL user; none by default. Takes the place of one in a URL.
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// The password; none by default. Takes the place of one in a URL.
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// The database number: that of the URL, or 0. A cluster has only 0.
    pub fn database(self, database: u32) -> Self {
        Self { database: Some(database), ..self }
    }

    /// Authority and client certificate for `rediss://` URLs. Without it the system's authorities are trusted.
    pub fn tls(self, tls: TlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// What every key begins with: `sessions` by default. Two applications on one database need two prefixes; each
    /// byte of it is stored with every session.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// How many partitions there are: a power of two up to 16,384; 256 by default. They spread over the slots of a
    /// cluster, so take at least four for every primary that there may ever be. Each is one channel to subscribe to
    /// and one counter; it cannot be changed while there are sessions.
    pub fn partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }

    /// How long one call may take in all, reconnecting and redirections included: 2 s by default. Longer: callers wait
    /// longer for a store that is down, and a half-open connection is noticed later. Shorter: more unknown outcomes.
    pub fn call_deadline(self, deadline: Duration) -> Self {
        Self { call_deadline: deadline, ..self }
    }

    /// How long one attempt to connect may take, from the look-up of the name to the first reply: 1 s by default.
    /// Longer: a call may spend its deadline on one dead address. Shorter: a slow TLS handshake may never succeed.
    pub fn connect_deadline(self, deadline: Duration) -> Self {
        Self { connect_deadline: deadline, ..self }
    }

    /// How often each primary is asked whether it is alive and still a primary: every second by default. Costs one
    /// short command a time; a dead or demoted primary is noticed that much later at worst.
    pub fn health_interval(self, interval: Duration) -> Self {
        Self { health_interval: interval, ..self }
    }

    /// How many calls may be under way to one primary: 4,096 by default; one more is refused at once as
    /// [`Overloaded`](session_core::ErrorKind::Overloaded). More: longer queues, and more memory while a server is
    /// down. Fewer: bursts are refused.
    pub fn max_in_flight(self, calls: usize) -> Self {
        Self { max_in_flight: calls, ..self }
    }

    /// How many connections to one primary may wait for replicas at the same time: 8 by default. They are opened when
    /// first needed. More: more connections on the server. Fewer: durable writes queue.
    pub fn durable_connections(self, connections: usize) -> Self {
        Self { durable_connections: connections, ..self }
    }

    /// Checks every setting, without connecting.
    ///
    /// # Errors
    /// [`Configuration`](session_core::ErrorKind::Configuration), with the remedy.
    pub fn validate(&self) -> Result<(), Error> {
        Setup::new(self).map(drop)
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| redacted(url)).collect();
        f.debug_struct("RedisConfig")
            .field("urls", &urls)
            .field("topology", &self.topology)
            .field("username", &self.username)
            .field("password", &self.password)
            .field("database", &self.database)
            .field("tls", &self.tls)
            .field("prefix", &self.prefix)
            .field("partitions", &self.partitions)
            .field("call_deadline", &self.call_deadline)
            .field("connect_deadline", &self.connect_deadline)
            .field("health_interval", &self.health_interval)
            .field("max_in_flight", &self.max_in_flight)
            .field("durable_connections", &self.durable_connections)
            .finish()
    }
}

/// The URL without what may be secret: all before the last `@`, and the query. A URL that did not parse is treated
/// the same way, so nothing depends on how well it was written.
fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://<redacted>@{host}"),
        None => format!("{scheme}://{rest}"),
    }
}

fn millis<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

#[cfg(test)]
mod tests;
