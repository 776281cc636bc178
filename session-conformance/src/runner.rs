//! Runs cases, each on its own backend and runtime.

use std::{any::Any, io::Write as _, sync::Arc, time::Duration};

use session_core::store::SessionStore;

use crate::{Capability, Case, Harness, Report, Verdict, case::cases, world::World};

/// A case that takes longer is taken to hang: a deadlock, or a feed that lost an item.
const CASE_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs every case that the backend has the capabilities for.
///
/// # Panics
/// If no runtime can be built.
pub fn run_all<H: Harness>(harness: H) -> Report {
    let harness = Arc::new(harness);
    let declared = (DECLARED.to_owned(), run_to_end(check_declared(harness.clone())));
    let verdicts = cases().iter().map(|case| (case.to_string(), run_to_end(run(harness.clone(), *case))));
    Report::new(std::iter::once(declared).chain(verdicts).collect())
}

/// Runs one case, named `topic::promise`, and returns its result.
///
/// # Panics
/// If there is no such case, or no runtime can be built.
pub fn run_case<H: Harness>(harness: H, name: &str) -> Verdict {
    let case = cases().iter().find(|case| name.split_once("::") == Some((case.topic, case.name)));
    let case = case.unwrap_or_else(|| panic!("there is no case {name}"));
    run_to_end(run(Arc::new(harness), *case))
}

/// Used by the tests that [`tests!`](crate::tests) emits.
#[doc(hidden)]
pub fn must_pass<H: Harness>(harness: H, name: &str) {
    match run_case(harness, name) {
        Verdict::Failed(why) => panic!("{name}: {why}"),
        // Writes to stderr itself, because the test harness would capture `eprintln!` and hide the skip.
        Verdict::Skipped(capability) => drop(writeln!(std::io::stderr(), "skipped {name}: no {capability}")),
        Verdict::Passed => {}
    }
}

/// The name of the case that compares the capabilities with the declared ones.
const DECLARED: &str = "capabilities_are_as_declared";

/// Used by the test of the declared capabilities that [`tests!`](crate::tests) emits.
#[doc(hidden)]
pub fn must_have_declared<H: Harness>(harness: H) {
    if let Verdict::Failed(why) = run_to_end(check_declared(Arc::new(harness))) {
        panic!("{why}");
    }
}

async fn check_declared<H: Harness>(harness: Arc<H>) -> Verdict {
    let backend = harness.start().await;
    let store = harness.node(&backend).await;
    for capability in Capability::ALL {
        let declared = harness.absent().contains(&capability);
        match capability.is_in(harness.as_ref(), store.as_ref()) {
            true if declared => {
                return Verdict::Failed(format!("the backend has the capability {capability}, which `absent` names"));
            }
            false if !declared => {
                return Verdict::Failed(format!(
                    "the backend lacks the capability {capability}, which `absent` does not name"
                ));
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

/// Runs a case to its end on its own runtime, and turns a panic into a verdict.
fn run_to_end(case: impl Future<Output = Verdict> + Send + 'static) -> Verdict {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("cannot build a runtime: {error}"));
    let verdict = runtime.block_on(async {
        match tokio::time::timeout(CASE_TIMEOUT, tokio::spawn(case)).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(failed)) => Verdict::Failed(failed.try_into_panic().map_or("cancelled".to_owned(), message)),
            Err(_) => Verdict::Failed(format!("the case did not end within {} s", CASE_TIMEOUT.as_secs())),
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
