//! A request to a server, and its reply.

use std::sync::Arc;

use session_core::{Error, ErrorKind};
use tokio::sync::oneshot;

use super::{Millis, Sim, StoreMistake, World, node::COMMAND_CONNS, settings::CALL_DEADLINE};

/// What a server executes for a request. A partition that has moved is asked for again at its new server.
pub(crate) type Work<T> = Arc<dyn Fn(&mut World, usize) -> Result<T, Error> + Send + Sync>;

/// The reply of a server.
enum Reply<T> {
    Done(Result<T, Error>),
    /// The partition is at this shard.
    Moved(usize),
}

/// A request of a node concerning a partition.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) node: usize,
    pub(crate) partition: u16,
    pub(crate) write: bool,
    /// Whether it may arrive long after its connection has ended.
    pub(crate) lingers: bool,
}

/// A connection at the time of sending.
#[derive(Clone, Copy)]
struct Sent {
    shard: usize,
    index: usize,
    epoch: u64,
}

impl Request {
    /// Sends the request and waits for its reply until the call deadline. Dropping the future does not recall the request.
    pub(crate) async fn call<T: Send + 'static>(self, sim: &Sim, work: Work<T>) -> Result<(T, Millis), Error> {
        let deadline = sim.now() + CALL_DEADLINE;
        loop {
            sim.running(self.node).await;
            let sent = sim.now();
            let Some(answer) = self.send(sim, work.clone()) else {
                sim.sleep(1).await;
                return Err(Error::new(ErrorKind::Unavailable, "not connected"));
            };
            let answer = tokio::select! {
                biased;
                answer = answer => answer.ok(),
                () = sim.sleep_until(deadline) => None,
            };
            sim.running(self.node).await;
            match answer {
                Some(Reply::Done(done)) => return done.map(|done| (done, sent)),
                Some(Reply::Moved(shard)) if sim.now() < deadline => {
                    sim.with(|world| world.nodes[self.node].routes[usize::from(self.partition)] = shard);
                }
                Some(Reply::Moved(_)) => return Err(Error::new(ErrorKind::Unavailable, "moved for too long")),
                None if self.write => return Err(Error::new(ErrorKind::OutcomeUnknown, "no answer")),
                None => return Err(Error::new(ErrorKind::Unavailable, "no answer")),
            }
        }
    }

    fn send<T: Send + 'static>(self, sim: &Sim, work: Work<T>) -> Option<oneshot::Receiver<Reply<T>>> {
        let (sent, server, at) = sim.with(|world| {
            let delay = world.delay(self.node, false);
            let index = world.rng.usize(..COMMAND_CONNS);
            let state = &mut world.nodes[self.node];
            let shard = state.routes[usize::from(self.partition)];
            let conn = &mut state.commands[shard][index];
            let server = conn.server?;
            Some((Sent { shard, index, epoch: conn.epoch }, server, conn.up(world.now, delay)))
        })?;
        let (answer, receiver) = oneshot::channel();
        let sim = sim.clone();
        tokio::spawn(async move {
            sim.sleep_until(at).await;
            let Some((reply, at)) = sim.with(|world| self.arrive(world, sent, &work)) else {
                tokio::spawn(self.linger(sim.clone(), server, work));
                return self.keep_silence(&sim, answer).await;
            };
            sim.sleep_until(at).await;
            match sim.with(|world| world.is_up(self.node, sent)) {
                true => drop(answer.send(reply)),
                false => self.keep_silence(&sim, answer).await,
            }
        });
        Some(receiver)
    }

    /// The request arrives, unless the connection is gone. Returns the reply and its time of arrival.
    fn arrive<T>(self, world: &mut World, sent: Sent, work: &Work<T>) -> Option<(Reply<T>, Millis)> {
        if !world.is_up(self.node, sent) {
            return None;
        }
        let server = world.nodes[self.node].commands[sent.shard][sent.index].server?;
        let reply = world.serve(server, self, work);
        let delay = world.delay(self.node, false);
        let now = world.now;
        Some((reply, world.nodes[self.node].commands[sent.shard][sent.index].down(now, delay)))
    }

    /// The network has held the request back. It may still reach its server.
    async fn linger<T>(self, sim: Sim, server: usize, work: Work<T>) {
        if !self.lingers || sim.with(|world| world.rng.bool()) {
            return;
        }
        sim.sleep(sim.with(|world| world.rng.u64(..4 * CALL_DEADLINE))).await;
        sim.with(|world| {
            world.coverage.count("late requests");
            world.serve(server, self, &work);
        });
    }

    /// No reply comes. The caller notices a broken connection soon, and a silent one at its own deadline.
    async fn keep_silence<T>(self, sim: &Sim, answer: oneshot::Sender<Reply<T>>) {
        if sim.with(|world| world.rng.u8(..4) == 0) {
            sim.sleep(2 * CALL_DEADLINE).await;
        }
        drop(answer);
    }
}

impl World {
    fn is_up(&self, node: usize, sent: Sent) -> bool {
        let conn = &self.nodes[node].commands[sent.shard][sent.index];
        conn.epoch == sent.epoch && !conn.silent
    }

    fn serve<T>(&mut self, server: usize, request: Request, work: &Work<T>) -> Reply<T> {
        let home = self.home(request.partition);
        if self.servers[server].shard != home {
            return Reply::Moved(home);
        }
        // A read is believed only of a primary that could still write.
        let guarded = request.write || !self.makes(StoreMistake::UnguardedReads);
        let primary = &self.servers[server];
        if !primary.is_primary() || (guarded && !primary.accepts_writes(self.now)) {
            self.coverage.count(if request.write { "writes refused" } else { "reads refused" });
            return Reply::Done(Err(Error::new(ErrorKind::Unavailable, "the server accepts no writes")));
        }
        Reply::Done(work(self, server))
    }
}

impl Sim {
    /// Breaks a node's command connections to a shard. They reconnect.
    pub(crate) fn break_commands(&self, node: usize, shard: usize) {
        self.with(|world| {
            world.note(|| format!("n{node} commands to shard {shard} break"));
            world.nodes[node].commands[shard].iter_mut().for_each(super::link::Conn::lose);
        });
        (0..COMMAND_CONNS).for_each(|index| self.connect_commands(node, shard, index));
    }

    /// Opens a command connection as soon as the shard's primary can be reached.
    pub(crate) fn connect_commands(&self, node: usize, shard: usize, index: usize) {
        let (sim, epoch) = (self.clone(), self.with(|world| world.nodes[node].commands[shard][index].epoch));
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..150))).await;
                sim.running(node).await;
                let done = sim.with(|world| {
                    let primary = world.primaries[shard];
                    let reached = world.servers[primary].is_primary() && !world.servers[primary].cut[node];
                    let conn = &mut world.nodes[node].commands[shard][index];
                    if conn.epoch == epoch && conn.server.is_none() && reached {
                        (conn.server, conn.silent) = (Some(primary), false);
                    }
                    conn.epoch != epoch || conn.server.is_some()
                });
                if done {
                    return;
                }
            }
        });
    }
}
