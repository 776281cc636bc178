//! The nodes of a cluster, and who owns which slot.

use std::{collections::HashMap, sync::Arc, time::Duration};

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
    Address, Cause, Failure, Primary, Slot,
    backoff::Backoff,
    dialer::failure_of,
    link::{Link, Watch},
    net::within,
    node::Node,
    slots::{Run, SlotMap, read_runs},
    source::{Source, worse},
    supervisor::Crew,
};

/// Between two looks at the slots: redirections come in crowds.
const PAUSE: Duration = Duration::from_millis(50);
/// Health intervals between two looks at the slots when nothing happens.
const IDLE_INTERVALS: u32 = 10;
/// How many nodes are asked at once: one may be about to be found dead.
const ASKED_AT_ONCE: usize = 3;

/// The nodes of a cluster. With it all of them end.
pub(super) struct Cluster {
    shared: Arc<Shared>,
    watcher: AbortHandle,
}

struct Shared {
    crew: Arc<Crew>,
    seeds: Vec<Address>,
    map: watch::Sender<Arc<SlotMap>>,
    nodes: Mutex<HashMap<Address, Known>>,
    /// Why the slots are not known, if they could not be asked for.
    trouble: Mutex<Failure>,
}

struct Known {
    node: Arc<Node>,
    /// Whether a redirection named it since the slots were last looked at: a node that takes its first slot over owns
    /// none yet.
    named: bool,
}

impl Cluster {
    pub(super) fn new(crew: Arc<Crew>, seeds: Vec<Address>) -> Self {
        let shared = Arc::new(Shared {
            crew,
            seeds,
            map: watch::Sender::new(Arc::new(SlotMap::default())),
            nodes: Mutex::new(HashMap::new()),
            trouble: Mutex::new(Failure::Unsent(Cause::new("the slots of the cluster are still being asked for"))),
        });
        let watcher = tokio::spawn(shared.clone().watch()).abort_handle();
        Self { shared, watcher }
    }

    pub(super) fn owner(&self, slot: Slot) -> Option<Arc<Node>> {
        self.shared.map.borrow().owner(slot).cloned()
    }

    pub(super) async fn reassigned(&self, slot: Slot, from: Option<&Arc<Node>>) {
        let is_other = |map: &Arc<SlotMap>| match (map.owner(slot), from) {
            (Some(now), Some(from)) => !Arc::ptr_eq(now, from),
            (now, from) => now.is_some() != from.is_some(),
        };
        // The sender lives as long as this, so the wait cannot fail.
        let _ = self.shared.map.subscribe().wait_for(is_other).await;
    }

    pub(super) fn moved(&self, slot: Slot, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        let address = readable(place, asked)?;
        let node = self.shared.node(&address, true);
        self.shared.map.send_if_modified(|map| {
            if map.owner(slot).is_some_and(|owner| Arc::ptr_eq(owner, &node)) {
                return false;
            }
            Arc::make_mut(map).note(slot, address, node.clone());
            true
        });
        self.refresh();
        Ok(node)
    }

    pub(super) fn at(&self, place: &str, asked: &Address) -> Result<Arc<Node>, Failure> {
        Ok(self.shared.node(&readable(place, asked)?, true))
    }

    pub(super) fn refresh(&self) {
        self.shared.crew.lost.notify_one();
    }

    pub(super) fn in_flight(&self) -> usize {
        self.shared.nodes.lock().values().map(|known| known.node.aboard()).sum()
    }

    /// Returns once the slots are known and their primaries have taken us, as far as they can be reached.
    pub(super) async fn ready(&self, deadline: Duration) -> Result<(), Failure> {
        let map = self.known(deadline).await?;
        let waits = map.nodes().map(|node| within(deadline, node.wait(), || Failure::Unsent(node.trouble())));
        let mut reached = false;
        let mut failure = Failure::Unsent(Cause::new("no primary of the cluster can be reached"));
        for outcome in join_all(waits).await {
            match outcome {
                Ok(_) => reached = true,
                Err(other) => failure = worse(failure, other),
            }
        }
        // A primary that is down is the failover's business; one that refuses us is the operator's.
        if reached && !matches!(failure, Failure::Fatal(_)) { Ok(()) } else { Err(failure) }
    }

    pub(super) async fn primaries(&self, deadline: Duration) -> Result<Vec<Primary>, Failure> {
        Ok(self.known(deadline).await?.primaries())
    }

    /// The slots, once they are known.
    async fn known(&self, deadline: Duration) -> Result<Arc<SlotMap>, Failure> {
        let mut map = self.shared.map.subscribe();
        let known = async {
            loop {
                let now = map.borrow_and_update().clone();
                if !now.is_empty() {
                    return Ok(now);
                }
                if let trouble @ Failure::Fatal(_) = self.shared.trouble.lock().clone() {
                    return Err(trouble);
                }
                // The watcher touches the map after every attempt, also after one in vain.
                let _ = map.changed().await;
            }
        };
        within(deadline, known, || self.shared.trouble.lock().clone()).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.watcher.abort();
        // Nodes in the map would keep themselves alive through it.
        self.shared.map.send_replace(Arc::new(SlotMap::default()));
        self.shared.nodes.lock().clear();
    }
}

