//! I8: changes of other nodes are applied in place, and copies stay hits.

use session_core::{
    model::{Field, Format, Value},
    store::Update,
};
use session_testkit::Server;

use crate::node::{Node, Seen, op, step};

/// How many whole sessions and conditional reads the server has answered.
pub(crate) async fn loads(server: &Server) -> u64 {
    let stats = server.command(&["INFO", "commandstats"]).await.text();
    let calls = |command: &str| {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |rest| rest.split(',').next().unwrap().parse().unwrap())
    };
    calls("hgetall") + calls("hmget")
}

/// Three nodes have a copy, and a fourth one writes: none of them asks the server again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_patched_not_refetched() {
    const WRITES: u64 = 200;
    let server = Server::start().await;
    let writer = Node::start(&server).await;
    let id = writer.open().await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let reader = Node::start(&server).await;
        reader.warm(&id).await;
        readers.push(reader);
    }
    let missed: Vec<u64> = readers.iter().map(|reader| reader.stats().misses).collect();
    for to in 1..=WRITES {
        writer.write(&id, to).await;
    }
    for (reader, missed) in readers.iter().zip(missed) {
        reader.wait_for_patched(WRITES).await;
        crate::until("it has a lease", || async {
            assert_eq!(reader.see(&id).await, Seen::Step(WRITES));
            Some(())
        })
        .await;
        let stats = reader.stats();
        assert_eq!((stats.patched, stats.evicted), (WRITES, 0), "{stats:?}");
        // A node that was held up for longer than a lease revalidates its copy.
        assert!(stats.misses - missed <= stats.lease_losses, "{stats:?}");
    }
}

/// The same, seen from the server: while one node writes and all read, it gets no reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_the_server_is_not_asked() {
    let server = Server::start().await;
    let (writer, reader) = (Node::start(&server).await, Node::start(&server).await);
    let id = writer.open().await;
    reader.warm(&id).await;
    let (before, start) = (loads(&server).await, reader.stats());
    let mut writes_read = 0;
    for to in 1..=100 {
        writer.write(&id, to).await;
        reader.wait_for_patched(to).await;
        assert_eq!(reader.see(&id).await, Seen::Step(to));
        writes_read += 1;
    }
    let asked = loads(&server).await - before;
    let stats = reader.stats();
    // Each write reads a few fields of the session in its script.
    assert!(asked <= writes_read + 2 * (stats.misses - start.misses), "{asked} reads for {writes_read} writes");
    assert!(stats.misses - start.misses <= stats.lease_losses, "{stats:?}");
}

/// A change whose delta is too large to be published evicts the copy, and the next read goes to the store.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_a_change_without_its_delta_evicts() {
    let server = Server::start().await;
    let (writer, reader) = (Node::start(&server).await, Node::start(&server).await);
    let id = writer.open().await;
    reader.warm(&id).await;
    let mut delta = step(1);
    let large = Value::new(Format::JSON, &[b'1'; 8_192]);
    delta.set(Field::new("large").unwrap(), large);
    writer.store.apply(&id, &Update::new(op(), delta)).await.unwrap();
    crate::until("it is evicted", || async { (reader.stats().evicted == 1).then_some(()) }).await;
    assert_eq!(reader.see(&id).await, Seen::Step(1));
    assert_eq!(reader.stats().patched, 0);
}
