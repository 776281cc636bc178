//! A conformance suite for session backends. It checks every promise of
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
//! In a test file, replace the last two lines by `session_conformance::tests!(Mine);`. It emits one `#[test]` per
//! case, so `cargo test` prints `rotation::a_privilege_rotation_supersedes_the_old_id ... ok`.
//!
//! # Adding a backend
//!
//! 1. Implement [`SessionStore`](session_core::store::SessionStore). If your backend keeps its sessions in its own
//!    process, behind a lock, implement `Slots` of `session_core::store::machine` (feature `machine`) and let the machine
//!    do the work; the example `custom_backend` is a complete backend of that kind in one file. Otherwise implement the
//!    same steps in the language of your server.
//! 2. Write the harness above. [`start`](Harness::start) returns a *fresh* backend, or a fresh name space on a shared
//!    server. It lives as long as the case, so its `Drop` is the place to clean up. `start` panics when the backend
//!    cannot be reached: a suite that passes without a server proves nothing.
//! 3. Run `tests!`, and make one case pass after the other, beginning with `lifecycle` and `algebra`.
//! 4. Add capabilities. A case is printed as skipped if your store does not have its capability. Declare the missing
//!    capabilities in [`Harness::absent`]: if a capability appears or disappears, `capabilities_are_as_declared` fails.
//!
//! # Time
//!
//! Cases never sleep. They let time pass through [`Harness::elapse`], a few [ticks](Harness::tick) at a time. A
//! backend with a simulated clock advances it. A backend with a real clock waits; choose ticks that are short, but long
//! against one call. Tombstones must last at least 100 ticks. The suite checks that they end if
//! [`tombstone`](Harness::tombstone) states when.
//!
//! # Size
//!
//! The cases go to the limits that [`limits`](session_core::store::SessionStore::limits) returns, whatever they are. The
//! suite is faster with low limits (2,000 entries, values of 4 KiB, sessions of 64 KiB). A session must be able to hold
//! `max_entries` entries of ten bytes, and values as long as a tenth of its bytes.
//!
//! # What it checks
//!
//! | topic | promises |
//! |---|---|
//! | `lifecycle` | create, load, destroy; stamps, versions, tombstones with reason and age |
//! | `preconditions` | compare-and-set on stamps and on single entries |
//! | `algebra` | S′ = (S − D) ∪ U and its laws, compared with a plain model |
//! | `exactly_once` | repeats, retries after other writers, the 16 remembered updates |
//! | `expiry` | idle and absolute deadlines, touches, boundaries, the shortest and the longest lifetime |
//! | `concurrency` | two requests, many writers, concurrent compare-and-sets, one-time tokens |
//! | `destroy_wins` | nothing recreates a destroyed session |
//! | `rotation`, `rotation_race` | both kinds, forwards, racing rotations and updates |
//! | `renewal` | lost responses, confirmation by use, graces, renewals of renewals |
//! | `sign_in` | forms that are sent twice, ended and unknown ids, other principals, notes |
//! | `index`, `revocation`, `many_sessions` | sessions of a principal, few or many; caps; revocations that race sign-ins and rotations |
//! | `lock` | leases and fencing tokens |
//! | `feed` | every change once, in order, with chained stamps; barriers; a gap where changes are missing |
//! | `watching` | a watch ends with its session, on any node, and with no other |
//! | `cancellation` | each operation dropped at each of its awaits |
//! | `input`, `limits` | unusual names, every byte, 10,000 entries; anything too large is refused whole |
//! | `nodes` | two handles on one backend |
//!
//! The suite itself is tested too: its tests contain 81 deliberately broken stores, each with one fault (an update that
//! creates, a forward that never ends, a blob that is written back whole …). The matching cases must catch each of them.
//!
//! Each case runs on its own tokio runtime. The suite assumes nothing about the runtime of the backend; a store that
//! needs tokio finds it.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod case;
mod cases;
mod gone;
mod harness;
mod list;
mod model;
mod must;
mod report;
mod runner;
mod tests_macro;
mod world;

pub use case::{Case, cases};
pub use harness::{Capability, Harness};
pub use report::{Report, Verdict};
#[doc(hidden)]
pub use runner::{must_have_declared, must_pass};
pub use runner::{run_all, run_case};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
