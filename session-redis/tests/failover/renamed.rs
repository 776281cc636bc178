//! The sentinels name another primary while the old one is alive, reachable, and reports that it is a primary. Writes
//! there are lost.

use session_core::{SessionId, store::GapCause};
use session_testkit::SentinelTrio;

use crate::{
    ledger::Ledger,
    listener::Listener,
    load::Load,
    topology::{found, under_sentinel},
    until,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sentinels_are_believed_rather_than_the_old_primary() {
    let trio = SentinelTrio::builder().replicas(1).start().await;
    let store = under_sentinel(&trio).await;
    let old = trio.primary().await;
    let new = trio.replicas().await[0];
    let ledgers = vec![Ledger::open(&store, SessionId::generate().unwrap(), 0, 1).await];
    let mut listener = Listener::start(&store, &ledgers).await;
    let load = Load::start(&store, ledgers);
    load.go_on(5).await;

    new.command(&["REPLICAOF", "NO", "ONE"]).await.expect("the other is a primary too");
    let (name, port) = (trio.master_name(), new.port().to_string());
    for sentinel in trio.sentinels() {
        sentinel.command(&["SENTINEL", "REMOVE", name]).await.expect("the old one is forgotten");
        sentinel.command(&["SENTINEL", "MONITOR", name, "127.0.0.1", &port, "2"]).await.expect("the new one is named");
    }
    until("the client leaves", || async { (store.stats().demoted > 0).then_some(()) }).await;
    // Otherwise it would continue to receive, and to vouch for, only what happens at the old primary.
    listener.wait_for(GapCause::FailedOver).await;
    load.go_on(5).await;
    let safe_from = load.next_phase();
    load.go_on(5).await;
    assert_eq!(old.info("role").await.as_deref(), Some("master"), "it has not been demoted");
    let mut now = Vec::new();
    for ledger in load.stop().await {
        let found = found(&store, ledger.id()).await;
        let tally = ledger.check(&found, 1, safe_from);
        println!("{} of {} updates were still sent to the old primary", tally.lost, tally.acknowledged);
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    assert!(listener.check(&now).await.changes > 0);
}
