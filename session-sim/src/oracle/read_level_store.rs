//! `ReadLevel::Store`: the answer was true during the call, at a primary that could still write.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    if load.latest { truth::holds(oracle, history, load, 0) } else { Ok(()) }
}
