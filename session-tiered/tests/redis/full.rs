//! The server is out of memory. It refuses updates at once, and still answers reads, touches and destroys.

use session_core::{ErrorKind, LoadOptions, ReadLevel, store::TouchOutcome};
use session_testkit::Server;

use crate::node::{Node, Seen, read};

/// Twice as many as open the circuit.
const REFUSED: u64 = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_updates_do_not_stop_logouts_reads_and_touches() {
    let server = Server::start().await;
    let node = Node::start(&server).await;
    let full = node.open().await;
    let mut sessions = Vec::new();
    for _ in 0..100 {
        sessions.push(node.open().await);
    }
    server.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await.expect("CONFIG SET");
    server.command(&["CONFIG", "SET", "maxmemory", "1"]).await.expect("CONFIG SET");
    for step in 1..=REFUSED {
        let error = node.try_write(&full, step).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("out of memory"), "the refusal of the server itself: {error}");
        assert!(error.is_answered(), "{error:?}");
    }

    let from_store = LoadOptions { level: ReadLevel::Store, ..LoadOptions::default() };
    assert_eq!(read(&node.load(&full, from_store).await), Seen::Step(0));
    let touched = node.store.touch(&full, Default::default()).await.unwrap();
    assert!(matches!(touched, TouchOutcome::Touched(_)), "{touched:?}");
    for (done, id) in sessions.iter().enumerate() {
        // Refusals and logouts of a busy shop come mixed.
        assert!(node.try_write(&full, 1).await.is_err(), "{done}");
        node.end(id).await;
    }
    assert_eq!(node.stats().broken_circuits, 0);
}
