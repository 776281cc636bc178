//! What the nodes of one store share.

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;

use super::{ConnectionHooks, Dialer, NetStats};

/// What the nodes of one store and their supervisors share.
pub(super) struct NodeContext {
    pub(super) dialer: Dialer,
    pub(super) hooks: Arc<dyn ConnectionHooks>,
    pub(super) stats: NetStats,
    /// Notified when a connection is lost: on a cluster the slots may have moved.
    pub(super) connection_lost: Notify,
    pub(super) call_deadline: Duration,
    pub(super) start_deadline: Duration,
    pub(super) health_interval: Duration,
    pub(super) max_in_flight: usize,
    pub(super) durable_connections: usize,
}
