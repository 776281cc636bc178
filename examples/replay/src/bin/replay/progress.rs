//! A line on standard error that shows how far the run is.

use std::{
    io::{IsTerminal as _, Write as _, stderr},
    sync::atomic::{AtomicU64, Ordering},
};

const WIDTH: u64 = 40;

/// Counts steps; shows them only if standard error is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    done: AtomicU64,
    steps: u64,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new(steps: u64) -> Self {
        Self { done: AtomicU64::new(0), steps, is_shown: stderr().is_terminal() }
    }

    #[cfg(test)]
    pub(crate) fn hidden() -> Self {
        Self { done: AtomicU64::new(0), steps: 0, is_shown: false }
    }

    /// Adds steps that are done.
    pub(crate) fn add(&self, steps: u64) {
        let before = self.done.fetch_add(steps, Ordering::Relaxed);
        let (old, new) = (self.percent(before), self.percent(before + steps));
        if self.is_shown && new > old {
            write(&format!("\r{}", line(new)));
        }
    }

    /// Removes the line.
    pub(crate) fn clear(&self) {
        if self.is_shown {
            write("\r\x1b[K");
        }
    }

    fn percent(&self, done: u64) -> u64 {
        (done * 100).checked_div(self.steps).unwrap_or(100).min(100)
    }
}

fn line(percent: u64) -> String {
    let full = (percent * WIDTH / 100) as usize;
    format!("[{}{}] {percent:>3} %", "#".repeat(full), " ".repeat(WIDTH as usize - full))
}

/// A terminal that has gone away is no reason to stop.
fn write(text: &str) {
    let mut stderr = stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_keeps_its_width() {
        assert_eq!(line(0).len(), line(100).len());
        assert_eq!(line(50), format!("[{}{}]  50 %", "#".repeat(20), " ".repeat(20)));
    }

    #[test]
    fn more_steps_than_announced_are_a_hundred_percent() {
        let progress = Progress { done: AtomicU64::new(0), steps: 3, is_shown: false };
        assert_eq!([0, 1, 3, 4].map(|done| progress.percent(done)), [0, 33, 100, 100]);
        assert_eq!(Progress::hidden().percent(0), 100);
    }
}
