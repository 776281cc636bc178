//! Histories that tests write by hand: one session, times in milliseconds.

use std::{collections::BTreeSet, ops::Range};

use super::check;
use crate::history::{
    Call, Counters, Fault, History, Invocation, Level, Op, Outcome, Process, RotationKind, SeenStamp, Setup, State,
};

/// A history in the making. It begins with the create of the session on node 0.
pub(super) struct Story(History);

pub(super) fn stamp(version: u64) -> SeenStamp {
    SeenStamp { incarnation: 7, version }
}

/// An acknowledgement.
pub(super) fn done(version: u64) -> Outcome {
    Outcome::Done { stamp: Some(stamp(version)), value: None, repeated: false }
}

/// An acknowledged increment.
pub(super) fn counted(version: u64, value: u64) -> Outcome {
    Outcome::Done { stamp: Some(stamp(version)), value: Some(value), repeated: false }
}

pub(super) fn found(version: u64, elements: &[u64]) -> Outcome {
    let state = State { stamp: stamp(version), elements: elements.to_vec(), register: None, counter: 0 };
    Outcome::Found { state }
}

pub(super) fn absent() -> Outcome {
    Outcome::Absent { superseded: false, ended: true }
}

pub(super) fn unknown() -> Outcome {
    Outcome::Unknown { kind: "OutcomeUnknown".into() }
}

pub(super) fn refused() -> Outcome {
    Outcome::Refused { kind: "Unavailable".into() }
}

pub(super) const ADD: Op = Op::Add { element: 1 };
pub(super) const LOCAL: Op = Op::Load { level: Level::Local, floor: None, settled: false };
pub(super) const STORE: Op = Op::Load { level: Level::Store, floor: None, settled: false };
pub(super) const SETTLED: Op = Op::Load { level: Level::Store, floor: None, settled: true };

pub(super) fn rotate(to: u32, kind: RotationKind) -> Op {
    Op::Rotate { to, kind, grace: 15_000_000 }
}

impl Story {
    pub(super) fn new() -> Self {
        let setup = Setup {
            topology: "single".into(),
            seed: 0,
            mutant: None,
            max_staleness: 500_000,
            call_deadline: 1_000_000,
            slack: 20_000,
            caching_nodes: vec![0, 1],
            replication_lag: 0,
        };
        Self(History::new(setup)).then(0, 0, 0..1, Op::Create, done(1))
    }

    /// A call of a node at one of the session's ids, answered at the end of the time.
    pub(super) fn then(mut self, node: u32, id: u32, time: Range<u64>, op: Op, outcome: Outcome) -> Self {
        let number = self.0.calls.len() as u64;
        let request = Invocation { process: Process { node, life: 0 }, session: 1, id, op };
        let (invoked, completed) = (time.start * 1_000, time.end * 1_000);
        self.0.calls.push(Call { number, request, invoked, completed, outcome: Some(outcome) });
        self
    }

    /// A fault that may lose acknowledged writes.
    pub(super) fn failover(mut self, time: Range<u64>) -> Self {
        let fault = Fault { what: "a failover".into(), since: time.start * 1_000, loses_writes: true };
        self.0.faults.push((fault, time.end * 1_000));
        self
    }

    /// A node lives to the end, with these counters.
    pub(super) fn counters(mut self, node: u32, history_lost: u64, destroys_undone: u64) -> Self {
        let counters = Counters { history_lost, destroys_undone, hits: 0 };
        self.0.counters.insert(Process { node, life: 0 }, counters);
        self
    }

    /// The rules that are broken.
    pub(super) fn rules(&self) -> BTreeSet<&'static str> {
        check(&self.0).by_rule().into_keys().collect()
    }

    /// No rule is broken.
    #[track_caller]
    pub(super) fn passes(&self) {
        assert_eq!(check(&self.0).violations, []);
    }

    /// This rule is broken, by the last call.
    #[track_caller]
    pub(super) fn breaks(&self, rule: &str) {
        let report = check(&self.0);
        let last = self.0.calls.len() as u64 - 1;
        let is_broken = report.violations.iter().any(|it| it.rule == rule && it.call == last);
        assert!(is_broken, "{:?}", report.violations);
    }
}
