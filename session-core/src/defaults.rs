//! All defaults of this crate, and of settings that all stores share, in one table. Each backend has its own table.
//!
//! | name | value | what changing it costs |
//! |---|---|---|
//! | [`IDLE`] | 30 min | longer: an abandoned browser stays signed in longer; shorter: more sign-ins |
//! | [`ABSOLUTE`] | 24 h | longer: a stolen cookie is valid for longer |
//! | [`ROTATION_GRACE`] | 30 s | longer: an old id works for longer after a renewal is confirmed; shorter: slow requests in flight fail |
//! | [`confirm_within`](crate::SessionsBuilder::confirm_within) | the session's life | shorter: a client whose response was lost is signed out earlier, and so is a thief with an old id |
//! | [`TOMBSTONE`] | 10 min | longer: each destroyed session takes memory for longer; shorter: late creates are no longer refused, and the answer to "why was I logged out?" is lost earlier |
//! | [`CALL_DEADLINE`] | 2 s | longer: callers wait longer for a store that is down; shorter: more unknown outcomes |
//! | share of the idle timeout after which opening a session renews it | a tenth | smaller: more touches; larger: an idle deadline may be too early by a larger share |
//! | [`Limits::max_entries`](crate::Limits::max_entries) | 10,000 | larger: slower loads of such sessions |
//! | [`Limits::max_value_bytes`](crate::Limits::max_value_bytes) | 64 KiB | larger: one value can hold up the connection for others |
//! | [`Limits::max_session_bytes`](crate::Limits::max_session_bytes) | 1 MiB | larger: the same, for whole sessions |
//! | [`conflict_attempts`](crate::SessionsBuilder::conflict_attempts) | 16 | more: a contended transaction tries for longer before it reports the conflict |
//! | [`SESSIONS_PER_PRINCIPAL`] | 1,000, then the oldest end | larger: "sign out everywhere" and lists take longer for those who sign in most |
//! | [`lock_waiters`](crate::SessionsBuilder::lock_waiters) | 64 | more: a client that sends many requests with one session holds more of them open; fewer: bursts of legitimate requests are refused earlier |
//! | sessions that [`list`](crate::Sessions::list) returns | 1,000 | larger: a slower list of a principal's sessions |
//! | [`replicas`](crate::SessionsBuilder::replicas) | 0 | more: every write waits for that many replicas; a failover is less likely to lose it |

use std::time::Duration;

/// How long a session may stay unused.
pub const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long a session may live in total.
pub const ABSOLUTE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long requests in flight with an old id are served after a renewal is confirmed, or recognised after a sign-in.
pub const ROTATION_GRACE: Duration = Duration::from_secs(30);
/// How long a destroyed session is remembered. At least [ten](TOMBSTONE_CALLS) call deadlines.
pub const TOMBSTONE: Duration = Duration::from_secs(10 * 60);
/// The minimum lifetime of a tombstone in call deadlines, so that no request in flight outlives it.
pub const TOMBSTONE_CALLS: u32 = 10;
/// How long a store across a network lets one call take, including outages. The memory store has no calls to wait for;
/// it only checks that its tombstones outlast ten call deadlines.
pub const CALL_DEADLINE: Duration = Duration::from_secs(2);
/// Opening a session renews its idle deadline once this share (one tenth) of the idle timeout has passed since the last
/// renewal. An active session's deadline is therefore too early by at most that share. The capacity model and the simulation
/// have copies of this number.
pub(crate) const TOUCH_SHARE: u32 = 10;
/// The maximum number of entries in one session.
pub(crate) const MAX_ENTRIES: usize = 10_000;
/// The maximum size of one encoded value, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 64 * 1_024;
/// The maximum size of one session, in bytes: field names, keys and encoded values of all entries.
pub(crate) const MAX_SESSION_BYTES: usize = 1_024 * 1_024;
/// The maximum number of runs of a closure before its conflict is reported.
pub(crate) const CONFLICT_ATTEMPTS: u32 = 16;
/// The maximum number of sessions that [`Sessions::list`](crate::Sessions::list) returns.
pub(crate) const MAX_LISTED: usize = 1_000;
/// The number of sessions that a principal may have. A sign-in beyond it ends the sessions that signed in longest ago, so
/// that a client with a password cannot make "sign out everywhere" take long.
pub const SESSIONS_PER_PRINCIPAL: usize = 1_000;
/// The maximum number of requests that wait for the lock of one session.
pub(crate) const LOCK_WAITERS: usize = 64;
/// The number of replicas that a write waits for.
pub(crate) const REPLICAS: u32 = 0;
