//! One primary: its connection, and the calls in flight to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use parking_lot::Mutex;
use redis::ServerError;
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::{
    Address, Cause, Failure, NetStats, connection::Connection, node_context::NodeContext,
    primary_locator::PrimaryLocator, runtime::check_runtime, supervisor::Supervisor, suspicion::Suspicion,
};

/// Whether a primary is connected.
#[derive(Clone)]
pub(super) enum ConnectionState {
    /// No task connects it: none was started, or the runtime of the last one has ended.
    Stopped,
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
            Self::Up(_) | Self::Down(_) | Self::Stopped => None,
        }
    }
}

/// One primary, at its present address. Dropping it ends its supervisor's task and its connections.
pub(super) struct Node {
    state: Arc<NodeState>,
    supervisor: Arc<Supervisor>,
    task: Mutex<Option<AbortHandle>>,
}

/// What a node shares with its supervisor.
pub(super) struct NodeState {
    pub(super) connection: watch::Sender<ConnectionState>,
    /// Notified when the connection should be checked now: a call on it went unanswered.
    pub(super) check: Notify,
    pub(super) suspicion: Suspicion,
    in_flight: AtomicUsize,
    max_in_flight: usize,
}

impl NodeState {
    fn new(max_in_flight: usize) -> Arc<Self> {
        let connection = watch::Sender::new(ConnectionState::Stopped);
        let (check, suspicion) = (Notify::new(), Suspicion::default());
        Arc::new(Self { connection, check, suspicion, in_flight: AtomicUsize::new(0), max_in_flight })
    }
}

impl Node {
    /// A primary that nothing connects to before it is [started](Self::start), or needed.
    pub(super) fn new(context: &Arc<NodeContext>, locator: PrimaryLocator) -> Self {
        let state = NodeState::new(context.max_in_flight);
        let supervisor = Arc::new(Supervisor::new(context.clone(), state.clone(), locator));
        Self { state, supervisor, task: Mutex::new(None) }
    }

    /// Starts to connect in the runtime of the caller, unless a task does so already.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if the caller has no runtime that can connect.
    pub(super) fn start(&self) -> Result<(), Failure> {
        let mut task = self.task.lock();
        if !matches!(*self.state.connection.borrow(), ConnectionState::Stopped) {
            return Ok(());
        }
        check_runtime()?;
        let opening = Cause::new(format!("{}: the connection is still being opened", self.supervisor.destination()));
        self.state.connection.send_replace(ConnectionState::Down(opening));
        let spawned = self.supervisor.clone().spawn();
        // The task has no end of its own.
        let is_rejected = spawned.is_finished();
        *task = Some(spawned);
        if is_rejected { Err(Failure::fatal("the Tokio runtime of this call is shutting down")) } else { Ok(()) }
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

    /// Waits for a connection, and starts to connect if no task does so.
    pub(super) async fn connected(&self) -> Result<Arc<Connection>, Failure> {
        let mut state = self.state.connection.subscribe();
        loop {
            let is_stopped = {
                let state = state.borrow_and_update();
                if let Some(settled) = state.settled() {
                    return settled.cloned();
                }
                matches!(*state, ConnectionState::Stopped)
            };
            if is_stopped {
                self.start()?;
                continue;
            }
            if state.changed().await.is_err() {
                return Err(Failure::Unsent(Cause::new("the store is being dropped")));
            }
        }
    }

    /// The address that it is connected to.
    pub(super) fn address(&self) -> Option<Address> {
        match &*self.state.connection.borrow() {
            ConnectionState::Up(connection) => Some(connection.address.clone()),
            _ => None,
        }
    }

    /// Why there is no connection.
    pub(super) fn down_cause(&self) -> Cause {
        match &*self.state.connection.borrow() {
            ConnectionState::Down(cause) | ConnectionState::Broken(cause) => cause.clone(),
            ConnectionState::Up(_) => Cause::new("the connection was lost"),
            ConnectionState::Stopped => Cause::new("the Tokio runtime that had opened the connection has ended"),
        }
    }

    /// Records a refusal of a write. A server that begins to refuse for want of replicas is checked until it is believed
    /// again.
    pub(super) fn refused(&self, by: &Address, error: &ServerError) {
        if self.state.suspicion.raise(by, error) {
            self.request_check();
        }
    }

    /// Records that a server has accepted a write. Returns the refusal for which it is not believed yet.
    pub(super) fn accepted(&self, by: &Address) -> Option<ServerError> {
        self.state.suspicion.accepted(by)
    }

    /// Has the supervisor check the connection now.
    pub(super) fn request_check(&self) {
        self.state.check.notify_one();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut() {
            task.abort();
        }
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
