//! Measures everything that this project claims, prints one line for each claim and writes a report: `--help` has the rest.
//!
//! Ends with status 1 if a claim is missed, and with 2 if it cannot run.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use session_benches::{claims, effort::Effort, report::Report};

/// Measures what is claimed, against others in the same run, and says which claims hold.
#[derive(Debug, Parser)]
#[command(name = "report")]
struct Args {
    /// Within three minutes: for ratios, not for figures to quote
    #[arg(long)]
    quick: bool,
    /// Only the sections whose name begins with this; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// A recorded trace for the study of hit rates: Online Retail as CSV or big-endian u32 keys, plain or compressed by zstd
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Where to write report.md, report.json and the plots
    #[arg(long, value_name = "FOLDER", default_value = "target/report")]
    out: PathBuf,
}

fn main() -> ExitCode {
    // A child of this program measures its own memory.
    if let Some(code) = session_benches::footprint::serve() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
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

/// How many claims are missed.
fn run(args: &Args) -> Result<usize, Box<dyn std::error::Error>> {
    let effort = if args.quick { Effort::Quick } else { Effort::Full };
    let is_wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|only| name.starts_with(only.as_str()));
    if let Some(unknown) =
        args.only.iter().find(|only| !claims::ALL.iter().any(|(name, _)| name.starts_with(only.as_str())))
    {
        let names: Vec<_> = claims::ALL.iter().map(|(name, _)| *name).collect();
        return Err(format!("no section begins with `{unknown}`: there are {}", names.join(", ")).into());
    }
    let mut sections = Vec::new();
    for (name, measure) in claims::ALL.iter().filter(|(name, _)| is_wanted(name)) {
        eprintln!("measuring: {name}");
        sections.push(measure(effort, args.trace.as_deref())?);
    }
    // They come with that section's measurements.
    let constants = is_wanted("fan-out").then(|| claims::fan_out::constants(effort));
    let report = Report::new(effort, sections).with_constants(constants);
    print!("{}", report.table());
    for claim in report.claims().filter(|claim| !claim.holds()) {
        println!("MISS {}: {}", claim.id, claim.missed_because.unwrap_or("it was expected to hold"));
    }
    report.write(&args.out)?;
    println!(
        "{} of {} claims hold; {} has the rest",
        report.claims().count() - report.missed(),
        report.claims().count(),
        args.out.join("report.md").display()
    );
    Ok(report.missed())
}