impl Shared {
    /// The node of an address, known or new.
    fn node(&self, address: &Address, named: bool) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        let known = nodes.entry(address.clone()).or_insert_with(|| {
            let node = self.crew.node(Source::Fixed(vec![address.clone()]));
            Known { node: Arc::new(node), named }
        });
        known.named |= named;
        known.node.clone()
    }

    /// Looks at the slots whenever something happened, and now and then.
    async fn watch(self: Arc<Self>) {
        let mut backoff = Backoff::of_a_link();
        loop {
            match self.ask_around().await {
                Ok(runs) => {
                    self.install(runs);
                    backoff = Backoff::of_a_link();
                    sleep(PAUSE).await;
                    let idle = self.crew.health_interval * IDLE_INTERVALS;
                    let _ = timeout(idle, self.crew.lost.notified()).await;
                }
                Err(failure) => {
                    if matches!(failure, Failure::Fatal(_)) {
                        backoff.slow_down();
                    }
                    *self.trouble.lock() = failure;
                    self.map.send_modify(|_| ());
                    backoff.pause().await;
                }
            }
        }
    }

    /// Takes a new view over: opens what is new, closes what has left.
    fn install(&self, runs: Vec<Run>) {
        if !self.map.borrow().is(&runs) {
            let had_one = !self.map.borrow().is_empty();
            let map = runs.iter().map(|run| (run.clone(), self.node(&run.address, false))).collect();
            self.map.send_replace(Arc::new(SlotMap::new(map)));
            if had_one {
                self.crew.hooks.regained();
            }
        }
        let mut gone = Vec::new();
        self.nodes.lock().retain(|address, known| {
            let stays = std::mem::take(&mut known.named) || runs.iter().any(|run| run.address == *address);
            if !stays {
                gone.push(known.node.clone());
            }
            stays
        });
        // Ended here, outside of the lock.
        drop(gone);
    }

    /// The slots, as the first node that answers sees them: a few that we are connected to, or else any known one.
    async fn ask_around(&self) -> Result<Vec<Run>, Failure> {
        let mut links: Vec<Arc<Link>> =
            self.nodes.lock().values().filter_map(|known| known.node.link()?.ok()).collect();
        // Always the same one might be the one that is cut off from the others.
        fastrand::shuffle(&mut links);
        links.truncate(ASKED_AT_ONCE);
        let deadline = self.crew.call_deadline;
        let connected = links.iter().map(|link| -> BoxFuture<'_, _> {
            Box::pin(async move { ask(link.connection.clone(), &link.address, deadline).await })
        });
        if let Ok(runs) = first(connected).await {
            return Ok(runs);
        }
        let mut addresses: Vec<Address> = self.nodes.lock().keys().cloned().collect();
        addresses.extend(self.seeds.iter().filter(|seed| !self.nodes.lock().contains_key(seed)).cloned());
        let dialed = addresses.iter().map(|address| -> BoxFuture<'_, _> {
            Box::pin(async move {
                let (connection, _) = self.crew.dialer.dial(address, None::<Watch>).await?;
                ask(connection, address, deadline).await
            })
        });
        first(dialed).await
    }
}

/// Asks one node; a replica does as well.
async fn ask(
    mut connection: MultiplexedConnection,
    address: &Address,
    deadline: Duration,
) -> Result<Vec<Run>, Failure> {
    let mut question = redis::cmd("CLUSTER");
    question.arg("SLOTS");
    let reply = timeout(deadline, connection.send_packed_command(&question)).await;
    let reply = reply
        .map_err(|_| Failure::Unsent(Cause::new(format!("{address} did not tell the slots"))))?
        .and_then(Value::extract_error)
        .map_err(|error| failure_of(address, error))?;
    read_runs(&reply, address)
        .ok_or_else(|| Failure::Unsent(Cause::new(format!("{address} knows no primary of any slot"))))
}

/// The first that succeeds.
async fn first<'a, T>(attempts: impl Iterator<Item = BoxFuture<'a, Result<T, Failure>>>) -> Result<T, Failure> {
    let mut attempts: FuturesUnordered<_> = attempts.collect();
    let mut failure = Failure::Unsent(Cause::new("no node of the cluster can be reached"));
    while let Some(outcome) = attempts.next().await {
        match outcome {
            Ok(found) => return Ok(found),
            Err(other) => failure = worse(failure, other),
        }
    }
    Err(failure)
}

fn readable(place: &str, asked: &Address) -> Result<Address, Failure> {
    Address::redirected(place, asked).ok_or_else(|| Failure::Unsent(Cause::new("a redirection cannot be read")))
}
