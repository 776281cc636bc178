//! Drives a shop's traffic through a session store from several application nodes and many clients at once, and
//! compares what the store holds in the end with what the traffic adds up to.
//!
//! ```text
//! cargo run --release --example replay                       generated traffic, about 10 s
//! cargo run --release --example replay -- --baseline blob    the same, saved as whole sessions: see what is lost
//! cargo run --release --example replay -- --store redis --spawn
//!                                                            on a Redis server of its own
//! cargo run --release --example replay -- --store tiered --spawn
//!                                                            the same, each node with a local cache
//! cargo run --release --example replay -- --help
//! ```

mod args;
mod audit;
mod backend;
mod blob;
mod cells;
mod drive;
mod probe;
mod redis_cells;
mod report;
mod shop;
mod tally;

use std::{process::ExitCode, sync::Arc};

use indicatif::{ProgressBar, ProgressStyle};
use session_core::Error;
use session_examples::{
    plan::{Plan, Planner},
    trace,
};

use crate::{
    args::{Args, Place},
    backend::{Backend, Cache},
    probe::Probe,
    report::{Caching, Report, Setting},
    shop::Shop,
};

/// What the generator makes when nothing is said: about ten seconds on two cores ...
const REQUESTS: u32 = 2_000_000;
/// ... and on Redis, where each takes one or two round trips.
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
    let trace = match &args.trace {
        None => trace::generate(args.lines.unwrap_or(requests(place)), args.seed, &mut planner),
        Some(path) => match trace::read(path, args.lines, args.seed, &mut planner) {
            Ok(trace) => trace,
            Err(error) => {
                eprintln!("error: {}: {error}", path.display());
                return ExitCode::from(USAGE);
            }
        },
    };
    match replay(args, place, trace, planner.finish()).await {
        Ok(report) => show(&report, args.json),
        Err(error) => {
            eprintln!("error: the store failed: {error}");
            ExitCode::from(STORE_FAILED)
        }
    }
}

fn requests(place: &Place) -> u32 {
    match place {
        Place::Memory => REQUESTS,
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
    let (nodes, caches) = nodes(args, &backend).await?;
    let probe = if caches.is_empty() { None } else { Some(Probe::start(&backend).await?) };
    let bar = progress(plan.steps.len());
    let tally = drive::drive(Arc::new(plan), &nodes, usize::from(args.clients), bar).await?;
    if let Err(error) = backend.clear().await {
        eprintln!("note: the keys of this run stay on the server: {error}");
    }
    let caching = probe.map(|probe| Caching::new(&caches, &setting.counts, &tally, &probe.end()));
    Ok(Report::new(&setting, &tally, caching))
}

/// The nodes, and the local cache of each if there are any.
async fn nodes(args: &Args, backend: &Backend) -> Result<(Vec<Arc<dyn Shop>>, Vec<Cache>), Error> {
    let (mut nodes, mut caches) = (Vec::new(), Vec::new());
    for _ in 0..args.nodes {
        if args.store.is_tiered() {
            let (node, cache) = backend.tiered_node().await?;
            nodes.push(node);
            caches.push(cache);
        } else {
            nodes.push(backend.node(args.baseline).await?);
        }
    }
    Ok((nodes, caches))
}

/// On standard error, and only if that is a terminal.
fn progress(steps: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {human_pos}/{human_len}  {eta} left");
    ProgressBar::new(steps as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(report: &Report, json: bool) -> ExitCode {
    match serde_json::to_string(report) {
        Ok(object) if json => println!("{object}"),
        _ => print!("{report}"),
    }
    if report.audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(LOST) }
}

#[cfg(test)]
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
