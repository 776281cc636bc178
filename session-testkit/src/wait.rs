//! Waiting for other processes, whose events cannot be awaited.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take before the kit gives up; generous, since it only guards against hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// The same for what a test waits for, which may be several such things: 60 s.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks: short enough that nobody waits for the waiting.
const TICK: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer; nothing after [`LIMIT`], also if one question takes that long.
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

/// Waits for something that must come.
///
/// # Panics
/// With `what` if it does not come within [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain until {what}"))
}

/// Asks again and again until there is an answer: for what announces nothing.
///
/// # Panics
/// With `what` if there is none within [`PATIENCE`].
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, probe: impl FnMut() -> F) -> T {
    within(what, asked(probe)).await
}
