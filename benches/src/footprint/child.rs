//! Memory growth is measured in a process of its own, because this one would reuse memory that others have freed.

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

use serde::{Deserialize, Serialize};

use super::{Growth, Shape, copies, full_cache, memory_store};

/// The first argument of such a process.
const FLAG: &str = "--footprint-of";

/// The quantity to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ChildTask {
    /// The memory store with these numbers of sessions, one after the other.
    Memory(Vec<usize>),
    /// A node's cache with this many sessions of this shape.
    Copies(Shape, usize),
    /// A node's cache that is too small: sessions of this shape, their number, and the bytes of the cache.
    FullCache(Shape, usize, u64),
}

/// Measures and prints, if this process was started for that. Every binary that measures footprints calls it before it
/// reads its arguments, and exits if it returns an exit code.
pub fn serve() -> Option<ExitCode> {
    let mut args = env::args().skip(1);
    let asked = args.next().filter(|arg| arg == FLAG).and_then(|_| args.next())?;
    let growth = match serde_json::from_str(&asked) {
        Ok(ChildTask::Memory(counts)) => memory_store(&counts),
        Ok(ChildTask::Copies(shape, count)) => vec![copies(shape, count)],
        Ok(ChildTask::FullCache(shape, count, capacity)) => vec![full_cache(shape, count, capacity)],
        Err(error) => {
            eprintln!("error: {FLAG}: {error}");
            return Some(ExitCode::from(2));
        }
    };
    println!("{}", serde_json::to_string(&growth).expect("figures"));
    Some(ExitCode::SUCCESS)
}

/// Measures in a process of its own.
///
/// # Panics
/// If it fails, or this binary does not call [`serve`] first.
pub fn measure_in_child(asked: ChildTask) -> Vec<Growth> {
    let asked = serde_json::to_string(&asked).expect("a request");
    let binary = env::current_exe().expect("this binary");
    let output = Command::new(binary).arg(FLAG).arg(asked).stderr(Stdio::inherit()).output().expect("started");
    assert!(output.status.success(), "a process that measures memory ended with {}", output.status);
    serde_json::from_slice(&output.stdout).expect("figures from a process that calls `footprint::serve` first")
}
