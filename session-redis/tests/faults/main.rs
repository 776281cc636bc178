//! Faults of one server, and of the connection to it. After each fault, no acknowledged update is lost beyond what the
//! server's settings allow, none is applied twice, nothing comes back, every record is complete, and the same store
//! continues without a restart.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod belongings;
mod rig;
mod writer;

mod announced;
mod answers;
mod cancelled;
mod denied;
mod doubt;
mod durability;
mod extremes;
mod flushed;
mod garbage;
mod golden;
mod half_open;
mod killed;
mod late;
mod left_ids;
mod loading;
mod lowered;
mod memory;
mod moved_on;
mod permissions;
mod readonly;
mod renewed;
mod restored;
mod scripts;
mod skew;
mod unlisted;
mod watching;
mod whole;
