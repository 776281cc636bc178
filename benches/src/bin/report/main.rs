//! Measures every claim of this project, prints one line per claim and writes a report. See `--help`.
//!
//! Exits with status 1 if a claim is missed, and with 2 if something could not be measured or written.

use std::{
    error::Error,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use session_benches::{claims, effort::Effort, report::Report};

/// Measures the claims against references in the same run, and reports which hold.
#[derive(Debug, Parser)]
#[command(name = "report")]
struct Args {
    /// Take at most three minutes: for ratios, not for figures to quote
    #[arg(long)]
    quick: bool,
    /// Measure only the sections whose name begins with this; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Recorded trace for the study of hit rates: Online Retail as CSV or big-endian u32 keys, plain or compressed by
    /// zstd
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Folder for report.md, report.json and the plots
    #[arg(long, value_name = "FOLDER", default_value = "target/report")]
    out: PathBuf,
}

fn main() -> ExitCode {
    // A child process of this program measures its own memory.
    if let Some(code) = session_benches::footprint::serve() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(report) if !report.failures.is_empty() => ExitCode::from(2),
        Ok(report) if report.missed() > 0 => ExitCode::from(1),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            let mut causes = String::new();
            let mut source = error.source();
            while let Some(cause) = source {
                causes.push_str(&format!(": {cause}"));
                source = cause.source();
            }
            eprintln!("report: {error}{causes}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<Report, Box<dyn Error>> {
    let effort = if args.quick { Effort::Quick } else { Effort::Full };
    let begins = |name: &str, only: &String| name.starts_with(only.as_str());
    if let Some(unknown) = args.only.iter().find(|only| !claims::ALL.iter().any(|section| begins(section.name, only))) {
        let names: Vec<_> = claims::ALL.iter().map(|section| section.name).collect();
        return Err(format!("no section begins with `{unknown}`: the sections are {}", names.join(", ")).into());
    }
    let is_wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| begins(name, only));
    let sections: Vec<_> = claims::ALL.iter().filter(|section| is_wanted(section.name)).collect();
    let report = Report::measure(&sections, effort, args.trace.as_deref())?;
    // Written before anything is printed, because stdout may be closed.
    let written = report.write(&args.out);
    match print_summary(&report, args) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => written?,
    }
    Ok(report)
}

/// Prints one line per claim with its result.
fn print_summary(report: &Report, args: &Args) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", report.table())?;
    for claim in report.claims() {
        if let Some(reason) = claim.reason() {
            writeln!(out, "MISS {}: {reason}", claim.id)?;
        }
    }
    for failure in &report.failures {
        writeln!(out, "FAILED {}: {}", failure.section, failure.why)?;
    }
    let count = report.claims().count();
    let page = args.out.join("report.md");
    writeln!(out, "{} of {count} claims hold; see {}", count - report.missed(), page.display())?;
    out.flush()
}
