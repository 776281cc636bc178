//! Removing what has ended. Nothing expired is ever returned, swept or not: sweeping is about memory alone.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use crate::MemoryStore;

/// How many shards the sweeper sweeps before it lets other tasks run.
const SHARDS_AT_ONCE: usize = 16;

impl MemoryStore {
    /// Removes all sessions, tombstones and forwards that have ended, and tells how many they were. Locks one shard
    /// after another.
    pub fn sweep(&self) -> usize {
        self.sweep_some(usize::MAX)
    }

    /// The same for the next so many shards of an endless round. Shards in which nothing can have ended cost one look.
    pub fn sweep_some(&self, shards: usize) -> usize {
        let now = self.data.clock.now();
        let due = self.data.next_cells(shards).filter(|cell| cell.may_have_ended(now));
        due.map(|cell| self.data.sweep_cell(cell)).sum()
    }

    /// A task that sweeps once in each interval on the store's clock: spawn it on any runtime. It gives way to other
    /// tasks between small batches of shards.
    ///
    /// It keeps the store's settings alive, but not the store: it ends at the first interval that finds all handles
    /// dropped. A store does not depend on it: each shard also sweeps itself whenever it has doubled since its last
    /// sweep, so memory stays within about twice of what is live. The sweeper returns that half, too.
    pub fn sweeper(&self, interval: Duration) -> impl Future<Output = ()> + Send + use<> {
        let interval = interval.max(Duration::from_millis(1));
        let (clock, origin) = (self.data.clock.clone(), self.origin);
        let data = Arc::downgrade(&self.data);
        let rounds = self.data.partitions().div_ceil(SHARDS_AT_ONCE as u32);
        async move {
            loop {
                clock.sleep(interval).await;
                for _ in 0..rounds {
                    let Some(data) = data.upgrade() else { return };
                    MemoryStore { data, origin }.sweep_some(SHARDS_AT_ONCE);
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
