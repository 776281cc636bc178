//! How sentinels and their servers are to be.

use std::time::Duration;

use crate::{SentinelTrio, ServerBuilder, sentinel::start, server::Role};

/// Options of a [`SentinelTrio`]. By default a primary with two replicas, named `mymaster`.
#[derive(Clone, Debug)]
#[must_use]
pub struct SentinelTrioBuilder {
    pub(super) name: String,
    pub(super) replicas: usize,
    pub(super) down_after: Duration,
    pub(super) failover_timeout: Duration,
    pub(super) behind_links: bool,
    pub(super) server: ServerBuilder,
    pub(super) sentinel: ServerBuilder,
}

impl SentinelTrioBuilder {
    pub(super) fn new() -> Self {
        Self {
            name: "mymaster".to_owned(),
            replicas: 2,
            down_after: Duration::from_secs(1),
            failover_timeout: Duration::from_secs(5),
            behind_links: false,
            server: ServerBuilder::new(Role::Data),
            sentinel: ServerBuilder::new(Role::Sentinel),
        }
    }

    /// The name under which sentinels know the primary. Default: `mymaster`.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How many replicas. Default: two.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// After how long a silent server counts as down. Default: a second.
    pub fn down_after(mut self, down_after: Duration) -> Self {
        self.down_after = down_after;
        self
    }

    /// How long a failover may take before another is tried. Default: five seconds.
    pub fn failover_timeout(mut self, timeout: Duration) -> Self {
        self.failover_timeout = timeout;
        self
    }

    /// A primary refuses writes unless so many replicas were heard within the last `max_lag` seconds.
    pub fn min_replicas_to_write(self, count: usize, max_lag: u64) -> Self {
        self.each(|server| server.config("min-replicas-to-write", count).config("min-replicas-max-lag", max_lag))
    }

    /// Options for the primary and every replica: passwords, users, TLS, directives. TLS holds for the sentinels too.
    pub fn each(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = options(self.server);
        self
    }

    /// Options for every sentinel, such as a password of its own.
    pub fn each_sentinel(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.sentinel = options(self.sentinel);
        self
    }

    /// Sentinels, replicas and clients reach every server by a [`LinkCutter`](crate::LinkCutter) of its own, at
    /// [`SentinelTrio::link_of`]. So a primary can be cut off while it goes on serving whoever connects to it directly.
    /// Not for TLS.
    pub fn behind_links(mut self) -> Self {
        self.behind_links = true;
        self
    }

    /// Starts everything, and waits until all sentinels know each other and all replicas.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`], and if that does not come within 30 s.
    pub async fn start(self) -> SentinelTrio {
        start::start(self).await
    }
}
