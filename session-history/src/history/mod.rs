//! The history of a run: what was asked of which process, when, and what it answered.
//!
//! A history is a file of JSON lines. Its first line is the [`Setup`]; every other line is an [`Event`]. All times are
//! microseconds on the one monotonic clock of the harness, and the lines are in the order of their times.

mod event;
mod op;
mod outcome;
mod reader;
mod recorder;

pub use event::{Counters, Event, Fault, Setup};
pub use op::{Invocation, Level, Op, Process, RotationKind, SeenStamp};
pub use outcome::{Outcome, State};
pub use reader::{Call, History, read};
pub use recorder::Recorder;

/// Microseconds since the start of the run.
pub type Micros = u64;
