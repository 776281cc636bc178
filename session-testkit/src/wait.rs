//! Waiting for the state of other processes, which can only be polled.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// The time after which the kit gives up; generous, since it only guards against hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The same for a test's own wait, which may consist of several such steps: 60 s.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The polling interval: short enough not to slow down tests.
const TICK: Duration = Duration::from_millis(5);

/// Polls until there is an answer; returns `None` after [`LIMIT`], even if a single probe takes that long.
pub(crate) async fn first_answer<T, F: Future<Output = Option<T>>>(probe: impl FnMut() -> F) -> Option<T> {
    timeout(LIMIT, asked(probe)).await.ok()
}

async fn asked<T, F: Future<Output = Option<T>>>(mut probe: impl FnMut() -> F) -> T {
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        sleep(TICK).await;
    }
}

/// Waits for an expected event.
///
/// # Panics
/// With `what`, if it takes longer than [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("timed out waiting until {what}"))
}

/// Polls until there is an answer, for events that cannot be awaited.
///
/// # Panics
/// With `what`, if there is none within [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, probe: impl FnMut() -> F) -> T {
    within(what, asked(probe)).await
}
