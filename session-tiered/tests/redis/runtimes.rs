//! Several runtimes, one after the other, as of tests that share a store in a `static`.

use session_testkit::Server;
use tokio::runtime::{Builder, Runtime};

use crate::node::{Node, Seen};

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// The connections and the listener end with the first runtime. The next call starts new ones: all deadlines are far away,
/// so none of these calls waits for one, and the cache answers again.
#[test]
fn the_cache_and_its_store_outlive_their_runtime() {
    let kit = runtime();
    let server = kit.block_on(Server::start());
    let (node, id) = runtime().block_on(async {
        let node = Node::start(&server).await;
        let id = node.open().await;
        node.warm(&id).await;
        (node, id)
    });
    for step in 1..=2 {
        runtime().block_on(async {
            node.write(&id, step).await;
            node.warm(&id).await;
            assert_eq!(node.see(&id).await, Seen::Step(step));
        });
    }
}
