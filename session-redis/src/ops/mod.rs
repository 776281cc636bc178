//! One file per operation: its arguments, and what its script's reply means.

mod apply;
mod create;
mod delta;
mod destroy;
mod load;
mod rotate;
mod touch;

use redis::{Cmd, Pipeline, Value as Reply};
use session_core::{
    Error, ErrorKind,
    model::IdDigest,
    store::{Absent, Applied},
};

use crate::{
    inner::Inner,
    layout::Partition,
    meta::{self, Standing},
    net::{Failure, Resend, Slot},
    record::unreadable,
    script::Script,
};

/// How often a call loads a script that the server has forgotten. It may forget it once more before it is used, and
/// somebody who has it forget all the time must not hold a call for ever.
const RELOADS: usize = 4;

/// What a script answered, and how many replicas had it.
pub(crate) struct Answer {
    pub(crate) reply: Vec<u8>,
    pub(crate) replicas: Option<u32>,
}

/// How a script is sent.
#[derive(Clone, Copy)]
pub(crate) struct Sending {
    pub(crate) operation: &'static str,
    pub(crate) resend: Resend,
    pub(crate) replicas: u32,
}

impl Inner {
    /// Sends a script. One that the server has forgotten is loaded and sent again.
    pub(crate) async fn call(
        &self,
        script: &Script,
        partition: &Partition,
        cmd: &Cmd,
        sending: Sending,
    ) -> Result<Answer, Error> {
        let failed = |failure: Failure| failure.into_error(sending.operation, true);
        let slot = Slot::new(partition.slot);
        let mut answer = self.send(slot, cmd, sending).await;
        for _ in 0..RELOADS {
            let doubted = match &answer {
                Err(failure) if failure.code() == Some("NOSCRIPT") => matches!(failure, Failure::Doubtful(_)),
                _ => break,
            };
            let again = Box::pin(self.load_and_send(script, slot, cmd, sending)).await;
            answer = again.map_err(|again| if doubted { again.in_doubt() } else { again });
        }
        let (reply, replicas) = answer.map_err(failed)?;
        match reply {
            Reply::BulkString(reply) if !reply.is_empty() => Ok(Answer { reply, replicas }),
            _ => Err(odd_reply(sending.operation)),
        }
    }

    async fn send(&self, slot: Slot, cmd: &Cmd, sending: Sending) -> Result<(Reply, Option<u32>), Failure> {
        match sending.replicas {
            0 => self.net.command(slot, cmd, sending.resend).await.map(|reply| (reply, None)),
            replicas => {
                let (reply, count) = self.net.durable(slot, cmd, replicas, sending.resend).await?;
                Ok((reply, Some(count)))
            }
        }
    }

    /// Makes the script known and calls it, in one round trip unless replicas are waited for.
    async fn load_and_send(
        &self,
        script: &Script,
        slot: Slot,
        cmd: &Cmd,
        sending: Sending,
    ) -> Result<(Reply, Option<u32>), Failure> {
        if sending.replicas > 0 {
            self.net.command(slot, &script.load(), Resend::Harmless).await?;
            return self.send(slot, cmd, sending).await;
        }
        let mut both = Pipeline::with_capacity(2);
        both.add_command(script.load()).add_command(cmd.clone());
        match self.net.pipeline(slot, &both, sending.resend).await?.pop() {
            Some(Reply::ServerError(error)) => Err(Failure::Refused(error)),
            reply => Ok((reply.unwrap_or_default(), None)),
        }
    }

    /// Calls a script at the session's key and, if that forwards, once more at where it leads.
    pub(crate) async fn call_through(
        &self,
        digest: &IdDigest,
        (script, sending): (&Script, Sending),
        cmd: impl Fn(&IdDigest, bool) -> Cmd,
    ) -> Result<(IdDigest, Answer), Error> {
        let partition = self.layout.partition(digest);
        let answer = self.call(script, partition, &cmd(digest, false), sending).await?;
        let Some(to) = forwarded(&answer.reply) else { return Ok((*digest, answer)) };
        let answer = self.call(script, partition, &cmd(&to, true), sending).await?;
        Ok((to, answer))
    }

