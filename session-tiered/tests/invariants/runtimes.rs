//! Several runtimes, one after the other.

use crate::stage::{Stage, read, settle, warm};

/// The listener ends with the runtime of the first call. The next call, in another runtime, starts a new one.
#[test]
fn a_runtime_that_ends_does_not_leave_the_cache_without_a_listener() {
    let stage = Stage::new();
    let node = stage.node();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let id = runtime().block_on(async {
        let (id, _) = stage.session("old").await;
        warm(&node, &id).await;
        id
    });
    stage.clock.advance(crate::stage::BOUND);
    runtime().block_on(async {
        read(&node, &id).await;
        settle().await;
        warm(&node, &id).await;
    });
}
