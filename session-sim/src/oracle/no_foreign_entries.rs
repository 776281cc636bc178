//! No session has entries that were written while another principal was signed in.

use super::{Load, Oracle};
use crate::sim::{History, Seen};

pub(super) fn check(oracle: &Oracle, _: &History, load: &Load) -> Result<(), String> {
    let Seen::Record(record) = &load.seen else { return Ok(()) };
    for (key, _) in record.state().keyed("log") {
        let owner = key.as_str().parse().ok().and_then(|op| oracle.access.sign_ins.owner(op));
        if owner.is_some() && owner != record.principal() {
            return Err(format!("update {} is somebody else's", key.as_str()));
        }
    }
    Ok(())
}
