//! What this crate needs of the Tokio runtime of a call. Tokio panics where something of it is missing.

use std::panic::catch_unwind;

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::Failure;

/// Checks that a call on the runtime of the caller can have this deadline.
///
/// # Errors
/// [`Failure::Fatal`] if the caller is not on a Tokio runtime, or on one without timers.
pub(super) fn check_timers(deadline: Instant) -> Result<(), Failure> {
    if Handle::try_current().is_err() {
        return Err(no_runtime());
    }
    // Nothing but the panic tells that a runtime has no timers.
    catch_unwind(|| drop(sleep_until(deadline))).map_err(|_| incomplete_runtime())
}

/// Checks that connections can be opened on the runtime of the caller.
///
/// # Errors
/// [`Failure::Fatal`] if the caller is not on a Tokio runtime, or on one without timers or sockets.
pub(crate) fn check_runtime() -> Result<(), Failure> {
    check_timers(Instant::now())?;
    if has_sockets() { Ok(()) } else { Err(incomplete_runtime()) }
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
