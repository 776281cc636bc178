//! Barriers: the primary's answer in the same stream.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use session_core::{
    Error, ErrorKind,
    store::{BarrierId, Barriers},
};

use super::{
    active_subscription::ActiveSubscription,
    feed_state::{BarrierError, FeedState},
};
use crate::error_context::ErrorContext as _;

/// Asks the primary of a partition for its sequence, on the connection that carries the partition's channel. What was
/// published before the answer is already queued when the answer arrives, so the barrier comes after it.
pub(crate) struct FeedBarriers(pub(crate) Arc<ActiveSubscription>);

#[async_trait]
impl Barriers for FeedBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        self.request(partition).await.during("barrier")
    }

    fn spans_partitions(&self) -> bool {
        self.0.channels.share_a_connection()
    }
}

impl FeedBarriers {
    async fn request(&self, partition: u16) -> Result<BarrierId, Error> {
        let subscription = &self.0;
        let Some(channel) = subscription.channels.get(partition) else {
            return Err(Error::new(ErrorKind::InvalidInput, "no such partition"));
        };
        let (id, sent_after) = subscription.read(|state| state.carrier(partition)).ok_or_else(not_carried)?;
        // A barrier for all partitions means nothing while one of them is not carried.
        if self.spans_partitions() && !subscription.read(FeedState::is_complete) {
            return Err(not_carried());
        }
        let connection = subscription.connection(id).ok_or_else(not_carried)?;
        let answer = connection.sequence(&channel.sequence_key).await;
        let sequence = answer.inspect_err(|failure| subscription.handle_failure(&connection, partition, *failure))?;
        let barrier = subscription.next_barrier();
        let placed = subscription.update(|state| {
            state.record_sequence(id, partition, sent_after, sequence)?;
            state.push_barrier(partition, barrier)
        });
        match placed {
            Ok(()) => Ok(barrier),
            Err(BarrierError::NotCarried) => Err(not_carried()),
            Err(BarrierError::QueueFull) => {
                Err(Error::new(ErrorKind::Overloaded, "the subscriber does not read its barriers"))
            }
        }
    }
}

fn not_carried() -> Error {
    Error::new(ErrorKind::Unavailable, "the feed is not connected to the partition's primary; it reconnects")
}

impl fmt::Debug for FeedBarriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedBarriers").finish_non_exhaustive()
    }
}
