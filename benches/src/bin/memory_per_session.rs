//! Measures how much memory a session takes in the memory store, and that time and memory grow in proportion to their
//! number: `memory_per_session [MILLIONS]...`, by default 1 2 4.

use std::{error::Error, fs, time::Instant};

use session_benches::{create, scalars};
use session_memory::MemoryStore;

/// What each session holds: three values of 16 bytes, as a user id, a token and a time would be.
const FIELDS: usize = 3;
const VALUE_BYTES: usize = 16;

#[expect(clippy::disallowed_methods, reason = "measures")]
fn main() -> Result<(), Box<dyn Error>> {
    let millions: Result<Vec<usize>, _> = std::env::args().skip(1).map(|arg| arg.parse()).collect();
    let millions = Some(millions?).filter(|it| !it.is_empty()).unwrap_or_else(|| vec![1, 2, 4]);
    println!("{:>12} {:>14} {:>14} {:>12}", "sessions", "bytes/session", "ns/create", "resident MB");
    let store = MemoryStore::new();
    let (mut stored, mut elapsed) = (0, std::time::Duration::ZERO);
    let before = resident_bytes()?;
    for millions in millions {
        let started = Instant::now();
        let missing = (millions * 1_000_000_usize).saturating_sub(stored);
        for _ in 0..missing {
            create(&store, scalars(FIELDS, VALUE_BYTES))?;
        }
        stored += missing;
        elapsed += started.elapsed();
        let taken = resident_bytes()? - before;
        let nanos = elapsed.as_nanos() / stored.max(1) as u128;
        println!("{stored:>12} {:>14} {nanos:>14} {:>12}", taken / stored.max(1), taken / 1_000_000);
    }
    Ok(())
}

/// The resident set of this process, from the kernel.
fn resident_bytes() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<usize>()? * 1_024)
}
