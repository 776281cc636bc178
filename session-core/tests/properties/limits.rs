//! Limits: an update that exceeds a limit is refused, and an update that shrinks a session never is.

use proptest::prelude::*;
use session_core::{ErrorKind, Limits};

use crate::{
    naive::{self, NaiveState, applied, count, delta},
    strategy::{naive_state, steps},
};

fn limits() -> impl Strategy<Value = Limits> {
    (0..14usize, 0..200usize, 0..1_000usize).prop_map(|(entries, value, session)| Limits {
        max_entries: entries,
        max_value_bytes: value,
        max_session_bytes: session,
    })
}

/// Whether an update between these two states, with this union, is refused.
fn refused(limits: &Limits, before: &NaiveState, after: &NaiveState, longest: usize) -> bool {
    let ((old_entries, old_bytes), (entries, bytes)) = (count(before), count(after));
    longest > limits.max_value_bytes
        || entries > limits.max_entries.max(old_entries)
        || bytes > limits.max_session_bytes.max(old_bytes)
}

proptest! {
    #[test]
    fn limits_refuse_exactly_the_updates_that_exceed_them(l in limits(), s in naive_state(), a in steps()) {
        let after = applied(&s, &a);
        let (a, state) = (delta(&a), naive::state(&s));
        let longest = a.insertions().map(|(_, value)| value.as_bytes().len()).max().unwrap_or(0);
        match l.admit(&state, &a) {
            Ok(()) => prop_assert!(!refused(&l, &s, &after, longest)),
            Err(error) => {
                prop_assert!(refused(&l, &s, &after, longest));
                prop_assert_eq!(error.kind(), ErrorKind::LimitExceeded);
                prop_assert_eq!(error.field().is_some(), longest > l.max_value_bytes);
            }
        }
    }
}