    /// The digest and the origin, as messages have them.
    pub(crate) fn message_head(&self, digest: &IdDigest) -> [u8; IdDigest::LEN + 8] {
        let mut head = [0; IdDigest::LEN + 8];
        head[..IdDigest::LEN].copy_from_slice(&digest.to_bytes());
        head[IdDigest::LEN..].copy_from_slice(&self.settings.origin.bits().to_be_bytes());
        head
    }
}

/// Where a session is, if the id is an old one that forwards to it.
pub(crate) fn elsewhere(at: IdDigest, id: &session_core::SessionId) -> Option<IdDigest> {
    (at != *id.digest()).then_some(at)
}

/// The digest that a reply forwards to.
pub(crate) fn forwarded(reply: &[u8]) -> Option<IdDigest> {
    let (b'F', to) = reply.split_first()? else { return None };
    to.try_into().ok().map(IdDigest::from_bytes)
}

/// What a reply says of a key without a session, and an error for all that it cannot say.
pub(crate) fn absent(operation: &'static str, reply: &[u8]) -> Result<Absent, Error> {
    match reply.split_first() {
        // A forward behind a forward leads nowhere.
        Some((b'N' | b'F', _)) => Ok(Absent::NotFound(None)),
        Some((b'S', _)) => Ok(Absent::Superseded),
        Some((b'T', rest)) => {
            let ended = meta::ended(rest).ok_or_else(|| odd_reply(operation))?;
            Ok(Absent::NotFound(Some(ended)))
        }
        Some((b'G', _)) => Err(unreadable(
            "a key of the store does not hold a session, or one of a newer version: its metadata cannot be read",
        )
        .with_backend("redis")
        .with_operation(operation)),
        Some((b'L', rest)) => Err(limit(operation, rest)),
        _ => Err(odd_reply(operation)),
    }
}

/// An update that was applied, now or before.
pub(crate) fn applied(operation: &'static str, rest: &[u8], answer: &Answer, repeated: bool) -> Result<Applied, Error> {
    let standing = Standing::read(rest).ok_or_else(|| odd_reply(operation))?;
    let applied = Applied::new(standing.stamp, standing.deadlines, standing.now).with_replicas(answer.replicas);
    Ok(if repeated { applied.with_repeated(true) } else { applied })
}

/// The refusal by a limit.
fn limit(operation: &'static str, rest: &[u8]) -> Error {
    let mut cursor = meta::Cursor(rest);
    let (sort, number) = (cursor.number::<1>().unwrap_or(0) as u8, cursor.number::<8>().unwrap_or(0));
    let message = match sort {
        b'v' => format!("a value of {number} bytes is too large for this store"),
        b'e' => format!("the session would have {number} entries, more than this store allows"),
        _ => format!("the session would have {number} bytes, more than this store allows"),
    };
    let error = Error::new(ErrorKind::LimitExceeded, message).with_backend("redis").with_operation(operation);
    match field_named(cursor.0) {
        Some(field) if sort == b'v' => error.with_field(field),
        _ => error,
    }
}

/// The field of an entry, by the name of its hash field.
fn field_named(name: &[u8]) -> Option<session_core::model::Field> {
    let field = match name.split_first()? {
        (&crate::layout::SCALAR, field) => field,
        (&crate::layout::KEYED, rest) => rest.get(1..1 + usize::from(*rest.first()?))?,
        _ => return None,
    };
    session_core::model::Field::new(std::str::from_utf8(field).ok()?).ok()
}

pub(crate) fn odd_reply(operation: &'static str) -> Error {
    unreadable("the server's answer is not of the expected form; is another program using this prefix?")
        .with_backend("redis")
        .with_operation(operation)
}
