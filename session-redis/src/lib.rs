//! Sessions on Redis and Valkey: one server, a primary under Sentinel, or a cluster; one round trip per operation.
//!
//! ```
//! use session_core::{Error, Sessions};
//! use session_redis::RedisStore;
//!
//! # async fn run(url: &str) -> Result<(), Error> {
//! let sessions = Sessions::new(RedisStore::connect(url).await?);
//! let mut session = sessions.create()?;
//! session.map_mut("cart").insert("sku-1", 2u32)?;
//! session.commit().await?; // one script, applied whole or not at all
//! # Ok(())
//! # }
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # runtime.block_on(async {
//! #     let server = session_testkit::Server::start().await;
//! #     run(&server.url()).await.unwrap();
//! # });
//! ```
//!
//! # This documentation is organised as follows
//! - **Reaching the servers**: [`RedisConfig`], by hand or through serde; [`TlsConfig`]; [`Sentinel`]; [`ACL_RULE`], the
//!   least permissions.
//! - **The store**: [`RedisStore`], its [builder](RedisStoreBuilder), every [default](defaults), and its [`Stats`].
//! - **Inspecting a deployment**: the module `doctor`, behind the feature of that name, and the command
//!   `session-redis-doctor`.
//!
//! # What it does
//! - A session is one hash. An update is one script, sent by its digest, whose cost depends on the size of the delta and
//!   never on that of the session; whatever can fail is checked before its first write.
//! - Reads are plain commands in one pipeline, and go to primaries.
//! - Keys hold digests of ids: a dump, a replica or a slow log holds no usable id.
//! - Every call ends within one deadline, outages included. Connections are watched: half-open ones are replaced, demoted
//!   primaries left, lost ones dialled again for as long as it takes.
//! - The [feed](session_core::store::ChangeFeed) tells every change, or that something may be missing.
//!
//! # Consistency
//! Updates of one session are applied one after another on its primary, and every read sees what was acknowledged before,
//! **for as long as the servers keep what they acknowledged**. Redis acknowledges before it has told its replicas, and with
//! most settings before it has written to disk: what a crash or a failover can lose is up to the deployment. Requests may
//! [wait for replicas](session_core::store::Update::with_replicas), which makes a loss less likely and never excludes it. Each store
//! remembers its destroys of the last minute, 8,192 of them at most, and repeats them when a primary is regained:
//! [`Stats::destroys_undone`] counts those that had been lost, [`Stats::destroys_forgotten`] those that there was no room
//! to remember.
//!
//! What survives a crash, a failover and a slot that moves, as tests have seen it: [`durability`].
//!
//! # Cancel safety
//! Each future may be dropped at any point: a script that was sent is executed whole, one that was not is not, and no
//! reply reaches another caller.
//!
//! # What it does not
//! - It never reads from replicas, and looks through no keys on the path of a request.
//! - It needs no modules, no expiry of hash fields, and no events of the key space. Redis from 7.0 on, Valkey from 7.2 on.
//!
//! # Features
//! `tls` (default): rustls. `doctor`: inspection of a deployment. `tracing`: events of connections, failovers and losses.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod config;
pub mod defaults;
#[doc = include_str!("../DURABILITY.md")]
pub mod durability {}
#[cfg(feature = "doctor")]
pub mod doctor;
mod feed;
mod greeter;
mod hints;
mod index;
mod inner;
mod layout;
mod lifetimes;
mod lock;
mod meta;
mod net;
mod ops;
mod permissions;
mod recent;
mod record;
mod script;
mod secret;
mod settings;
mod stats;
mod store;
mod tags;
mod tls;

pub use builder::RedisStoreBuilder;
pub use config::{RedisConfig, Sentinel, Topology};
pub use permissions::ACL_RULE;
pub use secret::Secret;
pub use stats::Stats;
pub use store::RedisStore;
pub use tls::TlsConfig;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
