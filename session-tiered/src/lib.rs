//! A local cache in front of a session store: loads at local speed, with a stated bound on staleness.
//!
//! ```
//! use session_core::{Error, Sessions};
//! use session_memory::MemoryStore;
//! use session_tiered::TieredStore;
//!
//! # async fn run() -> Result<(), Error> {
//! // In production: TieredStore::new(RedisStore::connect(url).await?)
//! let store = TieredStore::new(MemoryStore::new());
//! let sessions = Sessions::new(store.clone());
//!
//! let mut session = sessions.create()?;
//! session.set("theme", "dark")?;
//! session.commit().await?;                        // to the store first, then to the cache
//! sessions.open(session.id()).await?;             // from the store once, then from memory
//!
//! println!("{} hits, {} patched", store.stats().hits, store.stats().patched);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # This documentation is organised as follows
//! - **The store**: [`TieredStore`], its [builder](TieredStoreBuilder), its [`Capacity`] and [`Eviction`], and all
//!   [defaults].
//! - **Freshness** is the choice of each call: see [Read levels](#read-levels) below, and
//!   [`LoadOptions`](session_core::LoadOptions).
//! - **Observation**: [`Stats`], also through the features `metrics` and `tracing`.
//!
//! # Guarantees
//! They hold for changes made through this library, whatever the network does:
//!
//! | | guarantee |
//! |---|---|
//! | I1 bounded staleness | No load is answered locally from a state that was replaced more than `max_staleness` ago (default 1 s). |
//! | I2 read your writes | On a node, every load sees all writes that were acknowledged to that node before the load began. |
//! | I3 monotonic reads | On a node, a load that begins after another has returned shows no older state of the session, and no session that the other has shown as ended, across rotation and reconnect. |
//! | I4 read your writes across nodes | A load with a [floor](session_core::LoadOptions::floor) is answered with that state or a later one. |
//! | I5 no stale fill | An answer of the store is cached only if no newer state became known, and no change can have been missed, while it was on its way. |
//! | I6 no silent gap | If a change may have been missed, the epoch of its partition ends: each copy from that epoch is revalidated with the store before it answers again. |
//! | I7 destroy wins | Once a node has received the end of a session, or its lease has run out, it no longer serves the session. |
//! | I8 patch in place | A change that carries its delta is applied to the copy: writes on other nodes do not turn reads into misses. |
//! | I9 idle deadlines | [`Sessions`](session_core::Sessions) renews the deadlines of the sessions it opens, on hits too; renewals at the same time are one request. A copy past its deadline is a miss. |
//! | I10 no immortal copy | No copy is served past `max_age` (default 60 s) without the store having vouched for it, and no absence past `max_staleness`. |
//!
//! I2 to I4 hold while the store keeps the writes that it acknowledged. If it loses some, one load restores agreement with
//! the store, and [`Stats::history_lost`] counts the loss if this node had seen what was lost. A floor above what the store has
//! is counted in [`Stats::floors_unmet`] only, since it may come from a client.
//!
//! # How it works
//! - A *lease* lets the copies of a partition answer. A heartbeat grants and extends it: the listener asks for a
//!   [barrier](session_core::store::Barriers), which arrives in the feed behind everything published before it. The
//!   lease runs from when the heartbeat was **sent**. A change that was applied to a copy and that the store did not publish
//!   shows in the next heartbeat of its partition, as a gap.
//! - An *epoch* ends with every gap in the feed. Copies of an ended epoch do not answer until the store has confirmed
//!   them.
//! - A *fill* is a load whose answer becomes a copy. It notes the epoch when its request leaves. Each change that arrives
//!   while it is in flight raises its *floor*; an answer below the floor is not installed.
//! - All changes to the copies of a partition happen under its lock, one at a time. Hits never wait for a lock.
//!
//! # Read levels
//! - [`ReadLevel::Local`](session_core::ReadLevel::Local), the default: within the staleness bound.
//! - With a [floor](session_core::LoadOptions::floor): at least that version.
//! - [`ReadLevel::Store`](session_core::ReadLevel::Store): the current state. With a copy, the load is a conditional one; one of
//!   16 conditional loads brings the whole state and compares it with the copy's.
//! - With [`stale_if_error`](session_core::LoadOptions::stale_if_error): if the store does not answer, or refuses the read
//!   for now, a copy of up to that age, which the answer states. This is the only exception to I1, I4, I7 and I10. Without
//!   it, the load fails.
//!
//! # Consistency
//! As guaranteed above. With Redis under Sentinel and in a cluster, the bound needs `min-replicas-to-write` and a
//! `min-replicas-max-lag` two seconds shorter than `down-after-milliseconds` or `cluster-node-timeout`. Without them, a
//! primary that is cut off still answers heartbeats and loads, and a node that is cut off with it takes its answers for
//! current: under Sentinel for as long as it is cut off, in a cluster until the primary notices.
//!
//! # Cancel safety
//! A dropped write may have been executed; its copy is dropped. A dropped load goes on if other callers wait for it.
//!
//! # Limits
//! - A session reached by an old id that forwards is not cached under that id. Such loads go to the store, until the client
//!   uses the new id, and for the grace after that.
//! - A node learns where an old id forwards when it finds a session through it. If it has not, and another principal
//!   signs in through the old id on this node, the copy of the session that has ended answers until the change arrives,
//!   within the staleness bound.
//! - The crate starts nothing by itself. The first call starts the listener's task, so calls need a Tokio runtime. Until the
//!   first lease, loads go to the store.
//! - Loads of ids without a copy are refused when too many are [in flight](TieredStoreBuilder::first_loads). On a node that has
//!   just started, these are the loads of all sessions.
//! - A session that would need a [large copy](TieredStoreBuilder::max_copy) is not kept. Its loads go to the store, in the share
//!   of loads without a copy.
//! - Memory is bounded by an estimate. moka, which decides what stays cached, may lag behind by a few entries.
//!
//! # Features
//! `metrics`: all counters of [`Stats`] through that facade. `tracing`: events for gaps and losses.
//!
//! # Metrics
//! All metrics are counters. They are published at each [heartbeat interval](TieredStoreBuilder::heartbeat) while the node
//! listens, which begins with the first call. The application brings the recorder.
//!
//! | name | label | value |
//! |---|---|---|
//! | `session_tiered_hits`, `_misses`, `_joined`, `_patched`, `_evicted`, `_displaced`, `_oversized`, `_revalidated`, `_fills_rejected`, `_resurrections_refused`, `_gaps`, `_epochs_ended`, `_lease_losses`, `_history_lost`, `_floors_unmet`, `_served_stale`, `_broken_circuits`, `_first_loads_refused`, `_heartbeats`, `_self_checks`, `_violations` | | the counter of [`Stats`] with that name |
//! | `session_tiered_staleness` | `sixteenth`: 1 to 16 | hits by age: 3 counts the hits whose heartbeat was sent between 2/16 and 3/16 of `max_staleness` before. Each hit is counted once |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod apply;
mod breaker;
mod builder;
mod capacity;
mod copy;
pub mod defaults;
mod epoch;
mod eviction;
#[cfg(feature = "metrics")]
mod export;
mod fill;
mod hash;
mod install;
mod lease;
mod listener;
mod local_cache;
mod partition;
mod partition_guard;
mod policy;
mod reads;
mod revocation;
mod self_check;
mod stats;
mod store;
mod tiers;
mod touches;
mod unconfirmed;
mod usage;
mod writes;

pub use builder::TieredStoreBuilder;
pub use capacity::Capacity;
pub use policy::Eviction;
pub use stats::Stats;
pub use store::TieredStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
