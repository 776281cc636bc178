//! I10: no copy is served past `max_age` without the store having vouched for it.

use super::{Load, Oracle, truth::ago};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let asked = oracle.asked.last(load.node, &load.digest, load.seen.stamp());
    // A node's clock may be half a percent slow.
    let allowed = oracle.max_age + oracle.max_age / 100;
    if !load.local || asked.is_some_and(|asked| load.called - asked <= allowed) {
        return Ok(());
    }
    Err(format!("the store was asked {}", ago(load.called, asked)))
}
