//! Requests: one command, several in a row, or one that waits for replicas.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, Value, aio::MultiplexedConnection};
use tokio::{sync::OwnedSemaphorePermit, time::timeout_at};

use super::{
    Address, Deadline, Dialer, Failure, close_signal::CloseOnDrop, connection::Connection, node::Node, verdict::Verdict,
};

/// A request is sent until its verdict is final. Then it has its reply.
pub(super) trait Request: Send {
    type Reply: Send;

    /// Acquires what it needs besides the connection. Nothing is sent yet.
    fn prepare(&mut self, _: &Connection, _: &Dialer) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Sends it, or the part of it that has not been executed. With `asking`, the node accepts it although it does not
    /// own the slot yet. An error means that the connection failed: it may have been executed.
    fn exchange(
        &mut self,
        connection: &Connection,
        asking: bool,
    ) -> impl Future<Output = Result<Verdict, RedisError>> + Send;

    /// Whether a part of it was executed, although its verdict was not final.
    fn is_partly_done(&self) -> bool {
        false
    }

    /// Compares a final reply with what its server has answered lately.
    fn compare(&mut self, _server: &Node, _address: &Address) {}

    /// The reply, once the verdict is final.
    fn reply(self) -> Result<Self::Reply, Failure>;
}

/// One command.
pub(super) struct Single<'a> {
    command: &'a Cmd,
    reply: Value,
}

impl<'a> Single<'a> {
    pub(super) fn new(command: &'a Cmd) -> Self {
        Self { command, reply: Value::Nil }
    }
}

impl Request for Single<'_> {
    type Reply = Value;

    async fn exchange(&mut self, connection: &Connection, asking: bool) -> Result<Verdict, RedisError> {
        let mut multiplexed = connection.multiplexed.clone();
        self.reply = send_command(&mut multiplexed, self.command, asking).await?;
        Ok(Verdict::of(&self.reply))
    }

    fn compare(&mut self, server: &Node, address: &Address) {
        if let Value::ServerError(refusal) = &self.reply {
            server.refused(address, refusal);
        }
    }

    fn reply(self) -> Result<Value, Failure> {
        accepted(self.reply)
    }
}

/// Several commands for one slot, in a row. While a slot moves each may be redirected separately, so each has its own
/// reply. Only commands that were not executed are sent again, unless all of them may be repeated.
pub(super) struct Batch<'a> {
    commands: &'a Pipeline,
    replies: Vec<Value>,
    /// The indexes of the commands that have not been executed. Empty before the first reply: all of them.
    open: Vec<usize>,
    may_repeat: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(commands: &'a Pipeline, may_repeat: bool) -> Self {
        debug_assert!(!commands.is_transaction(), "a transaction nests its replies");
        Self { commands, replies: Vec::new(), open: Vec::new(), may_repeat }
    }

    /// The commands to send now, unless all of them are to be sent.
    fn remainder(&self) -> Option<Vec<&'a Cmd>> {
        if self.open.is_empty() {
            return None;
        }
        let commands: Vec<_> = self.commands.cmd_iter().collect();
        Some(self.open.iter().filter_map(|&at| commands.get(at).copied()).collect())
    }

    /// Stores the replies and finds the commands that must be sent again.
    fn absorb(&mut self, replies: Vec<Value>) -> Verdict {
        if self.open.is_empty() {
            self.replies = replies;
        } else {
            for (&at, reply) in self.open.iter().zip(replies) {
                if let Some(place) = self.replies.get_mut(at) {
                    *place = reply;
                }
            }
        }
        let mut verdict = Verdict::Final;
        self.open.clear();
        for (at, reply) in self.replies.iter().enumerate() {
            let one = Verdict::of(reply);
            if !one.is_final() {
                self.open.push(at);
                if verdict.is_final() {
                    verdict = one;
                }
            }
        }
        if self.may_repeat {
            // So that all replies come from one node.
            self.open.clear();
        }
        verdict
    }
}

impl Request for Batch<'_> {
    type Reply = Vec<Value>;

    async fn exchange(&mut self, connection: &Connection, asking: bool) -> Result<Verdict, RedisError> {
        let mut multiplexed = connection.multiplexed.clone();
        let replies = match (self.remainder(), asking) {
            (None, false) => multiplexed.send_packed_commands(self.commands, 0, self.commands.len()).await?,
            (Some(commands), false) => {
                let pipeline = joined(commands);
                multiplexed.send_packed_commands(&pipeline, 0, pipeline.len()).await?
            }
            (remainder, true) => {
                let commands = remainder.unwrap_or_else(|| self.commands.cmd_iter().collect());
                let pipeline = asked(commands);
                let replies = multiplexed.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
                replies.into_iter().skip(1).step_by(2).collect()
            }
        };
        Ok(self.absorb(replies))
    }

    fn is_partly_done(&self) -> bool {
        !self.open.is_empty() && self.open.len() < self.replies.len()
    }

    fn reply(self) -> Result<Vec<Value>, Failure> {
        Ok(self.replies)
    }
}

/// Reads, and behind them their guard: a write that changes nothing. Their server is believed if it accepts the guard, and
/// is not under suspicion.
pub(super) struct Guarded<'a>(Batch<'a>);

impl<'a> Guarded<'a> {
    pub(super) fn new(commands: &'a Pipeline) -> Self {
        Self(Batch::new(commands, true))
    }
}

