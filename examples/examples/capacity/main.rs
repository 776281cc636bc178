//! Computes what a service needs of Redis and of its nodes, where it breaks first, and what to do about it. The formulas are
//! in the documentation of `session_examples::capacity`.
//!
//! ```text
//! cargo run --example capacity -- --sessions 100e6 --rps 1e6 --nodes 500
//! cargo run --example capacity -- --sessions 1e6 --rps 2e4 --nodes 12 --routing sticky --topology standalone
//! cargo run --example capacity -- --sessions 1e6 --rps 2e4 --nodes 12 --constants report.json
//! cargo run --example capacity -- --help
//! ```

mod args;
mod show;

use std::process::ExitCode;

use clap::Parser as _;
use session_examples::capacity::{Constants, Estimate, Invalid, Limits, Workload, estimate};

use crate::{args::Args, show::show};

const TOO_MUCH: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    match compute(&args) {
        Ok((workload, limits, constants, estimate)) => {
            print!("{}", show(&workload, &constants, &limits, &estimate));
            let is_enough = estimate.uses.iter().all(|it| it.share() <= 1.0);
            if is_enough { ExitCode::SUCCESS } else { ExitCode::from(TOO_MUCH) }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}

fn compute(args: &Args) -> Result<(Workload, Limits, Constants, Estimate), Invalid> {
    let constants = match &args.constants {
        None => Constants::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| Invalid::new(path.display().to_string(), error.to_string()))?;
            Constants::of_report(&text)?
        }
    };
    let (workload, limits) = (args.workload(), args.limits());
    let estimate = estimate(&workload, &constants, &limits)?;
    Ok((workload, limits, constants, estimate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<(Workload, Limits, Constants, Estimate), Invalid> {
        compute(&Args::parse_from(std::iter::once("capacity").chain(line.split(' '))))
    }

    #[test]
    fn a_service_is_computed_and_shown() {
        let (workload, limits, constants, estimate) = of("--sessions 100e6 --rps 1e6 --nodes 500").unwrap();
        let text = show(&workload, &constants, &limits, &estimate);
        for part in ["hit rate", "heartbeat", "fan-out", "connections", "staleness", "breaks first", "What to do"] {
            assert!(text.contains(part), "no {part} in\n{text}");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn figures_and_files_that_make_no_sense_are_told() {
        for (line, message) in [
            ("--sessions 0 --rps 1 --nodes 1", "sessions: 0 is not between"),
            ("--sessions 1 --rps NaN --nodes 1", "rps: NaN is not between"),
            ("--sessions 1 --rps 1 --nodes 1 --partitions 100", "partitions: 100 is no power of two"),
            ("--sessions 1 --rps 1 --nodes 1 --constants no-such-file", "no-such-file: "),
            ("--sessions 1 --rps 1 --nodes 1 --topology standalone --primaries 2", "primaries: several primaries"),
        ] {
            let error = of(line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
