//! Adds the backend and the operation to errors.

use session_core::Error;

/// The backend's name in errors and metrics.
pub(crate) const BACKEND: &str = "redis";

/// Adds the backend and the operation to an error. Called once for each operation, where its trait is implemented.
pub(crate) trait ErrorContext {
    fn during(self, operation: &'static str) -> Self;
}

impl<T> ErrorContext for Result<T, Error> {
    fn during(self, operation: &'static str) -> Self {
        self.map_err(|error| error.with_context(BACKEND, operation))
    }
}
