//! The subscribers of the change feed, and publishing to them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use parking_lot::RwLock;
use session_core::{
    model::{Delta, Entry, Selector},
    store::{BarrierId, FeedItem, Origin, machine::Effect},
};

use crate::{queue::Queue, shard::Shard};

/// The largest delta that is carried with its change, in bytes of names, keys and values.
const MAX_DELTA_BYTES: usize = 4 * 1_024;

type Queues = Arc<[Arc<Queue>]>;

/// The subscribers.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    /// The length of `queues`. With it, publishing costs a store without subscribers one atomic load.
    subscribers: AtomicUsize,
    queues: RwLock<Queues>,
    barriers: AtomicU64,
}

/// The subscribers to wake once no lock is held: a waker may run any code.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakeups(Option<Queues>);

impl Wakeups {
    pub(crate) fn wake(self) {
        self.0.iter().flat_map(|queues| queues.iter()).for_each(|queue| queue.wake());
    }
}

impl Feed {
    /// Sends a change to all subscribers. The caller holds the lock of the change's shard, so subscribers receive the
    /// changes of a partition in order.
    pub(crate) fn publish(
        &self,
        shard: &mut Shard,
        (partition, origin): (u16, Origin),
        effect: &Effect,
        delta: Option<&Delta>,
    ) -> Wakeups {
        let sequence = shard.next_sequence();
        if self.subscribers.load(Ordering::Acquire) == 0 {
            return Wakeups::default();
        }
        let delta = delta.filter(|delta| is_carried(delta)).map(|delta| Arc::new(delta.clone()));
        let change = effect.at((partition, sequence), origin, delta);
        let queues = self.queues.read().clone();
        for queue in queues.iter() {
            queue.push(FeedItem::Change(change.clone()));
        }
        Wakeups(Some(queues))
    }

    pub(crate) fn subscribers(&self) -> usize {
        self.subscribers.load(Ordering::Relaxed)
    }

    /// An id that no other barrier of this feed has.
    pub(crate) fn next_barrier(&self) -> BarrierId {
        BarrierId::from(self.barriers.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn add(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.write();
        *queues = queues.iter().chain([queue]).cloned().collect();
        self.subscribers.store(queues.len(), Ordering::Release);
    }

    pub(crate) fn remove(&self, queue: &Arc<Queue>) {
        let mut queues = self.queues.write();
        *queues = queues.iter().filter(|other| !Arc::ptr_eq(other, queue)).cloned().collect();
        self.subscribers.store(queues.len(), Ordering::Release);
    }
}

impl Drop for Feed {
    /// Ends all subscriptions, because the store is gone.
    fn drop(&mut self) {
        self.queues.get_mut().iter().for_each(|queue| queue.close());
    }
}

/// Whether a delta is non-empty and small enough to be carried.
fn is_carried(delta: &Delta) -> bool {
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
        entry.field().as_str().len() + key + value.as_bytes().len()
    });
    // One more byte for each entry, so that a million empty entries do not count as small.
    !delta.is_empty()
        && removals.chain(insertions).all(|length| {
            bytes += length + 1;
            bytes <= MAX_DELTA_BYTES
        })
}
