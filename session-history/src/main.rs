//! The long mode: clients against faults for some minutes, and the judgement of the history.
//!
//! `cargo run --release -p session-history -- --topology sentinel --minutes 10 --seed 7`. The exit status is 0 if no
//! rule was broken, 1 if one was, and 2 if the run itself failed.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum as _};
use session_history::{
    checker::{Report, check},
    harness::{FaultKind, Options, Topology, run},
    history::{History, Outcome, read},
    worker::{Mutant, serve},
};

/// How many violations the long mode prints; `check` prints all.
const PRINTED: usize = 20;

#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves as one node of the application: requests on the standard input, answers on the standard output.
    #[command(hide = true)]
    Worker,
    /// Judges the history of an earlier run.
    Check {
        /// The file.
        history: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// How the servers are organised.
    #[arg(long, value_enum, default_value = "single")]
    topology: Topology,
    /// How long clients send requests.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// The seed of all choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// The number of nodes; the last has no cache.
    #[arg(long, default_value_t = 3)]
    nodes: u32,
    /// The number of clients of each node.
    #[arg(long, default_value_t = 3)]
    clients: u32,
    /// The faults, with commas between; all by default.
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Option<Vec<FaultKind>>,
    /// Faults to leave out, with commas between.
    #[arg(long, value_enum, value_delimiter = ',')]
    without: Vec<FaultKind>,
    /// Makes all nodes wrong in this way.
    #[arg(long, value_enum)]
    mutant: Option<Mutant>,
    /// The directory of the history and the servers' logs; by default one that is removed afterwards, unless a rule was
    /// broken or the run itself failed.
    #[arg(long)]
    dir: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Worker) => serve().await.map(|()| ExitCode::SUCCESS),
        Some(Command::Check { history }) => judge(&history, usize::MAX),
        None => long_mode(&cli.run).await,
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::from(2)
    })
}

async fn long_mode(arguments: &Run) -> io::Result<ExitCode> {
    let temporary = tempfile::Builder::new().prefix("session-history-").tempdir()?;
    let dir = arguments.dir.clone().unwrap_or_else(|| temporary.path().to_owned());
    fs::create_dir_all(&dir)?;
    let faults = arguments.faults.clone().unwrap_or_else(|| FaultKind::value_variants().to_vec());
    let options = Options {
        topology: arguments.topology,
        seed: arguments.seed,
        time: Duration::from_secs_f64(arguments.minutes.clamp(0.0, 10_000.0) * 60.0),
        nodes: arguments.nodes.max(1),
        clients: arguments.clients.max(1),
        faults: faults.into_iter().filter(|fault| !arguments.without.contains(fault)).collect(),
        mutant: arguments.mutant,
        worker: std::env::current_exe()?,
        dir: dir.clone(),
    };
    let history = options.history();
    // A task of its own, because the test kit panics when servers do not do in time what they should.
    let result = match tokio::spawn(async move { run(&options).await }).await.map_err(io::Error::other) {
        Ok(Ok(summary)) => {
            println!("{summary}");
            judge(&history, PRINTED)
        }
        Ok(Err(error)) | Err(error) => Err(error),
    };
    if !matches!(result, Ok(ExitCode::SUCCESS)) {
        if arguments.dir.is_none() {
            let _ = temporary.keep();
        }
        println!("the history and the servers' logs are in {}", dir.display());
    }
    result
}

/// Judges a history, and prints at most this many violations.
fn judge(path: &Path, most: usize) -> io::Result<ExitCode> {
    let history = read(BufReader::new(File::open(path)?))?;
    println!("{}", figures(&history));
    let report = check(&history);
    print(&report, most);
    Ok(if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn figures(history: &History) -> String {
    let count =
        |is: &dyn Fn(Option<&Outcome>) -> bool| history.calls.iter().filter(|call| is(call.outcome.as_ref())).count();
    let sessions = history.calls.iter().map(|call| call.request.session).max().map_or(0, |most| most + 1);
    let hits: u64 = history.counters.values().map(|counters| counters.hits).sum();
    format!(
        "{} calls on {sessions} sessions: {} found, {} absent, {} acknowledged, {} in conflict, {} refused, {} unknown; \
         {hits} answered locally by the processes that lived to the end; {} history lost, {} destroys undone",
        history.calls.len(),
        count(&|outcome| matches!(outcome, Some(Outcome::Found { .. }))),
        count(&|outcome| matches!(outcome, Some(Outcome::Absent { .. }))),
        count(&|outcome| outcome.is_some_and(Outcome::is_done)),
        count(&|outcome| matches!(outcome, Some(Outcome::Conflict))),
        count(&|outcome| matches!(outcome, Some(Outcome::Refused { .. }))),
        count(&|outcome| matches!(outcome, None | Some(Outcome::Unknown { .. }))),
        history.counters.values().map(|counters| counters.history_lost).sum::<u64>(),
        history.counters.values().map(|counters| counters.destroys_undone).sum::<u64>(),
    )
}

fn print(report: &Report, most: usize) {
    for violation in report.violations.iter().take(most) {
        println!("{violation}");
    }
    for (rule, count) in report.by_rule() {
        println!("{count} violations of {rule}");
    }
    println!("{} acknowledged additions were lost by faults that may lose writes", report.lost);
    println!("{} violations", report.violations.len());
}
