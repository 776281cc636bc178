//! From a commit on one node to the moment at which another serves it, against a bare `PUBLISH`. The claim is in
//! `benches/README.md`.
//!
//! Both at 1,000 a second, in turn, half a second each, on one server. Times run from before the request is sent: for a
//! commit until the other node's listener has taken the change in and asks for the next item, for a bare message until
//! the subscriber has it.
#![allow(missing_docs, clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark")]

mod bare;
mod nodes;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use session_benches::is_quick;
use session_testkit::Server;
use tokio::time::{MissedTickBehavior, interval};

use bare::Bare;
use nodes::Nodes;

/// Between two requests.
const PACE: Duration = Duration::from_millis(1);
/// Requests of one turn of one subject.
const TURN: usize = 500;

/// How long each request took to get there, in microseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(Arc<Mutex<Vec<f64>>>);

impl Arrivals {
    pub(crate) fn note(&self, sent: Instant) {
        self.0.lock().unwrap().push(sent.elapsed().as_secs_f64() * 1e6);
    }

    fn sorted(&self) -> Vec<f64> {
        let mut all = self.0.lock().unwrap().clone();
        all.sort_by(f64::total_cmp);
        all
    }
}

/// One request in every millisecond, whether or not the ones before have been answered.
async fn turn<F: Future<Output = ()> + Send + 'static>(mut send: impl FnMut() -> F) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for _ in 0..TURN {
        pace.tick().await;
        sent.push(tokio::spawn(send()));
    }
    for request in sent {
        request.await.unwrap();
    }
    // What was sent last arrives outside everybody's turn.
    tokio::time::sleep(Duration::from_millis(20)).await;
}

async fn compare() {
    let server = Server::start().await;
    let (nodes, bare) = (Nodes::start(&server).await, Bare::start(&server).await);
    let (nodes, bare) = (Arc::new(nodes), Arc::new(bare));
    for _ in 0..if is_quick() { 2 } else { 30 } {
        turn(|| {
            let nodes = nodes.clone();
            async move { nodes.commit().await }
        })
        .await;
        turn(|| {
            let bare = bare.clone();
            async move { bare.publish().await }
        })
        .await;
    }
    println!("commit on one node to visible on another, 1,000 a second, in turn with bare messages:");
    let percentile = |all: &[f64], share: f64| all[((all.len() - 1) as f64 * share) as usize];
    let rows =
        [("tiered over session-redis", nodes.arrivals.sorted()), ("bare redis-rs, PUBLISH", bare.arrivals.sorted())];
    for (name, all) in &rows {
        println!(
            "  {name:28} {:6} arrived   p50 {:7.1} us   p99 {:7.1} us",
            all.len(),
            percentile(all, 0.5),
            percentile(all, 0.99)
        );
    }
    let ratio = |share| percentile(&rows[0].1, share) / percentile(&rows[1].1, share);
    println!("  ratio: p50 {:.2}, p99 {:.2}", ratio(0.5), ratio(0.99));
    nodes.verify().await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(compare());
}
