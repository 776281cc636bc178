//! Possible and impossible losses when primaries die, are isolated, hand over, or give slots away.
//!
//! Each session has one writer, which keeps a [`ledger`] of its answers. The outcome of a write without an answer is
//! unknown until the store reports it. After a fault the state must be that of a history in which no update was applied
//! twice or in part. Only losses that the setting allows may have occurred, and each must be visible in the stamps. A
//! [`listener`] checks that the feed misses nothing without a gap. All clients live through the fault: none reconnects
//! by hand.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod answer_lost;
mod guarded;
mod isolated;
mod ledger;
mod left_ids;
mod listener;
mod load;
mod lost_nodes;
mod new_primary;
mod outlive;
mod paused;
mod reaper;
mod renamed;
mod replicas;
mod reshard;
mod slot_move;
mod tally;
mod topology;

use session_testkit::{until, within};
