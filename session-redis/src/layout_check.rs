//! Whether the servers hold the sessions in the layout of this store.
//!
//! The layout is declared in a key, which is gone if a server was flushed or replaced by an empty one. So each new
//! connection and each health check declares it again, or finds that another store has declared another one meanwhile:
//! the two would not find each other's sessions. A check is one short command, and none is added to any call.

use parking_lot::Mutex;
use redis::{Cmd, RedisResult, Value as Reply, aio::MultiplexedConnection};

use crate::{
    layout::Layout,
    net::{Cause, Failure},
};

/// Declares the layout, and finds disagreements.
pub(crate) struct LayoutCheck {
    get: Cmd,
    set: Cmd,
    declared: String,
    partitions: usize,
    /// The disagreement found last. In a cluster one primary has the key, and the store must stop at all of them.
    disagreement: Mutex<Option<Cause>>,
}

impl LayoutCheck {
    pub(crate) fn new(layout: &Layout) -> Self {
        let (key, declared) = layout.declaration();
        let (mut get, mut set) = (redis::cmd("GETEX"), redis::cmd("SET"));
        get.arg(&key).arg("PERSIST");
        set.arg(&key).arg(&declared).arg("NX").arg("GET");
        Self { get, set, declared, partitions: layout.partitions().len(), disagreement: Mutex::new(None) }
    }

    /// Declares the layout on a server that has none. A server that refuses to, or that does not have the key, is asked
    /// again by the next check.
    ///
    /// # Errors
    /// [`Failure::Fatal`] if another layout is declared; the connection's failure as `lost` reads it.
    pub(crate) async fn run(
        &self,
        connection: &mut MultiplexedConnection,
        lost: fn(redis::RedisError) -> Failure,
    ) -> Result<(), Failure> {
        let mut reply = answer(connection.send_packed_command(&self.get).await).map_err(lost)?;
        if reply == Reply::Nil {
            reply = answer(connection.send_packed_command(&self.set).await).map_err(lost)?;
        }
        let mut disagreement = self.disagreement.lock();
        match reply {
            Reply::Nil => *disagreement = None,
            Reply::BulkString(found) if found == self.declared.as_bytes() => *disagreement = None,
            Reply::BulkString(found) => *disagreement = Some(self.other(&found)),
            Reply::ServerError(error) if error.code() == "WRONGTYPE" => {
                *disagreement = Some(Cause::new("the key of the layout holds something else; choose another prefix"));
            }
            _ => {}
        }
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

/// A refusal is a reply.
fn answer(reply: RedisResult<Reply>) -> RedisResult<Reply> {
    reply.or_else(|error| redis::ServerError::try_from(error).map(Reply::ServerError))
}
