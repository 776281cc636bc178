//! Whether an answer of a load was true at a moment that it may stem from.

use super::{Load, Oracle};
use crate::sim::{History, Millis, Window};

/// Where the truth of an answer may lie.
fn window(oracle: &Oracle, load: &Load, least: u64) -> Window {
    let from = match load {
        // A caller that joins a request under way gets what that brings.
        Load { latest: false, called, .. } => called.saturating_sub(oracle.max_staleness),
        Load { called, .. } => *called,
    };
    Window { from, to: load.answered, leading: load.local, least }
}

/// The earliest version, `least` at the earliest, that explains the answer.
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

/// How long before `now` something was.
pub(crate) fn ago(now: Millis, then: Option<Millis>) -> String {
    then.map_or_else(|| "never".to_owned(), |then| format!("{} ms ago", now.saturating_sub(then)))
}
