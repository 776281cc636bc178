//! I6: after a gap, no earlier copy is served until it has been revalidated with the store.

use super::{Load, Oracle, truth::ago};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let partition = load.digest.partition();
    let gap = oracle.gaps.get(&(load.node, partition)).max(oracle.gap_of_all.get(&load.node)).copied();
    let Some(gap) = gap.filter(|gap| load.local && *gap < load.called) else { return Ok(()) };
    let asked = oracle.asked.last(load.node, &load.digest, load.seen.stamp());
    if asked.is_some_and(|asked| asked >= gap) {
        return Ok(());
    }
    Err(format!("a gap {}, the store asked {}", ago(load.called, Some(gap)), ago(load.called, asked)))
}
