//! A lost response signs nobody out: an id that a client has received gives access until the session expires or ends, or
//! until an id that replaces it is used.

use super::{Load, Oracle};
use crate::sim::{History, Seen};

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    match load.seen {
        Seen::Absent | Seen::Superseded if is_promised(oracle, load) => {
            Err(format!("{:?} gives no access", oracle.access.known(&load.digest)))
        }
        _ => Ok(()),
    }
}

/// Whether the answer must be a session.
fn is_promised(oracle: &Oracle, load: &Load) -> bool {
    let granted = oracle.access.known(&load.digest).and_then(|(id, _)| id.granted);
    let since = oracle.since(load);
    granted.is_some_and(|granted| granted <= since)
        && oracle.access.gives_access(&load.digest, load.answered, oracle.idle)
}

impl Oracle {
    /// The event to count for a load that had to find its session.
    pub(crate) fn promised(&self, load: &Load) -> Option<&'static str> {
        let event =
            if self.access.was_renewed(&load.digest) { "promises through old ids" } else { "promises of access" };
        is_promised(self, load).then_some(event)
    }
}
