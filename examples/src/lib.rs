//! The examples of the session workspace are in `examples/`; this library is empty.
