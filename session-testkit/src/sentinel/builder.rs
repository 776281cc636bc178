//! Options of sentinels and their servers.

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

    /// Sets the sentinels' name for the primary. Default: `mymaster`.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Sets the number of replicas. Default: two.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// Sets the time after which a silent server counts as down. Default: a second.
    pub fn down_after(mut self, down_after: Duration) -> Self {
        self.down_after = down_after;
        self
    }

    /// Sets the time after which a failover is tried again. Default: five seconds.
    pub fn failover_timeout(mut self, timeout: Duration) -> Self {
        self.failover_timeout = timeout;
        self
    }

    /// Makes a primary refuse writes unless this many replicas reported within the last `max_lag` seconds.
    pub fn min_replicas_to_write(self, count: usize, max_lag: u64) -> Self {
        self.each(|server| server.config("min-replicas-to-write", count).config("min-replicas-max-lag", max_lag))
    }

    /// Sets options of the primary and every replica: passwords, users, TLS, directives. TLS also applies to sentinels.
    pub fn each(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.server = options(self.server);
        self
    }

    /// Sets options of every sentinel, such as a password.
    pub fn each_sentinel(mut self, options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        self.sentinel = options(self.sentinel);
        self
    }

    /// Puts a [`LinkCutter`](crate::LinkCutter) in front of every server, through which sentinels, replicas and clients
    /// reach it: [`SentinelTrio::link_of`]. A primary can thus be cut off while it still serves direct connections. Not
    /// available with TLS.
    pub fn behind_links(mut self) -> Self {
        self.behind_links = true;
        self
    }

    /// Starts everything, and waits until all sentinels know each other and all replicas.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`], and if that takes longer than 30 s.
    pub async fn start(self) -> SentinelTrio {
        start::start(self).await
    }
}
