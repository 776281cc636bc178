//! Small programs that use sessions, in `examples/`:
//!
//! | example | shows |
//! |---|---|
//! | `quickstart` | a session from sign-in to sign-out |
//! | `custom_backend` | a backend in one file, tested by the conformance suite |
//!
//! The packages `replay` and `capacity`, in the folders beside, are larger programs with options of their own.
