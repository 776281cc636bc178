//! What the parts of one subscription share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use session_core::store::{BarrierId, FeedItem, GapCause};
use tokio::sync::Notify;

use super::{
    FeedOptions,
    channels::Channels,
    feed_connection::FeedConnection,
    feed_state::{ConnectionId, FeedState},
    request_failure::RequestFailure,
};

/// One subscription: its [`FeedState`], its connections, and the tasks that wait for either.
///
/// The two locks are never held together, and never across an await. Connections are dropped outside both, since that
/// may run the `Drop` of a [`PushReceiver`](super::push_receiver::PushReceiver).
#[derive(Debug)]
pub(crate) struct ActiveSubscription {
    pub(crate) channels: Arc<Channels>,
    pub(crate) options: FeedOptions,
    state: Mutex<FeedState>,
    connections: Mutex<HashMap<ConnectionId, Arc<FeedConnection>>>,
    subscriber: AtomicWaker,
    supervisor: Notify,
    /// Whether a server has gone back to an earlier state, and the supervisor does not know it.
    rewound: AtomicBool,
    barriers: AtomicU64,
}

impl ActiveSubscription {
    pub(crate) fn new(channels: Arc<Channels>, options: FeedOptions) -> Self {
        let state = FeedState::new(channels.len(), options.queue_items, options.queue_bytes);
        Self {
            channels,
            options,
            state: Mutex::new(state),
            connections: Mutex::default(),
            subscriber: AtomicWaker::new(),
            supervisor: Notify::new(),
            rewound: AtomicBool::new(false),
            barriers: AtomicU64::new(0),
        }
    }

    /// Reads the state.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&FeedState) -> T) -> T {
        read(&self.state.lock())
    }

    /// Updates the state and wakes the subscriber.
    pub(crate) fn update<T>(&self, update: impl FnOnce(&mut FeedState) -> T) -> T {
        let (result, rewound) = {
            let mut state = self.state.lock();
            (update(&mut state), state.take_rewound())
        };
        self.subscriber.wake();
        if rewound {
            self.rewound.store(true, Ordering::Relaxed);
            self.wake_supervisor();
        }
        result
    }

    /// The connection must not be used any more.
    pub(crate) fn lose(&self, id: ConnectionId, cause: GapCause) {
        let was_open = self.update(|state| state.lose(id, cause));
        let dropped = self.connections.lock().remove(&id);
        drop(dropped);
        if was_open {
            self.wake_supervisor();
        }
    }

    /// The partition has left the server of this connection.
    pub(crate) fn unsubscribed(&self, id: ConnectionId, partition: u16, cause: GapCause) {
        self.update(|state| state.unsubscribed(id, partition, cause));
        self.wake_supervisor();
    }

    /// Does what a failed request on a connection calls for.
    pub(crate) fn handle_failure(&self, connection: &FeedConnection, partition: u16, failure: RequestFailure) {
        let id = connection.id();
        match failure {
            RequestFailure::Demoted => self.lose(id, GapCause::Demoted),
            RequestFailure::Moved => self.unsubscribed(id, partition, GapCause::SlotMoved),
            RequestFailure::Lost => self.lose(id, GapCause::Disconnected),
            RequestFailure::Unreadable => {
                self.update(|state| state.report_gap(id, partition, GapCause::Unreadable));
            }
            // Nothing to do: the slot will arrive somewhere, or the server will report that it does not.
            RequestFailure::Migrating | RequestFailure::Denied => {}
            RequestFailure::Late => {
                connection.mark_suspect();
                self.wake_supervisor();
            }
            RequestFailure::Unserved => {
                connection.mark_stale();
                self.wake_supervisor();
            }
        }
    }

    /// Wakes the supervisor: something is wrong.
    pub(crate) fn wake_supervisor(&self) {
        self.supervisor.notify_one();
    }

    /// Waits until the supervisor is woken. A wake-up before the call is not missed.
    pub(crate) async fn supervisor_woken(&self) {
        self.supervisor.notified().await;
    }

    /// Whether a server has gone back to an earlier state since the last call.
    pub(crate) fn take_rewound(&self) -> bool {
        self.rewound.swap(false, Ordering::Relaxed)
    }

    /// Adds a connection. Returns false if it is lost already.
    pub(crate) fn add(&self, connection: &Arc<FeedConnection>) -> bool {
        let id = connection.id();
        self.connections.lock().insert(id, connection.clone());
        // Checked after it was added: a loss from now on removes it.
        let open = self.read(|state| state.is_open(id));
        if !open {
            let dropped = self.connections.lock().remove(&id);
            drop(dropped);
        }
        open
    }

    pub(crate) fn connection(&self, id: ConnectionId) -> Option<Arc<FeedConnection>> {
        self.connections.lock().get(&id).cloned()
    }

    pub(crate) fn connections(&self) -> Vec<Arc<FeedConnection>> {
        self.connections.lock().values().cloned().collect()
    }

    pub(crate) fn next_barrier(&self) -> BarrierId {
        BarrierId::from(self.barriers.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn poll(&self, cx: &Context<'_>) -> Poll<Option<FeedItem>> {
        if let Some(item) = self.state.lock().pop() {
            return Poll::Ready(item);
        }
        self.subscriber.register(cx.waker());
        // An item that came before the registration woke no task.
        match self.state.lock().pop() {
            Some(item) => Poll::Ready(item),
            None => Poll::Pending,
        }
    }

    /// Ends the subscription: only what is queued is still delivered.
    pub(crate) fn close(&self) {
        self.update(FeedState::close);
        let dropped = std::mem::take(&mut *self.connections.lock());
        drop(dropped);
    }
}
