//! What this crate needs of the Tokio runtime of a call. Tokio panics where something of it is missing.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::{
    runtime::Handle,
    time::{Instant, Timeout, sleep, timeout_at},
};

use super::Failure;

/// A limit on the time of a request.
///
/// # Errors
/// [`Failure::Fatal`] if the call is not on a Tokio runtime, or on one without timers.
pub(super) fn try_timeout_at<F: Future>(deadline: Instant, request: F) -> Result<Timeout<F>, Failure> {
    if Handle::try_current().is_err() {
        return Err(no_runtime());
    }
    // Nothing but the panic tells that a runtime has no timers.
    catch_unwind(AssertUnwindSafe(|| timeout_at(deadline, request))).map_err(|_| incomplete_runtime())
}

/// Checks that connections can be opened on the runtime of this call.
///
/// # Errors
/// [`Failure::Fatal`] if the call is not on a Tokio runtime, or on one without timers or sockets.
pub(crate) fn check_runtime() -> Result<(), Failure> {
    if Handle::try_current().is_err() {
        return Err(no_runtime());
    }
    let has_timers = || catch_unwind(|| drop(sleep(std::time::Duration::ZERO))).is_ok();
    if has_timers() && has_sockets() { Ok(()) } else { Err(incomplete_runtime()) }
}

/// A pair of sockets costs no port. If the process has no file descriptors left, that is not the runtime's fault.
#[cfg(unix)]
fn has_sockets() -> bool {
    catch_unwind(|| drop(tokio::net::UnixStream::pair())).is_ok()
}

#[cfg(not(unix))]
fn has_sockets() -> bool {
    true
}

fn no_runtime() -> Failure {
    Failure::fatal(
        "calls need a Tokio runtime for the connections to the servers, and this one was made outside of one",
    )
}

fn incomplete_runtime() -> Failure {
    Failure::fatal(
        "calls need a Tokio runtime with timers and sockets; build it with `enable_all` (`enable_io` and `enable_time`)",
    )
}
