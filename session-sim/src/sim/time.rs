//! Virtual time, and the servers' clock.

use session_core::model::Timestamp;

/// Virtual time in milliseconds since the run began.
pub type Millis = u64;

/// The time on the servers' clock at which every run begins.
pub(crate) const BEGINNING: Millis = 1_767_225_600_000;

/// The servers' clock.
pub(crate) fn server_time(now: Millis) -> Timestamp {
    Timestamp::from_millis(BEGINNING + now)
}
