use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use session_core::SessionId;

/// The time of the slowest of `threads` threads for `iterations` gets over all keys in turn. They begin together.
pub fn timed<T>(ids: &[SessionId], threads: usize, iterations: u64, get: impl Fn(&SessionId) -> T + Sync) -> Duration {
    timed_from(0, ids, threads, iterations, get)
}

/// The same, starting with the key `first`.
pub fn timed_from<T>(
    first: usize,
    ids: &[SessionId],
    threads: usize,
    iterations: u64,
    get: impl Fn(&SessionId) -> T + Sync,
) -> Duration {
    let together = Barrier::new(threads);
    let run = |thread: usize| {
        let ids = ids.iter().cycle().skip((first + thread * ids.len() / threads) % ids.len().max(1));
        let count = usize::try_from(iterations).unwrap_or(usize::MAX);
        together.wait();
        elapsed(|| {
            for id in ids.take(count) {
                black_box(get(id));
            }
        })
    };
    if threads == 1 {
        return run(0);
    }
    thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..threads).map(|n| scope.spawn(move || run(n))).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that measures")).max().unwrap_or_default()
    })
}

/// Nanoseconds per get, in batches that continue where the last one ended, for maps whose keys do or do not fit the
/// processor's caches. An untimed pass over some keys before each batch restores what others have displaced from the
/// caches.
#[derive(Debug)]
pub struct Batches {
    /// The key to start with.
    pub first: usize,
    /// The number of threads.
    pub threads: usize,
    /// The gets of each thread.
    pub gets: u64,
}

/// The number of keys of the untimed pass: all keys, if there are few. Of many, other keys than the measured ones.
const WARM: usize = 1_000;

impl Batches {
    /// Runs one more batch.
    pub fn next<T>(&mut self, ids: &[SessionId], get: impl Fn(&SessionId) -> T + Sync) -> f64 {
        let Self { threads, gets, .. } = *self;
        let _ = timed_from(self.first, ids, threads, WARM as u64, &get);
        let time = timed_from(self.first + WARM, ids, threads, gets, get);
        self.first = (self.first + WARM + gets as usize) % ids.len();
        time.as_secs_f64() * 1e9 / gets as f64
    }
}

/// The duration of some work.
pub fn elapsed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
