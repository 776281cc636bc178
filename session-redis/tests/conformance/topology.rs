//! One harness for each topology of Redis. The servers of a topology are shared by all cases of a run, and each case
//! has its own prefix. The tests of the tiered store use these topologies too, with the store that `crate::opened`
//! makes of a Redis store.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use session_core::{Limits, store::SessionStore};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_testkit::{Cluster, SentinelTrio, Server, shared};

/// Much longer than a call, even on a busy machine. Cases wait rather than compute, hence their large number at once.
pub(crate) const TICK: Duration = Duration::from_millis(250);
/// More than ten call deadlines, and a hundred ticks.
pub(crate) const TOMBSTONE: Duration = Duration::from_secs(25);

/// A prefix that no other case has.
pub(crate) fn prefix() -> String {
    static CASES: AtomicU64 = AtomicU64::new(0);
    format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed))
}

pub(crate) async fn node(config: RedisConfig) -> Arc<dyn SessionStore> {
    // Low enough that the cases reach them soon.
    let limits = Limits { max_entries: 2_000, max_value_bytes: 4_096, max_session_bytes: 65_536 };
    let store = RedisStore::builder(config).limits(limits).tombstone(TOMBSTONE).connect().await;
    crate::opened(store.unwrap_or_else(|error| panic!("{error:?}")))
}

macro_rules! harness {
    ($(#[$doc:meta])* $name:ident, |$prefix:ident| $config:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl session_conformance::Harness for $name {
            /// The prefix of the case.
            type Backend = String;

            async fn start(&self) -> String {
                $crate::topology::prefix()
            }

            async fn node(&self, $prefix: &String) -> std::sync::Arc<dyn session_core::store::SessionStore> {
                $crate::topology::node($config.prefix($prefix.clone())).await
            }

            async fn elapse(&self, _: &String, time: std::time::Duration) {
                tokio::time::sleep(time).await;
            }

            fn tick(&self) -> std::time::Duration {
                $crate::topology::TICK
            }

            fn resolution(&self) -> std::time::Duration {
                $crate::topology::TICK / 4
            }

            fn tombstone(&self) -> Option<std::time::Duration> {
                Some($crate::topology::TOMBSTONE)
            }
        }
    };
}

static SERVER: LazyLock<Server> = LazyLock::new(|| shared(async { Server::builder().start().await }));

harness! {
    /// One server.
    Standalone, |prefix| RedisConfig::standalone(SERVER.url())
}

static SENTINELS: LazyLock<SentinelTrio> = LazyLock::new(|| shared(async { SentinelTrio::start().await }));

harness! {
    /// A primary and its replicas under Sentinel.
    UnderSentinel,
    |prefix| RedisConfig::sentinel(SENTINELS.sentinel_urls(), Sentinel::new(SENTINELS.master_name()))
}

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| shared(async { Cluster::start(3, 1).await }));

harness! {
    /// Three primaries, each with a replica.
    InCluster, |prefix| RedisConfig::cluster(CLUSTER.urls())
}
