use std::{
    hint::black_box,
    thread,
    time::{Duration, Instant},
};

use session_core::SessionId;

/// The time that each of so many threads takes for `iterations` gets, over all keys in turn.
pub fn timed<T>(ids: &[SessionId], threads: usize, iterations: u64, get: impl Fn(&SessionId) -> T + Sync) -> Duration {
    let run = |start: usize| {
        let ids = ids.iter().cycle().skip(start * ids.len() / threads);
        let count = usize::try_from(iterations).unwrap_or(usize::MAX);
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
        threads.into_iter().filter_map(|thread| thread.join().ok()).max().unwrap_or_default()
    })
}

/// How long something takes.
pub fn elapsed(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}
