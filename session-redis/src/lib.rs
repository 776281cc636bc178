//! Sessions on Redis and Valkey: on one server, under Sentinel, or in a cluster. Most operations are
//! [one round trip](#round-trips).
//!
//! ```
//! use session_core::{Error, Sessions};
//! use session_redis::RedisStore;
//!
//! # async fn run(url: &str) -> Result<(), Error> {
//! let sessions = Sessions::new(RedisStore::connect(url).await?);
//! let mut session = sessions.create()?;
//! session.map_mut("cart").insert("sku-1", 2u32)?;
//! session.commit().await?; // one script, applied as a whole or not at all
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
//! - **Connecting**: [`RedisStore::connect`], which waits for the servers, and [`RedisStore::connect_lazy`], which does not;
//!   [`RedisConfig`], in code or through serde; [`TlsConfig`]; [`Sentinel`]; [`ACL_RULE`], the least permissions;
//!   [`CredentialsProvider`], for passwords, tokens and certificates that change; an
//!   [address map](RedisConfig::address_map), for servers behind a NAT.
//! - **The store**: [`RedisStore`], its [builder](RedisStoreBuilder), all [`defaults`], and its [`Stats`].
//! - **Inspecting a deployment**: the module `doctor`, behind the feature of that name, and the command
//!   `session-redis-doctor`.
//!
//! # What it does
//! - A session is one hash. An update is one script, called by its digest. Its cost depends on the size of the delta and
//!   never on that of the session. All its checks precede its first write.
//! - Reads are plain commands in one pipeline, and go to primaries. The last command is a write that changes nothing. If the
//!   server refuses it, the read fails as [`Unavailable`](session_core::ErrorKind::Unavailable): a replica, or a primary
//!   without the replicas that `min-replicas-to-write` requires, may hold sessions that were destroyed elsewhere. With one load in
//!   flight, a load takes about 5 % longer for it.
//! - Keys hold digests of ids: a dump, a replica or a slow log holds no usable id.
//! - Every call ends within one deadline, even in an outage. Connections are supervised: half-open ones are replaced,
//!   demoted primaries are left, and lost ones are reconnected without limit.
//! - The [feed](session_core::store::ChangeFeed) delivers every change, or reports that changes may be missing. It notices
//!   a dead connection within the health interval and the call deadline (together 3 s by default). If a failover leaves
//!   a node with the old primary, its subscriptions get their gap when the node finds the new one. Each subscription has
//!   one connection to each primary.
//!
//! # Round trips
//! An operation is one round trip: one pipeline of reads, or one script. It takes one more
//! - if the id is an old one that forwards to the session, until the client uses the new id and for the grace after that;
//! - for the first write or touch after a renewal, whose script then needs the key of the old id;
//! - if the server does not know the script yet, for example after a restart;
//! - if a load with a known stamp finds that the session has changed;
//! - for the list of a principal, which is in a partition of its own: a sign-in takes at least two round trips.
//!
//! The list of a principal is read and changed in bounded steps, however many sessions it has. A page of it is one
//! round trip, and another for its sessions, which are looked up 64 at a time. Revoking all sessions ends as many as it
//! can within the call deadline, and [says how many are left](session_core::store::RevokedAll::left). A sign-in under
//! the cap [`EndOldest`](session_core::SessionCap::EndOldest) looks up sessions only if the principal has more of them
//! than the cap allows. Of a list that is far above its cap, one sign-in ends at most 256 sessions, and the next
//! sign-ins end the rest ([`Stats::caps_exceeded`]). Sign-ins that run at the same time are listed in the order in
//! which they began.
//!
//! # Consistency
//! Updates of one session are applied one after another on its primary, and every read sees all writes acknowledged
//! before it, **for as long as the servers keep what they acknowledged**. Redis acknowledges a write before its
//! replicas have it, and with most settings before it is on disk: what a crash or a failover can lose depends on the
//! deployment. With `min-replicas-to-write 1`, and a `min-replicas-max-lag` at least two seconds shorter than
//! `down-after-milliseconds` or `cluster-node-timeout`, a primary that was replaced answers neither reads nor writes.
//! The one exception is a server that was suspended: it may answer for up to a second after it resumes. Requests may
//! [wait for replicas](session_core::store::WriteOptions::replicas), which makes a loss less likely and never excludes
//! it. Each store remembers its destroys of the last minute, up to 8,192, and repeats them when a primary is regained:
//! [`Stats::destroys_undone`] counts the destroys that had been lost, [`Stats::destroys_forgotten`] those that exceeded
//! this number.
//!
//! [`durability`] documents what survives a crash, a failover and a moving slot, as measured by tests.
//!
//! # Cancel safety
//! Each future may be dropped at any point. A script that was sent is executed as a whole, one that was not sent is not
//! executed, and no reply reaches another caller.
//!
//! # What it does not do
//! - It never reads from replicas, and never scans keys while serving a request.
//! - It needs no modules, no expiry of hash fields, and no keyspace notifications. It needs Redis 7.0 or Valkey 7.2, or
//!   newer.
//!
//! # Features
//! `tls` (default): TLS through rustls. `doctor`: inspection of a deployment. `tracing`: events of connections, failovers
//! and gaps.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod backoff;
mod builder;
mod config;
mod connection_setup;
mod counter;
mod credentials;
pub mod defaults;
#[doc = include_str!("../DURABILITY.md")]
pub mod durability {}
#[cfg(feature = "doctor")]
pub mod doctor;
mod error_context;
mod feed;
mod guarded_read;
mod index;
mod layout;
mod layout_check;
mod lifetimes;
mod lock;
mod net;
mod operation;
mod ops;
mod permissions;
mod principal_cache;
mod protocol;
mod recent_destroys;
mod replay;
mod secret;
mod server_clock;
mod settings;
mod stats;
mod store;
mod store_inner;
mod tags;
mod tls;
mod unpublished;

pub use builder::RedisStoreBuilder;
pub use config::{RedisConfig, Sentinel, Topology};
pub use credentials::{Credentials, CredentialsProvider, CredentialsRequest};
pub use permissions::ACL_RULE;
pub use secret::Secret;
pub use stats::Stats;
pub use store::RedisStore;
pub use tls::TlsConfig;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
