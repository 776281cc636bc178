//! The loads that a mutant remembers.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use session_core::{SessionId, store::Found};
use tokio::time::Instant;

/// The newest states of each session, by id, with the time at which each was loaded.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<SessionId, Vec<(Instant, Found)>>>);

impl Memory {
    /// Remembers a state, unless it is the newest already.
    pub(super) fn keep(&self, id: &SessionId, found: &Found) {
        let mut all = self.0.lock();
        let states = all.entry(*id).or_default();
        if states.last().is_none_or(|(_, newest)| newest.record.stamp() != found.record.stamp()) {
            states.push((Instant::now(), found.clone()));
            states.drain(..states.len().saturating_sub(3));
        }
    }

    /// A state that was loaded within this time: the oldest.
    pub(super) fn oldest(&self, id: &SessionId, within: Duration) -> Option<Found> {
        let all = self.0.lock();
        let states = all.get(id)?;
        states.iter().find(|(at, _)| at.elapsed() <= within).map(|(_, found)| found.clone())
    }

    pub(super) fn last(&self, id: &SessionId) -> Option<Found> {
        self.0.lock().get(id)?.last().map(|(_, found)| found.clone())
    }

    pub(super) fn forget(&self, id: &SessionId) {
        self.0.lock().remove(id);
    }
}
