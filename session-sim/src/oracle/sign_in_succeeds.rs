//! A sign-in always succeeds, whatever the state of its old id. The second of two sign-ins from one cookie has the entries of
//! the first.

use session_core::store::{RotateOutcome, Rotation};

use super::{Load, Oracle};
use crate::sim::{History, Seen};

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let Some(copied) = oracle.access.sign_ins.copied(&load.digest) else { return Ok(()) };
    let Seen::Record(record) = &load.seen else { return Ok(()) };
    if oracle.access.known(&load.digest).is_none() {
        return Ok(());
    }
    let missing = |op: &&u64| record.state().get_keyed("log", &op.to_string()).is_none();
    match copied.iter().filter(missing).find(|op| !oracle.updates.has_lost(**op)) {
        Some(op) => Err(format!("the first session's update {op:016x} is not in the second")),
        None => Ok(()),
    }
}

impl Oracle {
    /// A rotation was refused. A sign-in may be refused only if it is repeated after its session has ended.
    pub(crate) fn refused_sign_in(&mut self, rotation: &Rotation, refusal: &RotateOutcome, sent_once: bool) {
        if rotation.sign_in.is_some() && (sent_once || matches!(refusal, RotateOutcome::AlreadyRotated)) {
            self.violate("sign_in_succeeds", format!("a sign-in was answered {refusal:?}"));
        }
    }
}
