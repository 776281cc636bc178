//! No node serves a state that the store never had for longer than `max_staleness` after it has received a forged message,
//! and never to a caller that asks for the present state.

use std::collections::BTreeMap;

use session_core::model::IdDigest;

use super::{Load, Oracle, truth::ago};
use crate::sim::{History, Millis, Seen, Window};

/// The last forged message about each id that each node has taken from its feed.
#[derive(Debug, Default)]
pub(crate) struct Forgeries(BTreeMap<(usize, IdDigest), Millis>);

impl Forgeries {
    pub(crate) fn took(&mut self, node: usize, digest: IdDigest, now: Millis) {
        self.0.insert((node, digest), now);
    }

    /// Whether an answer is a state that the store never had, in a run with forged messages.
    pub(crate) fn is_forged(&self, history: &History, digest: &IdDigest, seen: &Seen, now: Millis) -> bool {
        let ever = Window { from: 0, to: now, least: 0 };
        !self.0.is_empty() && matches!(seen, Seen::Record(_)) && history.explain(digest, seen, ever).is_none()
    }
}

pub(super) fn check(oracle: &Oracle, load: &Load) -> Result<(), String> {
    let taken = oracle.forgeries.0.get(&(load.node, load.digest)).copied();
    if load.local && !load.latest && taken.is_some_and(|taken| load.called <= taken + oracle.max_staleness) {
        return Ok(());
    }
    Err(format!("the last forged message was taken {}", ago(load.called, taken)))
}
