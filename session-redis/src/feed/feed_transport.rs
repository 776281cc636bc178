//! What the feed needs from the connection layer.

use std::sync::Arc;

use async_trait::async_trait;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use session_core::Error;

use crate::net::{Address, Failure, Net, Primary};

/// Finds primaries and connects to them.
#[async_trait]
pub(crate) trait FeedTransport: Send + Sync + 'static {
    /// The primaries as known now.
    async fn primaries(&self) -> Result<Vec<Primary>, Error>;

    /// A connection of the caller's own: RESP3, authenticated, to a server that reports that it is a primary. It is not
    /// shared, and not replaced when it ends. `receiver` is dropped when it ends, or if it cannot be opened.
    async fn dial(&self, address: &Address, receiver: Arc<dyn AsyncPushSender>)
    -> Result<MultiplexedConnection, Error>;

    /// The known primaries may be out of date.
    fn refresh(&self);

    /// A server has gone back to an earlier state, or was emptied, and no connection was lost.
    fn rewound(&self);
}

#[async_trait]
impl FeedTransport for Net {
    async fn primaries(&self) -> Result<Vec<Primary>, Error> {
        self.primaries().await.map_err(Failure::into_read_error)
    }

    async fn dial(
        &self,
        address: &Address,
        receiver: Arc<dyn AsyncPushSender>,
    ) -> Result<MultiplexedConnection, Error> {
        self.dial(address, Some(receiver)).await.map_err(Failure::into_read_error)
    }

    fn refresh(&self) {
        self.refresh();
    }

    fn rewound(&self) {
        self.primary_regained();
        // Has the layout checked, which may be gone.
        self.refresh();
    }
}
