//! Turning answers into values, or failing the case.

use session_core::Error;

/// Unwraps a success, or fails the case.
pub(crate) trait Must<T> {
    fn must(self) -> T;
}

impl<T> Must<T> for Result<T, Error> {
    #[track_caller]
    fn must(self) -> T {
        self.unwrap_or_else(|error| panic!("unexpected error: {error}"))
    }
}

/// Fails the case unless the answer matches the pattern. Returns the pattern's bindings.
macro_rules! must_be {
    ($answer:expr, $($form:pat_param)|+ => $bound:expr) => {
        match $answer {
            $($form)|+ => $bound,
            other => panic!("expected {}, got {other:?}", stringify!($($form)|+)),
        }
    };
    ($answer:expr, $($form:pat_param)|+) => { crate::must::must_be!($answer, $($form)|+ => ()) };
}
pub(crate) use must_be;
