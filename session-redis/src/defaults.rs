//! All defaults of this crate. Deadlines of sessions, limits and tombstones have the defaults of
//! [`session_core::defaults`], and so has [`CALL_DEADLINE`].
//!
//! | name | value | cost of a change |
//! |---|---|---|
//! | [`PREFIX`] | `sessions` | longer: each byte is stored with every session |
//! | [`PARTITIONS`] | 256 | more: more channels and counters, and more heartbeats of a cache on a cluster; fewer: a large cluster is loaded unevenly |
//! | [`CALL_DEADLINE`] | 2 s | longer: callers wait longer while the store is down; shorter: more unknown outcomes |
//! | [`CONNECT_DEADLINE`] | 1 s | longer: one dead address can use up a call's deadline; shorter: a slow TLS handshake may never succeed |
//! | [`HEALTH_INTERVAL`] | 1 s | longer: a dead or demoted primary is detected later; shorter: more short commands |
//! | [`MAX_IN_FLIGHT`] | 4,096 for each primary | more: longer queues, and more memory while a server is down; fewer: bursts are refused |
//! | [`DURABLE_CONNECTIONS`] | 8 for each primary | more: more connections on the server; fewer: writes that wait for replicas queue |
//! | [`MESSAGE_DELTA_BYTES`] | 4 KiB | more: every subscriber receives changes of that size; less: more copies are dropped instead of patched |
//! | [`SUBSCRIBER_BUFFER`] | 8,192 changes | more: more memory for each subscription; fewer: a stalled subscriber gets a gap sooner |

use std::time::Duration;

pub use session_core::defaults::CALL_DEADLINE;

/// The prefix of every key.
pub const PREFIX: &str = "sessions";
/// The number of partitions.
pub const PARTITIONS: u32 = 256;
/// How long one attempt to connect may take.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(1);
/// How often each primary is checked for being alive and still a primary.
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(1);
/// How many calls to one primary may be in flight.
pub const MAX_IN_FLIGHT: usize = 4_096;
/// How many connections to one primary may wait for replicas at the same time.
pub const DURABLE_CONNECTIONS: usize = 8;
/// The largest delta that is published with its change, in encoded bytes.
pub const MESSAGE_DELTA_BYTES: usize = 4 * 1_024;
/// How many changes wait for a slow subscriber.
pub const SUBSCRIBER_BUFFER: usize = 8_192;
