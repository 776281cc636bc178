//! One primary: its connection, and the calls in flight to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::{Cause, Failure, NetStats, connection::Connection};

/// Whether a primary is connected.
#[derive(Clone)]
pub(super) enum ConnectionState {
    /// Not connected, and why not.
    Down(Cause),
    /// Connected. The connection may have closed a moment ago.
    Up(Arc<Connection>),
    /// The primary refuses the client permanently. It is tried again, with long pauses.
    Broken(Cause),
}

impl ConnectionState {
    /// The connection if it is open, the failure if none is possible, `None` if one may still come.
    fn settled(&self) -> Option<Result<&Arc<Connection>, Failure>> {
        match self {
            Self::Up(connection) if !connection.close_signal.is_closed() => Some(Ok(connection)),
            Self::Broken(cause) => Some(Err(Failure::Fatal(cause.clone()))),
            Self::Up(_) | Self::Down(_) => None,
        }
    }
}

/// One primary, at its present address. Dropping it ends its supervisor and its connections.
pub(super) struct Node {
    state: Arc<NodeState>,
    supervisor: AbortHandle,
}

/// What a node shares with its supervisor.
pub(super) struct NodeState {
    pub(super) connection: watch::Sender<ConnectionState>,
    /// Notified when the connection should be checked now: a call on it went unanswered.
    pub(super) check: Notify,
    in_flight: AtomicUsize,
    max_in_flight: usize,
}

impl NodeState {
    pub(super) fn new(max_in_flight: usize) -> Arc<Self> {
        let down = ConnectionState::Down(Cause::new("the first connection is still being opened"));
        let connection = watch::Sender::new(down);
        Arc::new(Self { connection, check: Notify::new(), in_flight: AtomicUsize::new(0), max_in_flight })
    }
}

impl Node {
    pub(super) fn new(state: Arc<NodeState>, supervisor: AbortHandle) -> Self {
        Self { state, supervisor }
    }

    /// Admits a call, unless too many are in flight.
    pub(super) fn admit(&self, stats: &NetStats) -> Result<InFlight<'_>, Failure> {
        let call = InFlight { state: &self.state, answered: false };
        // Counted before it is compared: of two calls for the last place, at most one gets it.
        if self.state.in_flight.fetch_add(1, Relaxed) < self.state.max_in_flight {
            return Ok(call);
        }
        call.answered();
        stats.overloaded.count();
        Err(Failure::Overloaded)
    }

    /// The number of calls in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.state.in_flight.load(Relaxed)
    }

    /// The connection, if there is one.
    pub(super) fn connection(&self) -> Option<Result<Arc<Connection>, Failure>> {
        self.state.connection.borrow().settled().map(|settled| settled.cloned())
    }

    /// Waits for a connection.
    pub(super) async fn connected(&self) -> Result<Arc<Connection>, Failure> {
        let mut state = self.state.connection.subscribe();
        loop {
            if let Some(settled) = state.borrow_and_update().settled() {
                return settled.cloned();
            }
            if state.changed().await.is_err() {
                return Err(Failure::Unsent(Cause::new("the store is being dropped")));
            }
        }
    }

    /// Why there is no connection.
    pub(super) fn down_cause(&self) -> Cause {
        match &*self.state.connection.borrow() {
            ConnectionState::Down(cause) | ConnectionState::Broken(cause) => cause.clone(),
            ConnectionState::Up(_) => Cause::new("the connection was lost"),
        }
    }

    /// Has the supervisor check the connection now.
    pub(super) fn request_check(&self) {
        self.state.check.notify_one();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.supervisor.abort();
        // The end of the supervisor is not awaited, but its connection must not outlive the node.
        self.state.connection.send_replace(ConnectionState::Down(Cause::new("the store was dropped")));
    }
}

/// A call in flight. It is counted until this is dropped. If it ends without an answer, the connection is checked.
pub(super) struct InFlight<'a> {
    state: &'a NodeState,
    answered: bool,
}

impl InFlight<'_> {
    /// The call was answered.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Relaxed);
        if !self.answered {
            self.state.check.notify_one();
        }
    }
}
