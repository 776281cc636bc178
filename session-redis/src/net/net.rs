//! Sends requests to the servers.

use std::sync::Arc;

use redis::{
    Cmd, Pipeline, Value,
    aio::{AsyncPushSender, MultiplexedConnection},
};
use tokio::{sync::Notify, time::timeout_at};

use super::{
    Address, CheckedConfig, ConnectionHooks, Deadline, Dialer, Failure, HashSlot, NetStats, Primary,
    call::Call,
    cluster::Cluster,
    node::Node,
    node_context::NodeContext,
    primary_locator::PrimaryLocator,
    request::{Batch, Durable, Guarded, Request, Single},
    routes::Routes,
    runtime::check_timers,
    sentinels::Sentinels,
};
use crate::config::Topology;

/// Whether a request that may have been executed may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// Executing it twice does no harm: reads, and idempotent writes.
    Harmless,
    /// The caller must learn that the outcome is unknown.
    Never,
}

/// The servers. Clones share all connections and tasks, which end with the last clone.
#[derive(Clone)]
pub(crate) struct Net {
    pub(super) context: Arc<NodeContext>,
    pub(super) routes: Arc<Routes>,
}

impl Net {
    /// Connects, and returns once it is [`ready`](Self::ready).
    #[cfg(test)]
    pub(crate) async fn connect(
        config: &crate::RedisConfig,
        hooks: Arc<dyn ConnectionHooks>,
    ) -> Result<Self, session_core::Error> {
        let net = Self::new(CheckedConfig::new(config)?, hooks);
        net.ready().await.map_err(Failure::into_read_error)?;
        Ok(net)
    }

    /// Opens no connection yet: [`start`](Self::start) does, and so does the first request.
    pub(crate) fn new(config: CheckedConfig, hooks: Arc<dyn ConnectionHooks>) -> Self {
        let mode = if config.topology == Topology::Cluster { "cluster" } else { "standalone" };
        let context = Arc::new(NodeContext {
            dialer: Dialer::new(config.servers, config.connect_deadline, config.max_in_flight, mode),
            hooks,
            stats: NetStats::default(),
            connection_lost: Notify::new(),
            call_deadline: config.call_deadline,
            start_deadline: config.start_deadline,
            health_interval: config.health_interval,
            max_in_flight: config.max_in_flight,
            durable_connections: config.durable_connections,
        });
        let single = |locator| Routes::Single(Arc::new(Node::new(&context, locator)));
        let routes = match (config.topology, config.sentinels) {
            (Topology::Cluster, _) => Routes::Cluster(Cluster::new(context.clone(), config.seeds)),
            (_, Some((login, master))) => {
                let dialer = Dialer::new(login, config.connect_deadline, 1, "sentinel");
                let sentinels = Sentinels::new(config.seeds, dialer, master, config.connect_deadline);
                single(PrimaryLocator::Sentinels(Box::new(sentinels)))
            }
            (_, None) => single(PrimaryLocator::Fixed(config.seeds)),
        };
        Self { context, routes: Arc::new(routes) }
    }

