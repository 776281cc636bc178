//! What grows is measured in a process of its own: in this one, memory that others have freed would be taken again.

use std::{
    env,
    process::{Command, ExitCode, Stdio},
};

use serde::{Deserialize, Serialize};

use super::{Grown, Shape, booked, copies, memory_store};

/// The first argument of such a process.
const FLAG: &str = "--footprint-of";

/// What is to be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Asked {
    /// The memory store, with so many sessions, and more, and more.
    Memory(Vec<usize>),
    /// A node's cache: sessions of this shape, and so many of them.
    Copies(Shape, usize),
    /// A node's cache that is too small: sessions of this shape, so many of them, and so many bytes for the cache.
    Booked(Shape, usize, u64),
}

/// Measures and prints, if this process was started for that. Every binary that measures footprints calls it before it
/// looks at its arguments, and ends if there is an exit code.
pub fn serve() -> Option<ExitCode> {
    let mut args = env::args().skip(1);
    let asked = args.next().filter(|arg| arg == FLAG).and_then(|_| args.next())?;
    let grown = match serde_json::from_str(&asked) {
        Ok(Asked::Memory(counts)) => memory_store(&counts),
        Ok(Asked::Copies(shape, count)) => vec![copies(shape, count)],
        Ok(Asked::Booked(shape, count, capacity)) => vec![booked(shape, count, capacity)],
        Err(error) => {
            eprintln!("error: {FLAG}: {error}");
            return Some(ExitCode::from(2));
        }
    };
    println!("{}", serde_json::to_string(&grown).expect("figures"));
    Some(ExitCode::SUCCESS)
}

/// Measures in a process of its own.
///
/// # Panics
/// If it fails, or this binary does not call [`serve`] first.
pub fn measured_apart(asked: Asked) -> Vec<Grown> {
    let asked = serde_json::to_string(&asked).expect("a request");
    let binary = env::current_exe().expect("this binary");
    let output = Command::new(binary).arg(FLAG).arg(asked).stderr(Stdio::inherit()).output().expect("started");
    assert!(output.status.success(), "a process that measures memory ended with {}", output.status);
    serde_json::from_slice(&output.stdout).expect("figures from a process that calls `footprint::serve` first")
}
