use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionId,
    store::{CreateOutcome, NewSession},
};

use super::{
    Absent, Answer, Sending, absent, applied,
    delta::{Counts, append_entries, carried},
    forwarded, odd_reply,
};
use crate::{
    inner::Inner,
    lifetimes::Lifetimes,
    meta::{hex, put},
    net::Resend,
    record::Sight,
    script::SCRIPTS,
};

const OPERATION: &str = "create";

impl Inner {
    pub(crate) async fn create(&self, id: &SessionId, new: &NewSession) -> Result<CreateOutcome, Error> {
        let span = match &new.sign_in {
            None => 0,
            Some(sign_in) => {
                match self.enlist(OPERATION, sign_in, id.digest(), None, Lifetimes::of(new.expiry)).await {
                    Ok(listed) => listed.span,
                    // What is there already, or cannot be, is not one more.
                    Err(full) if full.kind() == ErrorKind::LimitExceeded => {
                        return self.create_listed(id, new, 0).await?.ok_or(full);
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        let outcome = self.create_listed(id, new, span).await;
        let outcome = outcome.and_then(|outcome| outcome.ok_or_else(|| odd_reply(OPERATION)));
        match (&outcome, &new.sign_in) {
            // Also if an earlier attempt created it, whose answer was lost.
            (Ok(CreateOutcome::Created(_)), Some(sign_in)) => self.end_excess(sign_in, id.digest()).await,
            // Nothing is there, so nothing is to be listed. Where another session is, it may be of the same principal.
            (Ok(_), Some(sign_in)) => self.withdraw(OPERATION, sign_in.principal(), id.digest()).await,
            (Err(error), Some(sign_in)) if error.kind() == ErrorKind::LimitExceeded => {
                self.withdraw(OPERATION, sign_in.principal(), id.digest()).await;
            }
            _ => {}
        }
        outcome
    }

    /// Nothing if it could be created, were it listed for longer.
    async fn create_listed(&self, id: &SessionId, new: &NewSession, span: u64) -> Result<Option<CreateOutcome>, Error> {
        let partition = self.layout.partition(id.digest());
        let cmd = self.create_cmd(id, new, span);
        let sending = Sending { operation: OPERATION, resend: Resend::Harmless, replicas: new.write.replicas };
        let answer = self.call(&SCRIPTS.create, partition, &cmd, sending).await?;
        let outcome = match answer.reply.split_first() {
            Some((b'I', _)) => return Ok(None),
            Some((b'A', rest)) => applied(OPERATION, rest, &answer, false).map(CreateOutcome::Created),
            Some((b'R', rest)) => applied(OPERATION, rest, &answer, true).map(CreateOutcome::Created),
            Some((b'X', _)) => Ok(CreateOutcome::AlreadyExists),
            Some((b'F', _)) => self.created_and_moved(&answer, new).await,
            _ => match absent(OPERATION, &answer.reply)? {
                Absent::NotFound(Some(ended)) => Ok(CreateOutcome::Ended(ended)),
                _ => Err(odd_reply(OPERATION)),
            },
        };
        outcome.map(Some)
    }

    /// The id forwards: a repeat of a create finds its session where it has moved to.
    async fn created_and_moved(&self, answer: &Answer, new: &NewSession) -> Result<CreateOutcome, Error> {
        let to = forwarded(&answer.reply).ok_or_else(|| odd_reply(OPERATION))?;
        Ok(match self.glance(OPERATION, &to).await? {
            Sight::Session(glance) if glance.stamp.incarnation() == new.incarnation => {
                CreateOutcome::Created(glance.applied().with_repeated(true))
            }
            Sight::Ended(ended) => CreateOutcome::Ended(ended),
            Sight::Session(_) | Sight::Nothing | Sight::Moved(..) => CreateOutcome::AlreadyExists,
        })
    }

    fn create_cmd(&self, id: &SessionId, new: &NewSession, span: u64) -> Cmd {
        let digest = id.digest();
        let partition = self.layout.partition(digest);
        let counts = Counts::of(&new.entries);
        let mut head = Vec::with_capacity(80);
        head.extend_from_slice(&new.write.op.bits().to_be_bytes());
        head.extend_from_slice(&hex(new.write.op.bits()));
        head.extend_from_slice(&new.incarnation.bits().to_be_bytes());
        Lifetimes::of(new.expiry).put(&mut head);
        put::<7>(&mut head, span);
        self.put_limits(&mut head);
        put::<4>(&mut head, counts.puts);
        let carried = carried(&new.entries, self.settings.message_delta_bytes);
        let principal = new.sign_in.as_ref().map_or("", |sign_in| sign_in.principal().as_str());
        let bytes = head.len() + carried.len() + counts.bytes + partition.channel.len() + principal.len() + 64;
        let keys = [&self.layout.session(digest)[..], &partition.sequence];
        let mut cmd = SCRIPTS.create.call(&keys, (6 + counts.arguments(), bytes));
        cmd.arg(head).arg(&self.message_head(digest)).arg(&carried[..]).arg(self.settings.publish);
        cmd.arg(&*partition.channel).arg(principal);
        append_entries(&mut cmd, &new.entries);
        cmd
    }
}
