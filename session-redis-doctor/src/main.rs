#![doc = include_str!("../README.md")]

mod args;

use std::{io::Write as _, process::ExitCode};

use clap::Parser as _;
use session_redis::doctor::Severity;

use crate::args::Args;

const CRITICAL: u8 = 1;
const USAGE: u8 = 2;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match Args::parse().doctor().examine().await {
        Ok(report) => {
            // A reader that closed the pipe, such as `head`, has seen enough; the exit status stays the same.
            let _ = write!(std::io::stdout(), "{report}");
            if report.worst() == Severity::Critical { ExitCode::from(CRITICAL) } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(USAGE)
        }
    }
}
