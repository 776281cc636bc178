//! Is my session backend right? This crate tells: it checks every promise of
//! [`SessionStore`](session_core::store::SessionStore#contract) on a running backend, one named case per promise.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//!
//! use session_conformance::{Harness, run_all};
//! use session_core::{ManualClock, store::SessionStore};
//! use session_memory::MemoryStore;
//!
//! struct Mine;
//!
//! impl Harness for Mine {
//!     type Backend = (MemoryStore, ManualClock);
//!
//!     async fn start(&self) -> Self::Backend {
//!         let clock = ManualClock::new();
//!         (MemoryStore::builder().clock(clock.clone()).build().expect("valid settings"), clock)
//!     }
//!
//!     async fn node(&self, (store, _): &Self::Backend) -> Arc<dyn SessionStore> {
//!         Arc::new(store.node())
//!     }
//!
//!     async fn elapse(&self, (_, clock): &Self::Backend, time: Duration) {
//!         clock.advance(time);
//!     }
//! }
//!
//! let report = run_all(Mine);
//! assert!(report.is_success(), "{report}");
//! ```
//!
//! In a test file, replace the last two lines by `session_conformance::tests!(Mine);`: it emits one `#[test]` per
//! case, so that `cargo test` says `rotation::privilege_supersedes_the_old_id ... ok`.
//!
//! # Adding a backend
//!
//! 1. Implement [`SessionStore`](session_core::store::SessionStore). If it keeps its sessions in its own process, behind
//!    a lock, implement [`Slots`](session_core::store::machine::Slots) and let the
//!    [reference machine](session_core::store::machine) do the work; the example `custom_backend` is a whole backend of that
//!    kind in one file. Otherwise do the same in the language of your server.
//! 2. Write the harness above. [`start`](Harness::start) gives a *fresh* backend, or a fresh name space on a shared
//!    server; what it returns lives as long as the case, so its `Drop` is the place to clean up. It panics when the
//!    backend cannot be reached: a suite that passes without a server proves nothing.
//! 3. Run `tests!`. Make one case pass after the other; `lifecycle` and `algebra` come first.
//! 4. Add capabilities. A case whose capability your store lacks is printed as skipped, and you pin what you expect
//!    to be skipped in [`Harness::absent`]: a capability that appears or goes missing fails
//!    `capabilities_are_the_pinned_ones`.
//!
//! # Time
//!
//! Cases never sleep. They let time pass through [`Harness::elapse`], a few [ticks](Harness::tick) at a time: a
//! backend on a simulated clock advances it, one on a real clock really waits, and chooses ticks that are short but
//! long against one call. Tombstones must stand at least 100 ticks; that they end is checked if
//! [`tombstone`](Harness::tombstone) tells when.
//!
//! # Size
//!
//! The cases go to the limits that [`limits`](session_core::store::SessionStore::limits) states, whatever they are. Start
//! the backend with low ones (2,000 entries, values of 4 KiB, sessions of 64 KiB) and the suite is faster; a session
//! must be able to hold `max_entries` entries of ten bytes, and values as long as a tenth of its bytes.
//!
//! # What it checks
//!
//! | topic | promises |
//! |---|---|
//! | `lifecycle` | create, load, destroy; stamps, versions, tombstones with reason and age |
//! | `preconditions` | compare-and-set on stamps and on single entries |
//! | `algebra` | S′ = (S − D) ∪ U and its laws, beside a plain model |
//! | `exactly_once` | repeats, retries with other writers between, the memory of 16 updates |
//! | `expiry` | idle and absolute deadlines, touches, boundaries, the shortest and the longest |
//! | `concurrency` | two requests, many writers, storms of compare-and-set, one-time tokens |
//! | `destroy_wins` | nothing brings a destroyed session back |
//! | `rotation`, `rotation_race` | both kinds, forwards, graces, racing rotations and updates |
//! | `index`, `revocation` | sessions of a principal, caps, revocations that race sign-ins and rotations |
//! | `lock` | leases and fencing tokens |
//! | `feed` | every change once, in order, with chained stamps; barriers |
//! | `cancellation` | each operation dropped at each of its awaits |
//! | `input`, `limits` | odd names, every byte, 10,000 entries; what is too large is refused whole |
//! | `nodes` | two handles on one backend |
//!
//! That the suite itself can fail is checked too: its tests hold 46 stores that are broken on purpose, each by one
//! mechanism (an update that creates, a forward without end, a blob that is written back whole …), and each must be
//! caught by the cases that ought to.
//!
//! It runs on a tokio runtime of its own and assumes nothing of the backend's: a store that needs tokio finds it.
#![cfg_attr(docsrs, feature(doc_cfg))]

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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
