//! Session locks, as the reference [`machine`] defines them.

use std::time::Duration;

use session_core::{
    Error, SessionId,
    model::OpId,
    store::{AcquireOutcome, FencingToken, SessionLock, TenureOutcome, async_trait, machine},
};

use crate::MemoryStore;

#[async_trait]
impl SessionLock for MemoryStore {
    async fn acquire(&self, id: &SessionId, owner: OpId, lease: Duration) -> Result<AcquireOutcome, Error> {
        let id = id.digest();
        Ok(self.data.with_shard_of(id, |shard, now| machine::acquire(shard, now, id, owner, lease)))
    }

    async fn renew(&self, id: &SessionId, token: FencingToken, lease: Duration) -> Result<TenureOutcome, Error> {
        let id = id.digest();
        Ok(self.data.with_shard_of(id, |shard, now| machine::renew_lock(shard, now, id, token, lease)))
    }

    async fn release(&self, id: &SessionId, token: FencingToken) -> Result<TenureOutcome, Error> {
        let id = id.digest();
        Ok(self.data.with_shard_of(id, |shard, now| machine::release(shard, now, id, token)))
    }
}
