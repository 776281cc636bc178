//! One file per operation: the arguments of its script, and the outcome of the reply.

mod apply;
mod create;
mod delta;
mod destroy;
mod load;
mod rotate;
mod touch;

use session_core::Applied;

use crate::{
    operation::Answer,
    protocol::{Absent, SessionStatus},
};

macro_rules! absent {
    ($($outcome:ident)*) => {$(
        impl From<Absent> for session_core::$outcome {
            fn from(absent: Absent) -> Self {
                match absent {
                    Absent::NotFound(ended) => Self::NotFound(ended),
                    Absent::Superseded => Self::Superseded,
                }
            }
        }
    )*};
}

absent! { LoadOutcome ApplyOutcome TouchOutcome RotateOutcome DestroyOutcome AcquireOutcome TenureOutcome }

/// The answer to an update that was applied now.
fn applied(status: SessionStatus, answer: &Answer) -> Applied {
    Applied::new(status.stamp, status.deadlines, status.now).with_replicas(answer.replicas)
}
