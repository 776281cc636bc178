use redis::Cmd;
use session_core::{
    Error, ErrorKind, SessionId,
    model::IdDigest,
    store::{RotateOutcome, Rotation, RotationKind},
};

use super::{
    Absent, Answer, Sending, absent, applied,
    delta::{Counts, append, append_clears, carried},
    odd_reply,
};
use crate::{
    index::{Listed, Replaced},
    inner::Inner,
    lifetimes::Lifetimes,
    meta::{self, hex, millis, put},
    net::Resend,
    record::Sight,
    script::SCRIPTS,
};

const OPERATION: &str = "rotate";

impl Inner {
    pub(crate) async fn rotate(&self, id: &SessionId, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        let (from, to) = (id.digest(), rotation.to.digest());
        if to.partition() != from.partition() || to == from {
            return Err(unusable("the new id is not a sibling of the old one"));
        }
        let (mut listed, mut full) = (None, None);
        match self.list_ahead(from, rotation).await {
            Ok(ahead) => listed = ahead,
            // What has moved already, or cannot, is not one more.
            Err(error) if error.kind() == ErrorKind::LimitExceeded => full = Some(error),
            Err(error) => return Err(error),
        }
        let answer = loop {
            let answer = self.rotate_through(from, rotation, listed.as_ref()).await?;
            let Some((b'I', rest)) = answer.reply.split_first() else { break answer };
            if let Some(full) = full {
                return Err(full);
            }
            listed = Some(self.list_target(rotation, rest, listed.as_ref(), from).await?);
        };
        let outcome = self.rotate_outcome(&answer, rotation).await;
        let Some(listed) = listed else { return outcome };
        let principal = &listed.principal;
        match &outcome {
            // Also if an earlier attempt moved it, whose answer was lost.
            Ok(RotateOutcome::Rotated(_)) => {
                if let Some(sign_in) = &rotation.sign_in {
                    self.end_excess(sign_in, to).await;
                }
            }
            // Nothing has moved there, so nothing is to be listed.
            Ok(_) => self.withdraw(OPERATION, principal, to).await,
            Err(error) if error.kind() == ErrorKind::LimitExceeded => self.withdraw(OPERATION, principal, to).await,
            Err(_) => {}
        }
        outcome
    }

