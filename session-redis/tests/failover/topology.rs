//! Stores on each topology of Redis, and where their sessions are.

use std::time::Duration;

use session_core::{
    Limits, LoadOptions, SessionId,
    store::{Found, LoadOutcome, SessionStore as _},
};
use session_redis::{RedisConfig, RedisStore, Sentinel};
use session_testkit::{Cluster, SentinelTrio};

/// Few, so that a feed is checked quickly.
pub(crate) const PARTITIONS: u32 = 8;
const SLOTS: u32 = 16_384;

/// A store with short deadlines, which detects an outage quickly.
pub(crate) async fn connect(config: RedisConfig) -> RedisStore {
    let config = config
        .call_deadline(Duration::from_secs(1))
        .connect_deadline(Duration::from_millis(500))
        .health_interval(Duration::from_millis(200));
    build(config).await
}

/// A store whose sessions may have as many entries as a long test writes.
pub(crate) async fn build(config: RedisConfig) -> RedisStore {
    let limits = Limits { max_entries: 1_000_000, max_session_bytes: 64 * 1_024 * 1_024, ..Limits::default() };
    RedisStore::builder(config).limits(limits).connect().await.unwrap_or_else(|error| panic!("{error:?}"))
}

pub(crate) async fn under_sentinel(trio: &SentinelTrio) -> RedisStore {
    let config = RedisConfig::sentinel(trio.sentinel_urls(), Sentinel::new(trio.master_name()));
    connect(config.partitions(PARTITIONS)).await
}

pub(crate) async fn in_cluster(cluster: &Cluster, partitions: u32) -> RedisStore {
    connect(RedisConfig::cluster(cluster.urls()).partitions(partitions)).await
}

/// A session that must be there.
pub(crate) async fn found(store: &RedisStore, id: &SessionId) -> Found {
    match store.load(id, LoadOptions::default()).await {
        Ok(LoadOutcome::Found(found)) => found,
        other => panic!("{other:?}"),
    }
}

/// The slot of a partition.
pub(crate) fn slot_of(partition: u16, partitions: u32) -> u16 {
    let each = SLOTS / partitions;
    u16::try_from(u32::from(partition) * each + each / 2).expect("a partition of that number")
}

/// A new id in this partition.
pub(crate) fn id_in(partition: u16, partitions: u32) -> SessionId {
    loop {
        let id = SessionId::generate().unwrap();
        if u32::from(id.digest().partition()) % partitions == u32::from(partition) {
            return id;
        }
    }
}
