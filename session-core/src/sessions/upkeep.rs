//! Deferred work for the store: touches that failed or were put off, writes to settle, and locks to release.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use super::{Sessions, unsettled::Unsettled};
use crate::{
    Error, LoadOptions, Session, SessionId, defaults,
    model::{IdDigest, Timestamp},
    store::{FencingToken, Found, TouchOptions, TouchOutcome},
};

/// The maximum number of touches that are remembered.
const MAX_TOUCHES: usize = 1_024;

/// The maximum number of abandoned locks that one [`Session::lock`] releases. One call adds fewer than that.
const MAX_RELEASED_AT_ONCE: usize = 8;

/// A use of a session that the store does not know of, because its touch has failed or was put off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touch {
    id: SessionId,
    /// When the session was used.
    pub(super) at: Timestamp,
    /// The time by which the use extends the idle deadline, if the session has one and the use counts.
    idle_timeout: Option<Duration>,
    /// Whether the touch also confirms a renewal.
    confirms: bool,
}

impl Touch {
    /// A use at this moment.
    pub(super) fn now(sessions: &Sessions, id: SessionId) -> Self {
        Self { id, at: sessions.shared.clock.now(), idle_timeout: None, confirms: true }
    }
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
    /// The last touch of each session that has failed or was put off.
    touches: Mutex<HashMap<IdDigest, Touch>>,
    pub(super) unsettled: Unsettled,
}

/// The work that [`Sessions`] has put off. [`Sessions::upkeep`] does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deferred {
    /// The number of touches that have failed or were put off; at most 1,024.
    pub touches: usize,
    /// The number of writes of unknown outcome that wait for another attempt; at most 256.
    pub writes: usize,
    /// The number of writes that are not attempted any more and may not have happened: there were too many, they were too
    /// old, or the store refused them.
    pub dropped_writes: u64,
}

impl Sessions {
    /// Does the work that was put off: sends [touches](LoadOptions::touch_later) that were put off or have failed, and
    /// writes that were left to [settle later](Self::settle_later). Call it from time to time, for example every second from
    /// a task, or after a response. Without any work it returns at once.
    ///
    /// # Errors
    /// The first failure of the store, after everything was attempted. A later call attempts the rest again.
    ///
    /// # Cancel safety
    /// May be called again; it continues where it stopped.
    pub async fn upkeep(&self) -> Result<(), Error> {
        self.do_deferred().await
    }

    async fn do_deferred(&self) -> Result<(), Error> {
        let mut result = Ok(());
        for _ in 0..self.shared.upkeep.unsettled.waiting() {
            result = result.and(self.settle_next().await);
        }
        for touch in self.waiting_touches() {
            result = result.and(self.retry_touch(touch).await);
        }
        result
    }

    /// The work that was put off and is not done yet.
    pub fn deferred(&self) -> Deferred {
        let upkeep = &self.shared.upkeep;
        Deferred {
            touches: lock(&upkeep.touches).len(),
            writes: upkeep.unsettled.waiting(),
            dropped_writes: upkeep.unsettled.dropped(),
        }
    }

