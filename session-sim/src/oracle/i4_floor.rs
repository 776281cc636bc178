//! I4: a load with a floor is answered by nothing older, on whatever node.

use super::{Load, Oracle, truth};
use crate::sim::History;

pub(super) fn check(oracle: &Oracle, history: &History, load: &Load) -> Result<(), String> {
    let Some((floor, version)) = load.floor else { return Ok(()) };
    let admitted =
        load.seen.stamp().is_some_and(|stamp| stamp.incarnation() == floor.incarnation() && floor.admits(stamp));
    // What is below the floor is right only if the store lost what the floor has seen, or the session has ended since.
    if admitted { Ok(()) } else { truth::holds(oracle, history, load, version) }
}
