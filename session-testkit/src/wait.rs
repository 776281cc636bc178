//! Waiting for other processes, whose events cannot be awaited.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long anything may take before the kit gives up; generous, since it only guards against hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks: short enough that nobody waits for the waiting.
const TICK: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer; nothing after [`LIMIT`].
pub(crate) async fn until<T>(mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + LIMIT;
    loop {
        if let Some(answer) = probe().await {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        sleep(TICK).await;
    }
}
