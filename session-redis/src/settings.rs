//! What a store is set to, besides how it is reached.

use std::time::Duration;

use session_core::{Limits, store::Origin};

/// What a store is set to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) tombstone: Duration,
    /// The largest delta that travels with its change, encoded.
    pub(crate) message_delta_bytes: usize,
    pub(crate) origin: Origin,
    /// `PUBLISH`, or `SPUBLISH` on a cluster.
    pub(crate) publish: &'static str,
}
