//! Which connection carries which partition, the last change seen of it, and the items for the subscriber.

use std::collections::HashMap;

use session_core::store::{BarrierId, FeedItem, GapCause};

use super::{message::Message, queue::Queue};
use crate::net::Address;

/// Identifies one connection of a subscription. It is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(u64);

/// Why an answer did not become a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierError {
    /// The connection no longer carries the partition: the answer says nothing about what follows.
    NotCarried,
    /// The subscriber does not read its barriers.
    QueueFull,
}

/// The state of one subscription. It does no input or output. Everything in it changes under one lock, so that each
/// item has its place in the queue at the state change that caused it.
#[derive(Debug)]
pub(crate) struct FeedState {
    partitions: Box<[PartitionState]>,
    connections: HashMap<ConnectionId, Address>,
    next_connection: u64,
    queue: Queue,
    closed: bool,
    /// Whether a server has gone back to an earlier state, or was emptied, since the last call of `take_rewound`.
    rewound: bool,
}

/// The longest hole in a sequence that lost messages explain. The high bits of a sequence are random, so one that starts
/// anew jumps further.
const LONGEST_HOLE: u64 = 1 << 32;

#[derive(Clone, Debug, Default)]
struct PartitionState {
    carrier: Carrier,
    /// The sequence of the last change that was seen on this carrier.
    last: Option<u64>,
    /// Why and at which server the last carrier was lost.
    lost: Option<(GapCause, Address)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Carrier {
    #[default]
    None,
    /// The connection is subscribing. What it receives until then is not delivered: a gap will follow.
    Subscribing(ConnectionId),
    Carrying(ConnectionId),
}

/// Whether the sequence has not only a hole between these two.
fn is_jump(last: u64, next: u64) -> bool {
    next.checked_sub(last).is_none_or(|hole| hole == 0 || hole > LONGEST_HOLE)
}

impl FeedState {
    pub(crate) fn new(partitions: usize, max_items: usize, max_bytes: usize) -> Self {
        // Room for a gap of every partition when something is lost and when it is back.
        let max_items = max_items.max(2 * partitions + Queue::MIN_ITEMS);
        Self {
            partitions: vec![PartitionState::default(); partitions].into(),
            connections: HashMap::new(),
            next_connection: 0,
            queue: Queue::new(max_items, max_bytes),
            closed: false,
            rewound: false,
        }
    }

    /// Adds a connection to this server, which carries no partition yet.
    pub(crate) fn open(&mut self, address: Address) -> ConnectionId {
        let id = ConnectionId(self.next_connection);
        self.next_connection += 1;
        self.connections.insert(id, address);
        id
    }

    /// Whether the connection was opened and has not been lost.
    pub(crate) fn is_open(&self, id: ConnectionId) -> bool {
        self.connections.contains_key(&id)
    }

    /// The connection begins to subscribe to those of these partitions that no connection carries.
    pub(crate) fn begin_subscribing(&mut self, id: ConnectionId, partitions: &[u16]) {
        for number in partitions {
            if let Some(partition) =
                self.partition(*number).filter(|partition| !matches!(partition.carrier, Carrier::Carrying(_)))
            {
                partition.carrier = Carrier::Subscribing(id);
                partition.last = None;
            }
        }
    }

    /// Sets the sequence of a partition that is being subscribed to. With it, the first check already detects a server
    /// that has lost everything.
    pub(crate) fn set_baseline(&mut self, id: ConnectionId, partition: u16, sequence: Option<u64>) {
        if let Some(partition) =
            self.partition(partition).filter(|partition| partition.carrier == Carrier::Subscribing(id))
        {
            partition.last = partition.last.max(sequence);
        }
    }

