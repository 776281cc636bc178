//! Computes what a service needs of Redis and of its nodes, which resource runs out first, and what to do about it. The
//! library's documentation has the formulas.
//!
//! ```text
//! cargo run -p capacity -- --sessions 100e6 --rps 1e6 --nodes 500
//! cargo run -p capacity -- --sessions 1e6 --rps 2e4 --nodes 12 --routing sticky --topology standalone
//! cargo run -p capacity -- --sessions 1e6 --rps 2e4 --nodes 12 --constants report.json
//! cargo run -p capacity -- --help
//! ```

mod args;
mod show;

use std::process::ExitCode;

use capacity::{Constants, Estimate, Invalid, Limits, Workload, estimate};
use clap::Parser as _;

use crate::{args::Args, show::show};

const TOO_MUCH: u8 = 1;
const USAGE: u8 = 2;

fn main() -> ExitCode {
    run(&Args::parse())
}

fn run(args: &Args) -> ExitCode {
    match compute(args) {
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

    fn status_of(line: &str) -> ExitCode {
        run(&Args::parse_from(std::iter::once("capacity").chain(line.split(' '))))
    }

    /// The page depends on the service and leaves out what does not apply.
    #[test]
    fn a_service_is_computed_and_shown() {
        let page = |line: &str| {
            let (workload, limits, constants, estimate) = of(line).unwrap();
            let text = show(&workload, &constants, &limits, &estimate);
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
            text
        };
        let large = page("--sessions 100e6 --rps 1e6 --nodes 500 --write-share 0.004 --heartbeat 0.1");
        for part in
            ["(0.40 % write)", "sharded channels", "plain channels would add", "every 100 ms", "the hottest session"]
        {
            assert!(large.contains(part), "no {part} in\n{large}");
        }
        assert!(!large.contains("(a guess"));
        let hopeless = page("--sessions 1e6 --rps 1e6 --nodes 5e3 --write-share 1 --zipf 1.5 --session-bytes 2000");
        for part in [
            "(a guess: no number of primaries is enough)",
            "unbounded",
            "too much",
            "as a hash table",
            "Even turns of 10 ms",
        ] {
            assert!(hopeless.contains(part), "no {part} in\n{hopeless}");
        }
        let one = page("--sessions 1e5 --rps 1e3 --nodes 4 --topology standalone --primaries 1");
        assert!(
            !one.contains("plain channels would add") && one.contains("There is time for a turn per request"),
            "{one}"
        );
    }

    #[test]
    fn the_status_says_whether_it_is_enough() {
        assert_eq!(status_of("--sessions 1e5 --rps 1e3 --nodes 4"), ExitCode::SUCCESS);
        assert_eq!(status_of("--sessions 1e8 --rps 1e6 --nodes 500 --primaries 1"), ExitCode::from(TOO_MUCH));
        assert_eq!(status_of("--sessions 0 --rps 1 --nodes 4"), ExitCode::from(USAGE));
    }

    #[test]
    fn constants_of_a_report_are_taken() {
        let report = tempfile::NamedTempFile::new().unwrap();
        let constants = Constants { machine: "another one".to_owned(), apply_us: 1_000.0, ..Constants::default() };
        std::fs::write(report.path(), serde_json::json!({ "constants": constants }).to_string()).unwrap();
        let line = format!("--sessions 1e5 --rps 1e3 --nodes 4 --constants {}", report.path().display());
        let (.., taken, estimate) = of(&line).unwrap();
        assert_eq!(taken, constants);
        assert!(estimate.server_cpu.total() > of("--sessions 1e5 --rps 1e3 --nodes 4").unwrap().3.server_cpu.total());
    }

    #[test]
    fn figures_and_files_that_make_no_sense_are_told() {
        for (line, message) in [
            ("--sessions 0 --rps 1 --nodes 1", "sessions: 0 is not between"),
            ("--sessions 1 --rps NaN --nodes 1", "rps: NaN is not between"),
            ("--sessions 1 --rps 1 --nodes 1 --heartbeat 2", "heartbeat: 2 is not between 0.001 and 0.5"),
            ("--sessions 1 --rps 1 --nodes 1 --turn 1", "turn: 1 is not between"),
            ("--sessions 1 --rps 1 --nodes 1 --partitions 100", "partitions: 100 is not a power of two"),
            ("--sessions 1 --rps 1 --nodes 1 --constants no-such-file", "no-such-file: "),
            ("--sessions 1 --rps 1 --nodes 1 --topology standalone --primaries 2", "primaries: several primaries"),
        ] {
            let error = of(line).unwrap_err().to_string();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
