//! Connections: topologies, routing, supervision, retries and deadlines.
//!
//! Each primary has one multiplexed connection, which a task of this crate supervises. redis-rs's connection manager
//! gives up after a while, its cluster client decides by itself what to resend, and neither detects a half-open
//! connection or a demoted primary. One implementation serves all topologies here, since all keys of a partition are in
//! one slot that is known beforehand.
//!
//! - [`Net`] sends requests. [`call`] runs one request until it is answered, within one [`Deadline`].
//! - A [`node`] is a primary, a [`connection`] leads to it, and the [`supervisor`] keeps it connected.
//! - [`primary_locator`] finds a primary; [`cluster`] finds all of them and knows the owner of each slot.
//! - [`Failure`] says whether a request may have been executed.

mod address;
mod address_map;
mod call;
mod cause;
mod checked_config;
mod close_signal;
mod cluster;
mod connection;
mod connection_hooks;
mod deadline;
mod dialer;
mod failure;
mod hash_slot;
mod login;
#[allow(clippy::module_inception)]
mod net;
mod net_stats;
mod node;
mod node_context;
mod pool;
mod primary;
mod primary_locator;
mod primary_report;
mod reply;
mod request;
mod routes;
mod runtime;
mod sentinels;
mod server_url;
mod server_version;
mod slot_map;
mod supervisor;
mod suspicion;
mod unknown_command;
mod verdict;

pub(crate) use address::Address;
pub(crate) use address_map::{AddressMap, redacted_address};
pub(crate) use cause::Cause;
pub(crate) use checked_config::CheckedConfig;
pub(crate) use connection_hooks::ConnectionHooks;
pub(crate) use deadline::Deadline;
pub(crate) use dialer::Dialer;
pub(crate) use failure::{Failure, unknown_command_message};
pub(crate) use hash_slot::HashSlot;
pub(crate) use net::{Net, Resend};
pub(crate) use net_stats::NetStats;
pub(crate) use primary::Primary;
#[cfg(feature = "doctor")]
pub(crate) use primary_report::{PrimaryReport, choose};
pub(crate) use runtime::check_runtime;
pub(crate) use server_url::redacted_url;
#[cfg(feature = "doctor")]
pub(crate) use server_version::{OLDEST_REDIS, OLDEST_VALKEY, Version, read_version};

#[cfg(test)]
mod tests;
