//! Storage-agnostic distributed sessions: the trait that backends implement, and the typed session that requests use.
//!
//! ```
//! use session_core::{Error, Sessions};
//! use session_memory::MemoryStore;
//!
//! # async fn run() -> Result<(), Error> {
//! let sessions = Sessions::new(MemoryStore::new());
//! let mut session = sessions.create()?;
//! session.map("cart").insert("sku-1", 2u32)?; // recorded; nothing is sent
//! session.set("roles").insert("admin")?;
//! session.commit().await?; // one atomic (S − D) ∪ U
//!
//! let mut session = sessions.open(session.id()).await?;
//! assert_eq!(session.map("cart").get::<u32>("sku-1")?, Some(2));
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```
//!
//! # This documentation is organised as follows
//! - **Using sessions**: [`Sessions`] opens, creates and ends them; [`Session`] is one request's handle, with scalars,
//!   [maps](Map), [sets](Set) and structs. [`defaults`] is every default of this crate in one table; each
//!   backend has one of its own. [`codec`] is how values are
//!   encoded.
//! - **The model**: [`State`], [`Delta`], [`Record`], [`Stamp`], [`Deadlines`].
//! - **Writing a backend**: [`SessionStore`] with its contract, the capabilities [`SessionIndex`], [`SessionLock`] and
//!   [`ChangeFeed`], and [`machine`], the contract as pure functions. The crate `session-conformance` tests a backend.
//!
//! # What it does
//! - Every update is one atomic difference and union where the session lives: concurrent requests do not lose each
//!   other's changes, and nothing recreates a session that has ended.
//! - Every operation has outcomes that a caller can tell apart, and "outcome unknown" is one of them.
//! - Reads share the stored record; a value is decoded when it is read.
//!
//! # What it does not
//! - No I/O and no runtime: it builds without tokio, and stores bring what they need.
//! - No query language, and no large objects in sessions.
//!
//! # Features
//! `bincode` and `json` (default), `postcard`, `sealed`: the [codecs](codec). `tracing`: the event `session_ended`, at
//! level `INFO` of the target `session_core`, whenever a request meets a session that was ended and is still remembered:
//! with the reason, the age (`age_ms`) and the operation, and without any id.
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
    deadline::Expiry,
    id::SessionId,
    limits::Limits,
    principal::{Principal, SessionCap, SignIn},
    stamp::Floor,
};
pub use sessions::{Map, Rotate, Rotated, Session, Sessions, SessionsBuilder, Set};
pub use store::request::{LoadOptions, ReadLevel};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
