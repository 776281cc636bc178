//! Sessions in memory: the embedded default, and the reference implementation for all other backends.
//!
//! ```
//! use futures_util::FutureExt as _;
//! use session_core::{
//!     Expiry, LoadOptions, SessionId,
//!     model::{Delta, Field, Format, OpId, Value},
//!     store::{CreateOutcome, LoadOutcome, NewSession, SessionStore as _, Update},
//! };
//! use session_memory::MemoryStore;
//!
//! # async fn example() -> Result<(), session_core::Error> {
//! let store = MemoryStore::builder().capacity(1_000_000).build()?;
//!
//! let id = SessionId::generate()?;
//! let created = store.create(&id, &NewSession::generate(Expiry::default())?).await?;
//! assert!(matches!(created, CreateOutcome::Created(_)));
//!
//! let mut delta = Delta::new();
//! delta.set(Field::new("theme")?, Value::new(Format::JSON, b"\"dark\""));
//! store.apply(&id, &Update::new(OpId::generate()?, delta)).await?;
//!
//! let LoadOutcome::Found(found) = store.load(&id, LoadOptions::default()).await? else {
//!     panic!("the session was created above")
//! };
//! assert!(found.record.state().get("theme").is_some());
//! # Ok(()) }
//! # example().now_or_never().unwrap().unwrap();
//! ```
//!
//! [`MemoryStoreBuilder`] has the settings, and [`defaults`] lists every default.
//!
//! # What it does
//! - **Everything in the [contract](session_core::store::SessionStore#contract)**, and every capability: the index of
//!   principals, locks, and the change feed. It runs the reference [`machine`](session_core::store::machine) under a
//!   lock.
//! - **No global lock.** Sessions are spread over [shards](MemoryStoreBuilder::partitions) by their partition bits. A
//!   load takes the read lock of one shard and allocates nothing but its boxed future. It costs at most three times
//!   as much as getting an `Arc` from a bare papaya or dashmap with their default hashers, and about twice as much
//!   with a thousand sessions.
//! - **No waiting.** No future of this store is ever pending, so none needs a runtime, and each completes in one poll.
//! - **Exact expiry.** An ended session is never returned, swept or not. Memory is freed by a
//!   [sweep](MemoryStore::sweep), by a [task](MemoryStore::sweeper), and by the store itself: each shard sweeps when it
//!   has doubled since its last sweep, which costs a constant share of the creates that made it grow.
//! - **It refuses rather than evicts.** A store that is full of live sessions, or of
//!   [tombstones and forwards](MemoryStoreBuilder::ended_capacity), refuses a create. Expired sessions always make room.
//!   The default [capacity](MemoryStoreBuilder::capacity) is a million sessions.
//!
//! # What it does not do
//! - It does not outlive its process and is not shared between processes. [`node`](MemoryStore::node) gives further
//!   handles on the same sessions, which act as application nodes in tests and simulations.
//!
//! # Consistency
//! The operations on one session are linearizable: each takes effect at one moment between its call and its answer, at
//! any [`ReadLevel`](session_core::ReadLevel), and time never runs backwards between two of them. Operations over
//! several sessions do not take effect at one moment: `revoke_all` and caps work on one session after the other. They
//! are strict all the same. When [`revoke_all`](session_core::store::SessionIndex::revoke_all) returns, no session that
//! was signed in before it is left, wherever it has moved meanwhile. When a sign-in with a
//! [cap](session_core::SessionCap) returns, at most that number of sessions is left, however many sign-ins with a cap
//! race.
//!
//! # Memory
//! A session of three short fields (values of 17 bytes, names of 8) takes **about 570 bytes** of resident memory, all
//! overhead included, with a million sessions as with four million. The report of `session-benches` has the figures of
//! one machine and claims how they grow: with four times the sessions, each takes at most 1.1 times the bytes, and a
//! create at most twice the time. `cargo run --release -p session-benches --bin memory_per_session 1 2 5 10` measures
//! up to ten million. All figures are for the allocator of glibc. The tables of the shards double in size, so the
//! figures grow in steps.
//!
//! Computed from the layout: a further value of up to 23 bytes takes 56 bytes, a longer one its length and about 60.
//! The first update adds some 30 bytes for the remembered op ids, the sixteenth 128; a principal adds about 150 for its
//! index entry.
//!
//! A sweep of a shard holds its lock while it visits each of the shard's sessions once; with the default number of
//! shards, that is about a thousandth of the store's sessions.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cap;
mod data;
pub mod defaults;
mod feed;
mod index;
mod lock;
mod queue;
mod quota;
mod revoke;
mod shard;
mod stats;
mod store;
mod subscription;
mod sweep;

pub use builder::MemoryStoreBuilder;
pub use stats::Stats;
pub use store::MemoryStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
