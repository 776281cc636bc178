//! I1: no local answer is a state that was replaced more than `max_staleness` ago, in true time.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    truth::holds(oracle, history, load, 0)
}
