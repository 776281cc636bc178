//! I5: once a node has taken a change from its feed, no copy of the node is older: neither by a fill that was in flight,
//! nor by a patch of the wrong state.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    if !load.local {
        return Ok(());
    }
    truth::holds(oracle, history, load, oracle.taken.at(&(load.node, load.digest), load.called))
}