    /// The server has confirmed these subscriptions: from here on the connection carries the partitions, and the
    /// subscriber gets gaps for what it missed. Returns false if the connection is lost by now.
    pub(crate) fn carry(&mut self, id: ConnectionId, confirmed: &[u16]) -> bool {
        let Some(address) = self.connections.get(&id).cloned() else { return false };
        let mut gaps = Vec::new();
        for number in confirmed {
            // If the server has ended the subscription since, the partition has no carrier.
            if let Some(partition) =
                self.partition(*number).filter(|partition| partition.carrier == Carrier::Subscribing(id))
            {
                partition.carrier = Carrier::Carrying(id);
                let lost = partition.lost.take();
                gaps.extend(lost.map(|(cause, from)| (*number, cause_of_return(cause, from == address))));
            }
        }
        self.push_gaps(&gaps);
        true
    }

    /// The connection is lost, or must not be used any more. Returns false if that was known.
    pub(crate) fn lose(&mut self, id: ConnectionId, cause: GapCause) -> bool {
        let Some(address) = self.connections.remove(&id) else { return false };
        let mut gaps = Vec::new();
        for (number, partition) in (0..).zip(&mut self.partitions) {
            match partition.carrier {
                Carrier::Carrying(carrier) if carrier == id => {
                    partition.lost = Some((cause, address.clone()));
                    gaps.push((number, cause));
                }
                Carrier::Subscribing(carrier) if carrier == id => {}
                _ => continue,
            }
            partition.carrier = Carrier::None;
        }
        self.push_gaps(&gaps);
        true
    }

    /// The partition has left the server of this connection.
    pub(crate) fn unsubscribed(&mut self, id: ConnectionId, number: u16, cause: GapCause) {
        let Some(address) = self.connections.get(&id).cloned() else { return };
        let Some(partition) = self.partition(number) else { return };
        match partition.carrier {
            Carrier::Carrying(carrier) if carrier == id => {
                partition.carrier = Carrier::None;
                partition.lost = Some((cause, address));
                self.push_gap(Some(number), cause);
            }
            Carrier::Subscribing(carrier) if carrier == id => partition.carrier = Carrier::None,
            _ => {}
        }
    }

    /// Receives a message: a change, or `None` if it cannot be read.
    pub(crate) fn receive(&mut self, id: ConnectionId, number: u16, message: Option<Message>) {
        let Some(partition) = self.partition(number) else { return };
        if partition.carrier == Carrier::Subscribing(id) {
            partition.last = message.map_or(partition.last, |message| Some(message.change.sequence));
            return;
        }
        if partition.carrier != Carrier::Carrying(id) {
            return;
        }
        let Some(Message { change, weight }) = message else {
            // It may have had a sequence number. If so, the next change does not follow the last one.
            return self.push_gap(Some(number), GapCause::Unreadable);
        };
        let last = partition.last.replace(change.sequence);
        if let Some(last) = last.filter(|last| last.checked_add(1) != Some(change.sequence)) {
            self.rewound |= is_jump(last, change.sequence);
            self.push_gap(Some(number), GapCause::Missed);
        }
        self.queue.push(FeedItem::Change(change), weight);
    }

    /// The connection that carries a partition, and the last sequence seen on it.
    pub(crate) fn carrier(&self, partition: u16) -> Option<(ConnectionId, Option<u64>)> {
        let partition = self.partitions.get(usize::from(partition))?;
        match partition.carrier {
            Carrier::Carrying(id) => Some((id, partition.last)),
            Carrier::None | Carrier::Subscribing(_) => None,
        }
    }

    /// The server has answered with its sequence of the partition (`None` if it has none). `sent_after` was the last
    /// sequence seen when the request was sent. Everything that the server published before its answer is queued by
    /// now.
    pub(crate) fn record_sequence(
        &mut self,
        id: ConnectionId,
        number: u16,
        sent_after: Option<u64>,
        sequence: Option<u64>,
    ) -> Result<(), BarrierError> {
        let partition = self.partition(number).filter(|partition| partition.carrier == Carrier::Carrying(id));
        let partition = partition.ok_or(BarrierError::NotCarried)?;
        let reported = sequence.unwrap_or(0);
        let missed = partition.last.is_some_and(|last| last < reported);
        // The server went back to an earlier state, and no change has shown it yet.
        let went_back = sent_after.zip(partition.last).is_some_and(|(sent, last)| reported < sent && sent <= last);
        let jumped = went_back || partition.last.is_some_and(|last| missed && is_jump(last, reported));
        if missed || went_back || partition.last.is_none() {
            partition.last = sequence;
        }
        self.rewound |= jumped;
        if missed || went_back {
            self.push_gap(Some(number), GapCause::Missed);
        }
        Ok(())
    }

