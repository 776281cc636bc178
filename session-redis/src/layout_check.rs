//! Whether the servers hold the sessions in the layout of this store.
//!
//! The layout is declared in a key, which is gone if a server was flushed or replaced by an empty one. So each new
//! connection and each health check declares it again, or finds that another store has declared another one meanwhile:
//! the two would not find each other's sessions. A check is one short command, and none is added to any call. Before a
//! store has found its layout declared for the first time, it sends no other request.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use redis::{Cmd, Pipeline, ServerError, Value as Reply, aio::MultiplexedConnection};
use session_core::model::Timestamp;

use crate::{
    layout::Layout,
    net::{Cause, Failure, HashSlot, Resend},
    operation::Operation,
    tags::slot_of_key,
};

/// Declares the layout, and finds disagreements.
pub(crate) struct LayoutCheck {
    /// A plain read: a server that accepts no writes for the time being still answers it.
    get: Cmd,
    set: Cmd,
    get_and_set: Pipeline,
    slot: HashSlot,
    declared: String,
    partitions: usize,
    is_declared: AtomicBool,
    /// The disagreement found last. In a cluster one primary has the key, and the store must stop at all of them.
    disagreement: Mutex<Option<Cause>>,
}

impl LayoutCheck {
    pub(crate) fn new(layout: &Layout) -> Self {
        let (key, declared) = layout.declaration();
        let (mut get, mut set) = (redis::cmd("GET"), redis::cmd("SET"));
        get.arg(&key);
        set.arg(&key).arg(&declared).arg("NX").arg("GET");
        let mut get_and_set = Pipeline::with_capacity(2);
        get_and_set.add_command(get.clone()).add_command(set.clone());
        Self {
            get,
            set,
            get_and_set,
            slot: HashSlot::new(slot_of_key(key.as_bytes())),
            declared,
            partitions: layout.partitions().len(),
            is_declared: AtomicBool::new(false),
            disagreement: Mutex::new(None),
        }
    }

    /// Declares the layout on a server that has none. A server that refuses to, or that does not have the key, is asked
    /// again by the next check. The declaration is also sent to a server that has it, and changes nothing there: its
    /// refusal, which is returned, shows that the server accepts no writes.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if another layout is declared; the connection's failure as `lost` reads it.
    pub(crate) async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        lost: fn(redis::RedisError) -> Failure,
    ) -> Result<Option<ServerError>, Failure> {
        let replies = connection.send_packed_commands(&self.get_and_set, 0, 2).await.map_err(lost)?;
        let [read, written] = replies.try_into().unwrap_or([Reply::Okay, Reply::Okay]);
        self.judge(if read == Reply::Nil { &written } else { &read })?;
        match written {
            Reply::ServerError(refusal) => Ok(Some(refusal)),
            _ => Ok(None),
        }
    }

    /// Reads the answer to a declaration. A failure of an earlier one goes on until the layout is found declared.
    fn judge(&self, reply: &Reply) -> Result<(), Failure> {
        let mut disagreement = self.disagreement.lock();
        match reply {
            Reply::Nil => *disagreement = None,
            Reply::BulkString(found) if found == self.declared.as_bytes() => *disagreement = None,
            Reply::BulkString(found) => *disagreement = Some(self.other(found)),
            Reply::ServerError(error) if error.code() == "WRONGTYPE" => {
                *disagreement = Some(Cause::new("the key of the layout holds something else; choose another prefix"));
            }
            _ => return disagreement.clone().map_or(Ok(()), |cause| Err(Failure::Fatal(cause))),
        }
        self.is_declared.store(disagreement.is_none(), Ordering::Release);
        disagreement.clone().map_or(Ok(()), |cause| Err(Failure::Fatal(cause)))
    }

    fn other(&self, found: &[u8]) -> Cause {
        let partitions =
            std::str::from_utf8(found).ok().and_then(|found| found.strip_prefix("1:")?.parse::<u32>().ok());
        Cause::new(match partitions {
            Some(partitions) => format!(
                "the sessions under this prefix are in {partitions} partitions, and this store is set to {}; set \
                 `partitions` to {partitions}, or choose another prefix",
                self.partitions
            ),
            None => "another version wrote the sessions under this prefix; choose another prefix".to_owned(),
        })
    }
}

impl Operation<'_> {
    /// Returns once the operation may send its requests.
    pub(crate) async fn admit(&self) -> Result<(), Failure> {
        if self.store.layout_check.is_declared.load(Ordering::Acquire) {
            return Ok(());
        }
        Box::pin(self.check_layout()).await
    }

    /// Declares the layout on the server that has its key, and learns the time of a server.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if another layout is declared.
    pub(crate) async fn check_layout(&self) -> Result<(), Failure> {
        let check = &*self.store.layout_check;
        let send = |cmd| self.store.net.command(self.deadline, check.slot, cmd, Resend::Harmless);
        let reply = match send(&check.get).await {
            Ok(Reply::Nil) => send(&check.set).await,
            reply => reply,
        };
        let reply = match reply {
            Err(Failure::Refused(error)) if error.code() == "WRONGTYPE" => Reply::ServerError(error),
            reply => reply?,
        };
        check.judge(&reply)?;
        self.read_clock().await;
        Ok(())
    }

    /// Learns the time of a server. A store that does not know it sends its first updates without a limit.
    async fn read_clock(&self) {
        let clock = &self.store.layout.clock;
        if clock.at_the_end_of(self.deadline).is_some() {
            return;
        }
        let Some(partition) = self.store.layout.partitions().first() else { return };
        let slot = HashSlot::new(partition.slot);
        let time = self.store.net.command(self.deadline, slot, &redis::cmd("TIME"), Resend::Harmless).await;
        let number = |reply: &Reply| match reply {
            Reply::BulkString(digits) => std::str::from_utf8(digits).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        if let Ok(Reply::Array(time)) = time
            && let [Some(seconds), Some(micros)] = time.iter().map(number).collect::<Vec<_>>()[..]
        {
            let millis = seconds.saturating_mul(1_000).saturating_add(micros.div_ceil(1_000));
            clock.observe(self.deadline, Timestamp::from_millis(millis));
        }
    }
}
