//! In progress.

mod case;
mod cases;
mod gone;
mod harness;
mod list;
mod model;
mod report;
mod runner;
mod tests_macro;
mod world;

pub use case::{Case, cases};
pub use harness::{Capability, Harness};
pub use report::{Report, Verdict};
#[doc(hidden)]
pub use runner::{must_have_pinned, must_pass};
pub use runner::{run_all, run_case};
