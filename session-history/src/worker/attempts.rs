//! A write that is sent again, with the same op id, as applications are told to.

use std::time::Duration;

use session_core::{Error, ErrorKind};

use crate::history::Outcome;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(20);

/// Sends a write up to `attempts` times, until it is settled. The attempt learns whether it is a retry.
///
/// After an attempt whose outcome is unknown, an answer without effect leaves the outcome unknown: that attempt may have
/// happened before the session ended, or may still be on its way.
pub(super) async fn settle<F>(attempts: u32, mut attempt: impl FnMut(bool) -> F) -> Outcome
where
    F: Future<Output = Result<Outcome, Error>>,
{
    let mut unknown: Option<String> = None;
    for number in 1.. {
        match attempt(unknown.is_some()).await {
            Ok(outcome) if outcome.is_without_effect() => {
                return unknown.map_or(outcome, |kind| Outcome::Unknown { kind });
            }
            Ok(outcome) => return outcome,
            Err(error) => {
                let kind = format!("{:?}", error.kind());
                if error.kind() == ErrorKind::OutcomeUnknown {
                    unknown = Some(kind.clone());
                }
                if number >= attempts || !error.is_retryable() {
                    return unknown.map_or(Outcome::Refused { kind }, |kind| Outcome::Unknown { kind });
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    // The numbers do not end.
    Outcome::Unknown { kind: String::new() }
}
