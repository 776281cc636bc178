use redis::Cmd;
use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{Destroy, DestroyOutcome},
};

use crate::{
    operation::{Answer, Operation, Route, SendOptions, forwarded},
    protocol::{DestroyReply, SCRIPTS, millis, put, reason_byte},
};

impl Operation<'_> {
    pub(crate) async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let (at, answer) = self.destroy_at(id.digest(), destroy).await?;
        match DestroyReply::parse(&answer.reply)? {
            DestroyReply::Destroyed(left) | DestroyReply::Repeated(left) => {
                self.store.recent_destroys.remember(*id.digest(), at, left, *destroy);
                Ok(DestroyOutcome::Destroyed { replicas: answer.replicas, forwarded: forwarded(at, id) })
            }
            DestroyReply::Absent(absent) => Ok(absent.into()),
        }
    }

    pub(crate) async fn destroy_at(&self, digest: &IdDigest, destroy: &Destroy) -> Result<(IdDigest, Answer), Error> {
        let options = SendOptions::idempotent().with_replicas(destroy.write.replicas);
        let cmd = |route: &Route| self.destroy_cmd(&route.at, destroy, route.through);
        let (route, answer) = self.run_script_forwarded(digest, (&SCRIPTS.destroy, options), cmd).await?;
        Ok((route.at, answer))
    }

    /// The arguments are those that `destroy.lua` documents.
    pub(crate) fn destroy_cmd(&self, at: &IdDigest, destroy: &Destroy, through: bool) -> Cmd {
        let (layout, settings) = (&self.store.layout, &self.store.settings);
        let partition = layout.partition(at);
        let mut head = Vec::with_capacity(24);
        head.extend_from_slice(&u64::from(destroy.write.op).to_be_bytes());
        head.push(reason_byte(destroy.reason));
        put::<7>(&mut head, millis(settings.tombstone));
        head.push(u8::from(through));
        let keys = [&layout.session(at)[..], &partition.sequence];
        let mut cmd = SCRIPTS.destroy.command(&keys, (4, head.len() + partition.channel.len() + 48));
        cmd.arg(head).arg(&self.message_head(at)).arg(settings.publish).arg(&*partition.channel);
        cmd
    }
}
