//! Tests.
mod messages;
