//! A subscriber's bounded queue.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use atomic_waker::AtomicWaker;
use parking_lot::Mutex;
use session_core::store::{FeedItem, GapCause};

/// Items on their way to one subscriber. It never holds more than its bound: what does not fit becomes a gap.
#[derive(Debug)]
pub(crate) struct Queue {
    bound: usize,
    items: Mutex<Items>,
    waker: AtomicWaker,
}

#[derive(Debug, Default)]
struct Items {
    waiting: VecDeque<FeedItem>,
    /// How many of them are barriers.
    barriers: usize,
    closed: bool,
}

impl Queue {
    /// The least bound: two barriers, a gap and a change.
    pub(crate) const LEAST: usize = 4;

    pub(crate) fn new(bound: usize) -> Self {
        Self { bound: bound.max(Self::LEAST), items: Mutex::default(), waker: AtomicWaker::new() }
    }

    /// Adds an item, without waking the subscriber. False for a barrier that finds half of the queue full of them:
    /// they survive an overflow, and must leave room for what comes next.
    pub(crate) fn push(&self, item: FeedItem) -> bool {
        let mut items = self.items.lock();
        if is_barrier(&item) {
            if items.barriers >= self.bound / 2 {
                return false;
            }
            items.barriers += 1;
        }
        if items.waiting.len() >= self.bound {
            items.overflow();
        }
        items.waiting.push_back(item);
        true
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// No more items will come.
    pub(crate) fn close(&self) {
        self.items.lock().closed = true;
        self.wake();
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<FeedItem>> {
        if let Poll::Ready(item) = self.take() {
            return Poll::Ready(item);
        }
        self.waker.register(cx.waker());
        // An item that came before the registration woke nobody.
        self.take()
    }

    fn take(&self) -> Poll<Option<FeedItem>> {
        let mut items = self.items.lock();
        match items.waiting.pop_front() {
            Some(item) => {
                items.barriers -= usize::from(is_barrier(&item));
                Poll::Ready(Some(item))
            }
            None if items.closed => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

impl Items {
    /// Replaces all changes by one gap. Barriers stay, behind it: nothing published before them is unaccounted for.
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
    /// Stands for a change: the queue tells only barriers from the rest.
    const CHANGE: FeedItem = FeedItem::Gap(Some(7), GapCause::Reconnected);

    fn barrier(n: u64) -> FeedItem {
        FeedItem::Barrier(0, BarrierId(n))
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
            assert!(queue.items.lock().waiting.len() <= 4);
        }
        assert_eq!(drain(&queue)[..3], [GAP, barrier(1), barrier(2)]);
        assert!(queue.push(barrier(3)), "there is room again");
    }
}
