//! The bounded queue of one subscriber.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;
use session_core::store::{FeedItem, GapCause};

/// The items queued for one subscriber. The queue never holds more than `bound` items: on overflow, its changes become
/// one gap.
#[derive(Debug)]
pub(crate) struct Queue {
    bound: usize,
    state: Mutex<QueueState>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: VecDeque<FeedItem>,
    /// How many of the waiting items are barriers.
    barriers: usize,
    closed: bool,
}

impl Queue {
    /// The smallest bound: two barriers, a gap and a change.
    pub(crate) const MIN_BOUND: usize = 4;

    pub(crate) fn new(bound: usize) -> Self {
        Self { bound: bound.max(Self::MIN_BOUND), state: Mutex::default(), waker: AtomicWaker::new() }
    }

    /// Adds an item without waking the subscriber. Returns false for a barrier if barriers already fill half of the
    /// queue: barriers survive an overflow, and must leave room for later items.
    pub(crate) fn push(&self, item: FeedItem) -> bool {
        let mut state = self.state.lock();
        if is_barrier(&item) {
            if state.barriers >= self.bound / 2 {
                return false;
            }
            state.barriers += 1;
        }
        if state.waiting.len() >= self.bound {
            state.overflow();
        }
        state.waiting.push_back(item);
        true
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Ends the stream once the waiting items are taken.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake();
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<FeedItem>> {
        if let Poll::Ready(item) = self.take() {
            return Poll::Ready(item);
        }
        self.waker.register(cx.waker());
        // An item added before the registration did not wake the subscriber.
        self.take()
    }

    fn take(&self) -> Poll<Option<FeedItem>> {
        let mut state = self.state.lock();
        match state.waiting.pop_front() {
            Some(item) => {
                state.barriers -= usize::from(is_barrier(&item));
                Poll::Ready(Some(item))
            }
            None if state.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl QueueState {
    /// Replaces all changes by one gap. Barriers stay behind the gap, so it accounts for everything published before
    /// them.
    fn overflow(&mut self) {
        self.waiting.retain(is_barrier);
        self.waiting.push_front(FeedItem::Gap(None, GapCause::Overflow));
    }
}

fn is_barrier(item: &FeedItem) -> bool {
    matches!(item, FeedItem::Barrier(..))
}

#[cfg(test)]
mod tests {
    use session_core::store::BarrierId;

    use super::*;

    const GAP: FeedItem = FeedItem::Gap(None, GapCause::Overflow);
    /// Represents a change: the queue only distinguishes barriers from other items.
    const CHANGE: FeedItem = FeedItem::Gap(Some(7), GapCause::Reconnected);

    fn barrier(n: u64) -> FeedItem {
        FeedItem::Barrier(0, BarrierId::from(n))
    }

    fn drain(queue: &Queue) -> Vec<FeedItem> {
        std::iter::from_fn(|| match queue.take() {
            Poll::Ready(item) => item,
            Poll::Pending => None,
        })
        .collect()
    }

    #[test]
    fn overflow_becomes_one_gap_and_keeps_barriers() {
        let queue = Queue::new(4);
        for item in [CHANGE, barrier(1), CHANGE, CHANGE, CHANGE] {
            assert!(queue.push(item));
        }
        assert_eq!(drain(&queue), [GAP, barrier(1), CHANGE]);
    }

    #[test]
    fn barriers_leave_room_for_changes() {
        let queue = Queue::new(4);
        assert!(queue.push(barrier(1)) && queue.push(barrier(2)));
        assert!(!queue.push(barrier(3)));
        for _ in 0..100 {
            assert!(queue.push(CHANGE));
            assert!(queue.state.lock().waiting.len() <= 4);
        }
        assert_eq!(drain(&queue)[..3], [GAP, barrier(1), barrier(2)]);
        assert!(queue.push(barrier(3)), "there is room again");
    }
}
