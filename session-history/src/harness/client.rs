//! A client: it sends one request after another to one node.

use std::time::Duration;

use fastrand::Rng;
use parking_lot::Mutex;
use session_core::Error;
use tokio::time::{Instant, sleep};

use super::{node::Node, pool::Pool, workload::choose};
use crate::{
    history::{Invocation, Level, Op, Outcome, Process, Recorder},
    worker::{Answer, Request},
};

/// How often a write is sent at most, with one op id.
const ATTEMPTS: u32 = 3;

/// The state that all clients share.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) pool: Mutex<Pool>,
    pub(super) recorder: Recorder,
}

impl Clients {
    /// Sends requests until the end.
    pub(super) async fn run(&self, node: &Node, mut rng: Rng, end: Instant) -> Result<(), Error> {
        while Instant::now() < end {
            let (process, _) = node.current();
            let (session, id, op) = choose(&mut self.pool.lock(), &mut rng)?;
            if self.perform(node, session, id, op).await.is_none() {
                node.successor_of(process).await;
            }
            sleep(Duration::from_micros(rng.u64(5_000..25_000))).await;
        }
        Ok(())
    }

    /// Sends one request and records it; none if the process ended before it answered.
    pub(super) async fn perform(&self, node: &Node, session: u32, id: u32, op: Op) -> Option<Outcome> {
        let (process, link) = node.current();
        let request = Invocation { process, session, id, op };
        let (text, to) = self.addresses(&request)?;
        let call = self.recorder.invoke(request);
        let outcome = match link.ask(&Request { call, op: Some(op), id: text, to, attempts: ATTEMPTS }).await {
            Some(Answer::Outcome(outcome)) => Some(outcome),
            _ => None,
        };
        if let Some(outcome) = &outcome {
            self.recorder.complete(call, outcome.clone());
        }
        self.pool.lock().answered(&request, outcome.as_ref());
        outcome
    }

    /// The texts of the ids, which no history has.
    fn addresses(&self, request: &Invocation) -> Option<(String, Option<String>)> {
        let mut pool = self.pool.lock();
        pool.sending(request);
        let known = pool.get(request.session)?;
        let to = match request.op {
            Op::Rotate { to, .. } => known.id(to),
            _ => None,
        };
        Some((known.id(request.id)?, to))
    }

    /// Loads every session from the store.
    pub(super) async fn read_all(&self, node: &Node, settled: bool) {
        let all = self.pool.lock().all();
        for (session, id) in all {
            self.perform(node, session, id, Op::Load { level: Level::Store, floor: None, settled }).await;
        }
    }

    /// The counters of a process, once it can reach the store again.
    pub(super) async fn count(&self, node: &Node) -> Option<(Process, crate::history::Counters)> {
        let (process, link) = node.current();
        // No call of a history has a number from this end.
        for call in (0..u64::MAX).rev() {
            let request = Request { call, op: None, id: String::new(), to: None, attempts: 1 };
            match link.ask(&request).await? {
                Answer::Counters(counters, true) => return Some((process, counters)),
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
        None
    }
}
