//! The items that wait for the subscriber.

use std::collections::VecDeque;

use session_core::store::{FeedItem, GapCause};

/// The items that wait for one subscriber, bounded in number and in bytes. On overflow they are replaced by a gap.
#[derive(Debug)]
pub(crate) struct Queue {
    max_items: usize,
    max_bytes: usize,
    /// Each with the bytes that it holds in memory besides itself.
    waiting: VecDeque<(FeedItem, usize)>,
    bytes: usize,
    barriers: usize,
}

impl Queue {
    /// The smallest limit: two barriers, a gap and a change.
    pub(crate) const MIN_ITEMS: usize = 4;

    pub(crate) fn new(max_items: usize, max_bytes: usize) -> Self {
        Self { max_items: max_items.max(Self::MIN_ITEMS), max_bytes, waiting: VecDeque::new(), bytes: 0, barriers: 0 }
    }

    /// Adds a change or a gap.
    pub(crate) fn push(&mut self, item: FeedItem, weight: usize) {
        if self.waiting.len() >= self.max_items || self.bytes + weight > self.max_bytes {
            self.overflow();
        }
        // One change that is larger than the limit is still queued: it is no larger than the largest message.
        self.bytes += weight;
        self.waiting.push_back((item, weight));
    }

    /// Adds a barrier. Returns false if barriers fill half of the queue: they survive an overflow, and must leave room.
    pub(crate) fn push_barrier(&mut self, barrier: FeedItem) -> bool {
        if self.barriers >= self.max_items / 2 {
            return false;
        }
        self.push(barrier, 0);
        self.barriers += 1;
        true
    }

    pub(crate) fn pop(&mut self) -> Option<FeedItem> {
        let (item, weight) = self.waiting.pop_front()?;
        self.bytes -= weight;
        self.barriers -= usize::from(is_barrier(&item));
        Some(item)
    }

    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
        (self.bytes, self.barriers) = (0, 0);
    }

    /// Replaces all changes and gaps by one gap. Barriers stay after it: the gap accounts for everything that was published
    /// before them.
    fn overflow(&mut self) {
        self.waiting.retain(|(item, _)| is_barrier(item));
        self.waiting.push_front((FeedItem::Gap(None, GapCause::Overflow), 0));
        self.bytes = 0;
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
    /// Represents a change: the queue distinguishes only barriers from other items.
    const CHANGE: FeedItem = FeedItem::Gap(Some(7), GapCause::Missed);

    fn barrier(n: u64) -> FeedItem {
        FeedItem::Barrier(0, BarrierId::from(n))
    }

    fn drain(queue: &mut Queue) -> Vec<FeedItem> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn an_overflow_is_one_gap_before_the_barriers() {
        let mut queue = Queue::new(4, 100);
        queue.push(CHANGE, 0);
        assert!(queue.push_barrier(barrier(1)));
        for _ in 0..3 {
            queue.push(CHANGE, 0);
        }
        assert_eq!(drain(&mut queue), [GAP, barrier(1), CHANGE]);
    }

    #[test]
    fn a_gap_that_overflows_leaves_a_gap() {
        let mut queue = Queue::new(4, 100);
        for partition in 0..5 {
            queue.push(FeedItem::Gap(Some(partition), GapCause::Reconnected), 0);
        }
        assert_eq!(drain(&mut queue), [GAP, FeedItem::Gap(Some(4), GapCause::Reconnected)]);
    }

    #[test]
    fn bytes_are_bounded_too_and_are_freed_again() {
        let mut queue = Queue::new(100, 100);
        queue.push(CHANGE, 60);
        queue.push(CHANGE, 40);
        assert_eq!(queue.pop(), Some(CHANGE));
        queue.push(CHANGE, 60);
        assert_eq!(queue.waiting.len(), 2, "it fits");
        queue.push(CHANGE, 1);
        assert_eq!(drain(&mut queue), [GAP, CHANGE]);
        assert_eq!(queue.bytes, 0);
    }

    #[test]
    fn barriers_leave_room_for_changes() {
        let mut queue = Queue::new(4, 100);
        assert!(queue.push_barrier(barrier(1)) && queue.push_barrier(barrier(2)));
        assert!(!queue.push_barrier(barrier(3)));
        for _ in 0..100 {
            queue.push(CHANGE, 0);
            assert!(queue.waiting.len() <= 4);
        }
        assert_eq!(drain(&mut queue)[..3], [GAP, barrier(1), barrier(2)]);
        assert!(queue.push_barrier(barrier(3)), "there is room again");
    }
}
