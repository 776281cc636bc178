//! The time from a commit on one node until another node serves it, compared with a bare `PUBLISH`.
//!
//! Both run on one server, over loopback. Times start before the request is sent. A commit's time ends when the other
//! node's listener has applied the change and polls for the next item; a bare message's ends when the subscriber has
//! received it.

mod bare;
mod nodes;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use session_testkit::Server;
use tokio::time::{MissedTickBehavior, interval};

pub use self::{bare::Bare, nodes::Nodes};

/// The time from one request to the next.
const PACE: Duration = Duration::from_millis(1);

/// The time of each request until its delivery, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<Vec<f64>>>);

impl Arrivals {
    fn note(&self, sent: Instant) {
        self.0.lock().unwrap().push(sent.elapsed().as_secs_f64() * 1e6);
    }

    /// The times since the last call, the shortest first.
    pub fn take_sorted(&self) -> Vec<f64> {
        let mut all = std::mem::take(&mut *self.0.lock().unwrap());
        all.sort_by(f64::total_cmp);
        all
    }
}

/// A pair of nodes and a bare pair, on one server.
#[derive(Debug)]
pub struct Pairs {
    nodes: Arc<Nodes>,
    bare: Arc<Bare>,
    _server: Server,
}

impl Pairs {
    /// Starts the server and connects.
    pub async fn start() -> Self {
        let server = Server::start().await;
        let (nodes, bare) = (Nodes::start(&server).await, Bare::start(&server).await);
        Self { nodes: Arc::new(nodes), bare: Arc::new(bare), _server: server }
    }

    /// Makes this many commits, one per millisecond. Returns how long each took to be visible.
    pub async fn commits(&self, count: usize) -> Vec<f64> {
        let nodes = &self.nodes;
        paced(count, || {
            let nodes = nodes.clone();
            async move { nodes.commit().await }
        })
        .await;
        nodes.arrivals.take_sorted()
    }

    /// Sends this many bare messages, one per millisecond. Returns how long each took to be received.
    pub async fn messages(&self, count: usize) -> Vec<f64> {
        let bare = &self.bare;
        paced(count, || {
            let bare = bare.clone();
            async move { bare.publish().await }
        })
        .await;
        bare.arrivals.take_sorted()
    }

    /// Verifies that the reader has the last write of every session without a load from the store.
    pub async fn verify(&self) {
        self.nodes.verify().await;
    }
}

/// Sends one request per millisecond, whether or not the earlier ones have been answered.
async fn paced<F: Future<Output = ()> + Send + 'static>(count: usize, mut send: impl FnMut() -> F) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for _ in 0..count {
        pace.tick().await;
        sent.push(tokio::spawn(send()));
    }
    for request in sent {
        request.await.unwrap();
    }
    // The last requests arrive after all turns.
    tokio::time::sleep(Duration::from_millis(20)).await;
}
