//! Who carries which partition, what was seen of it, and what the subscriber has yet to hear.

use std::collections::HashMap;

use session_core::store::{BarrierId, FeedItem, GapCause};

use super::{message::Message, queue::Queue};
use crate::net::Address;

/// The name of one connection of this subscription; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LinkId(u64);

/// Why an answer did not become a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unplaced {
    /// The connection carries the partition no more: the answer says nothing of what follows.
    NotCarried,
    /// The subscriber leaves its barriers unread.
    Full,
}

/// The state of one subscription. It does no input or output, and everything in it changes under one lock: so an item
/// stands in the queue where the state that it stems from changed.
#[derive(Debug)]
pub(crate) struct Board {
    lanes: Box<[Lane]>,
    links: HashMap<LinkId, Address>,
    next_link: u64,
    queue: Queue,
    closed: bool,
}

/// One partition.
#[derive(Clone, Debug, Default)]
struct Lane {
    carrier: Carrier,
    /// The sequence of its last change that was seen on this carrier.
    last: Option<u64>,
    /// What happened to the carrier before, and where that was.
    lost: Option<(GapCause, Address)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Carrier {
    #[default]
    None,
    /// The connection is subscribing. What it hears so far is not told: a gap will stand behind it.
    Joining(LinkId),
    Carried(LinkId),
}

impl Board {
    pub(crate) fn new(partitions: usize, bound: usize, byte_bound: usize) -> Self {
        // Room for a gap of every partition when something is lost and when it is back.
        let bound = bound.max(2 * partitions + Queue::LEAST);
        Self {
            lanes: vec![Lane::default(); partitions].into(),
            links: HashMap::new(),
            next_link: 0,
            queue: Queue::new(bound, byte_bound),
            closed: false,
        }
    }

