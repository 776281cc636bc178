//! No chains: an id that another one has replaced gives no access. So at most one id is unconfirmed.

use super::{Load, Oracle};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let Some((id, _)) = oracle.access.known(&load.digest) else { return Ok(()) };
    match load.seen.stamp() {
        Some(_) if id.replaced.is_some_and(|replaced| replaced < oracle.since(load)) => {
            Err(format!("{id:?} gives access"))
        }
        _ => Ok(()),
    }
}
