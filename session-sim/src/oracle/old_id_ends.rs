//! After a renewal is confirmed and the grace is over, the old id gives no access. A copy from before the renewal may be
//! served within the bound of I1; and a caller may join a load that was sent before the end of the grace.

use super::{Load, Oracle};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let Some((id, _)) = oracle.access.known(&load.digest) else { return Ok(()) };
    let (Some((outlived, left)), Some(_)) = (id.outlived, load.seen.stamp()) else { return Ok(()) };
    let since = oracle.since(load);
    let ended = if load.local { outlived < load.called && left < since } else { outlived < since };
    if ended { Err(format!("{id:?} gives access")) } else { Ok(()) }
}
