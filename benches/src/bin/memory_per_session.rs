//! Measures the memory of a session in the memory store, and shows that time and memory grow in proportion to the
//! number of sessions: `memory_per_session [MILLIONS]...`, by default 1 2 4.

use std::process::ExitCode;

use session_benches::footprint::{memory_store, serve};

fn main() -> ExitCode {
    if let Some(code) = serve() {
        return code;
    }
    let millions: Result<Vec<usize>, _> = std::env::args().skip(1).map(|arg| arg.parse()).collect();
    let millions = match millions {
        Ok(millions) if millions.is_empty() => vec![1, 2, 4],
        Ok(millions) => millions,
        Err(error) => {
            eprintln!("error: not a number of millions: {error}");
            return ExitCode::from(2);
        }
    };
    println!("{:>12} {:>14} {:>14} {:>12}", "sessions", "bytes/session", "ns/create *", "resident MB");
    let counts: Vec<usize> = millions.iter().map(|millions| millions.saturating_mul(1_000_000)).collect();
    for growth in memory_store(&counts) {
        let (bytes, nanos) = (growth.bytes_each(), growth.nanos_each());
        println!("{:>12} {bytes:>14.0} {nanos:>14.0} {:>12.0}", growth.sessions, growth.bytes / 1e6);
    }
    println!("* the mean of the sessions added in this line");
    ExitCode::SUCCESS
}
