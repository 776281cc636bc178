//! I7: after a destroy was acknowledged and the bound of I1 has passed, no node serves the session. The node that destroyed
//! it does not serve it from the acknowledgement on, which I2 checks.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    let by_then = load.called.saturating_sub(oracle.max_staleness);
    truth::holds(oracle, history, load, oracle.ended.at(&load.digest, by_then))
}
