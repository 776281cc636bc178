//! One connection to one primary: it listens, and it answers for what it listens to.

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
use session_core::Error;
use tokio::time::timeout;

use super::{
    board::LinkId,
    channels::{Channel, Channels},
    ear::{Ear, Unanswered},
    refusal::Refusal,
    shared::Shared,
    source::Source,
};
use crate::net::Address;

/// How many channels one SUBSCRIBE names, and how many SSUBSCRIBEs are under way at once.
pub(crate) const CHANNELS_AT_ONCE: usize = 256;

/// An unmanaged connection: when it ends, it ends, and its [`Ear`] says so. A connection that mended itself would hide
/// what was published in between.
#[derive(Debug)]
pub(crate) struct Link {
    id: LinkId,
    address: Address,
    connection: MultiplexedConnection,
    unanswered: Unanswered,
    deadline: Duration,
    /// An answer did not come in time.
    suspect: AtomicBool,
    /// The server says that it cannot serve: another one may be the primary.
    doubtful: AtomicBool,
    turn: AtomicUsize,
}

impl Link {
    /// Connects to this server and adds the connection to the subscription's.
    pub(crate) async fn dial(source: &dyn Source, shared: &Arc<Shared>, address: &Address) -> Result<Arc<Self>, Error> {
        let id = shared.change(|board| board.open(address.clone()));
        let unanswered = Unanswered::default();
        let ear = Ear { link: id, unanswered: unanswered.clone(), shared: Arc::downgrade(shared) };
        let deadline = shared.options.deadline;
        let dialled = timeout(deadline, source.dial(address, Arc::new(ear))).await;
        // If it fails, or this future is dropped, the ear goes and tells the board that the link is lost.
        let connection = dialled.map_err(|_| Error::from(Refusal::Late))??;
        let link = Arc::new(Self {
            id,
            address: address.clone(),
            connection,
            unanswered,
            deadline,
            suspect: AtomicBool::new(false),
            doubtful: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
        });
        if shared.add(&link) { Ok(link) } else { Err(Refusal::Lost.into()) }
    }

    pub(crate) fn id(&self) -> LinkId {
        self.id
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Subscribes to the channels of these partitions, and returns those that the server has confirmed.
    pub(crate) async fn subscribe(&self, channels: &Channels, partitions: &[u16]) -> (Vec<u16>, Option<Refusal>) {
        let (mut confirmed, mut refusal) = (Vec::with_capacity(partitions.len()), None);
        let mut note = |partitions: &[u16], result| match result {
            Ok(()) => confirmed.extend_from_slice(partitions),
            // One that ends the connection is not forgotten over one that does not.
            Err(why) => refusal = refusal.filter(|first: &Refusal| first.ends_link()).or(Some(why)),
        };
        if channels.sharded() {
            // All channels of one SSUBSCRIBE must be in one slot, and no two partitions are.
            let requests = partitions
                .iter()
                .copied()
                .map(|partition| async move { (partition, self.subscribe_sharded(channels.get(partition)).await) });
            let mut answers = stream::iter(requests).buffer_unordered(CHANNELS_AT_ONCE);
            while let Some((partition, result)) = answers.next().await {
                note(&[partition], result);
            }
        } else {
            for partitions in partitions.chunks(CHANNELS_AT_ONCE) {
                note(partitions, self.subscribe_plain(channels, partitions).await);
            }
        }
        (confirmed, refusal)
    }

    async fn subscribe_plain(&self, channels: &Channels, partitions: &[u16]) -> Result<(), Refusal> {
        let channels = || partitions.iter().filter_map(|partition| channels.get(*partition));
        let names: Vec<&[u8]> = channels().map(|channel| &channel.name[..]).collect();
        let mut connection = self.connection.clone();
        self.answered(async { connection.subscribe(&names).await }).await?;
        match channels().next() {
            Some(channel) => self.prove(&channel.sequence_key).await,
            None => Ok(()),
        }
    }

    async fn subscribe_sharded(&self, channel: Option<&Channel>) -> Result<(), Refusal> {
        let Some(Channel { name, sequence_key, .. }) = channel else { return Ok(()) };
        match self.request(cmd("SSUBSCRIBE").arg(&name[..])).await? {
            Value::Push { kind: PushKind::SSubscribe, data } if is_text(data.first(), name) => {
                self.prove(sequence_key).await
            }
            _ => Err(Refusal::Lost),
        }
    }

    /// Has the server prove that it is the primary of what was just subscribed to: a replica takes subscriptions too.
    async fn prove(&self, sequence_key: &[u8]) -> Result<(), Refusal> {
        match self.sequence(sequence_key).await {
            Err(refusal) if refusal == Refusal::Moved || refusal.ends_link() => Err(refusal),
            // Whatever else hinders it, it is the one to listen to.
            _ => Ok(()),
        }
    }

    /// The sequence of a partition, or nothing if it has none. It is asked for by a write, so that neither a replica
    /// nor a primary without enough replicas answers.
    pub(crate) async fn sequence(&self, key: &[u8]) -> Result<Option<u64>, Refusal> {
        match self.request(cmd("GETEX").arg(key).arg("PERSIST")).await? {
            Value::Nil => Ok(None),
            Value::BulkString(text) => {
                let number = str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                number.map(Some).ok_or(Refusal::Unreadable)
            }
            // Not an answer to this request.
            _ => Err(Refusal::Lost),
        }
    }

    /// The sequences of several partitions; nothing for one that has none or is not told.
    pub(crate) async fn sequences(&self, channels: &Channels, partitions: &[u16]) -> Result<Vec<Option<u64>>, Refusal> {
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

    async fn request(&self, command: &Cmd) -> Result<Value, Refusal> {
        let mut connection = self.connection.clone();
        self.answered(async { connection.send_packed_command(command).await.and_then(Value::extract_error) }).await
    }

    /// Waits for an answer, and remembers if it was not waited for to the end.
    async fn answered<T>(&self, request: impl Future<Output = Result<T, RedisError>>) -> Result<T, Refusal> {
        self.unanswered.add();
        let result = timeout(self.deadline, request).await.map_err(|_| Refusal::Late)?;
        let result = result.map_err(|error| Refusal::of(&error));
        if !matches!(result, Err(Refusal::Late)) {
            self.unanswered.remove();
        }
        result
    }

    pub(crate) fn suspect(&self) {
        self.suspect.store(true, Ordering::Relaxed);
    }

    /// Whether it was suspected; it is not any more.
    pub(crate) fn take_suspicion(&self) -> bool {
        self.suspect.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.load(Ordering::Relaxed)
    }

    pub(crate) fn believe(&self) {
        self.doubtful.store(false, Ordering::Relaxed);
    }

    /// One of these partitions, another one each time.
    pub(crate) fn next_of(&self, partitions: &[u16]) -> Option<u16> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        partitions.get(turn.checked_rem(partitions.len())?).copied()
    }
}

fn is_text(value: Option<&Value>, text: &[u8]) -> bool {
    matches!(value, Some(Value::BulkString(found)) if found == text)
}
