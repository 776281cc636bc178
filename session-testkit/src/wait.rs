//! Waiting for other processes, whose events cannot be awaited.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take before the kit gives up; generous, since it only guards against hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks: short enough that nobody waits for the waiting.
const TICK: Duration = Duration::from_millis(5);

/// Asks again and again until there is an answer; nothing after [`LIMIT`], also if one question takes that long.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut probe: impl FnMut() -> F) -> Option<T> {
    let answer = async {
        loop {
            if let Some(answer) = probe().await {
                return answer;
            }
            sleep(TICK).await;
        }
    };
    timeout(LIMIT, answer).await.ok()
}
