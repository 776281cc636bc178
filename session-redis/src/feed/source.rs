//! What the feed needs of the network.

use std::sync::Arc;

use async_trait::async_trait;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use session_core::Error;

use crate::net::{Address, Net, Primary};

/// Finds primaries and connects to them.
#[async_trait]
pub(crate) trait Source: Send + Sync + 'static {
    /// The primaries as they are known now.
    async fn primaries(&self) -> Result<Vec<Primary>, Error>;

    /// A connection of its own: RESP3, authenticated, to a server that says it is a primary. It is not shared and not
    /// made anew when it ends. `push` is dropped when it ends, or if there is none.
    async fn dial(&self, address: &Address, push: Arc<dyn AsyncPushSender>) -> Result<MultiplexedConnection, Error>;

    /// What is known of the primaries may be out of date.
    fn refresh(&self);
}

#[async_trait]
impl Source for Net {
    async fn primaries(&self) -> Result<Vec<Primary>, Error> {
        self.primaries().await.map_err(|failure| failure.into_error("subscribe", false))
    }

    async fn dial(&self, address: &Address, push: Arc<dyn AsyncPushSender>) -> Result<MultiplexedConnection, Error> {
        self.dial(address, Some(push)).await.map_err(|failure| failure.into_error("subscribe", false))
    }

    fn refresh(&self) {
        self.refresh();
    }
}
