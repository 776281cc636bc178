//! Batches in turn: what else the machine does meets all that are compared, so their ratios hold where single figures do not.

use std::{sync::Arc, time::Duration};

use session_benches::{median, op, scalars};
use session_core::{LoadOptions, SessionStore, Update};
use tokio::runtime::Runtime;

use crate::{
    Bench, CONCURRENCY,
    bare::{LEAST, SAME, Script},
    peer::Peer,
    sent::Sent,
    spread::{Work, run},
};

/// So many rounds, in each of which every subject has one batch.
const ROUNDS: usize = 40;
/// Requests of a batch.
const BATCH: u64 = 2_000;

type Subject = (&'static str, Box<dyn Fn(&Runtime) -> Duration>);

fn subject(name: &'static str, tasks: usize, work: impl Work) -> Subject {
    (name, Box::new(move |runtime| run(runtime, tasks, BATCH, &work)))
}

/// Compares all subjects and prints their medians, and those of their ratios to the first, round by round.
pub(crate) fn compare() {
    let bench = Bench::start();
    let peer = Arc::new(bench.runtime.block_on(Peer::connect(&bench.server)));
    for tasks in CONCURRENCY {
        table(&bench, &format!("load, {tasks} at once"), &loads(&bench, tasks));
        table(
            &bench,
            &format!("update of one field of a session of 300 B, {tasks} at once"),
            &updates(&bench, &peer, tasks),
        );
    }
}

fn loads(bench: &Bench, tasks: usize) -> Vec<Subject> {
    let ids = bench.sessions(tasks, 29);
    let keys: Arc<[Vec<u8>]> = bench.runtime.block_on(bench.bare.keys_of(&bench.server, &ids)).into();
    let (store, bare) = (bench.store.clone(), bench.bare.clone());
    let load = move |task: usize| {
        let (store, id) = (store.clone(), ids[task]);
        async move { drop(store.load(&id, LoadOptions::default()).await.expect("loaded")) }
    };
    let read = move |task: usize| {
        let (bare, keys) = (bare.clone(), keys.clone());
        async move { drop(bare.hgetall(&keys[task]).await) }
    };
    vec![subject("session-redis", tasks, load), subject("bare HGETALL and PTTL", tasks, read)]
}

fn updates(bench: &Bench, peer: &Arc<Peer>, tasks: usize) -> Vec<Subject> {
    let ids = bench.sessions(tasks, 29);
    let keys: Arc<[Vec<u8>]> = bench.runtime.block_on(bench.bare.keys_of(&bench.server, &ids)).into();
    let sent: Arc<[Sent]> = bench.runtime.block_on(Sent::capture(&bench.server, &bench.sessions(tasks, 29))).into();
    let sessions: Arc<[_]> = bench.runtime.block_on(peer.create(tasks, 29)).into();
    let (store, bare, peer) = (bench.store.clone(), bench.bare.clone(), peer.clone());
    let apply = move |task: usize| {
        let (store, id) = (store.clone(), ids[task]);
        async move {
            let _ = store.apply(&id, &Update::new(op(), scalars(1, 29))).await.expect("applied");
        }
    };
    let resend = {
        let bare = bare.clone();
        move |task: usize| {
            let (bare, sent) = (bare.clone(), sent.clone());
            async move { bare.resend(&sent[task]).await }
        }
    };
    let call = |script: &'static Script| {
        let (bare, keys) = (bare.clone(), keys.clone());
        move |task: usize| {
            let (bare, keys) = (bare.clone(), keys.clone());
            async move { bare.call(script, &keys[task]).await }
        }
    };
    let theirs = move |task: usize| {
        let (peer, id) = (peer.clone(), sessions[task]);
        async move { peer.update(&id).await }
    };
    vec![
        subject("session-redis, apply", tasks, apply),
        subject("bare, the same script", tasks, resend),
        subject("bare, the same commands", tasks, call(&SAME)),
        subject("bare, the least", tasks, call(&LEAST)),
        subject("tower-sessions-redis-store, load and save", tasks, theirs),
    ]
}

fn table(bench: &Bench, title: &str, subjects: &[Subject]) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); subjects.len()];
    for _ in 0..ROUNDS {
        for ((_, batch), times) in subjects.iter().zip(&mut times) {
            times.push(batch(&bench.runtime).as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    println!("\nin turn: {title}");
    let first = times[0].clone();
    for ((name, _), times) in subjects.iter().zip(&times) {
        let ratios = times.iter().zip(&first).map(|(time, first)| time / first).collect();
        println!("  {name:45} {:7.1} us   {:5.2} of the first", median(times.clone()), median(ratios));
    }
}
