//! One primary: its link, and the calls under way to it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

use super::{Cause, Failure, Stats, link::Link};

/// How things stand with a primary.
#[derive(Clone)]
pub(super) enum State {
    /// Not connected, and why not.
    Down(Cause),
    /// Connected. The link may have closed a moment ago.
    Up(Arc<Link>),
    /// It refuses us for good. It is tried again, slowly.
    Broken(Cause),
}

impl State {
    /// The link if it is open, the failure if there can be none, nothing if one may come.
    fn settled(&self) -> Option<Result<&Arc<Link>, Failure>> {
        match self {
            Self::Up(link) if !link.pulse.is_closed() => Some(Ok(link)),
            Self::Broken(cause) => Some(Err(Failure::Fatal(cause.clone()))),
            Self::Up(_) | Self::Down(_) => None,
        }
    }
}

/// One primary, wherever it is just now. Dropping it ends its supervisor and its connections.
pub(super) struct Node {
    pub(super) shared: Arc<Shared>,
    supervisor: AbortHandle,
}

/// What a node shares with its supervisor.
pub(super) struct Shared {
    pub(super) state: watch::Sender<State>,
    /// Rung when a call on the link went unanswered.
    pub(super) suspect: Notify,
    aboard: AtomicUsize,
    most: usize,
}

impl Shared {
    pub(super) fn new(most: usize) -> Arc<Self> {
        let state = watch::Sender::new(State::Down(Cause::new("the first connection is still being opened")));
        Arc::new(Self { state, suspect: Notify::new(), aboard: AtomicUsize::new(0), most })
    }
}

impl Node {
    pub(super) fn new(shared: Arc<Shared>, supervisor: AbortHandle) -> Self {
        Self { shared, supervisor }
    }

    /// Counts a call in.
    pub(super) fn board(&self, stats: &Stats) -> Result<Flight<'_>, Failure> {
        let flight = Flight { shared: &self.shared, landed: false };
        // Counted first and looked at then: of two calls for the last place, at most one gets it.
        if self.shared.aboard.fetch_add(1, Relaxed) < self.shared.most {
            return Ok(flight);
        }
        flight.landed();
        stats.overloaded.count();
        Err(Failure::Overloaded)
    }

    /// How many calls are under way.
    pub(super) fn aboard(&self) -> usize {
        self.shared.aboard.load(Relaxed)
    }

    /// The link, if there is one.
    pub(super) fn link(&self) -> Option<Result<Arc<Link>, Failure>> {
        self.shared.state.borrow().settled().map(|settled| settled.cloned())
    }

    /// Waits for a link.
    pub(super) async fn wait(&self) -> Result<Arc<Link>, Failure> {
        let mut state = self.shared.state.subscribe();
        loop {
            if let Some(settled) = state.borrow_and_update().settled() {
                return settled.cloned();
            }
            if state.changed().await.is_err() {
                return Err(Failure::Unsent(Cause::new("the store is being dropped")));
            }
        }
    }

    /// Why there is no link.
    pub(super) fn trouble(&self) -> Cause {
        match &*self.shared.state.borrow() {
            State::Down(cause) | State::Broken(cause) => cause.clone(),
            State::Up(_) => Cause::new("the connection was lost"),
        }
    }

    /// Has the link looked at now.
    pub(super) fn suspect(&self) {
        self.shared.suspect.notify_one();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.supervisor.abort();
        // The supervisor's end is not awaited; what it held must not outlive this.
        self.shared.state.send_replace(State::Down(Cause::new("the store was dropped")));
    }
}

/// A call under way. However it ends, it is counted out; if it ends without an answer, the link is looked at.
pub(super) struct Flight<'a> {
    shared: &'a Shared,
    landed: bool,
}

impl Flight<'_> {
    /// The call was answered.
    pub(super) fn landed(mut self) {
        self.landed = true;
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.shared.aboard.fetch_sub(1, Relaxed);
        if !self.landed {
            self.shared.suspect.notify_one();
        }
    }
}
