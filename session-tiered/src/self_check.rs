//! A sample of what is served, compared with the store in the background.

use std::sync::{Arc, atomic::Ordering};

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    model::{Stamp, Timestamp},
    store::{LoadOutcome, SessionStore},
};

use crate::inner::Inner;

impl<R: SessionStore + 'static> Inner<R> {
    pub(crate) fn is_check_due(&self, now: Timestamp) -> bool {
        let (now, due) = (now.as_millis(), self.next_check.load(Ordering::Relaxed));
        self.check_every > 0
            && now >= due
            && self
                .next_check
                .compare_exchange(due, now.saturating_add(self.check_every), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Compares the copy of a session with the store.
    pub(crate) fn begin_check(self: &Arc<Self>, id: &SessionId) {
        let (inner, id) = (Arc::downgrade(self), *id);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Some(inner) = inner.upgrade() else { return };
            let Some(stamp) = inner.local.served(id.digest(), inner.clock.now()) else { return };
            inner.check(&id, stamp).await;
        });
    }

    /// What the store contradicts must not be served `max_staleness` later.
    async fn check(&self, id: &SessionId, stamp: Stamp) {
        let options = LoadOptions::default().with_level(ReadLevel::Store).with_known(stamp);
        let Ok(outcome) = self.ask(self.remote.load(id, options)).await else { return };
        self.local.counters.self_checks.count();
        if matches!(outcome, LoadOutcome::Unchanged(_)) {
            return;
        }
        self.clock.sleep(self.max_staleness).await;
        if self.local.served(id.digest(), self.clock.now()) == Some(stamp) {
            self.local.counters.violations.count();
            #[cfg(feature = "tracing")]
            tracing::error!(target: "session_tiered", "a copy is still served that the store has contradicted");
        }
    }
}
