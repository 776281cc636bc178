//! I3: the reads of a node bind its later reads, under the same id and under any other id of the session.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    let by_id = oracle.read.at(&(load.node, load.digest), load.began);
    truth::holds(oracle, history, load, by_id)?;
    let Some(stamp) = load.seen.stamp() else { return Ok(()) };
    let by_session = oracle.read_session.at(&(load.node, Oracle::session(stamp.incarnation())), load.began);
    truth::holds(oracle, history, load, by_session)
}
