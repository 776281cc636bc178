//! Reads a history.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
};

use super::{Counters, Event, Fault, Invocation, Micros, Outcome, Process, Setup};

/// A request with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The number of the call.
    pub number: u64,
    /// The request.
    pub request: Invocation,
    /// When it was sent.
    pub invoked: Micros,
    /// When it was answered; the end of time if it was not.
    pub completed: Micros,
    /// The answer; none if the process ended before it answered.
    pub outcome: Option<Outcome>,
}

impl Call {
    /// Whether the call was answered before the other one began.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        self.completed < other.invoked
    }

    /// Whether it is a write that was acknowledged.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.outcome.as_ref().is_some_and(Outcome::is_done)
    }

    /// Whether it is a write that may have been made.
    #[must_use]
    pub fn may_have_happened(&self) -> bool {
        !self.outcome.as_ref().is_some_and(Outcome::is_without_effect)
    }
}

/// A history with every answer at its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// How the run was set up.
    pub setup: Setup,
    /// All calls in the order of their invocations.
    pub calls: Vec<Call>,
    /// All faults, with the time at which each ended.
    pub faults: Vec<(Fault, Micros)>,
    /// The counters of the processes that lived until the end.
    pub counters: BTreeMap<Process, Counters>,
}

/// Reads a history from its lines. A last line that was cut off, as by a harness that was killed, is ignored.
///
/// # Errors
/// If it cannot be read, or another line is not one of a history.
pub fn read(lines: impl BufRead) -> io::Result<History> {
    let mut lines = lines.lines();
    let first = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    let mut history = History::new(serde_json::from_str(&first)?);
    let mut open = BTreeMap::new();
    let mut broken = None;
    for line in lines {
        if let Some(error) = broken {
            return Err(error);
        }
        match serde_json::from_str(&line?) {
            Ok(event) => history.take(event, &mut open),
            Err(error) => broken = Some(error.into()),
        }
    }
    Ok(history)
}

impl History {
    /// A history in which nothing has happened.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self { setup, calls: Vec::new(), faults: Vec::new(), counters: BTreeMap::new() }
    }

    fn take(&mut self, event: Event, open: &mut BTreeMap<u64, usize>) {
        match event {
            Event::Invoked { at, call, request } => {
                open.insert(call, self.calls.len());
                self.calls.push(Call { number: call, request, invoked: at, completed: Micros::MAX, outcome: None });
            }
            Event::Completed { at, call, outcome } => {
                if let Some(call) = open.remove(&call).and_then(|index| self.calls.get_mut(index)) {
                    (call.completed, call.outcome) = (at, Some(outcome));
                }
            }
            Event::FaultBegan { .. } => {}
            Event::FaultEnded { at, fault } => self.faults.push((fault, at)),
            Event::Counted { process, counters, .. } => {
                self.counters.insert(process, counters);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Op, Recorder};

    fn setup() -> Setup {
        Setup {
            topology: "single".into(),
            seed: 1,
            mutant: None,
            max_staleness: 2,
            call_deadline: 5,
            slack: 3,
            caching_nodes: vec![1],
            replication_lag: 4,
        }
    }

    fn request() -> Invocation {
        Invocation { process: Process { node: 1, life: 0 }, session: 7, id: 0, op: Op::Add { element: 9 } }
    }

    #[test]
    fn a_history_reads_back_as_it_was_recorded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let recorder = Recorder::create(file.path(), &setup()).unwrap();
        let (first, second) = (recorder.invoke(request()), recorder.invoke(request()));
        recorder.complete(second, Outcome::Conflict);
        recorder.fault_ended(Fault { what: "a kill".into(), since: 0, loses_writes: true });
        recorder.finish().unwrap();
        let text = std::fs::read(file.path()).unwrap();
        let history = read(text.as_slice()).unwrap();
        assert_eq!((first, second, history.calls.len(), history.faults.len()), (1, 2, 2, 1));
        assert_eq!((history.calls[0].outcome.clone(), history.calls[0].completed), (None, Micros::MAX));
        assert_eq!(history.calls[1].outcome, Some(Outcome::Conflict));
        assert!(history.calls[1].completed >= history.calls[0].invoked);
        let cut_off = &text[..text.len() - 5];
        assert_eq!(read(cut_off).unwrap().faults.len(), 0, "the last line may be incomplete");
    }

    #[test]
    fn a_line_in_the_middle_that_is_none_of_a_history_is_an_error() {
        let setup = serde_json::to_string(&setup()).unwrap();
        assert!(read(format!("{setup}\nnonsense\n{{}}\n").as_bytes()).is_err());
        assert!(read("".as_bytes()).is_err());
    }
}
