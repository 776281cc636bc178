//! What a backend's author writes.

use std::{fmt, sync::Arc, time::Duration};

use session_core::store::SessionStore;

/// How the suite reaches a backend. See the [crate docs](crate) for an example.
pub trait Harness: Send + Sync + 'static {
    /// A running backend. It lives as long as the case that started it: clean up in its `Drop`.
    type Backend: Send + Sync + 'static;

    /// Starts a fresh backend, or a fresh name space on a shared one: a case must not meet sessions of another.
    /// Panic if that fails; a suite that passes without a backend proves nothing.
    fn start(&self) -> impl Future<Output = Self::Backend> + Send;

    /// A handle on the backend, as a node of an application would open it. Called more than once; all handles see
    /// the same sessions.
    fn node(&self, backend: &Self::Backend) -> impl Future<Output = Arc<dyn SessionStore>> + Send;

    /// Lets this much time pass on the backend's clock. A simulated clock is advanced; with a real one, this waits.
    fn elapse(&self, backend: &Self::Backend, time: Duration) -> impl Future<Output = ()> + Send;

    /// The capabilities that the backend does *not* have. Their cases are skipped; a backend that has one of these,
    /// or lacks another, fails the case `capabilities_are_the_pinned_ones`.
    fn absent(&self) -> &[Capability] {
        &[]
    }

    /// The unit of time of the cases, which let up to a few tens of it pass. It must be long against one call of
    /// the backend: with a real clock, 50 ms on one machine is a good choice. Tombstones must stand at least 100
    /// ticks.
    fn tick(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long the backend's tombstones stand, if so much time can pass in a test: then it is also checked that they
    /// end. `None` by default, and those cases are skipped.
    fn tombstone(&self) -> Option<Duration> {
        None
    }

    /// How exactly the backend's clock follows [`elapse`](Self::elapse): one millisecond, as here, if it is simulated.
    /// At most a quarter of a [tick](Self::tick).
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
}

/// A capability that a store may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// [`SessionIndex`](session_core::store::SessionIndex).
    Index,
    /// [`SessionLock`](session_core::store::SessionLock).
    Lock,
    /// [`ChangeFeed`](session_core::store::ChangeFeed).
    Feed,
    /// That [`Harness::tombstone`] tells how long tombstones stand: not a capability of the store, but of its test.
    StatedTombstone,
}

impl Capability {
    /// All that a store may lack.
    pub const ALL: [Self; 3] = [Self::Index, Self::Lock, Self::Feed];

    pub(crate) fn is_in(self, harness: &impl Harness, store: &dyn SessionStore) -> bool {
        match self {
            Self::StatedTombstone => harness.tombstone().is_some(),
            Self::Index => store.index().is_some(),
            Self::Lock => store.lock().is_some(),
            Self::Feed => store.feed().is_some(),
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Index => "index",
            Self::Lock => "lock",
            Self::Feed => "feed",
            Self::StatedTombstone => "stated tombstone",
        })
    }
}
