//! The data model: entries and states, deltas, records, stamps and deadlines.
//!
//! A session's [`State`] is a finite set of entries, and a [`Delta`] (U, D) changes it as S′ = (S − D) ∪ U. A
//! [`Record`] is one state of one session, with its [`Stamp`] and its [`Deadlines`]. These are plain values: nothing
//! here waits, locks or reads a clock. [`wire`] is their encoded form.

pub(crate) mod chunks;
pub(crate) mod deadline;
mod delta;
pub(crate) mod edit;
mod ended;
pub(crate) mod id;
pub(crate) mod key_text;
pub(crate) mod limits;
mod name;
pub(crate) mod principal;
mod record;
pub(crate) mod sorted;
pub(crate) mod stamp;
pub(crate) mod state;
mod value;
pub mod wire;

pub use crate::clock::Timestamp;
pub use deadline::Deadlines;
pub use delta::{Delta, Entry, Selector};
pub(crate) use edit::Edit;
pub use ended::{EndReason, Ended};
pub use id::IdDigest;
pub use name::{Field, Key};
pub use record::Record;
pub use stamp::{Incarnation, OpId, Stamp};
pub(crate) use state::Size;
pub use state::State;
pub use value::{Format, Value};
