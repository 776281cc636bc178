//! No copy is served past `max_age` without the store having vouched for it, and no absence past `max_staleness`.

use std::time::Duration;

use crate::stage::{BOUND, Stage, is_hit, read, settle, warm, write};

const AGE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_copy_is_asked_about_when_it_is_old() {
    let stage = Stage::new();
    let node = stage.builder().max_age(AGE).build();
    let (id, _) = stage.session("old").await;
    warm(&node, &id).await;
    let mut age = Duration::ZERO;
    while is_hit(&node, &id).await {
        assert!(age < AGE, "{age:?}");
        stage.pass(BOUND / 2).await;
        age += BOUND / 2;
    }
    assert!(age >= AGE - BOUND, "{age:?}");
    assert!(node.stats().revalidated > 0);
    settle().await;
    assert!(is_hit(&node, &id).await, "the store has vouched for it");
}

/// A patch does not make a copy younger: it comes from the feed, which may be what is wrong.
#[tokio::test]
async fn a_patch_makes_nothing_younger() {
    let stage = Stage::new();
    let node = stage.builder().max_age(AGE).build();
    let (id, _) = stage.session("0").await;
    warm(&node, &id).await;
    let revalidated = node.stats().revalidated;
    for n in 0..30 {
        write(&stage.store, &id, &n.to_string()).await;
        stage.pass(BOUND / 2).await;
        assert_eq!(read(&node, &id).await, Some(n.to_string()));
    }
    assert!(node.stats().revalidated > revalidated);
}

/// A sign-in with an id that has no session supersedes the id, and no message says so: heartbeats do not vouch for an
/// absence.
#[tokio::test]
async fn an_absence_is_asked_about_after_the_bound() {
    let (stage, node, known) = Stage::cached("known").await;
    let id = known.generate_sibling().unwrap();
    let mut age = Duration::ZERO;
    assert!(!is_hit(&node, &id).await);
    while is_hit(&node, &id).await {
        assert!(age < BOUND, "{age:?}");
        stage.pass(BOUND / 4).await;
        age += BOUND / 4;
    }
    assert!(age > Duration::ZERO && age <= BOUND, "{age:?}");
    assert!(is_hit(&node, &known).await, "the lease goes on");
}
