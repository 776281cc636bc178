//! Self-checks: copies that are being served, compared with the store in the background.

use std::sync::{Arc, atomic::Ordering};

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    model::{Stamp, Timestamp},
    store::{LoadOutcome, SessionStore},
};

use crate::tiers::Tiers;

impl<R: SessionStore + 'static> Tiers<R> {
    pub(crate) fn is_check_due(&self, now: Timestamp) -> bool {
        let (now, due) = (now.as_millis(), self.next_check.load(Ordering::Relaxed));
        self.check_every > 0
            && now >= due
            && self
                .next_check
                .compare_exchange(due, now.saturating_add(self.check_every), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Compares the copy of a session with the store, in a task of its own.
    pub(crate) fn begin_check(self: &Arc<Self>, id: &SessionId) {
        let (tiers, id) = (Arc::downgrade(self), *id);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let Some(tiers) = tiers.upgrade() else { return };
            let Some(stamp) = tiers.local.served_stamp(id.digest(), tiers.clock.now()) else { return };
            tiers.check(&id, stamp).await;
        });
    }

    /// A copy that the store contradicts must not be served any more after `max_staleness`.
    async fn check(&self, id: &SessionId, stamp: Stamp) {
        let options = LoadOptions { level: ReadLevel::Store, known: Some(stamp), ..LoadOptions::default() };
        let Ok(outcome) = self.ask(self.remote.load(id, options)).await else { return };
        self.local.counters.self_checks.count();
        if matches!(outcome, LoadOutcome::Unchanged(_)) {
            return;
        }
        self.clock.sleep(self.max_staleness).await;
        if self.local.served_stamp(id.digest(), self.clock.now()) == Some(stamp) {
            self.local.counters.violations.count();
            #[cfg(feature = "tracing")]
            tracing::error!(target: "session_tiered", "a copy that the store has contradicted is still being served");
        }
    }
}
