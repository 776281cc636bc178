//! What the parts of one subscription have in common.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use session_core::store::{BarrierId, FeedItem, GapCause};
use tokio::sync::Notify;

use super::{
    FeedOptions,
    board::{Board, LinkId},
    channels::Channels,
    link::Link,
};

/// One subscription: the [`Board`], the connections, and who waits for what.
///
/// The two locks are never held together, and never while waiting. Connections are dropped outside both, since that
/// may run an [`Ear`](super::ear::Ear)'s last words.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) channels: Arc<Channels>,
    pub(crate) options: FeedOptions,
    board: Mutex<Board>,
    links: Mutex<HashMap<LinkId, Arc<Link>>>,
    reader: AtomicWaker,
    trouble: Notify,
    barriers: AtomicU64,
}

impl Shared {
    pub(crate) fn new(channels: Arc<Channels>, options: FeedOptions) -> Self {
        let board = Board::new(channels.len(), options.queue_items, options.queue_bytes);
        Self {
            channels,
            options,
            board: Mutex::new(board),
            links: Mutex::default(),
            reader: AtomicWaker::new(),
            trouble: Notify::new(),
            barriers: AtomicU64::new(0),
        }
    }

    /// Looks at the state.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Board) -> T) -> T {
        look(&self.board.lock())
    }

    /// Changes the state and wakes the subscriber.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Board) -> T) -> T {
        let result = change(&mut self.board.lock());
        self.reader.wake();
        result
    }

    /// The connection must not be used any more.
    pub(crate) fn lose(&self, link: LinkId, cause: GapCause) {
        let news = self.change(|board| board.lose(link, cause));
        let dropped = self.links.lock().remove(&link);
        drop(dropped);
        if news {
            self.alarm();
        }
    }

    /// The partition has left the server of this connection.
    pub(crate) fn withdraw(&self, link: LinkId, partition: u16, cause: GapCause) {
        self.change(|board| board.withdraw(link, partition, cause));
        self.alarm();
    }

    /// Wakes the keeper: something is wrong.
    pub(crate) fn alarm(&self) {
        self.trouble.notify_one();
    }

    /// Waits for an alarm; one that was given before is not missed.
    pub(crate) async fn alarmed(&self) {
        self.trouble.notified().await;
    }

    /// Keeps a connection. False if it is lost already.
    pub(crate) fn add(&self, link: &Arc<Link>) -> bool {
        self.links.lock().insert(link.id(), link.clone());
        // Looked up after it was added: whoever loses it from now on removes it.
        let open = self.look(|board| board.is_open(link.id()));
        if !open {
            let dropped = self.links.lock().remove(&link.id());
            drop(dropped);
        }
        open
    }

    pub(crate) fn link(&self, link: LinkId) -> Option<Arc<Link>> {
        self.links.lock().get(&link).cloned()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.lock().values().cloned().collect()
    }

    pub(crate) fn next_barrier(&self) -> BarrierId {
        BarrierId(self.barriers.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<FeedItem>> {
        if let Some(item) = self.board.lock().pop() {
            return Poll::Ready(item);
        }
        self.reader.register(cx.waker());
        // An item that came before the registration woke nobody.
        match self.board.lock().pop() {
            Some(item) => Poll::Ready(item),
            None => Poll::Pending,
        }
    }

    /// Nothing will be heard any more: what is in the queue is the rest.
    pub(crate) fn close(&self) {
        self.change(Board::close);
        let dropped = std::mem::take(&mut *self.links.lock());
        drop(dropped);
    }
}
