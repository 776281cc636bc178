//! What a load costs that the local cache of a tiered store answers. The claims are in `benches/README.md`.
//!
//! Against the bare maps: one or two threads get one session after another, in an arbitrary order, each time all of
//! them in turn. Against a cache of whole sessions: both through their asynchronous interfaces.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

mod loaded;
mod peer;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, criterion_group};
use session_benches::{elapsed, is_quick, median, shuffle, timed};
use session_core::{LoadOptions, SessionId, SessionStore as _};

use loaded::Loaded;
use peer::Peer;

const SESSIONS: [usize; 2] = [1_000, 1_000_000];
const THREADS: [usize; 2] = [1, 2];
/// Gets of one batch of one thread.
const BATCH: u64 = 10_000;

type Get<'a> = (&'static str, Box<dyn Fn(&SessionId) + Sync + 'a>);

/// The subject first.
fn subjects(loaded: &Loaded) -> Vec<Get<'_>> {
    vec![
        ("tiered", Box::new(|id| drop(black_box(loaded.hit(id))))),
        ("moka, digest as hash", Box::new(|id| drop(black_box(loaded.moka_as_is.get(id.digest()).unwrap())))),
        ("moka, default hasher", Box::new(|id| drop(black_box(loaded.moka.get(id.digest()).unwrap())))),
        (
            "papaya, digest as hash",
            Box::new(|id| drop(black_box(loaded.papaya.pin().get(id.digest()).unwrap().clone()))),
        ),
    ]
}

fn hits(criterion: &mut Criterion) {
    for sessions in SESSIONS {
        let loaded = Loaded::new(sessions);
        let subjects = subjects(&loaded);
        for threads in THREADS {
            let mut group = criterion.benchmark_group(format!("hit/{sessions} sessions/{threads} threads"));
            group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
            for (name, get) in &subjects {
                group.bench_function(*name, |bencher| {
                    bencher.iter_custom(|iterations| timed(&loaded.ids, threads, iterations, get));
                });
            }
            group.finish();
            in_turn(&loaded, &subjects, threads);
        }
    }
}

/// Batches in turn: what else the machine does meets all of them. Prints the medians, and those of the ratios to the
/// first, round by round.
fn in_turn(loaded: &Loaded, subjects: &[Get<'_>], threads: usize) {
    let rounds = if is_quick() { 40 } else { 300 };
    let mut ids = loaded.ids.clone();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); subjects.len()];
    let before = loaded.tiered.stats();
    for _ in 0..rounds {
        // Far apart, so that none finds in the processor's cache what another has just loaded.
        for ((_, get), times) in subjects.iter().zip(&mut times) {
            let apart = (ids.len() / 7).max(1);
            ids.rotate_left(apart);
            times.push(timed(&ids, threads, BATCH, get).as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    let after = loaded.tiered.stats();
    let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
    println!("\nin turn: {} sessions, {threads} threads; {misses} misses in {}", ids.len(), hits + misses);
    print(subjects.iter().map(|(name, _)| *name), &times);
}

fn print<'a>(names: impl Iterator<Item = &'a str>, times: &[Vec<f64>]) {
    for (name, own) in names.zip(times) {
        let ratios = times[0].iter().zip(own).map(|(first, own)| first / own).collect();
        let least = own.iter().copied().fold(f64::INFINITY, f64::min);
        let (middle, ratio) = (median(own.clone()), median(ratios));
        println!("  {name:45} {middle:8.1} ns, least {least:8.1} ns; the first takes {ratio:5.2} of it");
    }
}

/// Eight fields, a thousand sessions, loads awaited one after another.
fn peers(criterion: &mut Criterion) {
    let (loaded, peer) = (Loaded::new(SESSIONS[0]), Peer::start(SESSIONS[0]));
    let mut peers_ids = peer.ids.clone();
    shuffle(&mut peers_ids);
    let ours = |loads: usize| {
        peer.runtime.block_on(async {
            for id in loaded.ids.iter().cycle().take(loads) {
                black_box(loaded.store.load(id, LoadOptions::default()).await.unwrap());
            }
        });
    };
    let theirs = |loads: usize| {
        peer.runtime.block_on(async {
            for id in peers_ids.iter().cycle().take(loads) {
                black_box(peer.load(id).await);
            }
        });
    };
    let subjects: [(&str, &dyn Fn(usize)); 2] = [("tiered", &ours), ("CachingSessionStore, moka over redis", &theirs)];
    let mut group = criterion.benchmark_group("hit, awaited, 8 fields, 1000 sessions");
    group.sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(600));
    for (name, work) in subjects {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|loads| elapsed(|| work(usize::try_from(loads).unwrap())));
        });
    }
    group.finish();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..if is_quick() { 40 } else { 300 } {
        for ((_, work), times) in subjects.iter().zip(&mut times) {
            times.push(elapsed(|| work(BATCH as usize)).as_secs_f64() * 1e9 / BATCH as f64);
        }
    }
    println!("\nin turn: awaited, 8 fields, 1000 sessions");
    print(subjects.iter().map(|(name, _)| *name), &times);
}

criterion_group!(benches, hits, peers);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
