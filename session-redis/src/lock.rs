//! Locks, which are stored in their session's hash.
//!
//! A free lock goes to the first that asks for it; waiters are not queued.

use std::time::Duration;

use redis::Cmd;
use session_core::{
    Error, SessionId,
    model::{IdDigest, OpId},
    store::{AcquireOutcome, FencingToken, SessionLock, TenureOutcome, async_trait},
};

use crate::{
    RedisStore,
    error_context::ErrorContext as _,
    net::Resend,
    operation::{Operation, Route, SendOptions},
    protocol::{AcquireReply, SCRIPTS, Script, TenureReply, millis, put},
};

impl Operation<'_> {
    /// The arguments are those that `acquire.lua` documents.
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        let cmd = |route: &Route| {
            let mut head = Vec::with_capacity(16);
            head.extend_from_slice(&u64::from(owner).to_be_bytes());
            put::<7>(&mut head, millis(lease));
            head.push(u8::from(route.through));
            self.lock_cmd(&SCRIPTS.acquire, &route.at, head)
        };
        let script = (&SCRIPTS.acquire, SendOptions::idempotent());
        let (_, answer) = self.run_script_forwarded(id.digest(), script, cmd).await?;
        Ok(match AcquireReply::parse(&answer.reply)? {
            AcquireReply::Acquired(counter) => AcquireOutcome::Acquired(FencingToken { owner, counter }),
            AcquireReply::Held(left) => AcquireOutcome::Held(left),
            AcquireReply::Absent(absent) => absent.into(),
        })
    }

    /// Renews a tenure, or ends it with a lease of zero. The arguments are those that `tenure.lua` documents.
    async fn tenure(&self, id: &SessionId, token: FencingToken, lease: u64) -> Result<TenureOutcome, Error> {
        // A second release would find the lock released, and report it as lost.
        let resend = if lease == 0 { Resend::Never } else { Resend::Harmless };
        let cmd = |route: &Route| {
            let mut head = Vec::with_capacity(24);
            head.extend_from_slice(&u64::from(token.owner).to_be_bytes());
            put::<6>(&mut head, token.counter);
            put::<7>(&mut head, lease);
            head.push(u8::from(route.through));
            self.lock_cmd(&SCRIPTS.tenure, &route.at, head)
        };
        let script = (&SCRIPTS.tenure, SendOptions { resend, replicas: 0 });
        let (_, answer) = self.run_script_forwarded(id.digest(), script, cmd).await?;
        Ok(match TenureReply::parse(&answer.reply)? {
            TenureReply::Done => TenureOutcome::Done,
            TenureReply::Lost => TenureOutcome::Lost,
            TenureReply::Absent(absent) => absent.into(),
        })
    }

    fn lock_cmd(&self, script: &Script, at: &IdDigest, head: Vec<u8>) -> Cmd {
        let mut cmd = script.command(&[&self.store.layout.session(at)], (1, head.len()));
        cmd.arg(head);
        cmd
    }
}

#[async_trait]
impl SessionLock for RedisStore {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        self.inner.operation().acquire(id, owner, lease).await.during("acquire")
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        self.inner.operation().tenure(id, token, millis(lease)).await.during("renew")
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        self.inner.operation().tenure(id, token, 0).await.during("release")
    }
}
