//! Connections: topologies, routing, supervision, retries and deadlines.
//!
//! One multiplexed connection to each primary, looked after by a task of our own. redis-rs's connection manager gives
//! up after a while, its cluster client decides by itself what to resend, and neither notices a half-open connection
//! or a demoted primary; here one piece of code serves all topologies, since all keys of a partition are in one slot
//! that is known beforehand.
//!
//! - [`Net`] is the door. [`call`] drives one request to its answer within one deadline.
//! - [`Node`](node::Node) is a primary, [`Link`](link::Link) a connection to it, [`supervisor`] keeps the second up.
//! - [`Source`](source::Source) finds a primary; [`cluster`] finds all of them and knows whose each slot is.
//! - [`Failure`] says whether a request may have been executed.

mod address;
mod backoff;
mod call;
mod cause;
mod cluster;
mod dialer;
mod failure;
mod hooks;
mod link;
#[allow(clippy::module_inception)]
mod net;
mod node;
mod pool;
mod request;
mod routes;
mod sentinel;
mod setup;
mod slot;
mod slots;
mod source;
mod stats;
mod supervisor;
mod verdict;

pub(crate) use address::Address;
pub(crate) use backoff::Backoff;
pub(crate) use cause::Cause;
pub(crate) use dialer::Dialer;
pub(crate) use failure::Failure;
pub(crate) use hooks::Hooks;
pub(crate) use net::{Net, Resend};
pub(crate) use routes::Primary;
pub(crate) use setup::Setup;
pub(crate) use slot::Slot;
pub(crate) use stats::Stats;

#[cfg(test)]
mod tests;
