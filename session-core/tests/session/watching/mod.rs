//! Watching sessions.

mod ends;
mod expiry;
mod many;
mod tapped;

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use session_core::{
    Expiry, ManualClock, Rotate, Session, SessionId, Sessions, Watch, WatchEnd,
    model::{EndReason, Ended},
};
use session_memory::MemoryStore;
use tapped::Tapped;

/// Sessions over a memory store with a tapped feed, on a clock that is advanced by hand.
struct Watched {
    sessions: Sessions,
    store: Arc<Tapped>,
    clock: ManualClock,
}

fn watched() -> Watched {
    let clock = ManualClock::new();
    let store = Arc::new(Tapped::new(MemoryStore::builder().clock(clock.clone()).build().unwrap()));
    let sessions = Sessions::builder(store.clone()).clock(clock.clone()).build();
    Watched { sessions, store, clock }
}

impl Watched {
    async fn session(&self) -> Session {
        let mut session = self.sessions.create().unwrap();
        session.persist().await.unwrap();
        session
    }

    /// The sessions of another node.
    fn other(&self) -> Sessions {
        Sessions::builder(self.store.test_store.inner().node()).clock(self.clock.clone()).build()
    }

    async fn watch(&self, id: &SessionId) -> Watch {
        self.sessions.watch(id).await.unwrap()
    }

    /// Returns once everything published before has reached the watches of this partition.
    async fn delivered(&self) {
        let mut last = self.session().await;
        let watch = self.watch(last.id()).await;
        last.destroy().await.unwrap();
        assert_eq!(end(watch).await, ended(EndReason::Logout));
    }
}

fn ended(reason: EndReason) -> WatchEnd {
    WatchEnd::Ended(Ended { reason, age: std::time::Duration::ZERO })
}

/// Only a guard against hanging.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(std::time::Duration::from_secs(20), work).await.expect("waited in vain")
}

async fn end(watch: Watch) -> WatchEnd {
    in_time(watch).await
}

/// Whether a watch is pending.
fn is_pending(watch: &mut Watch) -> bool {
    pin!(watch).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_with(watch: &mut Watch, wakes: &Arc<Wakes>) -> Poll<WatchEnd> {
    pin!(watch).poll(&mut Context::from_waker(&wakes.clone().into()))
}