    /// Whether a server has gone back to an earlier state, or was emptied, since the last call.
    pub(crate) fn take_rewound(&mut self) -> bool {
        std::mem::take(&mut self.rewound)
    }

    /// Queues a barrier.
    pub(crate) fn push_barrier(&mut self, partition: u16, barrier: BarrierId) -> Result<(), BarrierError> {
        let pushed = self.queue.push_barrier(FeedItem::Barrier(partition, barrier));
        if pushed { Ok(()) } else { Err(BarrierError::QueueFull) }
    }

    /// Queues a gap in a partition, if this connection carries it.
    pub(crate) fn report_gap(&mut self, id: ConnectionId, partition: u16, cause: GapCause) {
        if self.carrier(partition).is_some_and(|(carrier, _)| carrier == id) {
            self.push_gap(Some(partition), cause);
        }
    }

    /// Whether every partition is carried.
    pub(crate) fn is_complete(&self) -> bool {
        self.partitions.iter().all(|partition| matches!(partition.carrier, Carrier::Carrying(_)))
    }

    /// The partitions that no connection carries.
    pub(crate) fn uncarried(&self) -> Vec<u16> {
        self.partitions_where(|carrier| !matches!(carrier, Carrier::Carrying(_)))
    }

    /// The partitions that this connection carries.
    pub(crate) fn carried_by(&self, id: ConnectionId) -> Vec<u16> {
        self.partitions_where(|carrier| carrier == Carrier::Carrying(id))
    }

    fn partitions_where(&self, mut wanted: impl FnMut(Carrier) -> bool) -> Vec<u16> {
        (0..)
            .zip(&self.partitions)
            .filter(|(_, partition)| wanted(partition.carrier))
            .map(|(number, _)| number)
            .collect()
    }

    /// Begins the subscription: items received while it was made precede it. Returns false if a partition has no
    /// carrier.
    pub(crate) fn begin(&mut self) -> bool {
        let ready = self.is_complete();
        if ready {
            self.queue.clear();
        }
        ready
    }

    /// The next item; `Some(None)` after the last one.
    pub(crate) fn pop(&mut self) -> Option<Option<FeedItem>> {
        let item = self.queue.pop();
        if item.is_some() || self.closed { Some(item) } else { None }
    }

    /// Ends the subscription: no further item is queued.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.connections.clear();
        self.partitions.fill(PartitionState::default());
    }

    fn partition(&mut self, partition: u16) -> Option<&mut PartitionState> {
        self.partitions.get_mut(usize::from(partition))
    }

    fn push_gap(&mut self, partition: Option<u16>, cause: GapCause) {
        #[cfg(feature = "tracing")]
        tracing::info!(?partition, ?cause, "a gap in the feed");
        self.queue.push(FeedItem::Gap(partition, cause), 0);
    }

    /// Queues gaps in several partitions: a single gap if they are all partitions with one cause.
    fn push_gaps(&mut self, gaps: &[(u16, GapCause)]) {
        match gaps {
            [(_, cause), others @ ..]
                if gaps.len() == self.partitions.len() && others.iter().all(|(_, other)| other == cause) =>
            {
                self.push_gap(None, *cause);
            }
            _ => gaps.iter().for_each(|(partition, cause)| self.push_gap(Some(*partition), *cause)),
        }
    }
}

/// The cause of the gap when a partition is carried again, after it was lost for `cause`.
fn cause_of_return(cause: GapCause, same_server: bool) -> GapCause {
    match (cause, same_server) {
        (GapCause::SlotMoved, _) => GapCause::SlotMoved,
        (_, true) => GapCause::Reconnected,
        (_, false) => GapCause::FailedOver,
    }
}
