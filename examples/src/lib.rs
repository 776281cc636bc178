//! A small program, in `examples/`:
//!
//! | example | shows |
//! |---|---|
//! | `custom_backend` | a backend in one file, tested by the conformance suite |
//!
//! The packages in the folders beside are programs of their own: `quickstart`, a session from sign-in to sign-out; `shop`, a
//! web application; `replay` and `capacity`, with options that `--help` lists.