    /// Lists the new id before the first attempt, if it is known for whom.
    async fn list_ahead(&self, from: &IdDigest, rotation: &Rotation) -> Result<Option<Listed>, Error> {
        let to = rotation.to.digest();
        if let Some(sign_in) = &rotation.sign_in {
            // Without deadlines of its own the rotation keeps those of the session, which are not known here.
            let lifetimes = Lifetimes::of(rotation.expiry.unwrap_or_default());
            return self.enlist(OPERATION, sign_in, to, Some(from), lifetimes).await.map(Some);
        }
        match self.hints.recall(from) {
            Some((principal, left)) => {
                let lifetimes = rotation.expiry.map_or(left, Lifetimes::of);
                self.list(OPERATION, &principal, to, Replaced::Seen(from), lifetimes).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Lists the new id as the script asks for.
    async fn list_target(
        &self,
        rotation: &Rotation,
        wanted: &[u8],
        listed: Option<&Listed>,
        from: &IdDigest,
    ) -> Result<Listed, Error> {
        let to = rotation.to.digest();
        let (left, principal) = self.wanted(OPERATION, wanted)?;
        // What is listed for another principal by now is found to be this one's, and taken off.
        let lifetimes = Lifetimes::at_least(left);
        let next = match &rotation.sign_in {
            Some(sign_in) if *sign_in.principal() == principal => {
                self.enlist(OPERATION, sign_in, to, Some(from), lifetimes).await?
            }
            _ => self.list(OPERATION, &principal, to, Replaced::Seen(from), lifetimes).await?,
        };
        if listed.is_some_and(|listed| listed.principal == principal && listed.span >= next.span) {
            return Err(odd_reply(OPERATION));
        }
        Ok(next)
    }

    async fn rotate_through(
        &self,
        from: &IdDigest,
        rotation: &Rotation,
        listed: Option<&Listed>,
    ) -> Result<Answer, Error> {
        let sending = Sending { operation: OPERATION, resend: Resend::Harmless, replicas: rotation.write.replicas };
        let carried = carried(&rotation.delta, self.settings.message_delta_bytes);
        let cmd = |at: &IdDigest, through| self.rotate_cmd(at, rotation, listed, (&carried, through));
        self.call_through(from, (&SCRIPTS.rotate, sending), cmd).await.map(|(_, answer)| answer)
    }

    fn rotate_cmd(
        &self,
        at: &IdDigest,
        rotation: &Rotation,
        listed: Option<&Listed>,
        (carried, through): (&[u8], bool),
    ) -> Cmd {
        let partition = self.layout.partition(at);
        let to = rotation.to.digest();
        let counts = Counts::of(&rotation.delta);
        let mut head = Vec::with_capacity(112);
        head.extend_from_slice(&rotation.write.op.bits().to_be_bytes());
        head.extend_from_slice(&hex(rotation.write.op.bits()));
        head.push(match rotation.kind {
            RotationKind::Renew => b'R',
            RotationKind::Privilege => b'P',
        });
        put::<7>(&mut head, if rotation.grace.is_zero() { 0 } else { millis(rotation.grace) });
        head.push(u8::from(rotation.expiry.is_some()));
        rotation.expiry.map(Lifetimes::of).unwrap_or_default().put(&mut head);
        self.put_limits(&mut head);
        put::<7>(&mut head, listed.map_or(0, |listed| listed.span));
        head.push(u8::from(through));
        head.extend_from_slice(&to.to_bytes());
        for count in [counts.clears, counts.removes, counts.puts] {
            put::<4>(&mut head, count);
        }
        let keys = [&self.layout.session(at)[..], &self.layout.session(to), &partition.sequence];
        let bytes = head.len() + carried.len() + counts.bytes + partition.channel.len() + 128;
        let mut cmd = SCRIPTS.rotate.call(&keys, (7 + counts.arguments(), bytes));
        let body = [&to.to_bytes(), carried].concat();
        cmd.arg(head).arg(&self.message_head(at)).arg(body).arg(self.settings.publish).arg(&*partition.channel);
        let signs_in = rotation.sign_in.as_ref().map_or("", |sign_in| sign_in.principal().as_str());
        cmd.arg(listed.map_or("", |listed| listed.principal.as_str())).arg(signs_in);
        append_clears(&mut cmd, &rotation.delta, &counts);
        append(&mut cmd, &rotation.delta, &counts);
        cmd
    }

    async fn rotate_outcome(&self, answer: &Answer, rotation: &Rotation) -> Result<RotateOutcome, Error> {
        match answer.reply.split_first() {
            Some((b'A', rest)) => applied(OPERATION, rest, answer, false).map(RotateOutcome::Rotated),
            Some((b'R', rest)) => applied(OPERATION, rest, answer, true).map(RotateOutcome::Rotated),
            Some((b'M', _)) => self.moved_on(rotation.to.digest()).await,
            Some((b'X', _)) => Ok(RotateOutcome::AlreadyRotated),
            Some((b'E', rest)) => meta::ended(rest).map(RotateOutcome::Ended).ok_or_else(|| odd_reply(OPERATION)),
            Some((b'W', _)) => Err(unusable("the new id is in use")),
            _ => absent(OPERATION, &answer.reply).map(Into::into),
        }
    }

    /// The session of a repeated rotation has left the id that it moved to.
    async fn moved_on(&self, to: &IdDigest) -> Result<RotateOutcome, Error> {
        let mut sight = self.glance(OPERATION, to).await?;
        if let Sight::Moved(next, true) = sight {
            sight = self.glance(OPERATION, &next).await?;
        }
        Ok(match sight {
            Sight::Session(glance) => RotateOutcome::Rotated(glance.applied().with_repeated(true)),
            Sight::Ended(ended) => Absent::NotFound(Some(ended)).into(),
            Sight::Moved(_, false) => Absent::Superseded.into(),
            Sight::Nothing | Sight::Moved(_, true) => Absent::NotFound(None).into(),
        })
    }
}

fn unusable(message: &'static str) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_backend("redis").with_operation(OPERATION)
}
