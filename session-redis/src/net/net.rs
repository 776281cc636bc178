//! The door to the servers.

use std::sync::Arc;

use redis::{
    Cmd, Pipeline, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use session_core::Error;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use super::{
    Address, Dialer, Failure, Hooks, Primary, Setup, Slot, Stats,
    cluster::Cluster,
    request::{Batch, Durable, Single},
    routes::Routes,
    sentinel::Sentinels,
    source::Source,
    supervisor::Crew,
};
use crate::config::{RedisConfig, Topology};

/// Whether a request that may have been executed may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// Executing it twice does no harm: reads, and writes that know themselves again.
    Harmless,
    /// The caller must learn that the outcome is unknown.
    Never,
}

/// The servers. Clones share everything; with the last one all connections and tasks end.
#[derive(Clone)]
pub(crate) struct Net(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) crew: Arc<Crew>,
    pub(super) routes: Routes,
}

impl Net {
    /// Connects, and returns once the primary (on a cluster: each that can be reached) has taken us.
    ///
    /// # Errors
    /// `Configuration` at once if a setting is wrong or a server refuses us for good; `Unavailable` if no server could
    /// be reached within a call deadline.
    pub(crate) async fn connect(config: Arc<RedisConfig>, hooks: Arc<dyn Hooks>) -> Result<Self, Error> {
        let setup = Setup::new(&config)?;
        let deadline = setup.call_deadline;
        let routes = Self::open(setup, hooks);
        let inner = Inner { crew: routes.0, routes: routes.1 };
        inner.routes.ready(deadline).await.map_err(|failure| failure.into_error("connect", false))?;
        Ok(Self(Arc::new(inner)))
    }

    fn open(setup: Setup, hooks: Arc<dyn Hooks>) -> (Arc<Crew>, Routes) {
        let mode = if setup.topology == Topology::Cluster { "cluster" } else { "standalone" };
        let crew = Arc::new(Crew {
            dialer: Dialer::new(setup.servers, setup.connect_deadline, setup.max_in_flight, mode),
            hooks,
            stats: Arc::new(Stats::default()),
            lost: Arc::new(Notify::new()),
            call_deadline: setup.call_deadline,
            health_interval: setup.health_interval,
            max_in_flight: setup.max_in_flight,
            durable_connections: setup.durable_connections,
        });
        let routes = match (setup.topology, setup.sentinels) {
            (Topology::Cluster, _) => Routes::Cluster(Cluster::new(crew.clone(), setup.seeds)),
            (_, Some((login, master))) => {
                let dialer = Dialer::new(login, setup.connect_deadline, 1, "sentinel");
                let sentinels = Sentinels::new(setup.seeds, dialer, master, setup.connect_deadline);
                Routes::One(Arc::new(crew.node(Source::Sentinels(Box::new(sentinels)))))
            }
            (_, None) => Routes::One(Arc::new(crew.node(Source::Fixed(setup.seeds)))),
        };
        (crew, routes)
    }

    /// One deadline for an operation of several round trips, from now on: that of the first goes for all of them. Not an
    /// `async fn`, which would hold the operation twice.
    pub(crate) fn within_one_deadline<F: Future>(&self, operation: F) -> impl Future<Output = F::Output> + use<F> {
        UNTIL.scope(Instant::now() + self.0.crew.call_deadline, operation)
    }

    /// Sends one command and gives its reply.
    ///
    /// # Errors
    /// Any [`Failure`]; a server's refusal is [`Failure::Refused`].
    ///
    /// # Cancel safety
    /// A dropped call may have been sent. It leaves neither the connection nor the count of calls behind.
    pub(crate) async fn command(&self, slot: Slot, command: &Cmd, resend: Resend) -> Result<Value, Failure> {
        self.0.call(slot, Single::new(command), resend).await
    }

    /// Sends several commands of one slot in a row and gives their replies, in order. A refusal of one of them is
    /// [`Value::ServerError`] in its place. No transactions.
    ///
    /// # Errors
    /// Any [`Failure`] but a refusal, and a refusal that outlasts the deadline (`LOADING`, `CLUSTERDOWN`, ...).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub(crate) async fn pipeline(
        &self,
        slot: Slot,
        pipeline: &Pipeline,
        resend: Resend,
    ) -> Result<Vec<Value>, Failure> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        self.0.call(slot, Batch::new(pipeline, resend == Resend::Harmless), resend).await
    }

    /// Sends one command and waits until that many replicas have it; gives its reply and how many have it, which may
    /// be fewer.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub(crate) async fn durable(
        &self,
        slot: Slot,
        command: &Cmd,
        replicas: u32,
        resend: Resend,
    ) -> Result<(Value, u32), Failure> {
        let deadline = self.0.crew.until();
        // Boxed, as all that is rare: the future of the usual call has no room for it then.
        Box::pin(self.0.call(slot, Durable::new(command, replicas, deadline), resend)).await
    }

    /// All primaries and their slots, as known now.
    ///
    /// # Errors
    /// [`Failure::Unsent`] or [`Failure::Fatal`] if none is known before the deadline.
    pub(crate) async fn primaries(&self) -> Result<Vec<Primary>, Failure> {
        self.0.routes.primaries(self.0.crew.call_deadline).await
    }

    /// A connection of the caller's own to a primary; it ends when it is dropped, and nobody replaces it. Pushes go
    /// to `push`, which is told of the disconnection and dropped at the end.
    ///
    /// # Errors
    /// [`Failure::Unsent`] or [`Failure::Fatal`]; a replica is not taken.
    pub(crate) async fn dial(
        &self,
        address: &Address,
        push: Option<impl AsyncPushSender>,
    ) -> Result<MultiplexedConnection, Failure> {
        self.0.crew.dialer.dial_primary(address, push).await
    }

    /// Something looked stale: has the primaries looked at, and on a cluster the slots, soon.
    pub(crate) fn refresh(&self) {
        self.0.routes.refresh();
    }

    /// How many calls are under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.0.routes.in_flight()
    }

    /// What happened so far.
    pub(crate) fn stats(&self) -> &Stats {
        &self.0.crew.stats
    }
}

tokio::task_local! {
    /// The deadline of the operation that the running task is in.
    static UNTIL: Instant;
}

impl Crew {
    /// When a call that begins now must end.
    pub(super) fn until(&self) -> Instant {
        UNTIL.try_with(|until| *until).unwrap_or_else(|_| Instant::now() + self.call_deadline)
    }
}

/// Waits for something up to a deadline; what is reported then is up to the caller.
pub(super) async fn within<T>(
    deadline: std::time::Duration,
    wait: impl Future<Output = Result<T, Failure>>,
    late: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    timeout(deadline, wait).await.unwrap_or_else(|_| Err(late()))
}
