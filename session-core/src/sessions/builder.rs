//! The builder of sessions.

use std::{sync::Arc, time::Duration};

use super::{Policy, Sessions, Shared};
use crate::{Clock, Expiry, SystemClock, codec::Codecs, defaults, store::SessionStore};

/// Sets up [`Sessions`]. [`defaults`] lists the value of each setting that is not set.
#[derive(Debug)]
pub struct SessionsBuilder {
    store: Arc<dyn SessionStore>,
    codecs: Codecs,
    clock: Option<Arc<dyn Clock>>,
    policy: Policy,
}

impl SessionsBuilder {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Self {
        let policy = Policy {
            expiry: Expiry::default(),
            rotation_grace: defaults::ROTATION_GRACE,
            confirm_within: None,
            conflict_attempts: defaults::CONFLICT_ATTEMPTS,
            replicas: defaults::REPLICAS,
            lock_waiters: defaults::LOCK_WAITERS,
        };
        Self { store, codecs: Codecs::default(), clock: None, policy }
    }

    /// Sets how long sessions live.
    #[must_use]
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.policy.expiry = expiry;
        self
    }

    /// Sets how long requests in flight with an old id are served after a renewal that is confirmed, and recognised after
    /// a sign-in or a step-up. The grace should outlast ten call deadlines of the store, so that no request in flight
    /// outlives it.
    #[must_use]
    pub fn rotation_grace(mut self, grace: Duration) -> Self {
        self.policy.rotation_grace = grace;
        self
    }

    /// Limits how long the old id of a renewal gives access if the new id is never used, for example because the response
    /// was lost. Without a limit it does so for as long as the session lives. With one, a client that has only the old id
    /// loses its session at the end.
    #[must_use]
    pub fn confirm_within(mut self, within: Duration) -> Self {
        self.policy.confirm_within = Some(within);
        self
    }

    /// Sets the maximum number of runs of a closure before its conflict is reported; at least one.
    #[must_use]
    pub fn conflict_attempts(mut self, attempts: u32) -> Self {
        self.policy.conflict_attempts = attempts.max(1);
        self
    }

    /// Sets the number of replicas that every write (create, commit, rotation or destroy) waits for. The write waits
    /// until `n` replicas have it, or until the call deadline. After the deadline the write remains valid, and
    /// [`Session::replicas`](crate::Session::replicas) returns how many replicas had it. Opening a session, touches and
    /// locks wait for no replicas.
    ///
    /// The setting costs each write the time that the primary needs to reach its replicas. In a store that waits on
    /// dedicated connections, writes may queue for those. If there are fewer than `n` replicas, each write takes until
    /// the call deadline. A failover becomes less likely to lose a write, but can still lose it. A store without
    /// replicas ignores the setting.
    #[must_use]
    pub fn replicas(mut self, n: u32) -> Self {
        self.policy.replicas = n;
        self
    }

    /// Sets the maximum number of requests that wait for the [lock](crate::Session::lock) of one session at the same time;
    /// at least one. Another request fails with [`Overloaded`](crate::ErrorKind::Overloaded). The bound is for this
    /// [`Sessions`] and its clones; other processes have bounds of their own.
    #[must_use]
    pub fn lock_waiters(mut self, waiters: usize) -> Self {
        self.policy.lock_waiters = waiters.max(1);
        self
    }

    /// Sets how values are encoded.
    #[must_use]
    pub fn codecs(mut self, codecs: Codecs) -> Self {
        self.codecs = codecs;
        self
    }

    /// Sets the source of time, which is used for waiting and for [`Session::expires_in`](crate::Session::expires_in). The
    /// default is the [clock of the store](SessionStore::clock), or the machine's if the store has none of this process. A
    /// clock that is not the store's does not expire sessions.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Builds the sessions.
    pub fn build(self) -> Sessions {
        let Self { store, codecs, clock, policy } = self;
        let clock = clock.or_else(|| store.clock()).unwrap_or_else(|| Arc::new(SystemClock));
        let (closed, upkeep, lock_queues, hub) = Default::default();
        Sessions { shared: Arc::new(Shared { store, codecs, clock, policy, closed, upkeep, lock_queues, hub }) }
    }
}
