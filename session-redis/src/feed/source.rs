//! What the feed needs of the network.

use std::{fmt, ops::RangeInclusive, sync::Arc};

use async_trait::async_trait;
use redis::aio::{AsyncPushSender, MultiplexedConnection};
use session_core::Error;

/// Where a server is.
pub(crate) type Address = Arc<str>;

/// A primary and the slots that it serves; all of them where there is no cluster.
#[derive(Clone, Debug)]
pub(crate) struct Primary {
    pub(crate) address: Address,
    pub(crate) slots: Vec<RangeInclusive<u16>>,
}

/// Finds primaries and connects to them.
#[async_trait]
pub(crate) trait Source: fmt::Debug + Send + Sync + 'static {
    /// The primaries as they are known now.
    async fn primaries(&self) -> Result<Vec<Primary>, Error>;

    /// A connection of its own: RESP3, authenticated, to a server that says it is a primary. It is not shared and not
    /// made anew when it ends.
    async fn dial(&self, address: &Address, push: Arc<dyn AsyncPushSender>) -> Result<MultiplexedConnection, Error>;

    /// What is known of the primaries may be out of date.
    fn refresh(&self);
}
