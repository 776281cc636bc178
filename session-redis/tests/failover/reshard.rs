//! Slots moved by `redis-cli --cluster reshard` under load, as administrators do it; one of them holds 100,000
//! sessions.

use std::time::Duration;

use session_core::{
    LoadOptions, SessionId,
    store::{GapCause, LoadOutcome, SessionStore as _},
};
use session_redis::{RedisConfig, RedisStore};
use session_testkit::{Cluster, Node, Reply};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    ledger::Ledger,
    listener::Listener,
    load::Load,
    reaper::new_session,
    tally::{Tally, print},
    topology::{build, found, id_in, slot_of},
};

/// Many, so that the tool soon reaches the first slot of a partition: it begins with the first slot of a node.
const PARTITIONS: u32 = 1_024;
const SLOTS_TO_MOVE: u16 = 10;
const BALLAST: usize = 100_000;
/// The number of copies that one script makes, so that it never blocks a node for long.
const AT_ONCE: usize = 5_000;

/// A session under many digests.
struct Copies {
    /// Its key; the key of a copy ends with four bytes of its number instead.
    key: Vec<u8>,
    dump: Vec<u8>,
}

impl Copies {
    /// Whether each of some copies is at a node, byte for byte.
    async fn sample(&self, node: &Node) {
        for number in (0..BALLAST as u32).step_by(997) {
            let key = [&self.key[..self.key.len() - 4], &number.to_be_bytes()].concat();
            let dump = node.command(&[&b"DUMP"[..], &key]).await;
            assert_eq!(dump, Reply::Bulk(self.dump.clone()), "a session has changed on its way");
        }
    }
}

/// Copies a session to this many other digests of its partition.
async fn multiply(node: &Node, id: &SessionId, slot: u16) -> Copies {
    let reply = node.command(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "100"]).await;
    let digest = id.digest().to_bytes();
    let key = reply.items().iter().find_map(|key| match key {
        Reply::Bulk(key) if key.ends_with(&digest) => Some(key.clone()),
        _ => None,
    });
    let key = key.expect("the session is there");
    let Reply::Bulk(dump) = node.command(&[&b"DUMP"[..], &key]).await else { panic!("the session is gone") };
    // The last four bytes of the digest hold the number.
    let script = "for i = tonumber(ARGV[2]), tonumber(ARGV[3]) do
        redis.call('RESTORE', string.sub(KEYS[1], 1, -5) .. struct.pack('>I4', i), 3600000, ARGV[1], 'REPLACE')
    end";
    for from in (0..BALLAST).step_by(AT_ONCE) {
        let (from, till) = (from.to_string(), (from + AT_ONCE - 1).to_string());
        let command = [b"EVAL", script.as_bytes(), b"1", &key, &dump, from.as_bytes(), till.as_bytes()];
        node.command(&command).await.expect("the sessions are copied");
    }
    Copies { key, dump }
}

async fn keys_in(node: &Node, slot: u16) -> i64 {
    node.command(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]).await.int()
}

/// Reads sessions of the slot all the time; each must be there. Returns the number of reads.
fn read(store: RedisStore, ids: Vec<SessionId>, stop: watch::Receiver<bool>) -> JoinHandle<u64> {
    tokio::spawn(async move {
        let mut reads = 0;
        while !*stop.borrow() {
            for id in &ids {
                let found = store
                    .load(id, LoadOptions::default())
                    .await
                    .unwrap_or_else(|error| panic!("after {reads} reads: {error:?}"));
                assert!(matches!(found, LoadOutcome::Found(_)), "after {reads} reads: {found:?}");
                reads += 1;
            }
        }
        reads
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_other_slots_go_on_and_nothing_is_lost() {
    let cluster = Cluster::start(2, 0).await;
    // With a long deadline: no call may fail here, even on a busy machine.
    let config = RedisConfig::cluster(cluster.urls()).partitions(PARTITIONS).call_deadline(Duration::from_secs(20));
    let store = build(config).await;
    let [from, to] = cluster.nodes() else { panic!("two nodes") };
    let slot = slot_of(0, PARTITIONS);
    let model = new_session(&store, id_in(0, PARTITIONS), 0).await;
    let copies = multiply(from, &model, slot).await;
    let mut real = Vec::new();
    for _ in 0..200 {
        real.push(new_session(&store, model.generate_sibling().unwrap(), 0).await);
    }
    let mut ledgers = Vec::new();
    for partition in [0, 0, 100, 300, 600, 900] {
        ledgers.push(Ledger::open(&store, id_in(partition, PARTITIONS), 0, 0).await);
    }
    let keys = keys_in(from, slot).await;
    assert!(keys > BALLAST as i64, "{keys}");
    let mut listener = Listener::start(&store, &ledgers).await;
    let load = Load::start(&store, ledgers);
    let stop = watch::Sender::new(false);
    let reader = read(store.clone(), real.clone(), stop.subscribe());
    load.go_on(5).await;

    cluster.reshard(from, to, SLOTS_TO_MOVE).await;
    load.go_on(5).await;
    stop.send_replace(true);
    let reads = reader.await.expect("each read finds its session");
    listener.wait_for(GapCause::SlotMoved).await;
    let (mut of_slot, mut others, mut now) = (Tally::default(), Tally::default(), Vec::new());
    for ledger in &load.stop().await {
        let found = found(&store, ledger.id()).await;
        let tally = ledger.check(&found, 0, 0);
        let moved = ledger.id().digest().partition() % PARTITIONS as u16 == 0;
        *(if moved { &mut of_slot } else { &mut others }) += tally;
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    print("Cluster, reshard", &[("0, the slot".into(), of_slot), ("0, other slots".into(), others)]);
    println!("{reads} reads of sessions that moved");
    assert_eq!((others.refused, others.unanswered), (0, 0), "other slots have nothing to do with it");
    assert_eq!((keys_in(from, slot).await, keys_in(to, slot).await), (0, keys), "every session has arrived");
    copies.sample(to).await;
    for id in &real {
        assert!(matches!(store.load(id, LoadOptions::default()).await.unwrap(), LoadOutcome::Found(_)));
    }
    let feed = listener.check(&now).await;
    println!("the feed delivered {} changes and the gaps {:?}", feed.changes, feed.gaps);
    assert_eq!(feed.gaps.into_iter().collect::<Vec<_>>(), [("slot moved", 2)], "one partition left, and arrived");
}
