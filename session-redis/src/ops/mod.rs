//! One file per operation: the arguments of its script, and the outcome of the reply.

mod apply;
mod create;
mod delta;
mod destroy;
mod load;
mod rotate;
mod sign_in;
mod touch;

use session_core::store::Applied;

use crate::{operation::Answer, protocol::SessionStatus};

/// The answer to an update that was applied now.
fn applied(status: SessionStatus, answer: &Answer) -> Applied {
    Applied { replicas: answer.replicas, ..Applied::new(status.stamp, status.deadlines, status.now) }
}
