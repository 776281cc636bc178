//! A request on its way to a server, and the answer on its way back.

use std::sync::Arc;

use session_core::{Error, ErrorKind};
use tokio::sync::oneshot;

use super::{Millis, Sim, World, node::LANES, settings::CALL_DEADLINE};

/// What a server does for a request; it may be asked twice if the partition has moved.
pub(crate) type Work<T> = Arc<dyn Fn(&mut World, usize) -> Result<T, Error> + Send + Sync>;

/// What comes back.
enum Reply<T> {
    Done(Result<T, Error>),
    /// The partition is at this shard.
    Moved(usize),
}

/// A request of a node about a partition.
#[derive(Clone, Copy)]
pub(crate) struct Request {
    pub(crate) node: usize,
    pub(crate) partition: u16,
    pub(crate) write: bool,
}

/// A connection, as it was when something was sent on it.
#[derive(Clone, Copy)]
struct Sent {
    shard: usize,
    lane: usize,
    epoch: u64,
}

impl Request {
    /// Sends it and waits for the answer, for so long as a call may take. Who drops the future takes nothing back.
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
        let (sent, at) = sim.with(|world| {
            let delay = world.delay(self.node, false);
            let lane = world.rng.usize(..LANES);
            let state = &mut world.nodes[self.node];
            let shard = state.routes[usize::from(self.partition)];
            let conn = &mut state.commands[shard][lane];
            conn.server?;
            Some((Sent { shard, lane, epoch: conn.epoch }, conn.up(world.now, delay)))
        })?;
        let (answer, receiver) = oneshot::channel();
        let sim = sim.clone();
        tokio::spawn(async move {
            sim.sleep_until(at).await;
            let Some((reply, at)) = sim.with(|world| self.arrive(world, sent, &work)) else {
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

    /// At the server, if it gets there: what it answers, and when that arrives.
    fn arrive<T>(self, world: &mut World, sent: Sent, work: &Work<T>) -> Option<(Reply<T>, Millis)> {
        if !world.is_up(self.node, sent) {
            return None;
        }
        let server = world.nodes[self.node].commands[sent.shard][sent.lane].server?;
        let reply = world.serve(server, self, work);
        let delay = world.delay(self.node, false);
        let now = world.now;
        Some((reply, world.nodes[self.node].commands[sent.shard][sent.lane].down(now, delay)))
    }

    /// Nothing comes: the caller learns of a broken connection soon, and of a silent one by its own deadline.
    async fn keep_silence<T>(self, sim: &Sim, answer: oneshot::Sender<Reply<T>>) {
        if sim.with(|world| world.rng.u8(..4) == 0) {
            sim.sleep(2 * CALL_DEADLINE).await;
        }
        drop(answer);
    }
}

impl World {
    fn is_up(&self, node: usize, sent: Sent) -> bool {
        let conn = &self.nodes[node].commands[sent.shard][sent.lane];
        conn.epoch == sent.epoch && !conn.silent
    }

    fn serve<T>(&mut self, server: usize, request: Request, work: &Work<T>) -> Reply<T> {
        let home = self.home(request.partition);
        if self.servers[server].shard != home {
            return Reply::Moved(home);
        }
        if !self.servers[server].is_primary() || (request.write && !self.servers[server].is_acting(self.now)) {
            self.coverage.count("refused by the server");
            return Reply::Done(Err(Error::new(ErrorKind::Unavailable, "the server takes no writes")));
        }
        Reply::Done(work(self, server))
    }
}

impl Sim {
    /// Breaks a node's command connections to a shard; they are made anew.
    pub(crate) fn break_commands(&self, node: usize, shard: usize) {
        self.with(|world| {
            world.note(|| format!("n{node} commands to shard {shard} break"));
            world.nodes[node].commands[shard].iter_mut().for_each(super::link::Conn::lose);
        });
        (0..LANES).for_each(|lane| self.connect_commands(node, shard, lane));
    }

    /// Makes a command connection as soon as there is a primary to be reached.
    pub(crate) fn connect_commands(&self, node: usize, shard: usize, lane: usize) {
        let (sim, epoch) = (self.clone(), self.with(|world| world.nodes[node].commands[shard][lane].epoch));
        tokio::spawn(async move {
            loop {
                sim.sleep(sim.with(|world| world.rng.u64(2..150))).await;
                sim.running(node).await;
                let done = sim.with(|world| {
                    let primary = world.primaries[shard];
                    let reached = world.servers[primary].is_primary() && !world.servers[primary].cut[node];
                    let conn = &mut world.nodes[node].commands[shard][lane];
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
