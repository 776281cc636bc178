//! The sessions of a principal.
//!
//! The list is in the principal's own partition, so a sign-in writes to two partitions. The list is written first: every
//! usable session is listed, and a revocation, which leaves a tombstone at every listed id, misses none. A listed id
//! without a session is either awaited or gone. Reading a list tells which and removes entries that are gone, and so does a
//! sample now and then, so no sweeper is needed.
//!
//! A principal may have any number of sessions. So every use of a list is a walk in bounded steps, from its latest or its
//! earliest entries, and stops when it knows enough or when the call's time is nearly over. Entries are removed on the way,
//! so the next call goes on where this one has stopped.

mod listing;
mod live;
mod revocation;
mod revoke_all;
mod session_cap;
mod session_index;
mod walk;

#[cfg(test)]
mod tests;

pub(crate) use listing::Listing;
