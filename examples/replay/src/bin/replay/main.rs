//! Drives a shop's traffic through a session store, from several application nodes and many concurrent clients, and
//! compares the final state of the store with what the traffic adds up to.
//!
//! ```text
//! cargo run --release -p replay                          generated traffic, about 10 s
//! cargo run --release -p replay -- --baseline blob       the same, saved as whole sessions; counts what is lost
//! cargo run --release -p replay --features redis -- --store redis --spawn
//!                                                        on a Redis server that is started for the run
//! cargo run --release -p replay --features tiered -- --store tiered --spawn
//!                                                        the same, with a local cache on each node
//! cargo run --release -p replay --features traces -- --trace FILE
//!                                                        a recorded trace
//! cargo run --release -p replay -- --help
//! ```
//!
//! The feature `full` turns on all three.

mod args;
mod audit;
mod backend;
mod blob;
#[cfg(feature = "tiered")]
mod caching;
mod cells;
mod drive;
mod nodes;
#[cfg(feature = "tiered")]
mod probe;
mod progress;
#[cfg(feature = "redis")]
mod redis_cells;
mod report;
#[cfg(feature = "redis")]
mod server;
mod shop;
mod tally;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use replay::{
    plan::{Plan, Planner},
    trace,
};
use session_core::Error;

use crate::{
    args::{Args, Place},
    backend::Backend,
    nodes::Nodes,
    progress::Progress,
    report::{Report, Setting},
};

/// The number of generated requests by default: about ten seconds on two cores.
const REQUESTS: u32 = 2_000_000;
/// The same on Redis, where each request takes one or two round trips.
#[cfg(feature = "redis")]
const REQUESTS_ON_REDIS: u32 = 300_000;

const LOST: u8 = 1;
const USAGE: u8 = 2;
const STORE_FAILED: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let (args, place) = Args::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    run(&args, &place).await
}

async fn run(args: &Args, place: &Place) -> ExitCode {
    let mut planner = Planner::default();
    let trace = match plan(args, place, &mut planner) {
        Ok(trace) => trace,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match replay(args, place, trace, planner.finish()).await {
        Ok(report) => show(&report, args.json),
        Err(error) => {
            eprintln!("error: the store failed: {error}");
            ExitCode::from(STORE_FAILED)
        }
    }
}

/// Plans the traffic and returns its name, or says why the trace cannot be used.
fn plan(args: &Args, place: &Place, planner: &mut Planner) -> Result<&'static str, String> {
    #[cfg(feature = "traces")]
    if let Some(path) = &args.trace {
        let read = trace::read(path, args.lines, args.seed, planner);
        return read.map_err(|error| format!("{}: {error}", path.display()));
    }
    Ok(trace::generate(args.lines.unwrap_or(requests(place)), args.seed, planner))
}

fn requests(place: &Place) -> u32 {
    match place {
        Place::Memory => REQUESTS,
        #[cfg(feature = "redis")]
        Place::Redis(_) | Place::SpawnedRedis => REQUESTS_ON_REDIS,
    }
}

async fn replay(args: &Args, place: &Place, trace: &'static str, plan: Plan) -> Result<Report, Error> {
    let backend = Backend::open(place).await?;
    let setting = Setting {
        store: backend.name(args.store.is_tiered()),
        mode: if args.baseline.is_some() { "whole sessions (baseline)" } else { "deltas" },
        trace,
        seed: args.seed,
        nodes: args.nodes,
        clients: args.clients,
        counts: plan.counts,
    };
    if !args.json {
        // Before the run, so that a reader knows what is running. The run continues if standard output is closed.
        let _ = writeln!(io::stdout(), "{setting}\n");
    }
    let nodes = Nodes::start(args, &backend).await?;
    let progress = Progress::new(plan.steps.len() as u64);
    let tally = drive::drive(Arc::new(plan), nodes.shops(), usize::from(args.clients), progress).await?;
    if let Err(error) = backend.clear().await {
        eprintln!("note: the keys of this run were not removed from the server: {error}");
    }
    let mut report = Report::new(&setting, &tally);
    nodes.finish(&setting.counts, &tally, &mut report);
    Ok(report)
}

fn show(report: &Report, json: bool) -> ExitCode {
    // The exit status reports the result even if standard output is closed.
    let _ = match serde_json::to_string(report) {
        Ok(object) if json => writeln!(io::stdout(), "{object}"),
        _ => write!(io::stdout(), "{report}"),
    };
    if report.audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(LOST) }
}

#[cfg(test)]
#[cfg(feature = "traces")]
mod tests {
    use super::*;

    const HEADER: &str = "time,invoice,customer,stock_code,quantity,unit_price,country\n";

    async fn status_of(name: &str, trace: &[u8]) -> ExitCode {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, trace).unwrap();
        let line = ["replay".as_ref(), "--trace".as_ref(), path.as_os_str()];
        let (args, place) = Args::read(line).unwrap();
        run(&args, &place).await
    }

    #[tokio::test]
    async fn a_trace_that_cannot_be_read_is_a_usage_error() {
        let lines = format!("{HEADER}{}", "t,1,c,a,2,1.0,UK\n".repeat(10_000));
        let packed = zstd::encode_all(lines.as_bytes(), 1).unwrap();
        let long = format!("{HEADER}t,1,c,{},2,1.0,UK\n", "a".repeat(2_000));
        for (name, trace) in [
            ("cut.csv.zst", &packed[..packed.len() / 2]),
            ("empty.csv", HEADER.as_bytes()),
            ("long.csv", long.as_bytes()),
        ] {
            assert_eq!(status_of(name, trace).await, ExitCode::from(USAGE), "{name}");
        }
    }

    /// More lines than a session may have entries by default.
    #[tokio::test]
    async fn a_long_cart_is_no_failure_of_the_store() {
        let lines = format!("{HEADER}{}", "t,1,c,a,2,1.0,UK\n".repeat(12_000));
        assert_eq!(status_of("long.csv", lines.as_bytes()).await, ExitCode::SUCCESS);
    }
}
