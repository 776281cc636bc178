//! What each operation takes of a server without subscribers.

use futures_util::{StreamExt as _, stream};
use session_core::{
    Destroy, EndReason, LoadOptions, LoadOutcome, SessionId, SessionStore as _, Stamp, TouchOptions, TouchOutcome,
};
use session_redis::RedisStore;
use session_testkit::Server;

use super::{
    Meter, Reading,
    station::{apply, create},
};
use crate::{op, scalars};

/// So many requests under way.
const AT_ONCE: usize = 64;

/// One server and one client.
#[derive(Debug)]
pub struct Operations {
    store: RedisStore,
    meter: Meter,
    /// Read and touched: each once in a batch, for a second touch in the same millisecond would do nothing.
    ids: Vec<SessionId>,
    stamps: Vec<Stamp>,
    written: Vec<SessionId>,
    server: Server,
}

impl Operations {
    /// In batches of so many.
    pub async fn start(batch: usize) -> Self {
        let server = Server::start().await;
        let store = RedisStore::connect(&server.url()).await.expect("a store");
        let ids = create(&store, batch, scalars(8, 29)).await;
        let mut stamps = Vec::new();
        for id in &ids {
            match store.load(id, LoadOptions::default()).await {
                Ok(LoadOutcome::Found(found)) => stamps.push(found.record.stamp()),
                other => panic!("{other:?}"),
            }
        }
        let written = create(&store, AT_ONCE, scalars(8, 29)).await;
        let meter = Meter::of([&server]).await;
        Self { store, meter, ids, stamps, written, server }
    }

    /// What kind of server it is: its name and version.
    pub async fn server(&self) -> String {
        let valkey = self.server.info("valkey_version").await.map(|version| format!("Valkey {version}"));
        let redis = self.server.info("redis_version").await.unwrap_or_default();
        valkey.unwrap_or_else(|| format!("Redis {redis}"))
    }

    /// Loads of 8 fields of 29 bytes.
    pub async fn load(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let one = |id| async move {
            assert!(matches!(store.load(id, LoadOptions::default()).await, Ok(LoadOutcome::Found(_))));
        };
        meter.each(ids.len(), stream::iter(&*ids).map(one).buffer_unordered(AT_ONCE).collect()).await
    }

    /// Loads of what is known.
    pub async fn conditional(&mut self) -> Reading {
        let Self { store, meter, ids, stamps, .. } = self;
        let store = &*store;
        let one = |(id, stamp): (_, &Stamp)| {
            let options = LoadOptions::default().known(*stamp);
            async move { assert!(matches!(store.load(id, options).await, Ok(LoadOutcome::Unchanged(_)))) }
        };
        let all = stream::iter(ids.iter().zip(&*stamps));
        meter.each(ids.len(), all.map(one).buffer_unordered(AT_ONCE).collect()).await
    }

    /// Updates of one field of 29 bytes.
    pub async fn apply(&mut self) -> Reading {
        let Self { store, meter, ids, written, .. } = self;
        let store = &*store;
        meter.each(ids.len(), apply(store, written, ids.len(), AT_ONCE)).await
    }

    /// Renewals of deadlines.
    pub async fn touch(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let one = |id| async move {
            assert!(matches!(store.touch(id, TouchOptions::default()).await, Ok(TouchOutcome::Touched(_))));
        };
        meter.each(ids.len(), stream::iter(&*ids).map(one).buffer_unordered(AT_ONCE).collect()).await
    }

    /// New sessions of 8 fields of 29 bytes.
    pub async fn create(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let work = async {
            let _ = create(store, ids.len(), scalars(8, 29)).await;
        };
        meter.each(ids.len(), work).await
    }

    /// Their ends.
    pub async fn destroy(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let ending = create(store, ids.len(), scalars(8, 29)).await;
        let one = |id| async move {
            let _ = store.destroy(id, &Destroy::new(op(), EndReason::Logout)).await.expect("destroyed");
        };
        meter.each(ids.len(), stream::iter(&ending).map(one).buffer_unordered(AT_ONCE).collect()).await
    }
}
