//! Runs cases, each on a backend and a runtime of its own.

use std::{any::Any, io::Write as _, sync::Arc, time::Duration};

use session_core::store::SessionStore;

use crate::{Capability, Case, Harness, Report, Verdict, case::cases, world::World};

/// A case that takes longer hangs: a deadlock, or a feed that lost an item.
const HANGS: Duration = Duration::from_secs(60);

/// Runs every case that the backend has the capabilities for.
///
/// # Panics
/// If no runtime can be built.
pub fn run_all<H: Harness>(harness: H) -> Report {
    let harness = Arc::new(harness);
    let pins = (PINS.to_owned(), settle(check_pins(harness.clone())));
    let verdicts = cases().iter().map(|case| (case.to_string(), settle(run(harness.clone(), *case))));
    Report::new(std::iter::once(pins).chain(verdicts).collect())
}

/// Runs one case, named `topic::promise`, and tells what became of it.
///
/// # Panics
/// If there is no such case, or no runtime can be built.
pub fn run_case<H: Harness>(harness: H, name: &str) -> Verdict {
    let case = cases().iter().find(|case| name.split_once("::") == Some((case.topic, case.name)));
    let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
    settle(run(Arc::new(harness), *case))
}

/// For the tests that [`tests!`](crate::tests) emits.
#[doc(hidden)]
pub fn must_pass<H: Harness>(harness: H, name: &str) {
    match run_case(harness, name) {
        Verdict::Failed(why) => panic!("{name}: {why}"),
        // Past the capture of the test harness, so that a skip is seen in any case.
        Verdict::Skipped(capability) => drop(writeln!(std::io::stderr(), "skipped {name}: no {capability}")),
        Verdict::Passed => {}
    }
}

/// The name of the case that compares the capabilities with the pinned ones.
const PINS: &str = "capabilities_are_the_pinned_ones";

/// For the test of the pinned capabilities that [`tests!`](crate::tests) emits.
#[doc(hidden)]
pub fn must_have_pinned<H: Harness>(harness: H) {
    if let Verdict::Failed(why) = settle(check_pins(Arc::new(harness))) {
        panic!("{why}");
    }
}

async fn check_pins<H: Harness>(harness: Arc<H>) -> Verdict {
    let backend = harness.start().await;
    let store = harness.node(&backend).await;
    for capability in Capability::ALL {
        let pinned = harness.absent().contains(&capability);
        match capability.is_in(harness.as_ref(), store.as_ref()) {
            true if pinned => return Verdict::Failed(format!("`absent` names {capability}, but the backend has it")),
            false if !pinned => {
                return Verdict::Failed(format!("the backend has no {capability}, and `absent` does not name it"));
            }
            _ => {}
        }
    }
    Verdict::Passed
}

async fn run<H: Harness>(harness: Arc<H>, case: Case) -> Verdict {
    let backend = harness.start().await;
    let one = harness.node(&backend).await;
    if let Some(missing) = case.needs.iter().find(|need| !need.is_in(harness.as_ref(), one.as_ref())) {
        return Verdict::Skipped(*missing);
    }
    let two: Arc<dyn SessionStore> = harness.node(&backend).await;
    let world = World::new([one, two], harness, backend);
    (case.run)(&world).await;
    Verdict::Passed
}

/// Runs to the end, on a runtime of its own, and turns a panic into a verdict.
fn settle(case: impl Future<Output = Verdict> + Send + 'static) -> Verdict {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime: {error}"));
    let verdict = runtime.block_on(async {
        match tokio::time::timeout(HANGS, tokio::spawn(case)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(failed)) => Verdict::Failed(failed.try_into_panic().map_or("cancelled".to_owned(), message)),
            Err(_) => Verdict::Failed(format!("did not end within {} s", HANGS.as_secs())),
        }
    });
    runtime.shutdown_background();
    verdict
}

fn message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast::<&str>().map_or("panicked".to_owned(), |message| (*message).to_owned()),
    }
}