    /// A new connection to this server; it carries nothing yet.
    pub(crate) fn open(&mut self, address: Address) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, address);
        link
    }

    /// Whether the connection was opened and not lost since.
    pub(crate) fn is_open(&self, link: LinkId) -> bool {
        self.links.contains_key(&link)
    }

    /// The connection begins to subscribe to these partitions, as far as nobody carries them.
    pub(crate) fn join(&mut self, link: LinkId, partitions: &[u16]) {
        for partition in partitions {
            if let Some(lane) = self.lane(*partition).filter(|lane| !matches!(lane.carrier, Carrier::Carried(_))) {
                lane.carrier = Carrier::Joining(link);
                lane.last = None;
            }
        }
    }

    /// The sequence of a partition that is being joined: with it, a server that has lost everything shows from the first
    /// question on.
    pub(crate) fn learn(&mut self, link: LinkId, partition: u16, sequence: Option<u64>) {
        if let Some(lane) = self.lane(partition).filter(|lane| lane.carrier == Carrier::Joining(link)) {
            lane.last = lane.last.max(sequence);
        }
    }

    /// The server has confirmed these subscriptions: from here on the connection carries those partitions, and the
    /// subscriber hears what it had to miss. False if the connection is lost by now.
    pub(crate) fn carry(&mut self, link: LinkId, confirmed: &[u16]) -> bool {
        let Some(address) = self.links.get(&link).cloned() else { return false };
        let mut gaps = Vec::new();
        for partition in confirmed {
            // If the server has withdrawn the subscription since, the partition has no carrier.
            if let Some(lane) = self.lane(*partition).filter(|lane| lane.carrier == Carrier::Joining(link)) {
                lane.carrier = Carrier::Carried(link);
                gaps.extend(lane.lost.take().map(|(cause, from)| (*partition, arrival(cause, from == address))));
            }
        }
        self.gaps(&gaps);
        true
    }

    /// The connection is lost, or must not be used any more. False if that was known.
    pub(crate) fn lose(&mut self, link: LinkId, cause: GapCause) -> bool {
        let Some(address) = self.links.remove(&link) else { return false };
        let mut gaps = Vec::new();
        for (partition, lane) in (0..).zip(&mut self.lanes) {
            match lane.carrier {
                Carrier::Carried(carrier) if carrier == link => {
                    lane.lost = Some((cause, address.clone()));
                    gaps.push((partition, cause));
                }
                Carrier::Joining(carrier) if carrier == link => {}
                _ => continue,
            }
            lane.carrier = Carrier::None;
        }
        self.gaps(&gaps);
        true
    }

    /// The partition has left the server of this connection.
    pub(crate) fn withdraw(&mut self, link: LinkId, partition: u16, cause: GapCause) {
        let Some(address) = self.links.get(&link).cloned() else { return };
        let Some(lane) = self.lane(partition) else { return };
        match lane.carrier {
            Carrier::Carried(carrier) if carrier == link => {
                lane.carrier = Carrier::None;
                lane.lost = Some((cause, address));
                self.gap(Some(partition), cause);
            }
            Carrier::Joining(carrier) if carrier == link => lane.carrier = Carrier::None,
            _ => {}
        }
    }

    /// A message came: a change, or something that cannot be read.
    pub(crate) fn hear(&mut self, link: LinkId, partition: u16, message: Option<Message>) {
        let Some(lane) = self.lane(partition) else { return };
        if lane.carrier == Carrier::Joining(link) {
            lane.last = message.map_or(lane.last, |message| Some(message.change.sequence));
            return;
        }
        if lane.carrier != Carrier::Carried(link) {
            return;
        }
        let Some(Message { change, weight }) = message else {
            // It may have had a sequence number. If so, the next change will show a hole.
            return self.gap(Some(partition), GapCause::Unreadable);
        };
        let follows = lane.last.is_none_or(|last| last.checked_add(1) == Some(change.sequence));
        lane.last = Some(change.sequence);
        if !follows {
            self.gap(Some(partition), GapCause::Missed);
        }
        self.queue.push(FeedItem::Change(change), weight);
    }

    /// The connection that carries a partition, and the last sequence seen there.
    pub(crate) fn carrier(&self, partition: u16) -> Option<(LinkId, Option<u64>)> {
        let lane = self.lanes.get(usize::from(partition))?;
        match lane.carrier {
            Carrier::Carried(link) => Some((link, lane.last)),
            Carrier::None | Carrier::Joining(_) => None,
        }
    }

    /// The server has answered with its sequence of the partition (nothing if it has none), a request that left when
    /// `sent` was the last one seen. Everything that it published before is in the queue by now.
    pub(crate) fn answer(
        &mut self,
        link: LinkId,
        partition: u16,
        sent: Option<u64>,
        sequence: Option<u64>,
    ) -> Result<(), Unplaced> {
        let lane = self.lane(partition).filter(|lane| lane.carrier == Carrier::Carried(link));
        let lane = lane.ok_or(Unplaced::NotCarried)?;
        let told = sequence.unwrap_or(0);
        let hole = lane.last.is_some_and(|last| last < told);
        // The server went back, and no change has shown it yet.
        let back = sent.zip(lane.last).is_some_and(|(sent, last)| told < sent && sent <= last);
        if hole || back || lane.last.is_none() {
            lane.last = sequence;
        }
        if hole || back {
            self.gap(Some(partition), GapCause::Missed);
        }
        Ok(())
    }

    /// Puts a barrier behind everything in the queue.
    pub(crate) fn place(&mut self, partition: u16, barrier: BarrierId) -> Result<(), Unplaced> {
        let placed = self.queue.push_barrier(FeedItem::Barrier(partition, barrier));
        if placed { Ok(()) } else { Err(Unplaced::Full) }
    }

    /// A gap in one partition.
    pub(crate) fn report(&mut self, link: LinkId, partition: u16, cause: GapCause) {
        if self.carrier(partition).is_some_and(|(carrier, _)| carrier == link) {
            self.gap(Some(partition), cause);
        }
    }

    /// Whether every partition is carried.
    pub(crate) fn is_whole(&self) -> bool {
        self.lanes.iter().all(|lane| matches!(lane.carrier, Carrier::Carried(_)))
    }

    /// The partitions that nobody carries.
    pub(crate) fn adrift(&self) -> Vec<u16> {
        self.partitions(|carrier| !matches!(carrier, Carrier::Carried(_)))
    }

    /// The partitions that this connection carries.
    pub(crate) fn carried_by(&self, link: LinkId) -> Vec<u16> {
        self.partitions(|carrier| carrier == Carrier::Carried(link))
    }

    fn partitions(&self, mut wanted: impl FnMut(Carrier) -> bool) -> Vec<u16> {
        (0..).zip(&self.lanes).filter(|(_, lane)| wanted(lane.carrier)).map(|(partition, _)| partition).collect()
    }

    /// The subscription begins: what came while it was made is before it. False if a partition has no carrier.
    pub(crate) fn begin(&mut self) -> bool {
        let ready = self.is_whole();
        if ready {
            self.queue.clear();
        }
        ready
    }

    /// The next item; `None` in it if none will come any more.
    pub(crate) fn pop(&mut self) -> Option<Option<FeedItem>> {
        let item = self.queue.pop();
        if item.is_some() || self.closed { Some(item) } else { None }
    }

    /// Nothing will be heard any more.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.links.clear();
        self.lanes.fill(Lane::default());
    }

    fn lane(&mut self, partition: u16) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(partition))
    }

    fn gap(&mut self, partition: Option<u16>, cause: GapCause) {
        #[cfg(feature = "tracing")]
        tracing::info!(?partition, ?cause, "a gap in the feed");
        self.queue.push(FeedItem::Gap(partition, cause), 0);
    }

    /// Gaps in several partitions: one gap if it is all of them.
    fn gaps(&mut self, gaps: &[(u16, GapCause)]) {
        match gaps {
            [(_, cause), others @ ..]
                if gaps.len() == self.lanes.len() && others.iter().all(|(_, other)| other == cause) =>
            {
                self.gap(None, *cause);
            }
            _ => gaps.iter().for_each(|(partition, cause)| self.gap(Some(*partition), *cause)),
        }
    }
}

/// What the subscriber is told of a partition that is carried again, after it was lost for this cause.
fn arrival(cause: GapCause, same_server: bool) -> GapCause {
    match (cause, same_server) {
        (GapCause::SlotMoved, _) => GapCause::SlotMoved,
        (_, true) => GapCause::Reconnected,
        (_, false) => GapCause::FailedOver,
    }
}
