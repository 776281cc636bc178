//! The trace of a run.

use super::Millis;

/// The lines of a run. They are recorded only on demand: a seed that fails is run again with its trace.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    wanted: bool,
    lines: Vec<String>,
}

impl Trace {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted, lines: Vec::new() }
    }

    pub(crate) fn line(&mut self, now: Millis, text: impl FnOnce() -> String) {
        if self.wanted {
            self.lines.push(format!("{now:>6} {}", text()));
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}
