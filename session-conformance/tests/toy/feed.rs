//! The feed of the toy store: every item goes to every subscriber while the table is locked, so the order is that of
//! the changes.

use std::sync::{Arc, Mutex, PoisonError};

use session_core::{
    Error,
    store::{BarrierId, Barriers, ChangeFeed, FeedItem, Origin, Subscription, async_trait},
};

use super::{Table, Toy, queue::Queue, table::PARTITIONS};

#[derive(Debug)]
struct ToyBarriers(Arc<Mutex<Table>>);

#[async_trait]
impl Barriers for ToyBarriers {
    async fn barrier(&self, partition: u16) -> Result<BarrierId, Error> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.barriers += 1;
        let barrier = BarrierId::from(table.barriers);
        table.send(&FeedItem::Barrier(partition, barrier));
        Ok(barrier)
    }
}

#[async_trait]
impl ChangeFeed for Toy {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn partitions(&self) -> u32 {
        u32::from(PARTITIONS)
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let queue = Arc::<Queue>::default();
        self.table().0.subscribers.push(Arc::downgrade(&queue));
        Ok(Subscription::new(queue.stream(), Arc::new(ToyBarriers(self.table.clone()))))
    }
}
