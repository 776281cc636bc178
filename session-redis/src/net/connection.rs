//! One connection to a primary.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;

use super::{Address, close_signal::CloseSignal, pool::Pool};

/// One connection to a primary, and the pool beside it for requests that wait for replicas.
pub(crate) struct Connection {
    pub(super) multiplexed: MultiplexedConnection,
    pub(super) address: Address,
    pub(super) close_signal: CloseSignal,
    pub(super) pool: Arc<Pool>,
}
