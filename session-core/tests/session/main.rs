//! The typed session: what a request sees, records and sends, also when the store fails.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod compare_and_set;
mod handle;
mod locking;
mod model;
mod moving;
mod new_deadlines;
mod recording;
mod redaction;
mod renewing;
mod replicas;
mod revoking;
mod rotating;
mod sessions;
mod settling;
mod settling_later;
mod signing_in;
mod starting_over;
mod touching;
mod transaction;
mod unknown;
mod view;
mod watching;

use session_core::{ManualClock, Sessions};
use session_memory::MemoryStore;
use session_test::{Call, TestStore};

/// Sessions over a memory store that can be made to fail, on a clock that stands still.
struct World {
    sessions: Sessions,
    store: TestStore<MemoryStore>,
    clock: ManualClock,
}

fn world() -> World {
    let clock = ManualClock::new();
    let store = TestStore::new(MemoryStore::builder().clock(clock.clone()).build().unwrap());
    World { sessions: Sessions::new(store.clone()), store, clock }
}

impl World {
    /// The number of touches since the calls were taken last.
    fn touches(&self) -> usize {
        self.store.take_calls().into_iter().filter(|call| *call == Call::Touch).count()
    }

    /// A stored session with the scalar `n` = 1, open in two requests.
    async fn two_requests(&self) -> (session_core::Session, session_core::Session) {
        let mut first = self.sessions.create().unwrap();
        first.set("n", 1u32).unwrap();
        first.commit().await.unwrap();
        let second = self.sessions.open(first.id()).await.unwrap();
        (first, second)
    }
}
