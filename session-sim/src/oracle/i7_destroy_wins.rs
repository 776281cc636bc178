//! I7: once a destroy was acknowledged, no node serves the session when the bound of I1 has passed; the node that
//! destroyed it, not at all (which I2 says).

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    let by_then = load.called.saturating_sub(oracle.max_staleness);
    truth::holds(oracle, history, load, oracle.ended.at(&load.digest, by_then))
}
