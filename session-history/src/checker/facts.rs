//! The facts that all rules use: the sessions, and the faults that may have lost writes.

use std::collections::BTreeMap;

use crate::{
    checker::{Session, session::is_settled},
    history::{Call, Counters, History, Level, Micros, Op, Process, Setup},
};

/// The facts of one history.
#[derive(Debug)]
pub struct Facts<'a> {
    history: &'a History,
    /// The times in which acknowledged writes may have been lost.
    losses: Vec<(Micros, Micros)>,
    sessions: BTreeMap<u32, Session<'a>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let lag = history.setup.replication_lag;
        let losing = history.faults.iter().filter(|(fault, _)| fault.loses_writes);
        let losses = losing.map(|(fault, until)| (fault.since.saturating_sub(lag), *until)).collect();
        let mut calls: BTreeMap<u32, Vec<&Call>> = BTreeMap::new();
        for call in &history.calls {
            calls.entry(call.request.session).or_default().push(call);
        }
        let sessions = calls.into_iter().map(|(number, calls)| (number, Session::new(number, calls))).collect();
        Self { history, losses, sessions }
    }

    pub(super) fn sessions(&self) -> impl Iterator<Item = &Session<'a>> {
        self.sessions.values()
    }

    pub(super) fn setup(&self) -> &Setup {
        &self.history.setup
    }

    /// The counters of a process that lived until the end of the run.
    pub(super) fn counters(&self, process: Process) -> Option<&Counters> {
        self.history.counters.get(&process)
    }

    /// Whether the write was on its way while the store could lose acknowledged writes.
    pub(super) fn is_at_risk(&self, write: &Call) -> bool {
        self.losses.iter().any(|(from, until)| write.invoked <= *until && write.completed >= *from)
    }

    /// Whether the store may have lost a write. An element that is there after the run was not lost, nor was a create or a
    /// rotation that has led to where the session then is.
    pub(super) fn may_be_lost(&self, session: &Session<'_>, write: &Call) -> bool {
        let is_kept = match write.request.op {
            Op::Add { element } => session.is_kept(element),
            _ => session.has_kept(write),
        };
        !is_kept && self.is_at_risk(write)
    }

    /// The acknowledged additions that are missing after the run and may have been lost.
    pub(super) fn losses_of(&self, session: &Session<'_>) -> usize {
        let Some((read, state)) = session.found().find(|(read, _)| is_settled(read)) else { return 0 };
        let is_add = |update: &&Call| matches!(update.request.op, Op::Add { .. }) && update.is_done();
        let is_lost = |update: &&Call| session.misses(update, read, state) && self.may_be_lost(session, update);
        session.updates().filter(is_add).filter(is_lost).count()
    }

    /// Whether the store may have lost any update of the session, so that its versions may have been used twice.
    pub(super) fn may_have_lost_any(&self, session: &Session<'_>) -> bool {
        session.updates().any(|update| update.may_have_happened() && self.may_be_lost(session, update))
    }

    /// Whether a write that was acknowledged binds a read: at level Store and on the process that wrote, when it was
    /// acknowledged before the read began; elsewhere, when the staleness bound was over by then.
    pub(super) fn binds(&self, write: &Call, read: &Call) -> bool {
        let is_local = matches!(read.request.op, Op::Load { level: Level::Local, .. });
        let is_other = write.request.process != read.request.process;
        let wait = if is_local && is_other { self.patience() } else { 0 };
        write.completed.saturating_add(wait) < read.invoked
    }

    /// The staleness bound, with the slack.
    pub(super) fn patience(&self) -> Micros {
        self.setup().max_staleness + self.setup().slack
    }
}
