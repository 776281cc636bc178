//! Removing ended slots. An expired session is never returned, swept or not; sweeping only frees memory.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use crate::MemoryStore;

/// How many shards the sweeper sweeps before it yields to other tasks.
const BATCH: usize = 16;

impl MemoryStore {
    /// Removes all ended sessions, tombstones and forwards, and returns how many were removed. Locks one shard after
    /// the other.
    pub fn sweep(&self) -> usize {
        self.sweep_next(usize::MAX)
    }

    /// The same for the next `shards` shards, going round all of them endlessly. A shard in which nothing can have
    /// ended costs one atomic load.
    pub fn sweep_next(&self, shards: usize) -> usize {
        let now = self.data.clock.now();
        let due = self.data.next_shards(shards).filter(|locked| locked.may_have_ended(now));
        due.map(|locked| self.data.sweep_locked(locked)).sum()
    }

    /// A task that sweeps once per interval of the store's clock. Spawn it on any runtime. It yields to other tasks
    /// between small batches of shards.
    ///
    /// The task keeps the store's clock alive, but not the store: it ends at the first interval after all handles were
    /// dropped. A store does not depend on it: each shard also sweeps itself whenever it has doubled since its last
    /// sweep, so memory stays within about twice the live data. The sweeper frees that half, too.
    pub fn sweeper(&self, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let interval = interval.max(Duration::from_millis(1));
        let (clock, origin) = (self.data.clock.clone(), self.origin);
        let data = Arc::downgrade(&self.data);
        let rounds = self.data.partitions().div_ceil(BATCH as u32);
        async move {
            loop {
                clock.sleep(interval).await;
                for _ in 0..rounds {
                    let Some(data) = data.upgrade() else { return };
                    MemoryStore { data, origin }.sweep_next(BATCH);
                    yield_now().await;
                }
            }
        }
    }
}

/// Lets other tasks run first.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
