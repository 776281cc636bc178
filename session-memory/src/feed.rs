//! The change feed: who listens, and what they are told.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_core::Stream;
use parking_lot::RwLock;
use session_core::{
    Error, ErrorKind,
    model::{Delta, Entry, Selector},
    store::{
        BarrierId, Barriers, ChangeFeed, FeedItem, Origin, SessionChange, Subscription, async_trait, machine::Effect,
    },
};

use crate::{MemoryStore, data::Data, queue::Queue, shard::Shard};

/// The largest delta that travels with its change, in bytes of names, keys and values.
const MAX_DELTA_BYTES: usize = 4 * 1_024;

type Queues = Arc<[Arc<Queue>]>;

/// The subscribers.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The number of `queues`, so that a store without subscribers pays for one look at it.
    listeners: AtomicUsize,
    queues: RwLock<Queues>,
    barriers: AtomicU64,
}

/// Subscribers to wake once no lock is held: a waker may do anything.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakeups(Option<Queues>);

impl Wakeups {
    pub(crate) fn wake(self) {
        self.0.iter().flat_map(|queues| queues.iter()).for_each(|queue| queue.wake());
    }
}

impl Feed {
    /// Tells all subscribers of a change, under the lock of its shard, so that they hear of a partition's changes in
    /// order.
    pub(crate) fn publish(
        &self,
        shard: &mut Shard,
        (partition, origin): (u16, Origin),
        effect: &Effect,
        delta: Option<&Delta>,
    ) -> Wakeups {
        let sequence = shard.next_sequence();
        if self.listeners.load(Ordering::Acquire) == 0 {
            return Wakeups::default();
        }
        let delta = delta.filter(|delta| travels(delta)).map(|delta| Arc::new(delta.clone()));
        let change = SessionChange::new((partition, sequence), origin, effect, delta);
        let queues = self.queues.read().clone();
        for queue in queues.iter() {
            queue.push(FeedItem::Change(change.clone()));
        }
        Wakeups(Some(queues))
    }

    pub(crate) fn listeners(&self) -> usize {
        self.listeners.load(Ordering::Relaxed)
    }

    fn join(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.write();
        *queues = queues.iter().chain([queue]).cloned().collect();
        self.listeners.store(queues.len(), Ordering::Release);
    }

    fn leave(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.write();
        *queues = queues.iter().filter(|other| !Arc::ptr_eq(other, queue)).cloned().collect();
        self.listeners.store(queues.len(), Ordering::Release);
    }
}

impl Drop for Feed {
    /// The store is gone: its subscriptions end.
    fn drop(&mut self) {
        self.queues.get_mut().iter().for_each(|queue| queue.close());
    }
}

/// Whether a delta says something and is small enough to carry.
fn travels(delta: &Delta) -> bool {
    let mut bytes = 0;
    let removals = delta.removals().map(|selector| match selector {
        Selector::Keyed(field, key) => field.as_str().len() + key.as_str().len(),
        Selector::Scalar(field) | Selector::All(field) => field.as_str().len(),
    });
    let insertions = delta.insertions().map(|(entry, value)| {
        let key = match entry {
            Entry::Scalar(_) => 0,
            Entry::Keyed(_, key) => key.as_str().len(),
        };
        entry.field().as_str().len() + key + value.len()
    });
    // One more for each entry, so that a million empty ones are not small.
    !delta.is_empty()
        && removals.chain(insertions).all(|length| {
            bytes += length + 1;
            bytes <= MAX_DELTA_BYTES
        })
}

#[async_trait]
impl ChangeFeed for MemoryStore {
    fn origin(&self) -> Origin {
        self.origin
    }

    fn partitions(&self) -> u32 {
        self.data.partitions()
    }

    async fn subscribe(&self) -> Result<Subscription, Error> {
        let queue = Arc::new(Queue::new(self.data.feed_bound));
        self.data.feed.join(&queue);
        let data = Arc::downgrade(&self.data);
        let barriers = Arc::new(QueueBarriers { queue: queue.clone(), data: data.clone() });
        Ok(Subscription::new(Items { queue, data }, barriers))
    }
}

/// The stream of one subscription; dropping it ends the subscription.
struct Items {
    queue: Arc<Queue>,
    data: Weak<Data>,
}

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        self.queue.poll(cx)
    }
}

impl Drop for Items {
    fn drop(&mut self) {
        if let Some(data) = self.data.upgrade() {
            data.feed.leave(&self.queue);
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
        let failed = |kind, message: &'static str| {
            Error::new(kind, message).with_backend(crate::store::BACKEND).with_operation("barrier")
        };
        let Some(data) = self.data.upgrade() else {
            return Err(failed(ErrorKind::Unavailable, "the store is gone"));
        };
        if u32::from(partition) >= data.partitions() {
            return Err(failed(ErrorKind::InvalidInput, "no such partition"));
        }
        let id = BarrierId(data.feed.barriers.fetch_add(1, Ordering::Relaxed));
        let pushed = {
            // Whatever was published in the partition before holds this lock no more.
            let _shard = data.cell_of(partition).shard.read();
            self.queue.push(FeedItem::Barrier(partition, id))
        };
        if !pushed {
            return Err(failed(ErrorKind::Overloaded, "the subscriber does not read its barriers"));
        }
        self.queue.wake();
        Ok(id)
    }
}