    /// Begins to connect, in the runtime of the caller.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if the caller has no runtime that can connect.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        self.routes.start()
    }

    /// Returns once the primary (on a cluster: each primary that can be reached) has accepted the client. Waits for at
    /// most the start deadline, on a runtime that can connect.
    ///
    /// # Errors
    /// [`Failure::Fatal`] at once if a server refuses the client permanently; [`Failure::Unsent`] at the deadline.
    pub(crate) async fn ready(&self) -> Result<(), Failure> {
        self.routes.ready(self.context.start_deadline).await
    }

    /// Does what a regained primary calls for.
    pub(crate) fn primary_regained(&self) {
        self.context.hooks.primary_regained();
    }

    /// The deadline of a call that begins now.
    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::after(self.context.call_deadline)
    }

    /// Sends one command and returns its reply.
    ///
    /// # Errors
    /// Any [`Failure`]; a server's refusal is [`Failure::Refused`].
    ///
    /// # Cancel safety
    /// If the future is dropped, the command may have been sent. Its reply reaches no other call, and the call is no
    /// longer counted.
    pub(crate) async fn command(
        &self,
        deadline: Deadline,
        slot: HashSlot,
        command: &Cmd,
        resend: Resend,
    ) -> Result<Value, Failure> {
        self.send(deadline, slot, Single::new(command), resend).await
    }

    /// Sends several commands of one slot in a row and returns their replies, in order. A refusal of one of them is
    /// [`Value::ServerError`] in its place. Transactions are not supported.
    ///
    /// # Errors
    /// Any [`Failure`] but a refusal, and a refusal that persists until the deadline (`LOADING`, `CLUSTERDOWN`, ...).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub(crate) async fn pipeline(
        &self,
        deadline: Deadline,
        slot: HashSlot,
        pipeline: &Pipeline,
        resend: Resend,
    ) -> Result<Vec<Value>, Failure> {
        if pipeline.is_empty() {
            return Ok(Vec::new());
        }
        self.send(deadline, slot, Batch::new(pipeline, resend == Resend::Harmless), resend).await
    }

    /// Sends reads of one slot in a row, with their guard as the last command, and returns their replies, in order. The
    /// guard's reply is a refusal if its server is not to be believed.
    ///
    /// # Errors
    /// As [`pipeline`](Self::pipeline).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub(crate) async fn guarded(
        &self,
        deadline: Deadline,
        slot: HashSlot,
        reads: &Pipeline,
    ) -> Result<Vec<Value>, Failure> {
        self.send(deadline, slot, Guarded::new(reads), Resend::Harmless).await
    }

    /// Sends one command and waits until `replicas` replicas have acknowledged it. Returns its reply and the number of
    /// replicas that have acknowledged it, which may be lower.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Cancel safety
    /// As [`command`](Self::command).
    pub(crate) async fn durable(
        &self,
        deadline: Deadline,
        slot: HashSlot,
        (command, replicas): (&Cmd, u32),
        resend: Resend,
    ) -> Result<(Value, u32), Failure> {
        // Boxed like everything rare, so that the future of the usual call needs no room for it.
        Box::pin(self.send(deadline, slot, Durable::new(command, replicas, deadline), resend)).await
    }

    async fn send<R: Request>(
        &self,
        deadline: Deadline,
        slot: HashSlot,
        mut request: R,
        resend: Resend,
    ) -> Result<R::Reply, Failure> {
        let mut call = Call::new(&self.context, &self.routes, slot, resend);
        check_timers(deadline.instant())?;
        match timeout_at(deadline.instant(), call.run(&mut request)).await {
            Ok(Ok(())) => request.reply().map_err(|failure| call.failed(failure)),
            Ok(Err(failure)) => Err(call.failed(failure)),
            Err(_) => {
                self.context.stats.timeouts.count();
                Err(call.expired())
            }
        }
    }

    /// All primaries and their slots, as known now.
    ///
    /// # Errors
    /// [`Failure::Unsent`] or [`Failure::Fatal`] if none is known within a call deadline.
    pub(crate) async fn primaries(&self) -> Result<Vec<Primary>, Failure> {
        self.routes.primaries(self.context.call_deadline).await
    }

    /// A connection of the caller's own to a primary. It ends when it is dropped, and is not replaced. Pushes go to
    /// `push_receiver`, which also gets the disconnection, and is dropped at the end.
    ///
    /// # Errors
    /// [`Failure::Unsent`] or [`Failure::Fatal`]; a replica is not accepted.
    pub(crate) async fn dial(
        &self,
        address: &Address,
        push_receiver: Option<impl AsyncPushSender>,
    ) -> Result<MultiplexedConnection, Failure> {
        self.context.dialer.dial_primary(address, push_receiver).await
    }

    /// The routes may be out of date: has the primaries checked soon, and on a cluster the slots.
    pub(crate) fn refresh(&self) {
        self.routes.refresh();
    }

    /// The number of calls in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.routes.in_flight()
    }

    pub(crate) fn stats(&self) -> &NetStats {
        &self.context.stats
    }
}
