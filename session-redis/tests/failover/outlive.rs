//! Clients that continue through a fault, and what they have lost afterwards.

use session_core::{SessionId, store::GapCause};
use session_redis::RedisStore;

use crate::{
    ledger::Ledger,
    listener::{Listener, Summary},
    load::Load,
    reaper::{Reaper, stay_ended},
    tally::{Tally, print},
    topology::{PARTITIONS, found, id_in},
};

/// The fate of the updates, by the number of replicas that were asked for, and what the feed delivered.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<(u32, Tally)>,
    pub(crate) feed: Summary,
}

/// Writes and ends sessions while `fault` runs; it returns when the new primary serves. Each writer must continue
/// afterwards. `fault` returns the phase from which on no acknowledged write may be lost. The feed must have a gap of
/// the given cause.
pub(crate) async fn outlive(
    store: &RedisStore,
    ids: &[SessionId],
    (all, gap): (u32, GapCause),
    fault: impl AsyncFnOnce(&Load) -> u32,
) -> Outcome {
    let mut ledgers = Vec::new();
    for replicas in 0..=all {
        for id in ids {
            ledgers.push(Ledger::open(store, id.generate_sibling().unwrap(), replicas, all).await);
        }
    }
    let reaper = Reaper::start(store, 1_500, all).await;
    let mut listener = Listener::start(store, &ledgers).await;
    let load = Load::start(store, ledgers);
    load.go_on(10).await;
    let safe_from = fault(&load).await;
    // Few writers: while there are too few replicas, each of them waits in vain.
    load.go_on(2).await;
    listener.wait_for(gap).await;
    let ended = reaper.stop().await;
    let ledgers = load.stop().await;
    stay_ended(store, &ended).await;
    let (mut rows, mut now) = (vec![(0, Tally::default()); all as usize + 1], Vec::new());
    for ledger in &ledgers {
        let found = found(store, ledger.id()).await;
        rows[ledger.replicas() as usize].0 = ledger.replicas();
        rows[ledger.replicas() as usize].1 += ledger.check(&found, all, safe_from);
        assert!(ledger.acknowledged_since(safe_from) > 0, "a writer did not come back");
        now.push((*ledger.id().digest(), found.record.stamp()));
    }
    Outcome { rows, feed: listener.check(&now).await }
}

pub(crate) fn report(fault: &str, outcome: &Outcome) {
    let rows: Vec<_> = outcome.rows.iter().map(|(asked, tally)| (asked.to_string(), *tally)).collect();
    print(fault, &rows);
    println!("{fault}: the feed delivered {} changes and the gaps {:?}", outcome.feed.changes, outcome.feed.gaps);
    for (asked, tally) in &outcome.rows {
        assert!(*asked == 0 || tally.everywhere > 0, "no update reached all replicas, so nothing was tested");
    }
}

/// Ids in partitions of one slot range.
pub(crate) fn ids(partitions: &[u16]) -> Vec<SessionId> {
    partitions.iter().map(|partition| id_in(*partition, PARTITIONS)).collect()
}
