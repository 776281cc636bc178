//! What can be sent: one command, several in a row, or one that waits for replicas.

use std::time::Duration;

use redis::{Cmd, Pipeline, RedisError, Value, aio::MultiplexedConnection};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout_at},
};

use super::{
    Dialer, Failure,
    link::{Link, Watch},
    verdict::Verdict,
};

/// What can be sent. A request is sent until its verdict is final, then gives its reply.
pub(super) trait Request: Send {
    type Reply: Send;

    /// Gets hold of what it takes besides the link. Nothing leaves yet.
    fn prepare(&mut self, _: &Link, _: &Dialer) -> impl Future<Output = Result<(), Failure>> + Send {
        std::future::ready(Ok(()))
    }

    /// Sends it, or the part of it that is not executed yet. With `asking`, the node takes it although the slot is not
    /// its own yet. An error means that the connection failed: it may have been executed.
    fn exchange(&mut self, link: &Link, asking: bool) -> impl Future<Output = Result<Verdict, RedisError>> + Send;

    /// Whether a part of it was executed, although its verdict was not final.
    fn is_partly_done(&self) -> bool {
        false
    }

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

    async fn exchange(&mut self, link: &Link, asking: bool) -> Result<Verdict, RedisError> {
        let mut connection = link.connection.clone();
        self.reply = send(&mut connection, self.command, asking).await?;
        Ok(Verdict::of(&self.reply))
    }

    fn reply(self) -> Result<Value, Failure> {
        accepted(self.reply)
    }
}

/// Several commands for one slot, in a row. Each may be redirected on its own while a slot moves, so each has its own
/// reply; only those that were not executed are sent again, unless all may be.
pub(super) struct Batch<'a> {
    commands: &'a Pipeline,
    replies: Vec<Value>,
    /// The places of the commands that are not executed yet; all while empty and no reply has come.
    open: Vec<usize>,
    may_repeat: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn new(commands: &'a Pipeline, may_repeat: bool) -> Self {
        debug_assert!(!commands.is_transaction(), "the replies of a transaction stand elsewhere");
        Self { commands, replies: Vec::new(), open: Vec::new(), may_repeat }
    }

    /// The commands to send now, if they are not simply all of them.
    fn remainder(&self) -> Option<Vec<&'a Cmd>> {
        if self.open.is_empty() {
            return None;
        }
        let commands: Vec<_> = self.commands.cmd_iter().collect();
        Some(self.open.iter().filter_map(|&at| commands.get(at).copied()).collect())
    }

    /// Takes the replies in and finds what is still to be sent.
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
            // All replies of one node, rather than some of each.
            self.open.clear();
        }
        verdict
    }
}

impl Request for Batch<'_> {
    type Reply = Vec<Value>;

    async fn exchange(&mut self, link: &Link, asking: bool) -> Result<Verdict, RedisError> {
        let mut connection = link.connection.clone();
        let replies = match (self.remainder(), asking) {
            (None, false) => connection.send_packed_commands(self.commands, 0, self.commands.len()).await?,
            (Some(commands), false) => {
                let pipeline = joined(commands);
                connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?
            }
            (remainder, true) => {
                let commands = remainder.unwrap_or_else(|| self.commands.cmd_iter().collect());
                let pipeline = asked(commands);
                let replies = connection.send_packed_commands(&pipeline, 0, pipeline.len()).await?;
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

/// One command, and the wait until replicas have it. It blocks its connection, so it has one of its own.
pub(super) struct Durable<'a> {
    command: &'a Cmd,
    replicas: u32,
    deadline: Instant,
    /// The connection, and the leave to use one.
    line: Option<(MultiplexedConnection, Option<OwnedSemaphorePermit>)>,
    reply: Value,
    reached: u32,
}

impl<'a> Durable<'a> {
    pub(super) fn new(command: &'a Cmd, replicas: u32, deadline: Instant) -> Self {
        Self { command, replicas, deadline, line: None, reply: Value::Nil, reached: 0 }
    }

    /// How long the server may wait: it must answer before we stop listening. Zero would mean for ever.
    fn patience(&self) -> u128 {
        let left = self.deadline.saturating_duration_since(Instant::now());
        (left - left / 10).max(Duration::from_millis(1)).as_millis()
    }
}

impl Request for Durable<'_> {
    type Reply = (Value, u32);

    async fn prepare(&mut self, link: &Link, dialer: &Dialer) -> Result<(), Failure> {
        self.line = None;
        let permit = link.pool.permit().await;
        let connection = match link.pool.take() {
            Some(connection) => connection,
            None => dialer.dial_primary(&link.address, None::<Watch>).await?,
        };
        self.line = Some((connection, permit));
        Ok(())
    }

    async fn exchange(&mut self, link: &Link, asking: bool) -> Result<Verdict, RedisError> {
        // Held to the end, so that no more connections are open than allowed.
        let Some((mut connection, permit)) = self.line.take() else { return Err(out_of_order()) };
        let mut waiting = connection.clone();
        let (replicas, patience, deadline) = (self.replicas, self.patience(), self.deadline);
        let mut wait = Box::pin(async move {
            let mut wait = redis::cmd("WAIT");
            wait.arg(replicas).arg(patience.to_string());
            waiting.send_packed_command(&wait).await
        });
        // Both leave together, in this order; but the wait is pointless after a refusal, which must not be held up.
        let reply = tokio::select! {
            biased;
            reply = send(&mut connection, self.command, asking) => reply?,
            early = &mut wait => return Err(early.err().unwrap_or_else(out_of_order)),
        };
        let verdict = Verdict::of(&reply);
        let refused = matches!(reply, Value::ServerError(_));
        self.reply = reply;
        let pool = link.pool.clone();
        let outlast = async move {
            // A server that is demoted meanwhile answers the wait with an error, a connection that is cut does not
            // answer, and a busy machine too late: the command was executed all the same, and no replica is known to
            // have it. The wait ends no later than the call, which then still gives the reply.
            let reached = timeout_at(deadline, wait).await.ok()?.ok()?;
            // Only now: on a connection that was left in the middle the server may still be waiting.
            pool.put(connection);
            drop(permit);
            Some(reached)
        };
        if refused {
            // Thrown away, each refusal would cost a connection, and a machine has a port for so many a minute.
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

async fn send(connection: &mut MultiplexedConnection, command: &Cmd, asking: bool) -> Result<Value, RedisError> {
    if !asking {
        return connection.send_packed_command(command).await;
    }
    let mut replies = connection.send_packed_commands(&asked([command]), 0, 2).await?;
    Ok(replies.pop().unwrap_or(Value::Nil))
}

/// Replies come in the order of their requests, and a request is prepared before it is sent.
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

/// The commands, each behind an ASKING of its own: it holds for one command only.
fn asked<'a>(commands: impl IntoIterator<Item = &'a Cmd>) -> Pipeline {
    let mut pipeline = Pipeline::new();
    for command in commands {
        pipeline.cmd("ASKING");
        pipeline.add_command(command.clone());
    }
    pipeline
}
