//! What keeps a subscription alive.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::join_all;
use session_core::{Error, ErrorKind, store::GapCause};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout_at};

use super::{
    barriers::refused,
    link::{CHANNELS_AT_ONCE, Link},
    pauses::Pauses,
    refusal::Refusal,
    shared::Shared,
    source::Source,
};
use crate::net::{Address, Primary};

/// Connects, listens for signs of trouble, and connects again: without limit, with pauses. When it ends, for whatever
/// reason, so does the subscription.
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    source: Arc<dyn Source>,
    pauses: Pauses,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>, source: Arc<dyn Source>) -> Self {
        let pauses = Pauses::new(shared.options.first_pause, shared.options.longest_pause);
        Self { shared, source, pauses }
    }

    /// Connects for the first time, and returns once all partitions are subscribed to.
    pub(crate) async fn start(&mut self) -> Result<(), Error> {
        let end = Instant::now() + self.shared.options.start_deadline;
        let mut error = Refusal::Late.into();
        loop {
            let Ok(result) = timeout_at(end, self.repair()).await else { return Err(error) };
            if self.shared.change(|board| board.begin()) {
                return Ok(());
            }
            error = result.err().unwrap_or_else(unfinished);
            let next = Instant::now() + self.pauses.next();
            if error.kind() == ErrorKind::Configuration || next >= end {
                return Err(error);
            }
            sleep_until(next).await;
        }
    }

    /// Keeps the subscription until it is dropped.
    pub(crate) async fn keep(mut self) {
        let every = self.shared.options.health_interval;
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut earliest = Instant::now();
        loop {
            let shared = self.shared.clone();
            tokio::select! {
                _ = ticks.tick() => {
                    self.check(self.shared.links()).await;
                    self.doubt_former_primaries().await;
                    if !self.in_trouble() {
                        // It has held for a while: the next trouble is another one.
                        self.pauses.reset();
                    }
                }
                () = shared.alarmed() => {
                    let suspects = shared.links().into_iter().filter(|link| link.take_suspicion()).collect();
                    self.check(suspects).await;
                }
                () = sleep_until(earliest), if self.in_trouble() => {}
            }
            if self.in_trouble() && Instant::now() >= earliest {
                // What failed is tried again; the subscriber knows of the gap.
                let _ = self.repair().await;
                earliest = Instant::now() + self.pauses.next();
            }
        }
    }

    fn in_trouble(&self) -> bool {
        !self.shared.look(|board| board.adrift().is_empty())
            || self.shared.links().iter().any(|link| link.is_doubtful())
    }

    /// Asks each of these connections for a sign of life: the sequence of one of its partitions, in turn. So a dead
    /// link, a demotion, a hole and a restored server show even if nobody asks for barriers.
    async fn check(&self, links: Vec<Arc<Link>>) {
        join_all(links.into_iter().map(|link| async move {
            let carried = self.shared.look(|board| board.carried_by(link.id()));
            let Some(partition) = link.next_of(&carried) else {
                // It carries nothing any more: all of its slots have moved.
                return self.shared.lose(link.id(), GapCause::Disconnected);
            };
            self.check_partition(&link, partition).await;
        }))
        .await;
    }

    async fn check_partition(&self, link: &Link, partition: u16) {
        let Some(channel) = self.shared.channels.get(partition) else { return };
        let Some((_, sent)) = self.shared.look(|board| board.carrier(partition)) else { return };
        match link.sequence(&channel.sequence_key).await {
            Ok(sequence) => {
                // If it does not carry the partition any more, then that is known.
                let _ = self.shared.change(|board| board.answer(link.id(), partition, sent, sequence));
            }
            // Had it been a caller's barrier, this check would be what decides.
            Err(Refusal::Late) => self.shared.lose(link.id(), GapCause::Disconnected),
            Err(refusal) => refused(&self.shared, link, partition, refusal),
        }
    }

    /// A server that was replaced may go on answering as a primary, when it is cut off from those who replaced it. The
    /// store has left it then; who stayed would hear, and answer for, what happens there only.
    async fn doubt_former_primaries(&self) {
        let Ok(primaries) = self.source.primaries().await else { return };
        let is_former = |link: &Arc<Link>| !primaries.iter().any(|primary| primary.address == *link.address());
        self.shared.links().iter().filter(|link| is_former(link)).for_each(|link| link.doubt());
    }

    /// Finds the primaries, and subscribes to every partition that nobody carries.
    async fn repair(&self) -> Result<(), Error> {
        self.source.refresh();
        let primaries = self.source.primaries().await?;
        self.leave_former_primaries(&primaries);
        let mut plan: HashMap<Address, Vec<u16>> = HashMap::new();
        let mut homeless = false;
        for partition in self.shared.look(|board| board.adrift()) {
            match self.primary_of(partition, &primaries) {
                Some(address) => plan.entry(address.clone()).or_default().push(partition),
                None => homeless = true,
            }
        }
        let attached = plan.into_iter().map(|(address, partitions)| self.attach(address, partitions));
        join_all(attached).await.into_iter().collect::<Result<(), Error>>()?;
        if homeless {
            return Err(Error::new(ErrorKind::Unavailable, "no primary serves the slots of some partitions"));
        }
        Ok(())
    }

    /// Where a server said that it cannot serve, another one may be the primary by now.
    fn leave_former_primaries(&self, primaries: &[Primary]) {
        for link in self.shared.links().into_iter().filter(|link| link.is_doubtful()) {
            link.believe();
            let carried = self.shared.look(|board| board.carried_by(link.id()));
            let moved = |partition: &u16| {
                self.primary_of(*partition, primaries).is_some_and(|address| address != link.address())
            };
            let elsewhere: Vec<u16> = carried.iter().copied().filter(moved).collect();
            if elsewhere.len() == carried.len() {
                self.shared.lose(link.id(), GapCause::Demoted);
            } else {
                elsewhere.iter().for_each(|partition| self.shared.withdraw(link.id(), *partition, GapCause::SlotMoved));
            }
        }
    }

    fn primary_of<'a>(&self, partition: u16, primaries: &'a [Primary]) -> Option<&'a Address> {
        let slot = self.shared.channels.get(partition)?.slot;
        let serves = |primary: &&Primary| primary.slots.iter().any(|slots| slots.contains(&slot));
        primaries.iter().find(serves).map(|primary| &primary.address)
    }

    async fn attach(&self, address: Address, partitions: Vec<u16>) -> Result<(), Error> {
        let open = self.shared.links().into_iter().find(|link| *link.address() == address);
        let link = match open {
            Some(link) => link,
            None => Link::dial(&*self.source, &self.shared, &address).await?,
        };
        self.shared.change(|board| board.join(link.id(), &partitions));
        let (confirmed, refusal) = link.subscribe(&self.shared.channels, &partitions).await;
        let refusal = match refusal {
            None => self.learn(&link, &confirmed).await,
            refusal => refusal,
        };
        let alive = self.shared.change(|board| board.carry(link.id(), &confirmed));
        match refusal {
            // It is no primary any more; or its answers may be crossed, or never come.
            Some(refusal) if refusal.ends_link() => {
                let demoted = refusal == Refusal::Demoted;
                let cause = if demoted { GapCause::Demoted } else { GapCause::Disconnected };
                self.shared.lose(link.id(), cause);
                Err(refusal.into())
            }
            Some(refusal) => Err(refusal.into()),
            None if alive => Ok(()),
            None => Err(Refusal::Lost.into()),
        }
    }
}

impl Keeper {
    /// Asks where these partitions stand, in one go. A server that does not say so may still be listened to.
    async fn learn(&self, link: &Link, partitions: &[u16]) -> Option<Refusal> {
        for partitions in partitions.chunks(CHANNELS_AT_ONCE) {
            match link.sequences(&self.shared.channels, partitions).await {
                Ok(sequences) => self.shared.change(|board| {
                    for (partition, sequence) in partitions.iter().zip(sequences) {
                        board.learn(link.id(), *partition, sequence);
                    }
                }),
                Err(refusal) if refusal.ends_link() => return Some(refusal),
                Err(_) => {}
            }
        }
        None
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.shared.close();
    }
}

fn unfinished() -> Error {
    Error::new(ErrorKind::Unavailable, "connections were lost while the feed subscribed")
}
