//! The interface that a backend's author implements.

use std::{fmt, sync::Arc, time::Duration};

use session_core::store::SessionStore;

/// Starts a backend for the suite. See the [crate docs](crate) for an example.
pub trait Harness: Send + Sync + 'static {
    /// A running backend. It lives as long as its case: clean up in its `Drop`.
    type Backend: Send + Sync + 'static;

    /// Starts a fresh backend, or a fresh name space on a shared one: a case must not meet sessions of another. Panic
    /// if that fails; a suite that passes without a backend proves nothing.
    fn start(&self) -> impl Future<Output = Self::Backend> + Send;

    /// Opens a handle on the backend, as a node of an application would. The suite calls this more than once; all
    /// handles see the same sessions.
    fn node(&self, backend: &Self::Backend) -> impl Future<Output = Arc<dyn SessionStore>> + Send;

    /// Lets this much time pass on the backend's clock: advances a simulated clock, or waits for a real one.
    fn elapse(&self, backend: &Self::Backend, time: Duration) -> impl Future<Output = ()> + Send;

    /// The capabilities that the backend does *not* have. Their cases are skipped. If the backend has one of these, or
    /// lacks a capability that is not named here, the case `capabilities_are_as_declared` fails.
    fn absent(&self) -> &[Capability] {
        &[]
    }

    /// The unit of time of the cases; a case lets up to a few tens of ticks pass. A tick must be long against one call
    /// of the backend: with a real clock, 50 ms on one machine is a good choice. Tombstones must last at least 100
    /// ticks.
    fn tick(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long the backend's tombstones last, if a test can let that much time pass; then the suite also checks that
    /// they end. `None` by default, and those cases are skipped.
    fn tombstone(&self) -> Option<Duration> {
        None
    }

    /// How exactly the backend's clock follows [`elapse`](Self::elapse). The default is one millisecond, for a
    /// simulated clock. At most a quarter of a [tick](Self::tick).
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }
}

/// An optional capability of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// [`SessionIndex`](session_core::store::SessionIndex).
    Index,
    /// [`SessionLock`](session_core::store::SessionLock).
    Lock,
    /// [`ChangeFeed`](session_core::store::ChangeFeed).
    Feed,
    /// [`Harness::tombstone`] returns how long tombstones last. This is not a capability of the store, but of its test.
    TombstoneLifetime,
}

impl Capability {
    /// All optional capabilities of a store.
    pub const ALL: [Self; 3] = [Self::Index, Self::Lock, Self::Feed];

    pub(crate) fn is_in(self, harness: &impl Harness, store: &dyn SessionStore) -> bool {
        match self {
            Self::TombstoneLifetime => harness.tombstone().is_some(),
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
            Self::TombstoneLifetime => "tombstone lifetime",
        })
    }
}
