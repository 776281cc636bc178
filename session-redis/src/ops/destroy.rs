use redis::Cmd;
use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{Destroy, DestroyOutcome},
};

use super::{Answer, Sending, absent, elsewhere};
use crate::{
    inner::Inner,
    meta::{millis, put, reason_byte},
    net::Resend,
    script::SCRIPTS,
};

const OPERATION: &str = "destroy";

impl Inner {
    pub(crate) async fn destroy(&self, id: &SessionId, destroy: &Destroy) -> Result<DestroyOutcome, Error> {
        let (at, answer) = self.destroy_at(id.digest(), destroy).await?;
        match answer.reply.first() {
            Some(b'A' | b'R') => {
                self.recent.note(at, *destroy);
                Ok(DestroyOutcome::Destroyed { replicas: answer.replicas, forwarded: elsewhere(at, id) })
            }
            _ => absent(OPERATION, &answer.reply).map(Into::into),
        }
    }

    pub(crate) async fn destroy_at(&self, digest: &IdDigest, destroy: &Destroy) -> Result<(IdDigest, Answer), Error> {
        let sending = Sending { operation: OPERATION, resend: Resend::Harmless, replicas: destroy.write.replicas };
        let cmd = |at: &IdDigest, through| self.destroy_cmd(at, destroy, through);
        self.call_through(digest, (&SCRIPTS.destroy, sending), cmd).await
    }

    pub(crate) fn destroy_cmd(&self, at: &IdDigest, destroy: &Destroy, through: bool) -> Cmd {
        let partition = self.layout.partition(at);
        let mut head = Vec::with_capacity(24);
        head.extend_from_slice(&destroy.write.op.bits().to_be_bytes());
        head.push(reason_byte(destroy.reason));
        put::<7>(&mut head, millis(self.settings.tombstone));
        head.push(u8::from(through));
        let keys = [&self.layout.session(at)[..], &partition.sequence];
        let mut cmd = SCRIPTS.destroy.call(&keys, (4, head.len() + partition.channel.len() + 48));
        cmd.arg(head).arg(&self.message_head(at)).arg(self.settings.publish).arg(&*partition.channel);
        cmd
    }
}