impl Request for Guarded<'_> {
    type Reply = Vec<Value>;

    async fn exchange(&mut self, connection: &Connection, asking: bool) -> Result<Verdict, RedisError> {
        self.0.exchange(connection, asking).await
    }

    fn compare(&mut self, server: &Node, address: &Address) {
        let Some(guard) = self.0.replies.last_mut() else { return };
        if let Value::ServerError(refusal) = guard {
            server.refused(address, refusal);
        } else if let Some(refusal) = server.accepted(address) {
            *guard = Value::ServerError(refusal);
        }
    }

    fn reply(self) -> Result<Vec<Value>, Failure> {
        self.0.reply()
    }
}

/// One command, and the wait until replicas acknowledge it. It blocks its connection, so it has one of its own.
pub(super) struct Durable<'a> {
    command: &'a Cmd,
    replicas: u32,
    deadline: Deadline,
    /// Its own connection, and the permit to use one.
    own: Option<(MultiplexedConnection, Option<OwnedSemaphorePermit>)>,
    reply: Value,
    reached: u32,
}

impl<'a> Durable<'a> {
    pub(super) fn new(command: &'a Cmd, replicas: u32, deadline: Deadline) -> Self {
        Self { command, replicas, deadline, own: None, reply: Value::Nil, reached: 0 }
    }

    /// How long the server may wait: it must answer before the deadline. Zero would mean no limit.
    fn wait_millis(&self) -> u128 {
        let left = self.deadline.remaining();
        (left - left / 10).max(Duration::from_millis(1)).as_millis()
    }
}

impl Request for Durable<'_> {
    type Reply = (Value, u32);

    async fn prepare(&mut self, connection: &Connection, dialer: &Dialer) -> Result<(), Failure> {
        self.own = None;
        let permit = connection.pool.permit().await;
        // A connection that was closed while it was idle must not cost the write its answer. One that something in between
        // has silently dropped costs it a part of its time.
        let own = match connection.pool.take_open(self.deadline.remaining() / 4).await {
            Some(own) => own,
            None => dialer.dial_primary(&connection.address, None::<CloseOnDrop>).await?,
        };
        self.own = Some((own, permit));
        Ok(())
    }

    async fn exchange(&mut self, connection: &Connection, asking: bool) -> Result<Verdict, RedisError> {
        // The permit is held to the end, so that no more connections are open than allowed.
        let Some((mut own, permit)) = self.own.take() else { return Err(out_of_order()) };
        let mut waiting = own.clone();
        let (replicas, wait_millis, deadline) = (self.replicas, self.wait_millis(), self.deadline);
        let mut wait = Box::pin(async move {
            let mut wait = redis::cmd("WAIT");
            wait.arg(replicas).arg(wait_millis.to_string());
            waiting.send_packed_command(&wait).await
        });
        // Both are sent together, in this order. A refusal must not be delayed by the wait, which is pointless then.
        let reply = tokio::select! {
            biased;
            reply = send_command(&mut own, self.command, asking) => reply?,
            early = &mut wait => return Err(early.err().unwrap_or_else(out_of_order)),
        };
        let verdict = Verdict::of(&reply);
        let refused = matches!(reply, Value::ServerError(_));
        self.reply = reply;
        let pool = connection.pool.clone();
        let outlast = async move {
            // A server that is demoted meanwhile answers the wait with an error, a broken connection gives no answer, and
            // a busy machine answers too late. The command was executed all the same, and no replica is known to have
            // acknowledged it. The wait ends no later than the call, which then still returns the reply.
            let reached = timeout_at(deadline.instant(), wait).await.ok()?.ok()?;
            // Only now: on a connection abandoned during the wait the server may still be waiting.
            pool.put(own);
            drop(permit);
            Some(reached)
        };
        if refused {
            // Dropping the connection would cost a new one for each refusal, and a machine runs out of ports.
            tokio::spawn(outlast);
        } else if let Some(Value::Int(reached)) = outlast.await {
            self.reached = u32::try_from(reached).unwrap_or(0);
        }
        Ok(verdict)
    }

    fn reply(self) -> Result<(Value, u32), Failure> {
        accepted(self.reply).map(|reply| (reply, self.reached))
    }
}

async fn send_command(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
    asking: bool,
) -> Result<Value, RedisError> {
    if !asking {
        return connection.send_packed_command(command).await;
    }
    let mut replies = connection.send_packed_commands(&asked([command]), 0, 2).await?;
    Ok(replies.pop().unwrap_or(Value::Nil))
}

/// Cannot happen: replies come in the order of their requests, and a request is prepared before it is sent.
fn out_of_order() -> RedisError {
    RedisError::from((redis::ErrorKind::Parse, "a reply came out of order"))
}

fn accepted(reply: Value) -> Result<Value, Failure> {
    match reply {
        Value::ServerError(error) => Err(Failure::Refused(error)),
        reply => Ok(reply),
    }
}

fn joined<'a>(commands: impl IntoIterator<Item = &'a Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    pipeline
}

/// The commands, each preceded by an ASKING, which applies to one command only.
fn asked<'a>(commands: impl IntoIterator<Item = &'a Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.cmd("ASKING");
        pipeline.add_command(command.clone());
    }
    pipeline
}
