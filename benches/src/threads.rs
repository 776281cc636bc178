use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use session_core::SessionId;

/// The time that the slowest of so many threads takes for `iterations` gets, over all keys in turn. They begin together.
pub fn timed<T>(ids: &[SessionId], threads: usize, iterations: u64, get: impl Fn(&SessionId) -> T + Sync) -> Duration {
    timed_from(0, ids, threads, iterations, get)
}

/// The same, from the key with this number on.
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

/// Nanoseconds of a get in batches that begin where the last one ended, for maps whose keys do or do not fit the
/// processor's caches: an untimed pass over some keys before each batch makes up for what others have displaced meanwhile.
#[derive(Debug)]
pub struct Batches {
    /// From which key on.
    pub first: usize,
    /// How many threads there are.
    pub threads: usize,
    /// So many gets on each of them.
    pub gets: u64,
}

/// So many are warmed up: all, where there are few. Of many, others than those that are then measured.
const WARM: usize = 1_000;

impl Batches {
    /// One more.
    pub fn next<T>(&mut self, ids: &[SessionId], get: impl Fn(&SessionId) -> T + Sync) -> f64 {
        let Self { threads, gets, .. } = *self;
        let _ = timed_from(self.first, ids, threads, WARM as u64, &get);
        let time = timed_from(self.first + WARM, ids, threads, gets, get);
        self.first = (self.first + WARM + gets as usize) % ids.len();
        time.as_secs_f64() * 1e9 / gets as f64
    }
}

/// How long something takes.
pub fn elapsed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
