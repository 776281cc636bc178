//! What sessions owe their store: touches that failed, and locks to release.

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

/// How many sessions whose touch failed are remembered for [`Sessions::close`].
const MAX_UNTOUCHED: usize = 1_024;

/// How many locks of dropped handles one [`Session::lock`] releases: more than are added by one.
const ABANDONED_AT_ONCE: usize = 8;

/// A use of a session that its store does not know of.
#[derive(Clone, Copy, Debug)]
struct Use {
    id: SessionId,
    at: Timestamp,
    idle_timeout: Duration,
}

/// A lock that a handle holds, or was dropped with.
#[derive(Clone, Copy, Debug)]
struct Tenure {
    id: SessionId,
    /// The handle was dropped.
    abandoned: bool,
}

/// What is owed.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    locks: Mutex<HashMap<FencingToken, Tenure>>,
    /// Sessions whose last touch failed.
    untouched: Mutex<HashMap<IdDigest, Use>>,
}

impl Sessions {
    /// Before a shutdown: sends touches that had failed or were deferred and releases all locks. From then on no session
    /// can be opened or created; handles that are open still commit.
    ///
    /// # Errors
    /// The first failure of the store, after everything was tried. What failed is tried again by another call.
    ///
    /// # Cancel safety
    /// May be called again, and goes on where it was.
    pub async fn close(&self) -> Result<(), Error> {
        self.shared.closed.store(true, Ordering::Relaxed);
        let locks: Vec<_> = lock(&self.shared.upkeep.locks).iter().map(|(token, tenure)| (*token, tenure.id)).collect();
        let mut result = self.release_locks(locks).await;
        let uses: Vec<Use> = lock(&self.shared.upkeep.untouched).values().copied().collect();
        for used in uses {
            result = result.and(self.send_use(used).await);
        }
        result.and(self.store().close().await)
    }

    /// Renews the deadline from the moment of the use, not from now.
    async fn send_use(&self, used: Use) -> Result<(), Error> {
        let left = used.idle_timeout.saturating_sub(self.shared.clock.now().since(used.at));
        if !left.is_zero() {
            self.store().touch(&used.id, TouchOptions::default().with_idle(left)).await?;
        }
        lock(&self.shared.upkeep.untouched).remove(used.id.digest());
        Ok(())
    }

    /// The idle timeout of a session whose deadline is due for renewal.
    pub(super) fn touch_due(found: &Found) -> Option<Duration> {
        let deadlines = found.record.deadlines();
        let (timeout, idle) = (deadlines.idle_timeout()?, deadlines.idle()?);
        let at_absolute = Some(idle) == deadlines.absolute();
        let due = !at_absolute && idle.since(found.now) + timeout / defaults::TOUCH_SHARE <= timeout;
        due.then_some(timeout)
    }

    pub(super) async fn touch(&self, session: &mut Session, idle_timeout: Duration) {
        let used = Use { id: *session.id(), at: self.shared.clock.now(), idle_timeout };
        let digest = *used.id.digest();
        match self.store().touch(&used.id, TouchOptions::default()).await {
            Ok(outcome) => {
                lock(&self.shared.upkeep.untouched).remove(&digest);
                session.note_touch(outcome, used.at);
            }
            Err(_) => {
                let mut untouched = lock(&self.shared.upkeep.untouched);
                if untouched.len() < MAX_UNTOUCHED || untouched.contains_key(&digest) {
                    untouched.insert(digest, used);
                }
            }
        }
    }

    pub(crate) fn note_lock(&self, token: FencingToken, id: SessionId) {
        lock(&self.shared.upkeep.locks).insert(token, Tenure { id, abandoned: false });
    }

    pub(crate) fn abandon_lock(&self, token: FencingToken) {
        if let Some(tenure) = lock(&self.shared.upkeep.locks).get_mut(&token) {
            tenure.abandoned = true;
        }
    }

    pub(crate) fn forget_lock(&self, token: FencingToken) {
        lock(&self.shared.upkeep.locks).remove(&token);
    }

    /// Releases some locks whose handles were dropped, those of this session first.
    pub(crate) async fn release_abandoned_locks(&self, id: &SessionId) -> Result<(), Error> {
        let mut due: Vec<_> = lock(&self.shared.upkeep.locks)
            .iter()
            .filter(|(_, tenure)| tenure.abandoned)
            .map(|(token, tenure)| (*token, tenure.id))
            .collect();
        due.sort_by_key(|(_, of)| of != id);
        due.truncate(ABANDONED_AT_ONCE);
        self.release_locks(due).await
    }

    async fn release_locks(&self, due: Vec<(FencingToken, SessionId)>) -> Result<(), Error> {
        let Some(locks) = self.store().lock() else { return Ok(()) };
        let mut result = Ok(());
        for (token, id) in due {
            match locks.release(&id, token).await {
                Ok(_) => self.forget_lock(token),
                Err(error) => result = result.and(Err(error)),
            }
        }
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
