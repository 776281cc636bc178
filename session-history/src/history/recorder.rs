//! Writes a history.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;

use super::{Event, Fault, Invocation, Micros, Outcome, Setup};

/// Writes the lines of one history. The time of a line is taken under the lock, so lines are in the order of their times.
#[derive(Debug)]
pub struct Recorder {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: BufWriter<File>,
    calls: u64,
    /// The first failure to write; [`Recorder::finish`] returns it.
    failure: Option<io::Error>,
}

impl Recorder {
    /// Begins a history in a new file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path, setup: &Setup) -> io::Result<Self> {
        let mut inner = Inner { file: BufWriter::new(File::create(path)?), calls: 0, failure: None };
        inner.write(setup);
        Ok(Self { start: Instant::now(), inner: Mutex::new(inner) })
    }

    /// The present time of the history.
    pub fn now(&self) -> Micros {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    /// Records a request, before it is sent, and returns the number of the call.
    pub fn invoke(&self, request: Invocation) -> u64 {
        let mut inner = self.inner.lock();
        inner.calls += 1;
        let call = inner.calls;
        inner.write(&Event::Invoked { at: self.now(), call, request });
        call
    }

    /// Records an answer, after it was received.
    pub fn complete(&self, call: u64, outcome: Outcome) {
        self.record(|at| Event::Completed { at, call, outcome });
    }

    /// Records the beginning of a fault and returns its time.
    pub fn fault_began(&self, what: &str) -> Micros {
        self.record(|at| Event::FaultBegan { at, what: what.to_owned() })
    }

    /// Records that a fault has ended.
    pub fn fault_ended(&self, fault: Fault) {
        self.record(|at| Event::FaultEnded { at, fault });
    }

    /// Records an event with the present time, which it returns.
    pub fn record(&self, event: impl FnOnce(Micros) -> Event) -> Micros {
        let mut inner = self.inner.lock();
        let at = self.now();
        inner.write(&event(at));
        at
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// The first failure to write.
    pub fn finish(&self) -> io::Result<()> {
        let mut inner = self.inner.lock();
        match inner.failure.take() {
            Some(error) => Err(error),
            None => inner.file.flush(),
        }
    }
}

impl Inner {
    fn write(&mut self, line: &impl Serialize) {
        let written = serde_json::to_writer(&mut self.file, line)
            .map_err(io::Error::from)
            .and_then(|()| self.file.write_all(b"\n"));
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }
}
