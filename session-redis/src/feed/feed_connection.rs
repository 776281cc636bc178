//! One connection to one primary, on which changes arrive and sequences are requested.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use redis::{Cmd, Pipeline, PushKind, RedisError, Value, aio::MultiplexedConnection, cmd};
use tokio::time::timeout;

use super::{
    channels::{Channel, Channels},
    feed_state::ConnectionId,
    request_failure::RequestFailure,
};
use crate::net::Address;

/// The number of channels that one SUBSCRIBE names, and of SSUBSCRIBEs in flight at once.
pub(crate) const CHANNELS_AT_ONCE: usize = 256;

/// The number of requests of one connection that have no answer yet, or whose answer is no longer awaited.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unanswered(Arc<AtomicUsize>);

impl Unanswered {
    /// A request is about to be sent.
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// Its answer has come. Never called for an abandoned request.
    fn remove(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }
}

/// A connection that does not reconnect: when it ends, its [`PushReceiver`](super::push_receiver::PushReceiver) reports
/// so. Reconnecting would hide what was published in between.
#[derive(Debug)]
pub(crate) struct FeedConnection {
    id: ConnectionId,
    address: Address,
    connection: MultiplexedConnection,
    unanswered: Unanswered,
    deadline: Duration,
    /// An answer did not come in time.
    suspect: AtomicBool,
    /// The server may no longer be the primary.
    stale: AtomicBool,
    next_check: AtomicUsize,
}

impl FeedConnection {
    pub(crate) fn new(
        (id, address): (ConnectionId, Address),
        connection: MultiplexedConnection,
        unanswered: Unanswered,
        deadline: Duration,
    ) -> Self {
        Self {
            id,
            address,
            connection,
            unanswered,
            deadline,
            suspect: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            next_check: AtomicUsize::new(0),
        }
    }

    pub(crate) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Subscribes to the channels of these partitions, and returns the partitions that the server has confirmed.
    pub(crate) async fn subscribe(
        &self,
        channels: &Channels,
        partitions: &[u16],
    ) -> (Vec<u16>, Option<RequestFailure>) {
        let (mut confirmed, mut failure) = (Vec::with_capacity(partitions.len()), None);
        let mut record = |partitions: &[u16], result| match result {
            Ok(()) => confirmed.extend_from_slice(partitions),
            // A failure that ends the connection takes precedence over one that does not.
            Err(other) => failure = failure.filter(|first: &RequestFailure| first.ends_connection()).or(Some(other)),
        };
        if channels.sharded() {
            // All channels of one SSUBSCRIBE must be in one slot, and no two partitions are.
            let requests = partitions
                .iter()
                .copied()
                .map(|partition| async move { (partition, self.subscribe_sharded(channels.get(partition)).await) });
            let mut answers = stream::iter(requests).buffer_unordered(CHANNELS_AT_ONCE);
            while let Some((partition, result)) = answers.next().await {
                record(&[partition], result);
            }
        } else {
            for partitions in partitions.chunks(CHANNELS_AT_ONCE) {
                record(partitions, self.subscribe_plain(channels, partitions).await);
            }
        }
        (confirmed, failure)
    }

    async fn subscribe_plain(&self, channels: &Channels, partitions: &[u16]) -> Result<(), RequestFailure> {
        let channels = || partitions.iter().filter_map(|partition| channels.get(*partition));
        let names: Vec<&[u8]> = channels().map(|channel| &channel.name[..]).collect();
        let mut connection = self.connection.clone();
        self.answered(async { connection.subscribe(&names).await }).await?;
        match channels().next() {
            Some(channel) => self.verify_primary(&channel.sequence_key).await,
            None => Ok(()),
        }
    }

