//! The bounded queue of one subscriber.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::stream::{Stream, unfold};
use session_core::store::{FeedItem, GapCause};
use tokio::sync::Notify;

/// Few, so that tests meet an overflow.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: Mutex<VecDeque<FeedItem>>,
    added: Notify,
}

impl Queue {
    /// Adds an item. On overflow, all changes become a gap.
    pub(crate) fn push(&self, item: FeedItem) {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if items.len() >= MOST {
            items.retain(|item| matches!(item, FeedItem::Barrier(..)));
            items.push_front(FeedItem::Gap(None, GapCause::Overflow));
        }
        items.push_back(item);
        drop(items);
        self.added.notify_one();
    }

    fn pop(&self) -> Option<FeedItem> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// The items, as they are added.
    pub(crate) fn stream(self: Arc<Self>) -> impl Stream<Item = FeedItem> + Send {
        unfold(self, |queue| async move {
            loop {
                if let Some(item) = queue.pop() {
                    return Some((item, queue));
                }
                queue.added.notified().await;
            }
        })
    }
}
