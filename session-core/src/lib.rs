//! Distributed sessions for any storage: the typed session that requests use, and the trait that backends implement.
//!
//! ```
//! use session_core::{Error, Sessions};
//! use session_memory::MemoryStore;
//!
//! # async fn run() -> Result<(), Error> {
//! let sessions = Sessions::new(MemoryStore::new());
//! let mut session = sessions.create()?;
//! session.set("theme", "dark")?; // recorded; nothing is sent
//! session.map_mut("cart").insert("sku-1", 2u32)?;
//! session.members_mut("viewed").insert("sku-1")?;
//! session.commit().await?; // one atomic (S − D) ∪ U
//!
//! let session = sessions.open(session.id()).await?;
//! assert_eq!(session.map("cart").get::<u32>("sku-1")?, Some(2));
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # This documentation is organised as follows
//! - **Applications** use the items at the root. [`Sessions`] opens, creates, lists, watches and ends sessions. [`Session`] is
//!   the handle of one request, with scalars, [maps](Map), [sets](Set) and structs. [`defaults`] lists every default of
//!   this crate in one table. [`codec`] describes how values are encoded.
//! - **Backends** implement [`store::SessionStore`], whose documentation is the contract, and optionally the capabilities
//!   [`SessionIndex`](store::SessionIndex), [`SessionLock`](store::SessionLock) and [`ChangeFeed`](store::ChangeFeed).
//!   The module `store::machine` (feature `machine`) is the contract as pure functions. The crate `session-conformance`
//!   tests a backend.
//! - **The model** is in [`model`]: states, deltas, records, stamps and deadlines.
//!
//! # What it does
//! - Every update is one atomic difference and union in the store: concurrent requests do not lose each other's changes,
//!   and nothing recreates a session that has ended.
//! - Every operation has outcomes that a caller can distinguish, and "outcome unknown" is one of them.
//! - Reads share the stored record; a value is decoded when it is read.
//!
//! # What it does not do
//! - It has no I/O and no runtime: it builds without tokio, and stores bring what they need. While sessions are
//!   [watched](Sessions::watch), it has one thread.
//! - It has no query language, and sessions are not for large objects.
//!
//! # Features
//! `json` (default), `postcard`, `bincode`, `sealed`: the [codecs](codec). `machine`: the reference implementation
//! `store::machine`, for backends that keep their sessions in their own process. `tracing`: the event `session_ended`, at
//! level `INFO` of the target `session_core`, when a request meets a session that was ended and whose tombstone is still
//! there, and `session_forked`, at level `WARN`, when an old id comes back after the id of its renewal was used. These events
//! have the age (`age_ms`) and the operation, and no id; the first also has the reason. `session_dropped_uncommitted`, at
//! level `INFO`, tells that a handle was dropped with changes, with the number of changed fields (`fields`) and whether the
//! outcome of a request is unknown (`unsettled`).
#![cfg_attr(docsrs, feature(doc_cfg))]

mod clock;
pub mod codec;
pub mod defaults;
mod error;
pub mod model;
mod random;
mod sessions;
pub mod store;

pub use clock::{Clock, ManualClock, SystemClock};
pub use error::{Error, ErrorKind};
pub use model::{
    EndReason, Ended,
    deadline::Expiry,
    id::SessionId,
    limits::Limits,
    principal::{Note, Principal, SessionCap, SignIn},
    stamp::Floor,
};
pub use sessions::{Deferred, Map, Rotate, Rotated, Session, Sessions, SessionsBuilder, Set, Watch, WatchEnd};
pub use store::{
    IndexedSession, RevocationId,
    request::{LoadOptions, ReadLevel},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
