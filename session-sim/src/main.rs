//! The long mode: a number of seeds, or as many as fit into a time.
//!
//! `cargo run --release -p session-sim -- --seeds 100000`, or `--seconds 600`. `--from` is the first seed. A
//! seed that fails is run again with its trace.

use std::{
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use clap::Parser;
use session_sim::{
    campaign::{explain, found_fault_with_itself, tiered},
    sim::{Coverage, Outcome, run},
};
use tokio::time::Instant;

#[derive(Debug, Parser)]
struct Options {
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// The number of seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The time to run, instead of a number of seeds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Print only the trace of the first seed.
    #[arg(long)]
    trace: bool,
}

/// The state that all threads share.
struct Campaign {
    options: Options,
    start: Instant,
    next: AtomicU64,
    failed: AtomicBool,
    coverage: Mutex<Coverage>,
}

impl Campaign {
    fn next_seed(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let goes_on = match self.options.seconds {
            Some(seconds) => self.start.elapsed() < Duration::from_secs(seconds),
            None => number < self.options.seeds,
        };
        (goes_on && !self.failed.load(Ordering::Relaxed)).then_some(self.options.from + number)
    }

    fn work(&self) {
        let mut coverage = Coverage::default();
        while let Some(seed) = self.next_seed() {
            let outcome = run(seed, &tiered, false);
            coverage.merge(&outcome.coverage);
            coverage.count("seeds");
            if outcome.violation.is_some() || found_fault_with_itself(&outcome.coverage) {
                self.report(&outcome);
            }
        }
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).merge(&coverage);
    }

    fn report(&self, outcome: &Outcome) {
        self.failed.store(true, Ordering::Relaxed);
        eprintln!("{}\nseed {}", explain(outcome, &tiered), outcome.seed);
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.trace {
        let outcome = run(options.from, &tiered, true);
        outcome.trace.iter().for_each(|line| println!("{line}"));
        return outcome.violation.map_or(ExitCode::SUCCESS, |_| ExitCode::FAILURE);
    }
    let start = Instant::now();
    let (next, failed, coverage) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::default());
    let campaign = Campaign { options, start, next, failed, coverage };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(|| campaign.work()))));
    let coverage = campaign.coverage.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (seeds, seconds) = (coverage.of("seeds"), campaign.start.elapsed().as_secs_f64());
    println!("{coverage}{seeds} seeds in {seconds:.1} s on {threads} threads, {:.0} seeds/s", seeds as f64 / seconds);
    if campaign.failed.into_inner() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
