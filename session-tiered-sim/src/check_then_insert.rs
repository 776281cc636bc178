//! The two steps of [`Mutant::CheckThenInsert`](crate::Mutant::CheckThenInsert).

use session_core::{model::IdDigest, store::LoadOutcome};

use crate::{
    copy::{Copy, Provenance},
    fill::{Admission, FillId},
    install::Departure,
    local_cache::LocalCache,
};

impl LocalCache {
    /// Whether the answer could be installed if nothing changed until then.
    pub(crate) fn would_install(&self, digest: &IdDigest, id: FillId, outcome: &LoadOutcome) -> bool {
        let guard = self.lock(digest);
        let fill = guard.state.fills.get(digest).filter(|fill| fill.id == id);
        fill.is_some_and(|fill| fill.floor.admission(outcome) == Admission::Admitted)
    }

    /// Installs an answer without another check.
    pub(crate) fn install_unchecked(&self, digest: &IdDigest, id: FillId, departure: Departure, outcome: &LoadOutcome) {
        self.abandon(digest, id);
        let mut guard = self.lock(digest);
        let epoch = guard.partition.epoch.number();
        let provenance = |store_now| Provenance { epoch, ..departure.provenance(store_now) };
        if let Some(copy) = Copy::from_answer(outcome, provenance) {
            guard.insert(*digest, copy);
        }
    }
}
