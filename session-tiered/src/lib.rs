//! A local cache in front of a session store: local speed, with a stated bound on how stale an answer can be.
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
//! session.insert("theme", "dark")?;
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
//! - **The store**: [`TieredStore`], its [builder](TieredStoreBuilder), its [`Capacity`] and [`Eviction`], and every
//!   [default](defaults).
//! - **How fresh an answer is** is up to each call: see [Read levels](#read-levels) below, and
//!   [`LoadOptions`](session_core::LoadOptions).
//! - **What it went through**: [`Stats`], also through the features `metrics` and `tracing`.
//!
//! # What it promises
//! For changes made through this library, and whatever the network does:
//!
//! | | promise |
//! |---|---|
//! | I1 bounded staleness | No load is answered locally from a state that was replaced more than `max_staleness` ago (1 s). |
//! | I2 read your writes | On a node, what was acknowledged is seen from then on. |
//! | I3 monotonic reads | On a node, what was shown of a session is not taken back, across rotation and reconnect. |
//! | I4 across nodes | A load with a [floor](session_core::LoadOptions::floor) is answered with that state or a later one. |
//! | I5 no stale fill | An answer of the store is kept only if nothing newer was heard, and nothing can have been missed, while it was on its way. |
//! | I6 no silent gap | Whatever may have been missed ends the epoch of its partition: what was cached there is asked about before it answers again. |
//! | I7 destroy wins | Once a node has heard of the end, or its lease has run out, it serves the session no more. |
//! | I8 patch in place | A change that carries its delta is applied to the copy: the writes of others do not turn reads into misses. |
//! | I9 idle deadlines | [`Sessions`](session_core::Sessions) renews the deadlines of sessions it opens, hit or not; renewals at the same time are one request. A copy past its deadline is a miss. |
//! | I10 no immortal copy | None is served past `max_age` (60 s) without the store having vouched for it. |
//!
//! I2 to I4 hold while the store keeps what it acknowledged. Where it does not, one load settles it, and
//! [`Stats::history_lost`] counts it.
//!
//! # How
//! A *lease* lets copies answer. It is brought by a heartbeat: a [barrier](session_core::store::Barriers) whose answer stands in
//! the feed behind everything published before it, and it runs from when the heartbeat was **sent**. Copies belong to an
//! *epoch*, which ends with every gap. A *fill* notes the epoch when its request leaves, and changes that are heard while
//! it is in flight raise the *floor* below which it is not installed. All that changes the copies of a partition happens
//! at one desk, one at a time; hits wait for nobody.
//!
//! # Read levels
//! - [`ReadLevel::Local`](session_core::ReadLevel::Local), the default: within the bound.
//! - With a [floor](session_core::LoadOptions::floor): at least that version.
//! - [`ReadLevel::Store`](session_core::ReadLevel::Store): the present state; what is cached makes that a conditional load.
//! - With [`stale_if_error`](session_core::LoadOptions::stale_if_error): if the store does not answer, a copy of up to that
//!   age, which the answer states. The only exception to I1, I4, I7 and I10. Without it, the load fails.
//!
//! # Consistency
//! As stated above. With Redis under Sentinel the bound needs `min-replicas-to-write`, and a `min-replicas-max-lag` shorter
//! than the failover: without them a primary that is cut off answers heartbeats, and a node that is cut off with it
//! believes it.
//!
//! # Cancel safety
//! A dropped write may have been done; its copy is dropped. A dropped load leaves the load to whoever else waits for it.
//!
//! # What it does not
//! - It keeps nothing of a session reached by an old id that forwards: those loads go to the store, for a short grace.
//! - It starts nothing by itself. The first call starts a task that listens, so calls need a Tokio runtime; until the
//!   first lease, loads go to the store.
//! - Its memory is bounded by an estimate, and moka, which decides what stays, may be behind by a few entries.
//!
//! # Features
//! `metrics`: every count of [`Stats`] through that facade. `tracing`: events of gaps and losses. `simulation`: for tests
//! only.
//!
//! # Metrics
//! All are counters, published at each [heartbeat's interval](TieredStoreBuilder::heartbeat) for as long as the node
//! listens, so the first call begins it. The recorder is the application's.
//!
//! | name | label | what |
//! |---|---|---|
//! | `session_tiered_hits`, `_misses`, `_joined`, `_patched`, `_evicted`, `_displaced`, `_revalidated`, `_fills_rejected`, `_resurrections_refused`, `_gaps`, `_epochs_ended`, `_lease_losses`, `_history_lost`, `_served_stale`, `_broken_circuits`, `_heartbeats`, `_self_checks`, `_violations` | | the count of [`Stats`] of that name |
//! | `session_tiered_staleness` | `sixteenth`: 1 to 16 | hits by their age: 3 counts those whose heartbeat was sent between 2/16 and 3/16 of `max_staleness` before. Each hit is in one of them |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod breaker;
mod builder;
mod copy;
pub mod defaults;
mod epoch;
#[cfg(feature = "metrics")]
mod export;
mod fill;
mod hash;
mod hearing;
mod inner;
mod keeper;
mod landing;
mod lease;
mod listener;
mod local;
#[cfg(feature = "simulation")]
mod mutant;
mod notes;
mod partition;
#[cfg(feature = "simulation")]
mod queue_policy;
mod reads;
mod revocation;
mod self_check;
mod stats;
mod store;
mod touches;
mod writes;

pub use builder::TieredStoreBuilder;
pub use keeper::{Capacity, Eviction};
#[cfg(feature = "simulation")]
pub use mutant::Mutant;
pub use stats::Stats;
pub use store::TieredStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
