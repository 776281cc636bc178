//! Hits compared with caches of whole sessions.

use std::{hint::black_box, sync::Arc};

use session_core::{
    LoadOptions,
    model::Record,
    store::{LoadOutcome, SessionStore as _},
};
use session_testkit::Server;
use tokio::runtime::{Builder, Runtime};

use super::SMALL;
use crate::{
    claim::Target,
    effort::Effort,
    elapsed,
    in_turn::{Costs, InTurn},
    peers::{cache_aio, tower_sessions},
    section::Section,
    shuffle,
    tiered::{Loaded, decoded},
};

const OURS: &str = "tiered";
const TOWER: &str = "CachingSessionStore, moka over redis";
const AIO: &str = "redis-rs 0.32 cache-aio, HGETALL";
const BATCH: usize = 15_000;
/// A sixth, which was the goal.
const TOWER_TARGET: Target = Target::AtMost(1.0 / 6.0);
const WHY: &str = "a quarter of our hit reads a clock that counts suspended time, and a fifth allocates the box of its \
                   future; from run to run the ratio is between 0.15 and 0.2";

/// The caches, each with the same number of sessions, all of them cached.
struct Caches {
    runtime: Runtime,
    server: Server,
    tiered: Loaded,
    tower: tower_sessions::Cached,
    aio: cache_aio::Cached,
}

impl Caches {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let tiered = Loaded::new(SMALL);
        let (server, mut tower, aio) = runtime.block_on(async {
            let server = Server::start().await;
            let tower = tower_sessions::Cached::start(&server, SMALL).await;
            let aio = cache_aio::Cached::start(&server, SMALL).await;
            (server, tower, aio)
        });
        shuffle(&mut tower.ids);
        Self { runtime, server, tiered, tower, aio }
    }

    /// The misses so far: in the tiered store, in redis-rs's cache, and the number of commands that the server
    /// received, which counts the misses of all caches in front of it.
    fn misses(&self) -> (u64, usize, u64) {
        let commands = self.runtime.block_on(self.server.info("total_commands_processed"));
        let commands = commands.and_then(|count| count.parse().ok()).expect("the server counts");
        (self.tiered.counts().1, self.aio.counts().1, commands)
    }

    async fn hit(&self, at: usize) -> Arc<Record> {
        let id = &self.tiered.ids[at % SMALL];
        match self.tiered.store.load(id, LoadOptions::default()).await.expect("loaded") {
            LoadOutcome::Found(found) => found.record,
            other => panic!("{other:?}"),
        }
    }

    /// Nanoseconds per load, one after another. The pass over all sessions before them is not timed.
    fn each<T>(&self, load: impl AsyncFn(usize) -> T) -> f64 {
        let pass = |count: usize| {
            self.runtime.block_on(async {
                for at in 0..count {
                    drop(black_box(load(at).await));
                }
            });
        };
        pass(SMALL);
        elapsed(|| pass(BATCH)).as_secs_f64() * 1e9 / BATCH as f64
    }
}

/// Loads awaited one after another.
pub(super) fn against(section: &mut Section, effort: Effort) -> Costs {
    let caches = Caches::start();
    let before = caches.misses();
    let costs = InTurn::new("ns")
        .until_decided(OURS, TOWER, TOWER_TARGET)
        .subject(OURS, || caches.each(async |at: usize| caches.hit(at).await))
        .subject("tiered, all 8 fields decoded", || caches.each(async |at: usize| decoded(&*caches.hit(at).await)))
        .subject(TOWER, || caches.each(async |at: usize| caches.tower.load(&caches.tower.ids[at % SMALL]).await))
        .subject("redis-rs 0.32 cache-aio, GET of 300 B", || caches.each(async |at: usize| caches.aio.get(at).await))
        .subject(AIO, || caches.each(async |at: usize| caches.aio.hgetall(at).await))
        .run(effort);
    let after = caches.misses();
    assert_eq!((after.0, after.1), (before.0, before.1), "all counted loads are hits");
    // The difference contains the commands of the question itself, and the health checks of a client.
    assert!(after.2 - before.2 < 100, "the server received {} commands, so these are not hits", after.2 - before.2);
    let text = "A local hit, awaited, that returns a shared record, against one of tower-sessions' \
                `CachingSessionStore`, which returns a clone of its map: 1,000 sessions of 8 fields";
    let claim = costs.claim("tiered.hit.tower-sessions", text, (OURS, TOWER), TOWER_TARGET);
    section.claims.push(claim.missed_because(WHY, 1.0 / 6.0..=0.205));
    let text = "The same, against one of the client-side cache of redis-rs 0.32, which returns a map converted from \
                the reply of `HGETALL`";
    section.claims.push(costs.claim("tiered.hit.cache-aio", text, (OURS, AIO), Target::AtMost(1.0)));
    section.tables.push(costs.table("Time of a hit, awaited, ns: 1,000 sessions of 8 fields of 29 B", OURS));
    costs
}
