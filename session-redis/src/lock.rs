//! Locks, which stand in their session's hash.
//!
//! Who asks first when a lock is free gets it: waiters are not queued.

use std::time::Duration;

use redis::Cmd;
use session_core::{
    Error, SessionId,
    model::IdDigest,
    store::{AcquireOutcome, FencingToken, LockOwner, SessionLock, TenureOutcome, async_trait},
};

use crate::{
    RedisStore,
    meta::{Cursor, millis, put},
    net::Resend,
    ops::{Sending, absent, odd_reply},
    script::SCRIPTS,
};

impl RedisStore {
    async fn tenure(
        &self,
        operation: &'static str,
        id: &SessionId,
        token: FencingToken,
        lease: u64,
    ) -> Result<TenureOutcome, Error> {
        // A release that is sent twice would find the lock released, and call it lost.
        let resend = if lease == 0 { Resend::Never } else { Resend::Harmless };
        let cmd = |at: &IdDigest, through: bool| {
            let mut head = Vec::with_capacity(24);
            head.extend_from_slice(&token.owner().bits().to_be_bytes());
            put::<6>(&mut head, token.counter());
            put::<7>(&mut head, lease);
            head.push(u8::from(through));
            self.lock_cmd(&SCRIPTS.tenure, at, head)
        };
        let sending = Sending { operation, resend, replicas: 0 };
        let call = self.inner.call_through(id.digest(), (&SCRIPTS.tenure, sending), cmd);
        let (_, answer) = self.inner.net.within_one_deadline(call).await?;
        match answer.reply.first() {
            Some(b'A') => Ok(TenureOutcome::Done),
            Some(b'X') => Ok(TenureOutcome::Lost),
            _ => absent(operation, &answer.reply).map(Into::into),
        }
    }

    fn lock_cmd(&self, script: &crate::script::Script, at: &IdDigest, head: Vec<u8>) -> Cmd {
        let mut cmd = script.call(&[&self.inner.layout.session(at)], (1, head.len()));
        cmd.arg(head);
        cmd
    }
}

#[async_trait]
impl SessionLock for RedisStore {
    async fn acquire(&self, id: &SessionId, owner: LockOwner, lease: Duration) -> Result<AcquireOutcome, Error> {
        const OPERATION: &str = "acquire";
        let cmd = |at: &IdDigest, through: bool| {
            let mut head = Vec::with_capacity(16);
            head.extend_from_slice(&owner.bits().to_be_bytes());
            put::<7>(&mut head, millis(lease));
            head.push(u8::from(through));
            self.lock_cmd(&SCRIPTS.acquire, at, head)
        };
        let sending = Sending { operation: OPERATION, resend: Resend::Harmless, replicas: 0 };
        let call = self.inner.call_through(id.digest(), (&SCRIPTS.acquire, sending), cmd);
        let (_, answer) = self.inner.net.within_one_deadline(call).await?;
        let Some((sort, rest)) = answer.reply.split_first() else { return Err(odd_reply(OPERATION)) };
        let mut cursor = Cursor(rest);
        match (sort, rest.len()) {
            (b'A', 6) => {
                let counter = cursor.number::<6>().ok_or_else(|| odd_reply(OPERATION))?;
                Ok(AcquireOutcome::Acquired(FencingToken::new(owner, counter)))
            }
            (b'H', 7) => {
                let left = cursor.number::<7>().ok_or_else(|| odd_reply(OPERATION))?;
                Ok(AcquireOutcome::Held(Duration::from_millis(left)))
            }
            _ => absent(OPERATION, &answer.reply).map(Into::into),
        }
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        self.tenure("renew", id, token, millis(lease)).await
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        self.tenure("release", id, token, 0).await
    }
}
