//! The server CPU time of each operation, without subscribers.

use futures_util::{StreamExt as _, stream};
use session_core::{
    LoadOptions, SessionId,
    model::{EndReason, Stamp},
    store::{Destroy, LoadOutcome, SessionStore as _, TouchOptions, TouchOutcome},
};
use session_redis::RedisStore;
use session_testkit::Server;

use super::{
    Meter, Reading,
    scenario::MANY,
    subscribed_server::{apply, create},
};
use crate::{op, scalars};

/// The sessions of each shape that is only loaded.
const SHAPED: usize = 200;

/// The sessions that are loaded.
#[derive(Clone, Copy, Debug)]
pub enum Loaded {
    /// 8 fields of 29 bytes.
    Small,
    /// 64 fields of 29 bytes.
    Wide,
    /// 8 fields of 1,000 bytes.
    Large,
}

/// Entries, and bytes of names and encoded values, of the loaded sessions.
pub(super) const SHAPES: [(f64, f64); 3] = [(8.0, 8.0 * 38.0), (64.0, 64.0 * 38.0), (8.0, 8.0 * 1_009.0)];
/// The fields of the larger sessions that are created.
pub(super) const WIDE: usize = 64;

/// One server and one client.
#[derive(Debug)]
pub struct Operations {
    store: RedisStore,
    meter: Meter,
    /// Read and touched, each once per batch, because a second touch in the same millisecond would do nothing.
    ids: Vec<SessionId>,
    stamps: Vec<Stamp>,
    written: Vec<SessionId>,
    wide: Vec<SessionId>,
    large: Vec<SessionId>,
    server: Server,
}

impl Operations {
    /// Measures in batches of this size.
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
        let written = create(&store, MANY, scalars(8, 29)).await;
        let wide = create(&store, SHAPED, scalars(WIDE, 29)).await;
        let large = create(&store, SHAPED, scalars(8, 1_000)).await;
        let meter = Meter::of([&server]).await;
        Self { store, meter, ids, stamps, written, wide, large, server }
    }

    /// The kind of the server: its name and version.
    pub async fn server(&self) -> String {
        let valkey = self.server.info("valkey_version").await.map(|version| format!("Valkey {version}"));
        let redis = self.server.info("redis_version").await.unwrap_or_default();
        valkey.unwrap_or_else(|| format!("Redis {redis}"))
    }

    /// Loads, `at_once` of them in flight.
    pub async fn load(&mut self, of: Loaded, at_once: usize) -> Reading {
        let Self { store, meter, ids, wide, large, .. } = self;
        let (store, count) = (&*store, if at_once == 1 { ids.len() / 4 } else { ids.len() });
        let ids = match of {
            Loaded::Small => ids,
            Loaded::Wide => wide,
            Loaded::Large => large,
        };
        let one = |id| async move {
            assert!(matches!(store.load(id, LoadOptions::default()).await, Ok(LoadOutcome::Found(_))));
        };
        let all = stream::iter(ids.iter().cycle().take(count));
        meter.each(count, all.map(one).buffer_unordered(at_once).collect()).await
    }

    /// Conditional loads that find no change, `at_once` of them in flight.
    pub async fn conditional(&mut self, at_once: usize) -> Reading {
        let Self { store, meter, ids, stamps, .. } = self;
        let (store, count) = (&*store, if at_once == 1 { ids.len() / 4 } else { ids.len() });
        let one = |(id, stamp): (_, &Stamp)| {
            let options = LoadOptions { known: Some(*stamp), ..LoadOptions::default() };
            async move { assert!(matches!(store.load(id, options).await, Ok(LoadOutcome::Unchanged(_)))) }
        };
        let all = stream::iter(ids.iter().zip(&*stamps).take(count));
        meter.each(count, all.map(one).buffer_unordered(at_once).collect()).await
    }

    /// Updates of one field of 29 bytes, `at_once` of them in flight.
    pub async fn apply(&mut self, at_once: usize) -> Reading {
        let Self { store, meter, ids, written, .. } = self;
        let count = if at_once == 1 { ids.len() / 4 } else { ids.len() };
        meter.each(count, apply(&[&*store], written, count, at_once)).await
    }

    /// Touches.
    pub async fn touch(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let one = |id| async move {
            assert!(matches!(store.touch(id, TouchOptions::default()).await, Ok(TouchOutcome::Touched(_))));
        };
        meter.each(ids.len(), stream::iter(&*ids).map(one).buffer_unordered(MANY).collect()).await
    }

    /// Creates of sessions with this many fields of 29 bytes.
    pub async fn create(&mut self, fields: usize) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let (store, count) = (&*store, if fields == WIDE { ids.len() / 4 } else { ids.len() });
        let work = async {
            let _ = create(store, count, scalars(fields, 29)).await;
        };
        meter.each(count, work).await
    }

    /// Destroys of those sessions.
    pub async fn destroy(&mut self) -> Reading {
        let Self { store, meter, ids, .. } = self;
        let store = &*store;
        let ending = create(store, ids.len(), scalars(8, 29)).await;
        let one = |id| async move {
            let _ = store.destroy(id, &Destroy::new(op(), EndReason::Logout)).await.expect("destroyed");
        };
        meter.each(ids.len(), stream::iter(&ending).map(one).buffer_unordered(MANY).collect()).await
    }
}
