//! The nodes of a cluster and the slots that they own.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::{BoxFuture, join_all},
    stream::FuturesUnordered,
};
use parking_lot::Mutex;
use redis::{Value, aio::MultiplexedConnection};
use tokio::{
    sync::watch,
    task::AbortHandle,
    time::{sleep, timeout},
};

use super::{
    Address, Cause, Failure, HashSlot, Primary,
    close_signal::CloseOnDrop,
    connection::Connection,
    deadline::within,
    dialer::failure_of,
    node::Node,
    node_context::NodeContext,
    primary_locator::PrimaryLocator,
    runtime::check_runtime,
    slot_map::{SlotMap, SlotRange, read_slots},
};
use crate::backoff::Backoff;

/// The pause between two requests for the slots: redirections come in bursts.
const REFRESH_PAUSE: Duration = Duration::from_millis(50);
/// Health intervals between two requests for the slots when nothing happens.
const IDLE_INTERVALS: u32 = 10;
/// The number of nodes asked at once: one of them may be dead without having been found so.
const ASKED_AT_ONCE: usize = 3;

/// The nodes of a cluster. Dropping it ends all of them.
pub(super) struct Cluster {
    state: Arc<ClusterState>,
    watcher: Mutex<Option<AbortHandle>>,
}

struct ClusterState {
    context: Arc<NodeContext>,
    seeds: Vec<Address>,
    map: watch::Sender<Arc<SlotMap>>,
    nodes: Mutex<HashMap<Address, KnownNode>>,
    /// Why the slots are not known.
    failure: Mutex<Failure>,
    /// Whether a task asks for the slots. It ends with the runtime that it was spawned in.
    is_watched: AtomicBool,
}

/// Records that the watcher has ended, however it ends.
struct StopOnDrop(Arc<ClusterState>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.is_watched.store(false, Relaxed);
        // A call that waits for the slots starts another watcher.
        self.0.map.send_modify(|_| ());
    }
}

struct KnownNode {
    node: Arc<Node>,
    /// Whether a redirection named it since the slots were last requested: a node that takes over its first slot owns
    /// none yet.
    redirected_to: bool,
}

impl Cluster {
    pub(super) fn new(context: Arc<NodeContext>, seeds: Vec<Address>) -> Self {
        let state = Arc::new(ClusterState {
            context,
            seeds,
            map: watch::Sender::new(Arc::new(SlotMap::default())),
            nodes: Mutex::new(HashMap::new()),
            failure: Mutex::new(Failure::Unsent(Cause::new("the slots of the cluster are still being asked for"))),
            is_watched: AtomicBool::new(false),
        });
        Self { state, watcher: Mutex::new(None) }
    }

    /// Starts to ask for the slots in the runtime of the caller, unless a task does so already.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if the caller has no runtime that can connect.
    pub(super) fn start(&self) -> Result<(), Failure> {
        if self.state.is_watched.load(Relaxed) {
            return Ok(());
        }
        let mut watcher = self.watcher.lock();
        if self.state.is_watched.load(Relaxed) {
            return Ok(());
        }
        check_runtime()?;
        self.state.is_watched.store(true, Relaxed);
        let (state, stop) = (self.state.clone(), StopOnDrop(self.state.clone()));
        let spawned = tokio::spawn(async move {
            let _stop = stop;
            state.watch().await;
        });
        // The task has no end of its own.
        let is_rejected = spawned.is_finished();
        *watcher = Some(spawned.abort_handle());
        if is_rejected { Err(Failure::fatal("the Tokio runtime of this call is shutting down")) } else { Ok(()) }
    }

    pub(super) fn owner(&self, slot: HashSlot) -> Option<Arc<Node>> {
        self.state.map.borrow().owner(slot).cloned()
    }

