//! Deferred work for the store: touches that failed, and locks to release.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::Sessions;
use crate::{
    Error, Session, SessionId, defaults,
    model::{IdDigest, Timestamp},
    store::{FencingToken, Found, TouchOptions},
};

/// The maximum number of failed touches that are remembered for [`Sessions::close`].
const MAX_FAILED_TOUCHES: usize = 1_024;

/// The maximum number of abandoned locks that one [`Session::lock`] releases. One call adds fewer than that.
const MAX_RELEASED_AT_ONCE: usize = 8;

/// A use of a session whose touch failed, so that the store does not know of it.
#[derive(Clone, Copy, Debug)]
struct FailedTouch {
    id: SessionId,
    at: Timestamp,
    idle_timeout: Duration,
}

/// A lock that a handle holds or was dropped with.
#[derive(Clone, Copy, Debug)]
struct Tenure {
    id: SessionId,
    /// Whether the handle was dropped.
    abandoned: bool,
}

/// The deferred work.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    locks: Mutex<HashMap<FencingToken, Tenure>>,
    /// The last failed touch of each session.
    failed_touches: Mutex<HashMap<IdDigest, FailedTouch>>,
}

impl Sessions {
    /// Sends touches that failed or were deferred, and releases all locks. Call it before a shutdown. Afterwards no
    /// session can be opened or created; open handles can still commit.
    ///
    /// # Errors
    /// The first failure of the store, after everything was attempted. Another call retries what failed.
    ///
    /// # Cancel safety
    /// May be called again; it continues where it stopped.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.closed.store(true, Ordering::Relaxed);
        let locks: Vec<_> = lock(&self.shared.upkeep.locks).iter().map(|(token, tenure)| (*token, tenure.id)).collect();
        let mut result = self.release_locks(locks).await;
        let touches: Vec<FailedTouch> = lock(&self.shared.upkeep.failed_touches).values().copied().collect();
        for touch in touches {
            result = result.and(self.retry_touch(touch).await);
        }
        result.and(self.store().close().await)
    }

    /// Renews the deadline from the moment of the use, not from now.
    async fn retry_touch(&self, touch: FailedTouch) -> Result<(), Error> {
        let left = touch.idle_timeout.saturating_sub(self.shared.clock.now().since(touch.at));
        if !left.is_zero() {
            self.store().touch(&touch.id, TouchOptions { idle: Some(left), ..TouchOptions::default() }).await?;
        }
        lock(&self.shared.upkeep.failed_touches).remove(touch.id.digest());
        Ok(())
    }

    /// The idle timeout of the session, if its deadline is due for renewal.
    pub(super) fn touch_due(found: &Found) -> Option<Duration> {
        let deadlines = found.record.deadlines();
        let (timeout, idle) = deadlines.idle()?;
        let at_absolute = Some(idle) == deadlines.absolute();
        let due = !at_absolute && idle.since(found.now) + timeout / defaults::TOUCH_SHARE <= timeout;
        due.then_some(timeout)
    }

    /// Renews the deadline of a session that is due, or confirms its renewal; a passive touch does only the latter.
    pub(super) async fn touch(&self, session: &mut Session, (due, passive): (Option<Duration>, bool)) {
        // A failed confirmation is left to the next open.
        let idle_timeout = due.unwrap_or_default();
        let touch = FailedTouch { id: *session.id(), at: self.shared.clock.now(), idle_timeout };
        let digest = *touch.id.digest();
        let options = TouchOptions { idle: passive.then_some(Duration::ZERO), ..TouchOptions::default() };
        match self.store().touch(&touch.id, options).await {
            Ok(outcome) => {
                lock(&self.shared.upkeep.failed_touches).remove(&digest);
                session.apply_touch(outcome, touch.at);
            }
            Err(_) => {
                let mut failed_touches = lock(&self.shared.upkeep.failed_touches);
                let has_room = failed_touches.len() < MAX_FAILED_TOUCHES || failed_touches.contains_key(&digest);
                if due.is_some() && has_room {
                    failed_touches.insert(digest, touch);
                }
            }
        }
    }

    pub(crate) fn track_lock(&self, token: FencingToken, id: SessionId) {
        lock(&self.shared.upkeep.locks).insert(token, Tenure { id, abandoned: false });
    }

    pub(crate) fn abandon_lock(&self, token: FencingToken) {
        if let Some(tenure) = lock(&self.shared.upkeep.locks).get_mut(&token) {
            tenure.abandoned = true;
        }
    }

    pub(crate) fn untrack_lock(&self, token: FencingToken) {
        lock(&self.shared.upkeep.locks).remove(&token);
    }

    /// Releases some locks whose handles were dropped, starting with those of this session.
    pub(crate) async fn release_abandoned_locks(&self, id: &SessionId) -> Result<(), Error> {
        let mut due: Vec<_> = lock(&self.shared.upkeep.locks)
            .iter()
            .filter(|(_, tenure)| tenure.abandoned)
            .map(|(token, tenure)| (*token, tenure.id))
            .collect();
        due.sort_by_key(|(_, of)| of != id);
        due.truncate(MAX_RELEASED_AT_ONCE);
        self.release_locks(due).await
    }

    async fn release_locks(&self, due: Vec<(FencingToken, SessionId)>) -> Result<(), Error> {
        let Some(locks) = self.store().lock() else { return Ok(()) };
        let mut result = Ok(());
        for (token, id) in due {
            match locks.release(&id, token).await {
                Ok(_) => self.untrack_lock(token),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
