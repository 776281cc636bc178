//! One operation of a store, and how it runs scripts.

use redis::{Cmd, Pipeline, Value as Reply};
use session_core::{Error, SessionId, model::IdDigest};

use crate::{
    layout::Partition,
    net::{Deadline, Failure, HashSlot, Resend},
    protocol::{DIGEST_LEN, Script, forward, put, unexpected_reply, wanted_key},
    store_inner::StoreInner,
};

/// How often an operation loads a script that the server has forgotten. The server may forget it again before it is
/// called. The limit is for a program that flushes scripts all the time.
pub(crate) const RELOADS: usize = 4;

/// One operation: the store, and the one deadline of all of its round trips.
#[derive(Clone, Copy)]
pub(crate) struct Operation<'a> {
    pub(crate) store: &'a StoreInner,
    pub(crate) deadline: Deadline,
}

/// The most calls of a script for one session: at the id, with the key of its old id, where that forwards, and all of it
/// once more.
const ROUTES: usize = 7;

/// Where a script looks for a session.
#[derive(Clone, Copy)]
pub(crate) struct Route {
    pub(crate) at: IdDigest,
    /// Whether an old id has forwarded here.
    pub(crate) through: bool,
    /// The old id of the session's renewal, if it is known.
    pub(crate) old: Option<IdDigest>,
}

impl Route {
    fn direct(at: IdDigest) -> Self {
        Self { at, through: false, old: None }
    }
}

/// The reply of a script, and how many replicas have acknowledged its writes.
pub(crate) struct Answer {
    pub(crate) reply: Vec<u8>,
    pub(crate) replicas: Option<u32>,
}

/// How a script is sent.
#[derive(Clone, Copy)]
pub(crate) struct SendOptions {
    pub(crate) resend: Resend,
    /// How many replicas must acknowledge its writes.
    pub(crate) replicas: u32,
}

impl SendOptions {
    /// For a script that may be sent again.
    pub(crate) const fn idempotent() -> Self {
        Self { resend: Resend::Harmless, replicas: 0 }
    }

    pub(crate) const fn with_replicas(self, replicas: u32) -> Self {
        Self { replicas, ..self }
    }
}

impl StoreInner {
    /// An operation that begins now.
    pub(crate) fn operation(&self) -> Operation<'_> {
        Operation { store: self, deadline: self.net.deadline() }
    }
}

