//! Whether a primary that has refused writes for want of replicas is believed again.
//!
//! An isolated primary refuses writes once its replicas have been silent for `min-replicas-max-lag`. When the isolation
//! ends, acknowledgements that its former replicas sent before they left can still arrive. It counts them as present
//! until their connections end a moment later, and accepts writes meanwhile, although another primary has taken its
//! place long ago. So a primary that has refused is believed only when it has accepted writes for a while.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use redis::ServerError;
use tokio::time::Instant;

use super::Address;

/// For how long a primary must have accepted writes. The end of a connection follows its last bytes within a round trip.
const PROBATION: Duration = Duration::from_secs(1);
/// How often it is asked meanwhile.
pub(super) const PROBATION_CHECKS: Duration = Duration::from_millis(250);

/// Whether a primary has refused writes for want of replicas, and is not yet believed again.
#[derive(Default)]
pub(super) struct Suspicion {
    /// Whether there is a refusal: each read looks.
    is_raised: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
}

struct Refusal {
    by: Address,
    error: ServerError,
    accepted_since: Option<Instant>,
}

impl Suspicion {
    pub(super) fn is_raised(&self) -> bool {
        self.is_raised.load(Relaxed)
    }

    /// Records what a server answered, if it is a refusal for want of replicas. Returns whether the first one in a row.
    pub(super) fn raise(&self, by: &Address, error: &ServerError) -> bool {
        if error.code() != "NOREPLICAS" {
            return false;
        }
        let refusal = Refusal { by: by.clone(), error: error.clone(), accepted_since: None };
        let is_first = self.refusal.lock().replace(refusal).is_none();
        self.is_raised.store(true, Relaxed);
        is_first
    }

    /// Records that a server has accepted a write. Returns the refusal for which it is not believed yet.
    pub(super) fn accepted(&self, by: &Address) -> Option<ServerError> {
        if !self.is_raised() {
            return None;
        }
        let mut refusal = self.refusal.lock();
        let standing = refusal.as_mut().filter(|refusal| refusal.by == *by)?;
        standing.accepted_since.get_or_insert_with(Instant::now);
        Some(standing.error.clone())
    }

    /// Ends the suspicion if the server, which was checked just now, has accepted writes for long enough, or another one
    /// has taken its place.
    pub(super) fn settle(&self, server: &Address) {
        let mut refusal = self.refusal.lock();
        let is_standing = |standing: &mut Refusal| {
            let has_proved = standing.accepted_since.is_some_and(|since| since.elapsed() >= PROBATION);
            standing.by == *server && !has_proved
        };
        if refusal.as_mut().is_some_and(|refusal| !is_standing(refusal)) {
            *refusal = None;
            self.is_raised.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn refusal(line: &str) -> ServerError {
        match redis::parse_redis_value(format!("-{line}\r\n").as_bytes()) {
            Ok(redis::Value::ServerError(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_believed_once_it_has_accepted_for_a_while() {
        let (suspicion, here) = (Suspicion::default(), Address::tcp("host", 1));
        let lacking = refusal("NOREPLICAS Not enough good replicas to write.");
        assert!(!suspicion.raise(&here, &refusal("OOM command not allowed")));
        assert!(suspicion.accepted(&here).is_none(), "a full server is believed");

        assert!(suspicion.raise(&here, &lacking));
        assert!(!suspicion.raise(&here, &lacking), "the second in a row");
        advance(PROBATION * 10).await;
        suspicion.settle(&here);
        assert!(suspicion.accepted(&here).is_some(), "it has accepted nothing before");

        advance(PROBATION / 2).await;
        suspicion.settle(&here);
        assert!(suspicion.accepted(&here).is_some(), "not for long enough");
        assert!(!suspicion.raise(&here, &lacking));
        assert!(suspicion.accepted(&here).is_some());
        advance(PROBATION / 2).await;
        suspicion.settle(&here);
        assert!(suspicion.accepted(&here).is_some(), "it has refused in between");
        advance(PROBATION / 2).await;
        suspicion.settle(&here);
        assert!(suspicion.accepted(&here).is_none() && !suspicion.is_raised());
    }

    #[tokio::test(start_paused = true)]
    async fn another_server_is_not_suspected() {
        let (suspicion, old, new) = (Suspicion::default(), Address::tcp("host", 1), Address::tcp("host", 2));
        suspicion.raise(&old, &refusal("NOREPLICAS Not enough good replicas to write."));
        assert!(suspicion.accepted(&new).is_none());
        assert!(suspicion.is_raised(), "the old one may be asked again");
        suspicion.settle(&new);
        assert!(!suspicion.is_raised());
    }
}