    /// Waits for the primary of a slot. Returns at once if the nodes refuse the client permanently.
    pub(super) async fn wait_for_owner(
        &self,
        slot: HashSlot,
        mut report: impl FnMut(Cause) + Send,
    ) -> Result<Arc<Node>, Failure> {
        let mut map = self.state.map.subscribe();
        loop {
            self.start()?;
            let latest = map.borrow_and_update().clone();
            if let Some(node) = latest.owner(slot) {
                return Ok(node.clone());
            }
            report(match self.state.failure.lock().clone() {
                _ if !latest.is_empty() => Cause::new("no node of the cluster serves this slot"),
                failure @ Failure::Fatal(_) => return Err(failure),
                failure => Cause::new(failure.message()),
            });
            self.refresh();
            // The watcher touches the map after every attempt, even a failed one.
            let _ = map.changed().await;
        }
    }

    pub(super) async fn reassigned(&self, slot: HashSlot, from: Option<&Arc<Node>>) {
        let is_other = |map: &Arc<SlotMap>| match (map.owner(slot), from) {
            (Some(now), Some(from)) => !Arc::ptr_eq(now, from),
            (now, from) => now.is_some() != from.is_some(),
        };
        // The sender lives as long as this, so the wait cannot fail.
        let _ = self.state.map.subscribe().wait_for(is_other).await;
    }

    pub(super) fn moved(&self, slot: HashSlot, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        let address = readable(place, asked)?;
        let node = self.state.node(&address, true);
        self.state.map.send_if_modified(|map| {
            if map.owner(slot).is_some_and(|owner| Arc::ptr_eq(owner, &node)) {
                return false;
            }
            Arc::make_mut(map).record_move(slot, address, node.clone());
            true
        });
        self.refresh();
        Ok(node)
    }

    pub(super) fn at(&self, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        Ok(self.state.node(&readable(place, asked)?, true))
    }

    pub(super) fn refresh(&self) {
        // Without a runtime the next call reports that.
        let _ = self.start();
        self.state.context.connection_lost.notify_one();
    }

    pub(super) fn in_flight(&self) -> usize {
        self.state.nodes.lock().values().map(|known| known.node.in_flight()).sum()
    }

    /// Returns once the slots are known and each primary that can be reached has accepted the client.
    pub(super) async fn ready(&self, limit: Duration) -> Result<(), Failure> {
        let map = self.known(limit).await?;
        let waits = map.nodes().map(|node| within(limit, node.connected(), || Failure::Unsent(node.down_cause())));
        let mut reached = false;
        let mut failure = Failure::Unsent(Cause::new("no primary of the cluster can be reached"));
        for outcome in join_all(waits).await {
            match outcome {
                Ok(_) => reached = true,
                Err(other) => failure = failure.or_worse(other),
            }
        }
        // A failover replaces a primary that is down; only an operator mends one that refuses the client.
        if reached && !matches!(failure, Failure::Fatal(_)) { Ok(()) } else { Err(failure) }
    }

    pub(super) async fn primaries(&self, limit: Duration) -> Result<Vec<Primary>, Failure> {
        Ok(self.known(limit).await?.primaries())
    }

    /// The slots, once they are known.
    async fn known(&self, limit: Duration) -> Result<Arc<SlotMap>, Failure> {
        let mut map = self.state.map.subscribe();
        let known = async {
            loop {
                let latest = map.borrow_and_update().clone();
                if !latest.is_empty() {
                    return Ok(latest);
                }
                self.start()?;
                if let failure @ Failure::Fatal(_) = self.state.failure.lock().clone() {
                    return Err(failure);
                }
                // The watcher touches the map after every attempt, even a failed one.
                let _ = map.changed().await;
            }
        };
        within(limit, known, || self.state.failure.lock().clone()).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.get_mut() {
            watcher.abort();
        }
        // A node in the map would keep itself alive through the map.
        self.state.map.send_replace(Arc::new(SlotMap::default()));
        self.state.nodes.lock().clear();
    }
}

