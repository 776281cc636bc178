//! Whether the answer to a load was true at a moment from which it may come.

use super::{Load, Oracle};
use crate::sim::{History, Millis, Window};

/// The window in which an answer may have been true.
fn window(oracle: &Oracle, load: &Load, least: u64) -> Window {
    // A caller that joins a request in flight gets its answer.
    Window { from: oracle.since(load), to: load.answered, least }
}

/// The earliest version from `least` on that explains the answer.
pub(crate) fn explain(oracle: &Oracle, history: &History, load: &Load, least: u64) -> Option<u64> {
    history.explain(&load.digest, &load.seen, window(oracle, load, least))
}

/// The same as a check.
pub(crate) fn holds(oracle: &Oracle, history: &History, load: &Load, least: u64) -> Result<(), String> {
    match explain(oracle, history, load, least) {
        Some(_) => Ok(()),
        None => Err(format!("no state at or after version {least} explains it")),
    }
}

/// How long ago an event was.
pub(crate) fn ago(now: Millis, then: Option<Millis>) -> String {
    then.map_or_else(|| "never".to_owned(), |then| format!("{} ms ago", now.saturating_sub(then)))
}
