//! Reads that count only if their server could still write.
//!
//! Redis answers reads on any server: on a primary that is cut off from its replicas and has been replaced, and on one
//! that has become a replica. There destroyed sessions still exist. Only writes are refused, so each read is followed by
//! a write in the same pipeline, and its answer counts only if that write is accepted.
//!
//! The write removes a field that no hash has. It changes nothing, is not replicated, and works while the server is out
//! of memory. It names the key of the read: while a slot moves, the two keys of a partition may be on different servers,
//! and a write to another key would be redirected where the session is not. It comes last, because a server that still
//! accepts writes then had not been replaced before. After a refusal for want of replicas one that is accepted is not
//! enough: see `net/suspicion.rs`.

use redis::{Cmd, Pipeline, ServerError, Value as Reply};
use session_core::Error;

use crate::{
    layout::{GUARD_FIELD, Partition},
    net::{Failure, HashSlot},
    operation::{Operation, RELOADS},
    protocol::{Script, unexpected_reply},
};

impl Operation<'_> {
    /// Sends two reads of a key and their guard in one round trip. A refusal of any of them is an error.
    pub(crate) async fn read(
        &self,
        partition: &Partition,
        key: &[u8],
        mut reads: Pipeline,
    ) -> Result<[Reply; 2], Error> {
        reads.cmd("HDEL").arg(key).arg(GUARD_FIELD);
        self.admit().await.map_err(Failure::into_read_error)?;
        let slot = HashSlot::new(partition.slot);
        let replies = self.store.net.guarded(self.deadline, slot, &reads).await;
        let replies = replies.map_err(Failure::into_read_error)?;
        self.check_accepted(&replies)?;
        let [first, second, _] = replies.try_into().map_err(|_| unexpected_reply())?;
        Ok([first, second])
    }

    /// Runs a script that only reads, and its guard by one of its keys. A script with several keys runs only where all of
    /// them are, also while a slot moves.
    pub(crate) async fn read_by_script(
        &self,
        script: &Script,
        (partition, key): (&Partition, &[u8]),
        cmd: &Cmd,
    ) -> Result<Vec<u8>, Error> {
        self.admit().await.map_err(Failure::into_read_error)?;
        let slot = HashSlot::new(partition.slot);
        let mut replies = Vec::new();
        for attempt in 0..=RELOADS {
            let mut reads = Pipeline::with_capacity(3);
            if attempt > 0 {
                reads.add_command(script.load());
            }
            reads.add_command(cmd.clone()).cmd("HDEL").arg(key).arg(GUARD_FIELD);
            let answer = self.store.net.guarded(self.deadline, slot, &reads).await;
            replies = answer.map_err(Failure::into_read_error)?;
            let is_forgotten = |reply: &Reply| matches!(reply, Reply::ServerError(error) if error.code() == "NOSCRIPT");
            if !replies.iter().any(is_forgotten) {
                break;
            }
        }
        self.check_accepted(&replies)?;
        match replies.into_iter().rev().nth(1) {
            Some(Reply::BulkString(reply)) => Ok(reply),
            _ => Err(unexpected_reply()),
        }
    }

    /// An error if one of them is a refusal.
    fn check_accepted(&self, replies: &[Reply]) -> Result<(), Error> {
        match replies.iter().find_map(|reply| self.refusal(reply)) {
            Some(refusal) => Err(Failure::Refused(refusal.clone()).into_read_error()),
            None => Ok(()),
        }
    }

    /// The refusal that a reply is, unless the read counts all the same. A server that cannot save refuses writes too.
    /// Sentinels replace it for that reason, and its answers are old from then on. Nothing else replaces it.
    fn refusal<'r>(&self, reply: &'r Reply) -> Option<&'r ServerError> {
        match reply {
            Reply::ServerError(error) if error.code() == "MISCONF" && !self.store.settings.has_sentinels => None,
            Reply::ServerError(error) => Some(error),
            _ => None,
        }
    }
}
