//! Self-checks: copies that are being served, compared with the store in the background.
//!
//! Equal stamps mean equal states, unless a message that the store did not publish has changed the copy, or a hand that is
//! not this library's has changed the store. So states are compared too: in every self-check, and now and then when a copy is
//! revalidated.

use std::sync::{Arc, atomic::Ordering};

use session_core::{
    LoadOptions, ReadLevel, SessionId,
    model::{IdDigest, Record, Timestamp},
    store::{LoadOutcome, SessionStore},
};

use crate::tiers::Tiers;

/// One in this many revalidations compares the whole state.
const COMPARED: u64 = 16;

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
            let Some(served) = tiers.local.served(id.digest(), tiers.clock.now()) else { return };
            tiers.check(&id, &served).await;
        });
    }

    /// A copy that the store contradicts must not be served any more after `max_staleness`.
    async fn check(&self, id: &SessionId, served: &Record) {
        let options = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
        let Ok(outcome) = self.ask(self.remote.load(id, options)).await else { return };
        self.local.counters.self_checks.count();
        let stamp = served.stamp();
        if let LoadOutcome::Found(found) = &outcome
            && found.record.stamp() == stamp
        {
            self.compare(id.digest(), served, &found.record);
            return;
        }
        self.clock.sleep(self.max_staleness).await;
        let still = self.local.served(id.digest(), self.clock.now());
        if still.is_some_and(|record| record.stamp() == stamp) {
            self.local.counters.violations.count();
            #[cfg(feature = "tracing")]
            tracing::error!(target: "session_tiered", "a copy that the store has contradicted is still being served");
        }
    }

    /// Whether this revalidation is one that compares states.
    pub(crate) fn is_comparison_due(&self) -> bool {
        self.revalidated.fetch_add(1, Ordering::Relaxed) % COMPARED == COMPARED - 1
    }

    /// Compares the state of a copy with that of the store under the same stamp. A copy that differs is dropped.
    pub(crate) fn compare(&self, digest: &IdDigest, copy: &Record, stored: &Record) -> bool {
        let is_equal = copy.state() == stored.state();
        if !is_equal {
            self.local.evict(digest);
            self.local.counters.violations.count();
            #[cfg(feature = "tracing")]
            tracing::error!(target: "session_tiered", "a copy had another state than the store under the same stamp");
        }
        is_equal
    }
}