impl Operation<'_> {
    /// Runs a script. One that the server has forgotten is loaded and sent again.
    pub(crate) async fn run_script(
        &self,
        script: &Script,
        partition: &Partition,
        cmd: &Cmd,
        options: SendOptions,
    ) -> Result<Answer, Error> {
        let slot = HashSlot::new(partition.slot);
        let mut answer = self.send_script(slot, cmd, options).await;
        for _ in 0..RELOADS {
            let in_doubt = match &answer {
                Err(failure) if failure.code() == Some("NOSCRIPT") => matches!(failure, Failure::InDoubt(_)),
                _ => break,
            };
            let again = Box::pin(self.load_and_send(script, slot, cmd, options)).await;
            answer = again.map_err(|again| if in_doubt { again.in_doubt() } else { again });
        }
        let (reply, replicas) = answer.map_err(Failure::into_write_error)?;
        match reply {
            Reply::BulkString(mut reply) if !reply.is_empty() => {
                self.store.unpublished.note(&mut reply);
                Ok(Answer { reply, replicas })
            }
            _ => Err(unexpected_reply()),
        }
    }

    /// Runs a script at a session's key; if the id forwards, once more at the id that it forwards to; and if the script
    /// confirms a renewal, once more with the key of the old id.
    pub(crate) async fn run_script_forwarded(
        &self,
        digest: &IdDigest,
        (script, options): (&Script, SendOptions),
        cmd: impl Fn(&Route) -> Cmd,
    ) -> Result<(Route, Answer), Error> {
        let partition = self.store.layout.partition(digest);
        let mut route = Route::direct(*digest);
        let mut is_repeated = false;
        for _ in 0..ROUTES {
            let answer = self.run_script(script, partition, &cmd(&route), options).await?;
            if route.through && !is_repeated && matches!(answer.reply[..], [b'N' | b'S']) {
                // The session may have moved on since the forward was read.
                (route, is_repeated) = (Route::direct(*digest), true);
            } else if let Some(at) = forward(&answer.reply).filter(|_| !route.through) {
                route = Route { at, through: true, old: Some(*digest) };
            } else if let Some(old) = wanted_key(&answer.reply).filter(|_| route.old.is_none()) {
                route.old = Some(old);
            } else {
                return Ok((route, answer));
            }
        }
        Err(unexpected_reply())
    }

    async fn send_script(
        &self,
        slot: HashSlot,
        cmd: &Cmd,
        options: SendOptions,
    ) -> Result<(Reply, Option<u32>), Failure> {
        match options.replicas {
            0 => self.command(slot, cmd, options.resend).await.map(|reply| (reply, None)),
            replicas => {
                self.admit().await?;
                let durable = self.store.net.durable(self.deadline, slot, (cmd, replicas), options.resend);
                durable.await.map(|(reply, count)| (reply, Some(count)))
            }
        }
    }

    /// Loads a script and runs it, in one round trip unless replicas are waited for.
    async fn load_and_send(
        &self,
        script: &Script,
        slot: HashSlot,
        cmd: &Cmd,
        options: SendOptions,
    ) -> Result<(Reply, Option<u32>), Failure> {
        if options.replicas > 0 {
            self.command(slot, &script.load(), Resend::Harmless).await?;
            return self.send_script(slot, cmd, options).await;
        }
        let mut both = Pipeline::with_capacity(2);
        both.add_command(script.load()).add_command(cmd.clone());
        self.admit().await?;
        let mut replies = self.store.net.pipeline(self.deadline, slot, &both, options.resend).await?;
        match (replies.pop(), replies.pop()) {
            // The script stays unknown if its user may no longer load it.
            (Some(Reply::ServerError(_)), Some(Reply::ServerError(error))) => Err(Failure::Refused(error)),
            (Some(Reply::ServerError(error)), _) => Err(Failure::Refused(error)),
            (reply, _) => Ok((reply.unwrap_or_default(), None)),
        }
    }

    /// Sends one command.
    pub(crate) async fn command(&self, slot: HashSlot, cmd: &Cmd, resend: Resend) -> Result<Reply, Failure> {
        self.admit().await?;
        self.store.net.command(self.deadline, slot, cmd, resend).await
    }

    /// The command that calls a script with the keys of a session, of its partition's sequence, and of the old id if that
    /// is known. The last argument is that of [`Script::command`].
    pub(crate) fn command_at(
        &self,
        script: &Script,
        (route, sequence): (&Route, Option<&[u8]>),
        room: (usize, usize),
    ) -> Cmd {
        let layout = &self.store.layout;
        let session = layout.session(&route.at);
        let old = route.old.as_ref().map(|old| layout.session(old));
        match (sequence, &old) {
            (Some(sequence), Some(old)) => script.command(&[&session, sequence, old], room),
            (Some(sequence), None) => script.command(&[&session, sequence], room),
            (None, Some(old)) => script.command(&[&session, old], room),
            (None, None) => script.command(&[&session], room),
        }
    }

    /// Appends the limits as scripts read them.
    pub(crate) fn put_limits(&self, head: &mut Vec<u8>) {
        let limits = self.store.settings.limits;
        put::<4>(head, limits.max_value_bytes as u64);
        put::<4>(head, limits.max_entries as u64);
        put::<5>(head, limits.max_session_bytes as u64);
    }

    /// The digest and the origin, as messages have them.
    pub(crate) fn message_head(&self, digest: &IdDigest) -> [u8; DIGEST_LEN + 8] {
        let mut head = [0; DIGEST_LEN + 8];
        head[..DIGEST_LEN].copy_from_slice(&digest.to_bytes());
        head[DIGEST_LEN..].copy_from_slice(&u64::from(self.store.settings.origin).to_be_bytes());
        head
    }
}

/// The digest at which a session is, if its id forwards there.
pub(crate) fn forwarded(at: IdDigest, id: &SessionId) -> Option<IdDigest> {
    (at != *id.digest()).then_some(at)
}
