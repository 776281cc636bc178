//! Sessions in memory: the embedded default, and the reference that every other backend is compared with.
//!
//! ```
//! use futures_util::FutureExt as _;
//! use session_core::{//!     CreateOutcome, Expiry, SessionId, //!     SessionStoreExt as _, //!, model::{Delta, Field, Format, Value}, store::{LoadOutcome, NewSession, SessionStore as _}};
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
//! store.update(&id, delta).await?;
//!
//! let LoadOutcome::Found(found) = store.get(&id).await? else { panic!("it was created above") };
//! assert!(found.record.state().get("theme").is_some());
//! # Ok(()) }
//! # example().now_or_never().unwrap().unwrap();
//! ```
//!
//! Settings: [`MemoryStoreBuilder`], and every [default](defaults).
//!
//! # What it does
//! - **Everything in the [contract](session_core::store::SessionStore#contract)**, and every capability: the index of
//!   principals, locks, and the change feed. It runs the reference [`machine`](session_core::store::machine) under a lock.
//! - **No global lock.** Sessions are spread over [shards](MemoryStoreBuilder::partitions) by their partition bits. A
//!   load takes the read lock of one shard and allocates nothing but its boxed future; it costs at most three times
//!   the get of an `Arc` from a bare papaya or dashmap with their default hashers, and about twice that with a
//!   thousand sessions.
//! - **No waiting.** No future of this store is ever pending, so none needs a runtime, and each is done in one poll.
//! - **Exact expiry.** What has ended is not returned, swept or not. Memory comes back by a
//!   [sweep](MemoryStore::sweep), by a [task](MemoryStore::sweeper), and by itself: each shard sweeps when it has
//!   doubled since its last sweep, which costs a constant share of the creates that made it grow.
//! - **It refuses rather than forgets.** A store of limited [capacity](MemoryStoreBuilder::capacity) that is full of
//!   live sessions refuses a create; expired ones always make room.
//!
//! # What it does not
//! - It does not outlive its process, nor reach another: [`node`](MemoryStore::node) gives further handles on the same
//!   sessions, as application nodes would be, for tests and simulations.
//!
//! # Consistency
//! The operations on one session are linearizable: each takes effect at one moment between its call and its answer, at
//! any [`ReadLevel`](session_core::ReadLevel), and time never runs backwards between two of them. Over several sessions
//! there is no common moment: `revoke_all` and caps on sessions go from one to the next. They are strict all the same:
//! when [`revoke_all`](session_core::store::SessionIndex::revoke_all) returns, no session that was signed in before it is
//! left, wherever it has moved meanwhile, and when a sign-in with a [cap](session_core::SessionCap) returns, no more
//! sessions are left than that, however many sign-ins with a cap race.
//!
//! # Memory
//! A session of three short fields (values of 17 bytes, names of 8) takes **about 570 bytes** of resident memory, all
//! included, with a million sessions as with four million. The report of `session-benches` has the figures of a machine
//! and claims how they grow: with four times the sessions at most 1.1 times the bytes of each, and at most twice the
//! time of a create. `cargo run --release -p session-benches --bin memory_per_session 1 2 5 10` goes up to ten million.
//! All with the allocator of glibc; the tables of the shards, which double, make steps between the figures.
//!
//! Computed from the layout: a further value of up to 23 bytes takes 56 bytes, a longer one its length and about 60.
//! The first update adds some 30 bytes for the memory of op ids, the sixteenth 128; a principal about 150 for its index
//! entry.
//!
//! A sweep of a shard holds its lock while it looks at each of the shard's sessions once: with the default number of
//! shards, at a thousandth of the store's.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod cap;
mod data;
pub mod defaults;
mod feed;
mod index;
mod lock;
mod queue;
mod revoke;
mod shard;
mod stats;
mod store;
mod sweep;

pub use builder::MemoryStoreBuilder;
pub use stats::Stats;
pub use store::MemoryStore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
