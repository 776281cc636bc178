//! How the servers are reached, and the cost of each setting.

mod read;

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use crate::{
    credentials::{CredentialsProvider, SharedProvider},
    defaults,
    net::{redacted_address, redacted_url},
    secret::Secret,
    tls::TlsConfig,
};

/// How the servers are organised.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Topology {
    /// One server. Several URLs name the same server, or servers of which the first primary is used.
    #[default]
    Standalone,
    /// A primary and its replicas under Redis Sentinel. The URLs are those of the sentinels; list all of them.
    Sentinel(Sentinel),
    /// Redis Cluster. The URLs are those of any of its nodes, through which the others are found.
    Cluster,
}

/// The settings for Sentinel besides the URLs. Field names for serde: `master`, and if the sentinels require them,
/// `username` and `password`.
///
/// All sentinels are asked, and the store follows the primary that most of those that answer name. If equally many name
/// each of several, it follows the report of the newest failover, unless its number is implausibly high. So one sentinel
/// that lies, or that someone poses as, has no effect while at least two others answer and agree. If it is the only one
/// that answers, or if one other answers and it claims the next failover, it decides where the store connects. A server
/// there can deny service, and without TLS it learns the user and the password of the servers; with TLS it also needs a
/// certificate that the store trusts. A sentinel cannot make the store accept a replica.
///
/// Protect sentinels as the servers themselves: list all of them (three or more), use `rediss://` URLs, and set a password
/// at the sentinels, since a client that can change the settings of sentinels can make all of them lie.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sentinel {
    /// The name of the monitored primary, as in `sentinel monitor <name> ...`.
    pub(crate) master: String,
    /// The user at the sentinels, if they require one.
    pub(crate) username: Option<String>,
    /// The password at the sentinels, which do not share that of the servers.
    pub(crate) password: Option<Secret>,
}

impl Sentinel {
    /// Sets the name under which the sentinels monitor the primary.
    pub fn new(master: impl Into<String>) -> Self {
        Self { master: master.into(), username: None, password: None }
    }

    /// Sets the user at the sentinels.
    #[must_use]
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Sets the password at the sentinels.
    #[must_use]
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self { password: Some(password.into()), ..self }
    }
}

/// How the servers are reached.
///
/// Can be deserialized with serde: fields have the names of the setters, and durations are whole milliseconds in fields
/// that end in `_ms`. Missing fields have their [default](crate::defaults), and unknown names are refused. The format must be
/// self-describing, as JSON, TOML and YAML are. Errors quote no value, since it may be a password in the wrong place.
///
/// `Debug` prints no password, and of a URL only the scheme and the host. All fields, in JSON:
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
///     "start_deadline_ms": 2000,
///     "health_interval_ms": 1000,
///     "max_in_flight": 4096,
///     "durable_connections": 8,
///     "address_map": { "172.17.0.2:6379": "127.0.0.1:7001", "172.17.0.3": "gateway.example" }
/// }
/// # "#;
/// # let config: session_redis::RedisConfig = serde_json::from_str(text).unwrap();
/// # assert!(format!("{config:?}").contains("client.key"));
/// ```
///
/// `topology` is `"standalone"` (the default), `"cluster"`, or `{ "sentinel": { … } }`; see [`Sentinel`] and [`TlsConfig`]
/// for their fields.
#[derive(Clone)]
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
    pub(crate) call_deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) start_deadline: Option<Duration>,
    pub(crate) health_interval: Duration,
    pub(crate) max_in_flight: usize,
    pub(crate) durable_connections: usize,
    pub(crate) address_map: BTreeMap<String, String>,
    pub(crate) credentials_provider: Option<SharedProvider>,
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
            start_deadline: None,
            health_interval: defaults::HEALTH_INTERVAL,
            max_in_flight: defaults::MAX_IN_FLIGHT,
            durable_connections: defaults::DURABLE_CONNECTIONS,
            address_map: BTreeMap::new(),
            credentials_provider: None,
        }
    }
}

impl RedisConfig {
    /// One server: `redis://[user:password@]host[:port][/database]`, `rediss://` for TLS, or
    /// `redis+unix:///path[?db=1&user=u&pass=p]` for a socket file.
    pub fn standalone(url: impl Into<String>) -> Self {
        Self { urls: vec![url.into()], ..Self::default() }
    }

    /// A primary under Sentinel: the URLs of all sentinels, and the name of the primary.
    pub fn sentinel<U: Into<String>>(urls: impl IntoIterator<Item = U>, sentinel: Sentinel) -> Self {
        Self { topology: Topology::Sentinel(sentinel), ..Self::default() }.urls(urls)
    }

    /// A cluster: the URLs of some of its nodes. With more of them the store can start while nodes are down.
    pub fn cluster<U: Into<String>>(urls: impl IntoIterator<Item = U>) -> Self {
        Self { topology: Topology::Cluster, ..Self::default() }.urls(urls)
    }

