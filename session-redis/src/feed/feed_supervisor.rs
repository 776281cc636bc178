//! Keeps a subscription connected.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;
use session_core::{Error, ErrorKind, store::GapCause};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout, timeout_at};

use super::{
    FeedTransport,
    active_subscription::ActiveSubscription,
    feed_connection::{CHANNELS_AT_ONCE, FeedConnection, Unanswered},
    push_receiver::PushReceiver,
    request_failure::RequestFailure,
};
use crate::{
    backoff::Backoff,
    net::{Address, Primary},
};

/// Connects a subscription, checks its connections, and reconnects: without limit, with pauses. Dropping it ends the
/// subscription.
pub(crate) struct FeedSupervisor {
    subscription: Arc<ActiveSubscription>,
    transport: Arc<dyn FeedTransport>,
    backoff: Backoff,
}

impl FeedSupervisor {
    pub(crate) fn new(subscription: Arc<ActiveSubscription>, transport: Arc<dyn FeedTransport>) -> Self {
        let backoff = Backoff::new(subscription.options.first_pause, subscription.options.longest_pause);
        Self { subscription, transport, backoff }
    }

    /// Connects for the first time, and returns once all partitions are subscribed to.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let end = Instant::now() + self.subscription.options.start_deadline;
        let mut error = RequestFailure::Late.into();
        loop {
            let Ok(result) = timeout_at(end, self.repair()).await else { return Err(error) };
            if self.subscription.update(|state| state.begin()) {
                return Ok(());
            }
            error = result.err().unwrap_or_else(unfinished);
            let next = Instant::now() + self.backoff.next();
            if error.kind() == ErrorKind::Configuration || next >= end {
                return Err(error);
            }
            sleep_until(next).await;
        }
    }

    /// Keeps the subscription connected until it is dropped.
    pub(crate) async fn run(mut self) {
        let every = self.subscription.options.health_interval;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut earliest = Instant::now();
        loop {
            let subscription = self.subscription.clone();
            tokio::select! {
                _ = ticks.tick() => {
                    self.check(self.subscription.connections()).await;
                    self.mark_former_primaries_stale().await;
                    if !self.needs_repair() {
                        // All was well for an interval: the next trouble is a new one.
                        self.backoff.reset();
                    }
                }
                () = subscription.supervisor_woken() => {
                    if subscription.take_rewound() {
                        self.transport.rewound();
                    }
                    let connections = subscription.connections();
                    self.check(connections.into_iter().filter(|connection| connection.take_suspect()).collect()).await;
                }
                () = sleep_until(earliest), if self.needs_repair() => {}
            }
            if self.needs_repair() && Instant::now() >= earliest {
                // After a failure it is tried again. The subscriber has its gap already.
                let _ = self.repair().await;
                earliest = Instant::now() + self.backoff.next();
            }
        }
    }

    fn needs_repair(&self) -> bool {
        !self.subscription.read(|state| state.uncarried().is_empty())
            || self.subscription.connections().iter().any(|connection| connection.is_stale())
    }

    /// Asks each of these connections for a sign of life: the sequence of one of its partitions, in turn. So a dead
    /// connection, a demotion, missed changes and a restored server are detected even if no barriers are requested.
    async fn check(&self, connections: Vec<Arc<FeedConnection>>) {
        join_all(connections.into_iter().map(|connection| async move {
            let carried = self.subscription.read(|state| state.carried_by(connection.id()));
            let Some(partition) = connection.next_of(&carried) else {
                // It carries no partition any more: all of its slots have moved.
                return self.subscription.lose(connection.id(), GapCause::Disconnected);
            };
            self.check_partition(&connection, partition).await;
        }))
        .await;
    }

    async fn check_partition(&self, connection: &FeedConnection, partition: u16) {
        let subscription = &self.subscription;
        let Some(channel) = subscription.channels.get(partition) else { return };
        let Some((_, sent_after)) = subscription.read(|state| state.carrier(partition)) else { return };
        match connection.sequence(&channel.sequence_key).await {
            Ok(sequence) => {
                // An error means that the connection no longer carries the partition, which is known then.
                let _ = subscription
                    .update(|state| state.record_sequence(connection.id(), partition, sent_after, sequence));
            }
            // A late barrier has the connection checked; a late check ends the connection.
            Err(RequestFailure::Late) => subscription.lose(connection.id(), GapCause::Disconnected),
            Err(failure) => subscription.handle_failure(connection, partition, failure),
        }
    }

    /// A replaced server may go on answering as a primary while it is isolated from those that replaced it. The store
    /// has left it by then; a subscription that stayed would receive, and vouch for, only what happens there.
    async fn mark_former_primaries_stale(&self) {
        let Ok(primaries) = self.transport.primaries().await else { return };
        let is_former = |connection: &&Arc<FeedConnection>| {
            !primaries.iter().any(|primary| primary.address == *connection.address())
        };
        self.subscription.connections().iter().filter(is_former).for_each(|connection| connection.mark_stale());
    }

    /// Finds the primaries, and subscribes to every partition that no connection carries.
    async fn repair(&self) -> Result<(), Error> {
        self.transport.refresh();
        let primaries = self.transport.primaries().await?;
        self.leave_former_primaries(&primaries);
        let mut plan: HashMap<Address, Vec<u16>> = HashMap::new();
        let mut unserved = false;
        for partition in self.subscription.read(|state| state.uncarried()) {
            match self.primary_of(partition, &primaries) {
                Some(address) => plan.entry(address.clone()).or_default().push(partition),
                None => unserved = true,
            }
        }
        let attached = plan.into_iter().map(|(address, partitions)| self.attach(address, partitions));
        join_all(attached).await.into_iter().collect::<Result<(), Error>>()?;
        if unserved {
            return Err(Error::new(ErrorKind::Unavailable, "no primary serves the slots of some partitions"));
        }
        Ok(())
    }

    /// Moves partitions away from stale connections, if another server is their primary by now.
    fn leave_former_primaries(&self, primaries: &[Primary]) {
        let subscription = &self.subscription;
        for connection in subscription.connections().into_iter().filter(|connection| connection.is_stale()) {
            connection.clear_stale();
            let carried = subscription.read(|state| state.carried_by(connection.id()));
            let has_moved = |partition: &u16| {
                self.primary_of(*partition, primaries).is_some_and(|address| address != connection.address())
            };
            let moved: Vec<u16> = carried.iter().copied().filter(has_moved).collect();
            if moved.len() == carried.len() {
                subscription.lose(connection.id(), GapCause::Demoted);
            } else {
                moved.iter().for_each(|partition| {
                    subscription.unsubscribed(connection.id(), *partition, GapCause::SlotMoved);
                });
            }
        }
    }

    fn primary_of<'a>(&self, partition: u16, primaries: &'a [Primary]) -> Option<&'a Address> {
        let slot = self.subscription.channels.get(partition)?.slot;
        let serves = |primary: &&Primary| primary.slots.iter().any(|slots| slots.contains(&slot));
        primaries.iter().find(serves).map(|primary| &primary.address)
    }

    async fn attach(&self, address: Address, partitions: Vec<u16>) -> Result<(), Error> {
        let subscription = &self.subscription;
        let open = subscription.connections().into_iter().find(|connection| *connection.address() == address);
        let connection = match open {
            Some(connection) => connection,
            None => self.dial(&address).await?,
        };
        let id = connection.id();
        subscription.update(|state| state.begin_subscribing(id, &partitions));
        let (confirmed, failure) = connection.subscribe(&subscription.channels, &partitions).await;
        let failure = match failure {
            None => self.request_sequences(&connection, &confirmed).await,
            failure => failure,
        };
        let is_open = subscription.update(|state| state.carry(id, &confirmed));
        match failure {
            // Its server is no longer a primary; or its answers may be mismatched, or never come.
            Some(failure) if failure.ends_connection() => {
                let demoted = failure == RequestFailure::Demoted;
                subscription.lose(id, if demoted { GapCause::Demoted } else { GapCause::Disconnected });
                Err(failure.into())
            }
            Some(failure) => Err(failure.into()),
            None if is_open => Ok(()),
            None => Err(RequestFailure::Lost.into()),
        }
    }

    /// Connects to this server and adds the connection to the subscription.
    async fn dial(&self, address: &Address) -> Result<Arc<FeedConnection>, Error> {
        let subscription = &self.subscription;
        let id = subscription.update(|state| state.open(address.clone()));
        let unanswered = Unanswered::default();
        let receiver =
            PushReceiver { connection: id, unanswered: unanswered.clone(), subscription: Arc::downgrade(subscription) };
        let deadline = subscription.options.deadline;
        let dialed = timeout(deadline, self.transport.dial(address, Arc::new(receiver))).await;
        // If this fails, or the future is dropped, the receiver is dropped and reports the connection as lost.
        let connection = dialed.map_err(|_| Error::from(RequestFailure::Late))??;
        let connection = Arc::new(FeedConnection::new((id, address.clone()), connection, unanswered, deadline));
        if subscription.add(&connection) { Ok(connection) } else { Err(RequestFailure::Lost.into()) }
    }

    /// Requests the sequences of these partitions, all at once. A server that does not report them may still carry the
    /// partitions.
    async fn request_sequences(&self, connection: &FeedConnection, partitions: &[u16]) -> Option<RequestFailure> {
        for partitions in partitions.chunks(CHANNELS_AT_ONCE) {
            match connection.sequences(&self.subscription.channels, partitions).await {
                Ok(sequences) => self.subscription.update(|state| {
                    for (partition, sequence) in partitions.iter().zip(sequences) {
                        state.set_baseline(connection.id(), *partition, sequence);
                    }
                }),
                Err(failure) if failure.ends_connection() => return Some(failure),
                Err(_) => {}
            }
        }
        None
    }
}

impl Drop for FeedSupervisor {
    fn drop(&mut self) {
        self.subscription.close();
    }
}

fn unfinished() -> Error {
    Error::new(ErrorKind::Unavailable, "connections were lost while the feed subscribed")
}
