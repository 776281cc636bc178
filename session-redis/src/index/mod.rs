//! The sessions of a principal.
//!
//! The list is in the principal's own partition, so a sign-in writes to two partitions. The list is written first: every
//! usable session is listed, and a revocation, which leaves a tombstone at every listed id, misses none. A listed id
//! without a session is either awaited or gone. Reading a list tells which and removes entries that are gone, so no
//! sweeper is needed.

mod listing;
mod live;
mod revocation;
mod session_cap;
mod session_index;

pub(crate) use listing::{Listing, Replaced};
