//! Hooks that record what happened.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;

use super::guarded;
use crate::net::{ConnectionHooks, Failure};

/// Counts prepared connections and regained primaries; may refuse connections.
#[derive(Default)]
pub(crate) struct Probe {
    prepared: AtomicUsize,
    regained: AtomicUsize,
    event: Notify,
    refusals: Mutex<Vec<Failure>>,
}

impl Probe {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Refuses the next connection with this.
    pub(super) fn refuse(&self, failure: Failure) {
        self.refusals.lock().push(failure);
    }

    pub(super) fn prepared(&self) -> usize {
        self.prepared.load(SeqCst)
    }

    pub(super) fn regained(&self) -> usize {
        self.regained.load(SeqCst)
    }

    pub(super) async fn wait_for_regained(&self, count: usize) {
        guarded(async {
            loop {
                let event = self.event.notified();
                if self.regained() >= count {
                    return;
                }
                event.await;
            }
        })
        .await;
    }
}

impl ConnectionHooks for Probe {
    fn prepare<'a>(&'a self, _: &'a mut MultiplexedConnection) -> BoxFuture<'a, Result<(), Failure>> {
        self.prepared.fetch_add(1, SeqCst);
        let refusal = self.refusals.lock().pop();
        Box::pin(std::future::ready(refusal.map_or(Ok(()), Err)))
    }

    fn primary_regained(&self) {
        self.regained.fetch_add(1, SeqCst);
        self.event.notify_waiters();
    }
}
