//! Other libraries for the same work, from the package registry at the versions in this crate's manifest, configured
//! like ours: one connection over loopback TCP without Nagle's delay, RESP3 where they support it, sessions of equal
//! size.

pub mod actix_session;
pub mod cache_aio;
pub mod tower_sessions;