impl ClusterState {
    /// The node of an address. It is created if it is not known.
    fn node(&self, address: &Address, redirected_to: bool) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        let known = nodes.entry(address.clone()).or_insert_with(|| {
            let node = Node::new(&self.context, PrimaryLocator::Fixed(vec![address.clone()]));
            // Without a runtime it is started by the first call that needs it.
            let _ = node.start();
            KnownNode { node: Arc::new(node), redirected_to }
        });
        known.redirected_to |= redirected_to;
        known.node.clone()
    }

    /// Requests the slots after each event, and periodically.
    async fn watch(self: Arc<Self>) {
        let mut backoff = Backoff::between_connects();
        loop {
            match self.request_slots().await {
                Ok(ranges) => {
                    self.install(ranges);
                    backoff.reset();
                    sleep(REFRESH_PAUSE).await;
                    let idle = self.context.health_interval * IDLE_INTERVALS;
                    let _ = timeout(idle, self.context.connection_lost.notified()).await;
                }
                Err(failure) => {
                    if matches!(failure, Failure::Fatal(_)) {
                        backoff.slow_down();
                    }
                    *self.failure.lock() = failure;
                    self.map.send_modify(|_| ());
                    backoff.pause().await;
                }
            }
        }
    }

    /// Installs a new map: opens connections to new nodes, and closes those to nodes that left.
    fn install(&self, ranges: Vec<SlotRange>) {
        if !self.map.borrow().matches(&ranges) {
            let had_one = !self.map.borrow().is_empty();
            let map = ranges.iter().map(|range| (range.clone(), self.node(&range.address, false))).collect();
            self.map.send_replace(Arc::new(SlotMap::new(map)));
            if had_one {
                self.context.hooks.primary_regained();
            }
        }
        let mut gone = Vec::new();
        self.nodes.lock().retain(|address, known| {
            let stays =
                std::mem::take(&mut known.redirected_to) || ranges.iter().any(|range| range.address == *address);
            if !stays {
                gone.push(known.node.clone());
            }
            stays
        });
        // Dropped here, outside the lock.
        drop(gone);
    }

    /// The slots as seen by the first node that answers: one of a few connected nodes, or else any known node.
    async fn request_slots(&self) -> Result<Vec<SlotRange>, Failure> {
        let mut connections: Vec<Arc<Connection>> =
            self.nodes.lock().values().filter_map(|known| known.node.connection()?.ok()).collect();
        // Shuffled, since the first one could be isolated from the others.
        fastrand::shuffle(&mut connections);
        connections.truncate(ASKED_AT_ONCE);
        let deadline = self.context.call_deadline;
        let connected = connections.iter().map(|connection| -> BoxFuture<'_, _> {
            Box::pin(async move { ask(connection.multiplexed.clone(), &connection.address, deadline).await })
        });
        if let Ok(ranges) = first(connected).await {
            return Ok(ranges);
        }
        let mut addresses: Vec<Address> = self.nodes.lock().keys().cloned().collect();
        addresses.extend(self.seeds.iter().filter(|seed| !self.nodes.lock().contains_key(seed)).cloned());
        let dialed = addresses.iter().map(|address| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let (connection, _) = self.context.dialer.dial(address, None::<CloseOnDrop>).await?;
                ask(connection, address, deadline).await
            })
        });
        first(dialed).await
    }
}

/// Asks one node, which may be a replica.
async fn ask(
    mut connection: MultiplexedConnection,
    address: &Address,
    limit: Duration,
) -> Result<Vec<SlotRange>, Failure> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let reply = timeout(limit, connection.send_packed_command(&question)).await;
    let reply = reply
        .map_err(|_| Failure::Unsent(Cause::new(format!("{address} did not report the slots"))))?
        .and_then(Value::extract_error)
        .map_err(|error| failure_of(address, error))?;
    read_slots(&reply, address)
        .ok_or_else(|| Failure::Unsent(Cause::new(format!("{address} knows no primary of any slot"))))
}

/// The first that succeeds.
async fn first<'a, T>(attempts: impl Iterator<Item = BoxFuture<'a, Result<T, Failure>>>) -> Result<T, Failure> {
    let mut attempts: FuturesUnordered<_> = attempts.collect();
    let mut failure = Failure::Unsent(Cause::new("no node of the cluster can be reached"));
    while let Some(outcome) = attempts.next().await {
        match outcome {
            Ok(found) => return Ok(found),
            Err(other) => failure = failure.or_worse(other),
        }
    }
    Err(failure)
}

fn readable(place: &str, asked: &Address) -> Result<Address, Failure> {
    Address::redirected(place, asked).ok_or_else(|| Failure::Unsent(Cause::new("a redirection cannot be read")))
}
