//! Spreading iterations over tasks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, sync::Barrier};

/// One request of a task, by the task's number.
pub(super) trait Work: Fn(usize) -> Self::Request + Clone + Send + Sync + 'static {
    /// The future of the request.
    type Request: Future<Output = ()> + Send;
}

impl<W: Fn(usize) -> R + Clone + Send + Sync + 'static, R: Future<Output = ()> + Send> Work for W {
    type Request = R;
}

/// The time of `iterations` requests that `tasks` tasks make concurrently, each one request after another. Divided by
/// `iterations`, it is the reciprocal of the throughput of all tasks together.
pub(super) fn run(runtime: &Runtime, tasks: usize, iterations: u64, work: &impl Work) -> Duration {
    let work = work.clone();
    runtime.block_on(async move {
        let (start, end) = (Arc::new(Barrier::new(tasks + 1)), Arc::new(Barrier::new(tasks + 1)));
        for task in 0..tasks {
            let share = iterations / tasks as u64 + u64::from((task as u64) < iterations % tasks as u64);
            let (start, end, work) = (start.clone(), end.clone(), work.clone());
            tokio::spawn(async move {
                start.wait().await;
                for _ in 0..share {
                    work(task).await;
                }
                end.wait().await;
            });
        }
        start.wait().await;
        let began = Instant::now();
        end.wait().await;
        began.elapsed()
    })
}