    /// Does the [work that was put off](Self::upkeep) and releases all locks. Call it before a shutdown. Afterwards no
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
        // Before the locks are released: a write may depend on one.
        let result = self.do_deferred().await;
        let result = result.and(self.release_locks(locks).await);
        result.and(self.store().close().await)
    }

    fn waiting_touches(&self) -> Vec<Touch> {
        lock(&self.shared.upkeep.touches).values().copied().collect()
    }

    /// Renews the deadline from the moment of the use, not from now, by the timeout that the session has by now.
    async fn retry_touch(&self, touch: Touch) -> Result<(), Error> {
        let age = self.shared.clock.now().since(touch.at);
        let is_use = touch.idle_timeout.is_some_and(|timeout| age < timeout);
        let mut result = Ok(());
        if touch.confirms || is_use {
            let idle = (!is_use).then_some(Duration::ZERO);
            let options = TouchOptions { idle, age, ..TouchOptions::default() };
            result = self.store().touch(&touch.id, options).await.map(drop);
        }
        if !result.as_ref().is_err_and(Error::is_retryable) {
            self.forget_touch(&touch);
        }
        result
    }

    /// Forgets a touch, unless a later one has taken its place.
    fn forget_touch(&self, touch: &Touch) {
        let mut touches = lock(&self.shared.upkeep.touches);
        if touches.get(touch.id.digest()).is_some_and(|waiting| waiting.at <= touch.at) {
            touches.remove(touch.id.digest());
        }
    }

    /// Remembers a touch for later. Returns whether there was room.
    fn remember_touch(&self, touch: Touch) -> bool {
        let mut touches = lock(&self.shared.upkeep.touches);
        if let Some(waiting) = touches.get_mut(touch.id.digest()) {
            let confirms = waiting.confirms || touch.confirms;
            // A passive open does not take the place of a use.
            *waiting = Touch { confirms, ..if touch.idle_timeout.is_some() { touch } else { *waiting } };
            return true;
        }
        let has_room = touches.len() < MAX_TOUCHES;
        if has_room {
            touches.insert(*touch.id.digest(), touch);
        }
        has_room
    }

    /// The idle timeout of the session, if its deadline is due for renewal.
    pub(super) fn touch_due(found: &Found) -> Option<Duration> {
        let deadlines = found.record.deadlines();
        let (timeout, idle) = deadlines.idle()?;
        let at_absolute = Some(idle) == deadlines.absolute();
        let due = !at_absolute && idle.since(found.now) + timeout / defaults::TOUCH_SHARE <= timeout;
        due.then_some(timeout)
    }

    /// Whether a touch of this session may wait: half of its idle timeout is left, so that no session expires, and no
    /// renewal stays unconfirmed, because a process never does its upkeep. Without an idle timeout nothing would end the
    /// wait.
    fn may_wait(found: &Found) -> bool {
        let idle = found.record.deadlines().idle();
        idle.is_some_and(|(timeout, idle)| idle.since(found.now) > timeout / 2)
    }

    /// The touch that opening this session needs, if any, and whether it may be sent later. A passive open does not renew
    /// the deadline, but it confirms a renewal: the client has received the new id.
    pub(super) fn touch_needed(&self, id: SessionId, found: &Found, options: &LoadOptions) -> Option<(Touch, bool)> {
        let confirms = found.record.is_unconfirmed() && found.forwarded.is_none();
        let idle_timeout = Self::touch_due(found).filter(|_| !options.passive);
        if idle_timeout.is_none() && !confirms {
            return None;
        }
        let touch = Touch { idle_timeout, confirms, ..Touch::now(self, id) };
        Some((touch, options.touch_later && Self::may_wait(found)))
    }

    /// Sends a touch, or remembers it if it may wait or fails.
    pub(super) async fn touch(&self, session: &mut Session, (touch, may_wait): (Touch, bool), passive: bool) {
        if may_wait && self.remember_touch(touch) {
            return;
        }
        let options = TouchOptions { idle: passive.then_some(Duration::ZERO), ..TouchOptions::default() };
        match self.store().touch(&touch.id, options).await {
            Ok(outcome) => {
                self.forget_touch(&touch);
                session.apply_touch(outcome, touch.at);
            }
            // A failed confirmation alone is left to the next open.
            Err(_) if touch.idle_timeout.is_some() => {
                self.remember_touch(touch);
            }
            Err(_) => {}
        }
    }

    /// Sends a touch that extends the deadline by the session's own timeout.
    pub(super) async fn send_touch(&self, touch: &Touch) -> Result<TouchOutcome, Error> {
        let outcome = self.store().touch(&touch.id, TouchOptions::default()).await?;
        self.forget_touch(touch);
        Ok(outcome)
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
