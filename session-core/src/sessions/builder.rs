//! Setting up sessions.

use std::{sync::Arc, time::Duration};

use super::{Policy, Sessions, Shared};
use crate::{Clock, Expiry, SystemClock, codec::Codecs, defaults, store::SessionStore};

/// Sets up [`Sessions`]; see [`defaults`] for what each setting is otherwise.
#[derive(Debug)]
pub struct SessionsBuilder {
    store: Arc<dyn SessionStore>,
    codecs: Codecs,
    clock: Arc<dyn Clock>,
    policy: Policy,
}

impl SessionsBuilder {
    pub(super) fn new(store: Arc<dyn SessionStore>) -> Self {
        let policy = Policy {
            expiry: Expiry::default(),
            rotation_grace: defaults::ROTATION_GRACE,
            conflict_attempts: defaults::CONFLICT_ATTEMPTS,
            replicas: defaults::REPLICAS,
        };
        Self { store, codecs: Codecs::default(), clock: Arc::new(SystemClock), policy }
    }

    /// How long sessions live.
    #[must_use]
    pub fn expiry(mut self, expiry: Expiry) -> Self {
        self.policy.expiry = expiry;
        self
    }

    /// How long an old id is remembered after a rotation. It should outlast ten call deadlines of the store, so that no
    /// request in flight outlives it.
    #[must_use]
    pub fn rotation_grace(mut self, grace: Duration) -> Self {
        self.policy.rotation_grace = grace;
        self
    }

    /// How often a closure is run before its conflict is reported; at least once.
    #[must_use]
    pub fn conflict_attempts(mut self, attempts: u32) -> Self {
        self.policy.conflict_attempts = attempts.max(1);
        self
    }

    /// Every write, be it a create, a commit, a rotation or a destroy, waits until `n` replicas have it, or until the
    /// call's time is over: then it stands all the same, and [`Session::replicas`](crate::Session::replicas) tells how
    /// many had it. Opening a session waits for none, nor do touches and locks.
    ///
    /// It costs each write the time in which the primary tells its replicas, and in a store that waits on connections set
    /// aside for it, writes may queue for those. With fewer replicas than `n`, each write takes the whole of the call's
    /// time. What a failover can lose becomes less likely to be lost, and never certain to be kept. A store without
    /// replicas ignores it.
    #[must_use]
    pub fn replicas(mut self, n: u32) -> Self {
        self.policy.replicas = n;
        self
    }

    /// How values are encoded.
    #[must_use]
    pub fn codecs(mut self, codecs: Codecs) -> Self {
        self.codecs = codecs;
        self
    }

    /// Where time comes from: for waiting, and for [`Session::expires_in`](crate::Session::expires_in).
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The sessions.
    pub fn build(self) -> Sessions {
        let Self { store, codecs, clock, policy } = self;
        let (closed, upkeep) = Default::default();
        Sessions { shared: Arc::new(Shared { store, codecs, clock, policy, closed, upkeep }) }
    }
}