    async fn subscribe_sharded(&self, channel: Option<&Channel>) -> Result<(), RequestFailure> {
        let Some(Channel { name, sequence_key, .. }) = channel else { return Ok(()) };
        match self.request(cmd("SSUBSCRIBE").arg(&name[..])).await? {
            Value::Push { kind: PushKind::SSubscribe, data } if is_text(data.first(), name) => {
                self.verify_primary(sequence_key).await
            }
            _ => Err(RequestFailure::Lost),
        }
    }

    /// Verifies that the server is the primary of what was just subscribed to: a replica accepts subscriptions too.
    async fn verify_primary(&self, sequence_key: &[u8]) -> Result<(), RequestFailure> {
        match self.sequence(sequence_key).await {
            Err(failure) if failure == RequestFailure::Moved || failure.ends_connection() => Err(failure),
            // After any other failure it is still the server to subscribe at.
            _ => Ok(()),
        }
    }

    /// The sequence of a partition, `None` if it has none. The request is a write, so that neither a replica nor a
    /// primary without enough replicas answers it.
    pub(crate) async fn sequence(&self, key: &[u8]) -> Result<Option<u64>, RequestFailure> {
        match self.request(cmd("GETEX").arg(key).arg("PERSIST")).await? {
            Value::Nil => Ok(None),
            Value::BulkString(text) => {
                let number = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                number.map(Some).ok_or(RequestFailure::Unreadable)
            }
            // Not an answer to this request.
            _ => Err(RequestFailure::Lost),
        }
    }

    /// The sequences of several partitions; `None` for a partition that has none or whose sequence cannot be read.
    pub(crate) async fn sequences(
        &self,
        channels: &Channels,
        partitions: &[u16],
    ) -> Result<Vec<Option<u64>>, RequestFailure> {
        let mut questions = Pipeline::with_capacity(partitions.len());
        for channel in partitions.iter().filter_map(|partition| channels.get(*partition)) {
            questions.cmd("GETEX").arg(&channel.sequence_key[..]).arg("PERSIST");
        }
        let mut connection = self.connection.clone();
        let answers = self.answered(connection.send_packed_commands(&questions, 0, questions.len())).await?;
        let number = |answer: Value| match answer {
            Value::BulkString(text) => str::from_utf8(&text).ok()?.parse().ok(),
            _ => None,
        };
        Ok(answers.into_iter().map(number).collect())
    }

    async fn request(&self, command: &Cmd) -> Result<Value, RequestFailure> {
        let mut connection = self.connection.clone();
        self.answered(async { connection.send_packed_command(command).await.and_then(Value::extract_error) }).await
    }

    /// Waits for an answer, and counts the request as unanswered if the wait is abandoned.
    async fn answered<T>(&self, request: impl Future<Output = Result<T, RedisError>>) -> Result<T, RequestFailure> {
        self.unanswered.add();
        let result = timeout(self.deadline, request).await.map_err(|_| RequestFailure::Late)?;
        let result = result.map_err(|error| RequestFailure::of(&error));
        if !matches!(result, Err(RequestFailure::Late)) {
            self.unanswered.remove();
        }
        result
    }

    /// Has the supervisor check the connection.
    pub(crate) fn mark_suspect(&self) {
        self.suspect.store(true, Ordering::Relaxed);
    }

    /// Whether the connection was marked as suspect. Clears the mark.
    pub(crate) fn take_suspect(&self) -> bool {
        self.suspect.swap(false, Ordering::Relaxed)
    }

    /// The server may no longer be the primary.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Relaxed)
    }

    pub(crate) fn clear_stale(&self) {
        self.stale.store(false, Ordering::Relaxed);
    }

    /// One of these partitions, in turn.
    pub(crate) fn next_of(&self, partitions: &[u16]) -> Option<u16> {
        let turn = self.next_check.fetch_add(1, Ordering::Relaxed);
        partitions.get(turn.checked_rem(partitions.len())?).copied()
    }
}

fn is_text(value: Option<&Value>, text: &[u8]) -> bool {
    matches!(value, Some(Value::BulkString(found)) if found == text)
}
