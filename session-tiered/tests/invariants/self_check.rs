//! The cache compares its copies with the store.

use std::time::Duration;

use crate::stage::{BOUND, Stage, read, warm};

#[tokio::test]
async fn copies_are_compared_now_and_then() {
    let stage = Stage::new();
    let node = stage.builder().self_check(Some(Duration::from_secs(2))).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    for _ in 0..20 {
        stage.pass(BOUND / 2).await;
        read(&node, &id).await;
    }
    let stats = node.stats();
    assert!((4..=6).contains(&stats.self_checks), "{stats:?}");
    assert_eq!(stats.violations, 0);
}
