//! Drives a shop's traffic through a session store from several application nodes and many clients at once, and
//! compares what the store holds in the end with what the traffic adds up to.
//!
//! ```text
//! cargo run --release --example replay                       generated traffic, about 10 s
//! cargo run --release --example replay -- --baseline blob    the same, saved as whole sessions: see what is lost
//! cargo run --release --example replay -- --help
//! ```

mod args;
mod audit;
mod blob;
mod drive;
mod plan;
mod report;
mod shop;
mod tally;
mod trace;

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use indicatif::{ProgressBar, ProgressStyle};
use session_core::{Error, Limits, SessionStore};
use session_memory::MemoryStore;

use crate::{
    args::{Args, Baseline, StoreKind},
    blob::BlobShop,
    plan::{Plan, Planner},
    report::{Report, Setting},
    shop::{DeltaShop, Shop},
};

/// What the generator makes when nothing is said: about ten seconds on two cores.
const REQUESTS: u32 = 2_000_000;
/// The baseline keeps a whole cart in one value, and the longest cart of Online Retail has 7,983 lines.
const MAX_BLOB: usize = 4 * 1_024 * 1_024;

const LOST: u8 = 1;
const USAGE: u8 = 2;
const STORE_FAILED: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let mut planner = Planner::default();
    let trace = match &args.trace {
        None => trace::generate(args.lines.unwrap_or(REQUESTS), args.seed, &mut planner),
        Some(path) => match trace::read(path, args.lines, args.seed, &mut planner) {
            Ok(trace) => trace,
            Err(error) => {
                eprintln!("error: {}: {error}", path.display());
                return ExitCode::from(USAGE);
            }
        },
    };
    match replay(&args, trace, planner.finish()).await {
        Ok(report) => show(&report, args.json),
        Err(error) => {
            eprintln!("error: the store failed: {error}");
            ExitCode::from(STORE_FAILED)
        }
    }
}

async fn replay(args: &Args, trace: &'static str, plan: Plan) -> Result<Report, Error> {
    let nodes = nodes(args)?;
    let setting = Setting {
        store: nodes[0].backend(),
        mode: if args.baseline.is_some() { "whole sessions (baseline)" } else { "deltas" },
        trace,
        seed: args.seed,
        nodes: args.nodes,
        clients: args.clients,
        counts: plan.counts,
    };
    let shops: Vec<Arc<dyn Shop>> = nodes.into_iter().map(|store| shop(args.baseline, store)).collect();
    let bar = progress(plan.steps.len());
    let tally = drive::drive(Arc::new(plan), &shops, usize::from(args.clients), bar).await?;
    Ok(Report::new(&setting, &tally))
}

/// One handle on the store for each application node.
fn nodes(args: &Args) -> Result<Vec<Arc<dyn SessionStore>>, Error> {
    let limits = Limits::default().max_value_bytes(MAX_BLOB).max_session_bytes(MAX_BLOB);
    match args.store {
        StoreKind::Memory => {
            let store = MemoryStore::builder().limits(limits).build()?;
            Ok((0..args.nodes).map(|_| Arc::new(store.node()) as Arc<dyn SessionStore>).collect())
        }
    }
}

fn shop(baseline: Option<Baseline>, store: Arc<dyn SessionStore>) -> Arc<dyn Shop> {
    match baseline {
        None => Arc::new(DeltaShop::new(store)),
        Some(Baseline::Blob) => Arc::new(BlobShop::new(store)),
    }
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
