//! Others who do the same work, from the package registry at the versions of this crate's manifest, set as ours are: one
//! connection over loopback TCP without Nagle's delay, RESP3 where they speak it, sessions of equal size.

pub mod actix_session;
pub mod cache_aio;
pub mod tower_sessions;
