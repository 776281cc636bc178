//! The CPU time of operations on the primaries of a cluster.

use futures_util::{StreamExt as _, stream};
use session_core::{LoadOptions, SessionId, store::SessionStore as _};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::Cluster;

use super::{
    Meter,
    subscribed_server::{apply, create},
};
use crate::scalars;

/// The requests in flight at each primary.
const AT_ONCE: usize = 64;

/// A cluster and one client, without subscribers.
#[derive(Debug)]
pub struct Clusters {
    primaries: usize,
    store: RedisStore,
    ids: Vec<SessionId>,
    meter: Meter,
    _cluster: Cluster,
}

impl Clusters {
    /// A cluster of this many primaries.
    pub async fn start(primaries: usize) -> Self {
        let cluster = Cluster::start(primaries, 0).await;
        let store = RedisStore::builder(RedisConfig::cluster(cluster.urls())).connect().await.expect("a store");
        let ids = create(&store, AT_ONCE * primaries, scalars(8, 29)).await;
        let meter = Meter::of(cluster.nodes().iter().map(|node| node.server())).await;
        Self { primaries, store, ids, meter, _cluster: cluster }
    }

    /// The CPU time of the primaries per update, in microseconds.
    pub async fn apply(&mut self, count: usize) -> f64 {
        let Self { store, ids, meter, primaries, .. } = self;
        let store = &*store;
        meter.each(count, apply(&[store], ids, count, AT_ONCE * *primaries)).await.cpu
    }

    /// The CPU time of the primaries per load, in microseconds.
    pub async fn load(&mut self, count: usize) -> f64 {
        let Self { store, ids, meter, primaries, .. } = self;
        let store = &*store;
        let one = |n: usize| {
            let id = ids[n % ids.len()];
            async move { drop(store.load(&id, LoadOptions::default()).await.expect("loaded")) }
        };
        let all = stream::iter(0..count).map(one).buffer_unordered(AT_ONCE * *primaries).collect::<()>();
        meter.each(count, all).await.cpu
    }
}
