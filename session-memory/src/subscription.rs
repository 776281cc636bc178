//! Subscriptions to the change feed, and their barriers.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use futures_core::Stream;
use session_core::{
    Error, ErrorKind,
    store::{BarrierId, Barriers, ChangeFeed, FeedItem, Origin, Subscription, async_trait},
};

use crate::{MemoryStore, data::Data, queue::Queue, store::BACKEND};

#[async_trait]
impl ChangeFeed for MemoryStore {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn partitions(&self) -> u32 {
        self.data.partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let queue = Arc::new(Queue::new(self.data.subscriber_buffer));
        self.data.feed.add(&queue);
        let data = Arc::downgrade(&self.data);
        let barriers = Arc::new(QueueBarriers { queue: queue.clone(), data: data.clone() });
        Ok(Subscription::new(SubscriptionStream { queue, data }, barriers))
    }
}

/// The stream of one subscription. Dropping it ends the subscription.
struct SubscriptionStream {
    queue: Arc<Queue>,
    data: Weak<Data>,
}

impl Stream for SubscriptionStream {
    type Item = FeedItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.queue.poll(cx)
    }
}

impl Drop for SubscriptionStream {
    fn drop(&mut self) {
        if let Some(data) = self.data.upgrade() {
            data.feed.remove(&self.queue);
        }
    }
}

struct QueueBarriers {
    queue: Arc<Queue>,
    data: Weak<Data>,
}

impl fmt::Debug for QueueBarriers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueBarriers").finish_non_exhaustive()
    }
}

#[async_trait]
impl Barriers for QueueBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        let failed = |kind, message: &'static str| Error::new(kind, message).with_context(BACKEND, "barrier");
        let Some(data) = self.data.upgrade() else {
            return Err(failed(ErrorKind::Unavailable, "the store is gone"));
        };
        if u32::from(partition) >= data.partitions() {
            return Err(failed(ErrorKind::InvalidInput, "no such partition"));
        }
        let id = data.feed.next_barrier();
        let pushed = {
            // Everything published in the partition before has released this lock.
            let _shard = data.shard_of(partition).shard.read();
            self.queue.push(FeedItem::Barrier(partition, id))
        };
        if !pushed {
            return Err(failed(ErrorKind::Overloaded, "the subscriber does not read its barriers"));
        }
        self.queue.wake();
        Ok(id)
    }
}
