//! The primary has executed and replicated an update, the answer is lost, and then the primary dies. A retry at the new
//! primary must not apply the update again.

use session_core::SessionId;
use session_redis::RedisConfig;
use session_testkit::{Direction, LinkCutter, Server};

use crate::{
    ledger::Ledger,
    topology::{PARTITIONS, connect, found},
    until, within,
};

/// Waits until the replica has everything that the primary has.
async fn in_step(primary: &Server, replica: &Server) {
    until("the replica is in step", || async {
        let (one, other) = (primary.info("master_repl_offset").await?, replica.info("master_repl_offset").await?);
        (one == other).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_at_the_new_primary_applies_nothing_twice() {
    let primary = Server::builder().config("repl-ping-replica-period", 600).start().await;
    let replica = Server::builder().replica_of(&primary).start().await;
    replica.wait_for_primary_link().await;
    let link = LinkCutter::to(primary.addr()).await;
    let config = RedisConfig::default().urls([link.url(), replica.url()]).partitions(PARTITIONS);
    let store = connect(config).await;
    let mut ledger = Ledger::open(&store, SessionId::generate().unwrap(), 0, 1).await;
    assert!(ledger.write(&store, 0).await);

    link.hold(Direction::Replies);
    let writer = store.clone();
    let writing = tokio::spawn(async move {
        assert!(ledger.write(&writer, 0).await, "it cannot be refused any more");
        ledger
    });
    link.wait_for_held(Direction::Replies, 1).await;
    in_step(&primary, &replica).await;
    primary.kill().await;
    link.cut().await;
    replica.command(&["REPLICAOF", "NO", "ONE"]).await.expect("the replica is promoted");

    let mut ledger = within("the update is settled", writing).await.unwrap();
    assert!(ledger.write(&store, 0).await);
    let found = found(&store, ledger.id()).await;
    let tally = ledger.check(&found, 1, 0);
    assert_eq!((tally.acknowledged, tally.lost), (3, 0));
    assert!(tally.unanswered > 0, "nothing was tested: the answer was not lost");
}
