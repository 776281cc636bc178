//! Nobody is signed out by a lost response: an id that a client was given goes on giving access until the session expires
//! or ends, or until somebody uses an id that replaces it.

use super::{Load, Oracle};
use crate::sim::{History, Seen};

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let Some((id, _)) = oracle.access.known(&load.digest) else { return Ok(()) };
    let since = oracle.since(load);
    if !matches!(load.seen, Seen::Absent | Seen::Superseded) || id.granted.is_none_or(|granted| granted > since) {
        return Ok(());
    }
    if oracle.access.gives_access(&load.digest, load.answered, oracle.idle) {
        return Err(format!("{id:?} gives no access"));
    }
    Ok(())
}
