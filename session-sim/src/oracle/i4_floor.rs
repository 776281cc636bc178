//! I4: a load with a floor is answered with that state or a later one, on any node.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    let Some((floor, version)) = load.floor else { return Ok(()) };
    let admitted =
        load.seen.stamp().is_some_and(|stamp| stamp.incarnation() == floor.incarnation && floor.admits(stamp));
    // An answer below the floor is right only if the store has lost that state, or the session has ended since.
    if admitted { Ok(()) } else { truth::holds(oracle, history, load, version) }
}
