//! The settings of a store, besides those of its connections.

use std::time::Duration;

use session_core::{Limits, store::Origin};

/// The settings of a store, besides those of its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) tombstone: Duration,
    /// The largest delta that is published with its change, in encoded bytes.
    pub(crate) message_delta_bytes: usize,
    pub(crate) origin: Origin,
    /// `PUBLISH`, or `SPUBLISH` on a cluster.
    pub(crate) publish: &'static str,
    /// Whether sentinels replace the primary.
    pub(crate) has_sentinels: bool,
}
