//! The configuration, as far as the checks need it.

use std::time::Duration;

use redis::{ConnectionAddr, IntoConnectionInfo as _};

use super::internals::{CheckedConfig, Layout, RedisConfig, Topology};

/// The topology of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Standalone,
    Sentinel,
    Cluster,
}

/// The configuration, and facts about all servers together.
pub(super) struct Deployment {
    pub(super) kind: Kind,
    pub(super) is_encrypted: bool,
    pub(super) has_password: bool,
    /// The user that the store connects as.
    pub(super) store_user: String,
    /// Whether the doctor connects as the same user.
    pub(super) is_own_user: bool,
    pub(super) prefix: String,
    pub(super) partitions: u32,
    pub(super) layout: Layout,
    pub(super) health_interval: Duration,
    pub(super) call_deadline: Duration,
    /// How long a primary may be silent before the sentinels replace it.
    pub(super) down_after: Option<Duration>,
}

impl Deployment {
    pub(super) fn new(config: &RedisConfig, setup: &CheckedConfig, store_user: Option<&str>) -> Self {
        let kind = match setup.topology {
            Topology::Standalone => Kind::Standalone,
            Topology::Sentinel(_) => Kind::Sentinel,
            Topology::Cluster => Kind::Cluster,
        };
        // The setup has parsed the same URL successfully.
        let first = config.urls.first().and_then(|url| url.as_str().into_connection_info().ok());
        let login = first.as_ref().map(|first| first.redis_settings());
        let own = config.username.as_deref().or(login.and_then(|login| login.username())).unwrap_or("default");
        let password =
            config.password.as_ref().map(|secret| secret.expose()).or(login.and_then(|login| login.password()));
        Self {
            kind,
            is_encrypted: first.as_ref().is_some_and(|first| matches!(first.addr(), ConnectionAddr::TcpTls { .. })),
            has_password: password.is_some_and(|password| !password.is_empty()),
            store_user: store_user.unwrap_or(own).to_owned(),
            is_own_user: store_user.is_none_or(|user| user == own),
            prefix: config.prefix.clone(),
            partitions: config.partitions,
            layout: Layout::new(&config.prefix, setup.database(), config.partitions),
            health_interval: config.health_interval,
            call_deadline: config.call_deadline,
            down_after: None,
        }
    }
}