    /// Sets the URLs of the servers, or of the sentinels. All must have the same scheme, user, password and database.
    pub fn urls<U: Into<String>>(self, urls: impl IntoIterator<Item = U>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..self }
    }

    /// Sets how the servers are organised: [`Topology::Standalone`] by default.
    pub fn topology(self, topology: Topology) -> Self {
        Self { topology, ..self }
    }

    /// Sets the ACL user; none by default. Overrides one in a URL.
    pub fn username(self, username: impl Into<String>) -> Self {
        Self { username: Some(username.into()), ..self }
    }

    /// Sets the password; none by default. Overrides one in a URL.
    pub fn password(self, password: impl Into<Secret>) -> Self {
        Self { password: Some(password.into()), ..self }
    }

    /// Sets the database number: by default that of the URL, or 0. A cluster has only 0.
    pub fn database(self, database: u32) -> Self {
        Self { database: Some(database), ..self }
    }

    /// Sets the authorities and the client certificate for `rediss://` URLs. By default the system's authorities are
    /// trusted.
    pub fn tls(self, tls: TlsConfig) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Sets the prefix of every key: `sessions` by default. Two applications on one database need two prefixes. Each byte
    /// of it is stored with every session.
    ///
    /// The wildcards `*`, `?`, `[`, `]` and `\` are refused. No prefix should continue another one behind a `:`: the
    /// permissions of a user for `shop:*` include the keys of the prefix `shop:admin`.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Sets the number of partitions: a power of two up to 4,096; 256 by default. They are spread over the slots of a
    /// cluster, so choose at least four for each primary that the cluster may grow to. Each costs a channel to subscribe
    /// to and a counter. The number cannot be changed while there are sessions, or stores that are connected.
    pub fn partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }

    /// Sets how long one call may take in total, including reconnects and redirections: 2 s by default. Longer: callers
    /// wait longer while the store is down, and a half-open connection is detected later. Shorter: more unknown outcomes.
    pub fn call_deadline(self, deadline: Duration) -> Self {
        Self { call_deadline: deadline, ..self }
    }

    /// Sets how long one attempt to connect may take, from the DNS lookup to the first reply: 1 s by default. Longer: one
    /// dead address can use up a call's deadline. Shorter: a slow TLS handshake may never succeed.
    pub fn connect_deadline(self, deadline: Duration) -> Self {
        Self { connect_deadline: deadline, ..self }
    }

    /// Sets how long [`RedisStoreBuilder::connect`](crate::RedisStoreBuilder::connect) waits for the servers: one call
    /// deadline by default. Longer: a node without its servers fails later. Shorter: when many nodes start at the same
    /// time, or before their servers, some fail. A [lazy](crate::RedisStoreBuilder::connect_lazy) store does not wait.
    pub fn start_deadline(self, deadline: Duration) -> Self {
        Self { start_deadline: Some(deadline), ..self }
    }

    /// Sets how often each primary is checked for being alive and still a primary: every second by default. Each check
    /// costs one short command. A dead or demoted primary may be detected one interval late.
    pub fn health_interval(self, interval: Duration) -> Self {
        Self { health_interval: interval, ..self }
    }

    /// Sets how many calls to one primary may be in flight: 4,096 by default. Further calls are refused at once as
    /// [`Overloaded`](session_core::ErrorKind::Overloaded). More: longer queues, and more memory while a server is
    /// down. Fewer: bursts are refused.
    pub fn max_in_flight(self, calls: usize) -> Self {
        Self { max_in_flight: calls, ..self }
    }

    /// Sets how many connections to one primary may wait for replicas at the same time: 8 by default. They are opened
    /// when first needed. More: more connections on the server. Fewer: writes that wait for replicas queue.
    pub fn durable_connections(self, connections: usize) -> Self {
        Self { durable_connections: connections, ..self }
    }

    /// Sets where clients reach servers that announce other addresses, for example behind a NAT or the port mapping of a
    /// container: pairs of an announced address and the one to connect to. Both are `host:port`, or both are hosts, for all
    /// ports; an IPv6 address with a port is `[address]:port`. Addresses that sentinels, nodes of a cluster and redirections
    /// name are mapped, and those of `urls` too; all others are connected to as they are. Empty by default.
    pub fn address_map<A: Into<String>, B: Into<String>>(self, pairs: impl IntoIterator<Item = (A, B)>) -> Self {
        let address_map = pairs.into_iter().map(|(announced, reached)| (announced.into(), reached.into())).collect();
        Self { address_map, ..self }
    }

    /// Sets a source of credentials that change; see [`CredentialsProvider`]. It has no field for serde. Parts that it does not
    /// give are those of this configuration.
    pub fn credentials_provider(self, provider: impl CredentialsProvider) -> Self {
        Self { credentials_provider: Some(SharedProvider(Arc::new(provider))), ..self }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls.iter().map(|url| redacted_url(url)).collect();
        let addresses = self.address_map.iter();
        let address_map: BTreeMap<_, _> =
            addresses.map(|(announced, reached)| (redacted_address(announced), redacted_address(reached))).collect();
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
            .field("start_deadline", &self.start_deadline)
            .field("health_interval", &self.health_interval)
            .field("max_in_flight", &self.max_in_flight)
            .field("durable_connections", &self.durable_connections)
            .field("address_map", &address_map)
            .field("credentials_provider", &self.credentials_provider.as_ref().map(|_| "<provider>"))
            .finish()
    }
}

#[cfg(test)]
mod tests;
