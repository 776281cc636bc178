//! From a commit on one node to the moment at which another serves it, against a bare `PUBLISH`.
//!
//! Both on one server, over loopback. Times run from before the request is sent: for a commit until the other node's listener
//! has taken the change in and asks for the next item, for a bare message until the subscriber has it.

mod bare;
mod nodes;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use session_testkit::Server;
use tokio::time::{MissedTickBehavior, interval};

pub use self::{bare::Bare, nodes::Nodes};

/// Between two requests.
const PACE: Duration = Duration::from_millis(1);

/// How long each request took to get there, in microseconds.
#[derive(Clone, Debug, Default)]
pub struct Arrivals(Arc<Mutex<Vec<f64>>>);

impl Arrivals {
    fn note(&self, sent: Instant) {
        self.0.lock().unwrap().push(sent.elapsed().as_secs_f64() * 1e6);
    }

    /// Those since the last call, the quickest first.
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

    /// So many commits, one in every millisecond: how long each took to be visible.
    pub async fn commits(&self, count: usize) -> Vec<f64> {
        let nodes = &self.nodes;
        paced(count, || {
            let nodes = nodes.clone();
            async move { nodes.commit().await }
        })
        .await;
        nodes.arrivals.take_sorted()
    }

    /// So many bare messages, one in every millisecond: how long each took to be received.
    pub async fn messages(&self, count: usize) -> Vec<f64> {
        let bare = &self.bare;
        paced(count, || {
            let bare = bare.clone();
            async move { bare.publish().await }
        })
        .await;
        bare.arrivals.take_sorted()
    }

    /// That the reader has, without asking the store, what was written last.
    pub async fn verify(&self) {
        self.nodes.verify().await;
    }
}

/// One request in every millisecond, whether or not the ones before have been answered.
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
    // What was sent last arrives outside everybody's turn.
    tokio::time::sleep(Duration::from_millis(20)).await;
}
